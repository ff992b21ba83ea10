package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// busy is a handler that holds each request until it is let go, and counts those that it holds at once.
type busy struct {
	now, most atomic.Int64
	free      chan struct{}
}

func newBusy() *busy { return &busy{free: make(chan struct{})} }

func (b *busy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := b.now.Add(1)
	defer b.now.Add(-1)
	for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
	}
	select {
	case <-b.free:
	case <-r.Context().Done():
	}
}

// answerOf sends a request and returns where its status comes, 0 for an error.
func answerOf(t testing.TB, client *http.Client, url string) <-chan int {
	answered := make(chan int, 1)
	go func() {
		resp, err := client.Get(url)
		if err != nil {
			answered <- 0
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	return answered
}

func limited(p *Pool, l Limits) *Pool {
	p.Limits = l
	return p
}

// Each endpoint gets no more requests at once than it may. More are answered with 503.
func TestRequestLimit(t *testing.T) {
	versions(t, func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string) {
		a, b := newBusy(), newBusy()
		e := newEngine(t, Options{})
		url := front(t, e, to("p"), limited(poolSpeaking(protocol, start(a.ServeHTTP), start(b.ServeHTTP)), Limits{Requests: 2}))
		var answers []<-chan int
		for n := range int64(4) {
			answers = append(answers, answerOf(t, client, url))
			eventually(t, "it has come", func() bool { return a.now.Load()+b.now.Load() == n+1 })
		}
		for range 3 {
			if got := <-answerOf(t, client, url); got != 503 {
				t.Errorf("want 503, got %d", got)
			}
		}
		a.free <- struct{}{}
		eventually(t, "there is room", func() bool { return e.Health()["p"][0].InFlight == 1 })
		answers = append(answers, answerOf(t, client, url))
		eventually(t, "a has it", func() bool { return a.now.Load() == 2 })
		close(a.free)
		close(b.free)
		for _, answered := range answers {
			if got := <-answered; got != 200 {
				t.Errorf("want 200, got %d", got)
			}
		}
		if a.most.Load() != 2 || b.most.Load() != 2 {
			t.Errorf("want 2 at once at each, got %d and %d", a.most.Load(), b.most.Load())
		}
	})
}

// No endpoint gets more connections than it may. Requests wait for one, and go where one is free first.
func TestConnectionLimit(t *testing.T) {
	for name, c := range map[string]func(testing.TB, *authority, string) *http.Client{"1": client1, "2": client2} {
		t.Run(name, func(t *testing.T) { testConnectionLimit(t, c(t, nil, "")) })
	}
}

func testConnectionLimit(t *testing.T, client *http.Client) {
	leaksNothing(t)
	var mu sync.Mutex
	open, most := 0, 0
	b := newBusy()
	count := func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			open++
			most = max(most, open)
		case http.StateClosed, http.StateHijacked:
			open--
		case http.StateActive, http.StateIdle:
		}
	}
	up := serveWith(t, b, func(s *http.Server, l net.Listener) error {
		s.ConnState = count
		return s.Serve(l)
	})
	e := newEngine(t, Options{QueueTimeout: time.Minute})
	url := front(t, e, to("p"), limited(poolOf(up), Limits{Connections: 2}))
	var answers []<-chan int
	for range 20 {
		answers = append(answers, answerOf(t, client, url))
	}
	line := func() int32 {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.pools["p"].members[0].line.waiting.Load()
	}
	eventually(t, "18 wait", func() bool { return line() == 18 && b.now.Load() == 2 })
	// One that leaves gives up its place.
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if resp, err := client2(t, nil, "").Do(request(t, "GET", url, "").WithContext(ctx)); err == nil {
			_ = resp.Body.Close()
		}
	}()
	eventually(t, "19 wait", func() bool { return line() == 19 })
	leave()
	<-left
	eventually(t, "18 wait again", func() bool { return line() == 18 })
	for range answers {
		b.free <- struct{}{}
	}
	for _, answered := range answers {
		if got := <-answered; got != 200 {
			t.Errorf("want 200, got %d", got)
		}
	}
	mu.Lock()
	if most != 2 {
		t.Errorf("want 2 connections, got %d", most)
	}
	mu.Unlock()
	if b.most.Load() != 2 || line() != 0 {
		t.Errorf("want 2 requests at once and nobody waiting, got %d and %d", b.most.Load(), line())
	}
}

