package world

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var byValue = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})}

func TestAddresses(t *testing.T) {
	cfg := testConfig()
	cfg.Pool = PrefixPool(netip.MustParsePrefix("127.64.0.252/29")) // .248 to .255
	w := open(t, cfg)
	ask := func(name string, asked ...string) (LoadBalancer, error) {
		spec := LoadBalancerSpec{Scheme: Internet}
		for _, a := range asked {
			spec.Addresses = append(spec.Addresses, netip.MustParseAddr(a))
		}
		return w.CreateLoadBalancer(named(name), spec)
	}
	a := must(ask("a"))
	b := must(ask("b", "127.64.0.250", "127.64.0.251"))
	want := [][]netip.Addr{{netip.MustParseAddr("127.64.0.248")}, {netip.MustParseAddr("127.64.0.250"), netip.MustParseAddr("127.64.0.251")}}
	if diff := cmp.Diff(want, [][]netip.Addr{a.IPs, b.IPs}, byValue); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	_, err := ask("c", "127.64.0.251")
	wantCode(t, Conflict, err)
	_, err = ask("c", "127.64.0.255")
	wantCode(t, InvalidArgument, err)
	_, err = ask("c", "10.0.0.1")
	wantCode(t, InvalidArgument, err)
	for i := range 4 {
		must(ask(fmt.Sprint("more", i)))
	}
	_, err = ask("full")
	wantCode(t, QuotaExceeded, err)
	must(w.DeleteLoadBalancer(b.ID, 0))
	if got := must(ask("again")).IPs; got[0] != b.IPs[0] {
		t.Errorf("an address that was given back: want %s, got %s", b.IPs[0], got)
	}
	up := must(w.UpdateLoadBalancer(a.ID, 0, a.Naming, LoadBalancerSpec{Scheme: Internet, Addresses: b.IPs[1:]}))
	if up.IPs[0] != b.IPs[1] {
		t.Errorf("another address asked for: want %s, got %s", b.IPs[1], up.IPs[0])
	}
	if got := must(ask("last")).IPs; got[0] != a.IPs[0] {
		t.Errorf("the address given up: want %s, got %s", a.IPs[0], got)
	}
}

func TestQuotas(t *testing.T) {
	w := open(t, testConfig())
	_, ls, po := chain(w, "a")
	q := DefaultQuotas()
	q.LoadBalancers, q.ListenersPerLoadBalancer, q.RulesPerListener, q.Pools, q.MembersPerPool = 1, 1, 1, 1, 2
	w.SetQuotas(q)
	must(w.CreateRule(ls.ID, named("r"), forwardTo(po.ID)))
	_, err := w.CreateRule(ls.ID, named("r2"), forwardTo(po.ID))
	wantCode(t, QuotaExceeded, err)
	_, err = w.CreateLoadBalancer(named("b"), LoadBalancerSpec{})
	wantCode(t, QuotaExceeded, err)
	_, err = w.CreateListener(ls.LoadBalancer, named("b"), ListenerSpec{Port: 81, Protocol: HTTP})
	wantCode(t, QuotaExceeded, err)
	_, err = w.CreatePool(named("b"), PoolSpec{}, nil)
	wantCode(t, QuotaExceeded, err)
	members := []Member{{Address: netip.MustParseAddr("10.0.0.1"), Port: 1}, {Address: netip.MustParseAddr("10.0.0.1"), Port: 2}}
	must(w.UpdateMembers(po.ID, 0, members, nil))
	third := Member{Address: netip.MustParseAddr("10.0.0.1"), Port: 3}
	_, err = w.UpdateMembers(po.ID, 0, []Member{third}, nil)
	wantCode(t, QuotaExceeded, err)
	got := must(w.UpdateMembers(po.ID, 0, []Member{third}, []netip.AddrPort{members[0].AddrPort()}))
	if diff := cmp.Diff([]Member{members[1], third}, got.Members, byValue); diff != "" {
		t.Errorf("one for another (-want +got):\n%s", diff)
	}
	// A name that exists is told before the quota, or a client that asks twice would not learn that it succeeded.
	_, err = w.CreateLoadBalancer(named("a"), LoadBalancerSpec{})
	wantCode(t, AlreadyExists, err)
}

