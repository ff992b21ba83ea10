package proxy

import (
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// leaksNothing fails the test when something of the engines or of HTTP/2 still runs after they were closed. Call it first.
func leaksNothing(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		var left []string
		eventually(t, "nothing is left running", func() bool {
			stacks := make([]byte, 4<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			left = left[:0]
			for one := range strings.SplitSeq(string(stacks), "\n\n") {
				ours := strings.Contains(one, "cloudgate/pkg/proxy.(") || strings.Contains(one, "x/net/http2.")
				if ours && !strings.Contains(one, "testing.tRunner(") && !strings.Contains(one, "_test.go") {
					left = append(left, one)
				}
			}
			if len(left) > 0 {
				runtime.Gosched()
			}
			return len(left) == 0 || t.Failed()
		})
	})
}

// allTo is a table with one rule, which matches everything.
func allTo(t testing.TB, action Action) *Table {
	t.Helper()
	return hostsTo(t, map[string]Action{"": action})
}

// hostsTo is a table of rules by hostname.
func hostsTo(t testing.TB, rules map[string]Action) *Table {
	t.Helper()
	edit := new(Table).Edit()
	for host, action := range rules {
		err := edit.Put(route.Route[*Rule]{ID: host, Rank: host, Match: route.Match{Host: host}, Value: &Rule{Name: host, Action: action}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return edit.Commit()
}

// poolSpeaking is a pool with a protocol and endpoints.
func poolSpeaking(protocol PoolProtocol, addresses ...string) *Pool {
	p := poolOf(addresses...)
	p.Protocol = protocol
	return p
}

// layer4Site is a configuration with one listener called "http" that carries connections or datagrams.
func layer4Site(t testing.TB, protocol Protocol, action Action, pools map[string]*Pool) *Config {
	t.Helper()
	return &Config{
		Listeners: map[string]*Listener{"http": {Protocol: protocol, Address: loopback, Servers: []Server{{Rules: allTo(t, action)}}}},
		Pools:     pools,
	}
}

// echoTCP starts a server that sends back what it gets, and then its name.
func echoTCP(t testing.TB, name string) string {
	return scripted(t, func(c net.Conn) {
		if _, err := io.Copy(c, c); err == nil {
			_, _ = io.WriteString(c, name)
		}
	})
}

// deadAddress is one at which nobody listens.
func deadAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// converse sends a message, ends its side, and returns all that comes back.
func converse(t testing.TB, c interface {
	io.ReadWriter
	CloseWrite() error
}, message string) (string, error) {
	t.Helper()
	if _, err := io.WriteString(c, message); err != nil {
		return "", err
	}
	if err := c.CloseWrite(); err != nil {
		return "", err
	}
	got, err := io.ReadAll(c)
	return string(got), err
}

func dialTCP(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, ok := dialRaw(t, address).(*net.TCPConn)
	if !ok {
		t.Fatal("not TCP")
	}
	return c
}

func mustAddrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
