package e2e

import (
	"fmt"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// TestTwoCertificatesOfOneListener has two host names, each with a Secret of its own, behind one HTTPS listener.
func TestTwoCertificatesOfOneListener(t *testing.T) {
	names := []string{"one", "two"}
	certificates := map[string]echo.Certificate{}
	w := start(t, func(w *world) {
		w.write("gateway.yaml", `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  listeners:
  - name: https
    port: 443
    protocol: HTTPS
    tls:
      certificateRefs: [{name: one-tls}, {name: two-tls}]
`)
		for _, name := range names {
			certificates[name] = traffic.NewCertificate(t, name+".example.com")
			w.secret(name+"-tls", "default", certificates[name])
			w.write("service-"+name+".yaml", service(name))
			w.serve(name, name+"-1")
			w.write("route-"+name+".yaml", fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %[1]s}
spec:
  parentRefs: [{name: web}]
  hostnames: [%[1]s.example.com]
  rules:
  - backendRefs: [{name: %[1]s, port: 80}]
`, name))
		}
	})
	g := w.programmed("web", 2)
	for _, name := range names {
		// This visitor trusts the certificate of its own host name alone.
		visit(t, g, certificates[name].Pool()).Want("https://"+name+".example.com/", 200, name+"-1")
		wantCertificate(t, g, name+".example.com", certificates[name])
	}

	// A new Secret of one leaves the other's certificate as it is.
	certificates["two"] = traffic.NewCertificate(t, "two.example.com")
	w.secret("two-tls", "default", certificates["two"])
	w.eventually("the new certificate of two.example.com", func() error {
		return traffic.Presents(g.Listeners[0].Endpoint, "two.example.com", certificates["two"])
	})
	wantCertificate(t, g, "one.example.com", certificates["one"])
}

func wantCertificate(t *testing.T, g dev.Gateway, host string, want echo.Certificate) {
	t.Helper()
	if err := traffic.Presents(g.Listeners[0].Endpoint, host, want); err != nil {
		t.Error(err)
	}
}
