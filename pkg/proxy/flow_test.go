package proxy

import (
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"
)

func flowOf(client, local string) *flow { return &flow{mustAddrPort(client), mustAddrPort(local)} }

func TestFlowHash(t *testing.T) {
	base := flowOf("10.0.0.1:1000", "10.0.0.2:80")
	for name, test := range map[string]struct {
		other        *flow
		flow, source bool // the same
	}{
		"itself":      {flowOf("10.0.0.1:1000", "10.0.0.2:80"), true, true},
		"mapped":      {flowOf("[::ffff:10.0.0.1]:1000", "[::ffff:10.0.0.2]:80"), true, true},
		"client port": {flowOf("10.0.0.1:1001", "10.0.0.2:80"), false, true},
		"local":       {flowOf("10.0.0.1:1000", "10.0.0.3:80"), false, true},
		"local port":  {flowOf("10.0.0.1:1000", "10.0.0.2:81"), false, true},
		"client":      {flowOf("10.0.0.9:1000", "10.0.0.2:80"), false, false},
	} {
		if got := base.hash(FlowHash) == test.other.hash(FlowHash); got != test.flow {
			t.Errorf("%s: flows are the same: want %v, got %v", name, test.flow, got)
		}
		if got := base.hash(SourceHash) == test.other.hash(SourceHash); got != test.source {
			t.Errorf("%s: sources are the same: want %v, got %v", name, test.source, got)
		}
	}
}

// testFlow is one of many.
func testFlow(i int) *flow {
	return &flow{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(1024+i)), mustAddrPort("10.9.0.1:443")}
}

func TestHashedEndpoints(t *testing.T) {
	const n = 20_000
	p := absentPool(t, FlowHash, 1, 1, 2, 4)
	got := map[*member]int{}
	moved := 0
	gone := &tried{}
	gone.add(p.members[1].endpoint)
	for i := range n {
		m := p.pickFor(testFlow(i), nil)
		got[m]++
		if again := p.pickFor(testFlow(i), nil); again != m {
			t.Fatalf("flow %d goes to %v and then to %v", i, m.address(), again.address())
		}
		if m.endpoint != p.members[1].endpoint && p.pickFor(testFlow(i), gone) != m {
			moved++
		}
	}
	for _, m := range p.members {
		if want := float64(n) * float64(m.weight) / 8; math.Abs(float64(got[m])-want) > want/10 {
			t.Errorf("weight %d: want about %.0f of %d, got %d", m.weight, want, n, got[m])
		}
	}
	if moved > 0 {
		t.Errorf("%d flows moved because an endpoint went that they did not use", moved)
	}
}

func TestHashedBackends(t *testing.T) {
	f := &Forward{Choose: SourceHash, Backends: []Backend{{Weight: 3, Pool: "a"}, {Weight: 1, Pool: "b"}}}
	state := newRouteState(&Rule{Action: f}, t.Logf).forward
	got := map[string]int{}
	for i := range 4000 {
		of := testFlow(i)
		b := state.chooseFor(of)
		got[b.cfg.Pool]++
		of.remote = netip.AddrPortFrom(of.remote.Addr(), 9)
		if again := state.chooseFor(of); again != b {
			t.Fatalf("a client goes to %s and then to %s", b.cfg.Pool, again.cfg.Pool)
		}
	}
	if got["a"] < 2850 || got["a"] > 3150 {
		t.Errorf("want about 3000 and 1000, got %v", got)
	}
}

func TestSourceHashKeepsAClient(t *testing.T) {
	e := newEngine(t, Options{})
	p := poolSpeaking(PoolTCP, echoTCP(t, "a"), echoTCP(t, "b"), echoTCP(t, "c"))
	p.Algorithm = SourceHash
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": p}))
	names := map[string]bool{}
	for i := range 40 {
		client := fmt.Sprintf("127.0.3.%d", i/2+1)
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
		var first string
		for range 2 {
			c, err := d.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			got, err := converse(t, c.(*net.TCPConn), "")
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if first != "" && got != first {
				t.Errorf("%s: went to %s and then to %s", client, first, got)
			}
			first = got
			names[got] = true
		}
	}
	if len(names) != 3 {
		t.Errorf("want all three endpoints used by 20 clients, got %v", names)
	}
}

