package world

import (
	"net/netip"
	"testing"
)

func TestOneWorldLendsWhatItsLoadBalancersDoNotHave(t *testing.T) {
	cfg := onDisk(t)
	cfg.Pool = PrefixPool(netip.MustParsePrefix("127.64.0.0/30")) // .1, .2 and .3
	w := open(t, cfg)
	one := must(w.Lend("aws-one"))
	lb := must(w.CreateLoadBalancer(named("own"), LoadBalancerSpec{}))
	if lb.IPs[0] == one {
		t.Fatalf("%s is given twice", one)
	}
	if CodeOf(w.Claim("aws-two", one)) != Conflict || CodeOf(w.Claim("aws-two", lb.IPs[0])) != Conflict {
		t.Error("an address that is taken was claimed")
	}
	if _, err := w.CreateLoadBalancer(named("asks"), LoadBalancerSpec{Addresses: []netip.Addr{one}}); CodeOf(err) != Conflict {
		t.Errorf("want a conflict over an address that is lent, got %v", err)
	}
	two := must(w.Lend("aws-two"))
	if _, err := w.Lend("aws-three"); CodeOf(err) != QuotaExceeded {
		t.Errorf("want the pool used up, got %v", err)
	}
	if err := w.Reset(); err != nil {
		t.Fatal(err)
	}
	if got := must(w.Lend("aws-three")); got == one || got == two {
		t.Errorf("a reset ended what others have: %s is given again", got)
	}
	w.GiveBack(one)
	if got := must(w.Lend("aws-four")); got != one {
		t.Errorf("want %s back, got %s", one, got)
	}
}

func TestALenderOfItsOwn(t *testing.T) {
	l := NewLender(PrefixPool(netip.MustParsePrefix("127.64.0.0/31"))) // .1
	one := must(l.Lend("a"))
	if _, err := l.Lend("b"); CodeOf(err) != QuotaExceeded {
		t.Errorf("want the pool used up, got %v", err)
	}
	if CodeOf(l.Claim("b", one)) != Conflict || CodeOf(l.Claim("b", netip.MustParseAddr("10.0.0.1"))) != InvalidArgument {
		t.Error("an address was claimed that is taken, or is none of the pool's")
	}
	l.GiveBack(one)
	if err := l.Claim("b", one); err != nil {
		t.Error(err)
	}
}
