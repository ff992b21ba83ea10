package elb

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// over says what protocol a listener or a target group has.
func over(p types.ProtocolEnum) func(*api.CreateListenerInput) {
	return func(in *api.CreateListenerInput) { in.Protocol = p }
}

func groupOver(p types.ProtocolEnum, more func(*api.CreateTargetGroupInput)) func(*api.CreateTargetGroupInput) {
	return func(in *api.CreateTargetGroupInput) {
		in.Protocol = p
		if more != nil {
			more(in)
		}
	}
}

// speaker answers each line, over TCP, with its name and the line, and first with what it is told before that.
func speaker(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if _, err := fmt.Fprintf(conn, "%s %s", name, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// datagrams answers each with its name and what came, on the port of a speaker that stands for its health.
func datagrams(t *testing.T, name, at string) {
	t.Helper()
	c, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if _, err := c.WriteTo([]byte(name+" "+string(buf[:n])), from); err != nil {
				return
			}
		}
	}()
}

// say opens a connection, says a line and returns the answer.
func say(conn net.Conn, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func TestTCP(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	a, b := speaker(t, "a"), speaker(t, "b")
	web := s.group(groupOver(types.ProtocolEnumTcp, nil), a, b)
	s.listener(lb, 9000, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &web}, over(types.ProtocolEnumTcp))
	at := s.at(lb, 9000)
	eventually(t, "an answer", func() bool {
		got, err := say(net.Dial("tcp", at))
		return err == nil && strings.HasSuffix(got, " hello\n")
	})
	s.healthy(web)
	seen := map[string]bool{}
	eventually(t, "flows of both targets", func() bool {
		got, err := say(net.Dial("tcp", at))
		if err != nil {
			t.Fatal(err)
		}
		seen[got] = true
		return len(seen) == 2
	})
	s.set(web, "stickiness.enabled=true", "stickiness.type=source_ip")
	eventually(t, "one target for a client", func() bool {
		seen := map[string]bool{}
		for range 20 {
			got, err := say(net.Dial("tcp", at))
			if err != nil {
				t.Fatal(err)
			}
			seen[got] = true
		}
		return len(seen) == 1
	})
	// The zone's own name has the zone's address alone.
	zone := *lb.AvailabilityZones[0].ZoneName
	if ips, ok := s.plane.Lookup(zone + "." + strings.ToLower(*lb.DNSName)); !ok || len(ips) != 1 {
		t.Errorf("in %s: got %v, %v", zone, ips, ok)
	}
}

func TestUDPAndBoth(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	target := speaker(t, "tcp")
	datagrams(t, "udp", target)
	both := s.group(groupOver(types.ProtocolEnumTcpUdp, nil), target)
	alone := s.group(groupOver(types.ProtocolEnumUdp, nil), target)
	s.listener(lb, 9000, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &both}, over(types.ProtocolEnumTcpUdp))
	s.listener(lb, 9001, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &alone}, over(types.ProtocolEnumUdp))
	for port, protocols := range map[int][]string{9000: {"tcp", "udp"}, 9001: {"udp"}} {
		for _, p := range protocols {
			at := s.at(lb, port)
			eventually(t, p, func() bool { got, err := say(net.Dial(p, at)); return err == nil && got == p+" hello\n" })
		}
	}
	if conn, err := net.Dial("tcp", s.at(lb, 9001)); err == nil {
		conn.Close()
		t.Error("a listener of UDP takes connections")
	}
	s.healthy(both, alone)
}

