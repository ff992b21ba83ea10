package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
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

// world is a proxy before a backend, in each pair of protocols.
type world struct {
	name    string
	client  *http.Client
	url     string
	in, out int // HTTP versions
}

// worlds runs test with HTTP/1.1 and HTTP/2 on either side, plain and over TLS.
func worlds(t *testing.T, o Options, h http.HandlerFunc, test func(*testing.T, world)) {
	ca := newAuthority(t)
	secured := ca.pair(t, "backend.example")
	for _, back := range []struct {
		name string
		pool func(t testing.TB) *Pool
		out  int
	}{
		{"h1", func(t testing.TB) *Pool { return poolOf(backend(t, h)) }, 1},
		{"h2c", func(t testing.TB) *Pool { return poolSpeaking(PoolHTTP2, h2cBackend(t, h)) }, 2},
		{"h2", func(t testing.TB) *Pool {
			p := poolSpeaking(PoolHTTP2, h2Backend(t, secured, h))
			p.TLS = &BackendTLS{ServerName: "backend.example", CAs: ca.pem()}
			return p
		}, 2},
	} {
		for _, front := range []struct {
			name   string
			secure bool
			in     int
		}{{"h1", false, 1}, {"h1 TLS", true, 1}, {"h2c", false, 2}, {"h2", true, 2}} {
			t.Run(front.name+" to "+back.name, func(t *testing.T) {
				e := newEngine(t, o)
				c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": back.pool(t)})
				scheme, vouch := "http", (*authority)(nil)
				if front.secure {
					c.Listeners["http"].Protocol = HTTPS
					c.Listeners["http"].Servers[0].Certificates = []*Certificate{ca.issue(t, "front.example")}
					scheme, vouch = "https", ca
				}
				client := client1(t, vouch, "front.example")
				if front.in == 2 {
					client = client2(t, vouch, "front.example")
				}
				test(t, world{front.name, client, scheme + "://" + apply(t, e, c), front.in, back.out})
			})
		}
	}
}

func TestEveryPairOfProtocols(t *testing.T) {
	leaksNothing(t)
	worlds(t, Options{}, inspect, func(t *testing.T, w world) {
		large := strings.Repeat("0123456789abcdef", 40000)
		for _, body := range []string{"", "small", large} {
			r := request(t, "POST", w.url+"//a%2Fb/c?q=1&r", body)
			r.Host = "App.example:1234"
			r.Header.Set("Te", "trailers")
			r.Header.Set("Cookie", "a=1; b=2")
			r.Header["X-Custom"] = []string{"one", "two, three"}
			r.Header["User-Agent"] = nil
			if body != "" {
				// The length is hidden, and a trailer follows.
				r.ContentLength, r.Trailer = -1, http.Header{"X-Sum": nil}
				r.Body = &summed{in: strings.NewReader(body), r: r}
			}
			got := do(t, w.client, r)
			if got.Status != 200 || got.Proto != w.in || got.Body != body {
				t.Fatalf("want 200, HTTP/%d and %d bytes back, got %d, HTTP/%d, %d bytes", w.in, len(body), got.Status, got.Proto, len(got.Body))
			}
			saw := map[string]string{}
			for name := range got.Header {
				if rest, ok := strings.CutPrefix(name, "Saw-"); ok && rest != "Te" && rest != "Forwarded" {
					saw[rest] = got.Header.Get(name)
				}
			}
			proto := "HTTP/1.1"
			if w.out == 2 {
				proto = "HTTP/2.0"
			}
			sum := ""
			if body != "" {
				sum = fmt.Sprint(len(body))
			}
			want := map[string]string{
				"Proto": proto, "Method": "POST", "Host": "App.example:1234", "Uri": "//a%2Fb/c?q=1&r", "Agent": "", "Cookie": "a=1; b=2",
				"Custom": "one|two, three", "Trailer": sum,
			}
			if diff := cmp.Diff(want, saw); diff != "" {
				t.Errorf("what the backend saw (-want +got):\n%s", diff)
			}
			if w.out == 2 && w.in == 2 && got.Header.Get("Saw-Te") != "trailers" {
				t.Errorf("te: want trailers, got %q", got.Header.Get("Saw-Te"))
			}
			if want := strings.Split(w.url, ":")[0] + " 127.0.0.1"; got.Header.Get("Saw-Forwarded") != want {
				t.Errorf("forwarded: want %q, got %q", want, got.Header.Get("Saw-Forwarded"))
			}
			if want := "that was all"; body != "" && got.Trailer.Get("X-End") != want {
				t.Errorf("trailer: want %q, got %v", want, got.Trailer)
			}
		}
	})
}

// summed is a body that fills in its trailer at its end.
type summed struct {
	in io.Reader
	r  *http.Request
	n  int
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.n += n
	if err == io.EOF {
		s.r.Trailer.Set("X-Sum", fmt.Sprint(s.n))
	}
	return n, err
}

func (s *summed) Close() error { return nil }

func TestEveryPairStatusesWithoutABody(t *testing.T) {
	worlds(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "5")
			if r.Method != "HEAD" {
				_, _ = io.WriteString(w, "hello")
			}
		}
	}, func(t *testing.T, w world) {
		for _, test := range []struct {
			method, path string
			status       int
			length, body string
		}{{"GET", "/204", 204, "", ""}, {"GET", "/304", 304, "", ""}, {"HEAD", "/", 200, "5", ""}, {"GET", "/", 200, "5", "hello"}} {
			got := do(t, w.client, request(t, test.method, w.url+test.path, ""))
			if got.Status != test.status || got.Header.Get("Content-Length") != test.length || got.Body != test.body {
				t.Errorf("%s %s: want %d, length %q, %q; got %d, %q, %q", test.method, test.path, test.status, test.length, test.body,
					got.Status, got.Header.Get("Content-Length"), got.Body)
			}
		}
	})
}

