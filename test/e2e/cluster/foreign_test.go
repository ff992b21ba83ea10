package cluster

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const theirController gwv1.GatewayController = "example.com/theirs"

// raw is an object as the API server has it, with its resource version and who wrote what.
func (w *world) raw(resource, name string) string {
	w.Helper()
	return w.kubectl("get", "-n", w.ns, resource, name, "-o", "json", "--show-managed-fields")
}

// theirParents is what another controller's part of a route's status is, byte for byte.
func (w *world) theirParents(route string) string {
	w.Helper()
	var r gwv1.HTTPRoute
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: route}, &r); err != nil {
		w.Fatal(err)
	}
	var theirs []gwv1.RouteParentStatus
	for _, p := range r.Status.Parents {
		if p.ControllerName == theirController {
			theirs = append(theirs, p)
		}
	}
	out, err := json.Marshal(theirs)
	if err != nil {
		w.Fatal(err)
	}
	return string(out)
}

// writeTheirStatus does what another controller does to a route that names its Gateway.
func (w *world) writeTheirStatus(route string) {
	w.Helper()
	w.eventually("the other controller to have written its status", func() error {
		var r gwv1.HTTPRoute
		if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: route}, &r); err != nil {
			return err
		}
		r.Status.Parents = append(r.Status.Parents, gwv1.RouteParentStatus{
			ParentRef: gwv1.ParentReference{Name: "theirs"}, ControllerName: theirController,
			Conditions: []metav1.Condition{{
				Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted", Message: "ours, and not yours", LastTransitionTime: metav1.Now(), ObservedGeneration: r.Generation,
			}},
		})
		return w.client.Status().Update(w.ctx, &r, client.FieldOwner("theirs"))
	})
}

// TestWhatIsNotOursIsLeftAlone: a Gateway of another controller, a route with its Gateway as parent, and its part in the status of a
// route that has both as parents. None of them changes by a byte, whatever happens next to it.
func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	w := start(t)
	class := fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: %s}\nspec: {controllerName: %s}\n", w.ns, theirController)
	t.Cleanup(func() { w.delete(class) })
	w.apply(class, edit(t, traffic.Gateway80("theirs"), "gatewayClassName: fake", "gatewayClassName: "+w.ns),
		traffic.Gateway80("web"),
		traffic.HTTPRoute("theirs", "{name: theirs}", "theirs.example.com", toApp),
		traffic.HTTPRoute("both", "{name: web}, {name: theirs}", "both.example.com", toApp))
	w.serve("app")
	w.writeTheirStatus("theirs")
	w.writeTheirStatus("both")
	v := w.visit(w.programmed("web", 1), nil)
	w.serves(v, "http://both.example.com/", 200, "app")

	before := map[string]string{
		"their class": w.kubectl("get", "gatewayclass", w.ns, "-o", "json", "--show-managed-fields"), "their Gateway": w.raw("gateway", "theirs"),
		"their route": w.raw("httproute", "theirs"), "their part of a common route": w.theirParents("both"),
	}
	compare := func(when string) {
		t.Helper()
		after := map[string]string{
			"their class": w.kubectl("get", "gatewayclass", w.ns, "-o", "json", "--show-managed-fields"), "their Gateway": w.raw("gateway", "theirs"),
			"their route": w.raw("httproute", "theirs"), "their part of a common route": w.theirParents("both"),
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s, what is not ours changed (-before +after):\n%s", when, diff)
		}
	}

	// Everything that we read of it happens: the Service's endpoints, another route, our own Gateway, its end.
	w.scale("app", 2)
	w.ready("app")
	for _, pod := range w.pods(w.ns, "app", "app") {
		w.serves(v, "http://both.example.com/", 200, pod.Name)
	}
	w.apply(traffic.HTTPRoute("more", "{name: web}", "more.example.com", toApp))
	w.serves(v, "http://more.example.com/", 200, "app")
	v.Want("http://theirs.example.com/", 404, "")
	compare("after changes")
	ours := traffic.Gateway80("web")
	w.delete(ours)
	w.gone(ours)
	w.eventually("our part of the common route to go", func() error {
		var r gwv1.HTTPRoute
		if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "both"}, &r); err != nil {
			return err
		}
		if len(r.Status.Parents) != 1 {
			return fmt.Errorf("%d parents", len(r.Status.Parents))
		}
		return nil
	})
	compare("after our Gateway went")
}
