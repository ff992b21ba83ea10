package world

import (
	"fmt"
	"net/netip"
	"sync"
)

// Lender lends the addresses of a pool to holders outside a World. Safe for concurrent use.
type Lender struct {
	mu        sync.Mutex
	addresses *addresses
}

// NewLender returns a lender of a pool of its own.
func NewLender(pool AddressPool) *Lender { return &Lender{addresses: newAddresses(pool)} }

// Lend gives an address that nobody has.
func (l *Lender) Lend(holder string) (netip.Addr, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ip, err := l.addresses.free()
	if err == nil {
		l.addresses.take(holder, []netip.Addr{ip})
	}
	return ip, err
}

// Claim takes an address that the holder has had before.
func (l *Lender) Claim(holder string, ip netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.addresses.choose(holder, []netip.Addr{ip}); err != nil {
		return err
	}
	l.addresses.take(holder, []netip.Addr{ip})
	return nil
}

// GiveBack ends what Lend and Claim began.
func (l *Lender) GiveBack(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if holder, ok := l.addresses.held[ip]; ok {
		l.addresses.giveBack(holder, []netip.Addr{ip})
	}
}

// Lend gives an address of the world's pool to a holder outside of it, as long as the world lasts. It fails as a load balancer fails that
// gets none.
func (w *World) Lend(holder string) (netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ip, err := w.state.addresses.free()
	if err == nil && !w.cfg.Pool.Shared.IsValid() {
		w.lent.add(ip, holder)
	}
	return ip, err
}

// Claim takes an address of the world's pool that the holder has had before. It fails where another has it.
func (w *World) Claim(holder string, ip netip.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.state.addresses.choose("", []netip.Addr{ip}); err != nil {
		return err
	}
	if !w.cfg.Pool.Shared.IsValid() {
		w.lent.add(ip, holder)
	}
	return nil
}

// GiveBack ends what Lend and Claim began.
func (w *World) GiveBack(ip netip.Addr) { w.lent.remove(ip) }

// lent is who outside the world has which of its addresses. It outlives the state: a reset does not end what others have.
type lent struct {
	mu  sync.Mutex
	who map[netip.Addr]string
}

func (l *lent) add(ip netip.Addr, holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.who[ip] = holder
}

func (l *lent) remove(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.who, ip)
}

// taken returns another Taken that also knows what is lent.
func (l *lent) taken(others func(netip.Addr) string) func(netip.Addr) string {
	return func(ip netip.Addr) string {
		l.mu.Lock()
		holder, ok := l.who[ip]
		l.mu.Unlock()
		switch {
		case ok:
			return fmt.Sprintf("load balancer %s", holder)
		case others != nil:
			return others(ip)
		}
		return ""
	}
}
