package reconciler_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// withdraw withdraws everything of the world, in which no controller runs, and returns what was reported.
func (w *world) withdraw(timeout time.Duration, keep bool) ([]string, error) {
	w.t.Helper()
	mgr, err := w.store.Manager(manager.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Logger: w.logger(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), timeout)
	defer cancel()
	var lines []string
	err = reconciler.Withdraw(ctx, mgr, reconciler.Config{
		Providers: []cloud.Provider{w.cloud}, Cluster: "test",
		RetryMin: 2 * time.Millisecond, RetryMax: 20 * time.Millisecond, PollMin: time.Millisecond, PollMax: 5 * time.Millisecond,
	}, reconciler.WithdrawOptions{KeepLoadBalancers: keep, Report: func(line string) { lines = append(lines, line) }})
	slices.Sort(lines)
	return lines, err
}

// untouched checks that the users' objects are there and say nothing of a controller.
func (w *world) untouched(names ...string) {
	w.t.Helper()
	for _, name := range names {
		g := w.gateway(name)
		if g == nil {
			w.t.Errorf("Gateway %s is gone", name)
			continue
		}
		if len(g.Finalizers) > 0 || len(g.Status.Addresses) > 0 || len(g.Status.Listeners) > 0 {
			w.t.Errorf("Gateway %s: finalizers %v, status %+v, want none", name, g.Finalizers, g.Status)
		}
		for _, typ := range []string{"Accepted", "Programmed"} {
			if c := condition(g.Status.Conditions, typ); c == nil || c.Status != "Unknown" || c.Reason != "Pending" {
				w.t.Errorf("Gateway %s, condition %s: %+v, want Unknown, Pending", name, typ, c)
			}
		}
		if w.loadBalancer(name) != nil {
			w.t.Errorf("LoadBalancer %s is left", name)
		}
	}
}

func TestWithdraw(t *testing.T) {
	w := withSet(t)
	w.apply(gateway("second"), route("c", "second", "other"))
	w.programmed("second")
	// What belongs to a Gateway that was deleted while nobody looked.
	w.halt()
	gone := w.gateway("second")
	gone.Finalizers = nil
	if err := w.store.Client().Update(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	w.delete(gateway("second"), w.loadBalancer("second"))

	lines, err := w.withdraw(deadline, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Gateway default/gw: withdrawn"}
	if len(lines) != 2 || lines[0] != want[0] {
		t.Errorf("reported %q, want %q and one for what had no Gateway", lines, want)
	}
	if n := w.cloud.size(); n != 0 {
		t.Errorf("%d resources are left in the cloud, want none", n)
	}
	w.untouched("gw")
	for _, name := range []string{"a", "b"} {
		if got := w.parents(name); len(got) != 0 {
			t.Errorf("route %s still says %v", name, got)
		}
	}
	c := class("fake")
	w.get(c)
	if len(c.Finalizers) != 0 || w.verdict("fake") != "Unknown Pending" {
		t.Errorf("GatewayClass: finalizers %v, Accepted %s, want none, Unknown Pending", c.Finalizers, w.verdict("fake"))
	}

	before := w.writes()
	if lines, err = w.withdraw(deadline, false); err != nil || w.writes() != before {
		t.Errorf("a second time: %q, %v, %d writes; want nothing to do", lines, err, w.writes()-before)
	}

	w.start() // installed anew
	w.programmed("gw")
	w.attached("a", "cloudgate.dev/fake gw")
	w.attached("b", "cloudgate.dev/fake set")
}

// What goes on serving is said to go on serving, and is found again.
func TestWithdrawKeepsLoadBalancers(t *testing.T) {
	w := serving(t)
	w.halt()
	size, status := w.cloud.size(), w.gateway("gw").Status
	w.cloud.take()
	lines, err := w.withdraw(deadline, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Gateway default/gw: let go; its load balancer stays"}, lines); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
	done, reads := w.cloud.take()
	if len(done) != 0 || len(reads) != 0 || w.cloud.size() != size {
		t.Errorf("%d steps and %d reads of the cloud, want none", len(done), len(reads))
	}
	g := w.gateway("gw")
	if len(g.Finalizers) != 0 || w.loadBalancer("gw") != nil {
		t.Errorf("finalizers %v, LoadBalancer %v, want none", g.Finalizers, w.loadBalancer("gw"))
	}
	if diff := cmp.Diff(status, g.Status); diff != "" {
		t.Errorf("status of the Gateway (-want +got):\n%s", diff)
	}
	w.delete(route("a", "", ""))
	w.start() // no audit is needed
	w.until("what was deleted meanwhile is gone from the cloud", func() bool {
		w.cloud.mu.Lock()
		defer w.cloud.mu.Unlock()
		n := 0
		for _, s := range w.cloud.applied {
			if s.Op == plan.Delete && s.ID().Kind == "rule" {
				n++
			}
		}
		return n == 1
	})
}

// What another controller, or another Cloudgate, looks after is left as it is.
func TestWithdrawLeavesOthersAlone(t *testing.T) {
	w := serving(t)
	other := w.another("second")
	foreign := ofClass("foreign", "other")
	w.apply(otherClass(), foreign, class("second"), ofClass("theirs", "second"), route("b", "theirs", "web"))
	w.programmed("theirs")
	w.settle()
	w.halt()
	other.halt()
	theirs, theirFinalizers, size := w.gateway("theirs"), w.loadBalancer("theirs"), other.cloud.size()
	before := w.gateway("foreign")
	if _, err := w.withdraw(deadline, false); err != nil {
		t.Fatal(err)
	}
	w.untouched("gw")
	if diff := cmp.Diff([]any{theirs, theirFinalizers, size, before},
		[]any{w.gateway("theirs"), w.loadBalancer("theirs"), other.cloud.size(), w.gateway("foreign")}); diff != "" {
		t.Errorf("others' objects (-want +got):\n%s", diff)
	}
	if got, want := w.parents("b"), []string{"cloudgate.dev/second theirs"}; !slices.Equal(got, want) {
		t.Errorf("parents of the other's route %v, want %v", got, want)
	}
}

func TestWithdrawSaysWhatIsInTheWay(t *testing.T) {
	for _, tc := range []struct {
		kind cloud.Kind
		want string
	}{
		{cloud.Denied, "Gateway default/gw: delete"},
		{cloud.Unavailable, "not done in time"},
	} {
		w := serving(t)
		w.halt()
		w.cloud.set(func() {
			w.cloud.onApply = func(s plan.Step) *cloud.Error {
				return &cloud.Error{Kind: tc.kind, Op: "delete", Node: s.ID(), Err: errors.New("no")}
			}
		})
		_, err := w.withdraw(300*time.Millisecond, false)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.kind, err, tc.want)
		}
		g := w.gateway("gw")
		if g == nil || !slices.Contains(g.Finalizers, "cloudgate.dev/load-balancer") || w.loadBalancer("gw") == nil {
			t.Errorf("%s: the Gateway was let go", tc.kind)
		}
		w.cloud.set(func() { w.cloud.onApply = nil })
		if _, err := w.withdraw(deadline, false); err != nil {
			t.Errorf("%s: again: %v", tc.kind, err)
		}
		w.untouched("gw")
	}
}
