package reconciler

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

func TestServiceNames(t *testing.T) {
	long := strings.Repeat("long-name.", 25) + "abc"
	seen := make(map[string]string)
	for _, test := range []struct{ gateway, class, want, reason string }{
		{"web", "fake", "web-fake", "GEP-1762"},
		{strings.Repeat("a", 58), "fake", strings.Repeat("a", 58) + "-fake", "63 are allowed"},
		{strings.Repeat("a", 59), "fake", "", "64 are not"},
		{"a.b", "fake", "", "no dots"},
		{"a-b", "fake", "a-b-fake", "is not the one before"},
		{"1", "fake", "", "begins with a letter"},
		{long, long, "", "as long as can be"},
		{long + "d", long, "", "and another"},
		{strings.Repeat("a", 54) + ".x", "fake", "", "cut at a dash"},
	} {
		gw := &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: test.gateway}, Spec: gwv1.GatewaySpec{GatewayClassName: gwv1.ObjectName(test.class)}}
		got := serviceName(gw).Name
		if test.want != "" && got != test.want {
			t.Errorf("%s: got %s, want %s", test.reason, got, test.want)
		}
		if faults := validation.IsDNS1035Label(got); len(faults) > 0 || strings.Contains(got, "--") {
			t.Errorf("%s: %s: %v", test.reason, got, faults)
		}
		if before, taken := seen[got]; taken {
			t.Errorf("%s: %s and %s have the same name", test.reason, before, test.gateway)
		}
		seen[got] = test.gateway
		if faults := validation.IsValidLabelValue(labelValue(test.gateway)); len(faults) > 0 {
			t.Errorf("%s: label: %v", test.reason, faults)
		}
	}
}

func TestEndpointOf(t *testing.T) {
	e := endpointOf([]ir.Listener{
		{Port: 443, Protocol: ir.ProtocolHTTPS}, {Port: 443, Protocol: ir.ProtocolTLS}, {Port: 443, Protocol: ir.ProtocolUDP}, {Port: 9000, Protocol: ir.ProtocolTCP},
	}, []string{"::ffff:192.0.2.2", "127.0.0.1", "169.254.1.1", "fe80::1%eth0", "0.0.0.0", "2001:db8::1", "192.0.2.1", "lb.example.com"})
	var ports []string
	for _, p := range e.ports {
		ports = append(ports, p.Name)
	}
	if want := []string{"https-443", "udp-443", "tcp-9000"}; !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v", ports, want)
	}
	if got, want := e.addresses[families[0]], []string{"192.0.2.1", "192.0.2.2"}; !slices.Equal(got, want) {
		t.Errorf("IPv4 %v, want %v", got, want)
	}
	if got, want := e.addresses[families[1]], []string{"2001:db8::1"}; !slices.Equal(got, want) {
		t.Errorf("IPv6 %v, want %v", got, want)
	}
	if e.hostname != "" {
		t.Errorf("hostname %s, though there are addresses", e.hostname)
	}
	if e := endpointOf(nil, []string{"127.0.0.1"}); !e.none() {
		t.Errorf("%+v, want none: nobody reaches it there", e)
	}
}
