package fake_test

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// TestLaws runs the laws over HTTP against the fake cloud itself. The costs count a read for each delete, which asks whether the
// resource is gone.
func TestLaws(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Open:    func(t *testing.T) providertest.Account { return openAccount(t) },
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
	})
}
