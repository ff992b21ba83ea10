package reconciler

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// TestBehind: a step that comes behind another begins when that has ended, well or not; while that failed in a way that passes, who is patient
// leaves it to a later run.
func TestBehind(t *testing.T) {
	tests := []struct {
		reason    string
		err       *cloud.Error
		patient   bool
		performed bool
	}{
		{"the other succeeds", nil, true, true},
		{"the other is rejected", &cloud.Error{Kind: cloud.Invalid, Op: "CreateRule"}, true, true},
		{"the other fails in a way that passes", &cloud.Error{Kind: cloud.Unavailable, Op: "CreateRule"}, true, false},
		{"the other fails so again and again", &cloud.Error{Kind: cloud.Unavailable, Op: "CreateRule"}, false, true},
	}
	for _, tc := range tests {
		t.Run(tc.reason, func(t *testing.T) {
			ended := make(chan struct{})
			x := newExecutor(t, 4, func(s plan.Step) (graph.Node, error) {
				if s.ID().Name == "rule" {
					close(ended)
					if tc.err != nil {
						return graph.Node{}, tc.err
					}
					return graph.Node{External: "id"}, nil
				}
				select {
				case <-ended:
				default:
					t.Error("the listener did not wait for the rule")
				}
				return graph.Node{External: "id"}, nil
			})
			listener := create("listener")
			listener.Behind = []int{0}
			got := x.run(t.Context(), job{
				plan: plan.Plan{Steps: []plan.Step{create("rule"), listener}}, got: graph.Graph{}, hold: never, patient: tc.patient,
			})
			if performed := names(got.done)["listener"]; performed != tc.performed {
				t.Errorf("want the listener performed: %v, got %v", tc.performed, performed)
			}
		})
	}
}
