package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mirrorSeen is a request as a backend saw it.
type mirrorSeen struct {
	Method, Host, URI, Body, Trailer string
	Rule, Backend, Removed           string // fields that filters touch
	Forwarded                        bool
}

// recorder is a backend that remembers what it was sent.
type recorder struct {
	mu   sync.Mutex
	list []mirrorSeen
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	h := q.Header
	r.mu.Lock()
	r.list = append(r.list, mirrorSeen{
		q.Method, q.Host, q.RequestURI, string(body), q.Trailer.Get("X-Sum"),
		h.Get("X-Rule"), h.Get("X-Backend"), h.Get("X-Removed"), h.Get("X-Forwarded-For") != "",
	})
	r.mu.Unlock()
	w.Header().Set("X-Mirror", "is not to be seen")
	w.WriteHeader(http.StatusTeapot)
	_, _ = io.WriteString(w, "of the mirror")
}

func (r *recorder) all() []mirrorSeen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]mirrorSeen(nil), r.list...)
}

// take waits for n requests, returns them and forgets them.
func (r *recorder) take(t testing.TB, n int) []mirrorSeen {
	t.Helper()
	eventually(t, fmt.Sprintf("%d requests come to the mirror", n), func() bool { return len(r.all()) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func mirroring(pool string, mirrors ...string) *Forward {
	f := to(pool)
	for _, name := range mirrors {
		f.Mirrors = append(f.Mirrors, Mirror{Pool: name, Numerator: 1, Denominator: 1})
	}
	return f
}

func TestMirrorsGetWhatTheRuleMakesOfRequests(t *testing.T) {
	leaksNothing(t)
	echoAll := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}
	first, second := new(recorder), new(recorder)
	pools := map[string]*Pool{
		"h1": poolOf(backend(t, echoAll)), "h2": poolSpeaking(PoolHTTP2, h2cBackend(t, echoAll)),
		"m1": poolOf(backend(t, first.ServeHTTP)), "m2": poolSpeaking(PoolHTTP2, h2cBackend(t, second.ServeHTTP)),
	}
	rules := map[string]Action{}
	for _, name := range []string{"h1", "h2"} {
		f := mirroring(name, "m1", "m2")
		f.RewriteHost, f.RewritePath = "rewritten.example", &PathEdit{Prefix: true, Value: "/new"}
		f.RequestHeaders = HeaderEdit{Set: []Header{{"X-Rule", "yes"}}, Remove: []string{"X-Removed"}}
		f.Backends[0].RequestHeaders = HeaderEdit{Set: []Header{{"X-Backend", "yes"}, {"Host", "backend.example"}}}
		rules["/"+name] = f
	}
	bothVersions(t, func(t *testing.T, client *http.Client) {
		e := newEngine(t, Options{MirrorBuffer: 4 << 20}) // So that none is lost, however slow this machine is.
		address := apply(t, e, site(t, rules, pools))
		for _, backend := range []string{"h1", "h2"} {
			for _, body := range []string{"", "small", strings.Repeat("0123456789abcdef", 3<<20/16)} {
				for _, sized := range []bool{true, false} {
					method := "POST"
					if body == "" {
						method = "GET"
					}
					r := request(t, method, "http://"+address+"/"+backend+"/a%2Fb?q=1&r", body)
					r.Header.Set("X-Removed", "no")
					want := mirrorSeen{Method: method, Host: "rewritten.example", URI: "/new/a%2Fb?q=1&r", Body: body, Rule: "yes", Forwarded: true}
					if body != "" && !sized {
						r.ContentLength = -1
						r.Trailer = http.Header{"X-Sum": []string{"1"}}
						want.Trailer = "1"
					}
					got := do(t, client, r)
					if got.Status != 200 || got.Body != body || got.Header.Get("X-Mirror") != "" {
						t.Fatalf("%s, %d bytes: got %d, %d bytes, %v", backend, len(body), got.Status, len(got.Body), got.Header)
					}
					for i, m := range []*recorder{first, second} {
						if diff := cmp.Diff([]mirrorSeen{want}, m.take(t, 1)); diff != "" {
							t.Errorf("from %s, %d bytes, mirror %d: %.400s", backend, len(body), i+1, diff)
						}
					}
				}
			}
		}
		eventually(t, "all are counted", func() bool { return e.Stats().Mirrored == 2*2*3*2 })
		if got := e.Stats().MirrorsLost; got != 0 {
			t.Errorf("want none lost, got %d", got)
		}
	})
}

// Shares of mirrors are as exact as those of backends, and have nothing to do with them.
func TestMirrorShares(t *testing.T) {
	const n = 100_000
	for _, m := range []Mirror{{"", 0, 0}, {"", 1, 1}, {"", 7, 7}, {"", 0, 100}, {"", 1, 2}, {"", 20, 100}, {"", 35, 100}, {"", 1, 3}, {"", 1, 1000}, {"", 999, 1000}} {
		want := float64(n)
		if m.Denominator > 0 {
			want = n * float64(m.Numerator) / float64(m.Denominator)
		}
		for i := range 3 {
			all, half := 0.0, 0.0
			for turn := uint64(1); turn <= n; turn++ {
				if m.mirrorsTo(turn, i) {
					all++
					if spread(turn, 2) == 0 {
						half++
					}
				}
			}
			if all < want-4 || all > want+4 {
				t.Errorf("mirror %d, %d of %d: want %.0f, got %.0f", i, m.Numerator, m.Denominator, want, all)
			}
			if half < want/2-want/50-4 || half > want/2+want/50+4 {
				t.Errorf("mirror %d, %d of %d: of one of two backends want %.0f, got %.0f", i, m.Numerator, m.Denominator, want/2, half)
			}
		}
	}
}

func TestMirrorsGetTheirShares(t *testing.T) {
	leaksNothing(t)
	const n = 1000
	var counts [4]atomic.Int64
	pools := map[string]*Pool{"p": poolOf(namedBackend(t, "p"))}
	f := to("p")
	for i, share := range []Mirror{{"", 1, 2}, {"", 35, 100}, {"", 0, 100}, {"", 1, 1}} {
		share.Pool = fmt.Sprint("m", i)
		pools[share.Pool] = poolOf(backend(t, func(http.ResponseWriter, *http.Request) { counts[i].Add(1) }))
		f.Mirrors = append(f.Mirrors, share)
	}
	e := newEngine(t, Options{MaxMirrors: -1})
	address := apply(t, e, site(t, map[string]Action{"/": f}, pools))
	client := client1(t, nil, "")
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range n / 4 {
				if got := do(t, client, request(t, "GET", "http://"+address, "")); got.Body != "p" {
					t.Errorf("want p, got %d, %q", got.Status, got.Body)
				}
			}
		})
	}
	wait.Wait()
	eventually(t, "all are mirrored", func() bool {
		s := e.Stats()
		return counts[3].Load() == n && s.Mirrored+s.MirrorsLost >= n/2+n*35/100+n-6
	})
	for i, want := range []int64{n / 2, n * 35 / 100, 0, n} {
		if got := counts[i].Load(); got < want-3 || got > want+3 {
			t.Errorf("mirror %d: want %d, got %d", i, want, got)
		}
	}
	if got := e.Stats(); got.MirrorsLost != 0 || got.Requests != n {
		t.Errorf("want %d requests and no mirror lost, got %+v", n, got)
	}
}

