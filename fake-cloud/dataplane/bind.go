package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// bind is one address of one listener, and what it serves there; proxy is nil where that has to be made anew.
type bind struct {
	ports.Bind
	proxy *proxy.Listener
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

// bindsFor makes the binds of a site for the addresses of its load balancer, and drops those of addresses that it lost.
func (p *Plane) bindsFor(s *site, ips []netip.Addr) {
	wanted := map[netip.Addr]bool{}
	for i, ip := range ips {
		wanted[ip] = true
		if s.binds[ip] != nil {
			continue
		}
		b := &bind{Bind: ports.Bind{
			Name: s.id, Want: netip.AddrPortFrom(ip, s.listener.Port), UDP: s.listener.Protocol == world.UDP, Before: before(s.listener, ip),
		}}
		if i > 0 {
			b.Name += "@" + ip.String()
		}
		s.binds[ip] = b
		p.ports.Claim(&b.Bind)
	}
	for ip, b := range s.binds {
		if !wanted[ip] {
			p.ports.Release(&b.Bind)
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
