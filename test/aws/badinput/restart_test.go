package badinput

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestRestart: another controller takes over 200 Gateways. It changes nothing, and reads pages, whatever the number of Gateways.
func TestRestart(t *testing.T) {
	const gateways = 200
	w := newWorld(t)
	w.quota("application-load-balancers", gateways)
	var objs []client.Object
	for i := range gateways {
		name := fmt.Sprintf("gw-%d", i)
		objs = append(objs, gateway(name), route(name, name, "web"))
	}
	w.apply(objs...)
	w.run()
	for i := range gateways {
		w.ready(fmt.Sprintf("gw-%d", i))
	}
	w.inSync()
	w.halt()

	before := w.mark()
	w.run()
	w.rest()
	started := w.since(before)
	first := w.audit()
	second := w.audit()
	all := w.since(before)
	if n := all.mutating(); len(n) > 0 {
		t.Errorf("want no calls that change something after a restart, got %s", n)
	}
	// The load balancers, target groups, security groups, their permissions and certificates are a page or few each; tags come for 20 load balancers or target groups
	// in a call; and the VPC.
	const pages = 10 + 2*gateways/20
	if n := len(started) + len(first); n > pages {
		t.Errorf("restart: want at most %d reads, got %d: %s, and in the first audit: %s", pages, n, started, first)
	}
	// Later audits read a sixth of the Gateways whole.
	const share = (gateways + auditsPerHour - 1) / auditsPerHour
	if most := pages + share*oneGateway; len(second) > most {
		t.Errorf("audit: want at most %d reads, got %d: %s", most, len(second), second)
	}
	t.Logf("MEASURED restart with %d Gateways: %d changing calls; %d reads until the first audit: %s", gateways, len(all.mutating()), len(started), started)
	t.Logf("MEASURED first audit with %d Gateways: %d reads: %s", gateways, len(first), first)
	t.Logf("MEASURED later audit with %d Gateways, %d of them whole: %d reads: %s", gateways, share, len(second), second)
}
