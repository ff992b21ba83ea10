package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
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
	p := l.engine.route4(f.version, f.server, s.client.serverName, &s.client.flow)
	if p == nil {
		counters.refused.Add(1)
		s.reset()
		return
	}
	m, up := l.engine.connect(p, &s.client.flow)
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
// first byte, unless the options say otherwise. The member is nil when no endpoint could be reached; otherwise the caller calls its end after use.
func (e *Engine) connect(p *pool, f *flow) (*member, upstreamConn) {
	var t tried
	for range e.options.MaxTries {
		m := p.admit(f, &t)
		if m == nil {
			break
		}
		t.add(m.endpoint)
		up, err := m.connect(e.ctx, f)
		if err == nil {
			return m, up
		}
		m.end()
		if exhausted(err) {
			break // No endpoint is at fault, and no other would do better.
		}
		m.unreachable(plain(err).Error())
		if e.options.OneDial {
			break
		}
	}
	return nil, upstreamConn{}
}

// exhausted reports whether err says that this side has no file descriptor or port left.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// connect opens a connection to the endpoint for f, and TLS on it where its pools say so.
func (m *member) connect(ctx context.Context, f *flow) (upstreamConn, error) {
	e := m.endpoint
	if e.options.DialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.options.DialTimeout)
		defer cancel()
	}
	if !m.announces && !m.poses {
		return e.connectTLS(ctx, e.tls)
	}
	raw, err := m.dialFor(ctx, f)
	if err != nil {
		return upstreamConn{}, err
	}
	if m.announces {
		if _, err := raw.Write(proxyHeader(f)); err != nil {
			_ = raw.Close() // The write's error is the one that says something.
			return upstreamConn{}, err
		}
	}
	return secure(ctx, raw, e.tls)
}

// dialFor opens a connection, from the client's address where the pool wants that and the machine has it.
func (m *member) dialFor(ctx context.Context, f *flow) (*rawConn, error) {
	if from := f.remote.Addr(); m.posesAs(from) {
		raw, err := m.dial(ctx, from)
		if !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return raw, err
		}
	}
	return m.dial(ctx, netip.Addr{})
}

// posesAs reports whether connections to the endpoint are to come from an address, if the machine has it.
func (m *member) posesAs(from netip.Addr) bool {
	return m.poses && from.Unmap().Is4() == m.address().Addr().Unmap().Is4()
}

// connectTLS opens a connection to the endpoint, with TLS unless config is nil.
func (e *endpoint) connectTLS(ctx context.Context, config *tls.Config) (upstreamConn, error) {
	raw, err := e.dial(ctx, netip.Addr{})
	if err != nil {
		return upstreamConn{}, err
	}
	return secure(ctx, raw, config)
}

// dial opens a connection to the endpoint from an address of this machine, any where that is not valid.
func (e *endpoint) dial(ctx context.Context, from netip.Addr) (*rawConn, error) {
	if e.broken != nil {
		return nil, e.broken
	}
	return dial(ctx, e.key.address, from)
}

func dial(ctx context.Context, to netip.AddrPort, from netip.Addr) (*rawConn, error) {
	var dialer net.Dialer
	if from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.New("not a TCP connection"), conn.Close())
	}
	raw, err := newRawConn(tcp)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return raw, nil
}

// secure speaks TLS on raw, unless config is nil. It closes raw where it fails.
func secure(ctx context.Context, raw *rawConn, config *tls.Config) (upstreamConn, error) {
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
