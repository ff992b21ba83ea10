package e2e

import (
	"net/netip"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func TestTCP(t *testing.T) { tellTCP(t, onFake) }

func tellTCP(t *testing.T, on class) {
	w := on.start(t, example("tcp"), func(w *world) {
		b, err := echo.ListenTCP("lines-1", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "lines", "tcp", "TCP", b.Addr())
	})
	g := w.programmed("tcp", 1)
	if got := traffic.WantLines(t, g.Listeners[0].Endpoint, 3); got != "lines-1" {
		t.Errorf("answered by %q, want lines-1", got)
	}
}

func TestDNSOverUDP(t *testing.T) { tellDNSOverUDP(t, onFake) }

func tellDNSOverUDP(t *testing.T, on class) {
	want := netip.MustParseAddr("192.0.2.53")
	w := on.start(t, example("udp-dns"), func(w *world) {
		b, err := echo.ListenDNS("dns-1", "127.0.0.1:0", want)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "dns", "dns", "UDP", b.Addr())
	})
	g := w.programmed("dns", 1)
	for id := range uint16(20) {
		if got, err := traffic.Resolve(g.Listeners[0].Endpoint, id); err != nil || got != want {
			t.Errorf("query %d: address %s, %v; want %s", id, got, err, want)
		}
	}
}
