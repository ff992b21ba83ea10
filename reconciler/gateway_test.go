package reconciler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

func TestGatewayBecomesALoadBalancer(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.apply(service("web", "10.0.0.1", "10.0.0.2")...)
	w.apply(gateway("gw"), route("a", "gw", "web"))
	w.programmed("gw")
	w.settle()

	lb := w.loadBalancer("gw")
	got := lb.Status
	got.Conditions, got.Applied, got.Resources = nil, "", nil
	want := v1alpha1.LoadBalancerStatus{
		State: v1alpha1.StateActive, Address: "192.0.2.1", Addresses: []string{"192.0.2.1"},
		Listeners: 1, Rules: 1, Pools: 1, Targets: 2, Drift: "None", ObservedGeneration: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status of the LoadBalancer (-want +got):\n%s", diff)
	}
	done, reads := w.cloud.take()
	if diff := cmp.Diff(map[string]int{"create lb": 1, "create listener": 1, "create pool": 1, "create rule": 1}, steps(done)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if len(reads) != 0 {
		t.Errorf("the cloud of a new Gateway was read: %v", reads)
	}
	if n := w.eventCount("Created"); n != 1 {
		t.Errorf("%d Created events, want 1", n)
	}
}
