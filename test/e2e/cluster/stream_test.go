package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

func TestTCP(t *testing.T) {
	w := start(t)
	w.example("tcp", "lines")
	g := w.programmed("tcp", 1)
	w.everyEndpointHealthy(len(w.pods(w.ns, "app", "lines")))
	if got := traffic.WantLines(t, g.at(7000), 3); !strings.HasPrefix(got, "lines-") {
		t.Errorf("answered by %q, want a pod of lines", got)
	}
	if _, err := net.DialTimeout("tcp", g.at(7001), traffic.Patience); err == nil {
		t.Error("a port that no listener has is open")
	}
}

func TestDNSOverUDP(t *testing.T) {
	want := netip.MustParseAddr("192.0.2.1") // what the backend says of every name
	w := start(t)
	w.example("udp-dns", "dns")
	g := w.programmed("dns", 1)
	w.eventually("a first answer", func() error {
		_, err := traffic.Resolve(g.at(53), 0)
		return err
	})
	wrong := 0
	for id := range uint16(20) {
		if got, err := traffic.Resolve(g.at(53), id); err != nil || got != want {
			wrong++
			t.Errorf("query %d: address %s, %v; want %s", id, got, err, want)
		}
	}
	traffic.Measured(t, "20 queries, %s failed", fmt.Sprint(wrong))
}
