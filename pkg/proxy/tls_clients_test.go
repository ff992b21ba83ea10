package proxy

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// client is a certificate of a client, as change makes it.
func (a *authority) client(t testing.TB, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial.Add(1) + 1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// below is an authority that a vouches for.
func (a *authority) below(t testing.TB) *authority {
	t.Helper()
	made := a.client(t, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = "below", true, true, x509.KeyUsageCertSign, nil
	})
	cert, err := x509.ParseCertificate(made.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key, _ := made.PrivateKey.(*ecdsa.PrivateKey)
	return &authority{key: key, cert: cert, pool: x509.NewCertPool()}
}

// showing is how a client with a certificate speaks; nil for one without. It shows it whatever CAs the server names.
func showing(ca *authority, version uint16, cert *tls.Certificate) *tls.Config {
	return &tls.Config{
		ServerName: "a.example", RootCAs: ca.pool, MaxVersion: version, MinVersion: version,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return &tls.Certificate{}, nil
			}
			return cert, nil
		},
	}
}

// visit opens a connection, sends a request at once and returns what comes back. With TLS 1.3 the client learns only then that it is refused.
func visit(t testing.TB, address string, config *tls.Config) (string, error) {
	t.Helper()
	conn, err := dialTLS(t, address, config)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// More than the server has read when it refuses: the alert has to arrive all the same. Writing may fail then, which reading explains.
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n"+strings.Repeat("x", 60000))
	got, err := io.ReadAll(conn)
	return string(got), err
}

// alertOf is the alert that err is; "" when it is none.
func alertOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return strings.TrimPrefix(op.Err.Error(), "tls: ")
	}
	return ""
}

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func TestClientsHaveToProveThemselves(t *testing.T) {
	leaksNothing(t)
	ca, other := newAuthority(t), newAuthority(t)
	below := ca.below(t)
	chained, alone := below.client(t, nil), below.client(t, nil)
	chained.Certificate = append(chained.Certificate, below.cert.Raw)
	e := newEngine(t, Options{})
	server := Server{Name: "a", Hostname: "a.example", Certificates: []*Certificate{ca.issue(t, "a.example")}}
	clients := &ClientValidation{CAs: ca.pem()}

	web := server
	web.Rules = table(t, map[string]Action{"/": &Respond{Status: 200, Body: "served"}})
	raw := server
	raw.Rules = allTo(t, to("p"))
	apply(t, e, &Config{
		Listeners: map[string]*Listener{
			"http": {Protocol: HTTPS, Address: loopback, Servers: []Server{web}, Clients: clients},
			"tls":  {Protocol: TLS, Address: loopback, Servers: []Server{raw}, Clients: clients},
		},
		Pools: map[string]*Pool{"p": poolSpeaking(PoolTCP, scripted(t, func(c net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, "served")
			}
		}))},
	})
	for _, test := range []struct {
		reason string
		cert   *tls.Certificate
		alert  map[uint16]string // nil when served
	}{
		{"valid", ca.client(t, nil), nil},
		{"below, with what is between", chained, nil},
		{"none", nil, map[uint16]string{tls.VersionTLS12: "handshake failure", tls.VersionTLS13: "certificate required"}},
		{"of another CA", other.client(t, nil), both("unknown certificate authority")},
		{"below, without what is between", alone, both("unknown certificate authority")},
		{"expired", ca.client(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), both("expired certificate")},
		{"not valid yet", ca.client(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }), both("expired certificate")},
		{"a server's", ca.client(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), both("bad certificate")},
	} {
		for _, listener := range []string{"http", "tls"} {
			address, _ := e.ListenerAddress(listener)
			for _, version := range tlsVersions {
				got, err := visit(t, address.String(), showing(ca, version, test.cert))
				switch want := test.alert[version]; {
				case want == "" && (err != nil || !strings.HasSuffix(got, "served")):
					t.Errorf("%s, %s, %s: want it served, got %q, %v", test.reason, listener, tls.VersionName(version), got, err)
				case want != "" && (got != "" || alertOf(err) != want):
					t.Errorf("%s, %s, %s: want the alert %q, got %q, %v", test.reason, listener, tls.VersionName(version), want, got, err)
				}
			}
		}
	}
}