// An interim response reaches the client before the final one.
func TestEveryPairInterim(t *testing.T) {
	worlds(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(103)
		_, _ = io.WriteString(w, "done")
	}, func(t *testing.T, w world) {
		r := request(t, "GET", w.url, "")
		var hints []string
		r = r.WithContext(withInterim(r.Context(), &hints))
		if got := do(t, w.client, r); got.Body != "done" {
			t.Errorf("got %+v", got)
		}
		if diff := cmp.Diff([]string{"103 </style.css>; rel=preload"}, hints); diff != "" {
			t.Errorf("interim responses (-want +got):\n%s", diff)
		}
	})
}

func TestEveryPairConcurrently(t *testing.T) {
	leaksNothing(t)
	worlds(t, Options{}, echo, func(t *testing.T, w world) {
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				body := make([]byte, 100_000)
				_, _ = rand.Read(body)
				for range 5 {
					resp, err := w.client.Post(w.url+"/x", "text/plain", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("want the body back, got %d bytes, %v", len(got), err)
					}
				}
			})
		}
		wait.Wait()
	})
}

// What a connection remembers of a response's fields does not change with the buffer that they came in.
func TestEveryPairKeepsItsFields(t *testing.T) {
	leaksNothing(t)
	worlds(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		// Names and values of all lengths, many of them worth remembering to a header compression.
		n := r.Header.Get("X-Number")
		w.Header().Set("X-Number", n)
		w.Header().Set("X-"+strings.Repeat(n[len(n)-1:], len(n)), n+n)
		_, _ = io.WriteString(w, n)
	}, func(t *testing.T, w world) {
		var wait sync.WaitGroup
		for g := range 16 {
			wait.Go(func() {
				for i := range 40 {
					n := strings.Repeat(fmt.Sprint(g*40+i), 1+i%5)
					r := request(t, "GET", w.url, "")
					r.Header.Set("X-Number", n)
					resp, err := w.client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					name := "X-" + strings.Repeat(n[len(n)-1:], len(n))
					if err != nil || string(body) != n || resp.Header.Get("X-Number") != n || resp.Header.Get(name) != n+n {
						t.Errorf("want %s, got %s, %v, %v", n, body, resp.Header, err)
					}
				}
			})
		}
		wait.Wait()
	})
}

// A client that goes away ends the work of the endpoint.
func TestCancelReachesTheEndpoint(t *testing.T) {
	leaksNothing(t)
	started, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	worlds(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		started <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}, func(t *testing.T, w world) {
		if w.in == 1 {
			t.Skip("over HTTP/1.1 a client that waits and one that is gone look alike until the proxy writes")
		}
		ctx, cancel := context.WithCancel(t.Context())
		r := request(t, "GET", w.url, "").WithContext(ctx)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if resp, err := w.client.Do(r); err == nil {
				_, _ = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
		}()
		<-started
		cancel()
		<-gone
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the endpoint works on")
		}
	})
}

// A response that breaks off must not look whole.
func TestEveryPairBrokenResponse(t *testing.T) {
	worlds(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, func(t *testing.T, w world) {
		resp, err := w.client.Get(w.url)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("want an error, got %q as if it were whole", got)
		}
	})
}

// Timeouts of a route end the request at either protocol.
func TestEveryPairTimeout(t *testing.T) {
	leaksNothing(t)
	release := make(chan struct{})
	slow := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	defer close(release)
	for name, pool := range map[string]*Pool{"h1": poolOf(backend(t, slow)), "h2c": poolSpeaking(PoolHTTP2, h2cBackend(t, slow))} {
		e := newEngine(t, Options{})
		forward := to("p")
		forward.RequestTimeout = 200 * time.Millisecond
		address := apply(t, e, site(t, map[string]Action{"/": forward}, map[string]*Pool{"p": pool}))
		for _, client := range []*http.Client{client1(t, nil, ""), client2(t, nil, "")} {
			if got := do(t, client, request(t, "GET", "http://"+address, "")); got.Status != 504 {
				t.Errorf("%s: want 504, got %d", name, got.Status)
			}
		}
		e2 := newEngine(t, Options{ResponseTimeout: 300 * time.Millisecond})
		address = apply(t, e2, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": pool}))
		for _, client := range []*http.Client{client1(t, nil, ""), client2(t, nil, "")} {
			if got := do(t, client, request(t, "POST", "http://"+address, "x")); got.Status != 504 {
				t.Errorf("%s, ResponseTimeout: want 504, got %d", name, got.Status)
			}
		}
	}
}

func TestH2LargeBodyAgainstASlowReader(t *testing.T) {
	leaksNothing(t)
	var served atomic.Int64
	worlds(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 64<<10)
		for range 64 {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
		served.Add(1)
	}, func(t *testing.T, w world) {
		resp, err := w.client.Get(w.url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, &slowly{r: resp.Body})
		if err != nil || n != 64*64<<10 {
			t.Errorf("want %d bytes, got %d, %v", 64*64<<10, n, err)
		}
	})
}

// slowly pauses now and then.
type slowly struct {
	r io.Reader
	n int
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.n++; s.n%64 == 0 {
		time.Sleep(time.Millisecond)
	}
	return s.r.Read(p)
}
