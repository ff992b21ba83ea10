package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// socketKey is what a socket is bound to, and so what can stay as it is when a configuration changes.
type socketKey struct {
	udp     bool
	address netip.AddrPort
	name    string // of the listener, where port 0 leaves the address open
}

func keyOf(name string, cfg *Listener) socketKey {
	k := socketKey{udp: cfg.Protocol == UDP, address: cfg.Address}
	if cfg.Address.Port() == 0 {
		k.name = name
	}
	return k
}

// listener is a bound socket and the connections that came through it.
type listener struct {
	engine  *Engine
	key     socketKey
	address netip.AddrPort
	version atomic.Pointer[version]
	tcp     *net.TCPListener // nil for UDP
	udp     net.PacketConn   // nil for all others

	draining atomic.Bool
	closing  chan struct{} // closed when draining begins
	mu       sync.Mutex
	sessions map[*session]struct{}
	idle     sync.Cond // sessions became empty
}

// session is one accepted TCP connection, for as long as it lives.
type session struct {
	*rawConn
	listener *listener
	client   client
	holder   holder
	opened   int64 // coarse time

	mu    sync.Mutex
	drain func() // see onDrain
}

// wire is a connection as a protocol speaks on it: a *rawConn or a *tls.Conn over one.
type wire interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	CloseWrite() error
}

// onDrain has f called, on any goroutine and once, when the listener begins to drain; at once if it does already. f must not block.
func (s *session) onDrain(f func()) {
	s.mu.Lock()
	s.drain = f
	s.mu.Unlock()
	if s.listener.draining.Load() {
		s.startDrain()
	}
}

// aged reports whether the connection gets no request more.
func (s *session) aged(o *Options) bool {
	return o.ClientLifetime >= 0 && coarse()-s.opened >= int64(o.ClientLifetime)
}

func (s *session) startDrain() {
	s.mu.Lock()
	f := s.drain
	s.drain = nil
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// listen binds the socket of a listener. It does not accept yet.
func (e *Engine) listen(key socketKey) (*listener, error) {
	l := &listener{engine: e, key: key, closing: make(chan struct{}), sessions: map[*session]struct{}{}}
	l.idle.L = &l.mu
	// No keep-alive probes: the timeouts of each protocol end connections that are silent, and setting them up is four system calls each.
	config := net.ListenConfig{KeepAlive: -1}
	if key.udp {
		conn, err := config.ListenPacket(context.Background(), "udp", key.address.String())
		if err != nil {
			return nil, err
		}
		l.udp = conn
		if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			l.address = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
		}
		return l, nil
	}
	ln, err := config.Listen(context.Background(), "tcp", key.address.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(errors.New("not a TCP listener"), ln.Close())
	}
	l.tcp, l.address = tcp, addrPort(tcp.Addr())
	return l, nil
}

// start serves until the listener is closed.
func (l *listener) start() {
	l.engine.running.Go(func() {
		if l.udp != nil {
			l.serveUDP()
			return
		}
		l.accept()
	})
}

func (l *listener) accept() {
	var pause time.Duration
	for {
		tcp, err := l.tcp.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors or memory: what is served now has to end first.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.engine.options.Logf("listener %s: accept: %v; again in %v", l.address, err, pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if !l.engine.slots.take(l.closing) {
			_ = tcp.Close() // Nothing was said on it.
			return
		}
		l.engine.running.Add(1)
		go l.serve(tcp)
	}
}

// serve serves one connection to its end.
func (l *listener) serve(tcp *net.TCPConn) {
	defer l.engine.running.Done()
	defer l.engine.slots.give()
	raw, err := newRawConn(tcp)
	if err != nil {
		_ = tcp.Close() // It is useless, and newRawConn's error is why.
		l.engine.options.Logf("listener %s: %v", l.address, err)
		return
	}
	if !l.version.Load().site.admits(raw.remote.Addr()) {
		raw.reset()
		l.engine.layer4.refused.Add(1)
		return
	}
	s := &session{rawConn: raw, listener: l, opened: coarse()}
	s.client = client{
		flow:     flow{raw.remote, raw.local},
		ip:       raw.remote.Addr().WithZone("").String(),
		port:     strconv.Itoa(int(raw.local.Port())),
		trusted:  l.engine.trusts(raw.remote.Addr()),
		counters: l.engine.shards.shard(),
	}
	s.client.counters.opened.Add(1)
	l.mu.Lock()
	l.sessions[s] = struct{}{}
	l.mu.Unlock()
	defer func() {
		_ = raw.Close() // The handler may have closed it.
		s.client.counters.closed.Add(1)
		l.mu.Lock()
		delete(l.sessions, s)
		if len(l.sessions) == 0 {
			l.idle.Broadcast()
		}
		l.mu.Unlock()
	}()
	defer s.contain()
	l.handle(s)
}

// contain keeps a fault that one connection shows from ending all others.
func (s *session) contain() {
	if fault := recover(); fault != nil {
		s.client.counters.faults.Add(1)
		s.listener.engine.options.Logf("listener %s: fault: %v\n%s", s.listener.address, fault, debug.Stack())
		s.reset()
	}
}

// handle hands a connection to what its listener speaks.
func (l *listener) handle(s *session) {
	switch v := l.version.Load(); v.site.cfg.Protocol {
	case HTTP:
		l.serveHTTP1(s, s.rawConn)
	case HTTPS:
		l.serveHTTPS(s)
	case TLS:
		l.serveTLS(s, v)
	case TCP:
		l.serveTCP(s, v)
	case UDP: // Has no connections.
	}
}

// trusts reports whether X-Forwarded-* fields from addr are continued.
func (e *Engine) trusts(addr netip.Addr) bool {
	for _, p := range e.options.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// close stops accepting and asks what is open to end soon.
func (l *listener) close() {
	l.draining.Store(true)
	close(l.closing)
	var err error
	if l.udp != nil {
		err = l.udp.Close()
	} else {
		err = l.tcp.Close()
	}
	if err != nil {
		l.engine.options.Logf("listener %s: close: %v", l.address, err)
	}
	l.mu.Lock()
	open := make([]*session, 0, len(l.sessions))
	for s := range l.sessions {
		open = append(open, s)
	}
	l.mu.Unlock()
	for _, s := range open {
		s.startDrain()
	}
}

// drained waits until every connection has ended. It cuts them off when ctx is done, and then still waits, which is short.
func (l *listener) drained(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.mu.Lock()
		defer l.mu.Unlock()
		for len(l.sessions) > 0 {
			l.idle.Wait()
		}
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	l.mu.Lock()
	for s := range l.sessions {
		s.interrupt()
		s.holder.cutOff()
	}
	l.mu.Unlock()
	<-ended
}
