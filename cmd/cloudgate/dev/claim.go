package dev

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// claimPort is a port on the first address of a pool, which no load balancer gets: who listens there has the pool.
const claimPort = 7064

// claimPool takes the first range of 127.65.0.0/16 that no other process has taken, for as long as the listener is open. (fakecloud by
// itself begins at 127.64.0.0.) Where it cannot, the pool is invalid and the listener nil: machines with 127.0.0.1 alone need none, since
// their load balancers differ in ports.
func claimPool(ctx context.Context) (netip.Prefix, net.Listener) {
	for n := range 256 {
		first := netip.AddrFrom4([4]byte{127, 65, byte(n), 0})
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(first, claimPort).String())
		switch {
		case err == nil:
			return netip.PrefixFrom(first, 24), listener
		case !errors.Is(err, syscall.EADDRINUSE):
			return netip.Prefix{}, nil
		}
	}
	return netip.Prefix{}, nil
}