func TestSourceHashKeepsAClientOfUDP(t *testing.T) {
	e := newEngine(t, Options{})
	p := &Pool{Protocol: PoolUDP, Algorithm: SourceHash}
	for _, name := range []string{"a", "b", "c"} {
		address, _ := datagramServer(t, named4(name))
		p.Endpoints = append(p.Endpoints, Endpoint{Address: mustAddrPort(address)})
	}
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": p}))
	first := ask(t, dialUDP(t, address), "x")
	for range 10 {
		if got := ask(t, dialUDP(t, address), "x"); got != first {
			t.Errorf("want %q for every port of a client, got %q", first, got)
		}
	}
}

func TestProxyHeader(t *testing.T) {
	const signature = "0d0a0d0a000d0a515549540a"
	for want, f := range map[string]*flow{
		signature + "2111000c" + "0a000001" + "0a000002" + "03e8" + "0050":                                                 flowOf("10.0.0.1:1000", "10.0.0.2:80"),
		signature + "2111000c" + "0a000001" + "0a000002" + "03e8" + "0051":                                                 flowOf("[::ffff:10.0.0.1]:1000", "10.0.0.2:81"),
		signature + "21210024" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "03e8" + "0050": flowOf("[2001:db8::1]:1000", "[2001:db8::2]:80"),
		signature + "21210024" + "20010db8000000000000000000000001" + "00000000000000000000ffff0a000002" + "03e8" + "0050": flowOf("[2001:db8::1]:1000", "10.0.0.2:80"),
	} {
		if got := hex.EncodeToString(proxyHeader(f)); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

func TestProxyProtocolToEndpoints(t *testing.T) {
	back := scripted(t, func(c net.Conn) {
		got, err := io.ReadAll(c)
		if err == nil {
			_, _ = io.WriteString(c, hex.EncodeToString(got))
		}
	})
	p := poolSpeaking(PoolTCP, back)
	p.ProxyProtocol = true
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": p}))
	c := dialTCP(t, address)
	got, err := converse(t, c, "hello")
	if err != nil {
		t.Fatal(err)
	}
	want := append(proxyHeader(&flow{mustAddrPort(c.LocalAddr().String()), mustAddrPort(address)}), "hello"...)
	if got != hex.EncodeToString(want) {
		t.Errorf("want %x, got %s", want, got)
	}
}

func TestPreserveClient(t *testing.T) {
	back := scripted(t, func(c net.Conn) {
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		_, _ = io.WriteString(c, host)
	})
	for preserve, want := range map[bool]string{true: "127.0.3.77", false: "127.0.0.1"} {
		p := poolSpeaking(PoolTCP, back)
		p.PreserveClient = preserve
		e := newEngine(t, Options{})
		address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": p}))
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, 77)}}
		c, err := d.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		got, err := converse(t, c.(*net.TCPConn), "")
		_ = c.Close()
		if err != nil || got != want {
			t.Errorf("preserve %v: want %s, got %s, %v", preserve, want, got, err)
		}
	}
}

// An address that this machine does not have cannot be preserved: the endpoint is reached all the same.
func TestPreserveClientThatIsElsewhere(t *testing.T) {
	e := newEngine(t, Options{})
	p := poolSpeaking(PoolTCP, echoTCP(t, "one"))
	p.PreserveClient = true
	apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": p}))
	for _, client := range []string{"192.0.2.7:1", "[2001:db8::1]:1"} {
		m, up := e.connect(e.pools["p"], flowOf(client, "127.0.0.1:80"))
		if m == nil {
			t.Fatalf("%s: not connected", client)
		}
		up.close()
		m.end()
	}
}

func TestPreserveClientOfUDP(t *testing.T) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := poolSpeaking(PoolUDP, c.LocalAddr().String())
	p.PreserveClient = true
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, UDP, to("p"), map[string]*Pool{"p": p}))
	client, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 3, 78)}, net.UDPAddrFromAddrPort(mustAddrPort(address)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, from, err := c.ReadFromUDPAddrPort(make([]byte, 10))
	if err != nil || from.Addr() != netip.MustParseAddr("127.0.3.78") {
		t.Errorf("want 127.0.3.78, got %v, %v", from, err)
	}
}
