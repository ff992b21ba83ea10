package reconciler_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/features"

	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

func withServices(c *reconciler.Config) { c.GatewayServices = true }

func (w *world) serviceNamed(name string) *corev1.Service {
	w.t.Helper()
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if !w.get(s) {
		return nil
	}
	return s
}

// endpoints returns "address port" for each endpoint of a slice, nil where there is none.
func (w *world) endpoints(slice string) []string {
	w.t.Helper()
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: slice}}
	if !w.get(s) {
		return nil
	}
	out := []string{}
	for _, e := range s.Endpoints {
		for _, p := range s.Ports {
			out = append(out, e.Addresses[0]+" "+*p.Name)
		}
	}
	return out
}

func (w *world) untilEndpoints(slice string, want ...string) {
	w.t.Helper()
	w.until("EndpointSlice "+slice+" has "+strings.Join(want, ", "), func() bool { return slices.Equal(w.endpoints(slice), want) })
}

// update changes an object as a user does, and again when somebody was faster.
func update[T client.Object](w *world, obj T, change func(T)) {
	w.t.Helper()
	for {
		if !w.get(obj) {
			w.t.Fatalf("there is no %s", obj.GetName())
		}
		change(obj)
		err := w.store.Client().Update(context.Background(), obj)
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			w.t.Fatal(err)
		}
	}
}

// writesOf returns how often the objects of the kinds of a Gateway's Service were written, by kind and name.
func (w *world) writesOf() map[string]int {
	out := make(map[string]int)
	for k, n := range w.store.WriteCount() {
		if k.Kind == "Service" || k.Kind == "EndpointSlice" {
			out[k.Kind+" "+k.Name.Name] += n
		}
	}
	return out
}

// dressed returns a Gateway with an infrastructure and two listeners.
func dressed(name string) *gwv1.Gateway {
	g := gateway(name)
	g.Spec.Infrastructure = &gwv1.GatewayInfrastructure{
		Labels:      map[gwv1.LabelKey]gwv1.LabelValue{"team": "edge", gwv1.GatewayNameLabelKey: "another"},
		Annotations: map[gwv1.AnnotationKey]gwv1.AnnotationValue{"note": "ours", corev1.LastAppliedConfigAnnotation: "{}"},
	}
	g.Spec.Listeners = append(g.Spec.Listeners, gwv1.Listener{Name: "dns", Port: 53, Protocol: gwv1.UDPProtocolType})
	return g
}

func TestGatewayService(t *testing.T) {
	w := newWorld(t)
	w.cloud.at = []string{"2001:db8::1", "192.0.2.1"}
	w.start(withServices)
	w.apply(dressed("gw"))
	w.programmed("gw")
	s := w.serviceNamed("gw-fake")
	if s == nil {
		t.Fatal("the Gateway is programmed, and there is no Service")
	}
	labels := map[string]string{"team": "edge", "gateway.networking.k8s.io/gateway-name": "gw", "gateway.networking.k8s.io/gateway-class-name": "fake"}
	annotations := map[string]string{
		"note": "ours", "cloudgate.dev/infrastructure": `{"labels":["gateway.networking.k8s.io/gateway-name","team"],"annotations":["note"]}`,
	}
	no := false
	owners := []metav1.OwnerReference{{
		APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway", Name: "gw", UID: w.gateway("gw").UID, Controller: new(true), BlockOwnerDeletion: &no,
	}}
	want := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw-fake", Labels: labels, Annotations: annotations, OwnerReferences: owners},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "None", ClusterIPs: []string{"None"}, Ports: []corev1.ServicePort{
			{Name: "udp-53", Protocol: "UDP", Port: 53, TargetPort: intstr.FromInt32(53)}, {Name: "http-80", Protocol: "TCP", Port: 80, TargetPort: intstr.FromInt32(80)},
		}},
	}
	bare := func(o client.Object) {
		o.SetUID("")
		o.SetResourceVersion("")
		o.SetGeneration(0)
		o.SetCreationTimestamp(metav1.Time{})
		o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	}
	bare(s)
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("Service want -, got +:\n%s", diff)
	}
	w.settle()
	for family, address := range map[discoveryv1.AddressType]string{discoveryv1.AddressTypeIPv4: "192.0.2.1", discoveryv1.AddressTypeIPv6: "2001:db8::1"} {
		labels := maps.Clone(labels)
		labels["kubernetes.io/service-name"], labels["endpointslice.kubernetes.io/managed-by"] = "gw-fake", "cloudgate.dev"
		name := "gw-fake-" + strings.ToLower(string(family))
		want := &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels, Annotations: annotations, OwnerReferences: owners},
			AddressType: family,
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
			Ports: []discoveryv1.EndpointPort{
				{Name: new("udp-53"), Protocol: new(corev1.ProtocolUDP), Port: new(int32(53))}, {Name: new("http-80"), Protocol: new(corev1.ProtocolTCP), Port: new(int32(80))},
			},
		}
		got := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
		if !w.get(got) {
			t.Fatalf("there is no EndpointSlice %s", name)
		}
		bare(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("EndpointSlice %s want -, got +:\n%s", name, diff)
		}
	}

	once := map[string]int{"Service gw-fake": 1, "EndpointSlice gw-fake-ipv4": 1, "EndpointSlice gw-fake-ipv6": 1}
	w.passed("gw")
	w.halt()
	w.start(withServices)
	w.passed("gw")
	w.settle()
	if diff := cmp.Diff(once, w.writesOf()); diff != "" {
		t.Errorf("writes after more passes and a restart want -, got +:\n%s", diff)
	}

	w.delete(w.gateway("gw"))
	w.until("the Service goes with its Gateway", func() bool { return w.serviceNamed("gw-fake") == nil && w.endpoints("gw-fake-ipv4") == nil })
}

