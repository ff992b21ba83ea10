package serve

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// loopback returns an address that no other test uses, nor this one in another process.
func loopback(last byte) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(230 + os.Getpid()%20), 7, last})
}

// saying answers every request with a word.
func saying(t *testing.T, port uint16, word string) *Listener {
	t.Helper()
	var none *proxy.Table
	table, err := none.With(route.Route[*proxy.Rule]{ID: "all", Value: &proxy.Rule{Action: &proxy.Respond{Status: 200, Body: word}}})
	if err != nil {
		t.Fatal(err)
	}
	return &Listener{Port: port, Serve: proxy.Listener{Protocol: proxy.HTTP, Servers: []proxy.Server{{Rules: table}}}}
}

func said(t *testing.T, at netip.AddrPort) string {
	t.Helper()
	c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get("http://" + at.String())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func newBalancer(t *testing.T, table *ports.Table) *Balancer {
	t.Helper()
	b := New(Config{Name: "test", Ports: table, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { b.Close(time.Second) })
	return b
}

// TestABalancersLife gives a load balancer addresses and listeners, and takes them away again.
func TestABalancersLife(t *testing.T) {
	table := ports.New(ports.Config{Offset: 8000, Log: slog.New(slog.DiscardHandler)})
	b := newBalancer(t, table)
	one, two := loopback(1), loopback(2)
	states := b.Apply(&Wanted{IPs: []netip.Addr{one, two}, Listeners: map[string]*Listener{"a": saying(t, 8080, "a"), "b": saying(t, 8081, "b")}})
	for name, s := range states {
		if len(s.Bound) != 2 || s.Failure != "" {
			t.Errorf("%s: %+v", name, s)
		}
		for _, at := range s.Bound {
			if got := said(t, at); got != name {
				t.Errorf("%s says %q", at, got)
			}
		}
	}
	moved := b.Apply(&Wanted{IPs: []netip.Addr{two}, Listeners: map[string]*Listener{"a": saying(t, 8082, "moved")}})
	if at := moved["a"].Bound; len(at) != 1 || at[0] != netip.AddrPortFrom(two, 8082) || said(t, at[0]) != "moved" {
		t.Errorf("another port of one address: %+v", moved)
	}
	for _, s := range states {
		for _, at := range s.Bound {
			if got := said(t, at); !strings.Contains(got, "refused") {
				t.Errorf("%s still says %q", at, got)
			}
		}
	}
	if n := table.Claims(); n != 1 {
		t.Errorf("%d ports are claimed", n)
	}
	b.Retire()
	if n := table.Claims(); n != 0 {
		t.Errorf("%d ports are claimed after the end", n)
	}
}

// TestAPortThatIsTaken costs its own listener, and is tried again.
func TestAPortThatIsTaken(t *testing.T) {
	b := newBalancer(t, ports.New(ports.Config{Offset: 8000, Log: slog.New(slog.DiscardHandler)}))
	at := netip.AddrPortFrom(loopback(3), 8080)
	other, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	want := &Wanted{IPs: []netip.Addr{at.Addr()}, Listeners: map[string]*Listener{"taken": saying(t, 8080, "taken"), "free": saying(t, 8081, "free")}}
	states := b.Apply(want)
	if s := states["taken"]; len(s.Bound) != 0 || !strings.Contains(s.Failure, "in use by another program") {
		t.Errorf("taken: %+v", s)
	}
	if s := states["free"]; len(s.Bound) != 1 || said(t, s.Bound[0]) != "free" {
		t.Errorf("free: %+v", s)
	}
	other.Close()
	if s := b.Apply(want)["taken"]; len(s.Bound) != 1 || s.Failure != "" || said(t, at) != "taken" {
		t.Errorf("tried again: %+v", s)
	}
}

// TestBalancersShareAnAddress moves the second one's port.
func TestBalancersShareAnAddress(t *testing.T) {
	table := ports.New(ports.Config{Shared: true, Offset: 8000, Log: slog.New(slog.DiscardHandler)})
	ip := loopback(4)
	for _, port := range []uint16{8080, 8081} {
		word := "second"
		if port == 8080 {
			word = "first"
		}
		s := newBalancer(t, table).Apply(&Wanted{IPs: []netip.Addr{ip}, Listeners: map[string]*Listener{"l": saying(t, 8080, word)}})["l"]
		if len(s.Bound) != 1 || s.Bound[0] != netip.AddrPortFrom(ip, port) || said(t, s.Bound[0]) != word {
			t.Errorf("%s: %+v", word, s)
		}
	}
}

// TestWhatAListenerWas: one is bound where it was before, if that is known, and anew where it speaks UDP from now on.
func TestWhatAListenerWas(t *testing.T) {
	b := newBalancer(t, ports.New(ports.Config{Offset: 8000, Log: slog.New(slog.DiscardHandler)}))
	ip := loopback(5)
	want := &Wanted{IPs: []netip.Addr{ip}, Listeners: map[string]*Listener{"l": saying(t, 8080, "here")}}
	was := netip.AddrPortFrom(ip, 9090)
	want.Listeners["l"].Before = map[netip.Addr]netip.AddrPort{ip: was}
	if s := b.Apply(want)["l"]; len(s.Bound) != 1 || s.Bound[0] != was || said(t, was) != "here" {
		t.Errorf("bound before at %s: %+v", was, s)
	}
	datagrams := *saying(t, 8080, "")
	datagrams.Serve.Protocol = proxy.UDP
	want.Listeners = map[string]*Listener{"l": &datagrams}
	at := netip.AddrPortFrom(ip, 8080)
	if s := b.Apply(want)["l"]; len(s.Bound) != 1 || s.Bound[0] != at {
		t.Fatalf("UDP: %+v", s)
	}
	if other, err := net.ListenPacket("udp", at.String()); err == nil {
		other.Close()
		t.Errorf("%s is free for others", at)
	}
	if got := said(t, was); !strings.Contains(got, "refused") {
		t.Errorf("%s still says %q", was, got)
	}
}
