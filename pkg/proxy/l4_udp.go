package proxy

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	maxDatagram = 64 << 10
	udpBatch    = 8       // datagrams taken from the kernel at once
	udpBuffer   = 1 << 20 // asked of the kernel; it may give less
	maxPending  = 1500    // a datagram up to this size is kept until the endpoint has shown that it is there
)

// udpServer relays datagrams. Each client address has a session with a socket of its own, so that an endpoint's datagrams find their way
// back, and an endpoint sees one source per client.
type udpServer struct {
	listener *listener
	conn     *net.UDPConn
	watch    deadlines

	mu       sync.Mutex
	closed   bool
	sessions map[netip.AddrPort]*udpSession
	recent   *list.List // of *udpSession: the one whose client spoke last first

	running sync.WaitGroup // the sessions' readers
}

// serveUDP serves until the listener's socket is closed.
func (l *listener) serveUDP() {
	conn, ok := l.udp.(*net.UDPConn)
	if !ok {
		l.engine.options.Logf("listener %s: UDP over %T", l.address, l.udp)
		return
	}
	s := &udpServer{listener: l, conn: conn, sessions: map[netip.AddrPort]*udpSession{}, recent: list.New()}
	if err := conn.SetReadBuffer(udpBuffer); err != nil {
		l.engine.options.Logf("listener %s: %v", l.address, err)
	}
	s.watch.expire = s
	s.arm()
	theSweeper.watch(&s.watch)
	s.receive()
	theSweeper.forget(&s.watch)
	s.mu.Lock()
	s.closed = true
	for _, session := range s.sessions {
		s.drop(session)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// receive takes clients' datagrams until the socket is closed.
func (s *udpServer) receive() {
	packets := ipv4.NewPacketConn(s.conn) // Serves IPv6 sockets just as well: it only reads.
	batch := make([]ipv4.Message, udpBatch)
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, maxDatagram)}
	}
	for {
		n, err := packets.ReadBatch(batch, 0)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.listener.engine.options.Logf("listener %s: %v", s.listener.address, err)
			time.Sleep(time.Millisecond) // The socket is there still, and the error may stay for a while.
			continue
		}
		version := s.listener.version.Load()
		for i := range batch[:n] {
			if from, ok := batch[i].Addr.(*net.UDPAddr); ok {
				s.handle(version, from.AddrPort(), batch[i].Buffers[0][:batch[i].N])
			}
		}
	}
}

// handle sends one datagram to the endpoint of its client's session.
func (s *udpServer) handle(v *version, from netip.AddrPort, datagram []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener.engine.shards.list[0].bytesIn.Add(uint64(len(datagram)))
	session := s.sessions[from]
	if session != nil && !session.serves(v) {
		s.drop(session)
		session = nil
	}
	if session != nil {
		session.stir()
		s.recent.MoveToFront(session.place)
		if session.send(datagram) {
			return
		}
		s.drop(session)
	}
	s.begin(v, from, datagram, &tried{})
}

// begin starts a session with the first endpoint that takes its first datagram. s.mu is held.
func (s *udpServer) begin(v *version, from netip.AddrPort, datagram []byte, t *tried) {
	e := s.listener.engine
	f := flow{from, s.listener.address}
	var p *pool
	if v.site.admits(from.Addr()) {
		p = e.route4(v, v.site.server(""), "", &f)
	}
	if p == nil {
		e.layer4.refused.Add(1)
		return
	}
	for range e.options.MaxTries {
		m := p.admit(&f, t)
		if m == nil {
			break
		}
		t.add(m.endpoint)
		session, err := s.open(v, p, m, from)
		if err != nil {
			m.end()
			e.layer4.dropped.Add(1)
			e.options.Logf("listener %s: session with %s: %v", s.listener.address, m.address(), plain(err))
			return
		}
		session.tried = *t
		if session.send(datagram) {
			return
		}
		s.drop(session)
	}
	e.layer4.unreachable.Add(1)
}

// open makes a session with a member that admitted it, and makes room for it. s.mu is held.
func (s *udpServer) open(v *version, p *pool, m *member, from netip.AddrPort) (*udpSession, error) {
	e := s.listener.engine
	for limit := e.options.MaxSessions; limit >= 0 && len(s.sessions) >= max(limit, 1); {
		s.evict()
	}
	conn, err := m.dialUDP(from.Addr())
	if exhausted(err) && len(s.sessions) > 0 {
		s.evict()
		conn, err = m.dialUDP(from.Addr())
	}
	if err != nil {
		return nil, err
	}
	session := &udpSession{server: s, client: from, conn: conn, version: v, pool: p, member: m}
	session.stir()
	session.place = s.recent.PushFront(session)
	s.sessions[from] = session
	if m.stake != nil {
		m.stake.join(&session.lease)
		session.lease.watch(session)
	}
	e.layer4.sessions.Add(1)
	s.running.Add(1)
	go session.receive()
	return session, nil
}

