package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWaitingAgainIsNoTransition(t *testing.T) {
	early, late := metav1.NewTime(time.Unix(100, 0)), metav1.NewTime(time.Unix(200, 0))
	first := WaitingGateway(nil, early)
	if diff := cmp.Diff(first, WaitingGateway(first.Conditions, late)); diff != "" {
		t.Errorf("a Gateway that waits already (-want +got):\n%s", diff)
	}
	served := []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionTrue, LastTransitionTime: early}}
	for _, c := range WaitingGateway(served, late).Conditions {
		if !c.LastTransitionTime.Equal(&late) {
			t.Errorf("condition %s is so since %v, want %v", c.Type, c.LastTransitionTime, late)
		}
	}
}
