package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

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

// before returns where a listener was bound when that was last reported, by address.
func before(l *world.Listener) map[netip.Addr]netip.AddrPort {
	at := map[netip.Addr]netip.AddrPort{}
	for _, e := range l.Endpoints {
		if e.Bound.Addr() == e.IP {
			at[e.IP] = e.Bound
		}
	}
	return at
}
