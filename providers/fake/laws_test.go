package fake_test

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// TestLaws runs the laws over HTTP against the fake cloud itself. The costs count a read for each delete, which asks whether the
// resource is gone.
func TestLaws(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Open:    func(t *testing.T) providertest.Account { return openAccount(t, world.Instant) },
		Effects: []string{"error", "drop-reply", "unavailable", "throttle"},
		Costs: map[string]providertest.Cost{
			"no change":                {},
			"add a route":              {Mutating: 1},
			"remove a route":           {Mutating: 1, Reads: 1},
			"change weights":           {Mutating: 1},
			"add a header":             {Mutating: 1},
			"endpoints change":         {Mutating: 1},
			"an endpoint drains":       {Mutating: 1},
			"a route to a new backend": {Mutating: 2},
			"add a listener":           {Mutating: 2},
			"rotate a certificate":     {Mutating: 3, Reads: 1},
			"delete the Gateway":       {Mutating: 3, Reads: 3},
		},
		More: stories(t),
	})
}

// stories are the golden stories of package translate, but for those that ask for addresses, which are not this cloud's.
func stories(t *testing.T) []providertest.Case {
	t.Helper()
	told, err := translatetest.Stories(translatetest.StoriesDir)
	if err != nil {
		t.Fatal(err)
	}
	var cases []providertest.Case
	for _, story := range told {
		if story.Snapshot.ControllerName != translatetest.ControllerName {
			continue // it has what another cloud's settings allow
		}
		if want, _ := translate.Translate(story.Snapshot); want != nil && len(want.Addresses) == 0 {
			cases = append(cases, providertest.Case{Name: story.Name, Want: want})
		}
	}
	return cases
}
