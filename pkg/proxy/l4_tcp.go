package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// serveTCP passes a connection on.
func (l *listener) serveTCP(s *session, v *version) {
	l.forward(s, forwarding{version: v, server: v.site.server(""), client: s.rawConn})
}

// forwarding is a client's connection, as opened as the proxy opens it, on its way to an endpoint.
type forwarding struct {
	version *version
	server  *Server
	client  wire
	early   []byte // was read from the client already
}

// forward carries a connection to an endpoint and back. A connection that cannot be served is reset: closing it in order would look like an
// answer without bytes.
func (l *listener) forward(s *session, f forwarding) {
	counters := &l.engine.layer4
	p := l.engine.route4(f.version, f.server, s.client.serverName)
	if p == nil {
		counters.refused.Add(1)
		s.reset()
		return
	}
	m, up := l.engine.connect(p)
	if m == nil {
		counters.unreachable.Add(1)
		s.reset()
		return
	}
	defer m.end()
	defer up.close()
	r := relay{
		client: f.client, endpoint: up.wire, toServer: f.early,
		idle: f.version.site.options.TunnelIdle,
		cut: func() {
			s.interrupt()
			up.raw.interrupt()
		},
	}
	counters.forwarded.Add(1)
	if m.stake != nil {
		var l lease
		m.stake.join(&l)
		defer m.stake.leave(&l)
		l.watch(up.raw)
	}
	err := r.run()
	s.client.counters.bytesIn.Add(uint64(r.sent.Load()))
	s.client.counters.bytesOut.Add(uint64(r.got.Load()))
	if err != nil {
		// Whoever is left is to see that it did not get everything.
		s.reset()
		up.raw.reset()
	}
}

// upstreamConn is a connection to an endpoint that carries one client's bytes.
type upstreamConn struct {
	raw  *rawConn
	wire wire // raw, or TLS over it
}

func (c upstreamConn) close() { _ = c.raw.Close() } // It may be closed already.

// connect opens a connection to an endpoint of p. While none can be opened it tries another endpoint, which is always right before the
// first byte. The member is nil when no endpoint could be reached; otherwise the caller calls its end after use.
func (e *Engine) connect(p *pool) (*member, upstreamConn) {
	var t tried
	for range e.options.MaxTries {
		m := p.admit(&t)
		if m == nil {
			break
		}
		t.add(m.endpoint)
		up, err := m.connect(e.ctx)
		if err == nil {
			return m, up
		}
		m.end()
		if exhausted(err) {
			break // No endpoint is at fault, and no other would do better.
		}
		m.unreachable(plain(err).Error())
	}
	return nil, upstreamConn{}
}

// exhausted reports whether err says that this side has no file descriptor or port left.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// connect opens a connection to the endpoint, and TLS on it where its pools say so.
func (e *endpoint) connect(ctx context.Context) (upstreamConn, error) {
	if e.options.DialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.options.DialTimeout)
		defer cancel()
	}
	return e.connectTLS(ctx, e.tls)
}

// connectTLS opens a connection to the endpoint, with TLS unless config is nil.
func (e *endpoint) connectTLS(ctx context.Context, config *tls.Config) (upstreamConn, error) {
	if e.broken != nil {
		return upstreamConn{}, e.broken
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", e.key.address.String())
	if err != nil {
		return upstreamConn{}, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return upstreamConn{}, errors.Join(errors.New("not a TCP connection"), conn.Close())
	}
	raw, err := newRawConn(tcp)
	if err != nil {
		return upstreamConn{}, errors.Join(err, tcp.Close())
	}
	if config == nil {
		return upstreamConn{raw: raw, wire: raw}, nil
	}
	secured := tls.Client(raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // The handshake's error is the one that says something.
		return upstreamConn{}, err
	}
	return upstreamConn{raw: raw, wire: secured}, nil
}
