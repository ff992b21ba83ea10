package proxy

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// datagramServer answers each datagram with what answer makes of it. It says how many it got.
func datagramServer(t testing.TB, answer func([]byte) []byte) (string, *atomic.Int64) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadBuffer(4 << 20)
	t.Cleanup(func() { _ = c.Close() })
	got := new(atomic.Int64)
	go func() {
		b := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			got.Add(1)
			if reply := answer(b[:n]); reply != nil {
				_, _ = c.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	return c.LocalAddr().String(), got
}

func named4(name string) func([]byte) []byte {
	return func(b []byte) []byte { return append([]byte(name+" "), b...) }
}

func dialUDP(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a datagram until something comes back: UDP may lose either.
func ask(t testing.TB, c net.Conn, message string) string {
	t.Helper()
	b := make([]byte, maxDatagram)
	for range 20 {
		if _, err := c.Write([]byte(message)); err != nil {
			continue // An earlier one was refused.
		}
		_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if n, err := c.Read(b); err == nil {
			return string(b[:n])
		}
	}
	t.Fatalf("no answer to %q", message)
	return ""
}

func TestUDPSessions(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	server, _ := datagramServer(t, named4("one"))
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, server)}))
	var wait sync.WaitGroup
	for n := range 20 {
		c := dialUDP(t, address)
		wait.Go(func() {
			for i := range 5 {
				message := fmt.Sprintf("%d/%d", n, i)
				if got := ask(t, c, message); got != "one "+message {
					t.Errorf("want %q, got %q", "one "+message, got)
				}
			}
		})
	}
	wait.Wait()
	if got := e.Connections().Sessions; got != 20 {
		t.Errorf("Sessions: want 20, got %d", got)
	}
	if got := e.Health()["p"][0].InFlight; got != 20 {
		t.Errorf("InFlight: want 20, got %d", got)
	}
}

func TestUDPLargeDatagrams(t *testing.T) {
	e := newEngine(t, Options{})
	server, _ := datagramServer(t, func(b []byte) []byte { return b })
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, server)}))
	c := dialUDP(t, address)
	_ = c.(*net.UDPConn).SetReadBuffer(1 << 20)
	for _, size := range []int{0, 1, 1500, 9000, 65507} {
		want := make([]byte, size)
		_, _ = rand.Read(want)
		if got := ask(t, c, string(want)); !bytes.Equal(want, []byte(got)) {
			t.Errorf("%d bytes: got %d others", size, len(got))
		}
	}
}

func TestUDPWeightsAreOfSessions(t *testing.T) {
	e := newEngine(t, Options{})
	a, _ := datagramServer(t, named4("a"))
	b, _ := datagramServer(t, named4("b"))
	action := &Forward{Backends: []Backend{{Weight: 3, Pool: "a"}, {Weight: 1, Pool: "b"}}}
	address := apply(t, e, layer4Site(t, UDP, action, map[string]*Pool{"a": poolSpeaking(PoolUDP, a), "b": poolSpeaking(PoolUDP, b)}))
	got := map[byte]int{}
	for range 100 {
		c := dialUDP(t, address)
		first := ask(t, c, "x")[0]
		got[first]++
		if again := ask(t, c, "y")[0]; again != first {
			t.Fatalf("a session went from %c to %c", first, again)
		}
	}
	if got['a'] < 72 || got['a'] > 78 {
		t.Errorf("want 75 and 25, got %v", got)
	}
}

func TestUDPRefusedGoesToAnotherEndpointAtOnce(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	alive, count := datagramServer(t, named4("alive"))
	dead := deadAddress(t)
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, dead, alive)}))
	for n := range 10 {
		c := dialUDP(t, address)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		// Sent once: what an endpoint refused is sent to the next.
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		if got, err := c.Read(b); err != nil || string(b[:got]) != "alive x" {
			t.Fatalf("session %d: want %q, got %q, %v", n, "alive x", b[:got], err)
		}
	}
	if got := count.Load(); got != 10 {
		t.Errorf("the living endpoint got %d datagrams, not 10", got)
	}
	if got := e.Health()["p"][0].Failures; got == 0 {
		t.Error("the dead endpoint has no failure")
	}
}