func TestMembersAreIdempotent(t *testing.T) {
	w := open(t, testConfig())
	_, _, po := chain(w, "a")
	m := Member{Address: netip.MustParseAddr("10.0.0.1"), Port: 1, Weight: 1}
	first := must(w.UpdateMembers(po.ID, 0, []Member{m}, nil))
	second := must(w.UpdateMembers(po.ID, 0, []Member{m}, []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:9")}))
	if diff := cmp.Diff(first, second, byValue); diff != "" {
		t.Errorf("the same again changed something:\n%s", diff)
	}
	m.Draining = true
	third := must(w.UpdateMembers(po.ID, 0, []Member{m}, nil))
	if diff := cmp.Diff([]Member{m}, third.Members, byValue); diff != "" {
		t.Errorf("add did not replace (-want +got):\n%s", diff)
	}
}

func TestRulesFitTheirListener(t *testing.T) {
	w := open(t, testConfig())
	lb, ls, po := chain(w, "a")
	tcp := must(w.CreateListener(lb.ID, named("tcp"), ListenerSpec{Port: 1, Protocol: TCP, Servers: []Server{{Name: "all"}}}))
	tcpPool := must(w.CreatePool(named("tcp"), PoolSpec{Protocol: PoolTCP}, nil))
	_, err := w.CreateRule(tcp.ID, named("r"), forwardTo(tcpPool.ID))
	wantCode(t, InvalidArgument, err) // it has a path
	spec := forwardTo(tcpPool.ID)
	spec.Matches = []Match{{Rank: "1"}}
	must(w.CreateRule(tcp.ID, named("r"), spec))
	_, err = w.CreateRule(ls.ID, named("r"), spec)
	wantCode(t, InvalidArgument, err) // a TCP pool behind HTTP
	spec = forwardTo(po.ID)
	spec.Server = "other"
	_, err = w.CreateRule(ls.ID, named("r"), spec)
	wantCode(t, InvalidArgument, err)
}

func TestRevisionRace(t *testing.T) {
	w := open(t, testConfig())
	lb, _, _ := chain(w, "a")
	const writers = 16
	results := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			_, results[i] = w.UpdateLoadBalancer(lb.ID, lb.Revision, Naming{Name: fmt.Sprint("n", i)}, lb.LoadBalancerSpec)
		})
	}
	all.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		wantCode(t, PreconditionFailed, err)
	}
	if won != 1 {
		t.Errorf("writers of one revision: want 1 to win, got %d", won)
	}
}

func TestNamesAreUniqueInTheirContainer(t *testing.T) {
	w := open(t, testConfig())
	a, ls, po := chain(w, "a")
	b, _, _ := chain(w, "b") // with a listener named as a's
	ru := must(w.CreateRule(ls.ID, named("r"), forwardTo(po.ID)))
	_, err := w.CreateRule(ls.ID, named("r"), forwardTo(po.ID))
	var e *Error
	if !errors.As(err, &e) || e.Code != AlreadyExists {
		t.Fatalf("want AlreadyExists, got %v", err)
	}
	if diff := cmp.Diff(ru, e.Existing, byValue); diff != "" {
		t.Errorf("existing resource (-want +got):\n%s", diff)
	}
	_, err = w.UpdateLoadBalancer(b.ID, 0, named("a"), b.LoadBalancerSpec)
	wantCode(t, AlreadyExists, err)
	must(w.UpdateLoadBalancer(a.ID, 0, named("c"), a.LoadBalancerSpec))
	must(w.UpdateLoadBalancer(b.ID, 0, named("a"), b.LoadBalancerSpec))
}
