package apiserver

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// raw returns objects as the API server has them, with their versions and who manages which field.
func (w *world) raw(objs ...client.Object) []string {
	w.t.Helper()
	var out []string
	for _, o := range objs {
		if err := w.Get(w.t.Context(), keyOf(o), o); err != nil {
			w.t.Fatal(err)
		}
		data, err := json.Marshal(o)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, string(data))
	}
	return out
}

// What another controller looks after is left alone, byte for byte; of a route with parents of both, its part.
func TestForeignObjects(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	class := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}, Spec: gwv1.GatewayClassSpec{ControllerName: foreign}}
	theirs, route := gateway("theirs"), redirecting("theirs", "theirs", "x.invalid")
	theirs.Spec.GatewayClassName = "foreign"
	both := redirecting("both", "theirs", "both.invalid")
	both.Spec.ParentRefs = append(both.Spec.ParentRefs, gwv1.ParentReference{Name: "gw"})
	w.create(class, theirs, route, both)
	said := gwv1.RouteParentStatus{ParentRef: both.Spec.ParentRefs[0], ControllerName: foreign, Conditions: []metav1.Condition{{
		Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted", Message: "theirs", LastTransitionTime: metav1.Now()}}}
	both.Status.Parents = []gwv1.RouteParentStatus{said}
	if err := w.Status().Update(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	before := w.raw(class, theirs, route)

	w.replica()
	w.leader()
	w.create(gateway("gw"))
	address := w.programmed("gw")
	until(t, "our half serves", func() bool { return ask(address, "both.example.com") == "both.invalid" })
	edit(w, redirecting("theirs", "", ""), func(r *gwv1.HTTPRoute) {}) // as it is: an event without a change
	if err := w.Delete(t.Context(), gateway("gw")); err != nil {
		t.Fatal(err)
	}
	until(t, "the Gateway is gone", func() bool { return w.Get(t.Context(), keyOf(gateway("gw")), gateway("gw")) != nil })
	w.calm(0)
	if diff := cmp.Diff(before, w.raw(class, theirs, route)); diff != "" {
		t.Errorf("foreign objects (-want +got):\n%s", diff)
	}
	p := w.parent("both", foreign)
	if p == nil || p.Conditions[0].Message != "theirs" || w.parent("both", "cloudgate.dev/fake") != nil {
		t.Errorf("the status of the route with both parents: foreign part %+v, want it alone", p)
	}
}

// A cluster with few of the kinds is served, and the others are as soon as they are installed.
func TestKindsComeLater(t *testing.T) {
	w := newWorld(t, "standard", "instant", "gatewayclasses", "gateways", "httproutes", "referencegrants")
	r := w.replica("--kinds-interval", "500ms")
	w.leader()
	w.create(gateway("gw"), redirecting("a", "gw", "a.invalid"))
	address := w.programmed("gw")
	until(t, "the HTTPRoute serves", func() bool { return ask(address, "a.example.com") == "a.invalid" })
	if d := denied(w.since(0)); len(d) > 0 {
		t.Errorf("denied: %v", d)
	}

	w.install(gatewayAPI(t) + "/experimental")
	came := time.Now()
	port := gwv1.PortNumber(80)
	w.create(service("web", 9001)...)
	tcp := gateway("tcp")
	tcp.Spec.Listeners[0].Protocol, tcp.Spec.Listeners[0].Port = gwv1.TCPProtocolType, 9999
	w.create(tcp, &gwv1.TCPRoute{ObjectMeta: named("t"), Spec: gwv1.TCPRouteSpec{
		CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: "tcp"}}},
		Rules:           []gwv1.TCPRouteRule{{BackendRefs: []gwv1.BackendRef{{BackendObjectReference: gwv1.BackendObjectReference{Name: "web", Port: &port}}}}},
	}})
	until(t, "the TCPRoute is accepted", func() bool {
		route := &gwv1.TCPRoute{ObjectMeta: named("t")}
		if err := w.Get(t.Context(), keyOf(route), route); err != nil {
			t.Fatal(err)
		}
		return len(route.Status.Parents) > 0
	})
	if !r.runs() {
		t.Error("the controller had to be started again")
	}
	measured(t, "a kind that is installed later is served after %s, asking every 500ms", time.Since(came).Round(time.Millisecond))
}
