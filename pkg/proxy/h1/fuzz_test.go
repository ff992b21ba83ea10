package h1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
)

var seeds = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /x?y=%20 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\nGET",
	"GET http://h/p HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\nX: 1\r\n\r\n",
	"PUT /a/../%2e/b HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nUpgrade: h\r\nConnection: upgrade\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
}

// FuzzRequest looks for requests that are accepted here and read differently by net/http: they would be how to smuggle. Refusing what
// net/http accepts is fine.
func FuzzRequest(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		end := HeadEnd(raw, 0)
		if end == 0 {
			return
		}
		var r Request
		r.Reset()
		if r.Parse(bytes.Clone(raw[:end]), Limits{MaxLine: 1 << 16, MaxFields: 1000}) != nil {
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatalf("accepted %q, which net/http refuses: %v", raw[:end], err)
		}
		body, rest, ours := framed(&r, raw[end:])
		their, theirErr := io.ReadAll(theirs.Body)
		if ours == nil && (theirErr != nil || string(their) != body) {
			t.Fatalf("%q: want the body %q as net/http reads it (%v), got %q", raw, their, theirErr, body)
		}
		if r.Minor == 1 && r.Length != theirs.ContentLength {
			t.Fatalf("%q: want length %d, got %d", raw, theirs.ContentLength, r.Length)
		}
		compareSent(t, &r, theirs)
		_ = rest
	})
}

// framed returns the body of r, which b begins with, and what comes after.
func framed(r *Request, b []byte) (body string, rest []byte, err error) {
	if r.Length >= 0 {
		if int64(len(b)) < r.Length {
			return "", nil, ErrCutOff
		}
		return string(b[:r.Length]), b[r.Length:], nil
	}
	c := Chunked{MaxExtensions: 1 << 16, MaxTrailers: 1 << 16, MaxFields: 1000}
	for at := 0; ; {
		data, n, err := c.Next(b[at:])
		at += n
		body += string(data)
		switch {
		case err != nil:
			return "", nil, err
		case c.Done():
			return body, b[at:], nil
		case len(data) == 0:
			return "", nil, ErrCutOff
		}
	}
}

// compareSent checks that what is sent on is one request for net/http too, with the same method and fields, and framed the same.
func compareSent(t *testing.T, r *Request, theirs *http.Request) {
	if r.Authority == "" {
		r.Authority = "default"
	}
	sent := r.AppendRequest(nil)
	again, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(append(sent, "0\r\n\r\n"...))))
	if err != nil {
		t.Fatalf("sent %q, which net/http refuses: %v", sent, err)
	}
	if again.Method != theirs.Method || again.ContentLength != max(r.Length, -1) {
		t.Fatalf("sent %q: want %s with length %d, got %s with %d", sent, theirs.Method, r.Length, again.Method, again.ContentLength)
	}
	if n := bytes.Count(sent, []byte("\r\n\r\n")); n != 1 {
		t.Fatalf("sent %q: want one empty line, got %d", sent, n)
	}
	for name, values := range again.Header {
		if want := theirs.Header[name]; strings.Join(want, "|") != strings.Join(values, "|") && name != "Connection" && name != "Te" && name != "Content-Length" {
			t.Fatalf("sent %q: %s: want %q, got %q", sent, name, want, values)
		}
	}
}

// FuzzChunked compares the decoder with net/http's, and with itself when bytes arrive one by one.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{"5\r\nhello\r\n0\r\n\r\n", "1;a=b\r\nx\r\n0\r\nT: v\r\n\r\nrest", "0\r\n\r\n", "a\r\n0123456789\r\n00\r\n\r\n", "1\nx\n0\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		body, _, rest, err := decode(raw, len(raw)+1)
		slow, _, slowRest, slowErr := decode(raw, 1)
		if (err == nil) != (slowErr == nil) || err == nil && (body != slow || rest != slowRest) {
			t.Fatalf("%q: want %q, %q, %v; byte by byte got %q, %q, %v", raw, body, rest, err, slow, slowRest, slowErr)
		}
		if err != nil {
			return
		}
		their, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(raw)))
		if err != nil || string(their) != body {
			t.Fatalf("%q: want %q as net/http reads it (%v), got %q", raw, their, err, body)
		}
	})
}

// FuzzResponse looks for responses that are accepted here and read differently by net/http.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 304\r\n\r\n", "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(s), "GET")
	}
	f.Fuzz(func(t *testing.T, raw []byte, method string) {
		end := HeadEnd(raw, 0)
		if end == 0 || method != "GET" && method != "HEAD" {
			return
		}
		var r Response
		r.Reset()
		if r.Parse(bytes.Clone(raw[:end]), method, Limits{MaxLine: 1 << 16, MaxFields: 1000}) != nil {
			return
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("accepted %q, which net/http refuses: %v", raw[:end], err)
		}
		if r.Status != theirs.StatusCode {
			t.Fatalf("%q: want status %d, got %d", raw, theirs.StatusCode, r.Status)
		}
		if !Bodyless(method, r.Status) && r.Length != theirs.ContentLength {
			t.Fatalf("%q: want length %d, got %d", raw, theirs.ContentLength, r.Length)
		}
		if n := bytes.Count(r.AppendResponse(nil, Sized, true, false), []byte("\r\n\r\n")); n != 1 {
			t.Fatalf("%q: want one empty line in what is sent, got %d", raw, n)
		}
	})
}
