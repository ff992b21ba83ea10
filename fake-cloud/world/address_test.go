package world

import (
	"net/netip"
	"testing"
)

func TestPools(t *testing.T) {
	tests := []struct{ text, first, last, shown string }{
		{"127.64.0.0/16", "127.64.0.0", "127.64.255.255", "127.64.0.0/16"},
		{"127.64.3.7/16", "127.64.0.0", "127.64.255.255", "127.64.0.0/16"},
		{"10.0.0.9/32", "10.0.0.9", "10.0.0.9", "10.0.0.9/32"},
		{"10.0.0.9-10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.9/32"},
		{"172.18.255.200-172.18.255.250", "172.18.255.200", "172.18.255.250", "172.18.255.200-172.18.255.250"},
		{"fd00::/120", "fd00::", "fd00::ff", "fd00::/120"},
	}
	for _, tt := range tests {
		p, err := ParsePool(tt.text)
		if err != nil || p.First.String() != tt.first || p.Last.String() != tt.last || p.String() != tt.shown {
			t.Errorf("%s: want %s to %s, got %s to %s, shown as %s, %v", tt.text, tt.first, tt.last, p.First, p.Last, p, err)
		}
	}
	for _, text := range []string{"", "x", "10.0.0.1", "10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1-", "-", "fe80::1%eth0-fe80::2%eth0", "10.0.0.0/33"} {
		if p, err := ParsePool(text); err == nil {
			t.Errorf("%q was taken for %s", text, p)
		}
	}
}

// claimedWorld has four addresses, of which taken says who else has one.
func claimedWorld(t *testing.T, taken map[string]string) *World {
	t.Helper()
	cfg := testConfig()
	cfg.Claimed = true
	cfg.Pool = AddressPool{First: netip.MustParseAddr("10.0.0.1"), Last: netip.MustParseAddr("10.0.0.4")}
	cfg.Pool.Taken = func(ip netip.Addr) string { return taken[ip.String()] }
	return open(t, cfg)
}

func TestALoadBalancerWaitsForItsAddress(t *testing.T) {
	w := claimedWorld(t, nil)
	lb := must(w.CreateLoadBalancer(named("a"), LoadBalancerSpec{Scheme: Internet}))
	want := func(when string, state State, reason string) {
		t.Helper()
		eventually(t, when, func() bool { lb = must(w.LoadBalancer(lb.ID)); return lb.State == state && lb.Reason == reason })
	}
	want("at first", Provisioning, "")
	must(0, w.ReportLoadBalancer(lb.ID, "no interface"))
	want("after a failure", Failed, "no interface")
	must(0, w.ReportLoadBalancer(lb.ID, ""))
	want("once it has it", Active, "")
	must(w.UpdateLoadBalancer(lb.ID, 0, named("a"), LoadBalancerSpec{Scheme: Internet, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.3")}}))
	want("when it gets another", Provisioning, "")
}

func TestAddressesInUseByOthers(t *testing.T) {
	taken := map[string]string{"10.0.0.1": "a router"}
	w := claimedWorld(t, taken)
	spec := LoadBalancerSpec{Scheme: Internet}
	lb := must(w.CreateLoadBalancer(named("a"), spec))
	is := func(want string) {
		t.Helper()
		if got := must(w.LoadBalancer(lb.ID)); got.IPs[0].String() != want {
			t.Errorf("want address %s, got %s (%s, %s)", want, got.IPs[0], got.State, got.Reason)
		}
	}
	is("10.0.0.2")
	asked := LoadBalancerSpec{Scheme: Internet, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	_, err := w.CreateLoadBalancer(named("b"), asked)
	wantCode(t, Conflict, err)

	taken["10.0.0.2"] = "a printer"
	must(0, w.ReplaceAddress(lb.ID, lb.IPs[0], "a printer"))
	is("10.0.0.3")
	must(0, w.ReplaceAddress(lb.ID, lb.IPs[0], "a printer")) // an old message
	is("10.0.0.3")

	taken["10.0.0.4"], taken["10.0.0.3"] = "a phone", "a phone"
	must(0, w.ReplaceAddress(lb.ID, netip.MustParseAddr("10.0.0.3"), "a phone"))
	is("10.0.0.3")
	if got := must(w.LoadBalancer(lb.ID)); got.State != Failed ||
		got.Reason != "address 10.0.0.3 is in use by a phone: no address of 10.0.0.1-10.0.0.4 is free: load balancers have 1, and 3 are in use by others on the network" {
		t.Errorf("got %s: %s", got.State, got.Reason)
	}
	delete(taken, "10.0.0.1") // below all that were tried
	must(0, w.ReplaceAddress(lb.ID, netip.MustParseAddr("10.0.0.3"), "a phone"))
	is("10.0.0.1")
	if got := w.FreeAddresses(4); len(got) != 0 {
		t.Errorf("want no address free, got %v", got)
	}

	delete(taken, "10.0.0.4")
	asked.Addresses[0] = netip.MustParseAddr("10.0.0.4")
	lb = must(w.CreateLoadBalancer(named("b"), asked))
	must(0, w.ReplaceAddress(lb.ID, lb.IPs[0], "a phone"))
	is("10.0.0.4")
	if got := must(w.LoadBalancer(lb.ID)); got.State != Failed || got.Reason != "address 10.0.0.4 was asked for and is in use by a phone" {
		t.Errorf("got %s: %s", got.State, got.Reason)
	}
}
