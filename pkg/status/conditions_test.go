package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	before = metav1.NewTime(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	now    = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
)

func condition(kind string, status metav1.ConditionStatus, generation int64, at metav1.Time, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: "R", Message: message, ObservedGeneration: generation, LastTransitionTime: at}
}

func TestSetCondition(t *testing.T) {
	for _, test := range []struct {
		name   string
		have   []metav1.Condition
		status metav1.ConditionStatus
		want   []metav1.Condition
		reason string
	}{
		{"new", nil, "True", []metav1.Condition{condition("A", "True", 2, now, "m")}, "there was none"},
		{"same status", []metav1.Condition{condition("A", "True", 1, before, "old")}, "True", []metav1.Condition{condition("A", "True", 2, before, "m")}, "the time of transition stays"},
		{"other status", []metav1.Condition{condition("A", "False", 1, before, "old")}, "True", []metav1.Condition{condition("A", "True", 2, now, "m")}, "that is a transition"},
		{"without time", []metav1.Condition{condition("A", "True", 1, metav1.Time{}, "old")}, "True", []metav1.Condition{condition("A", "True", 2, now, "m")}, "a condition has to have one"},
		{"later generation", []metav1.Condition{condition("A", "False", 3, before, "newer")}, "True", []metav1.Condition{condition("A", "False", 3, before, "newer")}, "our object is the stale one"},
		{"foreign", []metav1.Condition{condition("F", "True", 9, before, "f"), condition("A", "True", 1, before, "old"), condition("G", "True", 1, before, "g")}, "True",
			[]metav1.Condition{condition("F", "True", 9, before, "f"), condition("A", "True", 2, before, "m"), condition("G", "True", 1, before, "g")}, "others stay as and where they are"},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := append([]metav1.Condition(nil), test.have...)
			c := newConditions(have, 2, now)
			c.set("A", test.status, "R", "m")
			if diff := cmp.Diff(test.want, c.list); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.have, have); len(have) > 0 && diff != "" {
				t.Errorf("the object's own conditions were written to:\n%s", diff)
			}
		})
	}
}

func TestDropCondition(t *testing.T) {
	c := newConditions([]metav1.Condition{condition("A", "True", 1, before, ""), condition("F", "True", 1, before, "")}, 2, now)
	c.drop("A")
	c.drop("B")
	if diff := cmp.Diff([]metav1.Condition{condition("F", "True", 1, before, "")}, c.list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProgrammedOverTime walks a Programmed condition through the life of a Gateway.
func TestProgrammedOverTime(t *testing.T) {
	done := progress{phaseDone, "Programmed", ""}
	pending := progress{phasePending, "Pending", "working"}
	stands := progress{phaseStands, "Pending", "busy"}
	failed := progress{phaseFailed, "NoResources", "quota"}
	var have []metav1.Condition
	for i, step := range []struct {
		progress   progress
		generation int64
		answers    bool
		status     metav1.ConditionStatus
		because    string
		seen       int64
		reason     string
	}{
		{stands, 1, false, "False", "Pending", 1, "nothing is known yet"},
		{pending, 1, false, "False", "Pending", 1, "it is being made"},
		{done, 1, true, "True", "Programmed", 1, "it is there"},
		{pending, 1, true, "True", "Programmed", 1, "a route changes: the listeners still answer"},
		{stands, 1, true, "True", "Programmed", 1, "the cloud is busy: the last condition stands"},
		{pending, 1, false, "False", "Pending", 1, "the load balancer is gone"},
		{done, 1, true, "True", "Programmed", 1, "it is back"},
		{stands, 2, true, "True", "Programmed", 1, "an edit could not be tried yet: what is said is of generation 1"},
		{pending, 2, true, "False", "Pending", 2, "the edit is being made"},
		{failed, 2, true, "False", "NoResources", 2, "the edit is too much"},
		{stands, 2, true, "False", "NoResources", 2, "the last condition stands"},
		{done, 2, true, "True", "Programmed", 2, "it is there"},
	} {
		c := newConditions(have, step.generation, now)
		setProgrammed(c, step.progress, step.answers, "done", step.progress.message)
		got := c.get("Programmed")
		if got == nil || got.Status != step.status || got.Reason != step.because || got.ObservedGeneration != step.seen {
			t.Fatalf("step %d: got %+v, want %s %s @%d: %s", i, got, step.status, step.because, step.seen, step.reason)
		}
		have = c.list
	}
}
