package sni_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/sni"
)

const limit = 16 << 10

// clientHello returns the first flight that Go's own client sends.
func clientHello(tb testing.TB, config *tls.Config) []byte {
	tb.Helper()
	conn := &firstFlight{}
	err := tls.Client(conn, config).Handshake()
	if !errors.Is(err, io.EOF) {
		tb.Fatalf("handshake with nobody: %v", err)
	}
	return conn.sent.Bytes()
}

// firstFlight is a connection whose peer never answers.
type firstFlight struct {
	net.Conn
	sent bytes.Buffer
}

func (c *firstFlight) Write(b []byte) (int, error) { return c.sent.Write(b) }
func (c *firstFlight) Read([]byte) (int, error)    { return 0, io.EOF }
func (c *firstFlight) Close() error                { return nil }

// records cuts the message of one-record hello into records of at most size bytes.
func records(hello []byte, size int) []byte {
	var out []byte
	for message := hello[5:]; len(message) > 0; {
		n := min(size, len(message))
		out = append(out, 22, 3, 1, byte(n>>8), byte(n))
		out = append(out, message[:n]...)
		message = message[n:]
	}
	return out
}

func TestPeekFindsTheServerNameHoweverTheHelloIsCut(t *testing.T) {
	plain := clientHello(t, &tls.Config{ServerName: "App.Example.com", NextProtos: []string{"h2", "http/1.1"}})
	want := sni.Hello{ServerName: "app.example.com", Protocols: []string{"h2", "http/1.1"}}
	for name, in := range map[string][]byte{
		"one record":            plain,
		"records of 1 byte":     records(plain, 1),
		"records of 3 bytes":    records(plain, 3),
		"records of 100 bytes":  records(plain, 100),
		"followed by more data": append(bytes.Clone(plain), 20, 3, 3, 0, 1, 1),
	} {
		for how, reader := range map[string]io.Reader{
			"whole":        bytes.NewReader(in),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(in)),
			"by halves":    iotest.HalfReader(bytes.NewReader(in)),
			"data and EOF": iotest.DataErrReader(bytes.NewReader(in)),
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				got, raw, err := sni.Peek(reader, limit)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("hello (-want +got):\n%s", diff)
				}
				rest, err := io.ReadAll(reader)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(in, append(bytes.Clone(raw), rest...)) {
					t.Error("what was read and what is left is not what was sent")
				}
			})
		}
	}
}

func TestPeekKnowsTheClientsThatExist(t *testing.T) {
	for _, test := range []struct {
		name   string
		config *tls.Config
		want   string
	}{
		{"TLS 1.0 and later", &tls.Config{ServerName: "a.example", MinVersion: tls.VersionTLS10}, "a.example"},
		{"TLS 1.2 only", &tls.Config{ServerName: "a.example", MaxVersion: tls.VersionTLS12}, "a.example"},
		{"TLS 1.3 only", &tls.Config{ServerName: "a.example", MinVersion: tls.VersionTLS13}, "a.example"},
		{"no server name", &tls.Config{InsecureSkipVerify: true}, ""},
		{"an address sends no name", &tls.Config{ServerName: "192.0.2.1"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _, err := sni.Peek(bytes.NewReader(clientHello(t, test.config)), limit)
			if err != nil || got.ServerName != test.want {
				t.Errorf("want %q, got %q (%v)", test.want, got.ServerName, err)
			}
		})
	}
}

