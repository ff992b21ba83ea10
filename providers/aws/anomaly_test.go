package aws_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
)

// TestMitigationOfAnomaliesComesAndGoes: with the algorithm that it takes, in one call each way.
func TestMitigationOfAnomaliesComesAndGoes(t *testing.T) {
	const algorithm, mitigation = "load_balancing.algorithm.type", "load_balancing.algorithm.anomaly_mitigation"
	with := func(attributes map[string]string) func(*provider.TargetGroup) {
		return func(g *provider.TargetGroup) { g.Attributes = attributes }
	}
	a := openAccount(t, nil)
	converge(t, a.provider, edit(apiID, with(map[string]string{algorithm: "round_robin"})))
	for _, attributes := range []map[string]string{
		{algorithm: "weighted_random", mitigation: "on"},
		{algorithm: "round_robin"},
		{algorithm: "weighted_random", mitigation: "on"},
		{algorithm: "least_outstanding_requests"},
	} {
		before := len(a.Calls(t))
		converge(t, a.provider, edit(apiID, with(attributes)))
		mutating, _ := a.calls(t, before)
		if diff := cmp.Diff([]string{"ModifyTargetGroupAttributes"}, mutating); diff != "" {
			t.Errorf("calls for %v (-want +got):\n%s", attributes, diff)
		}
	}
}
