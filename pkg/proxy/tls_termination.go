package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// termination is how one listener ends TLS: immutable, a part of its view.
type termination struct {
	configs map[*Server]*tls.Config
	// nameless is for a client that asks for no name where no server takes any: it gets the first certificate, as from a cloud's load
	// balancer, and HTTP's host decides afterwards. Nil when there is none.
	nameless *tls.Config
}

// noCertificate has crypto/tls refuse a client with the alert unrecognized_name.
var noCertificate = &tls.Config{MinVersion: tls.VersionTLS12}

// newTermination makes the certificates of cfg ready. A server none of whose certificates parse refuses its clients; others are not
// concerned. The errors say which.
func newTermination(cfg *Listener) (*termination, []error) {
	t := &termination{configs: map[*Server]*tls.Config{}}
	policy := cfg.TLS.orDefault()
	protocols := policy.Protocols
	switch cfg.Protocol {
	case HTTPS:
		protocols = httpProtocols(protocols, cfg.HTTP.allowsHTTP2())
	case TLS:
	case HTTP, TCP, UDP:
		return t, nil
	}
	var errs []error
	if cfg.Clients != nil {
		if err := cfg.Clients.Check(); err != nil {
			errs = append(errs, err)
		}
	}
	for i := range cfg.Servers {
		server := &cfg.Servers[i]
		if server.Passthrough {
			continue
		}
		own, bad := newCertificates(server.Certificates)
		for _, err := range bad {
			errs = append(errs, fmt.Errorf("server %s: %w", server.Name, err))
		}
		if len(own.all) == 0 {
			if len(bad) == 0 {
				errs = append(errs, fmt.Errorf("server %s: no certificate", server.Name))
			}
			t.configs[server] = noCertificate
			continue
		}
		config := &tls.Config{
			MinVersion:   policy.MinVersion,
			MaxVersion:   policy.MaxVersion,
			CipherSuites: policy.Suites,
			NextProtos:   protocols,
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				return own.choose(hello), nil
			},
		}
		if cfg.Clients != nil {
			cfg.Clients.require(config)
		}
		t.configs[server] = config
		if t.nameless == nil {
			t.nameless = config
		}
	}
	return t, errs
}

// orDefault returns p with its zero fields filled in.
func (p *TLSPolicy) orDefault() TLSPolicy {
	var policy TLSPolicy
	if p != nil {
		policy = *p
	}
	defaults(&policy.MinVersion, tls.VersionTLS12)
	return policy
}

// httpProtocols returns those of HTTP that are given, in that order; all where none is.
func httpProtocols(given []string, http2 bool) []string {
	if len(given) == 0 {
		given = []string{"h2", "http/1.1"}
	}
	var protocols []string
	for _, name := range given {
		if name == "http/1.1" || name == "h2" && http2 {
			protocols = append(protocols, name)
		}
	}
	return protocols
}

// configFor returns how to speak with a client that asks for a name.
func (v *listenerView) configFor(hello *tls.ClientHelloInfo) *tls.Config {
	name := strings.ToLower(hello.ServerName)
	if server := v.server(name); server != nil {
		if config := v.tls.configs[server]; config != nil {
			return config
		}
		return noCertificate
	}
	if name == "" && v.tls.nameless != nil {
		return v.tls.nameless
	}
	return noCertificate
}

// tickets are the keys of session tickets. They belong to the engine, so that sessions are resumed across any change of its
// configuration; crypto/tls makes a new one every day and forgets it after a week. The zero value is ready.
type tickets struct {
	once sync.Once
	base *tls.Config
}

type chooserKey struct{}

// chooser returns how to speak with a client. It is called when the ClientHello has arrived.
type chooser func(*tls.ClientHelloInfo) *tls.Config

// handshake ends TLS on conn, whose owner bounds the time that it may take.
func (t *tickets) handshake(conn net.Conn, choose chooser) (*tls.Conn, error) {
	t.once.Do(func() {
		t.base = &tls.Config{
			MinVersion: tls.VersionTLS12,
			// What this returns shares the ticket keys of the base.
			GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				choose, ok := hello.Context().Value(chooserKey{}).(chooser)
				if !ok {
					return nil, errors.New("a handshake that was not begun here")
				}
				return choose(hello), nil
			},
		}
	})
	ended := tls.Server(conn, t.base)
	// A context that cannot end costs no goroutine.
	if err := ended.HandshakeContext(context.WithValue(context.Background(), chooserKey{}, choose)); err != nil {
		return nil, err
	}
	return ended, nil
}

// serveHTTPS ends TLS and serves HTTP in the version that the client chose.
func (l *listener) serveHTTPS(s *session) {
	timeout := l.version.Load().site.options.HeadTimeout
	s.readWithin(timeout)
	s.writeWithin(timeout)
	var clients *ClientValidation
	conn, err := l.engine.tickets.handshake(s.rawConn, func(hello *tls.ClientHelloInfo) *tls.Config {
		site := l.version.Load().site
		clients = site.cfg.Clients
		return site.configFor(hello)
	})
	if err != nil {
		l.engine.layer4.handshakesFailed.Add(1)
		s.turnAway(clients)
		return
	}
	s.readWithin(-1)
	s.writeWithin(-1)
	state := conn.ConnectionState()
	s.client.tls = true
	s.client.serverName = strings.ToLower(state.ServerName)
	s.client.version, s.client.suite = opensslVersion(state.Version), opensslSuite(state.CipherSuite)
	if cert := clients.proven(&state); cert != nil {
		s.client.certificate = describeClient(cert)
	}
	if clients != nil && clients.Fields != "" {
		s.client.shown = clients.show(state.PeerCertificates, s.client.certificate != "")
	}
	if state.NegotiatedProtocol == "h2" {
		l.serveHTTP2(s, conn, nil)
		return
	}
	l.serveHTTP1(s, conn)
}