func TestUDPEndpointDiesUnderASession(t *testing.T) {
	e := newEngine(t, Options{})
	first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := first.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = first.WriteToUDPAddrPort(append([]byte("first "), b[:n]...), from)
		}
	}()
	c := layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, first.LocalAddr().String())})
	address := apply(t, e, c)
	client := dialUDP(t, address)
	if got := ask(t, client, "x"); got != "first x" {
		t.Fatalf("want %q, got %q", "first x", got)
	}
	second, _ := datagramServer(t, named4("second"))
	apply(t, e, &Config{Listeners: c.Listeners, Pools: map[string]*Pool{"p": poolSpeaking(PoolUDP, first.LocalAddr().String(), second)}})
	if got := ask(t, client, "y"); got != "first y" {
		t.Fatalf("a change of the pool moved a session: got %q", got)
	}
	first.Close()
	eventually(t, "the session moves", func() bool { return ask(t, client, "z") == "second z" })
}

func TestUDPSessionsFollowTheConfiguration(t *testing.T) {
	e := newEngine(t, Options{})
	first, _ := datagramServer(t, named4("first"))
	second, _ := datagramServer(t, named4("second"))
	pools := map[string]*Pool{"first": poolSpeaking(PoolUDP, first), "second": poolSpeaking(PoolUDP, second)}
	client := dialUDP(t, apply(t, e, layer4Site(t, UDP, to("first"), pools)))
	for _, step := range []struct {
		pool string
		want string
	}{{"first", "first x"}, {"second", "second x"}, {"first", "first x"}} {
		apply(t, e, layer4Site(t, UDP, to(step.pool), pools))
		if got := ask(t, client, "x"); got != step.want {
			t.Errorf("want %q, got %q", step.want, got)
		}
	}
}

func TestUDPIdleSessionsEnd(t *testing.T) {
	e := newEngine(t, Options{UDPIdle: 400 * time.Millisecond})
	server, _ := datagramServer(t, named4("one"))
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, server)}))
	silent, busy := dialUDP(t, address), dialUDP(t, address)
	ask(t, silent, "x")
	eventually(t, "the silent session ends, the busy one stays", func() bool {
		ask(t, busy, "x")
		return e.Health()["p"][0].InFlight == 1
	})
	if got := e.Connections().Sessions; got != 2 {
		t.Errorf("Sessions: want 2, got %d", got)
	}
	if got := ask(t, silent, "y"); got != "one y" {
		t.Errorf("after its session ended: want %q, got %q", "one y", got)
	}
}

func TestUDPSessionsAreBounded(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{MaxSessions: 10})
	server, _ := datagramServer(t, named4("one"))
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, server)}))
	keep := dialUDP(t, address)
	ask(t, keep, "x")
	for range 50 {
		ask(t, dialUDP(t, address), "x")
		ask(t, keep, "x") // It spoke lately: others make room.
	}
	c := e.Connections()
	if c.Sessions != 51 || c.Evicted != 41 {
		t.Errorf("want 51 sessions and 41 evicted, got %d and %d", c.Sessions, c.Evicted)
	}
	if got := e.Health()["p"][0].InFlight; got != 10 {
		t.Errorf("InFlight: want 10, got %d", got)
	}
}

func TestUDPDropsWithoutABackend(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, UDP, &Forward{Backends: []Backend{{Weight: 1, Status: 500}}}, nil))
	c := dialUDP(t, address)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is counted", func() bool { return e.Connections().Refused == 1 })
	apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP)}))
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is counted", func() bool { return e.Connections().Unreachable == 1 })
}

func TestUDPServesDNS(t *testing.T) {
	leaksNothing(t)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	server := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Answer = append(m.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(192, 0, 2, 7),
		})
		if err := w.WriteMsg(m); err != nil {
			t.Error(err)
		}
	})}
	stopped := make(chan error, 1)
	go func() { stopped <- server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, pc.LocalAddr().String())}))
	for n := range 100 {
		name := fmt.Sprintf("n%d.example.", n)
		r, _, err := (&dns.Client{Timeout: 10 * time.Second}).Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), address)
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := r.Answer[0].(*dns.A); !ok || a.Hdr.Name != name || !a.A.Equal(net.IPv4(192, 0, 2, 7)) {
			t.Errorf("got %v", r.Answer)
		}
	}
}
