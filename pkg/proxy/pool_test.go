package proxy

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

func TestBackendWeights(t *testing.T) {
	for _, weights := range [][]uint32{{3, 1}, {8, 2}, {1, 1, 1}, {1, 99}, {0, 1}, {1000000, 500000, 500000}} {
		rule := &Rule{Action: &Forward{}}
		f := rule.Action.(*Forward)
		var total float64
		for _, w := range weights {
			f.Backends = append(f.Backends, Backend{Weight: w, Pool: "p"})
			total += float64(w)
		}
		state := newRouteState(rule, t.Logf).forward
		// Whichever part of the traffic is looked at, and wherever it begins.
		for _, step := range []int{1, 2, 3, 7, 10} {
			const n = 2000
			got := make([]int, len(weights))
			for range n {
				var b *backendState
				for range step {
					b = state.choose()
				}
				for i := range state.backends {
					if b == &state.backends[i] {
						got[i]++
					}
				}
			}
			for i, w := range weights {
				if off := math.Abs(float64(got[i])/n - float64(w)/total); off > 0.005 {
					t.Errorf("%v, every %d: want %d/%v of %d, got %d", weights, step, w, total, n, got[i])
				}
			}
		}
	}
}

// absentPool returns a pool of an engine, with n endpoints that are not there.
func absentPool(t *testing.T, a Algorithm, weights ...uint32) *pool {
	e := newEngine(t, Options{})
	cfg := &Pool{Protocol: PoolHTTP1, Algorithm: a}
	for i, w := range weights {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, 0, byte(i + 1)}), 1)
		cfg.Endpoints = append(cfg.Endpoints, Endpoint{Address: address, Weight: w})
	}
	if err := e.Apply(&Config{Pools: map[string]*Pool{"p": cfg}}); err != nil {
		t.Fatal(err)
	}
	return e.pools["p"]
}

func picks(p *pool, n int) map[*member]int {
	got := map[*member]int{}
	for range n {
		got[p.pick(nil)]++
	}
	return got
}

func TestRoundRobin(t *testing.T) {
	p := absentPool(t, RoundRobin, 1, 1, 1, 1)
	for m, n := range picks(p, 400) {
		if n != 100 {
			t.Errorf("%v: want 100, got %d", m.address(), n)
		}
	}
	p = absentPool(t, RoundRobin, 5, 3, 2)
	got := picks(p, 1000)
	for i, want := range []int{500, 300, 200} {
		if n := got[p.members[i]]; n < want-5 || n > want+5 {
			t.Errorf("weight %d: want %d, got %d", p.members[i].weight, want, n)
		}
	}
}

func TestLeastRequest(t *testing.T) {
	for _, size := range []int{3, 50} {
		weights := make([]uint32, size)
		p := absentPool(t, LeastRequest, weights...)
		p.members[0].inFlight.Store(1000)
		got := picks(p, 1000)
		if got[p.members[0]] != 0 && size <= scanned || got[p.members[0]] > 5 {
			t.Errorf("of %d: want the busy endpoint spared, got %d", size, got[p.members[0]])
		}
		if len(got) < size*3/4 {
			t.Errorf("of %d: want the others used, got %d of them", size, len(got))
		}
	}
}

func TestPickSkipsTried(t *testing.T) {
	p := absentPool(t, RoundRobin, 1, 1, 1)
	var done tried
	for range 3 {
		m := p.pick(&done)
		if m == nil || done.has(m.endpoint) {
			t.Fatal("want an endpoint that was not tried")
		}
		done.add(m.endpoint)
	}
	if m := p.pick(&done); m != nil {
		t.Errorf("want none, got %v", m.address())
	}
}

// switchable is an HTTP backend on one address that can be stopped and started.
type switchable struct {
	t       *testing.T
	address string
	server  *http.Server
	hits    atomic.Int64
	sick    atomic.Bool
}

func (s *switchable) start() {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			s.hits.Add(1)
		} else if s.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	s.server = server
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(s.stop)
}

func (s *switchable) stop() { _ = s.server.Close() }