// A change of the Gateway or of the load balancer's addresses is one write of each object that it changes.
func TestGatewayServiceFollows(t *testing.T) {
	w := newWorld(t)
	w.start(withServices)
	w.apply(dressed("gw"))
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
	update(w, w.serviceNamed("gw-fake"), func(s *corev1.Service) { s.Labels["theirs"], s.Annotations["theirs"] = "yes", "yes" })
	w.settle()
	before := w.writesOf()

	update(w, w.gateway("gw"), func(g *gwv1.Gateway) { g.Spec.Listeners = g.Spec.Listeners[:1] })
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 http-80")
	// With the labels, which its resources in the cloud have too, the test's cloud changes the addresses.
	w.cloud.set(func() { w.cloud.at = []string{"192.0.2.7", "2001:db8::7"} })
	update(w, w.gateway("gw"), func(g *gwv1.Gateway) {
		g.Spec.Infrastructure.Labels = map[gwv1.LabelKey]gwv1.LabelValue{"tier": "one"}
		g.Spec.Infrastructure.Annotations = nil
	})
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.7 http-80")
	w.untilEndpoints("gw-fake-ipv6", "2001:db8::7 http-80")
	w.settle()
	s := w.serviceNamed("gw-fake")
	if got, want := s.Labels, map[string]string{"tier": "one", "theirs": "yes", "gateway.networking.k8s.io/gateway-name": "gw", "gateway.networking.k8s.io/gateway-class-name": "fake"}; !maps.Equal(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
	if _, old := s.Annotations["note"]; old || s.Annotations["theirs"] != "yes" {
		t.Errorf("annotations %v, want theirs and not note", s.Annotations)
	}
	after := w.writesOf()
	for _, name := range []string{"Service gw-fake", "EndpointSlice gw-fake-ipv4"} {
		if n := after[name] - before[name]; n != 2 {
			t.Errorf("%s: %d writes for two changes", name, n)
		}
	}
	w.cloud.set(func() { w.cloud.at = []string{"2001:db8::7"} })
	update(w, w.gateway("gw"), func(g *gwv1.Gateway) { g.Spec.Infrastructure.Labels["tier"] = "two" })
	w.until("the slice of a family without addresses goes", func() bool { return w.endpoints("gw-fake-ipv4") == nil })
}

func TestGatewayServiceIsRepaired(t *testing.T) {
	w := newWorld(t)
	w.start(withServices)
	w.apply(dressed("gw"))
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
	right := func() bool {
		s := w.serviceNamed("gw-fake")
		return s != nil && s.Spec.Type == corev1.ServiceTypeClusterIP && s.Spec.ClusterIP == "None" && s.Spec.Selector == nil && len(s.Spec.Ports) == 2 &&
			s.Labels["team"] == "edge" && s.Annotations["note"] == "ours" && strings.Contains(s.Annotations["cloudgate.dev/infrastructure"], "team") &&
			slices.Equal(w.endpoints("gw-fake-ipv4"), []string{"192.0.2.1 udp-53", "192.0.2.1 http-80"})
	}
	slice := func() *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw-fake-ipv4"}}
	}
	for name, change := range map[string]func(){
		"a selector": func() {
			update(w, w.serviceNamed("gw-fake"), func(s *corev1.Service) { s.Spec.Selector = map[string]string{"a": "b"} })
		},
		"ports": func() {
			update(w, w.serviceNamed("gw-fake"), func(s *corev1.Service) { s.Spec.Ports = s.Spec.Ports[:1] })
		},
		"labels":      func() { update(w, w.serviceNamed("gw-fake"), func(s *corev1.Service) { s.Labels = nil }) },
		"annotations": func() { update(w, w.serviceNamed("gw-fake"), func(s *corev1.Service) { s.Annotations = nil }) },
		"an address": func() {
			update(w, w.serviceNamed("gw-fake"), func(s *corev1.Service) { s.Spec.ClusterIP = "10.0.0.1" })
		},
		"the Service": func() { w.delete(w.serviceNamed("gw-fake")) },
		"the slice":   func() { w.delete(slice()) },
		"an endpoint": func() {
			update(w, slice(), func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Addresses[0] = "10.9.9.9" })
		},
		"its conditions": func() {
			update(w, slice(), func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Conditions.Ready = new(false) })
		},
		"its hints": func() {
			update(w, slice(), func(s *discoveryv1.EndpointSlice) {
				s.Endpoints[0].Addresses[0] = "10.9.9.8"
				s.Endpoints[0].Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "a"}}}
			})
		},
		"its labels": func() { update(w, slice(), func(s *discoveryv1.EndpointSlice) { s.Labels = nil }) },
	} {
		before := w.serviceNamed("gw-fake").UID
		change()
		w.until("repair of "+name, right)
		// The API lets nobody take an address from a Service that has one.
		if is, want := w.serviceNamed("gw-fake").UID != before, name == "an address" || name == "the Service"; is != want {
			t.Errorf("repair of %s: another Service %v, want %v", name, is, want)
		}
		s := slice()
		w.until("repair of "+name, func() bool {
			return w.get(s) && *s.Endpoints[0].Conditions.Ready && s.Endpoints[0].Hints == nil && s.Labels["kubernetes.io/service-name"] == "gw-fake"
		})
	}
}

