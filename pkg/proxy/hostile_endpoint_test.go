package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

// TestExtraBytesAreNotTheNextResponse has an endpoint send more than the body that it announced. What it sent too much must not become the
// response to another request, which may be another client's.
func TestExtraBytesAreNotTheNextResponse(t *testing.T) {
	sized := func(n int) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(n) + "\r\n\r\n" + strings.Repeat("x", n)
	}
	for _, test := range []struct {
		reason       string
		method       string
		first, extra string
	}{
		{"after a small body", "GET", sized(10), poison},
		{"after a body of more than a buffer", "GET", sized(100_000), poison},
		{"after a body of whole buffers", "GET", sized(10 * len(bulk{})), poison},
		{"after a chunked body", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", poison},
		{"a body for HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 61\r\n\r\n", poison},
		{"a body for 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", poison},
		{"a body for 304", "GET", "HTTP/1.1 304 Not Modified\r\n\r\n", poison},
	} {
		for _, late := range []bool{false, true} {
			name := test.reason
			if late {
				name += ", late"
			}
			t.Run(name, func(t *testing.T) {
				answered, sent := make(chan bool), make(chan bool)
				up := scripted(t, func(c net.Conn) {
					in := bufio.NewReader(c)
					for {
						r, err := http.ReadRequest(in)
						if err != nil {
							return
						}
						switch {
						case r.URL.Path == "/next":
							_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
						case late:
							if _, err = io.WriteString(c, test.first); err == nil {
								<-answered
								_, err = io.WriteString(c, test.extra)
								close(sent)
							}
						default:
							_, err = io.WriteString(c, test.first+test.extra)
						}
						if err != nil {
							return
						}
					}
				})
				e := newEngine(t, Options{})
				address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
				r, err := http.NewRequest(test.method, "http://"+address+"/first", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Fatal(err)
				}
				if late {
					close(answered)
					<-sent
					time.Sleep(5 * time.Millisecond) // For the kernel to carry it over; without it the test may see less, never more.
				}
				for range 3 {
					if status, body := get(t, "http://"+address+"/next"); status != 200 || body != "next" {
						t.Errorf("want 200 next, got %d %q", status, body)
					}
				}
			})
		}
	}
}

// A response that is not modified may say how long the one would be that it stands for. Nobody is to wait for that over HTTP/2.
func TestNotModifiedWithALength(t *testing.T) {
	up := scripted(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\n")
		}
	})
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	for _, c := range []*http.Client{client1(t, nil, ""), client2(t, nil, "")} {
		if got := do(t, c, request(t, "GET", "http://"+address, "")); got.Status != 304 || got.Body != "" || got.Header.Get("Etag") != "x" {
			t.Errorf("want 304, got %+v", got)
		}
	}
}

// An endpoint that closes an idle connection over TLS says so first. A request that must not be repeated does not go there.
func TestStaleConnectionOverTLS(t *testing.T) {
	ca := newAuthority(t)
	gone := make(chan struct{}, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.pair(t, "a.example")}}
	s.Config.IdleTimeout = 20 * time.Millisecond
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			gone <- struct{}{}
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	p := poolOf(s.Listener.Addr().String())
	p.TLS = &BackendTLS{ServerName: "a.example", CAs: ca.pem()}
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
	for n := range 3 {
		if got := do(t, client1(t, nil, ""), request(t, "POST", "http://"+address, "hello")); got.Status != 200 || got.Body != "hello" {
			t.Fatalf("request %d: want hello, got %d %q", n, got.Status, got.Body)
		}
		<-gone
		time.Sleep(5 * time.Millisecond) // For the kernel to carry it over; without it the test may see less, never more.
	}
}
