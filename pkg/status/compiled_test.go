package status_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// What is said of a Service stands at each rule that sends requests to it, once, and costs none of them.
func TestWhatIsSaidOfAService(t *testing.T) {
	rule := func(n int) ir.Source { return ir.Source{Kind: "HTTPRoute", Namespace: "shop", Name: "web", Rule: n} }
	service := func(name string) ir.Source {
		return ir.Source{Kind: "Service", Namespace: "shop", Name: name, Section: "http"}
	}
	to := func(pool string) ir.Action { return &ir.Forward{Backends: []ir.Backend{{Weight: 1, Pool: pool}}} }
	wanted := &ir.LoadBalancer{
		Listeners: []ir.Listener{{Servers: []ir.Server{{Rules: []ir.Rule{
			{Source: rule(0), Action: to("app")}, {Source: rule(0), Action: to("app")},
			{Source: rule(1), Action: &ir.Respond{Status: 500}},
			{Source: rule(2), Action: &ir.Forward{Backends: []ir.Backend{{Weight: 1, Pool: "other"}}, Mirrors: []ir.Mirror{{Pool: "app"}}}},
			{Source: rule(3), Action: to("other")},
		}}}}},
		Pools: []ir.Pool{{Name: "app", Source: service("app")}, {Name: "other", Source: service("other")}},
	}
	compiled := cloud.Compiled{
		Refused: []cloud.Refusal{
			{Source: rule(1), Kind: cloud.Unsupported, Text: "it cannot"},
			{Source: service("app"), Kind: cloud.Quota, Text: "it has 1001 endpoints, and 1000 is the limit"},
		},
		Differences: []cloud.Difference{{Source: service("other"), Text: "it is slow"}, {Source: rule(3), Text: "it is late"}},
	}
	refused := status.Refusals(wanted, compiled)
	if len(refused) != 1 || refused[0].Source != rule(1) || !refused[0].Refused || refused[0].Err.Kind != cloud.Unsupported {
		t.Errorf("refused are %+v, want rule 1 alone", refused)
	}
	const text = "of Service shop/app, it has 1001 endpoints, and 1000 is the limit"
	want := []cloud.Difference{
		{Source: rule(2), Text: "it is slow"}, {Source: rule(3), Text: "it is slow"}, {Source: rule(3), Text: "it is late"},
		{Source: rule(0), Text: text}, {Source: rule(2), Text: text},
	}
	if diff := cmp.Diff(want, status.Differences(wanted, compiled)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}
