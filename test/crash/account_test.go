package crash

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
)

// account is the one of a fake cloud.
type account struct{ url string }

// openCloud starts a fake cloud in memory, which ends with the test. n gives it addresses of its own, among those of this package.
func openCloud(t *testing.T, n byte) (*fake.Provider, *account) {
	t.Helper()
	pool := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 83, n, 0}), 24)
	s, err := server.New(server.Config{DNSListen: server.Off, AddressPool: pool})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("fake cloud: %v", err)
		}
	})
	p, err := fake.New(fake.Config{Endpoint: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	return p, &account{s.URL()}
}

// reset empties the cloud.
func (a *account) reset(t *testing.T) {
	t.Helper()
	a.call(t, http.MethodPost, "reset", nil)
}

// resources counts everything in the cloud, whosoever it is.
func (a *account) resources(t *testing.T) int {
	t.Helper()
	var status struct{ Resources map[string]int }
	a.call(t, http.MethodGet, "status", &status)
	total := 0
	for _, n := range status.Resources {
		total += n
	}
	return total
}

func (a *account) call(t *testing.T, method, path string, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, a.url+"/admin/v1/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode > 299 {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	madeMu sync.Mutex
	made   = map[string][]byte{} // PEM of certificate and key, by name
)

// secrets returns the Secret of the HTTPS listener. Its certificate is another one for each version.
func secrets(t *testing.T, version string) []client.Object {
	t.Helper()
	madeMu.Lock()
	defer madeMu.Unlock()
	if made[version] == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: version}, DNSNames: []string{"www.example.com"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		made[version] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		made[version+" key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	}
	s := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey: made[version], corev1.TLSPrivateKeyKey: made[version+" key"],
	}}
	s.Namespace, s.Name = "shop", "www"
	return []client.Object{s}
}
