package reconciler

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// The event of a deletion can come before the answer to a write that was just before it. Nothing is remembered then: no event would take it away.
func TestWriterForgetsWhatIsDeletedBeforeItsAnswer(t *testing.T) {
	gw := &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	store := memory.New(Scheme())
	if err := store.Apply(gw.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := store.Client().Get(t.Context(), client.ObjectKeyFromObject(gw), gw); err != nil {
		t.Fatal(err)
	}
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var w *writer
	deleted := false
	w = newWriter(interceptor.NewClient(store.Client(), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			err := c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			if deleted {
				w.echoless().Delete(event.DeleteEvent{Object: gw})
			}
			return err
		},
	}), m)
	for _, tt := range []struct {
		deleted bool
		want    int
	}{{false, 1}, {true, 0}} {
		deleted = tt.deleted
		var cs changes
		status := gwv1.GatewayStatus{Addresses: []gwv1.GatewayStatusAddress{{Value: "192.0.2.1"}}}
		if tt.deleted {
			status.Addresses = nil
		}
		add(w, &cs, "Gateway", gw, status, false, func(o *gwv1.Gateway) *gwv1.GatewayStatus { return &o.Status })
		if conflict, err := w.write(t.Context(), cs); len(cs) != 1 || conflict || err != nil {
			t.Fatalf("%d changes, conflict %v, error %v", len(cs), conflict, err)
		}
		if got := len(w.wrote) + len(w.under); got != tt.want {
			t.Errorf("deleted %v: %d objects are remembered, want %d", tt.deleted, got, tt.want)
		}
	}
}

// Passes over two Gateways of a route overlap. What one wrote into its status after the other had read it must not be taken back by that.
func TestWriterKeepsWhatAnotherPassWroteMeanwhile(t *testing.T) {
	route := &gwv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}}
	store := memory.New(Scheme())
	if err := store.Apply(route.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := store.Client().Get(t.Context(), client.ObjectKeyFromObject(route), route); err != nil {
		t.Fatal(err)
	}
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(store.Client(), m)
	write := func(gateway gwv1.ObjectName) bool { // from the route as it was read
		var cs changes
		want := gwv1.HTTPRouteStatus{RouteStatus: gwv1.RouteStatus{Parents: []gwv1.RouteParentStatus{{
			ControllerName: "cloudgate.dev/fake", ParentRef: gwv1.ParentReference{Name: gateway},
		}}}}
		add(w, &cs, "HTTPRoute", route, want, true, func(o *gwv1.HTTPRoute) *gwv1.HTTPRouteStatus { return &o.Status })
		conflict, err := w.write(t.Context(), cs)
		if err != nil {
			t.Fatal(err)
		}
		return conflict
	}
	if write("one") {
		t.Fatal("the first write met a conflict")
	}
	if !write("two") {
		t.Error("the second write met no conflict, though it knew nothing of the first")
	}
}
