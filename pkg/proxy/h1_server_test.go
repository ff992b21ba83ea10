package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func respond200() map[string]Action {
	return map[string]Action{"/": &Respond{Status: 200, Body: "here\n"}}
}

func TestRefusals(t *testing.T) {
	e := newEngine(t, Options{MaxHead: 4 << 10, MaxLine: 2 << 10, MaxFields: 20, MaxBody: 1000})
	rules := respond200()
	rules["/up"] = to("p")
	address := apply(t, e, site(t, rules, map[string]*Pool{"p": poolOf(backend(t, echo))}))
	for _, c := range []struct{ raw, want, reason string }{
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "two hosts"},
		{"GET / HTTP/1.1\nHost: a\n\n", "400", "bare LF: said at once, not when the time is over"},
		{"\x16\x03\x01\x02\x00\x01", "400", "TLS on a plain port"},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "two framings"},
		{"GET /" + strings.Repeat("a", 3<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", "414", "long target"},
		{"GET /" + strings.Repeat("a", 9<<10), "414", "long target that does not end"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 3<<10) + "\r\n\r\n", "431", "long field"},
		{"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: a\r\n", 30) + "\r\n", "431", "many fields"},
		{"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: aaaaaaaaaaaaaaaa\r\n", 300) + "\r\n", "431", "long head"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "413", "long body"},
		{"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5dc\r\n" + strings.Repeat("a", 1500), "413", "body that turns out long"},
		{"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400", "malformed chunk"},
		{"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "501", "CONNECT"},
		{"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505", "version"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501", "coding"},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", "417", "expectation"},
	} {
		got := send(t, address, c.raw)
		if !strings.HasPrefix(got, "HTTP/1.1 "+c.want+" ") || strings.Count(got, "HTTP/1.1") != 1 {
			t.Errorf("%s: want one response with %s, got %q", c.reason, c.want, got)
		}
	}
}

func TestSlowClients(t *testing.T) {
	e := newEngine(t, Options{HeadTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond, BodyTimeout: 300 * time.Millisecond})
	rules := respond200()
	rules["/up"] = to("p")
	address := apply(t, e, site(t, rules, map[string]*Pool{"p": poolOf(backend(t, echo))}))
	for _, c := range []struct{ raw, want, reason string }{
		{"", "", "says nothing"},
		{"GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 Request Timeout", "half a head"},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "idle after a request"},
		{"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", "HTTP/1.1 408 Request Timeout", "half a body"},
		{"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "HTTP/1.1 408 Request Timeout", "half a chunk"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if got := statusLine(send(t, address, c.raw)); got != c.want {
				t.Errorf("want %q, got %q", c.want, got)
			}
		})
	}
	t.Run("drips", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, address)
		go func() {
			for {
				if _, err := c.Write([]byte("GET / HTTP/1.1\r\nX: ")[:1]); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		got, _ := io.ReadAll(c) // What was dripped after the answer may reset the connection.
		if want := "HTTP/1.1 408 Request Timeout"; statusLine(string(got)) != want {
			t.Errorf("want %q, got %q", want, got)
		}
	})
}

// TestClientThatDoesNotRead has a client that takes nothing of an endless response cut off.
func TestClientThatDoesNotRead(t *testing.T) {
	e := newEngine(t, Options{WriteTimeout: 200 * time.Millisecond})
	ended := make(chan struct{})
	endless := backend(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		for b := make([]byte, 64<<10); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(endless)}))
	c := dialRaw(t, address)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the response still runs")
	}
	eventually(t, "the client is counted", func() bool { return e.Stats().TimedOut == 1 })
}

func TestContinue(t *testing.T) {
	e := newEngine(t, Options{})
	rules := respond200()
	rules["/up"] = to("p")
	address := apply(t, e, site(t, rules, map[string]*Pool{"p": poolOf(backend(t, echo))}))

	c := dialRaw(t, address)
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, "POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("want 100 before the body, got %q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	_, _ = io.WriteString(c, "hello")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "hello" || resp.StatusCode != 200 {
		t.Errorf("want 200 hello, got %d %q, %v", resp.StatusCode, b, err)
	}

	// Whoever is answered without the body being wanted gets no 100, and the connection is not used for what may be the body.
	got := send(t, address, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 500000\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.Contains(got, "Connection: close") {
		t.Errorf("want 200 and close, got %q", got)
	}
}

func TestHTTP10(t *testing.T) {
	e := newEngine(t, Options{})
	chunked := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "two")
	})
	rules := respond200()
	rules["/up"] = to("p")
	address := apply(t, e, site(t, rules, map[string]*Pool{"p": poolOf(chunked)}))
	got := send(t, address, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /up HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
	if strings.Count(got, "HTTP/1.1 200 OK") != 2 || !strings.Contains(got, "Connection: keep-alive") ||
		!strings.HasSuffix(got, "\r\n\r\nonetwo") || strings.Contains(got, "chunked") {
		t.Errorf("want two responses, the second to the end of the connection and without chunks, got %q", got)
	}
}

func TestInterimResponsesAndTrailers(t *testing.T) {
	e := newEngine(t, Options{})
	up := scripted(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"+
			"3\r\nabc\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n")
	})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	got := send(t, address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	want := "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
		"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
	if got != want {
		t.Errorf("want\n%q\ngot\n%q", want, got)
	}
}

func TestUpgrade(t *testing.T) {
	e := newEngine(t, Options{})
	up := scripted(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil || req.Header.Get("Upgrade") != "websocket" || req.Header.Get("Connection") != "Upgrade" {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nearly ")
		_, _ = io.Copy(c, r)
	})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	c := dialRaw(t, address)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\npipelined ")
	_, _ = io.WriteString(c, "later")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(got), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Sec-WebSocket-Accept: x") || body != "early pipelined later" {
		t.Errorf("want 101 and all bytes, got %q", got)
	}
}

func TestUpgradeRefusedByEndpoint(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(namedBackend(t, "plain"))}))
	got := send(t, address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasSuffix(got, "plain") {
		t.Errorf("want the plain answer, got %q", got)
	}
}
