package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func TestTCP(t *testing.T) {
	w := start(t, example("tcp"), func(w *world) {
		b, err := echo.ListenTCP("lines-1", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "lines", "tcp", "TCP", b.Addr())
	})
	g := w.programmed("tcp", 1)
	conn, err := net.Dial("tcp", g.Listeners[0].Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	answers := bufio.NewReader(conn)
	for i := range 3 {
		if _, err := fmt.Fprintf(conn, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
		got, err := answers.ReadString('\n')
		if want := fmt.Sprintf("lines-1: line %d\n", i); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestDNSOverUDP(t *testing.T) {
	want := netip.MustParseAddr("192.0.2.53")
	w := start(t, example("udp-dns"), func(w *world) {
		b, err := echo.ListenDNS("dns-1", "127.0.0.1:0", want)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		w.endpoints("default", "dns", "dns", "UDP", b.Addr())
	})
	g := w.programmed("dns", 1)
	for id := range uint16(20) {
		if got := resolve(t, g.Listeners[0].Endpoint, id); got != want {
			t.Errorf("query %d: address %s, want %s", id, got, want)
		}
	}
}

// resolve asks a DNS server for an A record.
func resolve(t *testing.T, server string, id uint16) netip.Addr {
	t.Helper()
	conn, err := net.Dial("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("www.example.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1500)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	var reply dnsmessage.Message
	if err := reply.Unpack(buffer[:n]); err != nil {
		t.Fatal(err)
	}
	if reply.ID != id || len(reply.Answers) != 1 {
		t.Fatalf("reply to query %d: %v", id, reply)
	}
	a, ok := reply.Answers[0].Body.(*dnsmessage.AResource)
	if !ok {
		t.Fatalf("reply to query %d: %v", id, reply)
	}
	return netip.AddrFrom4(a.A)
}