// What is answered without an endpoint, and what becomes a tunnel, is not mirrored. What an endpoint fails is.
func TestMirrorsGetNothingElse(t *testing.T) {
	leaksNothing(t)
	mirror := new(recorder)
	pools := map[string]*Pool{"m": poolOf(backend(t, mirror.ServeHTTP)), "tunnel": poolOf(scripted(t, scriptSwitch)), "broken": poolOf(scriptedHangUp(t))}
	invalid := mirroring("", "m")
	invalid.Backends[0].Status = 500
	e := newEngine(t, Options{})
	c := site(t, map[string]Action{"/tunnel": mirroring("tunnel", "m"), "/broken": mirroring("broken", "m"), "/invalid": invalid}, pools)
	withCORS := corsSite(t, theList, nil, map[string]Action{"/": mirroring("broken", "m")})
	withCORS.Listeners["http"].Servers[0].Hostname = "cors.example"
	c.Listeners["http"].Servers = append(c.Listeners["http"].Servers, withCORS.Listeners["http"].Servers...)
	address := apply(t, e, c)

	got := statusLine(send(t, address, "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
	if got != "HTTP/1.1 101 Switching Protocols" {
		t.Fatalf("want 101, got %q", got)
	}
	for _, test := range []struct {
		r    string
		want string
	}{
		{"GET /invalid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 500 Internal Server Error"},
		{"OPTIONS / HTTP/1.1\r\nHost: cors.example\r\nOrigin: https://www.foo.com\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n", "HTTP/1.1 204 No Content"},
		{"POST /broken HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 502 Bad Gateway"},
	} {
		if got := statusLine(send(t, address, test.r)); got != test.want {
			t.Errorf("%q: want %q, got %q", test.r, test.want, got)
		}
	}
	if diff := cmp.Diff([]mirrorSeen{{Method: "POST", Host: "a", URI: "/broken", Body: "hi", Forwarded: true}}, mirror.take(t, 1)); diff != "" {
		t.Error(diff)
	}
}

// However often a request is sent to endpoints, a mirror gets it once, and whole.
func TestMirrorsOfRetriedRequests(t *testing.T) {
	leaksNothing(t)
	var tries atomic.Int64
	failing := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if tries.Add(1)%3 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(body)
	})
	mirror := new(recorder)
	f := mirroring("p", "m")
	f.Retry = &Retry{Codes: []int{503}, Attempts: 2, Backoff: time.Millisecond}
	bothVersions(t, func(t *testing.T, client *http.Client) {
		tries.Store(0)
		e := newEngine(t, Options{})
		address := apply(t, e, site(t, map[string]Action{"/": f}, map[string]*Pool{"p": poolOf(failing), "m": poolOf(backend(t, mirror.ServeHTTP))}))
		for i, length := range []int64{4, -1} {
			r := request(t, "POST", "http://"+address, "body")
			r.ContentLength = length
			if got := do(t, client, r); got.Status != 200 || got.Body != "body" || tries.Load() != int64(3*(i+1)) {
				t.Errorf("want 200 and the body after 3 tries, got %d, %q, %d in all", got.Status, got.Body, tries.Load())
			}
			mirrorCounts(t, e, uint64(i+1), 0)
			if got := mirror.take(t, 1); len(got) != 1 || got[0].Body != "body" {
				t.Errorf("want the body once, got %+v", got)
			}
		}
	})
}
