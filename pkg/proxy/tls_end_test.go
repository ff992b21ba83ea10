package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// recorded is a connection that keeps what was read.
type recorded struct {
	net.Conn
	got []byte
}

func (c *recorded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.got = append(c.got, p[:n]...)
	return n, err
}

// lastRecord is the type of the last TLS record that was read.
func (c *recorded) lastRecord() byte {
	var kind byte
	for b := c.got; len(b) >= 5; {
		kind = b[0]
		b = b[min(len(b), 5+int(b[3])<<8+int(b[4])):]
	}
	return kind
}

// The end of a connection is said in TLS too where it is the end of a response, which could have been cut off else.
func TestTLSConnectionEndsInOrder(t *testing.T) {
	const alert = 21
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	back := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush() // No length is known.
		_, _ = io.WriteString(w, "all of it")
	})
	c := https(Server{Certificates: []*Certificate{ca.issue(t, "a.example")}, Rules: table(t, map[string]Action{"/": to("p")})})
	c.Pools = map[string]*Pool{"p": poolOf(back)}
	address := apply(t, e, c)
	for _, head := range []string{"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"} {
		conn := &recorded{Conn: dialRaw(t, address)}
		// The kinds of records can be told apart up to version 1.2.
		client := tls.Client(conn, &tls.Config{ServerName: "a.example", RootCAs: ca.pool, MaxVersion: tls.VersionTLS12})
		if _, err := io.WriteString(client, head); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(client)
		if err != nil || !strings.Contains(string(got), "all of it") {
			t.Fatalf("got %q, %v", got, err)
		}
		if kind := conn.lastRecord(); kind != alert {
			t.Errorf("%q: want an alert at the end, got a record of type %d", head, kind)
		}
	}
}
