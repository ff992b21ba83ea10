package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// resuming is config for a client that remembers its sessions.
func resuming(config *tls.Config) *tls.Config {
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	return config
}

// resumed makes a request and reports whether the client's session was resumed for it.
func resumed(t testing.TB, address string, config *tls.Config) (bool, error) {
	t.Helper()
	conn, err := dialTLS(t, address, config)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
	got, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(got), "HTTP/1.1 200") {
		t.Errorf("want 200, got %q", got)
	}
	return conn.ConnectionState().DidResume, err
}

// change replaces the listener's validation.
func change(t testing.TB, e *Engine, c *Config, clients *ClientValidation) {
	t.Helper()
	l := *c.Listeners["http"]
	l.Clients = clients
	err := e.Apply(&Config{Listeners: map[string]*Listener{"http": &l}, Pools: c.Pools})
	if broken := clients != nil && clients.Check() != nil; broken != (err != nil) {
		t.Errorf("Apply: %v", err)
	}
}

func TestAResumedSessionIsNoWayAroundNewCAs(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	server := newAuthority(t)
	for _, version := range tlsVersions {
		e := newEngine(t, Options{})
		c, _ := mutual(t, server, nil)
		address := apply(t, e, c)
		strict := func(ca ...*authority) *ClientValidation {
			v := new(ClientValidation)
			for _, one := range ca {
				v.CAs = append(v.CAs, one.pem()...)
			}
			return v
		}
		fallback := strict(before)
		fallback.InsecureFallback = true
		old, unknown := before.client(t, nil), after.client(t, nil)
		var config *tls.Config
		for _, step := range []struct {
			reason  string
			client  *tls.Config // nil for the one of the step before
			clients *ClientValidation
			resumed bool
			refused bool
		}{
			{"the first time", resuming(showing(server, version, old)), strict(before), false, false},
			{"again", nil, strict(before), true, false},
			{"with a CA more", nil, strict(after, before), true, false},
			{"with another CA", nil, strict(after), false, true},
			{"with none that is valid", nil, &ClientValidation{CAs: []byte("nonsense")}, false, true},
			{"the first time with no certificate", resuming(showing(server, version, nil)), nil, false, false},
			{"with no certificate, but now it is asked for", nil, strict(before), false, true},
			{"the first time, another CA's, which does not matter", resuming(showing(server, version, unknown)), fallback, false, false},
			{"another CA's, which matters now", nil, strict(before), false, true},
			{"the first time, ours, which does not matter", resuming(showing(server, version, old)), fallback, false, false},
			{"ours, which matters now", nil, strict(before), false, false},
		} {
			if step.client != nil {
				config = step.client
			}
			change(t, e, c, step.clients)
			again, err := resumed(t, address, config)
			if (err != nil) != step.refused || step.refused && alertOf(err) == "" || err == nil && again != step.resumed {
				t.Errorf("%s, %s: want resumed %v, refused %v; got %v, %v", tls.VersionName(version), step.reason, step.resumed, step.refused, again, err)
			}
		}
	}
}

// Listeners share the keys of their tickets: a session with one is not one with another.
func TestASessionOfOneListenerIsNotValidatedAtAnother(t *testing.T) {
	ca, other, server := newAuthority(t), newAuthority(t), newAuthority(t)
	for _, version := range tlsVersions {
		e := newEngine(t, Options{})
		c, l := mutual(t, server, &ClientValidation{CAs: ca.pem()})
		lax, strict := *l, *l
		lax.Clients, strict.Clients = nil, &ClientValidation{CAs: other.pem()}
		c.Listeners["lax"], c.Listeners["strict"] = &lax, &strict
		apply(t, e, c)
		at := func(name string) string {
			address, _ := e.ListenerAddress(name)
			return address.String()
		}
		// The client's memory goes by the name that it asks for, which is the same for all.
		config := resuming(showing(server, version, ca.client(t, nil)))
		for _, step := range []struct {
			listener string
			refused  bool
		}{{"http", false}, {"strict", true}, {"lax", false}, {"http", false}, {"lax", false}, {"strict", true}} {
			again, err := resumed(t, at(step.listener), config)
			if (err != nil) != step.refused || step.refused && alertOf(err) == "" {
				t.Errorf("%s, %s: want refused %v, got %v", tls.VersionName(version), step.listener, step.refused, err)
			}
			if again && step.listener != "lax" {
				t.Errorf("%s, %s: the session of another listener was resumed", tls.VersionName(version), step.listener)
			}
		}
	}
}

func TestNewCAsLeaveConnectionsAlone(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	for _, protocol := range []int{1, 2} {
		e := newEngine(t, Options{})
		c, _ := mutual(t, before, &ClientValidation{CAs: before.pem()})
		address := apply(t, e, c)
		client := client1(t, before, "a.example")
		if protocol == 2 {
			client = client2(t, before, "a.example")
		}
		tr, _ := client.Transport.(*http.Transport)
		tr.TLSClientConfig = showing(before, tls.VersionTLS13, before.client(t, nil))
		ask := func() exchanged {
			r := request(t, "GET", "https://"+address+"/", "")
			r.Host = "a.example"
			return do(t, client, r)
		}
		first := ask()
		change(t, e, c, &ClientValidation{CAs: after.pem()})
		if got := ask(); got.Status != 200 || got.Body != first.Body || got.Proto != protocol {
			t.Errorf("HTTP/%d: want the connection to go on with %q, got %+v", protocol, first.Body, got)
		}
		if s := e.Stats(); s.Opened != 1 {
			t.Errorf("HTTP/%d: want one connection, got %d", protocol, s.Opened)
		}
		if _, err := visit(t, address, showing(before, tls.VersionTLS13, before.client(t, nil))); alertOf(err) == "" {
			t.Errorf("HTTP/%d: want a new connection to be refused, got %v", protocol, err)
		}
		if _, err := resumed(t, address, showing(before, tls.VersionTLS13, after.client(t, nil))); err != nil {
			t.Errorf("HTTP/%d: want a client of the new CA to be served, got %v", protocol, err)
		}
	}
}

// The connection of a client that was refused ends in order: were it reset, the alert could be lost on its way.
func TestRefusedClientsAreNotReset(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	c, _ := mutual(t, ca, &ClientValidation{CAs: ca.pem()})
	raw := dialRaw(t, apply(t, e, c))
	conn := tls.Client(raw, showing(ca, tls.VersionTLS13, nil))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write(make([]byte, 60000))
	if _, err := conn.Read(make([]byte, 1)); alertOf(err) == "" {
		t.Errorf("want an alert, got %v", err)
	}
	if _, err := raw.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("want the connection to end, got %v", err)
	}
}

// A client that was refused cannot hold the connection by going on to send.
func TestRefusedClientsAreCutOff(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	c, _ := mutual(t, ca, &ClientValidation{CAs: ca.pem()})
	address := apply(t, e, c)
	conn, err := dialTLS(t, address, showing(ca, tls.VersionTLS13, nil))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := conn.Write(make([]byte, 10)); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it can go on")
		}
		time.Sleep(20 * time.Millisecond)
	}
	eventually(t, "the connection is gone", func() bool { s := e.Stats(); return s.Opened == s.Closed })
}
