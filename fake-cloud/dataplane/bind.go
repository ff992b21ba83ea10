package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// tries is how many ports are tried for a listener whose own cannot be bound.
const tries = 1000

// lastPrivileged is the last port that a system may keep for its administrator.
const lastPrivileged = 1023

// bind is one address of one listener.
type bind struct {
	name    string // of the proxy's listener
	udp     bool
	want    netip.AddrPort // what the world asks for
	at      netip.AddrPort // what is tried now, or bound
	next    int            // candidate to try when at fails
	proxy   *proxy.Listener
	failure string // a sentence; empty while it is bound
	logged  string // the failure that has been logged
	moved   bool   // that at differs from want has been logged
}

// candidates for a bind, best first: where it was before, its own address, then ports that anybody may bind.
func candidate(want, before netip.AddrPort, offset, i int) netip.AddrPort {
	if before.IsValid() {
		if i == 0 {
			return before
		}
		i--
	}
	if i == 0 {
		return want
	}
	port := int(want.Port())
	if port <= lastPrivileged {
		port += offset - 1
	}
	port += i
	if port > 65535 {
		port = 1024 + port - 65536
	}
	return netip.AddrPortFrom(want.Addr(), uint16(port))
}

// Shared says whether the machine has the addresses of the pool: the zero Addr when it has, else the address that all load
// balancers have to share.
func Shared(pool world.AddressPool) (netip.Addr, error) {
	ip := pool.First
	if next := ip.Next(); pool.First != pool.Last {
		ip = next // the first of a prefix is the network's
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
	if err == nil {
		return netip.Addr{}, l.Close()
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	return netip.Addr{}, fmt.Errorf("address pool %s cannot be used: %w", pool, err)
}

// failed decides what a bind does after at could not be bound: it moves to the next candidate, or gives up until it is tried again.
func (p *Plane) failed(b *bind, before netip.AddrPort, err error) (again bool) {
	own := b.at == b.want
	denied := errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
	inUse := errors.Is(err, syscall.EADDRINUSE)
	if denied || inUse && (p.shared || !own) {
		if at, ok := p.nextFree(b, before); ok {
			p.claim(b, at)
			return true
		}
	}
	b.proxy = nil
	switch {
	case inUse:
		b.failure = fmt.Sprintf("address %s is in use by another program: stop it; it is tried again every second", b.at)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		b.failure = fmt.Sprintf("this machine does not have address %s: add it to an interface, or choose another address pool", b.at.Addr())
	default:
		b.failure = fmt.Sprintf("address %s cannot be bound: %v", b.at, unwrapSyscall(err))
	}
	if b.logged != b.failure {
		b.logged = b.failure
		p.cfg.Log.Warn("listener does not answer", "listener", b.name, "reason", b.failure)
	}
	return false
}

func unwrapSyscall(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// nextFree returns the next candidate of b that no other bind has.
func (p *Plane) nextFree(b *bind, before netip.AddrPort) (netip.AddrPort, bool) {
	for b.next < tries {
		at := candidate(b.want, before, p.cfg.PortOffset, b.next)
		b.next++
		if holder := p.claims[claimOf(b, at)]; holder == nil || holder == b {
			return at, true
		}
	}
	b.next = 0
	return netip.AddrPort{}, false
}

// claim keeps at for b, also while it is not bound, and gives up what b had.
func (p *Plane) claim(b *bind, at netip.AddrPort) {
	p.unclaim(b)
	b.at = at
	b.proxy = nil
	p.claims[claimOf(b, at)] = b
}

func (p *Plane) unclaim(b *bind) {
	if key := claimOf(b, b.at); p.claims[key] == b {
		delete(p.claims, key)
	}
}

// claimKey tells TCP from UDP.
type claimKey struct {
	udp bool
	at  netip.AddrPort
}

func claimOf(b *bind, at netip.AddrPort) claimKey { return claimKey{b.udp, at} }

// bindsFor makes the binds of a site for the addresses of its load balancer, and drops those of addresses that it lost.
func (p *Plane) bindsFor(s *site, ips []netip.Addr) {
	wanted := map[netip.Addr]bool{}
	for i, ip := range ips {
		wanted[ip] = true
		if s.binds[ip] != nil {
			continue
		}
		b := &bind{name: s.id, want: netip.AddrPortFrom(ip, s.listener.Port), udp: s.listener.Protocol == world.UDP}
		if i > 0 {
			b.name += "@" + ip.String()
		}
		s.binds[ip] = b
		if at, ok := p.nextFree(b, before(s.listener, ip)); ok {
			p.claim(b, at)
		}
	}
	for ip, b := range s.binds {
		if !wanted[ip] {
			p.unclaim(b)
			delete(s.binds, ip)
		}
	}
}

// before returns where an address of a listener was bound when that was last reported.
func before(l *world.Listener, ip netip.Addr) netip.AddrPort {
	for _, e := range l.Endpoints {
		if e.IP == ip && e.Bound.Addr() == ip {
			return e.Bound
		}
	}
	return netip.AddrPort{}
}
