package world

import (
	"fmt"
	"net/netip"
)

// AddressPool is where the addresses of load balancers come from.
type AddressPool struct {
	// Prefix holds the addresses: one is taken by one load balancer. Those whose last byte is 0 or 255 are left out.
	Prefix netip.Prefix
	// Shared, where it is set, is the one address of all load balancers, for machines that cannot bind any other. They differ in
	// their ports then.
	Shared netip.Addr
}

func (p AddressPool) contains(ip netip.Addr) bool {
	if p.Shared.IsValid() {
		return ip == p.Shared
	}
	return p.Prefix.Contains(ip) && usable(ip)
}

func (p AddressPool) String() string {
	if p.Shared.IsValid() {
		return p.Shared.String()
	}
	return p.Prefix.String()
}

func usable(ip netip.Addr) bool {
	b := ip.AsSlice()
	last := b[len(b)-1]
	return last != 0 && last != 255
}

// addresses knows who has which address.
type addresses struct {
	pool AddressPool
	held map[netip.Addr]string // load balancer id; empty when Shared
	next netip.Addr            // no usable address below it is free
}

func newAddresses(pool AddressPool) *addresses {
	return &addresses{pool: pool, held: map[netip.Addr]string{}, next: pool.Prefix.Masked().Addr()}
}

// choose returns the addresses for the load balancer id: all that are asked for, or else one that is free. It takes nothing.
func (a *addresses) choose(id string, asked []netip.Addr) ([]netip.Addr, error) {
	if len(asked) == 0 {
		ip, err := a.free()
		if err != nil {
			return nil, err
		}
		return []netip.Addr{ip}, nil
	}
	for _, ip := range asked {
		if !a.pool.contains(ip) {
			return nil, failf(InvalidArgument, "address %s is not one of this cloud's: ask for one in %s, or for none", ip, a.pool)
		}
		if holder, ok := a.held[ip]; ok && holder != id {
			return nil, failf(Conflict, "address %s is taken by load balancer %s", ip, holder)
		}
	}
	return asked, nil
}

func (a *addresses) free() (netip.Addr, error) {
	if a.pool.Shared.IsValid() {
		return a.pool.Shared, nil
	}
	for ip := a.next; ip.IsValid() && a.pool.Prefix.Contains(ip); ip = ip.Next() {
		if _, taken := a.held[ip]; !taken && usable(ip) {
			a.next = ip
			return ip, nil
		}
	}
	return netip.Addr{}, failf(QuotaExceeded, "no address of %s is free", a.pool)
}

func (a *addresses) take(id string, ips []netip.Addr) {
	if a.pool.Shared.IsValid() {
		return
	}
	for _, ip := range ips {
		a.held[ip] = id
	}
}

func (a *addresses) giveBack(id string, ips []netip.Addr) {
	for _, ip := range ips {
		if a.held[ip] == id {
			delete(a.held, ip)
			if ip.Less(a.next) {
				a.next = ip
			}
		}
	}
}

// check refuses a pool out of which no address can come.
func (p AddressPool) check() error {
	if p.Shared.IsValid() {
		return nil
	}
	if !p.Prefix.IsValid() {
		return fmt.Errorf("the address pool is not a prefix such as 127.64.0.0/16")
	}
	if _, err := newAddresses(p).free(); err != nil {
		return fmt.Errorf("no address of the pool %s can be used: take a wider prefix", p.Prefix)
	}
	return nil
}
