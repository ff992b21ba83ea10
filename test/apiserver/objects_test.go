package apiserver

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// keyOf returns the name of an object.
func keyOf(o client.Object) client.ObjectKey { return client.ObjectKeyFromObject(o) }

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name}
}

func gateway(name string) *gwv1.Gateway {
	return &gwv1.Gateway{ObjectMeta: named(name), Spec: gwv1.GatewaySpec{
		GatewayClassName: "fake", Listeners: []gwv1.Listener{{Name: "http", Port: 8080, Protocol: gwv1.HTTPProtocolType}},
	}}
}

func bare(name, gw string) *gwv1.HTTPRoute {
	return &gwv1.HTTPRoute{ObjectMeta: named(name), Spec: gwv1.HTTPRouteSpec{
		CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: gwv1.ObjectName(gw)}}},
		Hostnames:       []gwv1.Hostname{gwv1.Hostname(name + ".example.com")},
	}}
}

// redirecting returns a route for the host NAME.example.com that answers with a redirect to another.
func redirecting(name, gw, to string) *gwv1.HTTPRoute {
	r := bare(name, gw)
	host, status := gwv1.PreciseHostname(to), 302
	r.Spec.Rules = []gwv1.HTTPRouteRule{{Filters: []gwv1.HTTPRouteFilter{{
		Type: gwv1.HTTPRouteFilterRequestRedirect, RequestRedirect: &gwv1.HTTPRequestRedirectFilter{Hostname: &host, StatusCode: &status},
	}}}}
	return r
}

// forwarding returns a route that sends requests to Services by weight.
func forwarding(name, gw string, weights map[string]int32) *gwv1.HTTPRoute {
	r := bare(name, gw)
	var refs []gwv1.HTTPBackendRef
	for _, service := range slices.Sorted(keys(weights)) {
		port, weight := gwv1.PortNumber(80), weights[service]
		refs = append(refs, gwv1.HTTPBackendRef{BackendRef: gwv1.BackendRef{
			BackendObjectReference: gwv1.BackendObjectReference{Name: gwv1.ObjectName(service), Port: &port}, Weight: &weight,
		}})
	}
	r.Spec.Rules = []gwv1.HTTPRouteRule{{BackendRefs: refs}}
	return r
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// service returns a Service and its endpoints: ports of this machine, where nobody listens. The API server takes no loopback addresses.
func service(name string, ports ...int32) []client.Object {
	objs := []client.Object{&corev1.Service{ObjectMeta: named(name), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}}
	for _, port := range ports {
		objs = append(objs, endpoints(name, port))
	}
	return objs
}

func endpoints(service string, port int32) *discoveryv1.EndpointSlice {
	ready, portName := true, ""
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: named(service + "-" + strconv.Itoa(int(port))), AddressType: discoveryv1.AddressTypeIPv4,
		Ports:     []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{ownAddress()}, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready}}},
	}
	s.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	return s
}

// ownAddress is an address of this machine that is none of loopback: what is sent there stays here.
func ownAddress() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "192.0.2.1"
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr().String()
		}
	}
	return "192.0.2.1"
}

// parseMetric sums the samples of a metric whose labels hold all the words.
func parseMetric(from io.Reader, name string, words []string) (sum float64) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(rest, w) }) {
			continue
		}
		if v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			sum += v
		}
	}
	return sum
}
