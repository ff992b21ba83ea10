package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestTCPCarriesBothWaysWithHalfClose(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, echoTCP(t, "one"))}))
	for _, size := range []int{0, 1, 1000, 3 << 20} {
		want := make([]byte, size)
		_, _ = rand.Read(want)
		c := dialTCP(t, address)
		sent := make(chan error, 1)
		go func() {
			_, err := c.Write(want)
			if err == nil {
				err = c.CloseWrite()
			}
			sent <- err
		}()
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(append(want, "one"...), got) {
			t.Errorf("%d bytes: what came back (%d bytes) is not what was sent and the name", size, len(got))
		}
	}
	eventually(t, "nothing is in flight", func() bool { return e.Health()["p"][0].InFlight == 0 })
	if got := e.Connections().Forwarded; got != 4 {
		t.Errorf("Forwarded: want 4, got %d", got)
	}
	eventually(t, "bytes are counted", func() bool { s := e.Stats(); return s.BytesIn == 3<<20+1001 && s.BytesOut == s.BytesIn+4*3 })
}

func TestTCPBackendsGetTheirWeights(t *testing.T) {
	e := newEngine(t, Options{})
	action := &Forward{Backends: []Backend{{Weight: 3, Pool: "a"}, {Weight: 1, Pool: "b"}, {Weight: 0, Pool: "c"}}}
	address := apply(t, e, layer4Site(t, TCP, action, map[string]*Pool{
		"a": poolSpeaking(PoolTCP, echoTCP(t, "a")), "b": poolSpeaking(PoolTCP, echoTCP(t, "b")), "c": poolSpeaking(PoolTCP, echoTCP(t, "c")),
	}))
	got := map[string]int{}
	for range 200 {
		answer, err := converse(t, dialTCP(t, address), "")
		if err != nil {
			t.Fatal(err)
		}
		got[answer]++
	}
	if got["a"] < 144 || got["a"] > 156 || got["a"]+got["b"] != 200 {
		t.Errorf("want 150 and 50, got %v", got)
	}
}

func TestTCPTriesAnotherEndpoint(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, deadAddress(t), echoTCP(t, "alive"), deadAddress(t))}))
	for range 20 {
		if got, err := converse(t, dialTCP(t, address), "x"); err != nil || got != "xalive" {
			t.Fatalf("want xalive, got %q, %v", got, err)
		}
	}
}

func TestTCPResetsWhatItCannotServe(t *testing.T) {
	for _, test := range []struct {
		reason string
		action Action
	}{
		{"the share of a backend that does not exist", &Forward{Backends: []Backend{{Weight: 1}}}},
		{"no weight", &Forward{Backends: []Backend{{Weight: 0, Pool: "p"}}}},
		{"a pool that is not there", to("nowhere")},
		{"no endpoint can be reached", to("dead")},
		{"no endpoint", to("empty")},
		{"not a forward", &Respond{Status: 200}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			e := newEngine(t, Options{})
			address := apply(t, e, layer4Site(t, TCP, test.action, map[string]*Pool{
				"p": poolSpeaking(PoolTCP, echoTCP(t, "p")), "dead": poolSpeaking(PoolTCP, deadAddress(t)), "empty": poolSpeaking(PoolTCP),
			}))
			c, err := net.Dial("tcp", address) // The reset may come before this returns.
			if err == nil {
				_, err = io.ReadAll(c)
				c.Close()
			}
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("want a reset, got %v", err)
			}
			n := e.Connections()
			if n.Refused+n.Unreachable != 1 || n.Forwarded != 0 {
				t.Errorf("counters: %+v", n)
			}
		})
	}
}

// An endpoint that breaks off must not look like one that had said all it had to say.
func TestTCPPassesAResetOn(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, scripted(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		_ = c.(*net.TCPConn).SetLinger(0)
	}))}))
	c := dialTCP(t, address)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("want a reset, got %v", err)
	}
}

func TestTCPIdleConnectionsEndAndBusyOnesDoNot(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{TunnelIdle: 600 * time.Millisecond})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, echoTCP(t, ""))}))
	silent, busy := dialTCP(t, address), dialTCP(t, address)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.ReadAll(silent) // A reset or an end.
	}()
	one := make([]byte, 1)
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		case <-time.After(50 * time.Millisecond):
		}
		if _, err := busy.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(busy, one); err != nil {
			t.Fatalf("the busy connection ended: %v", err)
		}
	}
	_ = busy.Close()
	eventually(t, "both are gone", func() bool { s := e.Stats(); return s.Opened == 2 && s.Closed == 2 })
}

// A client that takes nothing must not hold an endpoint for longer than one that is silent.
func TestTCPStalledClientIsIdle(t *testing.T) {
	e := newEngine(t, Options{TunnelIdle: 600 * time.Millisecond})
	ended := make(chan struct{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, scripted(t, func(c net.Conn) {
		defer close(ended)
		b := make([]byte, 64<<10)
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}))}))
	dialTCP(t, address) // And reads nothing.
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the endpoint is still held")
	}
}

func TestTCPGoesOnWhileItsEndpointIsRemoved(t *testing.T) {
	e := newEngine(t, Options{})
	first, second := echoTCP(t, "first"), echoTCP(t, "second")
	c := layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, first)})
	address := apply(t, e, c)
	old := dialTCP(t, address)
	if _, err := old.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(old, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	apply(t, e, &Config{Listeners: c.Listeners, Pools: map[string]*Pool{"p": poolSpeaking(PoolTCP, second)}})
	if got, err := converse(t, dialTCP(t, address), ""); err != nil || got != "second" {
		t.Errorf("new connection: want second, got %q, %v", got, err)
	}
	if got, err := converse(t, old, "y"); err != nil || got != "yfirst" {
		t.Errorf("old connection: want yfirst, got %q, %v", got, err)
	}
}

func TestTCPListenerDrains(t *testing.T) {
	e := newEngine(t, Options{DrainTimeout: 500 * time.Millisecond})
	c := layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, echoTCP(t, "end"))})
	address := apply(t, e, c)
	ends, stays := dialTCP(t, address), dialTCP(t, address)
	for _, c := range []net.Conn{ends, stays} {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Apply(&Config{Pools: c.Pools}); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("a removed listener accepts")
	}
	if got, err := converse(t, ends, "y"); err != nil || got != "yend" {
		t.Errorf("want yend, got %q, %v", got, err)
	}
	if _, err := io.ReadAll(stays); err == nil {
		t.Error("a connection that stays too long was ended in order")
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection that stays too long is not ended")
	}
}

func TestTCPManyAtOnce(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolTCP, echoTCP(t, "!"))}))
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			for range 5 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := converse(t, c.(*net.TCPConn), "hello"); err != nil || got != "hello!" {
					t.Errorf("want hello!, got %q, %v", got, err)
				}
				c.Close()
			}
		})
	}
	wait.Wait()
}
