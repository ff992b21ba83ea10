package proxy

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pool is a Pool at work. What it holds of its own is the turn; endpoints and their health are the engine's and shared.
type pool struct {
	name    string
	cfg     *Pool
	members []*member
	epoch   *atomic.Uint64 // of the engine: it moves when the health of any endpoint does
	turn    atomic.Uint64
	budget  *budget       // nil: every Retry may be followed
	paused  atomic.Uint64 // retries that waited
	choice  atomic.Pointer[choice]
	mirrors *atomic.Int64 // mirrored requests that have a place; of the pool's name, and outlives a change of the pool
	sticky  *sticky       // nil without sessions
	indexed sync.Once
	index   directory // valid after indexed
}

// member is an endpoint as one pool has it.
type member struct {
	*endpoint
	check    *check // nil without active checks
	weight   uint64
	draining bool

	// What the pool's Limits say.
	most        int64         // requests, connections or sessions at once; 0 for no limit
	queues      bool          // it is connections that most limits: requests wait for one
	connections int64         // of HTTP/2 at once; 0 for no limit
	stake       *stake        // nil where nothing is cut
	own         time.Duration // what the endpoint has left of its own while it drains; 0 for what the pool says

	mark      uint64 // of the address, for hashes; 0 where the pool does not choose by them
	announces bool   // the PROXY protocol says who the client is
	poses     bool   // connections come from the client's address, where that can be
}

// tried are the endpoints that a request was tried on already.
type tried struct {
	list [8]*endpoint
	n    int
}

func (t *tried) add(e *endpoint) {
	if t.n < len(t.list) {
		t.list[t.n] = e
		t.n++
	}
}

func (t *tried) has(e *endpoint) bool { return slices.Contains(t.list[:t.n], e) }

// choice is what a pool may choose from while no endpoint's health changes and none that was ejected is back.
type choice struct {
	epoch   uint64
	until   int64 // coarse time after which an ejected endpoint is back; 0 for never
	members []*member
	sums    []uint64 // sums[i] is the weight of members[:i+1]; nil when all weights are the same
}

// current is what may be chosen from now.
func (p *pool) current() *choice {
	c := p.choice.Load()
	if c == nil || c.epoch != p.epoch.Load() || c.until != 0 && c.until <= coarse() {
		c = p.survey()
		p.choice.Store(c)
	}
	return c
}

// pickFor chooses an endpoint for f that was not tried and has room, and nil when there is none. See admit.
func (p *pool) pickFor(f *flow, t *tried) *member {
	if p.cfg.Algorithm.hashes() {
		return p.current().hashed(f.hash(p.cfg.Algorithm), t)
	}
	return p.pick(t)
}

// pick chooses by turns, or by load.
func (p *pool) pick(t *tried) *member {
	c := p.current()
	if len(c.members) == 0 {
		return nil
	}
	turn := p.turn.Load()
	if t == nil || t.n == 0 {
		turn = p.turn.Add(1) // A second choice takes nobody's turn, or an endpoint that fails might have that of each request.
	}
	m := c.at(p, turn)
	if (t == nil || !t.has(m.endpoint)) && !m.full() {
		return m
	}
	first := slices.Index(c.members, m)
	for i := 1; i < len(c.members); i++ {
		if m = c.members[(first+i)%len(c.members)]; (t == nil || !t.has(m.endpoint)) && !m.full() {
			return m
		}
	}
	return nil
}

// at returns the member whose turn it is.
func (c *choice) at(p *pool, turn uint64) *member {
	n := uint64(len(c.members))
	switch {
	case n == 1:
		return c.members[0]
	case p.cfg.Algorithm == LeastRequest:
		return c.leastLoaded(turn)
	case c.sums == nil:
		return c.members[turn%n]
	}
	at := spread(turn, c.sums[n-1])
	i, _ := slices.BinarySearch(c.sums, at+1)
	return c.members[i]
}

// scanned is up to how many members leastLoaded looks at all of them.
const scanned = 8

// leastLoaded returns the member with the fewest requests in flight for its weight: of all when they are few, else of two, which is
// nearly as good and does not grow with the pool.
func (c *choice) leastLoaded(turn uint64) *member {
	n := uint64(len(c.members))
	looks, step := n, uint64(1)
	if n > scanned {
		looks, step = 2, 1+spread(turn*2+1, n-1)
	}
	at := spread(turn*2, n)
	best := c.members[at]
	for i := uint64(1); i < looks; i++ {
		m := c.members[(at+i*step)%n]
		if uint64(m.inFlight.Load()+1)*best.weight < uint64(best.inFlight.Load()+1)*m.weight {
			best = m
		}
	}
	return best
}

// survey finds what may be chosen now. Endpoints known to be healthy come first; while there are none, those not checked yet, then those
// that no check watches and that could not be connected to a moment ago. One that a check found unhealthy, or that drains, never.
func (p *pool) survey() *choice {
	c := &choice{epoch: p.epoch.Load()}
	var tiers [3][]*member
	now := coarse()
	for _, m := range p.members {
		if m.draining {
			continue
		}
		until := m.ejectedUntil.Load()
		switch {
		case m.check != nil && m.check.state() == Unhealthy:
		case m.check != nil && m.check.state() == Unknown:
			tiers[1] = append(tiers[1], m)
		case m.check == nil && until > now:
			tiers[2] = append(tiers[2], m)
			if c.until == 0 || until < c.until {
				c.until = until
			}
		default:
			tiers[0] = append(tiers[0], m)
		}
	}
	for _, tier := range tiers {
		if len(tier) > 0 {
			c.members = tier
			break
		}
	}
	c.weigh()
	return c
}

// weigh sets sums where weights differ.
func (c *choice) weigh() {
	same := true
	for _, m := range c.members {
		same = same && m.weight == c.members[0].weight
	}
	if same {
		return
	}
	var sum uint64
	for _, m := range c.members {
		sum += m.weight
		c.sums = append(c.sums, sum)
	}
}

// spread maps the nth turn onto [0, total) so that any run of turns, and any regular part of one, is spread as evenly as can be: the
// multiples of the golden ratio modulo 1. Shares converge with the number of turns, not with its square root as dice would.
func spread(turn, total uint64) uint64 {
	const golden = 0x9e3779b97f4a7c15
	return mulHigh(turn*golden, total)
}
