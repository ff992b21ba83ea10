package reconciler_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// calls are what a change cost.
type calls struct {
	Steps map[string]int
	Reads int
}

func (w *world) calls() calls {
	done, reads := w.cloud.take()
	return calls{steps(done), len(reads)}
}

// serving returns a world with one Gateway that serves route a of Service web.
func serving(t *testing.T, change ...func(*reconciler.Config)) *world {
	t.Helper()
	w := newWorld(t)
	w.start(change...)
	w.apply(service("web", "10.0.0.1", "10.0.0.2")...)
	w.apply(service("other", "10.0.1.1")...)
	w.apply(gateway("gw"), route("a", "gw", "web"))
	w.programmed("gw")
	w.settle()
	w.cloud.take()
	return w
}

func TestCallsPerChange(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*world)
		want   calls
		reason string
	}{
		{"nothing that matters", func(w *world) {
			g := gateway("gw")
			g.Labels = map[string]string{"team": "x"}
			w.apply(g)
		}, calls{Steps: map[string]int{}}, "want equals the ledger"},
		{"a route of a Service that is known", func(w *world) { w.apply(route("b", "gw", "web")) },
			calls{Steps: map[string]int{"create rule": 1}}, "the pool is shared"},
		{"a route of another Service", func(w *world) { w.apply(route("b", "gw", "other")) },
			calls{Steps: map[string]int{"create rule": 1, "create pool": 1}}, "a new pool"},
		{"an endpoint", func(w *world) { w.apply(service("web", "10.0.0.1", "10.0.0.2", "10.0.0.3")...) },
			calls{Steps: map[string]int{"update pool": 1}}, "one call for the pool"},
		{"an endpoint that nobody uses", func(w *world) { w.apply(service("other", "10.0.1.2")...) },
			calls{Steps: map[string]int{}}, "no route names it"},
		{"a route goes", func(w *world) { w.delete(route("a", "gw", "web")) },
			calls{Steps: map[string]int{"delete rule": 1, "delete pool": 1}}, "the pool is not used any more"},
		{"a route's Service changes", func(w *world) { w.apply(route("a", "gw", "other")) },
			calls{Steps: map[string]int{"create pool": 1, "update rule": 1, "delete pool": 1}}, "make, repoint, delete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := serving(t)
			tc.change(w)
			w.settle()
			if diff := cmp.Diff(tc.want, w.calls()); diff != "" {
				t.Errorf("calls, because %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestRestartWithUnchangedWantsReadsNothing(t *testing.T) {
	w := serving(t)
	w.apply(gateway("second"), route("b", "second", "other"))
	w.programmed("second")
	w.settle()
	w.halt()
	w.cloud.take()
	writes := w.writes()

	w.start()
	w.passed("gw", "second")
	w.settle()
	if diff := cmp.Diff(calls{Steps: map[string]int{}}, w.calls()); diff != "" {
		t.Errorf("calls after a restart (-want +got):\n%s", diff)
	}
	if got := w.writes(); got != writes+2 {
		t.Errorf("%d writes to Kubernetes after a restart, want none but the test's own two", got-writes)
	}
	if got := w.gateway("gw").Status.Addresses; len(got) != 1 || got[0].Value != "192.0.2.1" {
		t.Errorf("addresses after a restart: %v", got)
	}
}

func TestRestartWithChangesReadsOnceForAll(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.apply(service("web", "10.0.0.1")...)
	const n = 10
	for i := range n {
		name := fmt.Sprintf("gw%d", i)
		w.apply(gateway(name), route("r"+name, name, "web"))
	}
	for i := range n {
		w.programmed(fmt.Sprintf("gw%d", i))
	}
	w.settle()
	w.halt()
	w.cloud.take()

	w.apply(service("web", "10.0.0.9")...) // changes every Gateway
	w.start()
	w.until("all are updated", func() bool {
		w.cloud.mu.Lock()
		defer w.cloud.mu.Unlock()
		return len(w.cloud.applied) >= n
	})
	w.settle()
	got := w.calls()
	if diff := cmp.Diff(map[string]int{"update pool": n}, got.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got.Reads != 1 {
		t.Errorf("%d reads of the cloud for %d changed Gateways, want 1", got.Reads, n)
	}
}

func TestDriftIsRepairedAndTold(t *testing.T) {
	w := serving(t)
	rule := graph.ID{}
	w.cloud.tamper(func(g graph.Graph) {
		for id, n := range g {
			switch id.Kind {
			case "rule":
				rule = id
				delete(g, id)
			case "pool":
				n.Spec = spec{text: "tampered"}
				g[id] = n
			}
		}
	})
	w.settle()
	if got := w.calls(); got.Reads != 0 {
		t.Fatalf("the cloud was read %d times before the audit", got.Reads)
	}
	if err := w.ctl.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("repair", func() bool { return w.loadBalancer("gw").Status.Drift == "Repaired 2" })
	w.settle()
	if diff := cmp.Diff(calls{map[string]int{"create rule": 1, "update pool": 1}, 1}, w.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := w.eventCount("DriftRepaired"); n != 1 {
		t.Errorf("%d DriftRepaired events, want 1", n)
	}
	found := false
	w.cloud.tamper(func(g graph.Graph) { _, found = g[rule] })
	if !found {
		t.Error("the rule is not back")
	}

	// The next audit finds nothing and says so.
	if err := w.ctl.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("all clear", func() bool { return w.loadBalancer("gw").Status.Drift == "None" })
	if n := w.eventCount("DriftRepaired"); n != 1 {
		t.Errorf("%d DriftRepaired events after a second audit, want 1", n)
	}
}

func TestDriftDuringDowntimeIsFoundByTheFirstAudit(t *testing.T) {
	w := serving(t)
	w.halt()
	w.cloud.tamper(func(g graph.Graph) {
		for id := range g {
			if id.Kind == "rule" {
				delete(g, id)
			}
		}
	})
	w.start(func(c *reconciler.Config) { c.AuditDelay = time.Millisecond })
	w.until("repair", func() bool { return w.loadBalancer("gw").Status.Drift == "Repaired 1" })
}

func TestPendingIsAskedAfterAndNotAnError(t *testing.T) {
	w := newWorld(t)
	w.cloud.polls = 8
	w.start(func(c *reconciler.Config) { c.PollMin, c.PollMax = 50*time.Millisecond, 50*time.Millisecond })
	w.apply(service("web", "10.0.0.1")...)
	w.apply(gateway("gw"), route("a", "gw", "web"))
	w.until("provisioning is shown", func() bool {
		lb := w.loadBalancer("gw")
		return lb != nil && lb.Status.State == "Provisioning"
	})
	w.until("Programmed has reason Pending, or is true already", func() bool {
		c := condition(w.gateway("gw").Status.Conditions, "Programmed")
		return c != nil && (c.Reason == "Pending" || c.Status == metav1.ConditionTrue)
	})
	w.programmed("gw")
	w.settle()
	got := w.calls()
	if got.Steps["create lb"] != 1 || got.Reads != 8 {
		t.Errorf("calls: %+v, want the load balancer created once and 8 reads", got)
	}
}

// A cloud that is done in a moment costs one write of each status, not one that says that it works and one that it is done.
func TestPendingForAMomentIsNotSaid(t *testing.T) {
	w := newWorld(t)
	w.cloud.polls = 3
	w.start()
	w.apply(service("web", "10.0.0.1")...)
	w.apply(route("a", "gw", "web"))
	w.settle()
	before, propagated := w.statusWrites(), w.observations("cloudgate_propagation_seconds")
	w.apply(gateway("gw"))
	w.programmed("gw")
	w.settle()
	after := w.statusWrites()
	if got := w.observations("cloudgate_propagation_seconds") - propagated; got != 1 {
		t.Errorf("propagation was measured %d times, want once, also where a later pass found the cloud done", got)
	}
	for _, object := range []string{"Gateway default/gw", "LoadBalancer default/gw", "HTTPRoute default/a"} {
		if got := after[object] - before[object]; got != 1 {
			t.Errorf("the status of %s was written %d times, want once", object, got)
		}
	}
	if got := w.calls(); got.Reads != 3 {
		t.Errorf("%d reads, want 3: it was not pending", got.Reads)
	}
}

func condition(list []metav1.Condition, kind string) *metav1.Condition {
	for i := range list {
		if list[i].Type == kind {
			return &list[i]
		}
	}
	return nil
}

func TestConflictIsObservedAtOnce(t *testing.T) {
	w := serving(t)
	// Somebody deletes the pool that the controller is about to update.
	w.cloud.set(func() {
		w.cloud.onApply = func(s planStep) *cloud.Error {
			if s.ID().Kind == "pool" && s.Op.String() == "update" {
				w.cloud.onApply = nil
				for _, g := range w.cloud.has {
					for id := range g {
						if id.Kind == "rule" || id.Kind == "pool" {
							delete(g, id)
						}
					}
				}
				return &cloud.Error{Kind: cloud.NotFound, Op: "UpdatePool", Node: s.ID(), Err: errors.New("no such pool")}
			}
			return nil
		}
	})
	w.apply(service("web", "10.0.0.7")...)
	w.until("repair", func() bool { return w.cloud.size() == 4 && w.loadBalancer("gw").Status.State == "Active" })
	w.settle()
	if diff := cmp.Diff(calls{map[string]int{"update pool": 1, "create pool": 1, "create rule": 1}, 1}, w.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestUnrelatedObjectsWakeNobody(t *testing.T) {
	w := serving(t)
	foreign := class("foreign")
	foreign.Spec.ControllerName = "example.com/other"
	g := gateway("foreign")
	g.Spec.GatewayClassName = "foreign"
	status := gwv1.GatewayStatus{Conditions: []metav1.Condition{{Type: "Accepted", Status: "True", Reason: "Accepted"}}}
	w.apply(foreign, g, route("f", "foreign", "web"))
	g.Status = status
	if err := w.store.Client().Status().Update(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	before := w.gateway("foreign")
	writes := w.writes()
	w.apply(service("web", "10.0.0.8")...)
	w.settle()
	if diff := cmp.Diff(before, w.gateway("foreign")); diff != "" {
		t.Errorf("another controller's Gateway was changed (-before +after):\n%s", diff)
	}
	r := route("f", "", "")
	if !w.get(r) || len(r.Status.Parents) != 0 {
		t.Errorf("another controller's route got a status: %+v", r.Status)
	}
	// The slice itself, and what shows the number of targets.
	if got := w.writes() - writes; got > 2 {
		t.Errorf("%d writes, want the EndpointSlice and at most the LoadBalancer", got)
	}
}
