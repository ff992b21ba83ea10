package proxy

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// What an endpoint has left when it goes is cut after Limits.Drain: of that pool alone, and not where the endpoint is back in time.
func TestStakeDrains(t *testing.T) {
	versions(t, func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string) {
		b := newBusy()
		up := start(b.ServeHTTP)
		e := newEngine(t, Options{})
		pool := func(drain time.Duration, draining bool) *Pool {
			p := limited(poolSpeaking(protocol, up), Limits{Drain: drain})
			p.Endpoints[0].Draining = draining
			return p
		}
		own := func(drain, limit time.Duration) *Pool {
			p := pool(limit, true)
			p.Endpoints[0].Drain = drain
			return p
		}
		gone := func() *Pool { return limited(&Pool{Protocol: protocol}, Limits{Drain: time.Millisecond}) }
		other := poolSpeaking(protocol, up)
		for _, test := range []struct {
			reason   string
			before   *Pool
			after    []*Pool
			want     int
			released bool
		}{
			{"it drains", pool(time.Millisecond, false), []*Pool{pool(time.Millisecond, true)}, 502, false},
			{"it drains, in its own time", pool(time.Hour, false), []*Pool{own(time.Millisecond, time.Hour)}, 502, false},
			{"its own time is longer", pool(time.Millisecond, false), []*Pool{own(time.Hour, time.Millisecond)}, 200, true},
			{"its own time, where the pool has no limit", pool(0, false), []*Pool{own(time.Millisecond, 0)}, 200, true},
			{"it drains in its own time, and is removed before", pool(time.Hour, false), []*Pool{own(200*time.Millisecond, time.Hour), limited(&Pool{Protocol: protocol}, Limits{Drain: time.Hour})}, 502, false},
			{"it is removed", pool(time.Millisecond, false), []*Pool{gone()}, 502, false},
			{"its pool is removed", pool(time.Millisecond, false), []*Pool{nil}, 502, false},
			{"it drains, then is removed", pool(time.Hour, false), []*Pool{pool(time.Hour, true), gone()}, 502, false},
			{"it is back", pool(time.Hour, false), []*Pool{pool(time.Hour, true), pool(time.Millisecond, false)}, 200, true},
			{"there is time left", pool(time.Hour, false), []*Pool{pool(time.Hour, true)}, 200, true},
			{"there is no limit", pool(0, false), []*Pool{pool(0, true)}, 200, true},
			{"there is no limit any more", pool(time.Hour, false), []*Pool{pool(0, true)}, 200, true},
		} {
			address := func(p *Pool) string {
				pools := map[string]*Pool{"p": p, "q": other}
				if p == nil {
					delete(pools, "p")
				}
				return apply(t, e, site(t, map[string]Action{"/": to("p"), "/other": to("q")}, pools))
			}
			url := "http://" + address(test.before)
			mine, others := answerOf(t, client, url), answerOf(t, client, url+"/other")
			eventually(t, "both have come", func() bool { return b.now.Load() == 2 })
			for _, p := range test.after {
				address(p)
			}
			if test.released {
				b.free <- struct{}{}
				b.free <- struct{}{}
			}
			if got := <-mine; got != test.want {
				t.Errorf("%s: want %d, got %d", test.reason, test.want, got)
			}
			if !test.released {
				eventually(t, "the endpoint has noticed", func() bool { return b.now.Load() == 1 })
				b.free <- struct{}{}
			}
			if got := <-others; got != 200 {
				t.Errorf("%s: the other pool's: want 200, got %d", test.reason, got)
			}
			eventually(t, "nothing is there", func() bool { return b.now.Load() == 0 })
		}
		apply(t, e, site(t, nil, nil))
		eventually(t, "nothing is remembered", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.stakes) == 0
		})
	})
}

// A request that is cut goes elsewhere where its rule says so.
func TestStakeAndRetry(t *testing.T) {
	b := newBusy()
	up, good := backend(t, b.ServeHTTP), namedBackend(t, "good")
	e := newEngine(t, Options{})
	url := front(t, e, retrying(1), limited(poolOf(up), Limits{Drain: time.Millisecond}))
	answered := answerOf(t, client1(t, nil, ""), url)
	eventually(t, "it has come", func() bool { return b.now.Load() == 1 })
	// A request keeps the pool that it began with, where the endpoint still is: it tries that again.
	front(t, e, retrying(1), limited(poolOf(good), Limits{Drain: time.Millisecond}))
	if got := <-answered; got != 502 {
		t.Errorf("want 502, for all that the request knows of has gone, got %d", got)
	}
}

// A response that has begun is cut off, and so is what became of a request that switched protocols.
func TestStakeCutsResponses(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbegin",
	} {
		up := scripted(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, head)
			_, _ = io.Copy(io.Discard, c)
		})
		e := newEngine(t, Options{})
		pools := map[string]*Pool{"p": limited(poolOf(up), Limits{Drain: time.Millisecond})}
		c := dialRaw(t, apply(t, e, site(t, map[string]Action{"/": to("p")}, pools)))
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		eventually(t, "it has begun", func() bool { return e.Health()["p"][0].InFlight == 1 })
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
		apply(t, e, site(t, map[string]Action{"/": to("p")}, nil))
		_, err := io.ReadAll(c)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // It is that of the connection.
			t.Errorf("%.12s: want it cut", head)
		}
	}
}

func TestStakeLayer4(t *testing.T) {
	leaksNothing(t)
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	for protocol, up := range map[Protocol]string{TCP: echoTCP(t, "x"), UDP: packets.LocalAddr().String()} {
		e := newEngine(t, Options{})
		speaks, network := PoolTCP, "tcp"
		if protocol == UDP {
			speaks, network = PoolUDP, "udp"
		}
		at := func(draining bool) string {
			p := limited(poolSpeaking(speaks, up), Limits{Drain: time.Millisecond})
			p.Endpoints[0].Draining = draining
			return apply(t, e, layer4Site(t, protocol, to("p"), map[string]*Pool{"p": p}))
		}
		c, err := net.Dial(network, at(false))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is there", func() bool { return e.Health()["p"][0].InFlight == 1 })
		at(true)
		eventually(t, "it is cut", func() bool { return e.Health()["p"][0].InFlight == 0 })
	}
}
