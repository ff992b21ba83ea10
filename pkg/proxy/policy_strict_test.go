package proxy

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPhrasesAndRedirectPages(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, policySite(t, &HTTPPolicy{
		Phrases: map[int]string{404: "Nowhere To Be Seen"}, RedirectPages: true,
		Pages: map[int]*Page{302: {ContentType: "text/html", Body: "<b>there</b>"}},
	}, echoHead(t)))
	for path, want := range map[string][3]string{
		"/nothing":  {"HTTP/1.1 404 Nowhere To Be Seen", "text/plain; charset=utf-8", "Not Found\n"},
		"/redirect": {"HTTP/1.1 302 Found", "text/html", "<b>there</b>"},
	} {
		got := send(t, address, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		_, body, _ := strings.Cut(got, "\r\n\r\n")
		if diff := cmp.Diff(want, [3]string{statusLine(got), header(got)["Content-Type"][0], body}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	bad := policySite(t, &HTTPPolicy{Phrases: map[int]string{404: "Not\r\nSet-Cookie: a=b"}}, echoHead(t))
	if err := e.Apply(bad); err == nil {
		t.Error("want a phrase refused that adds a field")
	}
}

func TestWhatIsNotLetIn(t *testing.T) {
	const ok, bad, no = "HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request", "HTTP/1.1 405 Method Not Allowed"
	plain, picky := newEngine(t, Options{}), newEngine(t, Options{})
	plainly := apply(t, plain, policySite(t, &HTTPPolicy{}, echoHead(t)))
	pickily := apply(t, picky, policySite(t, &HTTPPolicy{NoTrace: true, Strict: true}, echoHead(t)))
	for _, test := range []struct{ request, want string }{
		{"TRACE / HTTP/1.1\r\n", no},
		{"TRACE /found HTTP/1.1\r\n", no},
		{"GET / HTTP/1.1\r\nContent-Length: 0\r\n", bad},
		{"HEAD / HTTP/1.1\r\nContent-Length: 0\r\n", bad},
		{"POST / HTTP/1.1\r\nContent-Length: 0\r\n", ok},
		{"OPTIONS / HTTP/1.1\r\n", ok},
		{"GET / HTTP/1.1\r\nX-Empty:\r\n", bad},
		{"GET / HTTP/1.1\r\nX-Accent: \xc3\xa9\r\n", bad},
		{"GET / HTTP/1.1\r\nX-Plain: e\r\n", ok},
	} {
		request := test.request + "Host: a\r\nConnection: close\r\n\r\n"
		if got := statusLine(send(t, pickily, request)); got != test.want {
			t.Errorf("%q: want %s, got %s", test.request, test.want, got)
		}
		if got := statusLine(send(t, plainly, request)); got != ok {
			t.Errorf("%q without a policy: want %s, got %s", test.request, ok, got)
		}
	}
	// With a body, which the script of the echo does not read.
	back := poolOf(namedBackend(t, "back"))
	for address, want := range map[string]string{
		apply(t, plain, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": back})): ok, pickily: bad,
	} {
		got := statusLine(send(t, address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
		if got != want {
			t.Errorf("GET with a body: want %s, got %s", want, got)
		}
	}
	r := request(t, http.MethodTrace, "http://"+pickily+"/", "")
	if got := do(t, client2(t, nil, ""), r); got.Status != 405 {
		t.Errorf("TRACE over HTTP/2: want 405, got %d", got.Status)
	}
}

func TestMaxResponseHead(t *testing.T) {
	back := scripted(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			long := strings.Repeat("x", 1000)
			if strings.HasPrefix(string(buf[:n]), "GET /longer") {
				long += "x"
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nA: "+long+"\r\nContent-Length: 0\r\n\r\n")
		}
	})
	e := newEngine(t, Options{})
	address := apply(t, e, policySite(t, &HTTPPolicy{MaxResponseHead: len("A: \r\nContent-Length: 0\r\n") + 1000}, back))
	for path, want := range map[string]string{"/long": "HTTP/1.1 200 OK", "/longer": "HTTP/1.1 502 Bad Gateway"} {
		got := statusLine(send(t, address, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
		if got != want {
			t.Errorf("%s: want %s, got %s", path, want, got)
		}
	}
}
