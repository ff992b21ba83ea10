package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestChangesUnderLoad changes everything that can change while requests run: none fails.
func TestChangesUnderLoad(t *testing.T) {
	e := newEngine(t, Options{})
	one, two, three := namedBackend(t, "one"), namedBackend(t, "two"), namedBackend(t, "three")
	config := func(i int) *Config {
		f := &Forward{Backends: []Backend{{Weight: uint32(i%4 + 1), Pool: fmt.Sprint("p", i%3)}, {Weight: 1, Pool: "q"}}}
		pools := map[string]*Pool{fmt.Sprint("p", i%3): poolOf(one, two), "q": poolOf(three)}
		if i%2 == 0 {
			pools["q"] = poolOf(one)
		}
		c := site(t, map[string]Action{"/": f}, pools)
		c.Listeners["http"].Servers[0].Name = fmt.Sprint(i)
		return c
	}
	first := config(0)
	address := apply(t, e, first)
	var stop atomic.Bool
	var requests, failures atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for !stop.Load() {
				r, err := client.Get("http://" + address + "/")
				if err != nil {
					t.Log(err)
					failures.Add(1)
					continue
				}
				b, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if requests.Add(1); err != nil || r.StatusCode != 200 || len(b) < 3 {
					t.Log(r.StatusCode, string(b), err)
					failures.Add(1)
				}
			}
		})
	}
	changes := 0
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); changes++ {
		if err := e.Apply(config(changes)); err != nil {
			t.Error(err)
			break
		}
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d requests, %d changes", requests.Load(), changes)
	if failures.Load() > 0 || requests.Load() == 0 || e.Stats().Opened > 8 {
		t.Errorf("want no failure on 8 connections, got %d of %d on %d", failures.Load(), requests.Load(), e.Stats().Opened)
	}
}

// TestOldVersionEnds has a request end on the configuration that it began with.
func TestOldVersionEnds(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-release
		_, _ = io.WriteString(w, "old")
	})
	e := newEngine(t, Options{})
	f := to("p")
	f.ResponseHeaders = HeaderEdit{Set: []Header{{"X-Version", "old"}}}
	address := apply(t, e, site(t, map[string]Action{"/": f}, map[string]*Pool{"p": poolOf(up)}))
	c := dialRaw(t, address)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	apply(t, e, site(t, map[string]Action{"/": &Respond{Status: 200, Body: "new"}}, nil))
	close(release)
	r := bufio.NewReader(c)
	for _, want := range []string{"old", "new"} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); string(b) != want || want == "old" && resp.Header.Get("X-Version") != want {
			t.Errorf("want %s, got %s", want, b)
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	if n := len(e.endpoints); n != 0 {
		t.Errorf("want the endpoint forgotten, got %d", n)
	}
}

func TestListenerErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	e := newEngine(t, Options{})
	c := site(t, respond200(), nil)
	c.Listeners["taken"] = &Listener{Protocol: HTTP, Address: netip.MustParseAddrPort(taken.Addr().String()), Servers: c.Listeners["http"].Servers}
	err = e.Apply(c)
	var listen *ListenError
	if !errors.As(err, &listen) || listen.Listener != "taken" || listen.Bound {
		t.Fatalf("want an error for the taken address, got %v", err)
	}
	a, _ := e.ListenerAddress("http")
	if status, _ := get(t, "http://"+a.String()+"/"); status != 200 {
		t.Errorf("want the other listener to serve, got %d", status)
	}
	_ = taken.Close()
	if err := e.Apply(c); err != nil {
		t.Errorf("want the address bound when it is free, got %v", err)
	}
	if status, _ := get(t, "http://"+taken.Addr().String()+"/"); status != 200 {
		t.Errorf("want it served, got %d", status)
	}
	c2 := &Config{Listeners: map[string]*Listener{"a": c.Listeners["taken"], "b": c.Listeners["taken"]}}
	if err := e.Apply(c2); !errors.As(err, &listen) || listen.Listener != "b" {
		t.Errorf("want an error for the second listener on one address, got %v", err)
	}
}

