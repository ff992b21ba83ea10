package world

import (
	"fmt"
	"net/netip"
	"strings"
)

// AddressPool is where the addresses of load balancers come from.
type AddressPool struct {
	// First to Last are the addresses: one is taken by one load balancer. Those whose last byte is 0 or 255 are left out.
	First, Last netip.Addr
	// Shared, where it is set, is the one address of all load balancers, for machines that cannot bind any other. They differ in
	// their ports then.
	Shared netip.Addr
	// Taken says who outside this cloud has an address, in words for the client; empty when nobody is known to. It is called under
	// the lock of the world and may not call it. Nil: nobody has any.
	Taken func(netip.Addr) string
}

// PrefixPool returns the pool of all addresses of a prefix.
func PrefixPool(p netip.Prefix) AddressPool {
	if !p.IsValid() {
		return AddressPool{}
	}
	first := p.Masked().Addr()
	last := first.AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	end, _ := netip.AddrFromSlice(last) // as long as first
	return AddressPool{First: first, Last: end}
}

// ParsePool reads "172.18.255.0/24" or "172.18.255.10-172.18.255.250".
func ParsePool(text string) (AddressPool, error) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return AddressPool{}, fmt.Errorf("%q is not a prefix such as 127.64.0.0/16, nor a range such as 172.18.255.10-172.18.255.250", text)
		}
		return PrefixPool(p), nil
	}
	first, err := netip.ParseAddr(from)
	if err != nil {
		return AddressPool{}, fmt.Errorf("%q is not an address", from)
	}
	last, err := netip.ParseAddr(to)
	if err != nil {
		return AddressPool{}, fmt.Errorf("%q is not an address", to)
	}
	if first.Zone() != "" || last.Zone() != "" || first.BitLen() != last.BitLen() || last.Less(first) {
		return AddressPool{}, fmt.Errorf("%s to %s is not a range of addresses", first, last)
	}
	return AddressPool{First: first, Last: last}, nil
}

// IsValid reports whether the pool was set at all.
func (p AddressPool) IsValid() bool { return p.First.IsValid() }

func (p AddressPool) contains(ip netip.Addr) bool {
	if p.Shared.IsValid() {
		return ip == p.Shared
	}
	return p.within(ip) && usable(ip)
}

func (p AddressPool) within(ip netip.Addr) bool {
	return ip.BitLen() == p.First.BitLen() && !ip.Less(p.First) && !p.Last.Less(ip)
}

func (p AddressPool) taken(ip netip.Addr) string {
	if p.Taken == nil {
		return ""
	}
	return p.Taken(ip)
}

// String returns the pool as the flags spell it.
func (p AddressPool) String() string {
	if p.Shared.IsValid() {
		return p.Shared.String()
	}
	for bits := range p.First.BitLen() + 1 {
		if whole := PrefixPool(netip.PrefixFrom(p.First, bits)); whole.First == p.First && whole.Last == p.Last {
			return netip.PrefixFrom(p.First, bits).String()
		}
	}
	return p.First.String() + "-" + p.Last.String()
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
	next netip.Addr            // no usable address below it is free, but for those that others had and gave up
}

func newAddresses(pool AddressPool) *addresses {
	return &addresses{pool: pool, held: map[netip.Addr]string{}, next: pool.First}
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
		if by := a.pool.taken(ip); by != "" {
			return nil, failf(Conflict, "address %s is in use by %s", ip, by)
		}
	}
	return asked, nil
}

func (a *addresses) free() (netip.Addr, error) {
	if a.pool.Shared.IsValid() {
		return a.pool.Shared, nil
	}
	if some := a.upTo(1); len(some) > 0 {
		return some[0], nil
	}
	others := 0
	for ip := a.pool.First; a.pool.within(ip); ip = ip.Next() {
		if usable(ip) && a.held[ip] == "" {
			others++ // it is not free, so somebody else has it
		}
	}
	if others == 0 {
		return netip.Addr{}, failf(QuotaExceeded, "no address of %s is free: load balancers have all %d", a.pool, len(a.held))
	}
	return netip.Addr{}, failf(QuotaExceeded, "no address of %s is free: load balancers have %d, and %d are in use by others on the network",
		a.pool, len(a.held), others)
}

// upTo returns the first n addresses that are free, as many as there are.
func (a *addresses) upTo(n int) []netip.Addr {
	var free []netip.Addr
	seek := func(from netip.Addr, below netip.Addr) {
		for ip := from; len(free) < n && a.pool.within(ip) && ip != below; ip = ip.Next() {
			if _, held := a.held[ip]; held || !usable(ip) || a.pool.taken(ip) != "" {
				continue
			}
			if len(free) == 0 {
				a.next = ip
			}
			free = append(free, ip)
		}
	}
	from := a.next
	seek(from, netip.Addr{})
	if a.pool.Taken != nil && len(free) < n {
		seek(a.pool.First, from) // what others have given up since
	}
	return free
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

// check refuses a pool out of which no address can come. Who takes addresses besides does not count: that can change.
func (p AddressPool) check() error {
	if p.Shared.IsValid() {
		return nil
	}
	if !p.IsValid() {
		return fmt.Errorf("the address pool is not a prefix such as 127.64.0.0/16")
	}
	alone := p
	alone.Taken = nil
	if _, err := newAddresses(alone).free(); err != nil {
		return fmt.Errorf("no address of the pool %s can be used: take a wider one", p)
	}
	return nil
}
