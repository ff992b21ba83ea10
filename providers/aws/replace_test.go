package aws_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// TestSchemeChangesWithoutAnOutage makes a public load balancer private: the private one is there, with all its rules, before the other goes.
func TestSchemeChangesWithoutAnOutage(t *testing.T) {
	a := openAccount(t, nil)
	s := providertest.NewSession(a.provider, testOwner)
	groups := []string{a.defaultGroup(t)}
	check(t, s.Converge(t.Context(), site(testOwner, groups, 2, 3)))
	before := len(a.Calls(t))
	private := site(testOwner, groups, 2, 3)
	private.Reach = ir.ReachPrivate
	check(t, s.Converge(t.Context(), private))
	calls, _ := a.calls(t, before)
	deleted := slices.Index(calls, "DeleteLoadBalancer")
	if deleted < 0 || slices.Index(calls, "CreateLoadBalancer") > deleted {
		t.Fatalf("want the new load balancer before the old one goes, got %v", calls)
	}
	for i, call := range calls {
		if i > deleted && (call == "CreateRule" || call == "CreateListener" || call == "RegisterTargets") {
			t.Errorf("%s comes after the old load balancer is gone: %v", call, calls)
		}
	}
	compiled, err := a.provider.Compile(private)
	check(t, err)
	if n := a.Resources(t); n != len(compiled.Graph) {
		t.Errorf("want %d resources, got %d", len(compiled.Graph), n)
	}
}

// TestFullQuotaIsNoDeadEnd changes what all rules match where there is room for no rule more: new ones come as old ones go.
func TestFullQuotaIsNoDeadEnd(t *testing.T) {
	const rules = 10
	a := openAccount(t, nil)
	a.cloud.SetQuota("rules-per-application-load-balancer", rules)
	s := providertest.NewSession(a.provider, testOwner)
	groups := []string{a.defaultGroup(t)}
	check(t, s.Converge(t.Context(), site(testOwner, groups, 2, rules)))
	moved := site(testOwner, groups, 2, rules)
	for i := range moved.Listeners[0].Servers[0].Rules {
		moved.Listeners[0].Servers[0].Rules[i].Match.Path.Value += "/new"
	}
	compiled, err := a.provider.Compile(moved)
	check(t, err)
	for range 2 * rules {
		s.Known = false
		if done, err := s.Pass(t.Context(), compiled.Graph); done && err == nil {
			return
		}
	}
	t.Error("the rules were not replaced")
}

// TestFullTargetQuotaIsNoDeadEnd replaces the targets of a group where there is room for no target more, and moves room from one group to another.
func TestFullTargetQuotaIsNoDeadEnd(t *testing.T) {
	a := openAccount(t, nil)
	a.cloud.SetQuota("targets-per-application-load-balancer", 6)
	s := providertest.NewSession(a.provider, testOwner)
	groups := []string{a.defaultGroup(t)}
	two := func(first, second []ir.Target) *ir.LoadBalancer {
		lb := site(testOwner, groups, 2, 2)
		lb.Pools[0].Targets, lb.Pools[1].Targets = first, second
		return lb
	}
	at := func(from, n int) (out []ir.Target) {
		for i := range n {
			out = append(out, ir.Target{Address: netip.AddrFrom4([4]byte{127, 98, 7, byte(from + i)}), Port: 8080, Weight: 1})
		}
		return out
	}
	check(t, s.Converge(t.Context(), two(at(1, 3), at(11, 3))))
	check(t, s.Converge(t.Context(), two(at(5, 3), at(15, 3)))) // all others
	last := two(at(5, 5), at(15, 1))                            // one grows as the other shrinks
	compiled, err := a.provider.Compile(last)
	check(t, err)
	for range 3 {
		s.Known = false
		if done, err := s.Pass(t.Context(), compiled.Graph); done && err == nil {
			return
		}
	}
	t.Error("the room of one group did not become the other's")
}
