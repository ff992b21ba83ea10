package e2e

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// TestTwoCertificatesOfOneListener has two host names, each with a Secret of its own, behind one HTTPS listener.
func TestTwoCertificatesOfOneListener(t *testing.T) { tellTwoCertificatesOfOneListener(t, onFake) }

func tellTwoCertificatesOfOneListener(t *testing.T, on class) {
	names := []string{"one", "two"}
	certificates := map[string]echo.Certificate{}
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", traffic.TwoCertificates())
		for _, name := range names {
			certificates[name] = traffic.NewCertificate(t, name+".example.com")
			w.secret(name+"-tls", "default", certificates[name])
			w.write("service-"+name+".yaml", service(name))
			w.serve(name, name+"-1")
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
