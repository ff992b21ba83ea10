package proxy

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is a backend that keeps the last request.
func seen(t *testing.T) (address string, last func() *http.Request) {
	var mu sync.Mutex
	var kept *http.Request
	address = backend(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		kept = r
		w.Header()["Server"] = []string{"secret"}
		w.Header().Add("X-Many", "1")
		w.Header().Add("X-Many", "2")
	})
	return address, func() *http.Request {
		mu.Lock()
		defer mu.Unlock()
		return kept
	}
}

func TestFilters(t *testing.T) {
	address, last := seen(t)
	f := &Forward{
		Backends: []Backend{{
			Weight: 1, Pool: "p",
			RequestHeaders:  HeaderEdit{Set: []Header{{"X-Order", "backend"}}, Add: []Header{{"X-Add", "b"}}},
			ResponseHeaders: HeaderEdit{Add: []Header{{"X-From", "backend"}}},
		}},
		RequestHeaders: HeaderEdit{
			Set:    []Header{{"x-order", "rule"}, {"Content-Length", "99"}, {"X-Split", "a\r\nX-Smuggled: 1"}},
			Add:    []Header{{"X-Add", "a"}},
			Remove: []string{"x-gone", "Host", "Transfer-Encoding"},
		},
		ResponseHeaders: HeaderEdit{Set: []Header{{"x-many", "3"}}, Remove: []string{"server"}},
		RewriteHost:     "inner.example",
		RewritePath:     &PathEdit{Prefix: true, Value: "/v2"},
	}
	e := newEngine(t, Options{})
	proxied := apply(t, e, site(t, map[string]Action{"/api": f}, map[string]*Pool{"p": poolOf(address)}))
	r, _ := http.NewRequest("GET", "http://"+proxied+"/api/x?q=1", nil)
	for _, name := range []string{"X-Gone", "X-Order", "X-Add", "X-Forwarded-For", "X-Forwarded-Proto"} {
		r.Header.Set(name, "client")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := last()
	if want := "inner.example /v2/x?q=1"; got.Host+" "+got.RequestURI != want {
		t.Errorf("want %s, got %s %s", want, got.Host, got.RequestURI)
	}
	_, port, _ := net.SplitHostPort(proxied)
	want := http.Header{
		"X-Order": {"backend"}, "X-Add": {"client", "a", "b"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"},
		"X-Forwarded-Host": {proxied}, "X-Forwarded-Port": {port}, "User-Agent": {"Go-http-client/1.1"}, "Accept-Encoding": {"gzip"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("request's fields (-want +got):\n%s", diff)
	}
	if resp.Header.Get("Server") != "" || !cmp.Equal(resp.Header["X-Many"], []string{"3"}) || resp.Header.Get("X-From") != "backend" {
		t.Errorf("want the response's filters applied, got %v", resp.Header)
	}
}

func TestTrustedProxy(t *testing.T) {
	address, last := seen(t)
	e := newEngine(t, Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	proxied := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(address)}))
	r, _ := http.NewRequest("GET", "http://"+proxied+"/", nil)
	r.Header["X-Forwarded-For"] = []string{"1.1.1.1", "2.2.2.2, 3.3.3.3"}
	r.Header.Set("X-Forwarded-Proto", "https")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := last().Header
	if want := []string{"1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1"}; !cmp.Equal(want, got["X-Forwarded-For"]) || got.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("want %q and https, got %v", want, got)
	}
}

