package reconciler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

type planStep = plan.Step

// failOn makes steps on one kind fail, n times, or for ever where n is negative.
func (c *testCloud) failOn(kind string, k cloud.Kind, after time.Duration, n int) {
	c.set(func() {
		c.onApply = func(s plan.Step) *cloud.Error {
			if string(s.ID().Kind) != kind || n == 0 {
				return nil
			}
			n--
			return &cloud.Error{Kind: k, Op: "Do", Node: s.ID(), After: after, Err: errors.New("refused by the test")}
		}
	})
}

// What waits for the audit is not tried again by itself, costs only what needs it, is told by one event, and is tried again at the audit.
func TestRefusalWaitsForTheAudit(t *testing.T) {
	for _, tc := range []struct {
		kind   cloud.Kind
		event  string
		reason string // of Programmed
	}{
		{cloud.Denied, "ProviderDenied", "ProviderDenied"},
		{cloud.Quota, "QuotaExceeded", "NoResources"},
		{cloud.Unsupported, "ProviderRefused", ""},
		{cloud.Invalid, "ProviderRefused", ""},
	} {
		t.Run(tc.kind.String(), func(t *testing.T) {
			w := serving(t)
			w.cloud.failOn("pool", tc.kind, 0, -1)
			w.apply(route("b", "gw", "other"), route("c", "gw", "web"))
			w.until("degraded", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateDegraded })
			w.settle()
			if diff := cmp.Diff(calls{map[string]int{"create pool": 1, "create rule": 1}, 0}, w.calls()); diff != "" {
				t.Errorf("calls: the pool is tried once, the other route is served (-want +got):\n%s", diff)
			}
			if c := condition(w.gateway("gw").Status.Conditions, "Programmed"); tc.reason != "" && (c == nil || c.Reason != tc.reason) {
				t.Errorf("Programmed: %+v, want reason %s", c, tc.reason)
			}

			w.apply(route("d", "gw", "web"))
			w.settle()
			if diff := cmp.Diff(calls{map[string]int{"create rule": 1}, 0}, w.calls()); diff != "" {
				t.Errorf("calls for an edit elsewhere (-want +got):\n%s", diff)
			}
			audit(t, w)
			if diff := cmp.Diff(calls{map[string]int{"create pool": 1}, 1}, w.calls()); diff != "" {
				t.Errorf("calls of an audit (-want +got):\n%s", diff)
			}
			if n := w.eventCount(tc.event); n != 1 {
				t.Errorf("%d %s events, want 1", n, tc.event)
			}

			w.cloud.set(func() { w.cloud.onApply = nil })
			audit(t, w)
			w.until("active", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateActive })
		})
	}
}

func audit(t *testing.T, w *world) {
	t.Helper()
	if err := w.ctl.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settle()
}

func TestPassingFaultsAreTriedAgain(t *testing.T) {
	for _, kind := range []cloud.Kind{cloud.Unknown, cloud.Unavailable, cloud.Throttled} {
		t.Run(kind.String(), func(t *testing.T) {
			w := serving(t)
			w.cloud.failOn("pool", kind, 0, 3)
			w.apply(route("b", "gw", "other"))
			w.until("served", func() bool {
				return w.loadBalancer("gw").Status.Pools == 2 && w.loadBalancer("gw").Status.State == v1alpha1.StateActive
			})
			w.settle()
			if got := w.calls().Steps["create pool"]; got != 4 {
				t.Errorf("%d tries, want 4", got)
			}
		})
	}
}

func TestThrottledWaitsAsLongAsTheCloudAsks(t *testing.T) {
	w := serving(t)
	const after = 150 * time.Millisecond
	w.cloud.failOn("pool", cloud.Throttled, after, 1)
	began := time.Now()
	w.apply(route("b", "gw", "other"))
	w.until("served", func() bool { return w.cloud.size() == 6 })
	if took := time.Since(began); took < after {
		t.Errorf("tried again after %s, the cloud asked for %s", took, after)
	}
	w.settle()
	if got := w.calls().Steps["create pool"]; got != 2 {
		t.Errorf("%d tries, want 2", got)
	}
}

