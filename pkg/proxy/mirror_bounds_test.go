package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// mirrorCounts waits until so many mirrored requests were answered and lost.
func mirrorCounts(t testing.TB, e *Engine, answered, lost uint64) {
	t.Helper()
	eventually(t, "mirrors are counted", func() bool { s := e.Stats(); return s.Mirrored >= answered && s.MirrorsLost >= lost })
	if s := e.Stats(); s.Mirrored != answered || s.MirrorsLost != lost {
		t.Errorf("want %d answered and %d lost, got %d and %d", answered, lost, s.Mirrored, s.MirrorsLost)
	}
}

// heldBackend is a backend that answers when it is told to, and says how many wait.
func heldBackend(t testing.TB) (handler http.HandlerFunc, waiting *atomic.Int64, release func()) {
	waiting = new(atomic.Int64)
	held, free := context.WithCancel(context.Background())
	t.Cleanup(free)
	return func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Else the server does not notice that the client goes.
		waiting.Add(1)
		select {
		case <-held.Done():
		case <-r.Context().Done():
		}
	}, waiting, free
}

// worldsOfMirrors runs test with mirrors that speak HTTP/1.1 and HTTP/2.
func worldsOfMirrors(t *testing.T, h http.HandlerFunc, test func(t *testing.T, mirror *Pool)) {
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, poolOf(backend(t, h))) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, poolSpeaking(PoolHTTP2, h2cBackend(t, h))) })
}

func TestMirrorIsNotWaitedFor(t *testing.T) {
	leaksNothing(t)
	h, waiting, release := heldBackend(t)
	worldsOfMirrors(t, h, func(t *testing.T, mirror *Pool) {
		waiting.Store(0)
		e := newEngine(t, Options{MaxMirrors: 2, MirrorTimeout: -1})
		address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, map[string]*Pool{"p": poolOf(backend(t, echo)), "m": mirror}))
		client := client1(t, nil, "")
		for range 5 {
			if got := do(t, client, request(t, "POST", "http://"+address, "body")); got.Body != "body" {
				t.Fatalf("got %d, %q", got.Status, got.Body)
			}
		}
		// Two have a place, and the others are lost at once.
		eventually(t, "two wait", func() bool { return waiting.Load() == 2 })
		mirrorCounts(t, e, 0, 3)
		if t.Name() != "TestMirrorIsNotWaitedFor/HTTP/2" {
			return // Closing ends those that wait.
		}
		release()
		mirrorCounts(t, e, 2, 3)
		do(t, client, request(t, "GET", "http://"+address, ""))
		mirrorCounts(t, e, 3, 3)
	})
}

func TestMirrorTimeout(t *testing.T) {
	leaksNothing(t)
	h, _, _ := heldBackend(t)
	worldsOfMirrors(t, h, func(t *testing.T, mirror *Pool) {
		e := newEngine(t, Options{MirrorTimeout: 50 * time.Millisecond, MaxMirrors: 1})
		address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, map[string]*Pool{"p": poolOf(backend(t, echo)), "m": mirror}))
		for i, body := range []string{"", "body"} {
			do(t, client1(t, nil, ""), request(t, "POST", "http://"+address, body))
			mirrorCounts(t, e, 0, uint64(i+1)) // The second had a place: the first gave it back.
			if got := e.Health()["m"][0].Requests; got != uint64(i+1) {
				t.Errorf("want %d requests to the mirror, got %d", i+1, got)
			}
		}
	})
}

// A mirror that reads nothing costs itself.
func TestMirrorSlowerThanTheClient(t *testing.T) {
	leaksNothing(t)
	held, free := context.WithCancel(context.Background())
	t.Cleanup(free)
	stuck := scripted(t, func(net.Conn) { <-held.Done() })
	var got atomic.Int64
	count := func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got.Store(n)
	}
	pools := map[string]*Pool{"h1": poolOf(backend(t, count)), "h2": poolSpeaking(PoolHTTP2, h2cBackend(t, count)), "m": poolOf(stuck)}
	bothVersions(t, func(t *testing.T, client *http.Client) {
		e := newEngine(t, Options{})
		address := apply(t, e, site(t, map[string]Action{"/h1": mirroring("h1", "m"), "/h2": mirroring("h2", "m")}, pools))
		for i, path := range []string{"/h1", "/h2"} {
			const size = 32 << 20
			r := request(t, "POST", "http://"+address+path, "x")
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, size))), -1
			if answer := do(t, client, r); answer.Status != 200 || got.Load() != size {
				t.Errorf("want 200 and %d bytes, got %d and %d", size, answer.Status, got.Load())
			}
			mirrorCounts(t, e, 0, uint64(i+1))
		}
	})
}

// A body that fits the buffer gets to a mirror that is slow.
func TestMirrorGetsSmallBodiesWhole(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	body := strings.Repeat("0123456789abcdef", 100<<10/16)
	whole := make(chan bool, 1)
	slow := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * mirrorPatience)
		b, _ := io.ReadAll(r.Body)
		whole <- string(b) == body
	})
	address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, map[string]*Pool{"p": poolOf(backend(t, echo)), "m": poolOf(slow)}))
	do(t, client1(t, nil, ""), request(t, "POST", "http://"+address, body))
	if !<-whole {
		t.Error("the mirror got another body")
	}
	mirrorCounts(t, e, 1, 0)
}

