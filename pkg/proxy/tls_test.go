package proxy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// authority issues certificates that clients with its pool believe.
type authority struct {
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	pool   *x509.CertPool
	serial atomic.Int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

// pem returns the CA's certificate.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// issue returns a certificate for names with an ECDSA key.
func (a *authority) issue(t testing.TB, names ...string) *Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a.sign(t, key, names...)
}

func (a *authority) issueRSA(t testing.TB, names ...string) *Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return a.sign(t, key, names...)
}

func (a *authority) sign(t testing.TB, key crypto.Signer, names ...string) *Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial.Add(1) + 1), DNSNames: names, Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &Certificate{
		Chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// pair is c for a server of the test's own.
func (a *authority) pair(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	pair, err := a.issue(t, names...).keyPair()
	if err != nil {
		t.Fatal(err)
	}
	return *pair
}

// https is a configuration with one listener called "http" that ends TLS for servers.
func https(servers ...Server) *Config {
	return &Config{Listeners: map[string]*Listener{"http": {Protocol: HTTPS, Address: loopback, Servers: servers}}}
}

// shake makes a handshake and returns the first certificate that the server sent.
func shake(t testing.TB, address string, config *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestCertificateIsChosenByNameAndByWhatTheClientCanVerify(t *testing.T) {
	ca := newAuthority(t)
	exact, wildcard, plain := ca.issue(t, "a.example.com"), ca.issue(t, "*.example.com"), ca.issue(t, "first.example.net")
	rsaCert := ca.issueRSA(t, "b.example.com")
	ecdsaCert := ca.issue(t, "b.example.com")
	e := newEngine(t, Options{})
	answer := table(t, map[string]Action{"/": &Respond{Status: 200}})
	address := apply(t, e, https(
		Server{Name: "one", Hostname: "*.example.com", Certificates: []*Certificate{plain, wildcard, exact, rsaCert, ecdsaCert}, Rules: answer},
		Server{Name: "two", Hostname: "other.example.org", Certificates: []*Certificate{ca.issue(t, "other.example.org")}, Rules: answer},
	))
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, test := range []struct {
		reason string
		name   string
		suites []uint16 // TLS 1.2 only, when given
		want   string   // first DNS name of the certificate; "" when the handshake is refused
		kind   x509.PublicKeyAlgorithm
	}{
		{"exact before wildcard", "a.example.com", nil, "a.example.com", x509.ECDSA},
		{"wildcard", "c.example.com", nil, "*.example.com", x509.ECDSA},
		{"upper case", "A.Example.Com", nil, "a.example.com", x509.ECDSA},
		{"two labels: no wildcard of a certificate covers them, the first serves", "x.y.example.com", nil, "first.example.net", x509.ECDSA},
		{"the cheaper of two", "b.example.com", nil, "b.example.com", x509.ECDSA},
		{"the one that the client can verify", "b.example.com", rsaOnly, "b.example.com", x509.RSA},
		{"the first that the client can verify, where none has the name", "x.y.example.com", rsaOnly, "b.example.com", x509.RSA},
		{"another server", "other.example.org", nil, "other.example.org", x509.ECDSA},
		{"unknown name", "nobody.example.org", nil, "", 0},
		{"no name: the first server's", "", nil, "first.example.net", x509.ECDSA},
	} {
		t.Run(test.reason, func(t *testing.T) {
			config := &tls.Config{ServerName: test.name, InsecureSkipVerify: true}
			if test.suites != nil {
				config.MaxVersion, config.CipherSuites = tls.VersionTLS12, test.suites
			}
			cert, err := shake(t, address, config)
			if test.want == "" {
				if err == nil || !strings.HasSuffix(err.Error(), "unrecognized name") {
					t.Fatalf("want the alert unrecognized_name, got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if cert.DNSNames[0] != test.want || cert.PublicKeyAlgorithm != test.kind {
				t.Errorf("want %s %v, got %s %v", test.want, test.kind, cert.DNSNames[0], cert.PublicKeyAlgorithm)
			}
		})
	}
}

// failedHandshakes waits until want are counted: the client may know first.
func failedHandshakes(t *testing.T, e *Engine, want uint64) {
	t.Helper()
	eventually(t, "the failed handshakes are counted", func() bool { return e.Connections().HandshakesFailed == want })
}

func TestTLSVersionsBelow12AreRefused(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	address := apply(t, e, https(Server{Certificates: []*Certificate{ca.issue(t, "a.example")}}))
	if _, err := shake(t, address, &tls.Config{ServerName: "a.example", RootCAs: ca.pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was served")
	}
	failedHandshakes(t, e, 1)
}

func TestBadCertificateCostsItsServerOnly(t *testing.T) {
	ca := newAuthority(t)
	good, other := ca.issue(t, "good.example"), ca.issue(t, "other.example")
	mixed := &Certificate{Chain: good.Chain, Key: other.Key}
	e := newEngine(t, Options{})
	err := e.Apply(https(
		Server{Name: "good", Hostname: "good.example", Certificates: []*Certificate{good}},
		Server{Name: "bad", Hostname: "bad.example", Certificates: []*Certificate{{Chain: []byte("nonsense"), Key: []byte("secret")}}},
		Server{Name: "half", Hostname: "half.example", Certificates: []*Certificate{mixed, ca.issue(t, "half.example")}},
		Server{Name: "none", Hostname: "none.example"},
	))
	var listen *ListenError
	if !errors.As(err, &listen) || !listen.Bound || listen.Listener != "http" {
		t.Fatalf("want a *ListenError of a bound listener, got %v", err)
	}
	for _, want := range []string{"server bad", "server half", "server none"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error quotes the key: %v", err)
	}
	address, _ := e.ListenerAddress("http")
	got := map[string]bool{}
	for _, name := range []string{"good.example", "bad.example", "half.example", "none.example"} {
		_, err := shake(t, address.String(), &tls.Config{ServerName: name, RootCAs: ca.pool})
		got[name] = err == nil
	}
	want := map[string]bool{"good.example": true, "bad.example": false, "half.example": true, "none.example": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who is served (-want +got):\n%s", diff)
	}
}

func TestCertificateIsParsedOnce(t *testing.T) {
	c := newAuthority(t).issue(t, "a.example")
	first, err := c.keyPair()
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := c.keyPair(); first != second {
		t.Error("parsed twice")
	}
}

func TestSessionsAreResumedAcrossConfigurations(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	answer := table(t, map[string]Action{"/": &Respond{Status: 200, Body: "hello"}})
	config := func() *Config {
		return https(Server{Certificates: []*Certificate{ca.issue(t, "a.example")}, Rules: answer})
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		address := apply(t, e, config())
		client := &tls.Config{ServerName: "a.example", RootCAs: ca.pool, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		for n, want := range []bool{false, true, true} {
			conn, err := tls.Dial("tcp", address, client)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err != nil {
				t.Fatal(err)
			}
			if got := conn.ConnectionState().DidResume; got != want {
				t.Errorf("%s, connection %d: want resumed %v, got %v", tls.VersionName(version), n, want, got)
			}
			conn.Close()
			address = apply(t, e, config())
		}
	}
}

func TestCertificateRotationFailsNoHandshake(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	answer := table(t, map[string]Action{"/": &Respond{Status: 200, Body: "hello"}})
	address := apply(t, e, https(Server{Certificates: []*Certificate{ca.issue(t, "a.example")}, Rules: answer}))

	var shakes, rotations atomic.Int64
	seen := sync.Map{}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{
				DisableKeepAlives: true, TLSClientConfig: &tls.Config{ServerName: "a.example", RootCAs: ca.pool},
			}}
			for {
				select {
				case <-stop:
					return
				default:
				}
				response, err := client.Get("https://" + address + "/")
				if err != nil {
					t.Errorf("after %d handshakes and %d rotations: %v", shakes.Load(), rotations.Load(), err)
					return
				}
				seen.Store(response.TLS.PeerCertificates[0].SerialNumber.String(), true)
				response.Body.Close()
				shakes.Add(1)
			}
		})
	}
	for range 50 {
		apply(t, e, https(Server{Certificates: []*Certificate{ca.issue(t, "a.example")}, Rules: answer}))
		rotations.Add(1)
		before := shakes.Load()
		eventually(t, "handshakes go on", func() bool { return shakes.Load() >= before+4 || t.Failed() })
	}
	close(stop)
	wait.Wait()
	different := 0
	seen.Range(func(any, any) bool { different++; return true })
	t.Logf("%d handshakes over %d rotations, %d certificates seen", shakes.Load(), rotations.Load(), different)
	if different < 25 {
		t.Errorf("only %d different certificates were seen: the rotation does not take place", different)
	}
}

func TestSlowHandshakeIsCutOff(t *testing.T) {
	ca := newAuthority(t)
	for _, protocol := range []Protocol{HTTPS, TLS} {
		e := newEngine(t, Options{HeadTimeout: 300 * time.Millisecond})
		c := https(Server{Certificates: []*Certificate{ca.issue(t, "a.example")}})
		c.Listeners["http"].Protocol = protocol
		conn := dialRaw(t, apply(t, e, c))
		// A byte now and then does not buy time.
		drip := make(chan struct{})
		go func() {
			defer close(drip)
			for _, b := range append([]byte{22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3}, make([]byte, 100)...) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Error("the client could go on")
		}()
		_, _ = io.ReadAll(conn) // However it ends.
		<-drip
		eventually(t, "the connection is gone", func() bool { s := e.Stats(); return s.Opened == 1 && s.Closed == 1 })
		if got := e.Connections().HandshakesFailed; got != 1 {
			t.Errorf("HandshakesFailed: want 1, got %d", got)
		}
	}
}
