package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// newEngine returns an engine that the test closes.
func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e := New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// table returns a table of rules by path prefix.
func table(t testing.TB, rules map[string]Action) *Table {
	t.Helper()
	edit := new(Table).Edit()
	for prefix, action := range rules {
		err := edit.Put(route.Route[*Rule]{
			ID:    prefix,
			Rank:  fmt.Sprintf("%06d %s", 999999-len(prefix), prefix),
			Match: route.Match{Path: route.Path{Kind: route.PathPrefix, Value: prefix}},
			Value: &Rule{Name: prefix, Action: action},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return edit.Commit()
}

// site is a configuration with one listener of HTTP for any host.
func site(t testing.TB, rules map[string]Action, pools map[string]*Pool) *Config {
	t.Helper()
	return &Config{
		Listeners: map[string]*Listener{"http": {Protocol: HTTP, Address: loopback, Servers: []Server{{Rules: table(t, rules)}}}},
		Pools:     pools,
	}
}

func to(pool string) *Forward { return &Forward{Backends: []Backend{{Weight: 1, Pool: pool}}} }

func poolOf(addresses ...string) *Pool {
	p := &Pool{Protocol: PoolHTTP1}
	for _, a := range addresses {
		p.Endpoints = append(p.Endpoints, Endpoint{Address: netip.MustParseAddrPort(a)})
	}
	return p
}

// apply applies c and returns the address of its listener "http".
func apply(t testing.TB, e *Engine, c *Config) string {
	t.Helper()
	if err := e.Apply(c); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	a, ok := e.ListenerAddress("http")
	if !ok {
		t.Fatal("the listener is not bound")
	}
	return a.String()
}

// backend starts a server and returns its address.
func backend(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// namedBackend is a backend that answers its name.
func namedBackend(t testing.TB, name string) string {
	return backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name) })
}

// scripted starts a backend that does with each connection what serve says.
func scripted(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// dialRaw opens a connection on which nothing waits for longer than ten seconds.
func dialRaw(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// send writes raw bytes on a new connection and returns all that comes back until the proxy closes it.
func send(t testing.TB, address, raw string) string {
	t.Helper()
	c := dialRaw(t, address)
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("after %q: %v", got, err)
	}
	return string(got)
}

// statusLine is the first line of a response.
func statusLine(response string) string {
	line, _, _ := strings.Cut(response, "\r\n")
	return line
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// get gets a URL and returns status and body.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}
