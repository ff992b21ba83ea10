package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// retrying forwards to pool "p" with a Retry.
func retrying(attempts int, codes ...int) *Forward {
	f := to("p")
	f.Retry = &Retry{Codes: codes, Attempts: attempts, Backoff: time.Millisecond}
	return f
}

// versions runs a test for each version of HTTP on either side. start starts an endpoint of that version.
func versions(t *testing.T, test func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string)) {
	for name, client := range map[string]func(testing.TB, *authority, string) *http.Client{"1": client1, "2": client2} {
		for _, protocol := range []PoolProtocol{PoolHTTP1, PoolHTTP2} {
			t.Run(fmt.Sprintf("HTTP %s to %d", name, protocol), func(t *testing.T) {
				leaksNothing(t)
				test(t, client(t, nil, ""), protocol, func(h http.HandlerFunc) string {
					if protocol == PoolHTTP2 {
						return h2cBackend(t, h)
					}
					return backend(t, h)
				})
			})
		}
	}
}

// front applies a site with one rule and pool "p", and returns its URL.
func front(t testing.TB, e *Engine, f *Forward, p *Pool) string {
	t.Helper()
	return "http://" + apply(t, e, site(t, map[string]Action{"/": f}, map[string]*Pool{"p": p}))
}

func TestRetryCodes(t *testing.T) {
	versions(t, func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string) {
		e := newEngine(t, Options{})
		for _, test := range []struct {
			reason          string
			retry           *Forward
			code, failures  int
			want            int
			seen, retryStat int
		}{
			{"fewer failures than attempts", retrying(3, 500), 500, 2, 200, 3, 2},
			{"as many failures as attempts", retrying(3, 500), 500, 3, 200, 4, 3},
			{"more failures than attempts", retrying(3, 500), 500, 4, 500, 4, 3},
			{"another code", retrying(3, 500), 503, 2, 503, 1, 0},
			{"one of several codes", retrying(2, 500, 502, 503, 504), 502, 3, 502, 3, 2},
			{"no attempts", retrying(0, 500), 500, 1, 500, 1, 0},
			{"no codes", retrying(2), 500, 1, 500, 1, 0},
			{"no retry", to("p"), 500, 1, 500, 1, 0},
		} {
			for _, body := range []string{"", "hello"} {
				var seen atomic.Int64
				before := e.Stats().Retries
				url := front(t, e, test.retry, poolSpeaking(protocol, start(func(w http.ResponseWriter, r *http.Request) {
					got, _ := io.ReadAll(r.Body)
					if n := int(seen.Add(1)); n <= test.failures {
						w.WriteHeader(test.code)
						_, _ = fmt.Fprintf(w, "failure %d of %s", n, got)
						return
					}
					_, _ = fmt.Fprintf(w, "fine %s", got)
				})))
				got := do(t, client, request(t, "POST", url, body))
				text := "fine " + body
				if test.want != 200 {
					text = fmt.Sprintf("failure %d of %s", test.seen, body)
				}
				if got.Status != test.want || got.Body != text {
					t.Errorf("%s: want %d %q, got %d %q", test.reason, test.want, text, got.Status, got.Body)
				}
				if n := int(seen.Load()); n != test.seen {
					t.Errorf("%s: want it seen %d times, got %d", test.reason, test.seen, n)
				}
				if n := int(e.Stats().Retries - before); n != test.retryStat {
					t.Errorf("%s: want %d retries counted, got %d", test.reason, test.retryStat, n)
				}
				eventually(t, "nothing is in flight", func() bool { return e.Health()["p"][0].InFlight == 0 })
			}
		}
	})
}

// An endpoint that fails is left for one that does not, and its connection is kept all the same.
func TestRetryGoesElsewhere(t *testing.T) {
	var opened atomic.Int64
	bad := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(503)
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	}))
	bad.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	bad.Start()
	t.Cleanup(bad.Close)
	e := newEngine(t, Options{})
	url := front(t, e, retrying(1, 503), poolOf(bad.Listener.Addr().String(), namedBackend(t, "good")))
	for range 20 {
		if status, body := get(t, url); status != 200 || body != "good" {
			t.Fatalf("want 200 good, got %d %q", status, body)
		}
	}
	if h := e.Health()["p"][0]; h.Requests != 10 || opened.Load() != 1 {
		t.Errorf("want 10 requests on one connection, got %d on %d", h.Requests, opened.Load())
	}
}