// Where the request does not come to its end the mirror's does not either, and its place is free again.
func TestMirrorOfARequestThatBreaksOff(t *testing.T) {
	leaksNothing(t)
	mirror := new(recorder)
	refusing := scripted(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	worldsOfMirrors(t, mirror.ServeHTTP, func(t *testing.T, m *Pool) {
		e := newEngine(t, Options{MaxMirrors: 1})
		address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m"), "/refused": mirroring("refusing", "m"), "/none": mirroring("none", "m")}, map[string]*Pool{
			"none": poolOf(), "p": poolOf(backend(t, echo)), "refusing": poolOf(refusing), "m": m,
		}))
		for i, sent := range []string{"12345", strings.Repeat("x", 100<<10)} { // Before the mirror starts, and after it.
			c := dialRaw(t, address)
			if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"+sent); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			mirrorCounts(t, e, 0, uint64(i+1))
		}
		c := dialRaw(t, address)
		if _, err := io.WriteString(c, "POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n12345"); err != nil {
			t.Fatal(err)
		}
		mirrorCounts(t, e, 0, 3)
		do(t, client1(t, nil, ""), request(t, "POST", "http://"+address+"/none", "never read"))
		mirrorCounts(t, e, 0, 4)
		if got := mirror.take(t, 0); len(got) != 0 {
			t.Errorf("the mirror got %d whole requests", len(got))
		}
		do(t, client1(t, nil, ""), request(t, "POST", "http://"+address, "whole"))
		mirrorCounts(t, e, 1, 4)
		if got := mirror.take(t, 1); got[0].Body != "whole" {
			t.Errorf("want whole, got %q", got[0].Body)
		}
	})
}

func TestMirrorThatIsNotThere(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	pools := map[string]*Pool{
		"p": poolOf(backend(t, echo)), "dead": poolOf(deadAddress(t)), "dead2": poolSpeaking(PoolHTTP2, deadAddress(t)), "empty": poolOf(),
		"tcp": poolSpeaking(PoolTCP, deadAddress(t)), "broken": poolOf(scriptedHangUp(t)), "switches": poolOf(scripted(t, scriptSwitch)),
	}
	address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "dead", "dead2", "empty", "tcp", "broken", "unknown", "switches")}, pools))
	for i, body := range []string{"", "body"} {
		if got := do(t, client1(t, nil, ""), request(t, "POST", "http://"+address, body)); got.Status != 200 || got.Body != body {
			t.Errorf("want 200 and %q, got %d, %q", body, got.Status, got.Body)
		}
		mirrorCounts(t, e, uint64(i+1), uint64(6*(i+1))) // One that switches protocols has answered.
	}
}

// Of an answer so much is read that the connection can be used again, and of one without end no more.
func TestMirrorAnswers(t *testing.T) {
	leaksNothing(t)
	ended := make(chan struct{}, 4)
	worldsOfMirrors(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			part := make([]byte, 64<<10)
			for {
				if _, err := w.Write(part); err != nil {
					ended <- struct{}{}
					return
				}
			}
		}
		_, _ = w.Write(make([]byte, 512<<10))
	}, func(t *testing.T, mirror *Pool) {
		e := newEngine(t, Options{})
		address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, map[string]*Pool{"p": poolOf(backend(t, echo)), "m": mirror}))
		client := client1(t, nil, "")
		do(t, client, request(t, "GET", "http://"+address, ""))
		do(t, client, request(t, "GET", "http://"+address+"/endless", ""))
		<-ended
		mirrorCounts(t, e, 2, 0)
	})
}

// A mirror that hangs up in the middle of a body gives its place back while the client goes on.
func TestMirrorThatHangsUp(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, map[string]*Pool{"p": poolOf(backend(t, echo)), "m": poolOf(scriptedHangUp(t))}))
	c := dialRaw(t, address)
	half := strings.Repeat("x", 100_000)
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"+half); err != nil {
		t.Fatal(err)
	}
	mirrorCounts(t, e, 0, 1)
	if _, err := io.WriteString(c, half); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if want := "HTTP/1.1 200 OK"; err != nil || statusLine(string(got)) != want || strings.Count(string(got), "x") < 200_000 {
		t.Errorf("want %s and the body, got %q, %d bytes, %v", want, statusLine(string(got)), len(got), err)
	}
}

// The places of a pool are those of its name: were they each version's own, a Service whose endpoints change often would have no bound.
func TestMirrorPlacesOutliveAChange(t *testing.T) {
	h, waiting, _ := heldBackend(t)
	mirror := poolOf(backend(t, h))
	pools := map[string]*Pool{"p": poolOf(backend(t, echo)), "m": mirror}
	e := newEngine(t, Options{MaxMirrors: 1, MirrorTimeout: -1})
	address := apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, pools))
	ask := func() {
		if got := do(t, client1(t, nil, ""), request(t, "GET", "http://"+address, "")); got.Status != 200 {
			t.Fatalf("got %d", got.Status)
		}
	}
	ask()
	eventually(t, "the mirror has the request", func() bool { return waiting.Load() == 1 })
	changed := *mirror
	apply(t, e, site(t, map[string]Action{"/": mirroring("p", "m")}, map[string]*Pool{"p": pools["p"], "m": &changed}))
	ask()
	mirrorCounts(t, e, 0, 1)
}
