package proxy

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"
)

// echo answers what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex()
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Path", r.URL.RequestURI())
	w.Header().Set("X-Host", r.Host)
	_, _ = io.Copy(w, r.Body)
}

func TestBodies(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(backend(t, echo))}))
	large := make([]byte, 3<<20)
	_, _ = rand.Read(large)
	for _, size := range []int{0, 1, 100, 16 << 10, 64 << 10, 64<<10 + 1, 3 << 20} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(large[:size])
			if chunked {
				body = io.MultiReader(body) // Hides the length.
			}
			r, err := http.Post("http://"+address+"/x?y=z", "text/plain", body)
			if err != nil {
				t.Fatalf("size %d, chunked %v: %v", size, chunked, err)
			}
			got, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil || r.StatusCode != 200 || !bytes.Equal(got, large[:size]) {
				t.Errorf("size %d, chunked %v: want 200 and the body back, got %d, %d bytes, %v", size, chunked, r.StatusCode, len(got), err)
			}
			if want, got := "POST /x?y=z "+address, r.Header.Get("X-Method")+" "+r.Header.Get("X-Path")+" "+r.Header.Get("X-Host"); want != got {
				t.Errorf("want %q, got %q", want, got)
			}
		}
	}
}

func TestPipelining(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(backend(t, echo))}))
	raw := strings.Repeat("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"+
		"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+
		"HEAD /c HTTP/1.1\r\nHost: x\r\n\r\n", 20) + "GET /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	got := send(t, address, raw)
	if n := strings.Count(got, "HTTP/1.1 200 OK\r\n"); n != 61 {
		t.Fatalf("want 61 responses, got %d in\n%s", n, got)
	}
	for _, c := range []struct {
		part string
		n    int
	}{{"X-Path: /a", 20}, {"X-Path: /b", 20}, {"X-Path: /c", 20}, {"X-Path: /d", 1}, {"\r\n\r\nabc", 20}, {"hello", 20}, {"Connection: close", 1}} {
		if n := strings.Count(got, c.part); n != c.n {
			t.Errorf("%q: want %d times, got %d", c.part, c.n, n)
		}
	}
}
