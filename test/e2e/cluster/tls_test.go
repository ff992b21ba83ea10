package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// secret applies a TLS Secret.
func (w *world) secret(name string, c echo.Certificate) {
	w.Helper()
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}\n",
		name, base64.StdEncoding.EncodeToString(c.Chain), base64.StdEncoding.EncodeToString(c.Key)))
}

func TestHTTPSListenerIsAddedAndItsSecretRotated(t *testing.T) {
	const host = "secure.example.com"
	first, second := traffic.NewCertificate(t, host), traffic.NewCertificate(t, host)
	both := x509.NewCertPool()
	both.AppendCertsFromPEM(first.Chain)
	both.AppendCertsFromPEM(second.Chain)

	w := start(t)
	w.secret("secure-tls", first)
	w.example("https", "secure")
	// The Gateway goes back to its HTTP listener alone, and gets the other anew.
	whole := read(t, "https", "gateway.yaml")
	httpOnly, _, found := strings.Cut(whole, "  - name: https")
	if !found {
		t.Fatal("examples/https/gateway.yaml has no listener https")
	}
	w.apply(httpOnly)
	w.programmed("secure", 1)
	w.apply(whole)
	g := w.programmed("secure", 2)
	v := w.visit(g, both)
	w.serves(v, "https://"+host+"/", 200, "secure")
	if a := v.Must("http://" + host + "/x?y=1"); a.Status != 301 || a.Header.Get("Location") != "https://"+host+"/x?y=1" {
		t.Errorf("the HTTP listener answered %d to %q, want 301 to HTTPS", a.Status, a.Header.Get("Location"))
	}

	asking := v.Ask("https://"+host+"/", 2, 25) // on connections that stay
	shakes := traffic.Shake(t, g.at(443), host, both)
	shakes.More(50)
	asking.More(20)
	if err := shakes.Saw(second); err == nil {
		t.Error("the second certificate was shown before it was there")
	}
	w.secret("secure-tls", second)
	w.eventually("the new certificate", func() error { return shakes.Saw(second) })
	shakes.More(50)
	shakes.End()
	asking.More(20)
	asking.End()
	if err := traffic.Presents(g.at(443), host, second); err != nil {
		t.Error(err)
	}
}

func TestTLSPassthroughBySNI(t *testing.T) {
	w := start(t)
	w.example("tls-passthrough", "one", "two")
	g := w.programmed("tls", 2)
	for _, name := range []string{"one", "two"} {
		host := name + ".example.com"
		// The pods make their certificates, which bear their names: the load balancer cannot have opened the connection.
		v := w.visit(g, nil)
		var subject string
		v.Transport.TLSClientConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,
			VerifyConnection: func(s tls.ConnectionState) error {
				subject = s.PeerCertificates[0].Subject.CommonName
				return nil
			},
		}
		w.serves(v, "https://"+host+"/", 200, name)
		v.Client.CloseIdleConnections()
		a := v.Must("https://" + host + "/")
		if a.Status != 200 || !a.From(name) || a.Echo.SNI != host || subject != a.Backend() {
			t.Errorf("%s was answered %d by %q with SNI %q and the certificate of %q", host, a.Status, a.Backend(), a.Echo.SNI, subject)
		}
	}
	v := w.visit(g, nil)
	v.Transport.TLSClientConfig.InsecureSkipVerify = true
	if _, err := v.Get("https://three.example.com/"); err == nil {
		t.Error("a name without a route was answered")
	}
}

func TestTwoCertificatesOfOneListener(t *testing.T) {
	w := start(t)
	certificates := map[string]echo.Certificate{}
	for _, name := range []string{"one", "two"} {
		certificates[name] = traffic.NewCertificate(t, name+".example.com")
		w.secret(name+"-tls", certificates[name])
	}
	w.apply(traffic.TwoCertificates())
	w.serve("one", "two")
	g := w.programmed("web", 2)
	for name, c := range certificates {
		w.serves(w.visit(g, c.Pool()), "https://"+name+".example.com/", 200, name)
		if err := traffic.Presents(g.at(443), name+".example.com", c); err != nil {
			t.Error(err)
		}
	}
	// A new Secret of one leaves the other's certificate as it is.
	certificates["two"] = traffic.NewCertificate(t, "two.example.com")
	w.secret("two-tls", certificates["two"])
	w.eventually("the new certificate of two.example.com", func() error { return traffic.Presents(g.at(443), "two.example.com", certificates["two"]) })
	if err := traffic.Presents(g.at(443), "one.example.com", certificates["one"]); err != nil {
		t.Error(err)
	}
}

// TestBackendTLSPolicy: pods that speak TLS are asked over it, and get nothing when they cannot prove who they are.
func TestBackendTLSPolicy(t *testing.T) {
	const host = "inner.example.com"
	right, wrong := traffic.NewCertificate(t, host), traffic.NewCertificate(t, host)
	w := start(t)
	w.secret("app-tls", right)
	w.apply(traffic.BackendTLS(host, right))
	w.apply(traffic.Gateway80("web"), app{name: "app", replicas: 1, tls: "app-tls"}.manifest(), traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
	w.ready("app")
	v := w.visit(w.programmed("web", 1), nil)
	w.serves(v, urlOfApp, 200, "app")
	if got := v.Must(urlOfApp).Echo.SNI; got != host {
		t.Errorf("SNI = %q, want %s", got, host)
	}
	w.apply(traffic.BackendTLS(host, wrong))
	w.eventually("a backend that cannot prove itself to get nothing", func() error {
		a, err := v.Get(urlOfApp)
		if err == nil && a.Status < 500 {
			err = fmt.Errorf("answered %d", a.Status)
		}
		return err
	})
	w.apply(traffic.BackendTLS(host, right))
	w.serves(v, urlOfApp, 200, "app")
}
