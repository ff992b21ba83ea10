package cluster

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestOneGatewayForSeveralNamespaces(t *testing.T) {
	w := start(t)
	t.Cleanup(func() { w.clear("platform", "store", "lab") })
	w.kubectl("apply", "--server-side", "--field-manager="+manager, "-k", "../../../examples/cross-namespace")
	own := w.ns
	for _, ns := range []string{"store", "lab"} {
		w.ns = ns
		w.ready(ns)
	}
	w.ns = own
	g := w.programmedIn("platform", "shared", 3) // both on everybody, store on selected, none on platform
	for _, l := range g.Status.Listeners {
		if want := map[gwv1.SectionName]int32{"everybody": 2, "selected": 1, "platform": 0}[l.Name]; l.AttachedRoutes != want {
			t.Errorf("listener %s has %d routes, want %d", l.Name, l.AttachedRoutes, want)
		}
	}
	v := w.visit(g, nil)
	w.serves(v, "http://store.example.com/", 200, "store")
	w.serves(v, "http://lab.example.com/", 200, "lab")
	v.Want("http://store.selected.test/", 200, "store")
	v.Want("http://lab.selected.test/", 404, "")   // not selected
	v.Want("http://store.platform.test/", 404, "") // not the Gateway's namespace

	// The backend of another namespace answers while its namespace grants it.
	v.Want("http://store.example.com/lab", 200, "lab")
	grant := read(t, "cross-namespace", "grant.yaml")
	w.delete(grant)
	w.eventually("the route to say RefNotPermitted", func() error {
		return w.routeSays("store", "store", "ResolvedRefs", "RefNotPermitted", "Accepted")
	})
	w.serves(v, "http://store.example.com/lab", 500, "")
	v.Want("http://store.example.com/", 200, "store")
	w.apply(grant)
	w.serves(v, "http://store.example.com/lab", 200, "lab")

	// A namespace that gets the label is selected.
	w.kubectl("label", "namespace", "lab", "shared-gateway=true")
	w.serves(v, "http://lab.selected.test/", 200, "lab")
	// A listener for the Gateway's own namespace that opens for all lets the others in.
	w.apply(edit(t, read(t, "cross-namespace", "gateway.yaml"), "from: Same", "from: All"))
	w.serves(v, "http://store.platform.test/", 200, "store")
}

// routeSays returns nil when every parent of an HTTPRoute has a condition False for a reason, and others True.
func (w *world) routeSays(namespace, name, condition, reason string, alsoTrue ...string) error {
	var r gwv1.HTTPRoute
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: name}, &r); err != nil {
		return err
	}
	if len(r.Status.Parents) == 0 {
		return fmt.Errorf("the route has no parents in its status")
	}
	for _, p := range r.Status.Parents {
		c := meta.FindStatusCondition(p.Conditions, condition)
		if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
			return fmt.Errorf("the condition %s is %+v", condition, c)
		}
		for _, kind := range alsoTrue {
			if err := isTrue(p.Conditions, kind, r.Generation); err != nil {
				return err
			}
		}
	}
	return nil
}
