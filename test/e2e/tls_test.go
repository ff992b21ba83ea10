package e2e

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// secret writes a TLS Secret.
func (w *world) secret(name, namespace string, c echo.Certificate) {
	w.Helper()
	w.write("secret-"+name+".yaml", fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: %s}
type: kubernetes.io/tls
data:
  tls.crt: %s
  tls.key: %s
`, name, namespace, base64.StdEncoding.EncodeToString(c.Chain), base64.StdEncoding.EncodeToString(c.Key)))
}

// httpsPart is the second listener of examples/https.
const httpsPart = "  - name: https"

func TestHTTPSListenerIsAddedAndItsSecretRotated(t *testing.T) {
	tellHTTPSListenerIsAddedAndItsSecretRotated(t, onFake)
}

func tellHTTPSListenerIsAddedAndItsSecretRotated(t *testing.T, on class) {
	first, second := traffic.NewCertificate(t, "secure.example.com"), traffic.NewCertificate(t, "secure.example.com")
	both := x509.NewCertPool()
	both.AppendCertsFromPEM(first.Chain)
	both.AppendCertsFromPEM(second.Chain)

	// The Gateway begins with its HTTP listener alone.
	var whole string
	w := on.start(t, example("https"), func(w *world) {
		w.serve("secure", "secure-1")
		w.secret("secure-tls", "default", first)
		whole = w.read("gateway.yaml")
		httpOnly, _, found := strings.Cut(whole, httpsPart)
		if !found {
			t.Fatal("examples/https/gateway.yaml has no listener https")
		}
		w.write("gateway.yaml", httpOnly)
	})
	w.wait("the HTTP listener to be programmed", func(s dev.State) bool {
		g, ok := gatewayOf(s, "secure")
		return s.Settled && ok && g.Programmed && attached(g) == 1
	})
	w.write("gateway.yaml", whole)
	g := w.programmed("secure", 2)
	v := visit(t, g, both)
	v.Want("https://secure.example.com/", 200, "secure-1")
	if a := v.Must("http://secure.example.com/x?y=1"); a.Status != 301 || a.Header.Get("Location") != on.location("https://secure.example.com", "443", "/x?y=1") {
		t.Errorf("the HTTP listener answered %d to %q, want 301 to HTTPS", a.Status, a.Header.Get("Location"))
	}

	// Every request makes a handshake of its own.
	v.Transport.DisableKeepAlives = true
	var secure string
	for _, l := range g.Listeners {
		if l.Protocol == "HTTPS" {
			secure = l.Endpoint
		}
	}
	shakes := traffic.Shake(t, secure, "secure.example.com", both)
	shakes.More(50)
	w.secret("secure-tls", "default", second)
	w.eventually("the new certificate", func() error { return shakes.Saw(second) })
	shakes.More(50)
	shakes.End()
}

func TestTLSPassthroughBySNI(t *testing.T) { tellTLSPassthroughBySNI(t, onFake) }

func tellTLSPassthroughBySNI(t *testing.T, on class) {
	on.needs(t, "an NLB does not look at host names, so a port of it has one TLSRoute")
	certificates := map[string]echo.Certificate{}
	w := on.start(t, example("tls-passthrough"), func(w *world) {
		for _, name := range []string{"one", "two"} {
			c := traffic.NewCertificate(t, name+".example.com")
			pair, err := c.TLS()
			if err != nil {
				t.Fatal(err)
			}
			b, err := echo.ListenHTTP(name+"-1", "127.0.0.1:0", &pair)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			certificates[name] = c
			w.endpoints("default", name, "tls", "TCP", b.Addr())
		}
	})
	g := w.programmed("tls", 2)
	for name, c := range certificates {
		// Only this backend's own certificate is trusted: the load balancer cannot have opened the connection.
		v := visit(t, g, c.Pool())
		a := v.Must("https://" + name + ".example.com/")
		if a.Status != http.StatusOK || a.Backend() != name+"-1" || a.Echo.SNI != name+".example.com" {
			t.Errorf("%s.example.com was answered %d by %q with SNI %q", name, a.Status, a.Backend(), a.Echo.SNI)
		}
	}
	if _, err := visit(t, g, certificates["one"].Pool()).Get("https://three.example.com/"); err == nil {
		t.Error("a name without a route was answered")
	}
}

// TestTLSPassthroughToOneBackend has one host name on a port, which is what an NLB can pass through, too: it does not look at the name.
func TestTLSPassthroughToOneBackend(t *testing.T) { tellTLSPassthroughToOneBackend(t, onFake) }

func tellTLSPassthroughToOneBackend(t *testing.T, on class) {
	certificate := traffic.NewCertificate(t, "one.example.com")
	pair, err := certificate.TLS()
	if err != nil {
		t.Fatal(err)
	}
	b, err := echo.ListenHTTP("one-1", "127.0.0.1:0", &pair)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	w := on.start(t, on.approximate, func(w *world) {
		w.write("gateway.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  listeners:
  - {name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}
`)
		w.write("one.yaml", service("one")+`---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: one}
spec:
  parentRefs: [{name: web}]
  hostnames: [one.example.com]
  rules: [{backendRefs: [{name: one, port: 80}]}]
`)
		w.endpoints("default", "one", "http", "TCP", b.Addr())
	})
	// Only the backend's own certificate is trusted: the load balancer cannot have opened the connection.
	a := visit(t, w.programmed("web", 1), certificate.Pool()).Must("https://one.example.com/")
	if a.Status != http.StatusOK || a.Backend() != "one-1" || a.Echo.SNI != "one.example.com" {
		t.Errorf("answered %d by %q with SNI %q, want 200 by one-1 with one.example.com", a.Status, a.Backend(), a.Echo.SNI)
	}
}

// TestTLSTerminated has the load balancer end TLS and pass on what is in it, and its certificate replaced.
func TestTLSTerminated(t *testing.T) { tellTLSTerminated(t, onFake) }

func tellTLSTerminated(t *testing.T, on class) {
	first, second := traffic.NewCertificate(t, "app.example.com"), traffic.NewCertificate(t, "app.example.com")
	both := first.Pool()
	both.AppendCertsFromPEM(second.Chain)
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  listeners:
  - {name: tls, port: 8443, protocol: TLS, tls: {mode: Terminate, certificateRefs: [{name: app-tls}]}}
`)
		w.write("app.yaml", service("app")+`---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: app}
spec:
  parentRefs: [{name: web}]
  rules: [{backendRefs: [{name: app, port: 80}]}]
`)
		w.secret("app-tls", "default", first)
		w.serve("app", "app-1")
	})
	g := w.programmed("web", 1)
	v := visit(t, g, both)
	a := v.Must("https://app.example.com:8443/")
	if a.Backend() != "app-1" || a.Echo.SNI != "" {
		t.Errorf("answered by %q, which saw SNI %q, want app-1 and no TLS", a.Backend(), a.Echo.SNI)
	}
	shakes := traffic.Shake(t, g.Listeners[0].Endpoint, "app.example.com", both)
	shakes.More(50)
	w.secret("app-tls", "default", second)
	w.eventually("the new certificate", func() error { return shakes.Saw(second) })
	shakes.More(50)
	shakes.End()
}
