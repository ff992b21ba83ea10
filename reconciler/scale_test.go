package reconciler_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A thousand routes on one Gateway: each status is written once, one more route costs one call and few writes.
func TestAThousandRoutes(t *testing.T) {
	const n = 1000
	w := newWorld(t)
	var objs []client.Object
	for i := range n {
		svc := fmt.Sprintf("svc%d", i%100)
		if i < 100 {
			objs = append(objs, service(svc, fmt.Sprintf("10.0.%d.1", i))...)
		}
		objs = append(objs, route(fmt.Sprintf("r%d", i), "gw", svc))
	}
	w.apply(objs...)
	w.apply(gateway("gw"))
	began := time.Now()
	w.start()
	w.programmed("gw")
	w.until("all statuses", func() bool { return len(w.statusWrites()) == n+3 })
	took := time.Since(began)
	w.settle()

	for object, count := range w.statusWrites() {
		if count != 1 {
			t.Errorf("%s: status written %d times, want once", object, count)
		}
	}
	g := w.gateway("gw")
	if got := g.Status.Listeners[0].AttachedRoutes; got != n {
		t.Errorf("attachedRoutes %d, want %d", got, n)
	}
	w.cloud.take()
	before := w.writes()
	began = time.Now()
	w.apply(route("more", "gw", "svc1"))
	w.until("served", func() bool { return w.cloud.size() == 2+n+1+100 })
	served := time.Since(began)
	w.settle()
	if got := w.calls(); got.Steps["create rule"] != 1 || len(got.Steps) != 1 || got.Reads != 0 {
		t.Errorf("calls for one more route: %+v, want one rule", got)
	}
	// The route itself, its status, the Gateway's (attachedRoutes) and the LoadBalancer's (rules, digest).
	if got := w.writes() - before; got != 4 {
		t.Errorf("%d writes for one more route, want 4", got)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("%d routes programmed with all statuses after %s; one more served after %s; heap %d MiB", n, took, served, m.HeapAlloc>>20)
}

// Routes that come one by one, as fast as they can be written: statuses are still written about once each.
func TestABurstOfRoutesIsCoalesced(t *testing.T) {
	const n = 300
	w := serving(t)
	for i := range n {
		w.apply(route(fmt.Sprintf("r%d", i), "gw", "web"))
	}
	w.until("attached", func() bool {
		s := w.gateway("gw").Status
		return len(s.Listeners) == 1 && s.Listeners[0].AttachedRoutes == n+1
	})
	w.settle()
	gatewayWrites := 0
	for object, count := range w.statusWrites() {
		if object == "Gateway default/gw" {
			gatewayWrites = count
		} else if count != 1 && object != "LoadBalancer default/gw" {
			t.Errorf("%s: status written %d times, want once", object, count)
		}
	}
	t.Logf("%d writes of the Gateway's status for %d routes", gatewayWrites, n)
	if gatewayWrites > n {
		t.Errorf("%d writes of the Gateway's status for %d routes", gatewayWrites, n)
	}
}

// BenchmarkNoOp measures a pass over a Gateway with many routes when nothing changed that matters.
func BenchmarkNoOp(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			var objs []client.Object
			for i := range n {
				objs = append(objs, service(fmt.Sprintf("svc%d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250))...)
				objs = append(objs, route(fmt.Sprintf("r%d", i), "gw", fmt.Sprintf("svc%d", i)))
			}
			w.apply(objs...)
			w.apply(gateway("gw"))
			w.start()
			w.programmed("gw")
			w.settle()
			b.ResetTimer()
			for i := range b.N {
				before := w.passes()
				g := gateway("gw")
				g.ObjectMeta.Labels = map[string]string{"n": fmt.Sprint(i)}
				w.apply(g)
				for w.passes() == before {
					time.Sleep(50 * time.Microsecond)
				}
			}
		})
	}
}
