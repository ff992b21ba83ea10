package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// scriptSwitch switches protocols, whatever it was asked.
func scriptSwitch(c net.Conn) {
	_, _ = c.Read(make([]byte, 4096))
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
}

// h2Script starts an endpoint that speaks HTTP/2 and does with each stream what answer says.
func h2Script(t testing.TB, answer func(f *http2.Framer, connection int64, stream uint32)) (string, *atomic.Int64) {
	connections := new(atomic.Int64)
	return scripted(t, func(c net.Conn) {
		n := connections.Add(1)
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		f := http2.NewFramer(c, c)
		if f.WriteSettings() != nil {
			return
		}
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					_ = f.WriteSettingsAck()
				}
			case *http2.PingFrame:
				if !frame.IsAck() {
					_ = f.WritePing(true, frame.Data)
				}
			case *http2.HeadersFrame:
				answer(f, n, frame.StreamID)
			}
		}
	}), connections
}

// answer200 answers a stream with nothing but a status.
func answer200(f *http2.Framer, stream uint32) {
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte{0x88}, EndHeaders: true, EndStream: true})
}

// What an endpoint says that it did not look at goes there again; what it may have looked at does not.
func TestH2UpstreamRepeatsOnlyWhatWasRefused(t *testing.T) {
	leaksNothing(t)
	var streams atomic.Int64
	for _, test := range []struct {
		reason string
		answer func(f *http2.Framer, connection int64, stream uint32)
		want   int
		sent   int64
	}{
		{"refused stream", func(f *http2.Framer, n int64, id uint32) {
			if streams.Load() == 1 {
				_ = f.WriteRSTStream(id, http2.ErrCodeRefusedStream)
				return
			}
			answer200(f, id)
		}, 200, 2},
		{"goodbye before the stream", func(f *http2.Framer, n int64, id uint32) {
			if n == 1 {
				_ = f.WriteGoAway(0, http2.ErrCodeNo, nil)
				return
			}
			answer200(f, id)
		}, 200, 2},
		{"always refused", func(f *http2.Framer, n int64, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeRefusedStream) }, 503, sameEndpoint},
		{"reset after it was looked at", func(f *http2.Framer, n int64, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeInternal) }, 502, 1},
		{"a status that is none", func(f *http2.Framer, n int64, id uint32) {
			var b writer
			_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "1000"})
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b, EndHeaders: true, EndStream: true})
		}, 502, 1},
	} {
		t.Run(test.reason, func(t *testing.T) {
			streams.Store(0)
			address, _ := h2Script(t, func(f *http2.Framer, n int64, id uint32) {
				streams.Add(1)
				test.answer(f, n, id)
			})
			e := newEngine(t, Options{})
			front := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolSpeaking(PoolHTTP2, address)}))
			if got := do(t, client1(t, nil, ""), request(t, "GET", "http://"+front, "")); got.Status != test.want {
				t.Errorf("want %d, got %d", test.want, got.Status)
			}
			if got := streams.Load(); got != test.sent {
				t.Errorf("want it sent %d times, got %d", test.sent, got)
			}
		})
	}
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

func TestH2UpstreamKeepsAndLeavesConnections(t *testing.T) {
	leaksNothing(t)
	address, connections := h2Script(t, func(f *http2.Framer, _ int64, id uint32) { answer200(f, id) })
	e := newEngine(t, Options{UpstreamLifetime: 500 * time.Millisecond})
	c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolSpeaking(PoolHTTP2, address)})
	front := apply(t, e, c)
	client := client1(t, nil, "")
	hit := func() {
		t.Helper()
		if got := do(t, client, request(t, "GET", "http://"+front, "")); got.Status != 200 {
			t.Fatalf("want 200, got %d", got.Status)
		}
	}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(hit)
	}
	wait.Wait()
	if got := connections.Load(); got != 1 {
		t.Errorf("want 1 connection, got %d", got)
	}
	eventually(t, "an old connection is left", func() bool { hit(); return connections.Load() == 2 })
	// The endpoint stays while another pool has it, and then goes.
	apply(t, e, &Config{Listeners: c.Listeners, Pools: map[string]*Pool{"p": poolSpeaking(PoolHTTP2, address)}})
	before := connections.Load()
	hit()
	if got := connections.Load(); got > before+1 {
		t.Errorf("the same endpoint in another pool made %d connections", got-before)
	}
}