// Where the cloud gives a name, the Service is an alias of it.
func TestGatewayServiceOfAHostname(t *testing.T) {
	w := newWorld(t)
	w.cloud.at = []string{"b.example.com", "a.example.com"}
	w.start(withServices)
	w.apply(dressed("gw"))
	w.programmed("gw")
	alias := func() bool {
		s := w.serviceNamed("gw-fake")
		return s != nil && s.Spec.Type == corev1.ServiceTypeExternalName && s.Spec.ExternalName == "a.example.com" && s.Spec.ClusterIP == "" && len(s.Spec.Ports) == 2
	}
	w.until("an alias", alias)
	w.cloud.set(func() { w.cloud.at = []string{"192.0.2.9", "a.example.com"} })
	update(w, w.gateway("gw"), func(g *gwv1.Gateway) { g.Spec.Infrastructure.Labels["tier"] = "one" })
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.9 udp-53", "192.0.2.9 http-80")
	if s := w.serviceNamed("gw-fake"); s.Spec.Type != corev1.ServiceTypeClusterIP || s.Spec.ClusterIP != "None" || s.Spec.ExternalName != "" {
		t.Errorf("with addresses it is %+v, want it headless", s.Spec)
	}
	w.cloud.set(func() { w.cloud.at = []string{"a.example.com"} })
	update(w, w.gateway("gw"), func(g *gwv1.Gateway) { g.Spec.Infrastructure.Labels["tier"] = "two" })
	w.until("an alias again", func() bool { return alias() && w.endpoints("gw-fake-ipv4") == nil })
}

// What is not ours is left as it is, and costs nothing but the name.
func TestGatewayServiceNameTaken(t *testing.T) {
	w := newWorld(t)
	theirs := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw-fake"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 9}}}}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw-fake-ipv4"}, AddressType: discoveryv1.AddressTypeIPv4}
	w.apply(theirs, slice)
	before := w.writesOf()
	w.start(withServices)
	w.apply(dressed("gw"))
	w.programmed("gw")
	w.passed("gw")
	w.settle()
	if n := w.eventCount("ServiceNotWritten"); n != 1 {
		t.Errorf("%d events, want one", n)
	}
	if diff := cmp.Diff(before, w.writesOf()); diff != "" {
		t.Errorf("writes to what is not ours want -, got +:\n%s", diff)
	}
	w.delete(theirs)
	w.until("the Service, now that the name is free", func() bool { return w.serviceNamed("gw-fake") != nil })
	w.until("an event about the slice", func() bool { return w.eventCount("ServiceNotWritten") == 2 })
	w.delete(slice)
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
	if w.eventCount("ServiceNotWritten") != 2 {
		t.Error("an event, though nothing is in the way")
	}
}