func TestTLSThatEndsHere(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	plain := s.group(groupOver(types.ProtocolEnumTcp, nil), speaker(t, "plain"))
	i := identify(t, nil, "tls.test")
	inner, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{i.certificate.Raw}, PrivateKey: i.key}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	go func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				line, _ := bufio.NewReader(conn).ReadString('\n')
				_, _ = io.WriteString(conn, "sealed "+line)
			}()
		}
	}()
	sealed := s.group(groupOver(types.ProtocolEnumTls, nil), inner.Addr().String())
	arn := s.imported(i)
	s.listener(lb, 9443, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &plain}, secure(types.ProtocolEnumTls, arn, func(in *api.CreateListenerInput) {
		in.AlpnPolicy = []string{"HTTP2Preferred"}
	}))
	s.listener(lb, 9444, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &sealed}, secure(types.ProtocolEnumTls, arn, nil))
	for port, want := range map[int]string{9443: "plain hello\n", 9444: "sealed hello\n"} {
		at := s.at(lb, port)
		eventually(t, want, func() bool {
			conn, err := tls.Dial("tcp", at, insecure("tls.test"))
			if err != nil {
				return false
			}
			got, err := say(conn, nil)
			return err == nil && got == want
		})
	}
	if got, err := handshake(s.at(lb, 9443), insecure("tls.test")); err != nil || got.NegotiatedProtocol != "h2" {
		t.Errorf("ALPN: %+v, %v", got, err)
	}
}

// TestProxyProtocol tells a target who the client is, and of health checks that they are nobody's.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heads, checks := make(chan []byte, 100), make(chan []byte, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				head := make([]byte, 28)
				n, err := io.ReadFull(conn, head)
				switch {
				case err == nil:
					heads <- head
				case n > 0:
					checks <- head[:n]
				}
			}()
		}
	}()
	web := s.group(groupOver(types.ProtocolEnumTcp, nil), l.Addr().String())
	s.set(web, "proxy_protocol_v2.enabled=true", "preserve_client_ip.enabled=false")
	s.listener(lb, 9000, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &web}, over(types.ProtocolEnumTcp))
	at := s.at(lb, 9000)
	s.healthy(web)
	var mine net.Addr
	eventually(t, "a connection", func() bool {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			return false
		}
		mine = conn.LocalAddr()
		_, _ = say(conn, nil)
		return len(heads) > 0
	})
	head := <-heads
	port := uint16(head[24])<<8 | uint16(head[25])
	got := netip.AddrPortFrom(netip.AddrFrom4([4]byte(head[16:20])), port)
	if !bytes.Equal(head[:12], []byte("\r\n\r\n\x00\r\nQUIT\n")) || head[12] != 0x21 || got.String() != mine.String() {
		t.Errorf("want a header of version 2 for %s, got %x", mine, head)
	}
	if got := <-checks; string(got) != "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00" {
		t.Errorf("want a header of no client with a health check, got %x", got)
	}
}

// TestABalancerAsTarget puts an Application Load Balancer behind a Network Load Balancer.
func TestABalancerAsTarget(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	inner, outer := s.balancer(types.LoadBalancerTypeEnumApplication), s.balancer(types.LoadBalancerTypeEnumNetwork)
	s.listener(inner, 8080, fixed("200", "inner"), nil)
	g := s.group(groupOver(types.ProtocolEnumTcp, func(in *api.CreateTargetGroupInput) {
		in.TargetType, in.Port, in.HealthCheckProtocol = types.TargetTypeEnumAlb, sdk.Int32(8080), types.ProtocolEnumHttp
	}))
	eventually(t, "registered", func() bool { // once it is active
		_, err := s.RegisterTargets(t.Context(), &api.RegisterTargetsInput{
			TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: inner.LoadBalancerArn, Port: sdk.Int32(8080)}},
		})
		return err == nil
	})
	s.listener(outer, 8080, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &g}, over(types.ProtocolEnumTcp))
	answers(t, s.at(outer, 8080), "/", 200, "inner")
	s.healthy(g)
}

// TestNetworkWeights spreads flows over two target groups.
func TestNetworkWeights(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	a, b := s.group(groupOver(types.ProtocolEnumTcp, nil), speaker(t, "a")), s.group(groupOver(types.ProtocolEnumTcp, nil), speaker(t, "b"))
	s.listener(lb, 9000, forward(a, b), over(types.ProtocolEnumTcp))
	at := s.at(lb, 9000)
	s.healthy(a, b)
	seen := map[string]bool{}
	eventually(t, "both", func() bool {
		got, err := say(net.Dial("tcp", at))
		if err == nil {
			seen[got] = true
		}
		return len(seen) == 2
	})
}