func both(alert string) map[uint16]string {
	return map[uint16]string{tls.VersionTLS12: alert, tls.VersionTLS13: alert}
}

// mutual is a listener that asks clients for certificates and forwards to where all is told that arrives.
func mutual(t testing.TB, ca *authority, clients *ClientValidation) (*Config, *Listener) {
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		for _, value := range r.Header.Values("X-Forwarded-Client-Cert") {
			_, _ = io.WriteString(w, value+"\n")
		}
	})
	rules := table(t, map[string]Action{"/": to("p")})
	l := &Listener{Protocol: HTTPS, Address: loopback, Clients: clients, Servers: []Server{
		{Name: "a", Hostname: "a.example", Certificates: []*Certificate{ca.issue(t, "a.example")}, Rules: rules},
		{Name: "b", Hostname: "b.example", Certificates: []*Certificate{ca.issue(t, "b.example")}, Rules: rules},
	}}
	return &Config{Listeners: map[string]*Listener{"http": l}, Pools: map[string]*Pool{"p": poolOf(back)}}, l
}

// tell makes a request over a connection of its own and returns what the backend was told of the client.
func tell(t testing.TB, address string, config *tls.Config, protocol string, header ...string) (string, error) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(protocol == "HTTP/1.1")
	tr.Protocols.SetHTTP2(protocol == "HTTP/2.0")
	defer tr.CloseIdleConnections()
	r := request(t, "GET", "https://"+address+"/", "")
	r.Host = config.ServerName
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	resp, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != 200 || resp.Proto != protocol) {
		t.Errorf("want 200 over %s, got %d over %s", protocol, resp.StatusCode, resp.Proto)
	}
	return strings.TrimSuffix(string(b), "\n"), err
}

func TestInsecureFallbackServesAllAndVouchesForTheValid(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	e := newEngine(t, Options{})
	c, _ := mutual(t, ca, &ClientValidation{CAs: ca.pem(), InsecureFallback: true})
	address := apply(t, e, c)
	expired := ca.client(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	server := ca.client(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for _, version := range tlsVersions {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			for reason, cert := range map[string]*tls.Certificate{"none": nil, "of another CA": other.client(t, nil), "expired": expired, "a server's": server} {
				if got, err := tell(t, address, showing(ca, version, cert), protocol); err != nil || got != "" {
					t.Errorf("%s, %s: want it served and nothing said of the client, got %q, %v", reason, protocol, got, err)
				}
			}
			if got, err := tell(t, address, showing(ca, version, ca.client(t, nil)), protocol); err != nil || !strings.HasSuffix(got, `;Subject="CN=client"`) {
				t.Errorf("valid, %s: want it served and the client named, got %q, %v", protocol, got, err)
			}
		}
	}
}

func TestNobodyIsServedWhereTheCAsDoNotParse(t *testing.T) {
	ca := newAuthority(t)
	broken := strings.Replace(string(ca.pem()), "\n", "\nAAAA", 1)
	for reason, cas := range map[string]string{"nothing": "", "no PEM": "CERTIFICATE", "not a certificate": broken} {
		for _, fallback := range []bool{false, true} {
			e := newEngine(t, Options{})
			c, _ := mutual(t, ca, &ClientValidation{CAs: []byte(cas), InsecureFallback: fallback})
			err := e.Apply(c)
			var listen *ListenError
			if !errors.As(err, &listen) || !listen.Bound {
				t.Fatalf("%s: want a *ListenError of a bound listener, got %v", reason, err)
			}
			address, _ := e.ListenerAddress("http")
			for _, version := range tlsVersions {
				for _, cert := range []*tls.Certificate{nil, ca.client(t, nil)} {
					if got, err := visit(t, address.String(), showing(ca, version, cert)); alertOf(err) == "" {
						t.Errorf("%s, fallback %v, certificate %v: want an alert, got %q, %v", reason, fallback, cert != nil, got, err)
					}
				}
			}
		}
	}
	// One that does not parse costs itself.
	e := newEngine(t, Options{})
	c, _ := mutual(t, ca, &ClientValidation{CAs: append([]byte(broken), ca.pem()...)})
	if err := e.Apply(c); err == nil {
		t.Error("want an error for the CA that does not parse")
	}
	address, _ := e.ListenerAddress("http")
	if _, err := tell(t, address.String(), showing(ca, tls.VersionTLS13, ca.client(t, nil)), "HTTP/1.1"); err != nil {
		t.Errorf("want it served, got %v", err)
	}
}

func TestForwardedClientCert(t *testing.T) {
	ca := newAuthority(t)
	named := ca.client(t, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: `a";URI=spiffe://admin` + "\r\nX-Evil: 1", Organization: []string{"ü, ltd"}}
		c.DNSNames = []string{"a.example", "b;URI=x", `c",Hash=1`}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "td", Path: "/ns/a;b,c"}}
	})
	const want = `;Subject="CN=a%5C%22%5C;URI=spiffe://admin%0D%0AX-Evil: 1,O=%C3%BC%5C, ltd";URI=spiffe://td/ns/a%3Bb%2Cc;DNS=a.example;DNS=b%3BURI%3Dx;DNS=c%22%2CHash%3D1`
	for _, trusted := range []bool{false, true} {
		var o Options
		if trusted {
			o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
		e := newEngine(t, o)
		c, l := mutual(t, ca, &ClientValidation{CAs: ca.pem()})
		address := apply(t, e, c)
		forged := []string{"X-Forwarded-Client-Cert", "Hash=forged"}
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			got, err := tell(t, address, showing(ca, tls.VersionTLS13, named), protocol, forged...)
			if err != nil {
				t.Fatal(err)
			}
			if before, own, both := strings.Cut(got, "\n"); both != trusted || both && before != "Hash=forged" {
				t.Errorf("%s, trusted %v: got %q", protocol, trusted, got)
			} else if both {
				got = own
			}
			hash, rest, _ := strings.Cut(got, ";")
			if diff := cmp.Diff(want, ";"+rest); diff != "" || len(hash) != len("Hash=")+64 {
				t.Errorf("%s %s (-want +got):\n%s", protocol, hash, diff)
			}
		}
		// Also where clients are asked for nothing.
		open := *l
		open.Clients = nil
		c.Listeners = map[string]*Listener{"http": &open}
		address = apply(t, e, c)
		got, err := tell(t, address, showing(ca, tls.VersionTLS13, nil), "HTTP/1.1", forged...)
		if want := map[bool]string{true: "Hash=forged"}[trusted]; err != nil || got != want {
			t.Errorf("trusted %v: want %q, got %q, %v", trusted, want, got, err)
		}
	}
}