func TestPeekRefuses(t *testing.T) {
	hello := clientHello(t, &tls.Config{ServerName: "a.example"})
	alter := func(at int, to byte) []byte {
		b := bytes.Clone(hello)
		b[at] = to
		return b
	}
	for _, test := range []struct {
		reason string
		in     []byte
		limit  int
		want   error
	}{
		{"nothing was sent", nil, limit, io.EOF},
		{"cut in the record's header", hello[:3], limit, io.ErrUnexpectedEOF},
		{"cut in the message", hello[:len(hello)-1], limit, io.ErrUnexpectedEOF},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), limit, sni.ErrNotTLS},
		{"one byte of something else", []byte{0x80}, limit, sni.ErrNotTLS},
		{"SSL 2 version", alter(1, 2), limit, sni.ErrNotTLS},
		{"ServerHello", alter(5, 2), limit, sni.ErrMalformed},
		{"empty record", []byte{22, 3, 1, 0, 0}, limit, sni.ErrMalformed},
		{"record over 2^14", []byte{22, 3, 1, 0x40, 1}, 1 << 20, sni.ErrMalformed},
		{"alert between fragments", append(records(hello, 100)[:105], 21, 3, 1, 0, 2, 2, 0), limit, sni.ErrMalformed},
		{"message over the limit", []byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, limit, sni.ErrTooLarge},
		{"record over the limit", hello, 100, sni.ErrTooLarge},
		{"fragments over the limit", records(hello, 1), len(hello), sni.ErrTooLarge},
		{"a message follows in the record", append(append([]byte{22, 3, 1}, byte((len(hello)-4)>>8), byte(len(hello)-4)), append(bytes.Clone(hello[5:]), 0)...), limit, sni.ErrMalformed},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, raw, err := sni.Peek(iotest.OneByteReader(bytes.NewReader(test.in)), test.limit)
			if !errors.Is(err, test.want) {
				t.Errorf("want %v, got %v", test.want, err)
			}
			if !bytes.HasPrefix(test.in, raw) || len(raw) > test.limit {
				t.Errorf("read %d bytes that are not the beginning of the input", len(raw))
			}
		})
	}
}

// message builds a ClientHello message with the given extensions.
func message(extensions ...[]byte) []byte {
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 0, 0, 2, 0x13, 0x01, 1, 0)
	all := bytes.Join(extensions, nil)
	body = append(body, byte(len(all)>>8), byte(len(all)))
	body = append(body, all...)
	return append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
}

func extension(kind int, data ...byte) []byte {
	return append([]byte{byte(kind >> 8), byte(kind), byte(len(data) >> 8), byte(len(data))}, data...)
}

func serverName(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(list, 0, byte(len(name)>>8), byte(len(name)))
		list = append(list, name...)
	}
	return extension(0, append([]byte{byte(len(list) >> 8), byte(len(list))}, list...)...)
}

func TestParseMessageServerNames(t *testing.T) {
	for _, test := range []struct {
		reason string
		in     []byte
		want   string
		bad    bool
	}{
		{"plain", message(serverName("a.example")), "a.example", false},
		{"upper case", message(serverName("A.Example")), "a.example", false},
		{"an underscore is common", message(serverName("a_b.example")), "a_b.example", false},
		{"GREASE and encrypted hello around it", message(extension(0x0a0a), serverName("a.example"), extension(0xfe0d, 0, 1, 2), extension(0xfafa, 0)), "a.example", false},
		{"no extensions", message(), "", false},
		{"an unknown type of name is skipped", message(extension(0, 0, 4, 7, 0, 1, 'x')), "", false},
		{"trailing dot", message(serverName("a.example.")), "", true},
		{"leading dot", message(serverName(".example")), "", true},
		{"empty label", message(serverName("a..example")), "", true},
		{"empty name", message(serverName("")), "", true},
		{"empty list", message(extension(0, 0, 0)), "", true},
		{"empty extension", message(extension(0)), "", true},
		{"NUL", message(serverName("a.example\x00.evil")), "", true},
		{"slash", message(serverName("a/b")), "", true},
		{"wildcard", message(serverName("*.example")), "", true},
		{"too long", message(serverName(strings.Repeat("a", 256))), "", true},
		{"two names", message(serverName("a.example", "b.example")), "", true},
		{"two extensions", message(serverName("a.example"), serverName("b.example")), "", true},
		{"list shorter than the extension", message(extension(0, 0, 4, 0, 0, 1, 'x', 0)), "", true},
		{"name longer than the list", message(extension(0, 0, 4, 0, 0, 9, 'x')), "", true},
		{"extension cut short", message([]byte{0, 0, 0}), "", true},
		{"extension longer than the rest", message([]byte{0, 7, 0, 9, 1}), "", true},
		{"bad protocol list", message(extension(16, 0, 2, 0, 0)), "", true},
	} {
		t.Run(test.reason, func(t *testing.T) {
			got, err := sni.ParseMessage(test.in)
			if (err != nil) != test.bad || got.ServerName != test.want {
				t.Errorf("want %q, bad %v; got %q, %v", test.want, test.bad, got.ServerName, err)
			}
			if err != nil && !errors.Is(err, sni.ErrMalformed) {
				t.Errorf("want ErrMalformed, got %v", err)
			}
		})
	}
}