func TestListenerIsolation(t *testing.T) {
	e := newEngine(t, Options{})
	c := site(t, nil, nil)
	for host, body := range map[string]string{"": "any", "*.example.com": "wild", "*.b.example.com": "wilder", "a.example.com": "exact"} {
		rules := map[string]Action{"/": &Respond{Status: 200, Body: body}}
		if body == "exact" {
			rules = map[string]Action{"/only": &Respond{Status: 200, Body: body}}
		}
		c.Listeners["http"].Servers = append(c.Listeners["http"].Servers, Server{Name: body, Hostname: host, Rules: table(t, rules)})
	}
	c.Listeners["http"].Servers = c.Listeners["http"].Servers[1:]
	address := apply(t, e, c)
	for _, q := range []struct {
		host, path, want string
		status           int
	}{
		{"other.org", "/", "any", 200}, {"x.example.com", "/", "wild", 200}, {"x.y.example.com:80", "/", "wild", 200}, {"X.B.Example.com.", "/", "wilder", 200},
		{"b.example.com", "/", "wild", 200}, {"example.com", "/", "any", 200}, {"a.example.com", "/only", "exact", 200},
		{"a.example.com", "/", "Not Found\n", 404},
	} {
		r, _ := http.NewRequest("GET", "http://"+address+q.path, nil)
		r.Host = q.host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != q.status || string(b) != q.want {
			t.Errorf("%s%s: want %d %s, got %d %s", q.host, q.path, q.status, q.want, resp.StatusCode, b)
		}
	}
}

// TestDrain removes a listener: what is in flight ends, what is idle is closed, and the address is free.
func TestDrain(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-release
		_, _ = io.WriteString(w, "whole")
	})
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(up)}))
	idle, busy := dialRaw(t, address), dialRaw(t, address)
	_, _ = io.WriteString(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	eventually(t, "both are open", func() bool { return e.Stats().Opened == 2 })
	if err := e.Apply(&Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("want the idle connection closed, got %v", err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("want nobody to listen")
	}
	close(release)
	got, err := io.ReadAll(busy)
	if err != nil || !strings.HasSuffix(string(got), "whole") || !strings.Contains(string(got), "Connection: close") {
		t.Errorf("want the response whole and the connection closed, got %q, %v", got, err)
	}
}

// TestClose has Close cut off what does not end, and leave nothing behind.
func TestClose(t *testing.T) {
	hanging := backend(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	quiet := func() int {
		http.DefaultClient.CloseIdleConnections()
		return runtime.NumGoroutine()
	}
	before := quiet()
	e := New(Options{AccessLog: io.Discard})
	p := poolOf(hanging)
	p.Health = &HealthCheck{Interval: time.Minute}
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
	c := dialRaw(t, address)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "the request is in flight", func() bool { return e.Health()["p"][0].InFlight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want the context's error, got %v", err)
	}
	if err := e.Apply(&Config{}); !errors.Is(err, ErrClosed) {
		t.Errorf("want ErrClosed, got %v", err)
	}
	eventually(t, "no goroutine is left", func() bool { return quiet() <= before })
}

// TestCloseAfterTheListenersWent: what an Apply began to drain ends in peace too.
func TestCloseAfterTheListenersWent(t *testing.T) {
	release := make(chan struct{})
	slow := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "whole")
	})
	e := New(Options{AccessLog: io.Discard})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(slow)}))
	c := dialRaw(t, address)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "the request is in flight", func() bool { return e.Health()["p"][0].InFlight == 1 })
	if err := e.Apply(&Config{}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- e.Close(t.Context()) }()
	eventually(t, "Close is under way", func() bool { return errors.Is(e.Apply(&Config{}), ErrClosed) })
	close(release)
	if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "whole") {
		t.Errorf("want the response whole, got %q, %v", got, err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// BenchmarkApply adds a route to a load balancer that has 1,000 pools and 1,000 routes.
func BenchmarkApply(b *testing.B) {
	e := newEngine(b, Options{})
	rules, pools := map[string]Action{}, map[string]*Pool{}
	for i := range 1000 {
		name := fmt.Sprint("/p", i)
		rules[name], pools[name] = to(name), poolOf("127.0.0.1:1")
	}
	c := site(b, rules, pools)
	apply(b, e, c)
	base := c.Listeners["http"].Servers[0].Rules
	one, _ := base.Get("/p1")
	for i := 0; b.Loop(); i++ {
		added := *one
		added.ID, added.Rank = "added", fmt.Sprint("x", i)
		added.Match.Path.Value = fmt.Sprint("/added", i)
		next, err := base.With(added)
		if err != nil {
			b.Fatal(err)
		}
		l := *c.Listeners["http"]
		l.Servers = []Server{{Rules: next}}
		if err := e.Apply(&Config{Listeners: map[string]*Listener{"http": &l}, Pools: pools}); err != nil {
			b.Fatal(err)
		}
	}
}
