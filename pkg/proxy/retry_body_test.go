package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// A body is sent again whole, up to a bound; above it the first answer is the last.
func TestRetryBodies(t *testing.T) {
	versions(t, func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string) {
		var mu sync.Mutex
		var seen []string
		up := start(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen = append(seen, string(body)+r.Trailer.Get("X-Sum")); len(seen) == 1 {
				w.WriteHeader(503)
			}
		})
		e := newEngine(t, Options{})
		url := front(t, e, retrying(1, 503), poolSpeaking(protocol, up))
		for _, test := range []struct {
			reason string
			size   int
			sized  bool
			want   int
		}{
			{"small", 10, true, 200},
			{"small, of unknown length", 10, false, 200},
			{"larger than a head's buffer", 40 << 10, true, 200},
			{"larger than a head's buffer, of unknown length", 40 << 10, false, 200},
			{"as large as may be", maxReplayed, true, 200},
			{"as large as may be, of unknown length", maxReplayed, false, 200},
			{"too large", maxReplayed + 1, true, 503},
			{"too large, of unknown length", maxReplayed + 1, false, 503},
			{"much too large, of unknown length", 40 * maxReplayed, false, 503},
		} {
			seen = nil
			body := strings.Repeat("0123456789", test.size/10+1)[:test.size]
			r := request(t, "POST", url, body)
			want := body
			if !test.sized {
				r.ContentLength = -1
				r.Trailer = http.Header{"X-Sum": {"sum"}}
				want += "sum"
			}
			if got := do(t, client, r); got.Status != test.want {
				t.Errorf("%s: want %d, got %d", test.reason, test.want, got.Status)
			}
			mu.Lock()
			if wantSeen := 2 - test.want/503; len(seen) != wantSeen {
				t.Errorf("%s: want it seen %d times, got %d", test.reason, wantSeen, len(seen))
			}
			for _, got := range seen {
				if got != want {
					t.Errorf("%s: want the body, got %d of %d bytes", test.reason, len(got), len(want))
				}
			}
			mu.Unlock()
		}
	})
}

// early lets a handler answer before it has read the request's body.
func early(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 has nothing else.
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // What is left of the body would be the next request.
	}
}

// An endpoint that fails before the body has come leaves the rest of it to the next.
func TestRetryWhileTheBodyComes(t *testing.T) {
	for _, protocol := range []PoolProtocol{PoolHTTP1, PoolHTTP2} {
		for name, client := range map[string]func(testing.TB, *authority, string) *http.Client{"1": client1, "2": client2} {
			t.Run(name, func(t *testing.T) {
				leaksNothing(t)
				var seen atomic.Int64
				failed := make(chan struct{}, 2)
				handler := func(w http.ResponseWriter, r *http.Request) {
					if n := seen.Add(1); n <= 2 {
						early(w, r)
						b := []byte("part")
						_, _ = io.ReadFull(r.Body, b)
						w.WriteHeader(503)
						_ = http.NewResponseController(w).Flush()
						failed <- struct{}{}
						return
					}
					_, _ = io.Copy(w, r.Body)
				}
				up := backend(t, handler)
				if protocol == PoolHTTP2 {
					up = h2cBackend(t, handler)
				}
				e := newEngine(t, Options{})
				in, out := io.Pipe()
				r := request(t, "PUT", front(t, e, retrying(2, 503), poolSpeaking(protocol, up)), "")
				r.Body, r.ContentLength = in, -1
				go func() {
					_, _ = io.WriteString(out, "part ")
					<-failed
					<-failed
					_, _ = io.WriteString(out, "and rest")
					_ = out.Close()
				}()
				if got := do(t, client(t, nil, ""), r); got.Status != 200 || got.Body != "part and rest" {
					t.Errorf("want 200 and the whole body, got %d %q", got.Status, got.Body)
				}
			})
		}
	}
}

// A client that leaves between two attempts, or whose connection is cut, ends the request.
func TestRetryEndsWithItsClient(t *testing.T) {
	leaksNothing(t)
	var seen atomic.Int64
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		early(w, r)
		seen.Add(1)
		w.WriteHeader(503)
	})
	f := retrying(5, 503)
	f.Retry.Backoff = time.Hour
	config := site(t, map[string]Action{"/": f}, map[string]*Pool{"p": poolOf(up)})
	t.Run("the client leaves", func(t *testing.T) {
		e := newEngine(t, Options{})
		url := "http://" + apply(t, e, config)
		ctx, leave := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() {
			_, err := client2(t, nil, "").Do(request(t, "POST", url, "x").WithContext(ctx))
			ended <- err
		}()
		eventually(t, "it waits", func() bool { return seen.Load() == 1 && e.Health()["p"][0].InFlight == 0 })
		leave()
		if err := <-ended; err == nil {
			t.Error("want an error")
		}
		eventually(t, "it ends", func() bool { return e.Stats().Requests == 1 })
	})
	t.Run("the engine closes", func(t *testing.T) {
		seen.Store(0)
		e := New(Options{})
		c := dialRaw(t, apply(t, e, config))
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbegin")
		eventually(t, "it waits", func() bool { return seen.Load() == 1 && e.Health()["p"][0].InFlight == 0 })
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := e.Close(ctx); err == nil {
			t.Error("want that it had to be cut off")
		}
		if got, _ := io.ReadAll(c); len(got) > 0 {
			t.Errorf("want no answer, got %q", got)
		}
	})
}

