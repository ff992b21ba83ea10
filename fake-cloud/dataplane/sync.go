package dataplane

import (
	"net/netip"
	"slices"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// waits says whether a resource is not served yet because it is still being made.
func waits(m *world.Meta) bool { return m.State == world.Provisioning && !m.Due.IsZero() }

func (p *Plane) touch(b *balancer) { p.dirty[b] = struct{}{} }

func (p *Plane) syncLoadBalancer(id string) {
	lb, err := p.world.LoadBalancer(id)
	b := p.balancers[id]
	if err != nil || lb.State == world.Deleting {
		if b != nil {
			p.removeBalancer(b)
		}
		return
	}
	if b == nil {
		b = &balancer{sites: map[string]*site{}, uses: map[string]struct{}{}, holds: map[netip.Addr]bool{}, poolsStale: true}
		p.balancers[id] = b
	}
	if b.ready && lb.State == world.Updating {
		return // serves as before until the update is done
	}
	if !slices.Equal(b.IPs, lb.IPs) {
		b.claim = claimWaits
	}
	b.LoadBalancer = lb
	p.claimAddresses(b)
	b.ready = p.claimed(b) && !waits(&lb.Meta)
	p.touch(b)
}

func (p *Plane) removeBalancer(b *balancer) {
	for _, s := range b.sites {
		p.removeSite(s)
	}
	p.closeEngine(b)
	b.ready = false
	delete(p.balancers, b.ID)
	delete(p.dirty, b)
}

func (p *Plane) syncListener(id string) {
	l, err := p.world.Listener(id)
	s := p.sites[id]
	b := p.balancers[l.LoadBalancer]
	if err != nil || l.State == world.Deleting || b == nil {
		if s != nil {
			p.removeSite(s)
		}
		return
	}
	if s == nil {
		s = newSite(id, l.LoadBalancer)
		p.sites[id], b.sites[id] = s, s
	}
	if waits(&l.Meta) || l.State == world.Updating && s.listener != nil {
		return
	}
	s.stale = s.stale || s.listener == nil || s.listener.Revision != l.Revision
	s.listener = &l
	p.touch(b)
}

func (p *Plane) removeSite(s *site) {
	b := p.balancers[s.balancer]
	if b == nil {
		return // the sites of a balancer go with it
	}
	for rule, place := range s.placed {
		p.release(b, place.pools)
		delete(p.homes, rule)
	}
	delete(p.sites, s.id)
	delete(b.sites, s.id)
	p.touch(b)
}

func (p *Plane) syncRule(id string) {
	r, err := p.world.Rule(id)
	if err != nil || r.State == world.Deleting {
		if s := p.homes[id]; s != nil {
			p.release(p.balancers[s.balancer], s.placed[id].pools)
			s.displace(id)
			delete(p.homes, id)
			p.touch(p.balancers[s.balancer])
		}
		return
	}
	s := p.sites[r.Listener]
	if s == nil || waits(&r.Meta) {
		return
	}
	old, placed := s.placed[id]
	if placed && (r.State == world.Updating || old.revision == r.Revision) {
		return
	}
	b := p.balancers[s.balancer]
	p.hold(b, r.Pools())
	p.release(b, old.pools)
	if err := s.place(&r); err != nil {
		p.cfg.Log.Error("rule cannot be served", "error", err) // CheckRule has let it pass, so this is a defect of ours
	}
	p.homes[id] = s
	p.touch(b)
}

// hold counts one more rule of b that names each of the pools.
func (p *Plane) hold(b *balancer, pools []string) {
	for _, id := range pools {
		if p.users[id] == nil {
			p.users[id] = map[*balancer]int{}
		}
		if p.users[id][b]++; p.users[id][b] == 1 {
			b.uses[id] = struct{}{}
			b.poolsStale = true
		}
	}
}

func (p *Plane) release(b *balancer, pools []string) {
	for _, id := range pools {
		if p.users[id][b]--; p.users[id][b] > 0 {
			continue
		}
		delete(p.users[id], b)
		if len(p.users[id]) == 0 {
			delete(p.users, id)
		}
		delete(b.uses, id)
		b.poolsStale = true
	}
}

func (p *Plane) syncPool(id string) {
	pool, err := p.world.Pool(id)
	if err != nil || pool.State == world.Deleting {
		delete(p.pools, id)
		return
	}
	old, ok := p.pools[id]
	next := served{revision: pool.Revision}
	switch {
	case waits(&pool.Meta):
		next = served{proxy: p.compilePool(&pool)}
		next.proxy.Endpoints = nil // it has none that may be used
	case pool.State == world.Updating && ok:
		// Members change at once, all else when the update is done.
		kept := *old.proxy
		kept.Endpoints = compileMembers(pool.Members)
		next = served{revision: old.revision, proxy: &kept}
		if slices.Equal(kept.Endpoints, old.proxy.Endpoints) {
			return
		}
	case ok && old.revision == pool.Revision:
		return
	default:
		next.proxy = p.compilePool(&pool)
	}
	p.pools[id] = next
	for b := range p.users[id] {
		b.poolsStale = true
		p.touch(b)
	}
}

func (p *Plane) syncCertificate(id string) {
	if _, err := p.world.Certificate(id); err != nil {
		delete(p.certs, id)
	}
}

// compilePool returns a pool with the certificate that is shown to its members.
func (p *Plane) compilePool(pool *world.Pool) *proxy.Pool {
	out := compilePool(pool)
	if out.TLS != nil && pool.TLS.Certificate != "" {
		out.TLS.Client = p.certificate(pool.TLS.Certificate)
	}
	return out
}

// certificate returns a certificate, always the same for the same id, or nil when there is none.
func (p *Plane) certificate(id string) *proxy.Certificate {
	if c := p.certs[id]; c != nil {
		return c
	}
	c, err := p.world.Certificate(id)
	if err != nil {
		return nil
	}
	p.certs[id] = &proxy.Certificate{Chain: []byte(c.ChainPEM), Key: []byte(c.KeyPEM)}
	return p.certs[id]
}
