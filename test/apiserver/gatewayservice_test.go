package apiserver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// addressCloud is a cloud whose load balancers are nothing but addresses, which the test chooses. Those of the fake cloud are loopback addresses
// here, which no EndpointSlice may have.
type addressCloud struct {
	mu  sync.Mutex
	at  []string
	has map[ir.OwnerKey]graph.Graph
}

// addressSpec is what a load balancer is asked to be: its labels, so that a change of them is one of it.
type addressSpec string

func (s addressSpec) Equal(got graph.Spec) bool     { return s == got.(addressSpec) }
func (s addressSpec) Explain(got graph.Spec) string { return string(got.(addressSpec) + " -> " + s) }

func (c *addressCloud) Name() string { return "fake" }

func (c *addressCloud) Features() ir.Features {
	return ir.Features{ir.FeatureHTTP: {Grade: ir.Exact}, ir.FeatureUDP: {Grade: ir.Exact}}
}

func (c *addressCloud) Compile(want *ir.LoadBalancer) (cloud.Compiled, error) {
	if want == nil {
		return cloud.Compiled{}, nil
	}
	id := graph.ID{Kind: "lb", Name: "main"}
	return cloud.Compiled{Graph: graph.New(graph.Node{ID: id, Spec: addressSpec(fmt.Sprint(want.Labels))})}, nil
}

func (c *addressCloud) Observe(context.Context, cloud.Scope) (map[ir.OwnerKey]graph.Graph, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[ir.OwnerKey]graph.Graph)
	for key, g := range c.has {
		out[key] = maps.Clone(g)
	}
	return out, nil
}

func (c *addressCloud) Apply(_ context.Context, owner ir.Owner, s plan.Step) (graph.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Op == plan.Delete {
		delete(c.has, owner.Key())
		return graph.Node{}, nil
	}
	n := s.Want
	n.External, n.Addresses = "id", c.at
	c.has[owner.Key()] = graph.New(n)
	return n, nil
}

func (c *addressCloud) move(addresses ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = addresses
}

// serveAddresses runs a controller in this process, with the permissions of the chart.
func (w *world) serveAddresses(c *addressCloud) {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", w.account)
	if err != nil {
		w.t.Fatal(err)
	}
	mgr, err := manager.New(config, manager.Options{
		Scheme: reconciler.Scheme(), Logger: logr.Discard(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := reconciler.Setup(mgr, reconciler.Config{Providers: []cloud.Provider{c}, Cluster: "test", AuditInterval: time.Hour, GatewayServices: true}); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Errorf("the manager ended: %v", err)
		}
	})
}

// A real API server fills in what a Service leaves open, and forbids some changes of it. What the controller writes is taken, and stays as it is.
func TestGatewayServices(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	c := &addressCloud{at: []string{"192.0.2.1", "2001:db8::1"}, has: make(map[ir.OwnerKey]graph.Graph)}
	w.serveAddresses(c)
	gw := gateway("web")
	tier := func(value gwv1.LabelValue) {
		edit(w, gateway("web"), func(g *gwv1.Gateway) {
			g.Spec.Infrastructure = &gwv1.GatewayInfrastructure{Labels: map[gwv1.LabelKey]gwv1.LabelValue{"tier": value}}
		})
	}
	w.create(gw)
	w.programmed("web")
	service := &corev1.Service{ObjectMeta: named("web-fake")}
	is := func(what string, ok func() bool) {
		t.Helper()
		until(t, what, func() bool { return w.Get(t.Context(), keyOf(service), service) == nil && ok() })
	}
	headless := func() bool {
		return service.Spec.ClusterIP == "None" && service.Spec.Type == corev1.ServiceTypeClusterIP && service.Spec.Ports[0].Port == 8080
	}
	is("a headless Service", headless)
	made := func(all []request) map[string]int {
		out := make(map[string]int)
		for _, r := range all {
			if r.isWrite() && (r.resource() == "services" || r.resource() == "endpointslices") {
				out[r.Verb+" "+r.resource()]++
			}
		}
		return out
	}
	all := made(w.calm(0))
	if diff := cmp.Diff(map[string]int{"create services": 1, "create endpointslices": 2}, all); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}

	mark := w.mark()
	edit(w, gateway("web"), func(g *gwv1.Gateway) { g.Labels = map[string]string{"touched": "yes"} })
	edit(w, gateway("web"), func(g *gwv1.Gateway) { g.Labels = nil })
	if got := made(w.calm(mark)); len(got) > 0 {
		t.Errorf("writes though nothing changed: %v", got)
	}

	mark = w.mark()
	c.move("lb.example.com")
	tier("alias")
	is("an alias", func() bool {
		return service.Spec.Type == corev1.ServiceTypeExternalName && service.Spec.ExternalName == "lb.example.com" && service.Labels["tier"] == "alias"
	})
	until(t, "no slices", func() bool {
		var list discoveryv1.EndpointSliceList
		return w.List(t.Context(), &list) == nil && !slices.ContainsFunc(list.Items, func(s discoveryv1.EndpointSlice) bool { return strings.HasPrefix(s.Name, "web-") })
	})
	w.calm(mark)
	tier("still")
	is("an alias of the same", func() bool { return service.Labels["tier"] == "still" })
	c.move("192.0.2.2")
	tier("addresses")
	is("a headless Service again", headless)
	slice := &discoveryv1.EndpointSlice{ObjectMeta: named("web-fake-ipv4")}
	at := func(address string) func() bool {
		return func() bool {
			return w.Get(t.Context(), keyOf(slice), slice) == nil && slice.Endpoints[0].Addresses[0] == address
		}
	}
	until(t, "its slice", at("192.0.2.2"))
	if diff := cmp.Diff(map[string]int{"patch services": 3, "delete endpointslices": 2, "create endpointslices": 1}, made(w.calm(mark))); diff != "" {
		t.Errorf("writes for three changes (-want +got):\n%s", diff)
	}

	// What an editor of Services can do to it.
	edit(w, slice, func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Addresses[0] = "10.9.9.9" })
	until(t, "the slice is repaired", at("192.0.2.2"))
	edit(w, service, func(s *corev1.Service) {
		s.Spec.Type, s.Spec.ExternalName, s.Spec.ClusterIP, s.Spec.ClusterIPs = "ExternalName", "x.example.com", "", nil
	})
	is("the type is repaired", headless)
	if err := w.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	is("the Service is there again", headless)
	theirs := &corev1.Service{ObjectMeta: named("taken-fake"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}
	w.create(theirs, func() *gwv1.Gateway { g := gateway("taken"); g.Spec.Listeners[0].Port = 8081; return g }())
	w.programmed("taken")
	before := w.raw(theirs)
	all2 := w.calm(0)
	if diff := cmp.Diff(before, w.raw(theirs)); diff != "" {
		t.Errorf("another's Service (-want +got):\n%s", diff)
	}
	if d := denied(all2); len(d) > 0 {
		t.Errorf("denied: %v", d)
	}
	for _, r := range all2 {
		if r.isWrite() && r.ResponseStatus.Code == 422 {
			t.Errorf("refused: %s", r.what())
		}
	}
}