// An endpoint that speaks something else is as good as unreachable: nothing was sent to it, and another gets the request.
func TestH2UpstreamThatSpeaksHTTP1IsAvoided(t *testing.T) {
	e := newEngine(t, Options{})
	pool := poolSpeaking(PoolHTTP2, namedBackend(t, "not HTTP/2"), h2cBackend(t, echo))
	front := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": pool}))
	client := client2(t, nil, "")
	for range 4 {
		if got := do(t, client, request(t, "POST", "http://"+front, "body")); got.Status != 200 || got.Body != "body" {
			t.Errorf("want 200 and the body, got %d, %q", got.Status, got.Body)
		}
	}
	if got := e.Health()["p"][0].Failures; got == 0 {
		t.Error("the endpoint has no failure")
	}
}

// An idle connection hears at once that its listener is removed.
func TestH2IdleConnectionIsToldToLeave(t *testing.T) {
	e := newEngine(t, Options{})
	f := newFrames(t, apply(t, e, site(t, map[string]Action{"/": &Respond{Status: 200}}, nil)))
	if err := f.open(1, true, plainHead...); err != nil {
		t.Fatal(err)
	}
	if got := f.outcome(1); got != "200" {
		t.Fatalf("want 200, got %s", got)
	}
	if err := e.Apply(&Config{}); err != nil {
		t.Fatal(err)
	}
	if got := f.outcome(3); got != "GOAWAY NO_ERROR" {
		t.Errorf("want GOAWAY NO_ERROR, got %s", got)
	}
}

func TestH2UpstreamHealthCheck(t *testing.T) {
	healthy := new(atomic.Bool)
	var hosts sync.Map
	address := h2cBackend(t, func(w http.ResponseWriter, r *http.Request) {
		hosts.Store(r.URL.Path, r.Host)
		if r.URL.Path == "/healthz" && !healthy.Load() {
			w.WriteHeader(500)
		}
	})
	e := newEngine(t, Options{})
	p := poolSpeaking(PoolHTTP2, address)
	p.Health = &HealthCheck{Path: "/healthz", Interval: 20 * time.Millisecond, Timeout: time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1}
	apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
	eventually(t, "it is unhealthy", func() bool { return e.Health()["p"][0].Health == Unhealthy })
	healthy.Store(true)
	eventually(t, "it is healthy", func() bool { return e.Health()["p"][0].Health == Healthy })
	if got, _ := hosts.Load("/healthz"); got != address {
		t.Errorf("host: want %s, got %v", address, got)
	}
}

// A request whose certificate was another server's is not served: RFC 9110, 15.5.20.
func TestMisdirectedRequest(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	both := ca.issue(t, "a.example", "b.example")
	address := apply(t, e, https(
		Server{Name: "a", Hostname: "a.example", Certificates: []*Certificate{both}, Rules: table(t, map[string]Action{"/": &Respond{Status: 200}})},
		Server{Name: "b", Hostname: "b.example", Certificates: []*Certificate{both}, Rules: table(t, map[string]Action{"/": &Respond{Status: 200}})},
	))
	for _, client := range []*http.Client{client1(t, ca, "a.example"), client2(t, ca, "a.example")} {
		for host, want := range map[string]int{"a.example": 200, "b.example": 421, "c.example": 404} {
			r := request(t, "GET", "https://"+address, "")
			r.Host = host
			if got := do(t, client, r); got.Status != want {
				t.Errorf("%s: want %d, got %d", host, want, got.Status)
			}
		}
	}
}

// A request may have chosen an endpoint before it goes, and be sent after.
func TestH2UpstreamServesAfterItRetired(t *testing.T) {
	e := newEngine(t, Options{})
	address := netip.MustParseAddrPort(h2cBackend(t, func(http.ResponseWriter, *http.Request) {}))
	ep := e.newEndpoint(endpointKey{address: address, protocol: PoolHTTP2}, nil)
	ep.transport.retire()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 2 {
		if err := ep.probe(ctx, "/"); err != nil {
			t.Errorf("want the request served, got %v", err)
		}
	}
}
