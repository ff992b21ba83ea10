package traffic

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// WantLines sends lines over one TCP connection and wants each back with the backend's name in front. It returns the name.
func WantLines(t testing.TB, address string, n int) (backend string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(Patience))
	answers := bufio.NewReader(conn)
	for i := range n {
		if _, err := fmt.Fprintf(conn, "line-%d\n", i); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		var by, got string
		if _, err := fmt.Sscanf(answer, "%s %s\n", &by, &got); err != nil || got != fmt.Sprintf("line-%d", i) {
			t.Fatalf("line %d was answered %q (%v)", i, answer, err)
		}
		if backend != "" && by != backend {
			t.Fatalf("one connection was answered by %q and %q", backend, by)
		}
		backend = by
	}
	return backend[:len(backend)-1] // without the colon
}

// Resolve asks a DNS server over UDP for the address of www.example.com.
func Resolve(server string, id uint16) (netip.Addr, error) {
	conn, err := net.Dial("udp", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("www.example.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		return netip.Addr{}, err
	}
	if _, err := conn.Write(packed); err != nil {
		return netip.Addr{}, err
	}
	buffer := make([]byte, 1500)
	n, err := conn.Read(buffer)
	if err != nil {
		return netip.Addr{}, err
	}
	var reply dnsmessage.Message
	if err := reply.Unpack(buffer[:n]); err != nil {
		return netip.Addr{}, err
	}
	if reply.ID != id || len(reply.Answers) != 1 {
		return netip.Addr{}, fmt.Errorf("reply to query %d: %v", id, reply)
	}
	a, ok := reply.Answers[0].Body.(*dnsmessage.AResource)
	if !ok {
		return netip.Addr{}, fmt.Errorf("reply to query %d: %v", id, reply)
	}
	return netip.AddrFrom4(a.A), nil
}

// WantHealthService asks a gRPC service behind a load balancer that routes the method Check of grpc.health.v1.Health and no other.
func WantHealthService(t testing.TB, address, host string, transport credentials.TransportCredentials) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(transport), grpc.WithAuthority(host))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := grpc_health_v1.NewHealthClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	Eventually(t, "the service to answer", func() error {
		answer, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil && answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			return fmt.Errorf("status %s", answer.Status)
		}
		return err
	})
	// An error of the service comes through with its code, and a method without a rule is unimplemented.
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("Check of a missing service: %v, want NotFound", err)
	}
	if _, err := client.List(ctx, &grpc_health_v1.HealthListRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a method without a rule: %v, want Unimplemented", err)
	}
}

// WantWebSocket sends messages over one WebSocket and wants each back with "echo: " in front.
func WantWebSocket(t testing.TB, address, url string) {
	t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: Patience, NetDial: func(network, _ string) (net.Conn, error) { return net.Dial(network, address) }}
	conn, response, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "message %d", i)); err != nil {
			t.Fatal(err)
		}
		_, got, err := conn.ReadMessage()
		if want := fmt.Sprintf("echo: message %d", i); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}
