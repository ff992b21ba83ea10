package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// startApps runs a Gateway web with one route and a backend for each Service.
func startApps(t *testing.T, on class, rules string, services ...string) *traffic.Visitor {
	t.Helper()
	w := on.start(t, func(w *world) {
		on.approximate(w)
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("route.yaml", traffic.HTTPRoute("app", "{name: web}", "app.example.com", rules))
		for _, name := range services {
			w.write(name+".yaml", service(name))
			w.serve(name, name+"-1")
		}
	})
	return visit(t, w.programmed("web", 1), nil)
}

func TestMatchesAndTheirPrecedence(t *testing.T) { tellMatchesAndTheirPrecedence(t, onFake) }

func tellMatchesAndTheirPrecedence(t *testing.T, on class) {
	traffic.WantMatches(t, startApps(t, on, traffic.MatchRules, traffic.MatchServices...))
}

func TestFiltersAndTimeouts(t *testing.T) { tellFiltersAndTimeouts(t, onFake) }

func tellFiltersAndTimeouts(t *testing.T, on class) {
	on.needs(t, "an ALB has no timeouts by rule, changes no headers, and redirects to a whole path or the same")
	v := startApps(t, on, traffic.FilterRules, "app")
	v.Want("http://app.example.com/slow", 200, "app-1")
	traffic.WantFilters(t, v)
}

// TestRedirectsAndRewrites has of them what an ALB can do, too.
func TestRedirectsAndRewrites(t *testing.T) { tellRedirectsAndRewrites(t, onFake) }

func tellRedirectsAndRewrites(t *testing.T, on class) {
	v := startApps(t, on, `  - matches: [{path: {type: PathPrefix, value: /moved}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {hostname: new.example.com, port: 8443, scheme: https, statusCode: 302, path: {type: ReplaceFullPath, replaceFullPath: /here}}
  - matches: [{path: {type: PathPrefix, value: /whole}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: inner.example.com, path: {type: ReplaceFullPath, replaceFullPath: /all}}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /part}}]
    filters:
    - type: URLRewrite
      urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /other}}
    backendRefs: [{name: app, port: 80}]
`, "app")
	if a := v.Must("http://app.example.com/moved/a?b=c"); a.Status != 302 || a.Header.Get("Location") != "https://new.example.com:8443/here?b=c" {
		t.Errorf("redirect: %d to %q, want 302 to https://new.example.com:8443/here?b=c", a.Status, a.Header.Get("Location"))
	}
	for _, tt := range []struct{ path, host, want string }{
		{"/whole/x?y=z", "inner.example.com", "/all?y=z"},
		{"/part", "app.example.com", "/other?"},
		{"/part/x/y?z=1", "app.example.com", "/other/x/y?z=1"},
	} {
		if e := v.Must("http://app.example.com" + tt.path).Echo; e.Host != tt.host || e.Path+"?"+e.Query != tt.want {
			t.Errorf("%s: the backend saw %s at %s?%s, want %s at %s", tt.path, e.Host, e.Path, e.Query, tt.host, tt.want)
		}
	}
	v.Want("http://app.example.com/parted", 404, "")
}

func TestListenerSet(t *testing.T) { tellListenerSet(t, onFake) }

