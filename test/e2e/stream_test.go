package e2e

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func TestTCP(t *testing.T) { tellTCP(t, onFake) }

func tellTCP(t *testing.T, on class) {
	w := on.start(t, example("tcp"), func(w *world) {
		b, err := echo.ListenTCP("lines-1", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "lines", "tcp", "TCP", b.Addr())
	})
	g := w.programmed("tcp", 1)
	if got := traffic.WantLines(t, g.Listeners[0].Endpoint, 3); got != "lines-1" {
		t.Errorf("answered by %q, want lines-1", got)
	}
}

func TestDNSOverUDP(t *testing.T) { tellDNSOverUDP(t, onFake) }

func tellDNSOverUDP(t *testing.T, on class) {
	want := netip.MustParseAddr("192.0.2.53")
	w := on.start(t, example("udp-dns"), func(w *world) {
		b, err := echo.ListenDNS("dns-1", "127.0.0.1:0", want)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "dns", "dns", "UDP", b.Addr())
	})
	g := w.programmed("dns", 1)
	for id := range uint16(20) {
		if got, err := traffic.Resolve(g.Listeners[0].Endpoint, id); err != nil || got != want {
			t.Errorf("query %d: address %s, %v; want %s", id, got, err, want)
		}
	}
}

const everyProtocol = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: tcp, port: 53, protocol: TCP}
  - {name: udp, port: 53, protocol: UDP}
`

const everyRoute = `apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  ports:
  - {name: tcp, port: 53, protocol: TCP}
  - {name: udp, port: 53, protocol: UDP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: dns}
spec:
  parentRefs: [{name: web, sectionName: tcp}]
  rules: [{backendRefs: [{name: dns, port: 53}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: dns}
spec:
  parentRefs: [{name: web, sectionName: udp}]
  rules: [{backendRefs: [{name: dns, port: 53}]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: dns-1, labels: {kubernetes.io/service-name: dns}}
addressType: IPv4
ports:
- {name: tcp, protocol: TCP, port: %[1]d}
- {name: udp, protocol: UDP, port: %[1]d}
endpoints: [{addresses: ["%[2]s"], conditions: {ready: true}}]
`

// TestEveryProtocolOfOneGateway: HTTP, and TCP and UDP on one port, which AWS has two load balancers for. Both go with the Gateway.
func TestEveryProtocolOfOneGateway(t *testing.T) { tellEveryProtocolOfOneGateway(t, onFake) }

func tellEveryProtocolOfOneGateway(t *testing.T, on class) {
	want := netip.MustParseAddr("192.0.2.53")
	w := on.start(t, func(w *world) {
		own := newPool().Addr().Next() // where nobody else has the port of the other protocol
		datagrams, err := echo.ListenDNS("dns-1", netip.AddrPortFrom(own, 0).String(), want)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { datagrams.Close() })
		stream, err := echo.ListenTCP("dns-1", datagrams.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stream.Close() })
		w.write("gateway.yaml", everyProtocol)
		w.write("dns.yaml", fmt.Sprintf(everyRoute, stream.Addr().Port(), own))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web, sectionName: http}", "app.example.com", toApp))
		w.serve("app", "app-1")
	})
	g := w.programmed("web", 3)
	visit(t, w.only(g, "http"), nil).Want("http://app.example.com/", 200, "app-1")
	if got := traffic.WantLines(t, w.only(g, "tcp").Listeners[0].Endpoint, 3); got != "dns-1" {
		t.Errorf("TCP was answered by %q, want dns-1", got)
	}
	for id := range uint16(5) {
		if got, err := traffic.Resolve(w.only(g, "udp").Listeners[0].Endpoint, id); err != nil || got != want {
			t.Errorf("query %d: address %s, %v; want %s", id, got, err, want)
		}
	}
	w.its().WantSomething(t)
	w.remove("gateway.yaml")
	w.wait("the Gateway to be gone", noGateways)
	w.its().WantEmpty(t)
}

// only returns a Gateway with one of its listeners.
func (w *world) only(g dev.Gateway, listener string) dev.Gateway {
	w.Helper()
	for _, l := range g.Listeners {
		if l.Name == listener {
			g.Listeners = []dev.Listener{l}
			return g
		}
	}
	w.Fatalf("Gateway %s has no listener %s", g.Name, listener)
	return g
}
