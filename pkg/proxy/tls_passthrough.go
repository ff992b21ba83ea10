package proxy

import (
	"crypto/tls"
	"errors"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/sni"
)

// maxHello is how large a ClientHello may be, its records' headers included. Those of browsers are about 2 KiB.
const maxHello = 32 << 10

// Alerts that a client gets which is not served: level fatal, and the description.
const (
	alertDecodeError      = 50
	alertUnrecognizedName = 112
)

// serveTLS routes a connection by the server name in its first flight, and passes it on unopened or ends TLS and passes on what is inside.
func (l *listener) serveTLS(s *session, v *version) {
	s.readWithin(v.site.options.HeadTimeout)
	s.writeWithin(v.site.options.HeadTimeout)
	hello, early, err := sni.Peek(s.rawConn, maxHello)
	if err != nil {
		l.engine.layer4.handshakesFailed.Add(1)
		if errors.Is(err, sni.ErrMalformed) || errors.Is(err, sni.ErrTooLarge) {
			s.alert(alertDecodeError)
		}
		return
	}
	s.client.serverName = hello.ServerName
	server := v.site.server(hello.ServerName)
	if server == nil {
		l.engine.layer4.handshakesFailed.Add(1)
		if v.site.endsTLS() {
			s.alert(alertUnrecognizedName)
		}
		return
	}
	if server.Passthrough {
		s.readWithin(-1)
		s.writeWithin(-1)
		l.forward(s, forwarding{version: v, server: server, client: s.rawConn, early: early})
		return
	}
	conn, err := l.engine.tickets.handshake(&replayed{rawConn: s.rawConn, early: early}, func(hello *tls.ClientHelloInfo) *tls.Config {
		return v.site.configFor(hello)
	})
	if err != nil {
		l.engine.layer4.handshakesFailed.Add(1)
		s.turnAway(v.site.cfg.Clients)
		return
	}
	s.readWithin(-1)
	s.writeWithin(-1)
	s.client.tls = true
	l.forward(s, forwarding{version: v, server: server, client: conn})
}

// endsTLS reports whether a server of the listener speaks TLS itself. Where all of it is passed through, nobody is there to speak for a
// name that no server has: the connection is closed as that of a port without a listener.
func (v *listenerView) endsTLS() bool {
	return slices.ContainsFunc(v.cfg.Servers, func(server Server) bool { return !server.Passthrough })
}

// alert tells a TLS client why it is not served. The connection is closed next, so that it does not matter whether it is heard.
func (s *session) alert(description byte) {
	_, _ = s.Write([]byte{21, 3, 3, 0, 2, 2, description})
}

// replayed is a connection some of whose bytes were read ahead.
type replayed struct {
	*rawConn
	early []byte
}

// Read returns what was read ahead first.
func (c *replayed) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.rawConn.Read(p)
}
