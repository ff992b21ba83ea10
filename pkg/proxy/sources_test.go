package proxy

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestSourcesOfConnections(t *testing.T) {
	e := newEngine(t, Options{})
	back := namedBackend(t, "back")
	with := func(sources []netip.Prefix) *Config {
		c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)})
		c.Listeners["http"].Sources = sources
		return c
	}
	address := apply(t, e, with(nil))
	kept := dialRaw(t, address)
	const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	answered := func(c net.Conn) bool {
		t.Helper()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			return false
		}
		n, err := c.Read(make([]byte, 4096))
		return n > 0 && err == nil
	}
	for _, test := range []struct {
		reason  string
		sources []netip.Prefix
		want    bool
	}{
		{"everybody", nil, true},
		{"nobody", []netip.Prefix{}, false},
		{"others", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("::/0")}, false},
		{"one of several networks", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}, true},
	} {
		apply(t, e, with(test.sources))
		if got := answered(dialRaw(t, address)); got != test.want {
			t.Errorf("%s: want answered %v, got %v", test.reason, test.want, got)
		}
		if !answered(kept) {
			t.Errorf("%s: a connection that was there is cut off", test.reason)
		}
	}
}

func TestSourcesOfDatagrams(t *testing.T) {
	e := newEngine(t, Options{})
	back, _ := datagramServer(t, named4("back"))
	with := func(sources []netip.Prefix) *Config {
		c := layer4Site(t, UDP, to("p"), map[string]*Pool{"p": poolSpeaking(PoolUDP, back)})
		c.Listeners["http"].Sources = sources
		return c
	}
	address := apply(t, e, with([]netip.Prefix{}))
	c := dialUDP(t, address)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the datagram is refused", func() bool { return e.Connections().Refused > 0 })
	apply(t, e, with([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}))
	if got := ask(t, c, "hello"); got != "back hello" {
		t.Errorf("want an answer, got %q", got)
	}
}
