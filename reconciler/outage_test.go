package reconciler_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// breakDown makes every call fail, each in other words, until the cloud is mended.
func (c *testCloud) breakDown(kind cloud.Kind) {
	c.set(func() {
		n := 0
		fail := func() *cloud.Error {
			n++
			return &cloud.Error{Kind: kind, Op: "Call", Err: fmt.Errorf("down, as it was in try %d", n)}
		}
		c.onApply = func(plan.Step) *cloud.Error { return fail() }
		c.onObserve = func(cloud.Scope) *cloud.Error { return fail() }
	})
}

func (c *testCloud) mend() { c.set(func() { c.onApply, c.onObserve = nil, nil }) }

// tries returns how often the cloud was called since it was last taken.
func (c *testCloud) tries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.applied) + len(c.observed)
}

// notes returns the notes of the events of a reason, in their order.
func (w *world) notes(reason string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, e := range w.events {
		if e.Reason == reason {
			out = append(out, e.Type+": "+e.Note)
		}
	}
	return out
}

// An outage is told by one event and one status write, however often it is tried; so is its end, and the next one.
func TestOutageIsToldOnce(t *testing.T) {
	for _, kind := range []cloud.Kind{cloud.Unavailable, cloud.Unknown, cloud.Throttled} {
		t.Run(kind.String(), func(t *testing.T) {
			w := serving(t)
			const lb = "LoadBalancer default/gw"
			for n := 1; n <= 2; n++ {
				w.cloud.take()
				w.cloud.breakDown(kind)
				before := w.statusWrites()
				w.apply(service("web", fmt.Sprintf("10.9.9.%d", n))...)
				w.until("the event", func() bool { return w.eventCount("CloudUnavailable") == n })
				w.until("the state", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateDegraded })
				during := w.statusWrites()
				w.cloud.take()
				w.until("more tries", func() bool { return w.cloud.tries() > 10 })
				if diff := cmp.Diff(during, w.statusWrites()); diff != "" {
					t.Errorf("status writes of retries (-want +got):\n%s", diff)
				}
				if got := during[lb] - before[lb]; got != 1 {
					t.Errorf("outage %d: %d status writes of the LoadBalancer, want 1", n, got)
				}
				notes := w.notes("CloudUnavailable")
				if len(notes) != n {
					t.Fatalf("outage %d: events %q, want %d", n, notes, n)
				}
				message := w.loadBalancer("gw").Status.Message
				if want := "Warning: " + message; notes[n-1] != want || !strings.Contains(message, "down, as it was") {
					t.Errorf("outage %d: event %q, want %q with the cause", n, notes[n-1], want)
				}

				w.cloud.mend()
				w.until("active", func() bool { return w.loadBalancer("gw").Status.State == v1alpha1.StateActive })
				if got := w.loadBalancer("gw").Status.Message; got != "" {
					t.Errorf("message after outage %d: %q, want none", n, got)
				}
				if got := w.statusWrites()[lb] - during[lb]; got != 1 {
					t.Errorf("the end of outage %d: %d status writes of the LoadBalancer, want 1", n, got)
				}
			}
		})
	}
}

// A Gateway that cannot go because the cloud is away says so, once.
func TestOutageHoldsADeletion(t *testing.T) {
	w := serving(t)
	const lb = "LoadBalancer default/gw"
	before := w.statusWrites()
	w.cloud.breakDown(cloud.Unavailable)
	w.delete(w.gateway("gw"))
	w.until("the event", func() bool { return w.eventCount("CloudUnavailable") == 1 })
	w.cloud.take()
	w.until("more tries", func() bool { return w.cloud.tries() > 10 })
	if got := w.loadBalancer("gw").Status; got.State != v1alpha1.StateDeleting || !strings.Contains(got.Message, "down, as it was") {
		t.Errorf("the LoadBalancer is %s: %q, want %s with the cause", got.State, got.Message, v1alpha1.StateDeleting)
	}
	if got := w.statusWrites()[lb] - before[lb]; got != 1 {
		t.Errorf("%d status writes of the LoadBalancer, want 1", got)
	}
	if notes := w.notes("CloudUnavailable"); len(notes) != 1 {
		t.Errorf("events %q, want 1", notes)
	}
	w.cloud.mend()
	w.clean()
}

// A cloud that asks for a pause and then works is no outage.
func TestThrottledForShortIsNoOutage(t *testing.T) {
	w := serving(t)
	w.cloud.failOn("pool", cloud.Throttled, 0, 3)
	w.apply(route("b", "gw", "other"))
	w.until("served", func() bool { return w.cloud.size() == 6 })
	w.settle()
	if notes := w.notes("CloudUnavailable"); len(notes) != 0 {
		t.Errorf("events %q, want none", notes)
	}
}

// What has to be mended is said beside the outage.
func TestOutageDoesNotHideARefusal(t *testing.T) {
	w := serving(t)
	w.cloud.set(func() {
		w.cloud.onApply = func(s plan.Step) *cloud.Error {
			kind := map[bool]cloud.Kind{true: cloud.Denied, false: cloud.Unavailable}[s.Op == plan.Create]
			return &cloud.Error{Kind: kind, Op: "Call", Node: s.ID(), Err: errors.New(kind.String())}
		}
	})
	w.apply(append(service("web", "10.9.9.9"), route("b", "gw", "other"))...)
	w.until("both", func() bool {
		message := w.loadBalancer("gw").Status.Message
		return !slices.ContainsFunc([]string{"does not answer", cloud.Denied.String()}, func(s string) bool { return !strings.Contains(message, s) })
	})
}
