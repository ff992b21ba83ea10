package dataplane

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// Addresses give load balancers their addresses on a network. *lan.Link is one.
type Addresses interface {
	// Hold asks for an address, and Release gives it back; each Hold has its Release.
	Hold(ip netip.Addr, familiar bool)
	Release(ip netip.Addr)
	Status(ip netip.Addr) lan.Status
	// Changed has a value when a Status may have changed.
	Changed() <-chan struct{}
	// Complete says that all addresses from before are held or asked for.
	Complete()
	// Prove finds out in advance whether addresses are free.
	Prove(ips []netip.Addr)
}

// proved is how many addresses are proved to be free before anybody asks for one.
const proved = 4

// claimAddresses asks for the addresses that a load balancer should have.
func (p *Plane) claimAddresses(b *balancer) {
	if p.cfg.Addresses == nil {
		return
	}
	for _, ip := range b.IPs {
		if !b.holds[ip] {
			b.holds[ip] = true
			p.cfg.Addresses.Hold(ip, b.State != world.Provisioning)
		}
	}
}

// claimed reports whether a load balancer has its addresses, and tells the world.
func (p *Plane) claimed(b *balancer) bool {
	if p.cfg.Addresses == nil {
		p.tell(b, "")
		return true
	}
	all, failure := true, ""
	for _, ip := range b.IPs {
		status := p.cfg.Addresses.Status(ip)
		all = all && status.Held
		switch {
		case status.TakenBy != "":
			b.claim = claimFailed // and tried again until it has another
			b.untold = p.world.ReplaceAddress(b.ID, ip, status.TakenBy) != nil
			return false
		case status.Failure != "":
			failure = status.Failure
		}
	}
	if all || failure != "" {
		p.tell(b, failure)
	}
	switch {
	case all:
		b.claim = claimHeld
	case failure != "":
		b.claim = claimFailed
	}
	return all
}

// claim is how far a load balancer is with its addresses.
type claim uint8

const (
	claimWaits claim = iota
	claimHeld
	claimFailed
)

// tell reports to the world whether a load balancer has its addresses, if it does not know.
func (p *Plane) tell(b *balancer, failure string) {
	known := b.State != world.Provisioning && (failure != "") == (b.State == world.Failed) && b.Reason == failure
	if known || waits(&b.Meta) {
		return
	}
	b.untold = p.world.ReportLoadBalancer(b.ID, failure) != nil // it takes no change now: report it again
}

// releaseOld gives back addresses that a load balancer has no more, when requests have had time to end.
func (p *Plane) releaseOld(b *balancer) {
	var old []netip.Addr
	for ip := range b.holds {
		if !slices.Contains(b.IPs, ip) {
			delete(b.holds, ip)
			old = append(old, ip)
		}
	}
	if len(old) == 0 {
		return
	}
	p.closing.Go(func() {
		timer := time.NewTimer(p.cfg.Grace)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.stopping:
		}
		p.giveBack(old)
	})
}

// releaseAll returns the addresses that a load balancer holds, and takes them from it.
func (b *balancer) releaseAll() []netip.Addr {
	var ips []netip.Addr
	for ip := range b.holds {
		ips = append(ips, ip)
	}
	clear(b.holds)
	return ips
}

func (p *Plane) giveBack(ips []netip.Addr) {
	for _, ip := range ips {
		p.cfg.Addresses.Release(ip)
	}
}

// addressesChanged looks again at who has its addresses.
func (p *Plane) addressesChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.balancers {
		p.review(b)
	}
	p.apply()
	p.settle()
}

// review serves a load balancer that has its addresses.
func (p *Plane) review(b *balancer) {
	has := p.claimed(b)
	if ready := has && !waits(&b.Meta); ready && !b.ready {
		b.ready = true
		p.touch(b)
	}
}

// settle notes when every load balancer that was there at the start serves, or is known to fail.
func (p *Plane) settle() {
	if p.settled.Load() {
		return
	}
	for _, b := range p.balancers {
		if p.cfg.Addresses != nil && b.claim == claimWaits && !waits(&b.Meta) {
			return
		}
	}
	p.settled.Store(true)
}

// Settled says whether what was there at the start serves, or is known to fail.
func (p *Plane) Settled() bool { return p.settled.Load() }

// prove has addresses looked at before they are needed.
func (p *Plane) prove() {
	if p.cfg.Addresses != nil {
		p.cfg.Addresses.Prove(p.world.FreeAddresses(proved))
	}
}
