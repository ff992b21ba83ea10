package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func TestWhatGovernsRequests(t *testing.T) { tellWhatGovernsRequests(t, onFake) }

func tellWhatGovernsRequests(t *testing.T, on class) {
	on.needs(t, "an ALB has no CORS, mirrors, retries and sessions by header")
	var apps, shadows []*echo.HTTP
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("route.yaml", traffic.HTTPRoute("app", "{name: web}", "app.example.com", traffic.GovernRules))
		w.write("services.yaml", service("app")+service("shadow"))
		apps = w.serve("app", "app-1", "app-2", "app-3")
		shadows = w.serve("shadow", "shadow-1")
	})
	v := visit(t, w.programmed("web", 1), nil)
	requests := func() (n int64) {
		for _, b := range apps {
			n += b.Requests()
		}
		return n
	}
	t.Run("CORS", func(t *testing.T) { traffic.WantCORS(t, v.For(t)) })
	t.Run("mirror", func(t *testing.T) {
		for range 100 {
			v.For(t).Want("http://app.example.com/mirrored", 200, "app")
		}
		w.eventually("25 of 100 requests to be mirrored", func() error {
			if n := shadows[0].Requests(); n != 25 {
				return fmt.Errorf("%d of 100", n)
			}
			return nil
		})
	})
	t.Run("retries", func(t *testing.T) {
		before := requests()
		if a := v.For(t).Must("http://app.example.com/retried?status=503"); a.Status != http.StatusServiceUnavailable {
			t.Errorf("the last answer was %d, want 503", a.Status)
		}
		if n := requests() - before; n != 3 {
			t.Errorf("%d requests reached a backend, want one and two retries", n)
		}
		before = requests()
		v.For(t).Want("http://app.example.com/retried?status=500", 500, "app")
		if n := requests() - before; n != 1 {
			t.Errorf("%d requests reached a backend for a status that is not to be retried", n)
		}
	})
	t.Run("session", func(t *testing.T) { traffic.WantSession(t, v.For(t), 20) })
}

func TestClientCertificates(t *testing.T) { tellClientCertificates(t, onFake) }

func tellClientCertificates(t *testing.T, on class) {
	front, friend, stranger := traffic.NewCertificate(t, "app.example.com"), traffic.NewCertificate(t, "friend"), traffic.NewCertificate(t, "stranger")
	w := on.start(t, on.approximate, func(w *world) {
		w.write("friends.yaml", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: friends}\ndata:\n  ca.crt: |\n    %s\n",
			strings.ReplaceAll(strings.TrimSpace(string(friend.Chain)), "\n", "\n    ")))
		w.secret("app-tls", "default", front)
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
		w.serve("app", "app-1")
	})
	w.write("config.yaml", on.trusts(w, "friends"))
	w.write("gateway.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  infrastructure: {parametersRef: {group: cloudgate.dev, kind: GatewayConfig, name: friends}}
  tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: friends}]}}}}
  listeners:
  - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: app-tls}]}}
`)
	traffic.WantClients(t, visit(t, w.programmed("web", 1), front.Pool()), "https://app.example.com/", friend, stranger)
}

// A backend that serves nobody but the Gateway: it wants a certificate, and which it got decides over the answer.
func TestBackendThatWantsACertificate(t *testing.T) { tellBackendThatWantsACertificate(t, onFake) }

func tellBackendThatWantsACertificate(t *testing.T, on class) {
	on.needs(t, "an ALB shows its targets no certificate")
	inner, shown, other := traffic.NewCertificate(t, "inner.example.com"), traffic.NewCertificate(t, "gateway"), traffic.NewCertificate(t, "another")
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", strings.Replace(traffic.Gateway80("web"), "gatewayClassName: fake",
			"gatewayClassName: fake\n  tls: {backend: {clientCertificateRef: {name: shown}}}", 1))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
		w.write("policy.yaml", traffic.BackendTLS("inner.example.com", inner))
		w.secret("shown", "default", shown)
		w.endpoints("default", "app", "http", "TCP", w.choosy(inner, shown))
	})
	v := visit(t, w.programmed("web", 1), nil)
	answers := func(status int) func() error {
		return func() error { return v.Answers("http://app.example.com/", status, "") }
	}
	w.eventually("the backend to take the certificate", answers(200))
	w.secret("shown", "default", other)
	w.eventually("the backend to refuse another one, which is used from then on", answers(502))
	w.secret("shown", "default", shown)
	w.eventually("the backend to take the first one again", answers(200))
}

// choosy starts an HTTPS server that serves clients with one certificate alone.
func (w *world) choosy(own, client echo.Certificate) netip.AddrPort {
	w.Helper()
	pair, err := own.TLS()
	if err != nil {
		w.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(client.Chain)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	w.Cleanup(func() { server.Close() })
	return listener.Addr().(*net.TCPAddr).AddrPort()
}