func TestActiveHealth(t *testing.T) {
	for _, path := range []string{"", "/healthz"} {
		t.Run("path "+path, func(t *testing.T) {
			a, b := &switchable{t: t, address: "127.0.0.1:0"}, &switchable{t: t, address: "127.0.0.1:0"}
			a.start()
			b.start()
			p := poolOf(a.address, b.address)
			p.Health = &HealthCheck{Path: path, Interval: 20 * time.Millisecond, Timeout: 2 * time.Second, HealthyThreshold: 2, UnhealthyThreshold: 1}
			e := newEngine(t, Options{})
			address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
			is := func(want Health) func() bool {
				return func() bool { return e.Health()["p"][0].Health == want && e.Health()["p"][1].Health == Healthy }
			}
			eventually(t, "both are healthy", is(Healthy))
			if path == "" {
				a.stop()
			} else {
				a.sick.Store(true)
			}
			eventually(t, "a is out", is(Unhealthy))
			if reason := e.Health()["p"][0].Reason; reason == "" {
				t.Error("want a reason")
			}
			before := a.hits.Load()
			for range 10 {
				if status, _ := get(t, "http://"+address+"/"); status != 200 {
					t.Fatalf("want 200, got %d", status)
				}
			}
			if got := a.hits.Load() - before; got != 0 {
				t.Errorf("want nothing sent to a, got %d", got)
			}
			if path == "" {
				a.start()
			} else {
				a.sick.Store(false)
			}
			eventually(t, "a is back", is(Healthy))
			eventually(t, "a is used again", func() bool {
				get(t, "http://"+address+"/")
				return a.hits.Load() > before
			})
		})
	}
}

// TestCrash kills an endpoint whose next check is far away: traffic itself takes it out.
func TestCrash(t *testing.T) {
	a, b := &switchable{t: t, address: "127.0.0.1:0"}, &switchable{t: t, address: "127.0.0.1:0"}
	a.start()
	b.start()
	p := poolOf(a.address, b.address)
	p.Health = &HealthCheck{Interval: time.Hour}
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
	eventually(t, "both are healthy", func() bool { return e.Health()["p"][0].Health == Healthy && e.Health()["p"][1].Health == Healthy })
	for i := range 100 {
		if i == 50 {
			a.stop()
		}
		if status, _ := get(t, "http://"+address+"/"); status != 200 {
			t.Fatalf("request %d: want 200, got %d", i, status)
		}
	}
	if got := e.Health()["p"][0].Health; got != Unhealthy {
		t.Errorf("want a unhealthy, got %v", got)
	}
	b.stop()
	eventually(t, "503 when none is healthy", func() bool {
		status, _ := get(t, "http://"+address+"/")
		return status == 503
	})
}

// TestLateEndpoint has an endpoint that listens a moment after it is known, and whose next regular check is far away.
func TestLateEndpoint(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := &switchable{t: t, address: reserved.Addr().String()}
	reserved.Close()
	p := poolOf(late.address)
	p.Health = &HealthCheck{Interval: time.Hour}
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
	eventually(t, "it is found unhealthy", func() bool { return e.Health()["p"][0].Health == Unhealthy })
	late.start()
	eventually(t, "it is found healthy", func() bool { return e.Health()["p"][0].Health == Healthy })
	if status, _ := get(t, "http://"+address+"/"); status != 200 {
		t.Errorf("want 200, got %d", status)
	}
}

// TestSharedState has two pools and several rules on one endpoint, and changes them: its connections and health stay.
func TestSharedState(t *testing.T) {
	var opened atomic.Int64
	s := &http.Server{ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	e := newEngine(t, Options{})
	var address string
	c := site(t, map[string]Action{"/a": to("a"), "/b": to("b")}, nil)
	for i := range 10 {
		next := &Config{Listeners: c.Listeners, Pools: map[string]*Pool{"a": poolOf(l.Addr().String()), "b": poolOf(l.Addr().String())}}
		next.Pools["b"].Endpoints[0].Weight = uint32(i)
		address = apply(t, e, next)
		get(t, "http://"+address+"/a")
		get(t, "http://"+address+"/b")
	}
	if got := opened.Load(); got != 1 {
		t.Errorf("want one connection for all, got %d", got)
	}
	if got := fmt.Sprint(len(e.endpoints), e.Health()["a"][0].Requests); got != "1 20" {
		t.Errorf("want 1 endpoint with 20 requests, got %s", got)
	}
}

func TestForgottenRules(t *testing.T) {
	e := newEngine(t, Options{})
	old, kept := &Rule{Action: to("p")}, &Rule{Action: to("p")}
	e.routeFor(old)
	state := e.routeFor(kept)
	later := coarse() + 2*forgotten
	state.used.Store(later - 1)
	e.routes.sweep(later)
	if _, ok := e.routes.states.Load(old); ok {
		t.Error("want the rule without requests dropped")
	}
	if e.routeFor(kept) != state {
		t.Error("want the rule with requests kept")
	}
}
