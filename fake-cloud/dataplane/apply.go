package dataplane

import (
	"slices"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// apply hands what is dirty to the engines, and reports to the world where listeners answer.
func (p *Plane) apply() {
	for b := range p.dirty {
		delete(p.dirty, b)
		if b.ready {
			p.applyBalancer(b)
		}
	}
}

// retry tries again what could not be bound.
func (p *Plane) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.balancers {
		if b.failing {
			p.touch(b)
		}
		if b.untold || b.claim == claimFailed {
			p.review(b)
		}
	}
	p.apply()
}

func (p *Plane) applyBalancer(b *balancer) {
	if b.serve == nil {
		b.serve = serve.New(serve.Config{Name: b.Name, Ports: p.ports, Proxy: p.cfg.Proxy, Log: p.cfg.Log})
	}
	p.applyPools(b)
	want := serve.Wanted{IPs: b.IPs, Listeners: map[string]*serve.Listener{}, Pools: b.pools, SessionKey: []byte(b.SessionKey)}
	for _, s := range b.sites {
		s.commit(p.certificate)
		if s.listener != nil {
			want.Listeners[s.id] = s.serve
		}
	}
	states := b.serve.Apply(&want)
	b.failing = false
	for id := range want.Listeners {
		p.report(b, b.sites[id], states[id])
	}
	p.releaseOld(b)
}

// applyPools makes the map of b's pools anew when one of them changed.
func (p *Plane) applyPools(b *balancer) {
	if !b.poolsStale {
		return
	}
	b.poolsStale = false
	b.pools = map[string]*proxy.Pool{}
	for id := range b.uses {
		if pool := p.pools[id].proxy; pool != nil {
			b.pools[id] = pool
		}
	}
}

// report tells the world where a listener answers, if it does not know.
func (p *Plane) report(b *balancer, s *site, state serve.State) {
	var endpoints []world.Endpoint
	for _, at := range state.Bound {
		endpoints = append(endpoints, world.Endpoint{IP: at.Addr(), Bound: at})
	}
	failure := state.Failure
	if failure != "" {
		b.failing = true
	}
	l := s.listener
	known := slices.Equal(l.Endpoints, endpoints) && l.Reason == failure
	if known && l.State != world.Provisioning && (failure != "") == (l.State == world.Failed) {
		return
	}
	if failure != "" && len(endpoints) == 0 {
		endpoints = l.Endpoints // where it was, and should be again
	}
	if err := p.world.ReportListener(l.ID, endpoints, failure); err != nil {
		b.failing = true // the world takes no change now: report it again
	}
}
