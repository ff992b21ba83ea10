package dataplane

import (
	"net/netip"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// healthAge is how old the health may be that is answered: many ask for one pool after the other.
const healthAge = 100 * time.Millisecond

// MemberHealth is the state of a member of a pool as those see it who serve the pool.
type MemberHealth struct {
	Health  proxy.Health
	Checked bool // false where the pool has no health check
	Reason  string
}

// healthCache is what an engine said last.
type healthCache struct {
	mu   sync.Mutex
	last map[string][]proxy.EndpointHealth
}

func (c *healthCache) get(e *serve.Balancer) map[string][]proxy.EndpointHealth {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = e.Health()
		time.AfterFunc(healthAge, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.last = nil
		})
	}
	return c.last
}

// Health returns how the members of a pool are. Members are missing while no load balancer serves the pool. Where several do,
// the worst that one says counts.
func (p *Plane) Health(pool string) map[netip.AddrPort]MemberHealth {
	p.mu.Lock()
	var using []*balancer
	var engines []*serve.Balancer
	for b := range p.users[pool] {
		if b.serve != nil {
			using, engines = append(using, b), append(engines, b.serve)
		}
	}
	checked := p.pools[pool].proxy != nil && p.pools[pool].proxy.Health != nil
	p.mu.Unlock()
	got := map[netip.AddrPort]MemberHealth{}
	for i, b := range using {
		for _, e := range b.health.get(engines[i])[pool] {
			old, ok := got[e.Address]
			if !ok || badness(e.Health) > badness(old.Health) {
				got[e.Address] = MemberHealth{Health: e.Health, Checked: checked, Reason: e.Reason}
			}
		}
	}
	return got
}

func badness(h proxy.Health) int {
	switch h {
	case proxy.Healthy:
		return 0
	case proxy.Unknown:
		return 1
	case proxy.Draining:
		return 2
	case proxy.Unhealthy:
		return 3
	}
	return 0
}

// Stats adds up what the engines counted.
func (p *Plane) Stats() proxy.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.gone
	for _, b := range p.balancers {
		if b.serve != nil {
			serve.AddStats(&sum, b.serve.Stats())
		}
	}
	return sum
}