func TestStatuses(t *testing.T) {
	e := newEngine(t, Options{})
	slow := backend(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	garbage := scripted(t, func(c net.Conn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
	})
	dead := closedPort(t)
	rules := map[string]Action{
		"/invalid":  &Forward{Backends: []Backend{{Weight: 1}}},
		"/teapot":   &Forward{Backends: []Backend{{Weight: 1, Status: 418}}},
		"/weight":   &Forward{Backends: []Backend{{Pool: "ok"}}},
		"/none":     &Forward{},
		"/missing":  to("nowhere"),
		"/empty":    to("empty"),
		"/dead":     to("dead"),
		"/garbage":  to("garbage"),
		"/request":  &Forward{Backends: []Backend{{Weight: 1, Pool: "slow"}}, RequestTimeout: 50 * time.Millisecond},
		"/backend":  &Forward{Backends: []Backend{{Weight: 1, Pool: "slow"}}, BackendTimeout: 50 * time.Millisecond},
		"/draining": to("draining"),
		"/tcp":      to("tcp"),
		"/split":    &Forward{Backends: to("ok").Backends, RewritePath: &PathEdit{Value: "/ HTTP/1.1\r\nX: y"}},
		"/host":     &Forward{Backends: to("ok").Backends, RewriteHost: "a\r\nX: y"},
		"/location": &Redirect{Hostname: "a\r\nX: y"},
		"/nil":      nil,
	}
	draining := poolOf(slow)
	draining.Endpoints[0].Draining = true
	address := apply(t, e, site(t, rules, map[string]*Pool{
		"empty": {Protocol: PoolHTTP1}, "dead": poolOf(dead), "slow": poolOf(slow), "garbage": poolOf(garbage), "draining": draining, "ok": poolOf(slow),
		"tcp": {Protocol: PoolTCP, Endpoints: poolOf(slow).Endpoints},
	}))
	for path, want := range map[string]int{
		"/nothing": 404, "/invalid": 500, "/teapot": 418, "/weight": 500, "/none": 500, "/missing": 500, "/empty": 503, "/dead": 503, "/garbage": 502,
		"/request": 504, "/backend": 504, "/draining": 503, "/tcp": 500,
		"/split": 500, "/host": 500, "/location": 500, "/nil": 500,
	} {
		if got, _ := get(t, "http://"+address+path); got != want {
			t.Errorf("%s: want %d, got %d", path, want, got)
		}
	}
}

// With OneDial a request is for the endpoint that it came to first, although the other would answer.
func TestOneDial(t *testing.T) {
	for _, protocol := range []PoolProtocol{PoolHTTP1, PoolHTTP2} {
		e := newEngine(t, Options{OneDial: true})
		p := poolOf(closedPort(t), closedPort(t))
		p.Protocol = protocol
		up := backend(t, echo)
		if protocol == PoolHTTP2 {
			up = h2cBackend(t, echo)
		}
		p.Endpoints = append(p.Endpoints, poolOf(up).Endpoints...)
		url := "http://" + apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
		counts := map[int]int{}
		for range 30 {
			status, _ := get(t, url)
			counts[status]++
		}
		if counts[200] != 10 || counts[503] != 20 {
			t.Errorf("protocol %d: answers by status are %v, want 10 of the live endpoint and 20 times 503", protocol, counts)
		}
	}
}

// closedPort returns an address where nobody listens.
func closedPort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestEndpointDiesInTheResponse(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		up := scripted(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+framing+"\r\n\r\n5\r\nhello\r\n")
		})
		e := newEngine(t, Options{})
		address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
		r, err := http.Get("http://" + address + "/")
		if err == nil {
			_, err = io.ReadAll(r.Body)
			_ = r.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: want the client to see that the response is cut", framing)
		}
	}
}

// TestStaleConnection has the endpoint close every connection after one response: the next request on it is repeated where that is safe.
func TestStaleConnection(t *testing.T) {
	up := scripted(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // And closes without saying so.
		}
	})
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	for range 200 {
		if status, body := get(t, "http://"+address+"/"); status != 200 || body != "ok" {
			t.Fatalf("want 200 ok, got %d %s", status, body)
		}
	}
}

func TestUnsentGoesToAnotherEndpoint(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(closedPort(t), backend(t, echo), closedPort(t))}))
	for range 20 {
		r, err := http.Post("http://"+address+"/", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != 200 || string(b) != "body" {
			t.Fatalf("want 200 body, got %d %q", r.StatusCode, b)
		}
	}
}

func TestAccessLog(t *testing.T) {
	var lines lockedBuffer
	e := New(Options{Name: "lb", AccessLog: &lines})
	address := apply(t, e, site(t, map[string]Action{"/a": to("p")}, map[string]*Pool{"p": poolOf(namedBackend(t, "x"))}))
	get(t, "http://"+address+"/a/%22b?token=secret")
	get(t, "http://"+address+"/c")
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(lines.String()), "\n")
	if len(got) != 2 || strings.Contains(lines.String(), "secret") {
		t.Fatalf("want two lines without the query, got %q", got)
	}
	var first map[string]any
	if err := json.Unmarshal([]byte(got[0]), &first); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"loadBalancer": "lb", "listener": "http", "method": "GET", "path": "/a/%22b", "rule": "/a", "status": 200.0, "out": 1.0} {
		if first[name] != want {
			t.Errorf("%s: want %v, got %v", name, want, first[name])
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A client that is not trusted cannot say who it is by a name that an endpoint may take for the same.
func TestForwardedWithUnderscores(t *testing.T) {
	seen := make(chan http.Header, 1)
	back := backend(t, func(w http.ResponseWriter, r *http.Request) { seen <- r.Header })
	for _, test := range []struct {
		trusted []netip.Prefix
		want    bool
	}{{nil, false}, {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, true}} {
		e := newEngine(t, Options{TrustedProxies: test.trusted})
		address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)}))
		names := []string{"X_Forwarded_For", "x-forwarded_proto", "X_Forwarded-Host", "X_FORWARDED_PORT"}
		head := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX_Forwarded_By: kept\r\nX_Other: kept\r\n"
		for _, name := range names {
			head += name + ": 6.6.6.6\r\n"
		}
		send(t, address, head+"\r\n")
		got := <-seen
		for _, name := range names {
			if _, there := got[http.CanonicalHeaderKey(name)]; there != test.want {
				t.Errorf("%s, trusted %v: want it passed on %v, got %v", name, test.trusted, test.want, there)
			}
		}
		if got.Get("X_Other") != "kept" || got.Get("X_Forwarded_By") != "kept" {
			t.Errorf("want the others kept, got %v", got)
		}
	}
}
