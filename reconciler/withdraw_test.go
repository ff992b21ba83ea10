package reconciler_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// parents returns the names of the parents of which the status of a route speaks, with the controllers that do.
func (w *world) parents(name string) []string {
	w.t.Helper()
	r := route(name, "", "")
	w.get(r)
	var out []string
	for _, p := range r.Status.Parents {
		out = append(out, string(p.ControllerName)+" "+string(p.ParentRef.Name))
	}
	slices.Sort(out)
	return out
}

func (w *world) attached(name string, want ...string) {
	w.t.Helper()
	w.until("parents of route "+name, func() bool { return slices.Equal(w.parents(name), want) })
	w.settle()
	if diff := cmp.Diff(want, w.parents(name)); diff != "" {
		w.t.Errorf("parents in the status of route %s (-want +got):\n%s", name, diff)
	}
}

func listenerSet(name, gw string) *gwv1.ListenerSet {
	return &gwv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: gwv1.ListenerSetSpec{
			ParentRef: gwv1.ParentGatewayReference{Name: gwv1.ObjectName(gw)},
			Listeners: []gwv1.ListenerEntry{{Name: "more", Port: 8080, Protocol: gwv1.HTTPProtocolType}},
		},
	}
}

// withSet returns a world with a Gateway, a ListenerSet of it, and a route of the set alone.
func withSet(t *testing.T) *world {
	t.Helper()
	w := serving(t)
	g := gateway("gw")
	g.Spec.AllowedListeners = &gwv1.AllowedListeners{Namespaces: &gwv1.ListenerNamespaces{From: ptr(gwv1.NamespacesFromAll)}}
	r := route("b", "set", "web")
	r.Spec.ParentRefs[0].Kind = ptr(gwv1.Kind("ListenerSet"))
	w.apply(g, listenerSet("set", "gw"), r)
	w.attached("b", "cloudgate.dev/fake set")
	return w
}

func otherClass() *gwv1.GatewayClass {
	c := class("other")
	c.Spec.ControllerName = "example.com/other"
	return c
}

func ofClass(gw, class string) *gwv1.Gateway {
	g := gateway(gw)
	g.Spec.GatewayClassName = gwv1.ObjectName(class)
	return g
}

func TestStatusesGoWithTheirParent(t *testing.T) {
	for _, tc := range []struct {
		reason string
		change func(*world)
	}{
		{"the set is deleted", func(w *world) { w.delete(listenerSet("set", "gw")) }},
		{"the set goes to a Gateway that is not there", func(w *world) { w.apply(listenerSet("set", "nowhere")) }},
		{"the set goes to a Gateway of another controller", func(w *world) {
			w.apply(otherClass(), ofClass("theirs", "other"))
			w.apply(listenerSet("set", "theirs"))
		}},
		{"the Gateway goes to another controller", func(w *world) { w.apply(otherClass(), ofClass("gw", "other")) }},
		{"the Gateway is deleted", func(w *world) { w.delete(gateway("gw")) }},
		{"the set is deleted while no controller runs", func(w *world) {
			w.halt()
			w.delete(listenerSet("set", "gw"))
			w.start()
		}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			w := withSet(t)
			tc.change(w)
			w.attached("b")
		})
	}
}

func TestAStatusStaysWhileItsSetDoes(t *testing.T) {
	w := withSet(t)
	w.apply(service("web", "10.0.0.9")...)
	w.halt()
	w.start()
	w.passed("gw")
	w.attached("b", "cloudgate.dev/fake set")
}

func TestARouteThatChangesItsGateway(t *testing.T) {
	w := serving(t)
	w.apply(gateway("second"))
	w.programmed("second")
	w.apply(route("a", "second", "web"))
	w.attached("a", "cloudgate.dev/fake second")
	w.until("counted at the new one", func() bool { return w.gateway("second").Status.Listeners[0].AttachedRoutes == 1 })
	w.until("and not at the old", func() bool { return w.gateway("gw").Status.Listeners[0].AttachedRoutes == 0 })
	w.apply(ofClass("third", "other"), otherClass(), route("a", "third", "web"))
	w.attached("a")
}

func TestARouteOfAGatewayThatLeaves(t *testing.T) {
	w := serving(t)
	w.apply(otherClass(), ofClass("gw", "other"))
	w.attached("a")
	w.apply(ofClass("gw", "fake"))
	w.attached("a", "cloudgate.dev/fake gw")
}

func TestARouteOfAGatewayThatMovesToAnotherCloud(t *testing.T) {
	second := newTestCloud()
	second.name = "second"
	w := serving(t, func(c *reconciler.Config) { c.Providers = append(c.Providers, second) })
	w.apply(class("second"), ofClass("gw", "second"))
	w.attached("a", "cloudgate.dev/second gw")
}

// Somebody takes the finalizer off and deletes the Gateway while nobody looks.
func TestAStatusOfAGatewayThatWasNeverReleased(t *testing.T) {
	w := serving(t)
	w.halt()
	g := w.gateway("gw")
	g.Finalizers = nil
	if err := w.store.Client().Update(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	w.delete(gateway("gw"))
	w.start()
	w.attached("a")
}
