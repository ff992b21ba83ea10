package reconciler_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestClasses(t *testing.T) {
	w := newWorld(t)
	bad := class("bad")
	bad.Spec.ControllerName = "cloudgate.dev/fake"
	bad.Spec.ParametersRef = &gwv1.ParametersReference{Group: "example.com", Kind: "Thing", Name: "x"}
	unknown := class("unknown")
	foreign := class("foreign")
	foreign.Spec.ControllerName = "example.com/other"
	w.apply(bad, unknown, foreign)
	w.start()
	for name, want := range map[string]metav1.ConditionStatus{"fake": metav1.ConditionTrue, "bad": metav1.ConditionFalse, "unknown": metav1.ConditionFalse} {
		w.until(name+" is judged", func() bool {
			c := class(name)
			w.get(c)
			cond := condition(c.Status.Conditions, "Accepted")
			return cond != nil && cond.Status == want
		})
	}
	fake := class("fake")
	w.get(fake)
	if len(fake.Status.SupportedFeatures) == 0 {
		t.Error("no supportedFeatures")
	}
	w.settle()
	w.get(foreign)
	if len(foreign.Status.Conditions) != 0 || len(foreign.Finalizers) != 0 {
		t.Errorf("another controller's class was touched: %+v", foreign)
	}

	// A Gateway of a class that is not accepted gets nothing, until the class is.
	g := gateway("gw")
	g.Spec.GatewayClassName = "bad"
	w.apply(g)
	w.settle()
	if n := w.cloud.size(); n != 0 || len(w.gateway("gw").Finalizers) != 0 {
		t.Errorf("a Gateway of a refused class was served: %d resources", n)
	}
	bad = class("bad")
	bad.Spec.ControllerName = "cloudgate.dev/fake"
	w.apply(bad)
	w.until("served", func() bool { return w.cloud.size() == 2 })
}

func TestListenerSetsAndGrants(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.apply(namespace("apps"))
	all := gwv1.NamespacesFromAll
	g := gateway("gw")
	g.Spec.AllowedListeners = &gwv1.AllowedListeners{Namespaces: &gwv1.ListenerNamespaces{From: &all}}
	set := &gwv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "set"},
		Spec: gwv1.ListenerSetSpec{
			ParentRef: gwv1.ParentGatewayReference{Name: "gw", Namespace: ptr(gwv1.Namespace("default"))},
			Listeners: []gwv1.ListenerEntry{{Name: "more", Port: 8080, Protocol: gwv1.HTTPProtocolType}},
		},
	}
	r := route("a", "set", "web")
	r.Namespace = "apps"
	r.Spec.ParentRefs[0].Kind = ptr(gwv1.Kind("ListenerSet"))
	r.Spec.Rules[0].BackendRefs[0].Namespace = ptr(gwv1.Namespace("default"))
	w.apply(service("web", "10.0.0.1")...)
	w.apply(g, set, r)
	w.programmed("gw")
	w.until("the listener", func() bool { return w.count("listener") == 2 && w.count("rule") == 1 })
	w.settle()
	if n := w.count("pool"); n != 0 {
		t.Errorf("%d pools without a grant, want none", n)
	}

	grant := &gwv1.ReferenceGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "grant"},
		Spec: gwv1.ReferenceGrantSpec{
			From: []gwv1.ReferenceGrantFrom{{Group: gwv1.GroupName, Kind: "HTTPRoute", Namespace: "apps"}},
			To:   []gwv1.ReferenceGrantTo{{Kind: "Service"}},
		},
	}
	w.apply(grant)
	w.until("the pool", func() bool { return w.count("pool") == 1 })
	w.delete(grant)
	w.until("the pool goes", func() bool { return w.count("pool") == 0 })
	w.delete(set)
	w.until("the listener goes", func() bool { return w.count("listener") == 1 && w.count("rule") == 0 })
}

func ptr[T any](v T) *T { return &v }

// count returns how many resources of a kind the cloud has.
func (w *world) count(kind string) int {
	w.cloud.mu.Lock()
	defer w.cloud.mu.Unlock()
	n := 0
	for _, g := range w.cloud.has {
		for id := range g {
			if string(id.Kind) == kind {
				n++
			}
		}
	}
	return n
}
