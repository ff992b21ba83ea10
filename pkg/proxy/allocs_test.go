package proxy

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// browserRequest is what a client with a token sends.
const browserRequest = "GET /get?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n" +
	"Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\r\n" +
	"Connection: keep-alive\r\n\r\n"

const oneKiB = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: test\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nETag: \"1\"\r\nContent-Length: 1024\r\n\r\n"

// constantBackend answers every request that ends with an empty line with response, and does not allocate.
func constantBackend(t testing.TB, response string) string {
	return scripted(t, func(c net.Conn) {
		buf, out := make([]byte, 32<<10), []byte(response)
		n := 0
		for {
			got, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			if n += got; bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
				n = 0
				if _, err := c.Write(out); err != nil {
					return
				}
			}
		}
	})
}

// editingSite forwards with header edits both ways, as a rule with filters does.
func editingSite(t testing.TB, address string) *Config {
	f := to("p")
	f.RequestHeaders = HeaderEdit{Set: []Header{{"X-Env", "test"}}, Remove: []string{"Accept-Language"}}
	f.ResponseHeaders = HeaderEdit{Add: []Header{{"X-Served-By", "proxy"}}, Remove: []string{"Server"}}
	return site(t, map[string]Action{"/": &Respond{Status: 404}, "/get": f}, map[string]*Pool{"p": poolOf(address)})
}

// requester sends browserRequest over and over on one connection, and does not allocate.
func requester(t testing.TB, address string) func() {
	c := dialRaw(t, address)
	in, out := make([]byte, 32<<10), []byte(browserRequest)
	size := 0
	return func() {
		if _, err := c.Write(out); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			// The first response tells how long all are.
			n, err := io.ReadAtLeast(c, in, 1024)
			if err != nil {
				t.Fatal(err)
			}
			size = bytes.Index(in[:n], []byte("\r\n\r\n")) + 4 + 1024
			if _, err := io.ReadFull(c, in[n:size]); err != nil {
				t.Fatal(err)
			}
			return
		}
		if _, err := io.ReadFull(c, in[:size]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoAllocations counts everything that the process allocates while requests pass through real connections.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and makes pools forget")
	}
	e := newEngine(t, Options{})
	address := apply(t, e, editingSite(t, constantBackend(t, oneKiB+strings.Repeat("x", 1024))))
	request := requester(t, address)
	for range 200 {
		request()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // A collection empties the pools.
	const n = 5000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		request()
	}
	runtime.ReadMemStats(&after)
	// The sweeper makes a Date each second, and the runtime may allocate for itself: far fewer than requests.
	if got := float64(after.Mallocs-before.Mallocs) / n; got > 0.02 {
		t.Errorf("want no allocations per request, got %.3f", got)
	}
}

func BenchmarkKeepAlive(b *testing.B) {
	e := newEngine(b, Options{})
	address := apply(b, e, editingSite(b, constantBackend(b, oneKiB+strings.Repeat("x", 1024))))
	request := requester(b, address)
	request()
	b.ReportAllocs()
	for b.Loop() {
		request()
	}
}