// A create whose answer was lost, of a resource that is not wanted any more when the cloud can be asked again, leaks nothing.
func TestLostReplyLeaksNothing(t *testing.T) {
	w := serving(t)
	w.cloud.set(func() {
		w.cloud.onApplied = func(s plan.Step) *cloud.Error {
			if s.ID().Kind == "pool" && s.Op == plan.Create {
				w.cloud.onObserve = func(cloud.Scope) *cloud.Error {
					return &cloud.Error{Kind: cloud.Unavailable, Op: "List", Err: errors.New("down")}
				}
				return &cloud.Error{Kind: cloud.Unknown, Op: "CreatePool", Node: s.ID(), Err: errors.New("connection closed")}
			}
			return nil
		}
	})
	w.apply(route("b", "gw", "other"))
	w.until("the pool is there unknown", func() bool { return w.cloud.size() == 5 })
	w.delete(route("b", "gw", "other"))
	w.until("the cloud is asked in vain", func() bool {
		w.cloud.mu.Lock()
		defer w.cloud.mu.Unlock()
		return len(w.cloud.observed) > 5
	})
	w.cloud.set(func() { w.cloud.onObserve, w.cloud.onApplied = nil, nil })
	w.until("the pool is gone", func() bool { return w.cloud.size() == 4 })
	w.until("active", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateActive })
}

func TestCloudDownKeepsTheLastCondition(t *testing.T) {
	w := serving(t)
	before := condition(w.gateway("gw").Status.Conditions, "Programmed")
	w.cloud.failOn("pool", cloud.Unavailable, 0, -1)
	w.cloud.set(func() {
		w.cloud.onObserve = func(cloud.Scope) *cloud.Error {
			return &cloud.Error{Kind: cloud.Unavailable, Op: "List", Err: errors.New("down")}
		}
	})
	w.apply(service("web", "10.9.9.9")...)
	w.until("tried", func() bool { return w.calls().Steps["update pool"] > 0 })
	w.until("shown", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateDegraded })
	if diff := cmp.Diff(before, condition(w.gateway("gw").Status.Conditions, "Programmed")); diff != "" {
		t.Errorf("Programmed while the cloud is down (-before +after):\n%s", diff)
	}
	w.cloud.set(func() { w.cloud.onApply, w.cloud.onObserve = nil, nil })
	w.until("active", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateActive })
}

// The controller is stopped at every step of a plan in turn: the next start comes to the same world.
func TestStoppedAtEveryStep(t *testing.T) {
	for nth := 1; nth <= 6; nth++ {
		for _, performed := range []bool{false, true} {
			w := newWorld(t)
			stopped := make(chan struct{})
			n := 0
			stop := func(plan.Step) *cloud.Error {
				if n++; n < nth {
					return nil
				}
				if n == nth {
					close(stopped)
				}
				return &cloud.Error{Kind: cloud.Unknown, Op: "Do", Err: errors.New("the process is gone")}
			}
			if performed {
				w.cloud.onApplied = stop
			} else {
				w.cloud.onApply = stop
			}
			w.start(func(c *reconciler.Config) { c.StepsAtOnce, c.RetryMin, c.RetryMax = 1, time.Hour, time.Hour })
			w.apply(service("web", "10.0.0.1")...)
			w.apply(service("other", "10.0.1.1")...)
			w.apply(gateway("gw"), route("a", "gw", "web"), route("b", "gw", "other"))
			<-stopped
			w.halt()
			w.cloud.set(func() { w.cloud.onApply, w.cloud.onApplied = nil, nil })

			w.start()
			w.programmed("gw")
			w.settle()
			if got := w.cloud.size(); got != 6 {
				t.Errorf("stopped at step %d (performed: %t): %d resources, want 6", nth, performed, got)
			}
			w.delete(gateway("gw"))
			w.until("gone", func() bool { return w.gateway("gw") == nil })
			if got := w.cloud.size(); got != 0 {
				t.Errorf("stopped at step %d (performed: %t): %d resources leaked", nth, performed, got)
			}
			w.halt()
		}
	}
}
