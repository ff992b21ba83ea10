package proxy

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// policySite forwards everything to address, as p says.
func policySite(t testing.TB, p *HTTPPolicy, address string) *Config {
	c := site(t, map[string]Action{
		"/":         to("p"),
		"/found":    &Respond{Status: 200, Body: "<p>", ContentType: "text/html"},
		"/nothing":  &Forward{Backends: []Backend{{Weight: 1, Status: 404}}},
		"/redirect": &Redirect{Path: &PathEdit{Value: "/x"}},
	}, map[string]*Pool{"p": poolOf(address)})
	c.Listeners["http"].HTTP = p
	return c
}

// header returns the fields of a raw response or request by name, as they came.
func header(message string) map[string][]string {
	head, _, _ := strings.Cut(message, "\r\n\r\n")
	fields := map[string][]string{}
	for i, line := range strings.Split(head, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); i > 0 && ok {
			fields[name] = append(fields[name], value)
		}
	}
	return fields
}

// echoHead is a backend that answers with the head of the request that it got.
func echoHead(t testing.TB) string {
	return scripted(t, func(c net.Conn) {
		buf := make([]byte, 32<<10)
		for n := 0; ; {
			got, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			if n += got; strings.HasSuffix(string(buf[:n]), "\r\n\r\n") {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(n)+"\r\n\r\n"+string(buf[:n]))
				n = 0
			}
		}
	})
}