// What an earlier Gateway of the name left goes by itself, and is nothing to tell of.
func TestGatewayServiceOfAnEarlierGateway(t *testing.T) {
	w := newWorld(t)
	old := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw-fake", OwnerReferences: []metav1.OwnerReference{{
		APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway", Name: "gw", UID: "earlier", Controller: new(true),
	}}}}
	w.apply(old)
	w.start(withServices)
	w.apply(dressed("gw"))
	w.programmed("gw")
	w.settle()
	if s := w.serviceNamed("gw-fake"); s.OwnerReferences[0].UID != "earlier" || w.endpoints("gw-fake-ipv4") != nil {
		t.Errorf("it was taken over: %+v", s.ObjectMeta)
	}
	w.delete(old)
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
	if n := w.eventCount("ServiceNotWritten"); n != 0 {
		t.Errorf("%d events, want none", n)
	}
}

// A refusal is told once, and the load balancer serves.
func TestGatewayServiceRefused(t *testing.T) {
	w := newWorldOf(t, reconciler.Scheme(), memory.Options{Admit: func(o client.Object) error {
		if o.GetName() == "gw-fake" {
			return apierrors.NewForbidden(corev1.Resource("services"), o.GetName(), nil)
		}
		return nil
	}})
	w.start(withServices)
	w.apply(dressed("gw"))
	w.programmed("gw")
	w.passed("gw")
	w.settle()
	if n := w.eventCount("ServiceNotWritten"); n != 1 {
		t.Errorf("%d events, want one", n)
	}
	if w.endpoints("gw-fake-ipv4") != nil {
		t.Error("a slice without a Service")
	}
}

// The name of the Service has the class in it. Where another controller has the class, there is none.
func TestGatewayServiceMovesWithItsClass(t *testing.T) {
	w := newWorld(t)
	second := class("second")
	second.Spec.ControllerName = "cloudgate.dev/fake"
	theirs := class("theirs")
	theirs.Spec.ControllerName = "example.com/other"
	w.apply(second, theirs)
	w.start(withServices)
	w.apply(dressed("gw"))
	w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
	// Another's, which the Gateway owns as well.
	other := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw-other", OwnerReferences: w.serviceNamed("gw-fake").OwnerReferences}}
	w.apply(other)
	update(w, w.gateway("gw"), func(g *gwv1.Gateway) { g.Spec.GatewayClassName = "second" })
	w.untilEndpoints("gw-second-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
	w.until("the old name goes", func() bool { return w.serviceNamed("gw-fake") == nil && w.endpoints("gw-fake-ipv4") == nil })
	update(w, w.gateway("gw"), func(g *gwv1.Gateway) { g.Spec.GatewayClassName = "theirs" })
	w.until("all goes", func() bool { return w.serviceNamed("gw-second") == nil && w.endpoints("gw-second-ipv4") == nil })
	w.settle()
	if w.serviceNamed("gw-other") == nil {
		t.Error("another's Service was deleted")
	}
}

func TestWithdrawTakesServices(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := newWorld(t)
		w.start(withServices)
		w.apply(dressed("gw"))
		w.untilEndpoints("gw-fake-ipv4", "192.0.2.1 udp-53", "192.0.2.1 http-80")
		w.halt()
		if _, err := w.withdraw(time.Minute, keep); err != nil {
			t.Fatal(err)
		}
		if there := w.serviceNamed("gw-fake") != nil && w.endpoints("gw-fake-ipv4") != nil; there != keep {
			t.Errorf("withdrawn, load balancers kept %v: Service is there: %v", keep, there)
		}
	}
}

func TestGatewayServicesAreAnOption(t *testing.T) {
	for _, on := range []bool{false, true} {
		w := newWorld(t)
		w.start(func(c *reconciler.Config) { c.GatewayServices = on })
		w.apply(dressed("gw"))
		w.programmed("gw")
		w.settle()
		if there := w.serviceNamed("gw-fake") != nil; there != on {
			t.Errorf("option %v: Service is there: %v", on, there)
		}
		c := class("fake")
		w.get(c)
		if claims := slices.ContainsFunc(c.Status.SupportedFeatures, func(f gwv1.SupportedFeature) bool {
			return string(f.Name) == string(features.SupportGatewayInfrastructure)
		}); claims != on {
			t.Errorf("option %v: the class claims it: %v", on, claims)
		}
	}
}
