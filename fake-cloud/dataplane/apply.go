package dataplane

import (
	"slices"
	"strings"

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
	if b.engine == nil {
		o := p.cfg.Proxy
		o.Name = b.Name
		b.engine = proxy.New(o)
	}
	for _, s := range b.sites {
		s.commit(p.certificate)
		if s.listener != nil {
			p.bindsFor(s, b.IPs)
		}
	}
	p.applyPools(b)
	for p.applyOnce(b) {
		// A listener moved to another port.
	}
	b.failing = false
	for _, s := range b.sites {
		if s.listener != nil {
			p.report(b, s)
		}
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

// applyOnce applies b as it is now, and reports whether a bind that failed should be tried at another address.
func (p *Plane) applyOnce(b *balancer) (again bool) {
	cfg := &proxy.Config{Listeners: map[string]*proxy.Listener{}, Pools: b.pools, SessionKey: []byte(b.SessionKey)}
	binds := map[string]*bind{}
	for _, s := range b.sites {
		if s.listener == nil {
			continue
		}
		for _, bind := range s.binds {
			if bind.proxy == nil {
				bind.proxy = &proxy.Listener{Protocol: compileProtocol(s.listener.Protocol), Address: bind.At, Servers: s.servers, Clients: s.clients}
			}
			bind.Failure = ""
			cfg.Listeners[bind.Name] = bind.proxy
			binds[bind.Name] = bind
		}
	}
	err := b.engine.Apply(cfg)
	for _, e := range serve.ListenErrors(err) {
		bind := binds[e.Listener]
		switch {
		case bind == nil:
		case e.Bound:
			p.cfg.Log.Warn("listener does not serve all that it should", "listener", e.Listener, "error", e.Err)
		default:
			again = p.ports.Failed(&bind.Bind, e.Err) || again
			bind.proxy = nil // it moved, or is tried again
		}
	}
	return again
}

// report tells the world where a listener answers, if it does not know.
func (p *Plane) report(b *balancer, s *site) {
	var endpoints []world.Endpoint
	var failures []string
	for _, ip := range b.IPs {
		bind := s.binds[ip]
		if bind.Failure != "" {
			failures = append(failures, bind.Failure)
			continue
		}
		endpoints = append(endpoints, world.Endpoint{IP: ip, Bound: bind.At})
		p.ports.Bound(&bind.Bind, "loadBalancer", b.Name, "listener", s.listener.Name)
	}
	failure := strings.Join(failures, "; ")
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