// TestTheClientsAddress is what a target sees where it is preserved.
func TestTheClientsAddress(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(conn, "%s\n", netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr())
			conn.Close()
		}
	}()
	web := s.group(groupOver(types.ProtocolEnumTcp, nil), l.Addr().String())
	s.listener(lb, 9000, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &web}, over(types.ProtocolEnumTcp))
	at := s.at(lb, 9000)
	s.healthy(web)
	client := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 9, 8, 7)}}
	for _, preserve := range []bool{true, false} {
		s.set(web, fmt.Sprint("preserve_client_ip.enabled=", preserve))
		eventually(t, fmt.Sprint("preserved ", preserve), func() bool {
			conn, err := client.Dial("tcp", at)
			if err != nil {
				return false
			}
			defer conn.Close()
			got, err := bufio.NewReader(conn).ReadString('\n')
			return err == nil && (got == "127.9.8.7\n") == preserve
		})
	}
}

// talk is a connection to a load balancer that stays open.
type talk struct {
	net.Conn
	r *bufio.Reader
}

// talkTo connects to a load balancer until a target answers as it should.
func talkTo(t *testing.T, at, request, want string) *talk {
	t.Helper()
	var c *talk
	eventually(t, "a connection", func() bool {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			return false
		}
		c = &talk{conn, bufio.NewReader(conn)}
		if got, err := c.ask(request); err == nil && strings.Contains(got, want) {
			return true
		}
		conn.Close()
		return false
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a request and returns what comes back first.
func (c *talk) ask(request string) (string, error) {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	n, err := c.r.Read(buf)
	return string(buf[:n]), err
}

// TestConnectionsOfWhatIsDeregistered go on, or end when the delay does, as an attribute says.
func TestConnectionsOfWhatIsDeregistered(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	for i, ends := range []bool{false, true} {
		target := speaker(t, "a")
		g := s.group(groupOver(types.ProtocolEnumTcp, nil), target)
		s.set(g, "deregistration_delay.timeout_seconds=1", fmt.Sprint("deregistration_delay.connection_termination.enabled=", ends))
		s.listener(lb, int32(9000+i), types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &g}, over(types.ProtocolEnumTcp))
		c := talkTo(t, s.at(lb, 9000+i), "x\n", "a x")
		do(s, s.DeregisterTargets, &api.DeregisterTargetsInput{TargetGroupArn: &g, Targets: descriptions([]string{target})})
		if ends {
			eventually(t, "cut", func() bool { _, err := c.ask("x\n"); return err != nil })
			continue
		}
		eventually(t, "deregistered", func() bool { return s.health(g) == "none" })
		if got, err := c.ask("x\n"); err != nil || got != "a x\n" {
			t.Errorf("ends %v: %q, %v", ends, got, err)
		}
	}
}

// TestConnectionsOfWhatFails end, while others of the group are healthy.
func TestConnectionsOfWhatFails(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumNetwork)
	var sick atomic.Bool
	a := backend(t, "from a", func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(500)
		}
	})
	g := s.group(groupOver(types.ProtocolEnumTcp, func(in *api.CreateTargetGroupInput) {
		in.HealthCheckProtocol = types.ProtocolEnumHttp
	}), a, backend(t, "from b", nil))
	s.listener(lb, 9000, types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &g}, over(types.ProtocolEnumTcp))
	s.healthy(g)
	const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	c := talkTo(t, s.at(lb, 9000), request, "from a")
	sick.Store(true)
	eventually(t, "cut", func() bool { _, err := c.ask(request); return err != nil })
	if got := talkTo(t, s.at(lb, 9000), request, "from"); got == nil {
		t.Error("the other target does not serve")
	}
}
