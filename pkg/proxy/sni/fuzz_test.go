package sni_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/sni"
)

// FuzzPeek holds three laws: what is read is the beginning of what was sent; cutting the input differently changes nothing; and
// where Go's own server understands a hello, it understands the same name (it may be we who refuse).
func FuzzPeek(f *testing.F) {
	hello := clientHello(f, &tls.Config{ServerName: "a.example.com", NextProtos: []string{"h2"}})
	f.Add(hello)
	f.Add(records(hello, 7))
	f.Add(clientHello(f, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}))
	f.Add(append([]byte{22, 3, 1, 0, 255}, message(serverName("a.example"), extension(0x0a0a))...))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, raw, err := sni.Peek(bytes.NewReader(in), limit)
		if !bytes.HasPrefix(in, raw) || len(raw) > limit {
			t.Fatalf("read %d bytes that are not the beginning of the input", len(raw))
		}
		slow, slowRaw, slowErr := sni.Peek(iotest.OneByteReader(bytes.NewReader(in)), limit)
		if (err == nil) != (slowErr == nil) || got.ServerName != slow.ServerName {
			t.Fatalf("whole: %q, %v; byte by byte: %q, %v", got.ServerName, err, slow.ServerName, slowErr)
		}
		if len(slowRaw) > len(raw) {
			t.Fatalf("byte by byte read %d bytes, whole %d", len(slowRaw), len(raw))
		}
		if err != nil {
			return
		}
		if name, ok := standardName(in); ok && !strings.EqualFold(name, got.ServerName) {
			t.Fatalf("crypto/tls reads %q, Peek reads %q", name, got.ServerName)
		}
	})
}

// standardName is the name that crypto/tls hands to a server.
func standardName(in []byte) (string, bool) {
	var name string
	var seen bool
	enough := errors.New("seen enough")
	server := tls.Server(&replay{r: bytes.NewReader(in)}, &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		name, seen = info.ServerName, true
		return nil, enough
	}})
	if err := server.HandshakeContext(context.Background()); err == nil {
		panic("a handshake without a certificate succeeded")
	}
	return name, seen
}

type replay struct {
	net.Conn
	r *bytes.Reader
}

func (c *replay) Read(b []byte) (int, error)  { return c.r.Read(b) }
func (c *replay) Write(b []byte) (int, error) { return len(b), nil }
func (c *replay) Close() error                { return nil }
