package reconciler_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

const reachable = "cloudgate.dev/CloudReachable"

// unreachable returns the condition of the class that says that its cloud cannot be read, or nil.
func (w *world) unreachable() *metav1.Condition {
	w.t.Helper()
	c := class("fake")
	w.get(c)
	return condition(c.Status.Conditions, reachable)
}

// audits has the cloud audited n times, whatever comes of it.
func (w *world) audits(n int) {
	w.t.Helper()
	for range n {
		_ = w.ctl.Audit(w.t.Context()) // the condition tells what came of it
	}
	w.settle()
}

// A cloud that cannot be read while nothing changes is told of once, by an event and a condition of its class, and so is its end.
func TestUnreadableCloudIsToldOnce(t *testing.T) {
	for kind, reason := range map[cloud.Kind]string{
		cloud.Denied: "ProviderDenied", cloud.Unavailable: "CloudUnavailable", cloud.Unknown: "CloudUnavailable", cloud.Invalid: "Invalid",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			w := serving(t)
			const object = "GatewayClass /fake"
			for n := 1; n <= 2; n++ {
				before := w.statusWrites()[object]
				w.cloud.breakDown(kind)
				w.audits(4)
				got := w.unreachable()
				if got == nil || got.Status != metav1.ConditionFalse || got.Reason != reason || !strings.Contains(got.Message, "down, as it was in try 1)") {
					t.Fatalf("outage %d: the condition is %+v", n, got)
				}
				notes := w.notes(reason)
				if len(notes) != n || notes[n-1] != "Warning: "+got.Message {
					t.Errorf("outage %d: events %q, want one for each, with the condition's message", n, notes)
				}
				if writes := w.statusWrites()[object] - before; writes != 1 {
					t.Errorf("outage %d: %d status writes of the class, want 1", n, writes)
				}
				w.cloud.mend()
				w.audits(2)
				if got := w.unreachable(); got != nil {
					t.Errorf("the condition after outage %d is %+v, want none", n, got)
				}
				if writes := w.statusWrites()[object] - before; writes != 2 {
					t.Errorf("after outage %d: %d status writes of the class, want 2", n, writes)
				}
			}
			w.programmed("gw")
		})
	}
}

// One audit that is throttled is none that fails.
func TestThrottledAuditIsNoOutage(t *testing.T) {
	w := serving(t)
	w.cloud.breakDown(cloud.Throttled)
	w.audits(1)
	if got := w.unreachable(); got != nil {
		t.Errorf("after one audit that was throttled the condition is %+v, want none", got)
	}
	w.audits(1)
	if got := w.unreachable(); got == nil || got.Reason != "CloudUnavailable" {
		t.Errorf("after two audits that were throttled the condition is %+v", got)
	}
}

// An outage that turns into another one is told of anew.
func TestAnotherReasonIsToldAnew(t *testing.T) {
	w := serving(t)
	w.cloud.breakDown(cloud.Unavailable)
	w.audits(1)
	w.cloud.breakDown(cloud.Denied)
	w.audits(1)
	if got := w.unreachable(); got == nil || got.Reason != "ProviderDenied" {
		t.Errorf("the condition is %+v", got)
	}
	if up, denied := w.notes("CloudUnavailable"), w.notes("ProviderDenied"); len(up) != 1 || len(denied) != 1 {
		t.Errorf("events %q and %q, want one of each", up, denied)
	}
}

// A restart in an outage neither hides it before the first audit nor tells of it again.
func TestRestartInAnOutage(t *testing.T) {
	w := serving(t)
	w.cloud.breakDown(cloud.Denied)
	w.audits(1)
	w.halt()
	w.start()
	w.passed("gw")
	w.audits(2)
	w.until("the words of the new process", func() bool {
		got := w.unreachable()
		if got == nil {
			t.Fatal("the restart hides the outage")
		}
		return strings.Contains(got.Message, "in try 2)")
	})
	if notes := w.notes("ProviderDenied"); len(notes) != 1 {
		t.Errorf("events %q, want that of the first process alone", notes)
	}
	w.cloud.mend()
	w.audits(1)
	w.until("the end of the outage", func() bool { return w.unreachable() == nil })
}
