package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func newCertificate(t testing.TB, names ...string) echo.Certificate {
	t.Helper()
	c, err := echo.NewCertificate(names...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

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
	first, second := newCertificate(t, "secure.example.com"), newCertificate(t, "secure.example.com")
	both := x509.NewCertPool()
	both.AppendCertsFromPEM(first.Chain)
	both.AppendCertsFromPEM(second.Chain)

	// The Gateway begins with its HTTP listener alone.
	var whole string
	w := start(t, example("https"), func(w *world) {
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
	v.want("https://secure.example.com/", 200, "secure-1")
	if a := v.must("http://secure.example.com/x?y=1"); a.status != 301 || a.header.Get("Location") != "https://secure.example.com/x?y=1" {
		t.Errorf("the HTTP listener answered %d to %q, want 301 to HTTPS", a.status, a.header.Get("Location"))
	}

	// Every request makes a handshake of its own.
	v.transport.DisableKeepAlives = true
	shakes := shake(t, g, both)
	shakes.more(t, 50)
	w.secret("secure-tls", "default", second)
	w.eventually("the new certificate", func() error {
		if !shakes.saw(second) {
			return fmt.Errorf("%d handshakes, none with it", shakes.done.Load())
		}
		return nil
	})
	shakes.more(t, 50)
	shakes.end(t)
}

// handshakes are clients that open TLS connections without end.
type handshakes struct {
	done, failed atomic.Int64
	failure      atomic.Value
	seen         sync.Map // serial → true
	stop         chan struct{}
	clients      sync.WaitGroup
}

func shake(t *testing.T, g dev.Gateway, roots *x509.CertPool) *handshakes {
	h := &handshakes{stop: make(chan struct{})}
	var address string
	for _, l := range g.Listeners {
		if l.Protocol == "HTTPS" {
			address = l.Endpoint
		}
	}
	over := time.Now().Add(2 * patience)
	for range 2 {
		h.clients.Go(func() {
			for time.Now().Before(over) {
				select {
				case <-h.stop:
					return
				default:
					h.one(address, roots)
				}
			}
		})
	}
	return h
}

func (h *handshakes) one(address string, roots *x509.CertPool) {
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "secure.example.com", MinVersion: tls.VersionTLS12})
	h.done.Add(1)
	if err != nil {
		h.failed.Add(1)
		h.failure.CompareAndSwap(nil, err.Error())
		return
	}
	h.seen.Store(conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), true)
	conn.Close()
}

func (h *handshakes) saw(c echo.Certificate) bool {
	pair, err := c.TLS()
	if err != nil {
		return false
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return false
	}
	_, seen := h.seen.Load(leaf.SerialNumber.String())
	return seen
}

func (h *handshakes) more(t *testing.T, n int64) {
	t.Helper()
	until, over := h.done.Load()+n, time.Now().Add(patience)
	for h.done.Load() < until {
		if time.Now().After(over) {
			t.Fatalf("the clients stand still after %d handshakes", h.done.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

func (h *handshakes) end(t *testing.T) {
	t.Helper()
	close(h.stop)
	h.clients.Wait()
	measured(t, "%d handshakes around a rotation, %d failed", h.done.Load(), h.failed.Load())
	if h.failed.Load() > 0 {
		t.Errorf("%d of %d handshakes failed: %v", h.failed.Load(), h.done.Load(), h.failure.Load())
	}
}

func TestTLSPassthroughBySNI(t *testing.T) {
	certificates := map[string]echo.Certificate{}
	w := start(t, example("tls-passthrough"), func(w *world) {
		for _, name := range []string{"one", "two"} {
			c := newCertificate(t, name+".example.com")
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
		a := v.must("https://" + name + ".example.com/")
		if a.status != http.StatusOK || a.echo.Backend != name+"-1" || a.echo.SNI != name+".example.com" {
			t.Errorf("%s.example.com was answered %d by %q with SNI %q", name, a.status, a.echo.Backend, a.echo.SNI)
		}
	}
	if _, err := visit(t, g, certificates["one"].Pool()).get("https://three.example.com/"); err == nil {
		t.Error("a name without a route was answered")
	}
}