func TestMuchIsNotSaidOfAClient(t *testing.T) {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("x", 5000)}}
	for range 1000 {
		cert.DNSNames = append(cert.DNSNames, "name.example")
	}
	got := describeClient(cert)
	if len(got) > maxClientCert || !strings.HasSuffix(got, ";DNS=name.example") {
		t.Errorf("want at most %d bytes that end with a whole name, got %d: %.100s", maxClientCert, len(got), got)
	}
}

// Servers share a port and so its connections: none may be a way around what another asks for.
func TestClientsAreAskedWhateverTheServerName(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	c, _ := mutual(t, ca, &ClientValidation{CAs: ca.pem()})
	address := apply(t, e, c)
	for _, name := range []string{"a.example", "b.example", ""} {
		for _, version := range tlsVersions {
			config := showing(ca, version, nil)
			config.ServerName, config.InsecureSkipVerify = name, true
			if got, err := visit(t, address, config); alertOf(err) == "" {
				t.Errorf("%q: want an alert, got %q, %v", name, got, err)
			}
		}
	}
	// One who has proven himself for a is told that b is another server, over both versions of HTTP.
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		client := client1(t, ca, "a.example")
		if protocol == "HTTP/2.0" {
			client = client2(t, ca, "a.example")
		}
		tr, _ := client.Transport.(*http.Transport)
		tr.TLSClientConfig = showing(ca, tls.VersionTLS13, ca.client(t, nil))
		for _, host := range []string{"a.example", "b.example", "a.example"} {
			r := request(t, "GET", "https://"+address+"/", "")
			r.Host = host
			want := map[string]int{"a.example": 200, "b.example": 421}[host]
			if got := do(t, client, r); got.Status != want {
				t.Errorf("%s, %s: want %d, got %d", protocol, host, want, got.Status)
			}
		}
	}
}
