package aws_test

import (
	"testing"

	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// TestLaws runs the laws through the SDK, over HTTP, against the fake AWS. The corpus asks for much that no load balancer in AWS can do:
// that is refused, and what is left has to obey.
func TestLaws(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Open:    func(t *testing.T) providertest.Account { return openAccount(t, roomy) },
		Effects: []string{"error", "drop-reply", "unavailable", "throttle"},
		Costs: map[string]providertest.Cost{
			"no change":                {},
			"add a route":              {Mutating: 1},
			"remove a route":           {Mutating: 1},
			"change weights":           {Mutating: 1},
			"add a header":             {Mutating: 1},
			"endpoints change":         {Mutating: 2},
			"an endpoint drains":       {Mutating: 1},
			"a route to a new backend": {Mutating: 3, Reads: 1}, // whose the target group is, where there was one of that name
			"add a listener":           {Mutating: 3, Reads: 1}, // its port in the security group, whose rules are read
			"rotate a certificate":     {Mutating: 3, Reads: 2}, // whether it was imported before
			"delete the Gateway":       {Mutating: 4},
		},
	})
}

// roomy raises the quota that the corpus' crowd of targets goes over.
func roomy(c *fakeaws.Config) {
	c.Quotas = map[string]int{"targets-per-application-load-balancer": 3000}
}
