package reconciler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// A restart over many Gateways of which none changed costs nothing but memory.
func TestRestartWithAThousandGateways(t *testing.T) {
	const n = 1000
	w := newWorld(t)
	var objs []client.Object
	objs = append(objs, service("web", "10.0.0.1", "10.0.0.2")...)
	for i := range n {
		name := fmt.Sprintf("gw%d", i)
		objs = append(objs, gateway(name), route("r"+name, name, "web"))
	}
	w.apply(objs...)
	began := time.Now()
	w.start()
	w.until("all are programmed", func() bool { return w.cloud.size() == 4*n && len(w.statusWrites()) == 3*n+1 })
	w.settle()
	t.Logf("%d Gateways programmed after %s", n, time.Since(began))
	w.halt()
	w.cloud.take()
	writes, passes := w.writes(), w.passes()

	began = time.Now()
	w.start()
	w.until("a pass over each", func() bool { return w.passes() >= passes+n })
	t.Logf("a pass over each of %d Gateways %s after a restart", n, time.Since(began))
	w.settle()
	if got := w.calls(); got.Reads != 0 || len(got.Steps) != 0 {
		t.Errorf("calls to the cloud after a restart: %+v, want none", got)
	}
	if got := w.writes() - writes; got != 0 {
		t.Errorf("%d writes to Kubernetes after a restart, want none", got)
	}

	// The audit reads once for all, and finds nothing to do.
	if err := w.ctl.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := w.calls(); got.Reads != 1 || len(got.Steps) != 0 {
		t.Errorf("calls of an audit: %+v, want one read", got)
	}
}

// Nothing is remembered of what is gone, also where its name comes again at once.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	w := serving(t)
	owners := func() int { n, _ := w.ctl.Remembered(); return n }
	_, before := w.ctl.Remembered()
	for i := range 20 {
		name := fmt.Sprintf("g%d", i%4)
		w.apply(gateway(name), route("r"+name, name, "web"))
		w.programmed(name)
		uid := w.gateway(name).UID
		w.delete(gateway(name), route("r"+name, name, "web"))
		w.until("it is gone", func() bool { g := w.gateway(name); return g == nil || g.UID != uid })
	}
	w.until("only the first is remembered", func() bool { return owners() == 1 })
	w.settle()
	if _, after := w.ctl.Remembered(); after != before {
		t.Errorf("what was written to %d objects is remembered, want %d as before", after, before)
	}
}

// A Gateway that leaves for another controller is forgotten while it is still there.
func TestWhatLeftIsForgotten(t *testing.T) {
	w := serving(t)
	w.apply(otherClass(), ofClass("gw", "other"))
	w.until("let go", func() bool { return len(w.gateway("gw").Finalizers) == 0 })
	w.until("nothing is remembered", func() bool { n, _ := w.ctl.Remembered(); return n == 0 })
}

// A quota that is full makes way for what replaces something, at once and without a word.
func TestReplacingUnderAFullQuota(t *testing.T) {
	w := serving(t, func(c *reconciler.Config) { c.RetryMin, c.RetryMax = time.Hour, time.Hour })
	w.cloud.set(func() { w.cloud.onApply = w.cloud.quota(1) })
	r := route("a", "gw", "web")
	r.Spec.Hostnames = []gwv1.Hostname{"other.example.com"}
	w.apply(r)
	w.until("replaced", func() bool { return w.cloud.hasLike("rule", "other.example.com") })
	w.settle()
	if n := w.count("rule"); n != 1 {
		t.Errorf("%d rules, want 1", n)
	}
	if n := w.eventCount("QuotaExceeded"); n != 0 {
		t.Errorf("%d QuotaExceeded events for what was mended at once", n)
	}

	// One too many is refused and told, until there is room.
	w.apply(route("b", "gw", "web"))
	w.until("told", func() bool { return w.eventCount("QuotaExceeded") == 1 })
	w.delete(route("a", "", ""))
	w.until("the other one comes", func() bool { return w.cloud.hasLike("rule", "b.example.com") })
}

// What is made smaller makes room, too.
func TestRoomThatAnUpdateMakes(t *testing.T) {
	w := serving(t, func(c *reconciler.Config) { c.RetryMin, c.RetryMax = time.Hour, time.Hour })
	w.apply(route("b", "gw", "other"))
	w.until("the other pool", func() bool { return w.cloud.hasLike("pool", "10.0.1.1") })
	smaller := false
	w.cloud.set(func() {
		w.cloud.onApply = func(s plan.Step) *cloud.Error {
			if s.Op != plan.Update || s.ID().Kind != "pool" {
				return nil
			}
			text := s.Want.Spec.(spec).text
			if strings.Contains(text, "10.0.1.2") && !smaller {
				return &cloud.Error{Kind: cloud.Quota, Op: "RegisterTargets", Node: s.ID(), Err: errors.New("targets per load balancer")}
			}
			smaller = smaller || !strings.Contains(text, "10.0.0.2")
			return nil
		}
	})
	w.apply(service("other", "10.0.1.1", "10.0.1.2")...)
	w.until("told", func() bool { return w.eventCount("QuotaExceeded") == 1 })
	w.apply(service("web", "10.0.0.1")...)
	w.until("the other one grows", func() bool { return w.cloud.hasLike("pool", "10.0.1.2") })
}
