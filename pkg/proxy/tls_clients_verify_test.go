package proxy

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// describing is a listener that asks clients for certificates and forwards to where the fields that begin with X-Mtls come back.
func describing(t testing.TB, ca *authority, clients *ClientValidation) *Config {
	c, _ := mutual(t, ca, clients)
	c.Pools["p"] = poolOf(backend(t, func(w http.ResponseWriter, r *http.Request) {
		var lines []string
		for name, values := range r.Header {
			if strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "x-mtls") || name == "X-Forwarded-Client-Cert" {
				for _, value := range values {
					lines = append(lines, name+": "+value+"\n")
				}
			}
		}
		slices.Sort(lines)
		_, _ = io.WriteString(w, strings.Join(lines, ""))
	}))
	return c
}

func leafOf(t testing.TB, cert *tls.Certificate) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestClientFields(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.client(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x3a5b1) })
	leaf := leafOf(t, cert)
	forged := []string{"x-mtls-cert-Leaf", "forged", "X_Mtls_Cert-Leaf", "forged", "X-Mtls-Certainly", "forged", "X-Mtls-Cert", "forged"}
	for name, test := range map[string]struct {
		clients *ClientValidation
		cert    *tls.Certificate
		want    map[string]string
	}{
		"verified": {&ClientValidation{CAs: ca.pem(), Fields: "X-Mtls-Cert"}, cert, map[string]string{
			"X-Mtls-Cert-Serial-Number": "03A5B1", "X-Mtls-Cert-Issuer": "CN=test", "X-Mtls-Cert-Subject": "CN=client",
			"X-Mtls-Cert-Validity": "NotBefore=" + leaf.NotBefore.UTC().Format(time.RFC3339) + ";NotAfter=" + leaf.NotAfter.UTC().Format(time.RFC3339),
			"X-Mtls-Cert-Leaf":     pemOf(leaf),
		}},
		"not verified":                      {&ClientValidation{CAs: ca.pem(), InsecureFallback: true, Fields: "X-Mtls-Cert"}, newAuthority(t).client(t, nil), map[string]string{}},
		"passed through":                    {&ClientValidation{Passthrough: true, Fields: "X-Mtls-Cert"}, cert, map[string]string{"X-Mtls-Cert": pemOf(leaf)}},
		"passed through, expired":           {&ClientValidation{Passthrough: true, Fields: "X-Mtls-Cert"}, ca.client(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), nil},
		"nothing to pass through":           {&ClientValidation{Passthrough: true, Fields: "X-Mtls-Cert"}, nil, map[string]string{}},
		"passed through and of no interest": {&ClientValidation{Passthrough: true}, cert, map[string]string{"X-Mtls-Certainly": "forged", "X-Mtls-Cert": "forged", "X-Mtls-Cert-Leaf": "forged", "X_mtls_cert-Leaf": "forged"}},
	} {
		e := newEngine(t, Options{})
		address := apply(t, e, describing(t, ca, test.clients))
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			told, err := tell(t, address, showing(ca, tls.VersionTLS13, test.cert), protocol, forged...)
			if err != nil {
				t.Errorf("%s, %s: %v", name, protocol, err)
				continue
			}
			if test.want == nil {
				continue
			}
			got := map[string]string{}
			for line := range strings.Lines(told + "\n") {
				field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				if value, err = url.PathUnescape(value); field != "" && err == nil {
					got[field] = value
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, %s: fields (-want +got):\n%s", name, protocol, diff)
			}
		}
	}
}

func TestEncodedPEM(t *testing.T) {
	if got, want := encodedPEM("-----BEGIN X-----\nab+/=\r%é"), "-----BEGIN%20X-----%0Aab+/=%0D%25%C3%A9"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestFieldsThatAreNone(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	if err := e.Apply(describing(t, ca, &ClientValidation{Passthrough: true, Fields: "Connection"})); err == nil {
		t.Error("want an error")
	}
}

// revocationList is one that a signed, of certificates.
func (a *authority) revocationList(t testing.TB, certs ...*tls.Certificate) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
	for _, cert := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: leafOf(t, cert).SerialNumber, RevocationTime: time.Now(),
		})
	}
	issuer := *a.cert
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	if len(issuer.SubjectKeyId) == 0 {
		issuer.SubjectKeyId = []byte{1}
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, &issuer, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func TestClientsAreVerifiedInParticular(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	// A CA that may sign lists of what it revokes.
	ca.cert.KeyUsage |= x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, ca.cert, ca.cert, ca.key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	below := ca.below(t)
	chained := below.client(t, nil)
	chained.Certificate = append(chained.Certificate, below.cert.Raw)
	expired := ca.client(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := ca.client(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })
	good, bad := ca.client(t, nil), ca.client(t, nil)
	for name, test := range map[string]struct {
		clients *ClientValidation
		cert    *tls.Certificate
		served  bool
	}{
		"deep":                      {&ClientValidation{Depth: 1}, chained, false},
		"not too deep":              {&ClientValidation{Depth: 2}, chained, true},
		"at once":                   {&ClientValidation{Depth: 1}, good, true},
		"expired":                   {&ClientValidation{Depth: 1}, expired, false},
		"expired, not minded":       {&ClientValidation{IgnoreExpiry: true}, expired, true},
		"not valid yet":             {&ClientValidation{IgnoreExpiry: true}, early, false},
		"of another CA":             {&ClientValidation{IgnoreExpiry: true}, other.client(t, nil), false},
		"none":                      {&ClientValidation{IgnoreExpiry: true}, nil, false},
		"revoked":                   {&ClientValidation{Revoked: ca.revocationList(t, bad)}, bad, false},
		"another is revoked":        {&ClientValidation{Revoked: ca.revocationList(t, bad)}, good, true},
		"revoked by another":        {&ClientValidation{Revoked: other.revocationList(t, bad)}, bad, true},
		"no CA is named, valid":     {&ClientValidation{HideCAs: true}, good, true},
		"no CA is named, not valid": {&ClientValidation{HideCAs: true}, other.client(t, nil), false},
	} {
		e := newEngine(t, Options{})
		test.clients.CAs = ca.pem()
		clients := test.clients
		address := apply(t, e, describing(t, ca, clients))
		for _, version := range tlsVersions {
			_, err := tell(t, address, showing(ca, version, test.cert), "HTTP/1.1")
			if (err == nil) != test.served {
				t.Errorf("%s, %s: want served %v, got %v", name, tls.VersionName(version), test.served, err)
			}
		}
	}
}

func TestCAsAreNamedUnlessHidden(t *testing.T) {
	ca := newAuthority(t)
	for hide, want := range map[bool]int{false: 1, true: 0} {
		e := newEngine(t, Options{})
		address := apply(t, e, describing(t, ca, &ClientValidation{CAs: ca.pem(), HideCAs: hide}))
		named := -1
		cert := ca.client(t, nil)
		config := showing(ca, tls.VersionTLS13, cert)
		config.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			named = len(asked.AcceptableCAs)
			return cert, nil
		}
		if _, err := tell(t, address, config, "HTTP/1.1"); err != nil {
			t.Fatal(err)
		}
		if named != want {
			t.Errorf("hidden %v: want %d CAs named, got %d", hide, want, named)
		}
	}
}

func TestRevocationListsThatDoNotParse(t *testing.T) {
	ca := newAuthority(t)
	for _, revoked := range []string{"nothing", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"} {
		if err := (&ClientValidation{CAs: ca.pem(), Revoked: []byte(revoked)}).Check(); err == nil {
			t.Errorf("%q: want an error", revoked)
		}
	}
}