// dialUDP makes a socket for a client: with its address where the pool wants that and the machine has it.
func (m *member) dialUDP(client netip.Addr) (*net.UDPConn, error) {
	to := net.UDPAddrFromAddrPort(m.address())
	if m.posesAs(client) {
		conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(client.Unmap(), 0)), to)
		if !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return conn, err
		}
	}
	return net.DialUDP("udp", nil, to)
}

// evict ends the session whose client has been silent for longest. s.mu is held.
func (s *udpServer) evict() {
	if session, ok := s.recent.Back().Value.(*udpSession); ok {
		s.listener.engine.layer4.evicted.Add(1)
		s.drop(session)
	}
}

// drop ends a session. s.mu is held. Dropping it again does no harm.
func (s *udpServer) drop(session *udpSession) {
	if s.sessions[session.client] != session {
		return
	}
	delete(s.sessions, session.client)
	s.recent.Remove(session.place)
	if stake := session.member.stake; stake != nil {
		stake.leave(&session.lease)
	}
	session.member.end()
	_ = session.conn.Close() // Its reader sees that, and there is nothing to lose.
}

// arm asks the sweeper to look for idle sessions again.
func (s *udpServer) arm() {
	s.watch.read.Store(after(s.listener.version.Load().site.options.UDPIdle / 4))
}

// expired is called by the sweeper. It ends the sessions that were silent both ways.
func (s *udpServer) expired(bool, bool) {
	idle := int64(s.listener.version.Load().site.options.UDPIdle)
	oldest := coarse() - idle
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arm()
	for place := s.recent.Back(); place != nil; {
		session, ok := place.Value.(*udpSession)
		if !ok || session.spoke > oldest {
			return // All before it spoke later.
		}
		place = place.Prev()
		if session.heard.Load() <= oldest {
			s.drop(session)
		}
	}
}

// udpSession is a client address and the endpoint that it speaks with.
type udpSession struct {
	server *udpServer
	client netip.AddrPort
	conn   *net.UDPConn // connected to the endpoint
	member *member
	heard  atomic.Int64 // coarse time of the endpoint's last datagram
	lease  lease        // of the pool's stake in the endpoint

	// Guarded by server.mu.
	version *version
	pool    *pool
	spoke   int64 // coarse time of the client's last datagram
	place   *list.Element
	tried   tried
	pending []byte // the client's last datagram, until the endpoint answered once
}

// interrupt ends the session. Any goroutine may call it.
func (u *udpSession) interrupt() {
	_ = u.conn.SetReadDeadline(aLongTimeAgo) // It fails where the session is over.
}

// stir notes that the client spoke.
func (u *udpSession) stir() { u.spoke = coarse() }

// serves reports whether the session is what the configuration and the endpoint's health would have: a client that never falls silent
// would otherwise stay with an endpoint that is gone.
func (u *udpSession) serves(v *version) bool {
	if u.member.retired.Load() || u.member.check != nil && u.member.check.state() == Unhealthy {
		return false
	}
	if u.version == v {
		return true
	}
	e := u.server.listener.engine
	if !e.routes4(v.site.server(""), "", &flow{u.client, u.server.listener.address}, u.pool.name) {
		return false
	}
	p := v.pools[u.pool.name]
	if p == nil {
		return false
	}
	for _, m := range p.members {
		if m.endpoint == u.member.endpoint {
			u.version, u.pool = v, p
			return true
		}
	}
	return false
}

// send passes a datagram on. It reports false when the endpoint is not there. server.mu is held.
func (u *udpSession) send(datagram []byte) bool {
	if u.heard.Load() == 0 && len(datagram) <= maxPending {
		u.pending = append(u.pending[:0], datagram...)
	} else {
		u.pending = nil
	}
	_, err := u.conn.Write(datagram)
	switch {
	case err == nil:
	case unreachable(err):
		u.member.unreachable(plain(err).Error())
		return false
	default:
		u.server.listener.engine.layer4.dropped.Add(1) // Too large for the way, or no room in the kernel.
	}
	return true
}

// unreachable reports whether err is how ICMP says that nobody is there.
func unreachable(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// receive passes the endpoint's datagrams back until the session ends.
func (u *udpSession) receive() {
	s := u.server
	defer s.running.Done()
	e := s.listener.engine
	in := newDatagramReader(u.conn)
	for {
		err := in.read(func(datagram []byte) {
			u.heard.Store(coarse())
			e.shards.list[0].bytesOut.Add(uint64(len(datagram)))
			if _, err := s.conn.WriteToUDPAddrPort(datagram, u.client); err != nil {
				e.layer4.dropped.Add(1)
			}
		})
		switch {
		case err == nil:
		case unreachable(err):
			u.member.unreachable(plain(err).Error())
			u.elsewhere()
			return
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.mu.Lock()
			s.drop(u)
			s.mu.Unlock()
			return
		}
	}
}

// elsewhere begins the session anew with another endpoint, and sends again what this one never answered.
func (u *udpSession) elsewhere() {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.sessions[u.client] != u {
		return
	}
	s.drop(u)
	if u.heard.Load() == 0 && len(u.pending) > 0 {
		s.begin(s.listener.version.Load(), u.client, u.pending, &u.tried)
	}
}
