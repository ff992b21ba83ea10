package proxy

import (
	"cmp"
	"sync/atomic"
	"time"
)

// applyPools returns the pools for want: those of before where the Pool is the same, new ones where not. It changes no map that a
// version holds. Where changed, callers drop the old ones after.
func (e *Engine) applyPools(want map[string]*Pool) (got map[string]*pool, changed bool) {
	if e.samePools(want) {
		return e.pools, false
	}
	got = make(map[string]*pool, len(want))
	for name, cfg := range want {
		p := e.pools[name]
		if p == nil || p.cfg != cfg {
			p = e.newPool(name, cfg)
		}
		got[name] = p
	}
	return got, true
}

// samePools reports whether want is what the engine has. Most changes are of rules alone.
func (e *Engine) samePools(want map[string]*Pool) bool {
	if len(want) != len(e.pools) {
		return false
	}
	for name, cfg := range want {
		if p := e.pools[name]; p == nil || p.cfg != cfg {
			return false
		}
	}
	return true
}

// newPool makes a pool and takes hold of its endpoints and their checks, which go on as they are when another pool has them.
func (e *Engine) newPool(name string, cfg *Pool) *pool {
	p := &pool{name: name, cfg: cfg, epoch: &e.epoch, sticky: newSticky(cfg.Session, e.options.Logf, "pool", name)}
	p.budget = e.budgetFor(name, cfg.Budget)
	if before := e.pools[name]; before != nil {
		p.mirrors = before.mirrors
	} else {
		p.mirrors = new(atomic.Int64)
	}
	fingerprint := cfg.TLS.fingerprint()
	for _, want := range cfg.Endpoints {
		key := endpointKey{address: want.Address, protocol: cfg.Protocol, tls: fingerprint}
		ep := e.endpoints[key]
		if ep == nil {
			ep = e.newEndpoint(key, cfg.TLS)
			e.endpoints[key] = ep
		}
		ep.refs++
		m := &member{endpoint: ep, weight: uint64(cmp.Or(want.Weight, 1)), draining: want.Draining}
		m.allow(cfg.Protocol, &cfg.Limits)
		if cfg.Algorithm.hashes() {
			m.mark = markOf(want.Address)
		}
		m.announces = cfg.ProxyProtocol && cfg.Protocol == PoolTCP
		m.poses = cfg.PreserveClient && (cfg.Protocol == PoolTCP || cfg.Protocol == PoolUDP)
		m.own = want.ownDrain(&cfg.Limits)
		m.stake = e.holdStake(stakeKey{name, key}, cmp.Or(m.own, cfg.Limits.Drain), want.Draining)
		if cfg.Health != nil {
			m.check = e.holdCheck(checkKey{key, *cfg.Health}, ep)
		}
		p.members = append(p.members, m)
	}
	return p
}

// ownDrain is how long what is under way may go on at an endpoint that drains in its own time; 0 for one that does not.
func (e *Endpoint) ownDrain(limits *Limits) time.Duration {
	if e.Draining && e.Drain > 0 && limits.Drain > 0 {
		return e.Drain
	}
	return 0
}

// dropPools lets go of the pools of old that are not in kept, and of what only they had.
func (e *Engine) dropPools(old, kept map[string]*pool) {
	for name, p := range old {
		if kept[name] == p {
			continue
		}
		drain := p.cfg.Limits.Drain
		if now := kept[name]; now != nil {
			drain = now.cfg.Limits.Drain
		} else {
			delete(e.budgets, name)
		}
		for _, m := range p.members {
			if m.stake != nil {
				e.dropStake(m.stake, cmp.Or(m.own, drain)) // One that drains in its own time goes on to do so.
			}
			if m.check != nil {
				e.dropCheck(m.check)
			}
			if m.refs--; m.refs == 0 {
				delete(e.endpoints, m.key)
				m.retire()
			}
		}
	}
}
