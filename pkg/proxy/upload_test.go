package proxy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestEarlyResponse has the endpoint answer before the request's body has come: the client gets the answer at once.
func TestEarlyResponse(t *testing.T) {
	up := scripted(t, func(c net.Conn) {
		requests := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(requests)
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
			_, _ = io.Copy(io.Discard, r.Body) // whether it came whole is the proxy's choice
		}
	})
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	c := dialRaw(t, address)
	answers := bufio.NewReader(c)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\npart")
	r, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r.Body); r.StatusCode != 401 || string(b) != "no" {
		t.Errorf("want 401 no, got %d %q, %v", r.StatusCode, b, err)
	}
	// What is still sent is the body and not a request.
	_, _ = io.WriteString(c, strings.Repeat("x", 50000-4)+"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	rest, _ := io.ReadAll(answers)
	if n := bytes.Count(rest, []byte("HTTP/1.1")); n > 1 || n == 1 && !bytes.HasPrefix(rest, []byte("HTTP/1.1 401")) {
		t.Errorf("want the next request's answer at most, got %q", rest)
	}
}

// TestEndpointRefusesTheBody has the endpoint answer and close while a large body is on its way.
func TestEndpointRefusesTheBody(t *testing.T) {
	up := scripted(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.CopyN(io.Discard, c, 1<<20)
		}
	})
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	c := dialRaw(t, address)
	go func() {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
		b := make([]byte, 64<<10)
		for range 1500 {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || r.StatusCode != 413 {
		t.Fatalf("want 413, got %v, %v", r, err)
	}
}

// TestClientLeavesInTheBody has the client go while it uploads: the endpoint sees that the body is not whole, and nothing leaks.
func TestClientLeavesInTheBody(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		result := make(chan error, 1)
		up := backend(t, func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			result <- err
		})
		e := newEngine(t, Options{})
		address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
		c := dialRaw(t, address)
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\n"+framing+"\r\n\r\n5\r\nhello\r\n")
		eventually(t, "the request has arrived", func() bool { return e.Health()["p"][0].InFlight == 1 })
		_ = c.Close()
		if err := <-result; err == nil {
			t.Errorf("%s: want the endpoint to see the body cut", framing)
		}
		eventually(t, "the exchange has ended", func() bool {
			s := e.Stats()
			return s.Opened == s.Closed && e.Health()["p"][0].InFlight == 0
		})
	}
}

// TestBothWaysAtOnce sends parts of a request each of which waits for the part of the response before it.
func TestBothWaysAtOnce(t *testing.T) {
	e := newEngine(t, Options{})
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		_ = control.Flush()
		for b := make([]byte, 100); ; {
			n, err := r.Body.Read(b)
			_, _ = w.Write(b[:n])
			_ = control.Flush()
			if err != nil {
				return
			}
		}
	})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	in, out := io.Pipe()
	request, _ := http.NewRequest("POST", "http://"+address+"/", in)
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	for _, part := range []string{"one", "two", "three"} {
		_, _ = io.WriteString(out, part)
		got := make([]byte, len(part))
		if _, err := io.ReadFull(r.Body, got); err != nil || string(got) != part {
			t.Fatalf("want %s, got %q, %v", part, got, err)
		}
	}
	_ = out.Close()
	if rest, err := io.ReadAll(r.Body); len(rest) > 0 || err != nil {
		t.Errorf("want the end, got %q, %v", rest, err)
	}
}

// upstreamCertificate makes a certificate for names and an URI, and its CA in PEM.
func upstreamCertificate(t *testing.T, uri string, names ...string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "up"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestBackendTLS(t *testing.T) {
	own, ca := upstreamCertificate(t, "spiffe://a/b", "up.example")
	_, otherCA := upstreamCertificate(t, "", "up.example")
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.TLS.ServerName) }))
	s.Config.ErrorLog = silent
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	s.StartTLS()
	t.Cleanup(s.Close)
	for reason, c := range map[string]struct {
		tls  *BackendTLS
		want int
	}{
		"for the name":            {&BackendTLS{ServerName: "up.example", CAs: ca}, 200},
		"for another name":        {&BackendTLS{ServerName: "down.example", CAs: ca}, 503},
		"by another CA":           {&BackendTLS{ServerName: "up.example", CAs: otherCA}, 503},
		"by no CA of the system":  {&BackendTLS{ServerName: "up.example"}, 503},
		"no name to prove":        {&BackendTLS{CAs: ca}, 503},
		"CAs that are none":       {&BackendTLS{ServerName: "up.example", CAs: []byte("x")}, 503},
		"a SAN, not the SNI":      {&BackendTLS{ServerName: "sni.example", CAs: ca, DNSNames: []string{"x", "up.example"}}, 200},
		"none of the SANs":        {&BackendTLS{ServerName: "up.example", CAs: ca, DNSNames: []string{"x"}}, 503},
		"an URI":                  {&BackendTLS{ServerName: "sni.example", CAs: ca, URIs: []string{"spiffe://a/b"}}, 200},
		"another URI":             {&BackendTLS{ServerName: "up.example", CAs: ca, URIs: []string{"spiffe://a/c"}}, 503},
		"a SAN, by another CA":    {&BackendTLS{ServerName: "up.example", CAs: otherCA, DNSNames: []string{"up.example"}}, 503},
		"a SAN, no CA of systems": {&BackendTLS{ServerName: "up.example", DNSNames: []string{"up.example"}}, 503},
	} {
		t.Run(reason, func(t *testing.T) {
			p := poolOf(s.Listener.Addr().String())
			p.TLS = c.tls
			e := newEngine(t, Options{})
			address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
			for range 2 { // The second on a connection that was kept.
				status, body := get(t, "http://"+address+"/")
				if status != c.want || status == 200 && body != c.tls.ServerName {
					t.Errorf("want %d, got %d %s", c.want, status, body)
				}
			}
		})
	}
}