func tellListenerSet(t *testing.T, on class) {
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", strings.Replace(traffic.Gateway80("web"), "gatewayClassName: fake", "gatewayClassName: fake\n  allowedListeners: {namespaces: {from: All}}", 1))
		w.write("set.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: team}
spec:
  parentRef: {name: web, namespace: default}
  listeners:
  - {name: extra, port: 8081, protocol: HTTP}
`)
		w.write("app.yaml", strings.Replace(service("app"), "name: app}", "name: app, namespace: team}", 1)+"---\n"+
			strings.Replace(traffic.HTTPRoute("app", "{kind: ListenerSet, group: gateway.networking.k8s.io, name: more}", "app.example.com", toApp),
				"metadata: {name: app}", "metadata: {name: app, namespace: team}", 1))
		w.endpoints("team", "app", "http", "TCP", w.backend("app-1").Addr())
	})
	v := visit(t, w.programmed("web", 1), nil)
	v.Want("http://app.example.com:8081/", 200, "app-1")
	v.Want("http://app.example.com/", 404, "") // the Gateway's own listener has no route
}

func TestBackendTLSPolicy(t *testing.T) { tellBackendTLSPolicy(t, onFake) }

func tellBackendTLSPolicy(t *testing.T, on class) {
	right, wrong := traffic.NewCertificate(t, "inner.example.com"), traffic.NewCertificate(t, "inner.example.com")
	pair, err := right.TLS()
	if err != nil {
		t.Fatal(err)
	}
	w := on.start(t, on.approximate, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
		b, err := echo.ListenHTTP("app-1", "127.0.0.1:0", &pair)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "app", "http", "TCP", b.Addr())
		w.write("policy.yaml", traffic.BackendTLS("inner.example.com", right))
	})
	v := visit(t, w.programmed("web", 1), nil)
	w.eventually("the backend to answer over TLS", func() error { return v.Answers("http://app.example.com/", 200, "app-1") })
	if on == onAWS {
		return // an ALB names no host to its targets, and verifies nothing
	}
	if got := v.Must("http://app.example.com/").Echo.SNI; got != "inner.example.com" {
		t.Errorf("SNI = %q, want inner.example.com", got)
	}
	w.write("policy.yaml", traffic.BackendTLS("inner.example.com", wrong))
	w.eventually("a backend that cannot prove itself to get nothing", func() error {
		a, err := v.Get("http://app.example.com/")
		if err != nil {
			return err
		}
		if a.Status < 500 {
			return fmt.Errorf("status %d", a.Status)
		}
		return nil
	})
}

func TestGRPCRoute(t *testing.T) { tellGRPCRoute(t, onFake) }

func tellGRPCRoute(t *testing.T, on class) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	var transport credentials.TransportCredentials
	w := on.start(t, on.approximate, func(w *world) {
		var gateway string
		gateway, transport = on.secure(w, traffic.Gateway80("web"), "grpc.example.com")
		w.write("gateway.yaml", gateway)
		w.write("app.yaml", strings.Replace(service("app"), "port: 80,", "port: 80, appProtocol: kubernetes.io/h2c,", 1)+`---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: app}
spec:
  parentRefs: [{name: web}]
  hostnames: [grpc.example.com]
  rules:
  - matches: [{method: {service: grpc.health.v1.Health, method: Check}}]
    backendRefs: [{name: app, port: 80}]
`)
		w.endpoints("default", "app", "http", "TCP", listener.Addr().(*net.TCPAddr).AddrPort())
	})
	g := w.programmed("web", 1)
	traffic.WantHealthService(t, g.Listeners[0].Endpoint, "grpc.example.com", transport)
}

func TestWebSocketPassesThrough(t *testing.T) { tellWebSocketPassesThrough(t, onFake) }

func tellWebSocketPassesThrough(t *testing.T, on class) {
	upgrader := websocket.Upgrader{}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil || conn.WriteMessage(kind, append([]byte("echo: "), message...)) != nil {
				return
			}
		}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "ws.example.com", toApp))
		w.endpoints("default", "app", "http", "TCP", listener.Addr().(*net.TCPAddr).AddrPort())
	})
	g := w.programmed("web", 1)
	traffic.WantWebSocket(t, g.Listeners[0].Endpoint, "ws://ws.example.com/")
}

// TestBackendTLSPolicyIsRotated: authorities and certificates of backends are replaced as one does it, the new authority beside the old first,
// and no request notices. An ALB verifies nothing, but there too the policy changes under load.
func TestBackendTLSPolicyIsRotated(t *testing.T) { tellBackendTLSPolicyIsRotated(t, onFake) }

func tellBackendTLSPolicyIsRotated(t *testing.T, on class) {
	const host = "inner.example.com"
	old, renewed := traffic.NewCertificate(t, host), traffic.NewCertificate(t, host)
	both := echo.Certificate{Chain: slices.Concat(old.Chain, renewed.Chain)}
	secured := func(name string, c echo.Certificate) netip.AddrPort {
		pair, err := c.TLS()
		if err != nil {
			t.Fatal(err)
		}
		b, err := echo.ListenHTTP(name, "127.0.0.1:0", &pair)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b.Addr()
	}
	w := on.start(t, on.approximate, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
		w.write("policy.yaml", traffic.BackendTLS(host, old))
		w.endpoints("default", "app", "http", "TCP", secured("old-1", old))
	})
	v := visit(t, w.programmed("web", 1), nil)
	w.eventually("the old backend to answer", func() error { return v.Answers("http://app.example.com/", 200, "old-1") })
	asking := v.Ask("http://app.example.com/", 4, 50)
	asking.More(50)
	w.write("policy.yaml", traffic.BackendTLS(host, both))
	asking.More(50)
	w.endpoints("default", "app", "http", "TCP", secured("new-1", renewed))
	w.eventually("the new backend to answer alone", func() error { return asking.RestsFor("old-1", 50) })
	w.write("policy.yaml", traffic.BackendTLS(host, renewed))
	asking.More(100)
	asking.End()
	if n := asking.By("new-1"); n == 0 {
		t.Error("the new backend got nothing")
	}
}

// TestZonesOfEndpoints: a class whose load balancers are in a zone sends requests to the endpoints that are hinted for it, and to all when
// the hints go.
func TestZonesOfEndpoints(t *testing.T) { tellZonesOfEndpoints(t, onFake) }

func tellZonesOfEndpoints(t *testing.T, on class) {
	var hinted string
	w := on.start(t, func(w *world) {
		w.write("config.yaml", "apiVersion: cloudgate.dev/v1alpha1\nkind: GatewayConfig\nmetadata: {name: near}\nspec: {zones: [a]}\n")
		w.write("gateway.yaml", strings.Replace(traffic.Gateway80("web"), "gatewayClassName: fake",
			"gatewayClassName: fake\n  infrastructure: {parametersRef: {group: cloudgate.dev, kind: GatewayConfig, name: near}}", 1))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
		w.serve("app", "near-1", "far-1")
		zones := []string{"a", "b"}
		parts := strings.Split(w.read("endpoints-default-app.yaml"), "conditions: {ready: true}")
		for i, part := range parts {
			hinted += part
			if i < len(zones) {
				hinted += "conditions: {ready: true}, hints: {forZones: [{name: " + zones[i] + "}]}"
			}
		}
		w.write("endpoints-default-app.yaml", hinted)
	})
	v := visit(t, w.programmed("web", 1), nil)
	w.eventually("an answer", func() error { return v.Answers("http://app.example.com/", 200, "near-1") })
	if counts := v.Tally("http://app.example.com/", 20); counts["near-1"] != 20 {
		t.Errorf("requests went to %v, want all to near-1", counts)
	}
	w.write("endpoints-default-app.yaml", strings.ReplaceAll(strings.ReplaceAll(hinted, ", hints: {forZones: [{name: a}]}", ""), ", hints: {forZones: [{name: b}]}", ""))
	w.eventually("the endpoint of the other zone to answer", func() error { return v.Answers("http://app.example.com/", 200, "far-1") })
}
