package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// certificate returns a Secret with a fresh certificate for a host.
func certificate(t *testing.T, name, host string) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{ObjectMeta: named(name), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}}
}

func tlsListener(name, host, secret string, port int32) gwv1.Listener {
	return gwv1.Listener{Name: gwv1.SectionName(name), Port: gwv1.PortNumber(port), Protocol: gwv1.HTTPSProtocolType, Hostname: (*gwv1.Hostname)(&host),
		TLS: &gwv1.ListenerTLSConfig{CertificateRefs: []gwv1.SecretObjectReference{{Name: gwv1.ObjectName(secret)}}}}
}

// change is a kind of change, and how often it may write the status of one object.
type change struct {
	name string
	make func(*world)
	most int
	why  string
}

func changes(t *testing.T) []change {
	return []change{
		{"Gateway with a listener", func(w *world) { w.create(gateway("gw")); w.programmed("gw") }, 1, ""},
		{"route added", func(w *world) { w.create(forwarding("a", "gw", map[string]int32{"web": 3, "next": 1})) }, 1, ""},
		{"weight changed", func(w *world) {
			edit(w, bare("a", "gw"), func(r *gwv1.HTTPRoute) { *r.Spec.Rules[0].BackendRefs[0].Weight = 9 })
		}, 1, ""},
		{"endpoint added", func(w *world) { w.create(endpoints("web", 9003)) }, 1, ""},
		{"listener added", func(w *world) {
			edit(w, gateway("gw"), func(g *gwv1.Gateway) {
				g.Spec.Listeners = append(g.Spec.Listeners, tlsListener("https", "a.example.com", "cert", 8443))
			})
			w.programmed("gw")
		}, 1, ""},
		{"Secret rotated", func(w *world) {
			fresh := certificate(t, "cert", "a.example.com")
			edit(w, &corev1.Secret{ObjectMeta: named("cert")}, func(s *corev1.Secret) { s.Data = fresh.Data })
		}, 1, ""},
		{"100 routes at once", func(w *world) {
			for i := range 100 {
				w.create(redirecting(fmt.Sprintf("r%d", i), "gw", "x.invalid"))
			}
		}, 0, "they come one by one: the Gateway's attached routes and the LoadBalancer's counts are written once a pass; each route once"},
		{"Gateway deleted", func(w *world) {
			if err := w.Delete(w.t.Context(), gateway("gw")); err != nil {
				w.t.Fatal(err)
			}
			until(w.t, "the Gateway is gone", func() bool {
				return w.Get(w.t.Context(), keyOf(gateway("gw")), gateway("gw")) != nil
			})
		}, 1, ""},
		{"class deleted", func(w *world) {
			if err := w.Delete(w.t.Context(), &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "fake"}}); err != nil {
				w.t.Fatal(err)
			}
		}, 1, ""},
	}
}

// Each change writes the status of each object at most once.
func TestWritesPerChange(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	w.replica()
	w.replica()
	w.leader()
	w.create(service("web", 9001)...)
	w.create(service("next", 9002)...)
	w.create(certificate(t, "cert", "a.example.com"))
	w.calm(0)
	for _, c := range changes(t) {
		mark := w.mark()
		c.make(w)
		objects, _ := writes(w.calm(mark))
		most, line := statusWrites(objects)
		if c.most > 0 && most > c.most {
			t.Errorf("%s: the status of one object was written %d times, want %d at most: %v", c.name, most, c.most, count(objects))
		}
		if c.name == "100 routes at once" {
			for what, n := range count(objects) {
				if n > 1 && what != "patch gateways/status gw" && what != "patch loadbalancers/status gw" {
					t.Errorf("%s: %s %d times, want once", c.name, what, n)
				}
			}
		}
		measured(t, "%s: %s (most for one object: %d) %s", c.name, line, most, c.why)
	}
	if d := denied(w.since(0)); len(d) > 0 {
		t.Errorf("denied: %v", d)
	}
}

// A cloud that takes longer than a moment adds one write to what it works on: Pending, then Programmed.
func TestWritesPerChangeInASlowCloud(t *testing.T) {
	w := newWorld(t, "standard", "fast")
	w.replica()
	w.leader()
	w.calm(0)
	for _, c := range []change{
		{"Gateway with a listener", func(w *world) { w.create(gateway("gw")); w.programmed("gw"); w.active("gw") }, 0, ""},
		{"route added", func(w *world) { w.create(redirecting("a", "gw", "a.invalid")); w.active("gw") }, 2, ""},
	} {
		mark := w.mark()
		c.make(w)
		objects, _ := writes(w.calm(mark))
		most, line := statusWrites(objects)
		for what, n := range count(objects) {
			if what == "patch httproutes/status a" && n > 2 {
				t.Errorf("%s: %s %d times, want 2 at most", c.name, what, n)
			}
		}
		measured(t, "a cloud that takes time, %s: %s (most for one object: %d)", c.name, line, most)
	}
}