// A client whose body breaks off is answered as without retries.
func TestRetryWithABrokenBody(t *testing.T) {
	leaksNothing(t)
	// By path: an attempt may arrive when the client has its answer already.
	seen := map[string]*atomic.Int64{"/400": {}, "/408": {}}
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Path].Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(503)
	})
	e := newEngine(t, Options{BodyTimeout: 300 * time.Millisecond, BodyRate: 1 << 30})
	address := strings.TrimPrefix(front(t, e, retrying(1, 503), poolOf(up)), "http://")
	for _, test := range []struct{ path, rest, want string }{
		{"/400", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		{"/408", "Content-Length: 10\r\n\r\nhello", "HTTP/1.1 408 Request Timeout"},
	} {
		got := statusLine(send(t, address, "POST "+test.path+" HTTP/1.1\r\nHost: a\r\n"+test.rest))
		if n := seen[test.path].Load(); got != test.want || n > 1 {
			t.Errorf("want %s after one attempt, got %s after %d", test.want, got, n)
		}
	}
	eventually(t, "nothing is in flight", func() bool { return e.Health()["p"][0].InFlight == 0 })
}

// parts is a body that comes in parts: each when it is asked for, and then has come.
type parts struct {
	noBody
	list chan string
	end  chan struct{}
}

func (p *parts) next() ([]byte, error) {
	select {
	case s, ok := <-p.list:
		if !ok {
			return nil, io.EOF
		}
		return []byte(s), nil
	case <-p.end:
		return nil, h1.ErrCutOff
	}
}

func (p *parts) abandon() { close(p.end) }

// An attempt that is given up while it waits loses nothing for the next.
func TestReplay(t *testing.T) {
	p := &parts{list: make(chan string), end: make(chan struct{})}
	r := newReplay(p)
	next := func(want string, wantErr error) {
		t.Helper()
		if got, err := r.next(); string(got) != want || err != wantErr { //nolint:errorlint // body.next promises io.EOF itself.
			t.Fatalf("want %q, %v, got %q, %v", want, wantErr, got, err)
		}
	}
	go func() { p.list <- "a" }()
	next("a", nil)
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		next("", errGivenUp)
	}()
	r.abandon()
	<-waits
	if !r.hold() || r.again() != nil {
		t.Fatal("want another attempt")
	}
	next("a", nil)
	go func() { p.list <- "b" }()
	next("b", nil)
	close(p.list)
	next("", io.EOF)
	if !r.hold() || r.again() != nil || r.buffered() != 2 {
		t.Fatal("want all of it again")
	}
	next("ab", nil)
	next("", io.EOF)
	r.close()

	// Too much.
	p = &parts{list: make(chan string, 9), end: make(chan struct{})}
	r = newReplay(p)
	half := strings.Repeat("x", maxReplayed/2+1)
	p.list <- half
	p.list <- half
	next(half, nil)
	next(half, nil)
	if r.hold() || len(r.kept) != 0 {
		t.Error("want nothing kept")
	}
	r.abandon()
	next("", h1.ErrCutOff)
	r.close()

	// Over before all of it came.
	p = &parts{list: make(chan string), end: make(chan struct{})}
	r = newReplay(p)
	r.abandon()
	next("", errGivenUp)
	r.close()
	if r.coming != nil {
		t.Error("want the read ended")
	}
}

// A kept connection that the endpoint has closed costs an idempotent request nothing, with a body too.
func TestStaleConnectionWithABody(t *testing.T) {
	for method, want := range map[string]int{"PUT": 200, "POST": 502} {
		t.Run(method, func(t *testing.T) {
			var seen atomic.Int64
			up := scripted(t, func(c net.Conn) {
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if _, err := io.ReadAll(r.Body); err != nil || seen.Add(1) == 2 {
						return // It took the second request and closed without a word.
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			})
			e := newEngine(t, Options{})
			url := front(t, e, to("p"), poolOf(up))
			get(t, url)
			if got := do(t, client1(t, nil, ""), request(t, method, url, "body")); got.Status != want {
				t.Errorf("want %d, got %d", want, got.Status)
			}
		})
	}
}
