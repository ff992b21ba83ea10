package dataplane

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// stand is a plane that the test steps by hand.
type stand struct {
	t     *testing.T
	world *world.World
	plane *Plane
}

func newStand(t *testing.T, net byte) *stand {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(150 + os.Getpid()%40), net, 0}), 24)
	w, err := world.New(world.Config{
		Pool: world.PrefixPool(prefix), Zone: "lb.test", Clock: world.ManualClock(time.Unix(0, 0)), Dice: world.NewDice(1),
		Latency: world.Instant, Quotas: world.DefaultQuotas(), Reported: true, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := New(Config{World: w, Ports: ports.New(ports.Config{Offset: 8000, Log: log}), Grace: time.Second, Log: log})
	t.Cleanup(func() {
		p.close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stand{t, w, p}
}

// step serves what changed.
func (s *stand) step() {
	for {
		select {
		case <-s.plane.watch.C:
			s.plane.sync(s.plane.watch.Take())
		case <-time.After(20 * time.Millisecond): // what the plane reports comes back to it
			return
		}
	}
}

// parts are the pointers that an engine was given: what is the same is not touched by it.
func (s *stand) parts() map[string]any {
	parts := map[string]any{}
	for _, b := range s.plane.balancers {
		for _, site := range b.sites {
			parts["listener "+b.Name+"/"+site.listener.Name] = site.serve
			for name, table := range site.tables {
				parts["table "+b.Name+"/"+site.listener.Name+"/"+name] = table
			}
		}
		for id, pool := range b.pools {
			p, err := s.world.Pool(id)
			if err != nil {
				s.t.Fatal(err)
			}
			parts["pool "+b.Name+"/"+p.Name] = pool
		}
	}
	return parts
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func forward(server, path, pool string) world.RuleSpec {
	return world.RuleSpec{
		Server: server, Matches: []world.Match{{Rank: path, Path: &world.Path{Type: world.PathPrefix, Value: path}}},
		Action: world.Action{Forward: &world.Forward{Backends: []world.Backend{{Weight: 1, Pool: pool}}}},
	}
}

// TestAChangeTouchesOnlyWhatChanged looks at what the engines are given before and after a change.
func TestAChangeTouchesOnlyWhatChanged(t *testing.T) {
	s := newStand(t, 1)
	w := s.world
	pools := map[string]string{}
	for _, name := range []string{"p", "q"} {
		pools[name] = must(w.CreatePool(world.Naming{Name: name}, world.PoolSpec{Protocol: world.PoolHTTP1}, nil)).ID
	}
	listeners, rules := map[string]world.Listener{}, map[string]string{}
	for _, name := range []string{"a", "b"} {
		lb := must(w.CreateLoadBalancer(world.Naming{Name: name}, world.LoadBalancerSpec{Scheme: world.Internet}))
		for _, port := range []uint16{8080, 8081} {
			l := must(w.CreateListener(lb.ID, world.Naming{Name: fmt.Sprint(port)}, world.ListenerSpec{
				Port: port, Protocol: world.HTTP, Servers: []world.Server{{Name: "x", Hostname: "x.test"}, {Name: "y"}}}))
			key := fmt.Sprint(name, "/", port)
			listeners[key] = l
			for _, server := range []string{"x", "y"} {
				rules[key+"/"+server] = must(w.CreateRule(l.ID, world.Naming{Name: server}, forward(server, "/"+server, pools["p"]))).ID
			}
		}
	}
	s.step()
	only := "" // the rule of pool q
	tests := []struct {
		reason string
		change func()
		want   []string
	}{
		{"nothing", func() {}, nil},
		{"labels", func() {
			must(w.UpdateLoadBalancer(listeners["a/8080"].LoadBalancer, 0, world.Naming{Name: "a", Labels: map[string]string{"a": "b"}}, world.LoadBalancerSpec{}))
		}, nil},
		{"a rule is made", func() {
			must(w.CreateRule(listeners["a/8080"].ID, world.Naming{Name: "new"}, forward("x", "/new", pools["p"])))
		},
			[]string{"listener a/8080", "table a/8080/x"}},
		{"a rule of a pool that is new there", func() {
			only = must(w.CreateRule(listeners["b/8081"].ID, world.Naming{Name: "new"}, forward("y", "/new", pools["q"]))).ID
		},
			[]string{"listener b/8081", "pool b/q", "table b/8081/y"}},
		{"members of a pool", func() {
			must(w.UpdateMembers(pools["q"], 0, []world.Member{{Address: netip.MustParseAddr("127.0.0.1"), Port: 9}}, nil))
		},
			[]string{"pool b/q"}},
		{"the last rule of a pool there is removed", func() { must(w.DeleteRule(only, 0)) }, []string{"gone pool b/q", "listener b/8081", "table b/8081/y"}},
		{"a rule is removed", func() { must(w.DeleteRule(rules["b/8080/x"], 0)) }, []string{"listener b/8080", "table b/8080/x"}},
		{"a listener is changed", func() {
			l := listeners["a/8081"]
			l.Servers = l.Servers[:1]
			must(w.UpdateListener(l.ID, 0, l.Naming, l.ListenerSpec))
		}, []string{"listener a/8081"}},
	}
	for _, tt := range tests {
		before := s.parts()
		tt.change()
		s.step()
		got := map[string]bool{}
		after := s.parts()
		for name, part := range after {
			if before[name] != part {
				got[name] = true
			}
		}
		for name := range before {
			if _, kept := after[name]; !kept {
				got["gone "+name] = true
			}
		}
		want := map[string]bool{}
		for _, name := range tt.want {
			want[name] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// TestNothingIsLeftOver deletes all there is and looks for what the plane has kept.
func TestNothingIsLeftOver(t *testing.T) {
	s := newStand(t, 2)
	w := s.world
	for round := range 2 {
		po := must(w.CreatePool(world.Naming{Name: "p"}, world.PoolSpec{Protocol: world.PoolHTTP1}, nil))
		lb := must(w.CreateLoadBalancer(world.Naming{Name: "a"}, world.LoadBalancerSpec{Scheme: world.Internet}))
		l := must(w.CreateListener(lb.ID, world.Naming{Name: "l"}, world.ListenerSpec{Port: 8080, Protocol: world.HTTP, Servers: []world.Server{{Name: "x"}}}))
		r := must(w.CreateRule(l.ID, world.Naming{Name: "r"}, forward("x", "/", po.ID)))
		s.step()
		switch round {
		case 0:
			must(w.DeleteRule(r.ID, 0))
			must(w.DeletePool(po.ID, 0))
			must(w.DeleteListener(l.ID, 0))
			must(w.DeleteLoadBalancer(lb.ID, 0))
		case 1:
			if err := w.Reset(); err != nil {
				t.Fatal(err)
			}
		}
		s.step()
		p := s.plane
		left := map[string]int{
			"balancers": len(p.balancers), "sites": len(p.sites), "homes": len(p.homes), "pools": len(p.pools), "certs": len(p.certs),
			"users": len(p.users), "claims": p.ports.Claims(), "dirty": len(p.dirty),
		}
		for what, n := range left {
			if n != 0 {
				t.Errorf("round %d: %d %s are left", round, n, what)
			}
		}
	}
}

func TestRanksKeepTheirOrder(t *testing.T) {
	rule := func(seq uint64, ranks ...string) *world.Rule {
		r := &world.Rule{Meta: world.Meta{Seq: seq}}
		for _, rank := range ranks {
			r.Matches = append(r.Matches, world.Match{Rank: rank})
		}
		return r
	}
	// Each before the next, by rank, then by age, then by place.
	ordered := []string{
		rank(rule(9, "a"), 0), rank(rule(10, "a", "a"), 0), rank(rule(10, "a", "a"), 1), rank(rule(1, "a\x00"), 0), rank(rule(1, "a\x00b"), 0),
		rank(rule(1, "a\x01"), 0), rank(rule(1, "aa"), 0), rank(rule(1, "b"), 0),
	}
	for i := 1; i < len(ordered); i++ {
		if ordered[i-1] >= ordered[i] {
			t.Errorf("rank %d is not before rank %d: %q, %q", i-1, i, ordered[i-1], ordered[i])
		}
	}
}

func TestRunStopsServing(t *testing.T) {
	s := newStand(t, 3)
	must(s.world.CreateLoadBalancer(world.Naming{Name: "a"}, world.LoadBalancerSpec{Scheme: world.Internet}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.plane.Run(ctx); close(done) }()
	cancel()
	<-done
	if got := s.plane.Stats(); got != (proxy.Stats{}) {
		t.Errorf("traffic of nobody: %+v", got)
	}
}
