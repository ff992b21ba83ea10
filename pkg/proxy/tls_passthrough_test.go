package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// tlsBackend starts a server that ends TLS itself with a certificate for names, echoes, and then says its name.
func tlsBackend(t testing.TB, ca *authority, name string, names ...string) string {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{ca.pair(t, names...)}}
	return scripted(t, func(c net.Conn) {
		conn := tls.Server(c, config)
		if _, err := io.Copy(conn, conn); err == nil {
			_, _ = io.WriteString(conn, name)
			_ = conn.CloseWrite()
		}
	})
}

// tlsSite is a configuration with one TLS listener called "http".
func tlsSite(pools map[string]*Pool, servers ...Server) *Config {
	return &Config{Listeners: map[string]*Listener{"http": {Protocol: TLS, Address: loopback, Servers: servers}}, Pools: pools}
}

func dialTLS(t testing.TB, address string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return c, err
}

func TestTLSIsRoutedBySNI(t *testing.T) {
	leaksNothing(t)
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	pools := map[string]*Pool{
		"a":    poolSpeaking(PoolTCP, tlsBackend(t, ca, "from a", "a.example.com")),
		"wild": poolSpeaking(PoolTCP, tlsBackend(t, ca, "from wild", "*.example.com", "x.y.example.com")),
		"rule": poolSpeaking(PoolTCP, tlsBackend(t, ca, "from rule", "rule.example.org")),
		"deep": poolSpeaking(PoolTCP, tlsBackend(t, ca, "from deep", "deep.example.org")),
		"tcp":  poolSpeaking(PoolTCP, echoTCP(t, "from tcp")),
	}
	address := apply(t, e, tlsSite(pools,
		Server{Name: "a", Hostname: "a.example.com", Passthrough: true, Rules: allTo(t, to("a"))},
		Server{Name: "wild", Hostname: "*.example.com", Passthrough: true, Rules: allTo(t, to("wild"))},
		Server{Name: "org", Hostname: "*.example.org", Passthrough: true, Rules: hostsTo(t, map[string]Action{"rule.example.org": to("rule"), "deep.example.org": to("deep")})},
		Server{Name: "ended", Hostname: "ended.example.net", Certificates: []*Certificate{ca.issue(t, "ended.example.net")}, Rules: allTo(t, to("tcp"))},
	))
	for _, test := range []struct{ name, want string }{
		{"a.example.com", "from a"},
		{"A.EXAMPLE.com", "from a"},
		{"b.example.com", "from wild"},
		{"x.y.example.com", "from wild"},
		{"rule.example.org", "from rule"},
		{"deep.example.org", "from deep"},
		{"ended.example.net", "from tcp"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			c, err := dialTLS(t, address, &tls.Config{ServerName: test.name, RootCAs: ca.pool, MaxVersion: version})
			if err != nil {
				t.Errorf("%s, %s: %v", test.name, tls.VersionName(version), err)
				continue
			}
			want := strings.Repeat("0123456789", 20000) + test.want
			got, err := converse(t, c, strings.Repeat("0123456789", 20000))
			if err != nil || got != want {
				t.Errorf("%s, %s: want the message and %q, got %d bytes, %v", test.name, tls.VersionName(version), test.want, len(got), err)
			}
		}
	}
}

func TestTLSRefusesWhatItHasNoServerFor(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	pools := map[string]*Pool{"a": poolSpeaking(PoolTCP, tlsBackend(t, ca, "a", "a.example.com"))}
	address := apply(t, e, tlsSite(pools,
		Server{Name: "a", Hostname: "a.example.com", Passthrough: true, Rules: allTo(t, to("a"))},
		Server{Name: "norule", Hostname: "norule.example.com", Passthrough: true, Rules: hostsTo(t, map[string]Action{"other.example.com": to("a")})},
	))
	for _, name := range []string{"b.example.com", "example.com", ""} {
		_, err := dialTLS(t, address, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%q: want the connection to be closed without a word, got %v", name, err)
		}
	}
	if _, err := dialTLS(t, address, &tls.Config{ServerName: "norule.example.com", InsecureSkipVerify: true}); err == nil {
		t.Error("a name without a rule was served")
	}
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x00", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", "\x00"} {
		c := dialTCP(t, address)
		if _, err := io.WriteString(c, garbage); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if len(got) > 7 {
			t.Errorf("%q: want at most an alert, got %q, %v", garbage, got, err)
		}
	}
	failedHandshakes(t, e, 7)
}

// A ClientHello in many records and many reads reaches the endpoint byte for byte.
func TestTLSPassesAFragmentedHelloOn(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	address := apply(t, e, tlsSite(map[string]*Pool{"a": poolSpeaking(PoolTCP, tlsBackend(t, ca, "a", "a.example.com"))},
		Server{Hostname: "a.example.com", Passthrough: true, Rules: allTo(t, to("a"))}))
	c := tls.Client(&fragmenting{Conn: dialRaw(t, address)}, &tls.Config{ServerName: "a.example.com", RootCAs: ca.pool})
	if got, err := converse(t, c, "hello "); err != nil || got != "hello a" {
		t.Errorf("want %q, got %q, %v", "hello a", got, err)
	}
}

// fragmenting cuts the first record that is written into records of 20 bytes, each written alone.
type fragmenting struct {
	net.Conn
	done bool
}

func (c *fragmenting) Write(p []byte) (int, error) {
	if c.done {
		return c.Conn.Write(p)
	}
	c.done = true
	for message := p[5:]; len(message) > 0; {
		n := min(20, len(message))
		if _, err := c.Conn.Write(append([]byte{p[0], p[1], p[2], 0, byte(n)}, message[:n]...)); err != nil {
			return 0, err
		}
		message = message[n:]
	}
	return len(p), nil
}

// TLS to the endpoint of a connection that came without, or that was opened.
func TestTCPPoolWithTLS(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	p := poolSpeaking(PoolTCP, tlsBackend(t, ca, "secured", "backend.example"))
	p.TLS = &BackendTLS{ServerName: "backend.example", CAs: ca.pem()}
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": p}))
	if got, err := converse(t, dialTCP(t, address), "x"); err != nil || got != "xsecured" {
		t.Errorf("want xsecured, got %q, %v", got, err)
	}
	wrong := poolSpeaking(PoolTCP, p.Endpoints[0].Address.String())
	wrong.TLS = &BackendTLS{ServerName: "other.example", CAs: ca.pem()}
	address = apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": wrong}))
	if got, err := converse(t, dialTCP(t, address), "x"); err == nil {
		t.Errorf("an endpoint that is not who it should be was served: %q", got)
	}
}

func TestTLSSlowClientsDoNotKeepOthersWaiting(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{HeadTimeout: time.Second})
	address := apply(t, e, tlsSite(map[string]*Pool{"a": poolSpeaking(PoolTCP, tlsBackend(t, ca, "a", "a.example.com"))},
		Server{Hostname: "a.example.com", Passthrough: true, Rules: allTo(t, to("a"))}))
	var wait sync.WaitGroup
	for range 50 {
		c := dialTCP(t, address)
		wait.Go(func() {
			_, _ = c.Write([]byte{22, 3, 1})
			_, _ = io.ReadAll(c) // However it ends.
		})
	}
	c, err := dialTLS(t, address, &tls.Config{ServerName: "a.example.com", RootCAs: ca.pool})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := converse(t, c, ""); err != nil || got != "a" {
		t.Errorf("want a, got %q, %v", got, err)
	}
	wait.Wait()
	failedHandshakes(t, e, 50)
}
