package reconciler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// audit runs an audit and what it starts, and returns the steps and the reads: of the whole cluster, and of one owner.
func (w *world) audit() (done map[string]int, bulk, deep int) {
	w.t.Helper()
	w.cloud.take()
	if err := w.ctl.Audit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.settle()
	list, scopes := w.cloud.take()
	for _, s := range scopes {
		if s.UID == "" {
			bulk++
		} else {
			deep++
		}
	}
	return steps(list), bulk, deep
}

// outside returns a world whose cloud is read in bulk without content, with n Gateways: gw0, gw1 and so on.
func outside(t *testing.T, n int, change ...func(*reconciler.Config)) *world {
	t.Helper()
	w := newWorld(t)
	w.cloud.outside = true
	w.apply(service("web", "10.0.0.1")...)
	w.start(change...)
	for i := range n {
		name := fmt.Sprintf("gw%d", i)
		w.apply(gateway(name), route("r"+name, name, "web"))
	}
	for i := range n {
		w.programmed(fmt.Sprintf("gw%d", i))
	}
	w.settle()
	w.cloud.take()
	return w
}

// The first audit after a start reads in bulk alone. Each later one reads a share of the Gateways whole, and all have their turn.
func TestAuditsWithoutContentReadAShareWhole(t *testing.T) {
	w := outside(t, 7, func(c *reconciler.Config) { c.DeepAudits = 3 })
	read := make(map[string]int)
	for i, want := range []int{0, 3, 3, 3} {
		w.cloud.take()
		if err := w.ctl.Audit(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settle()
		list, scopes := w.cloud.take()
		if got := len(scopes) - 1; got != want || len(list) != 0 {
			t.Errorf("audit %d: %d reads of single Gateways and %d steps, want %d and none", i, got, len(list), want)
		}
		for _, s := range scopes {
			read[s.UID]++
		}
	}
	if got := len(read) - 1; got != 7 {
		t.Errorf("the content of %d Gateways was read, want all 7", got)
	}
}

// What is deleted is found by the next audit, and made again. Others are not read for that.
func TestAuditWithoutContentFindsWhatIsGone(t *testing.T) {
	w := outside(t, 3)
	lb := graph.ID{Kind: "lb", Name: "main"}
	uid := string(w.gateway("gw1").UID)
	w.cloud.set(func() {
		for key, g := range w.cloud.has {
			if key.UID == uid {
				for id, n := range g {
					if id == lb || n.Within == lb || n.Within.Kind == "listener" {
						delete(g, id)
					}
				}
			}
		}
	})
	done, bulk, deep := w.audit()
	if diff := cmp.Diff(map[string]int{"create lb": 1, "create listener": 1, "create rule": 1}, done); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if bulk != 1 || deep != 1 {
		t.Errorf("%d bulk reads and %d of single Gateways, want one of each", bulk, deep)
	}
	if w.eventCount("DriftRepaired") != 1 {
		t.Errorf("%d events tell of the repair, want 1", w.eventCount("DriftRepaired"))
	}
}

// What is changed within something is found when its turn comes.
func TestAuditWithoutContentFindsWhatIsChangedInTurn(t *testing.T) {
	w := outside(t, 2, func(c *reconciler.Config) { c.DeepAudits = 2 })
	w.cloud.tamper(func(g graph.Graph) {
		for id, n := range g {
			if id.Kind == "rule" {
				n.Spec = spec{text: "somebody else's"}
				g[id] = n
			}
		}
	})
	repaired := 0
	for range 3 {
		done, _, _ := w.audit()
		repaired += done["update rule"]
	}
	if repaired != 2 || w.eventCount("DriftRepaired") != 2 {
		t.Errorf("%d rules repaired and %d events, want 2 of each", repaired, w.eventCount("DriftRepaired"))
	}
}

// After a restart the audit compares what it sees with what is wanted, and reads whole only what does not fit.
func TestAuditWithoutContentAfterARestart(t *testing.T) {
	w := outside(t, 5)
	w.halt()
	uid := string(w.gateway("gw3").UID)
	w.cloud.set(func() {
		for key, g := range w.cloud.has {
			if key.UID == uid {
				for id := range g {
					delete(g, id)
				}
				pool := graph.ID{Kind: "pool", Name: "added"}
				g[pool] = graph.Node{ID: pool, Spec: spec{text: "odd"}, External: "x"}
			}
		}
	})
	passes := w.passes()
	w.start()
	w.until("a pass over each", func() bool { return w.passes() >= passes+5 })
	w.settle()
	done, bulk, deep := w.audit()
	if diff := cmp.Diff(map[string]int{"create lb": 1, "create listener": 1, "create rule": 1, "create pool": 1, "delete pool": 1}, done); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if bulk != 1 || deep != 1 {
		t.Errorf("%d bulk reads and %d of single Gateways, want one of each", bulk, deep)
	}
	if w.eventCount("DriftRepaired") != 1 {
		t.Errorf("%d events tell of the repair, want 1", w.eventCount("DriftRepaired"))
	}
	// And again: nothing to do, and nobody is woken for it.
	passes = w.passes()
	if done, _, _ := w.audit(); len(done) != 0 {
		t.Errorf("steps of an audit with nothing to do: %v", done)
	}
}

// A restart with changes reads in bulk once, and then only those that changed.
func TestRestartWithChangesInACloudReadWithoutContent(t *testing.T) {
	w := outside(t, 4)
	w.halt()
	w.apply(route("more", "gw2", "web"))
	w.cloud.take()
	w.start()
	w.until("the new rule", func() bool { return w.cloud.hasLike("rule", "more.example.com") })
	w.settle()
	list, scopes := w.cloud.take()
	if diff := cmp.Diff(map[string]int{"create rule": 1}, steps(list)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	want := []cloud.Scope{{Cluster: "test"}, {Cluster: "test", UID: string(w.gateway("gw2").UID)}}
	if diff := cmp.Diff(want, scopes); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}

// What has no Gateway is deleted whole, though the audit saw only its outside.
func TestOrphansInACloudReadWithoutContent(t *testing.T) {
	w := outside(t, 1, func(c *reconciler.Config) { c.OrphanGrace = time.Nanosecond })
	w.cloud.set(func() {
		for key, g := range w.cloud.has {
			copied := make(graph.Graph)
			for id, n := range g {
				copied[id] = n
			}
			key.UID = "gone"
			w.cloud.has[key] = copied
			break
		}
	})
	w.audit()
	w.audit()
	if got := w.cloud.size(); got != 4 {
		t.Errorf("%d resources are left, want the 4 of the Gateway", got)
	}
}

// However many Gateways wait for their load balancers to be provisioned, they are looked at together, and from outside.
func TestPollsOfACloudReadWithoutContentAreShared(t *testing.T) {
	w := outside(t, 1)
	if _, bulk, _ := w.audit(); bulk != 1 {
		t.Fatalf("%d bulk reads by an audit, want 1", bulk)
	}
	const n = 20
	w.cloud.set(func() { w.cloud.polls = 1 << 30 })
	for i := range n {
		name := fmt.Sprintf("new%d", i)
		w.apply(gateway(name), route("r"+name, name, "web"))
	}
	w.until("all are being provisioned", func() bool { return w.cloud.pendings() == n })
	w.cloud.take()
	w.until("polled for a while", func() bool { _, scopes := w.cloud.peek(); return len(scopes) > 10 })
	w.cloud.set(func() { w.cloud.polls = 1 })
	for i := range n {
		w.programmed(fmt.Sprintf("new%d", i))
	}
	_, scopes := w.cloud.take()
	for _, s := range scopes {
		if s.UID != "" {
			t.Fatalf("a Gateway was read by itself while it waited: %v", scopes)
		}
	}
	if got := w.gateway("new7").Status.Addresses; len(got) != 1 || got[0].Value != "192.0.2.1" {
		t.Errorf("addresses when it is done: %v", got)
	}
}
