package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// h2cBackend starts a server that speaks HTTP/2 with prior knowledge, and nothing else.
func h2cBackend(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	return serveWith(t, h, func(s *http.Server, l net.Listener) error {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetUnencryptedHTTP2(true)
		return s.Serve(l)
	})
}

// h2Backend starts a server that speaks HTTP/2 over TLS.
func h2Backend(t testing.TB, certificate tls.Certificate, h http.HandlerFunc) string {
	t.Helper()
	return serveWith(t, h, func(s *http.Server, l net.Listener) error {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP2(true)
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		return s.ServeTLS(l, "", "")
	})
}

func serveWith(t testing.TB, h http.Handler, serve func(*http.Server, net.Listener) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: silent}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = serve(s, l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return l.Addr().String()
}

// client1 speaks HTTP/1.1, client2 HTTP/2; over TLS with names that ca vouches for, else with prior knowledge.
func client1(t testing.TB, ca *authority, name string) *http.Client {
	return clientFor(t, ca, name, func(p *http.Protocols) { p.SetHTTP1(true) })
}

func client2(t testing.TB, ca *authority, name string) *http.Client {
	return clientFor(t, ca, name, func(p *http.Protocols) {
		p.SetHTTP2(ca != nil)
		p.SetUnencryptedHTTP2(ca == nil)
	})
}

func clientFor(t testing.TB, ca *authority, name string, set func(*http.Protocols)) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	set(tr.Protocols)
	if ca != nil {
		tr.TLSClientConfig = &tls.Config{RootCAs: ca.pool, ServerName: name}
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// exchanged is an answer as tests compare it.
type exchanged struct {
	Status  int
	Proto   int
	Header  http.Header
	Body    string
	Trailer http.Header
}

func do(t testing.TB, c *http.Client, r *http.Request) exchanged {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(b), err)
	}
	return exchanged{resp.StatusCode, resp.ProtoMajor, resp.Header, string(b), resp.Trailer}
}

func request(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// withInterim collects interim responses.
func withInterim(ctx context.Context, into *[]string) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		*into = append(*into, fmt.Sprint(code, " ", header.Get("Link")))
		return nil
	}})
}

// inspect is a backend that says what it saw, in header fields.
func inspect(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h := w.Header()
	h.Set("Saw-Proto", r.Proto)
	h.Set("Saw-Method", r.Method)
	h.Set("Saw-Host", r.Host)
	h.Set("Saw-Uri", r.RequestURI)
	h.Set("Saw-Te", r.Header.Get("Te"))
	h.Set("Saw-Agent", r.Header.Get("User-Agent"))
	h.Set("Saw-Cookie", strings.Join(r.Header.Values("Cookie"), "|"))
	h.Set("Saw-Custom", strings.Join(r.Header.Values("X-Custom"), "|"))
	h.Set("Saw-Forwarded", r.Header.Get("X-Forwarded-Proto")+" "+r.Header.Get("X-Forwarded-For"))
	h.Set("Saw-Trailer", r.Trailer.Get("X-Sum"))
	h.Set("Trailer", "X-End")
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush() // Else a server of HTTP/2 says a length, and HTTP/1.1 has no trailers after that.
	h.Set("X-End", "that was all")
}