// asks sends a request with fields to an echo behind address and returns the fields that the echo got.
func asks(t testing.TB, address, host string, fields ...string) map[string][]string {
	t.Helper()
	response := send(t, address, "GET /a HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+strings.Join(append(fields, ""), "\r\n")+"\r\n")
	if got := statusLine(response); got != "HTTP/1.1 200 OK" {
		t.Fatalf("want 200, got %q", response)
	}
	_, body, _ := strings.Cut(response, "\r\n\r\n")
	return header(body)
}

func TestPagesAndServer(t *testing.T) {
	e := newEngine(t, Options{})
	p := &HTTPPolicy{Server: "test/2.0", Pages: map[int]*Page{
		400: {ContentType: "text/html", Body: "<b>400</b>"},
		404: {ContentType: "text/html", Body: "<b>404</b>"},
		431: {Status: 400},
	}}
	address := apply(t, e, policySite(t, p, echoHead(t)))
	for _, test := range []struct {
		request, status, body string
		fields                map[string][]string
	}{
		{"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found", "<b>404</b>", map[string][]string{"Content-Type": {"text/html"}}},
		{"GET /found HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "<p>", map[string][]string{"Content-Type": {"text/html"}}},
		{"GET /redirect HTTP/1.1\r\nHost: a\r\n\r\n", "302 Found", "", map[string][]string{"Location": {"http://a/x"}}},
		{"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "<b>400</b>", map[string][]string{"Content-Type": {"text/html"}}},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", "400 Bad Request", "", map[string][]string{}},
	} {
		got := send(t, address, strings.Replace(test.request, "Host: a\r\n", "Host: a\r\nConnection: close\r\n", 1))
		if want := "HTTP/1.1 " + test.status; statusLine(got) != want {
			t.Errorf("%.30q: want %s, got %s", test.request, want, statusLine(got))
		}
		fields := header(got)
		for _, name := range []string{"Date", "Connection", "Content-Length"} {
			delete(fields, name)
		}
		test.fields["Server"] = []string{"test/2.0"}
		if diff := cmp.Diff(test.fields, fields); diff != "" {
			t.Errorf("%.30q: fields (-want +got):\n%s", test.request, diff)
		}
		if _, body, _ := strings.Cut(got, "\r\n\r\n"); body != test.body {
			t.Errorf("%.30q: want body %q, got %q", test.request, test.body, body)
		}
	}
	got := asks(t, address, "a")
	if _, there := got["Server"]; there {
		t.Error("the endpoint is told of the server")
	}
}

func TestForwardedPolicies(t *testing.T) {
	e := newEngine(t, Options{})
	back := echoHead(t)
	sent := []string{"X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 2.2.2.2", "X-Forwarded-Proto: ftp", "X-Forwarded-Port: 1", "X-Forwarded-Host: h"}
	for name, test := range map[string]struct {
		policy *HTTPPolicy
		want   map[string][]string
	}{
		"trusted": {&HTTPPolicy{}, map[string][]string{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"a.test"}}},
		"append":  {&HTTPPolicy{Forwarded: ForwardedAppend}, map[string][]string{"X-Forwarded-For": {"1.1.1.1, 2.2.2.2, 127.0.0.1"}, "X-Forwarded-Host": {"h"}}},
		"preserve": {
			&HTTPPolicy{Forwarded: ForwardedPreserve, ClientPort: true},
			map[string][]string{"X-Forwarded-For": {"1.1.1.1"}, "x-forwarded-for": {"2.2.2.2"}, "X-Forwarded-Host": {"h"}},
		},
		"remove": {&HTTPPolicy{Forwarded: ForwardedRemove}, map[string][]string{"X-Forwarded-Host": {"h"}}},
	} {
		address := apply(t, e, policySite(t, test.policy, back))
		_, port, _ := net.SplitHostPort(address)
		test.want["X-Forwarded-Proto"], test.want["X-Forwarded-Port"], test.want["Host"] = []string{"http"}, []string{port}, []string{"a.test"}
		if diff := cmp.Diff(test.want, asks(t, address, "a.test", sent...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	address := apply(t, e, policySite(t, &HTTPPolicy{Forwarded: ForwardedAppend, ClientPort: true}, back))
	got := asks(t, address, "a.test", "X-Forwarded-For: 1.1.1.1")["X-Forwarded-For"]
	if len(got) != 1 || !regexp.MustCompile(`^1\.1\.1\.1, 127\.0\.0\.1:[1-9][0-9]*$`).MatchString(got[0]) {
		t.Errorf("want the client's port, got %q", got)
	}
}

func TestTraceField(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, policySite(t, &HTTPPolicy{TraceField: "X-Trace"}, echoHead(t)))
	const id = "1-[0-9a-f]{8}-[0-9a-f]{24}"
	for sent, want := range map[string]string{
		"":                                    "^Root=" + id + "$",
		"Root=1-5-6":                          "^Self=" + id + ";Root=1-5-6$",
		"Root=1-5-6;CalledFrom=app":           "^Self=" + id + ";Root=1-5-6;CalledFrom=app$",
		"Self=1-1-1; Root=1-5-6; ;Self=2-2-2": "^Self=" + id + ";Root=1-5-6$",
		"CalledFrom=app":                      "^Root=" + id + ";CalledFrom=app$",
	} {
		var fields []string
		if sent != "" {
			fields = []string{"x-TRACE: " + sent}
		}
		got := asks(t, address, "a.test", fields...)
		if list := got["X-Trace"]; len(list) != 1 || !regexp.MustCompile(want).MatchString(list[0]) {
			t.Errorf("%q: want %s, got %q", sent, want, list)
		}
		if list := got["x-TRACE"]; list != nil {
			t.Errorf("%q: the client's field is passed on: %q", sent, list)
		}
	}
	if first, second := asks(t, address, "a")["X-Trace"], asks(t, address, "a")["X-Trace"]; cmp.Equal(first, second) {
		t.Errorf("two requests have the trace %q", first)
	}
}

func TestHostPortAndOddFields(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, policySite(t, &HTTPPolicy{HostPort: true, DropFields: true}, echoHead(t)))
	_, port, _ := net.SplitHostPort(address)
	got := asks(t, address, "A.test", "X_Odd: 1", "X-Fine: 2", "X.Odd: 3")
	for name, want := range map[string][]string{"Host": {"A.test:" + port}, "X-Fine": {"2"}, "X_Odd": nil, "X.Odd": nil} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := asks(t, address, "a.test:81")["Host"]; !cmp.Equal(got, []string{"a.test:81"}) {
		t.Errorf("want the port that the client named, got %q", got)
	}
}

func TestNoHTTP2(t *testing.T) {
	e := newEngine(t, Options{})
	for off, want := range map[bool]string{false: "\x00\x00", true: "HTTP/1.1 505"} {
		address := apply(t, e, policySite(t, &HTTPPolicy{NoHTTP2: off}, echoHead(t)))
		c := dialRaw(t, address)
		if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Errorf("off %v: want %q, got %q, %v", off, want, got, err)
		}
	}
}

func TestUnreached(t *testing.T) {
	e := newEngine(t, Options{DialTimeout: 50 * time.Millisecond})
	p := &HTTPPolicy{Unreached: UnreachedPolicy{Refused: 502, Silent: 504}}
	full := fullBacklog(t)
	for address, want := range map[string]int{deadAddress(t): 502, full: 504} {
		if status, _ := get(t, "http://"+apply(t, e, policySite(t, p, address))+"/"); status != want {
			t.Errorf("%s: want %d, got %d", address, want, status)
		}
	}
	if status, _ := get(t, "http://"+apply(t, e, policySite(t, nil, deadAddress(t)))+"/"); status != 503 {
		t.Errorf("no policy: want 503, got %d", status)
	}
}

func TestPolicyThatCannotBeFollowed(t *testing.T) {
	for name, p := range map[string]*HTTPPolicy{
		"server": {Server: "a\r\nb: c"},
		"trace":  {TraceField: "content-length"},
		"page":   {Pages: map[int]*Page{404: {ContentType: "a\nb"}}},
		"status": {Pages: map[int]*Page{404: {Status: 99}}},
	} {
		e := newEngine(t, Options{})
		c := policySite(t, p, echoHead(t))
		if err := e.Apply(c); err == nil {
			t.Errorf("%s: want an error", name)
		}
		address, bound := e.ListenerAddress("http")
		if !bound {
			t.Fatalf("%s: the listener does not serve", name)
		}
		if got := header(send(t, address.String(), "GET /found HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")); got["Server"] != nil {
			t.Errorf("%s: it is followed: %v", name, got)
		}
	}
}

func TestLimitations(t *testing.T) {
	e := newEngine(t, Options{})
	release := make(chan struct{})
	back := backend(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	c := policySite(t, nil, back)
	c.Listeners["http"].Limits = &Limitations{MaxLine: 100, MaxFields: 3, ResponseTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond}
	address := apply(t, e, c)
	for name, test := range map[string]struct{ request, want string }{
		"line":     {"GET /" + strings.Repeat("x", 100) + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 414 Request URI Too Long"},
		"fields":   {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		"response": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 504 Gateway Timeout"}, // And then the idle connection is closed.
	} {
		if got := statusLine(send(t, address, test.request)); got != test.want {
			t.Errorf("%s: want %q, got %q", name, test.want, got)
		}
	}
}