// Who has waited for long enough gets 503; what the route allows for the whole request ends that, too.
func TestQueueTimeout(t *testing.T) {
	b := newBusy()
	e := newEngine(t, Options{QueueTimeout: 100 * time.Millisecond})
	url := front(t, e, to("p"), limited(poolOf(backend(t, b.ServeHTTP)), Limits{Connections: 1}))
	first := answerOf(t, client1(t, nil, ""), url)
	eventually(t, "it has come", func() bool { return b.now.Load() == 1 })
	began := time.Now()
	if got := <-answerOf(t, client1(t, nil, ""), url); got != 503 || time.Since(began) < 90*time.Millisecond {
		t.Errorf("want 503 after QueueTimeout, got %d after %v", got, time.Since(began))
	}
	f := to("p")
	f.RequestTimeout = 50 * time.Millisecond
	url = front(t, e, f, e.pools["p"].cfg)
	if got := <-answerOf(t, client1(t, nil, ""), url); got != 504 {
		t.Errorf("want 504, got %d", got)
	}
	close(b.free)
	if got := <-first; got != 200 {
		t.Errorf("want 200, got %d", got)
	}
}

// Over HTTP/2 a connection has as many requests as the endpoint allows streams.
func TestHTTP2ConnectionLimit(t *testing.T) {
	leaksNothing(t)
	b := newBusy()
	var opened atomic.Int64
	up := scripted(t, func(c net.Conn) {
		opened.Add(1)
		(&http2.Server{MaxConcurrentStreams: 2}).ServeConn(c, &http2.ServeConnOpts{Handler: b})
	})
	e := newEngine(t, Options{QueueTimeout: time.Minute})
	url := front(t, e, to("p"), limited(poolSpeaking(PoolHTTP2, up), Limits{Connections: 2}))
	client := client1(t, nil, "")
	var answers []<-chan int
	for range 10 {
		answers = append(answers, answerOf(t, client, url))
	}
	eventually(t, "6 wait", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.pools["p"].members[0].line.waiting.Load() == 6 && b.now.Load() == 4
	})
	for range answers {
		b.free <- struct{}{}
	}
	for _, answered := range answers {
		if got := <-answered; got != 200 {
			t.Errorf("want 200, got %d", got)
		}
	}
	if opened.Load() != 2 || b.most.Load() != 4 {
		t.Errorf("want 4 requests on 2 connections, got %d on %d", b.most.Load(), opened.Load())
	}
}

func TestTCPConnectionLimit(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	p := limited(poolSpeaking(PoolTCP, echoTCP(t, "a"), echoTCP(t, "b")), Limits{Connections: 1})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": p}))
	one, two := dialTCP(t, address), dialTCP(t, address)
	for _, c := range []net.Conn{one, two} {
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if third, err := net.Dial("tcp", address); err == nil { // It may be reset before that is known.
		defer third.Close()
		if got, err := io.ReadAll(third); err == nil {
			t.Errorf("want the third reset, got %q", got)
		}
	}
	got := map[string]bool{}
	for _, c := range []*net.TCPConn{one, two} {
		name, err := converse(t, c, "")
		if err != nil {
			t.Fatal(err)
		}
		got[name] = true
	}
	if !got["a"] || !got["b"] {
		t.Errorf("want one at each endpoint, got %v", got)
	}
	eventually(t, "there is room again", func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		defer c.Close()
		got, err := converse(t, c.(*net.TCPConn), "y")
		return err == nil && got != ""
	})
}

func TestUDPSessionLimit(t *testing.T) {
	leaksNothing(t)
	up, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	e := newEngine(t, Options{})
	p := limited(poolSpeaking(PoolUDP, up.LocalAddr().String()), Limits{Connections: 1})
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": p}))
	for _, text := range []string{"first", "second"} {
		c, err := net.Dial("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it was counted", func() bool { return e.Stats().BytesIn >= uint64(len(text)) })
	}
	eventually(t, "the second was dropped", func() bool { return e.layer4.unreachable.Load() == 1 })
	if n := e.Health()["p"][0].InFlight; n != 1 {
		t.Errorf("want 1 session, got %d", n)
	}
}
