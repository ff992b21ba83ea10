package world

import (
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testConfig() Config {
	return Config{
		Pool: PrefixPool(netip.MustParsePrefix("127.64.0.0/16")), Zone: "lb.test", Clock: ManualClock(start), Dice: NewDice(1),
		Latency: Instant, Quotas: DefaultQuotas(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func onDisk(t testing.TB) Config {
	cfg := testConfig()
	cfg.Path = filepath.Join(t.TempDir(), "state.db")
	cfg.NoSync = true
	return cfg
}

func open(t testing.TB, cfg Config) *World {
	t.Helper()
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, w) })
	return w
}

func shut(t testing.TB, w *World) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// must returns v, and fails the test where err is not nil. It is for calls whose error is not what a test is about.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func named(name string) Naming { return Naming{Name: name} }

// chain makes a load balancer, a listener and a pool.
func chain(w *World, name string) (LoadBalancer, Listener, Pool) {
	lb := must(w.CreateLoadBalancer(named(name), LoadBalancerSpec{Scheme: Internet}))
	ls := must(w.CreateListener(lb.ID, named("http"), ListenerSpec{Port: 80, Protocol: HTTP, Servers: []Server{{Name: "all"}}}))
	po := must(w.CreatePool(named(name+"-pool"), PoolSpec{Protocol: PoolHTTP1, Algorithm: RoundRobin}, nil))
	return lb, ls, po
}

func forwardTo(pool string) RuleSpec {
	return RuleSpec{
		Server: "all", Matches: []Match{{Rank: "1", Path: &Path{Type: PathPrefix, Value: "/"}}},
		Action: Action{Forward: &Forward{Backends: []Backend{{Weight: 1, Pool: pool}}}},
	}
}

func wantCode(t *testing.T, want Code, err error) {
	t.Helper()
	if got := CodeOf(err); got != want {
		t.Errorf("error code: want %d, got %d (%v)", want, got, err)
	}
}

// eventually polls until f is true. What it waits for is done by goroutines, not by the clock of the world.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func netipPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