func TestRetryBrokenConnections(t *testing.T) {
	for _, test := range []struct {
		reason string
		first  string // what the endpoint says before it breaks off
	}{
		{"nothing", ""},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-"},
		{"an interim response", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"},
		{"no HTTP", "hello\r\n\r\n"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			var seen atomic.Int64
			up := scripted(t, func(c net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(r.Body)
				if seen.Add(1) == 1 {
					_, _ = io.WriteString(c, test.first)
					_ = c.(*net.TCPConn).SetLinger(0)
					return
				}
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			})
			e := newEngine(t, Options{})
			address := front(t, e, retrying(1), poolOf(up))
			if got := do(t, client1(t, nil, ""), request(t, "POST", address, "body")); got.Status != 200 || got.Body != "body" {
				t.Errorf("want 200 body, got %d %q", got.Status, got.Body)
			}
		})
	}
	t.Run("a stream reset", func(t *testing.T) {
		var seen atomic.Int64
		up, _ := h2Script(t, func(f *http2.Framer, _ int64, id uint32) {
			if seen.Add(1) == 1 {
				_ = f.WriteRSTStream(id, http2.ErrCodeInternal)
				return
			}
			answer200(f, id)
		})
		e := newEngine(t, Options{})
		if status, _ := get(t, front(t, e, retrying(1), poolSpeaking(PoolHTTP2, up))); status != 200 {
			t.Errorf("want 200, got %d", status)
		}
	})
	t.Run("nobody there at first", func(t *testing.T) {
		address := deadAddress(t)
		e := newEngine(t, Options{})
		f := retrying(10)
		f.Retry.Backoff = 20 * time.Millisecond
		url := front(t, e, f, poolOf(address))
		answered := make(chan int, 1)
		go func() {
			r, err := http.Get(url)
			if err != nil {
				answered <- 0
				return
			}
			_ = r.Body.Close()
			answered <- r.StatusCode
		}()
		eventually(t, "it was tried", func() bool { return e.Health()["p"][0].Failures > 0 })
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Skip("somebody else has the port now") // It was free a moment ago.
		}
		s := &http.Server{}
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close() })
		if got := <-answered; got != 404 {
			t.Errorf("want the endpoint's 404, got %d", got)
		}
	})
}

func TestRetryAfterTimeouts(t *testing.T) {
	versions(t, func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string) {
		var slow, seen atomic.Int64
		up := start(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			seen.Add(1)
			if slow.Add(-1) >= 0 {
				<-r.Context().Done()
			}
		})
		e := newEngine(t, Options{})
		f := retrying(2)
		f.BackendTimeout = 200 * time.Millisecond
		url := front(t, e, f, poolSpeaking(protocol, up))
		slow.Store(2)
		if got := do(t, client, request(t, "POST", url, "x")); got.Status != 200 || seen.Load() != 3 {
			t.Errorf("want 200 at the third attempt, got %d at attempt %d", got.Status, seen.Load())
		}
		slow.Store(1000)
		if got := do(t, client, request(t, "POST", url, "x")); got.Status != 504 {
			t.Errorf("want 504, got %d", got.Status)
		}
		// The request's time ends it in the middle of an attempt, whatever is left to try.
		seen.Store(0)
		f = retrying(1000)
		f.BackendTimeout, f.RequestTimeout = 200*time.Millisecond, 500*time.Millisecond
		url = front(t, e, f, poolSpeaking(protocol, up))
		began := time.Now()
		if got := do(t, client, request(t, "POST", url, "x")); got.Status != 504 {
			t.Errorf("want 504, got %d", got.Status)
		}
		if took := time.Since(began); took < 450*time.Millisecond || seen.Load() > 3 {
			t.Errorf("want up to 3 attempts in half a second, got %d in %v", seen.Load(), took)
		}
	})
}

// Where there is no time for another attempt, the last answer is passed on.
func TestRetryWithoutTimeLeft(t *testing.T) {
	e := newEngine(t, Options{})
	f := retrying(5, 503)
	f.RequestTimeout, f.Retry.Backoff = time.Second, time.Hour
	url := front(t, e, f, poolOf(backend(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })))
	if status, _ := get(t, url); status != 503 {
		t.Errorf("want 503, got %d", status)
	}
}

func TestBackoff(t *testing.T) {
	e := newEngine(t, Options{})
	var mu sync.Mutex
	var times []time.Time
	f := retrying(3, 500)
	f.Retry.Backoff = 30 * time.Millisecond
	get(t, front(t, e, f, poolOf(backend(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		w.WriteHeader(500)
	}))))
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap < f.Retry.Backoff<<(i-1) {
			t.Errorf("attempt %d: want at least %v after the last, got %v", i, f.Retry.Backoff<<(i-1), gap)
		}
	}
	if len(times) != 4 {
		t.Errorf("want 4 attempts, got %d", len(times))
	}
	for _, least := range []time.Duration{0, 1, time.Millisecond, time.Second, time.Minute, time.Hour} {
		var all []time.Duration
		for n := 1; n < 100; n++ {
			for turn := range uint64(20) {
				d := backoff(least, n, turn)
				if d < least || d <= 0 || d > max(least*3/2, 15*time.Second) {
					t.Fatalf("backoff(%v, %d): got %v", least, n, d)
				}
				all = append(all, d)
			}
		}
		if slices.Sort(all); least > time.Microsecond && len(slices.Compact(all)) < 20 {
			t.Errorf("%v: want times that differ, got %v", least, all)
		}
	}
}

// What an endpoint says before its final response is passed on as it comes, also where that is not.
func TestRetryAfterInterimResponses(t *testing.T) {
	var seen atomic.Int64
	e := newEngine(t, Options{})
	url := front(t, e, retrying(1, 503), poolOf(backend(t, func(w http.ResponseWriter, r *http.Request) {
		n := seen.Add(1)
		w.Header().Set("Link", fmt.Sprint("</", n, ">"))
		w.WriteHeader(103)
		if n == 1 {
			w.WriteHeader(503)
		}
	})))
	for _, client := range []*http.Client{client1(t, nil, ""), client2(t, nil, "")} {
		seen.Store(0)
		var interim []string
		r := request(t, "GET", url, "")
		if got := do(t, client, r.WithContext(withInterim(r.Context(), &interim))); got.Status != 200 || got.Header.Get("Link") != "</2>" {
			t.Errorf("want 200 with the second's fields, got %d %v", got.Status, got.Header)
		}
		if want := []string{"103 </1>", "103 </2>"}; !slices.Equal(want, interim) {
			t.Errorf("want %v, got %v", want, interim)
		}
	}
}
