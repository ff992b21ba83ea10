package apiserver

import (
	"os"
	"testing"
	"time"
)

// Nothing changes, so nothing is written but the lease, and no pass runs.
func TestSteadyState(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	w.replica()
	w.replica()
	leader := w.leader()
	w.create(service("web", 9001)...)
	w.create(gateway("gw"), forwarding("a", "gw", map[string]int32{"web": 1}), redirecting("b", "gw", "b.invalid"))
	w.programmed("gw")
	w.calm(0)
	if d := denied(w.since(0)); len(d) > 0 {
		t.Errorf("denied: %v", d)
	}
	if lb := w.active("gw"); lb.Status.Pools != 1 || lb.Status.Targets != 1 {
		t.Errorf("LoadBalancer counts %+v, want 1 pool and 1 target", lb.Status)
	}

	period := 10 * time.Second
	if os.Getenv("CI") != "" {
		period = time.Minute
	}
	mark, passes := w.mark(), leader.gauge("controller_runtime_reconcile_total")
	time.Sleep(period) // that nothing happens shows only by time that passes
	all := w.since(mark)
	objects, leases := writes(all)
	if len(objects) > 0 {
		t.Errorf("writes in steady state: %v, want none", count(objects))
	}
	if ran := leader.gauge("controller_runtime_reconcile_total") - passes; ran != 0 {
		t.Errorf("%v passes in steady state, want none", ran)
	}
	reads := make(map[string]int)
	for _, r := range all {
		if !r.isWrite() && r.resource() != "leases" {
			reads[r.Verb]++
		}
	}
	measured(t, "steady state over %s, 2 replicas: 0 writes, 0 passes; %d renewals of the lease; reads %v (get %d of the lease)",
		period, len(leases), reads, len(all)-len(objects)-len(leases)-reads["get"]-reads["list"]-reads["watch"])
}
