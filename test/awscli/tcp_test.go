package awscli

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// echo starts a backend that says back what it is told.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(conn, conn) // the other side may have gone
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// say says something to an address and returns what is said back.
func say(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, len(text))
	if _, err := io.ReadFull(conn, said); err != nil {
		t.Fatal(err)
	}
	return string(said)
}
