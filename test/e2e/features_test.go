package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// startApps runs a Gateway web with one route and a backend for each Service.
func startApps(t *testing.T, rules string, services ...string) *visitor {
	t.Helper()
	w := start(t, func(w *world) {
		w.write("gateway.yaml", gatewayOf80("web"))
		w.write("route.yaml", httpRoute("app", "{name: web}", "app.example.com", rules))
		for _, name := range services {
			w.write(name+".yaml", service(name))
			w.serve(name, name+"-1")
		}
	})
	return visit(t, w.programmed("web", 1), nil)
}

func TestMatchesAndTheirPrecedence(t *testing.T) {
	v := startApps(t, `  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{name: rest, port: 80}]
  - matches: [{headers: [{name: X-Version, value: two}]}]
    backendRefs: [{name: header, port: 80}]
  - matches: [{queryParams: [{name: beta, value: "1"}]}]
    backendRefs: [{name: query, port: 80}]
  - matches: [{method: POST}]
    backendRefs: [{name: method, port: 80}]
  - matches: [{path: {type: RegularExpression, value: "/v[0-9]+/.*"}}]
    backendRefs: [{name: regex, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /long/prefix}}]
    backendRefs: [{name: long, port: 80}]
  - matches: [{path: {type: Exact, value: /long/prefix}}]
    backendRefs: [{name: exact, port: 80}]
`, "rest", "header", "query", "method", "regex", "long", "exact")
	tests := []struct {
		method, path string
		header       http.Header
		want         string
		reason       string
	}{
		{"GET", "/", nil, "rest", "nothing else matches"},
		{"GET", "/", http.Header{"X-Version": {"two"}}, "header", "a header counts more than nothing"},
		{"GET", "/", http.Header{"X-Version": {"three"}}, "rest", "the value differs"},
		{"GET", "/?beta=1", nil, "query", "a query parameter counts more than nothing"},
		{"GET", "/?beta=2", nil, "rest", "the value differs"},
		{"POST", "/", nil, "method", "a method counts more than nothing"},
		{"POST", "/?beta=1", http.Header{"X-Version": {"two"}}, "method", "the method comes before headers and query"},
		{"GET", "/?beta=1", http.Header{"X-Version": {"two"}}, "header", "headers come before the query"},
		{"GET", "/long/prefix", nil, "exact", "an exact path comes first"},
		{"POST", "/long/prefix/more", nil, "long", "the longer path comes before a method"},
		{"GET", "/v12/x", nil, "regex", "the expression matches"},
		{"GET", "/vx/x", nil, "rest", "the expression does not match"},
	}
	for _, tt := range tests {
		request, err := http.NewRequest(tt.method, "http://app.example.com"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = tt.header.Clone()
		response, err := v.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("X-Backend"); got != tt.want+"-1" {
			t.Errorf("%s %s %v went to %q, want %s-1: %s", tt.method, tt.path, tt.header, got, tt.want, tt.reason)
		}
	}
}

func TestFiltersAndTimeouts(t *testing.T) {
	v := startApps(t, `  - matches: [{path: {type: PathPrefix, value: /slow}}]
    timeouts: {request: 100ms}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /moved}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {hostname: new.example.com, port: 8443, scheme: https, statusCode: 302, path: {type: ReplacePrefixMatch, replacePrefixMatch: /here}}
  - matches: [{path: {type: PathPrefix, value: /rewritten}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: inner.example.com, path: {type: ReplaceFullPath, replaceFullPath: /whole}}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {add: [{name: X-Added, value: "yes"}], remove: [Content-Type]}
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Set, value: new}]}
    backendRefs: [{name: app, port: 80}]
`, "app")
	if a := v.must("http://app.example.com/slow?delay=30s"); a.status != http.StatusGatewayTimeout {
		t.Errorf("past its timeout a request was answered %d, want 504", a.status)
	}
	v.want("http://app.example.com/slow", 200, "app-1")
	if a := v.must("http://app.example.com/moved/a?b=c"); a.status != 302 || a.header.Get("Location") != "https://new.example.com:8443/here/a?b=c" {
		t.Errorf("redirect: %d to %q", a.status, a.header.Get("Location"))
	}
	a := v.must("http://app.example.com/rewritten/x?y=z")
	if a.status != 200 || a.header.Get("X-Added") != "yes" || a.header.Get("Content-Type") != "" {
		t.Errorf("response: %d, X-Added %q, Content-Type %q", a.status, a.header.Get("X-Added"), a.header.Get("Content-Type"))
	}
	if e := a.echo; e.Host != "inner.example.com" || e.Path != "/whole" || e.Query != "y=z" || e.Headers.Get("X-Set") != "new" {
		t.Errorf("the backend saw host %q, path %q, query %q, X-Set %q", e.Host, e.Path, e.Query, e.Headers.Get("X-Set"))
	}
}

func TestListenerSet(t *testing.T) {
	w := start(t, func(w *world) {
		w.write("gateway.yaml", strings.Replace(gatewayOf80("web"), "gatewayClassName: fake", "gatewayClassName: fake\n  allowedListeners: {namespaces: {from: All}}", 1))
		w.write("set.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: team}
spec:
  parentRef: {name: web, namespace: default}
  listeners:
  - {name: extra, port: 8081, protocol: HTTP}
`)
		w.write("app.yaml", strings.Replace(service("app"), "name: app}", "name: app, namespace: team}", 1)+"---\n"+
			strings.Replace(httpRoute("app", "{kind: ListenerSet, group: gateway.networking.k8s.io, name: more}", "app.example.com", toApp),
				"metadata: {name: app}", "metadata: {name: app, namespace: team}", 1))
		w.endpoints("team", "app", "http", "TCP", w.backend("app-1").Addr())
	})
	v := visit(t, w.programmed("web", 1), nil)
	v.want("http://app.example.com:8081/", 200, "app-1")
	v.want("http://app.example.com/", 404, "") // the Gateway's own listener has no route
}

func TestBackendTLSPolicy(t *testing.T) {
	right, wrong := newCertificate(t, "inner.example.com"), newCertificate(t, "inner.example.com")
	pair, err := right.TLS()
	if err != nil {
		t.Fatal(err)
	}
	policy := func(c echo.Certificate) string {
		return fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data:
  ca.crt: |
    %s
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation:
    hostname: inner.example.com
    caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]
`, strings.ReplaceAll(strings.TrimSpace(string(c.Chain)), "\n", "\n    "))
	}
	w := start(t, func(w *world) {
		w.write("gateway.yaml", gatewayOf80("web"))
		w.write("app.yaml", service("app")+"---\n"+httpRoute("app", "{name: web}", "app.example.com", toApp))
		b, err := echo.ListenHTTP("app-1", "127.0.0.1:0", &pair)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "app", "http", "TCP", b.Addr())
		w.write("policy.yaml", policy(right))
	})
	v := visit(t, w.programmed("web", 1), nil)
	w.eventually("the backend to answer over TLS", func() error { return v.answers("http://app.example.com/", 200, "app-1") })
	if got := v.must("http://app.example.com/").echo.SNI; got != "inner.example.com" {
		t.Errorf("SNI = %q, want inner.example.com", got)
	}
	w.write("policy.yaml", policy(wrong))
	w.eventually("a backend that cannot prove itself to get nothing", func() error {
		a, err := v.get("http://app.example.com/")
		if err != nil {
			return err
		}
		if a.status < 500 {
			return fmt.Errorf("status %d", a.status)
		}
		return nil
	})
}

func TestGRPCRoute(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	w := start(t, func(w *world) {
		w.write("gateway.yaml", gatewayOf80("web"))
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
	conn, err := grpc.NewClient("passthrough:///"+g.Listeners[0].Endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("grpc.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := grpc_health_v1.NewHealthClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.eventually("the service to answer", func() error {
		answer, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil && answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			return fmt.Errorf("status %s", answer.Status)
		}
		return err
	})
	// An error of the service comes through with its code, and a method without a rule is unimplemented.
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("Check of a missing service: %v, want NotFound", err)
	}
	if _, err := client.List(ctx, &grpc_health_v1.HealthListRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a method without a rule: %v, want Unimplemented", err)
	}
}

func TestWebSocketPassesThrough(t *testing.T) {
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
	w := start(t, func(w *world) {
		w.write("gateway.yaml", gatewayOf80("web"))
		w.write("app.yaml", service("app")+"---\n"+httpRoute("app", "{name: web}", "ws.example.com", toApp))
		w.endpoints("default", "app", "http", "TCP", listener.Addr().(*net.TCPAddr).AddrPort())
	})
	g := w.programmed("web", 1)
	dialer := websocket.Dialer{HandshakeTimeout: patience, NetDial: func(network, _ string) (net.Conn, error) { return net.Dial(network, g.Listeners[0].Endpoint) }}
	conn, response, err := dialer.Dial("ws://ws.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "message %d", i)); err != nil {
			t.Fatal(err)
		}
		_, got, err := conn.ReadMessage()
		if want := fmt.Sprintf("echo: message %d", i); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}
