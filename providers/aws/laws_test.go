package aws_test

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// TestLaws runs the laws through the SDK, over HTTP, against the fake AWS. The corpus asks for much that no load balancer in AWS can do:
// that is refused, and what is left has to obey.
func TestLaws(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Open:    func(t *testing.T) providertest.Account { return openAccount(t, nil) },
		Effects: []string{"error", "drop-reply", "unavailable", "throttle"},
		Stride:  faultStride,
		Costs: map[string]providertest.Cost{
			"no change":                {},
			"add a route":              {Mutating: 1},
			"remove a route":           {Mutating: 1},
			"change weights":           {Mutating: 1},
			"add a header":             {Mutating: 1},
			"endpoints change":         {Mutating: 2},
			"an endpoint drains":       {Mutating: 1},
			"a route to a new backend": {Mutating: 3, Reads: 1}, // whose the target group is, where there was one of that name
			"add a listener":           {Mutating: 4, Reads: 1}, // its port in the security group, whose rules are read, and that Host stays as it is at such a port
			"rotate a certificate":     {Mutating: 3, Reads: 2}, // whether it was imported before
			"delete the Gateway":       {Mutating: 4},
		},
		More: stories(t),
	})
}

// unlike are the stories that no account can have as they are told.
var unlike = map[string]string{
	"endpoints": "an endpoint has an IPv6 address that is in no VPC",
	"https":     "ACM takes no certificate that has expired",
	"networks":  "its nodes are no instances of the account",
}

// stories are the golden stories of package translate, but for those and the ones whose settings name what only an account of their own has.
func stories(t *testing.T) []providertest.Case {
	t.Helper()
	told, err := translatetest.Stories(translatetest.StoriesDir)
	if err != nil {
		t.Fatal(err)
	}
	var cases []providertest.Case
	for _, story := range told {
		if want, _ := translate.Translate(story.Snapshot); want != nil && len(want.Settings) == 0 && unlike[story.Name] == "" {
			cases = append(cases, providertest.Case{Name: story.Name, Want: want})
		}
	}
	return cases
}
