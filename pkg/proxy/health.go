package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Health is what is known of an endpoint.
type Health uint8

const (
	Unknown   Health = iota // not checked yet, or not at all
	Healthy                 //
	Unhealthy               // gets nothing
	Draining                // gets nothing new
)

func (h Health) String() string {
	switch h {
	case Unknown:
		return "unknown"
	case Healthy:
		return "healthy"
	case Unhealthy:
		return "unhealthy"
	case Draining:
		return "draining"
	}
	return "invalid"
}

// EndpointHealth is the state of one endpoint of a pool.
type EndpointHealth struct {
	Address  netip.AddrPort
	Health   Health
	Reason   string // why it is Unhealthy
	InFlight int64  // requests, connections and sessions now
	Requests uint64 // so far
	Failures uint64 // so far: could not be connected to, or broke off
}

// Health returns the state of every endpoint by the name of its pool, in the order of the configuration.
func (e *Engine) Health() map[string][]EndpointHealth {
	e.mu.Lock()
	pools := e.pools
	e.mu.Unlock()
	all := make(map[string][]EndpointHealth, len(pools))
	for name, p := range pools {
		list := make([]EndpointHealth, 0, len(p.members))
		for _, m := range p.members {
			list = append(list, m.report())
		}
		all[name] = list
	}
	return all
}

func (m *member) report() EndpointHealth {
	r := EndpointHealth{
		Address:  m.address(),
		InFlight: m.inFlight.Load(),
		Requests: m.requests.Load(),
		Failures: m.failures.Load(),
	}
	if m.check != nil {
		r.Health, r.Reason = m.check.verdict()
	}
	if m.draining {
		r.Health, r.Reason = Draining, ""
	}
	return r
}

// checkKey is what makes an active check the same for several pools.
type checkKey struct {
	endpointKey
	HealthCheck
}

// check is an active check of one endpoint, for all pools that check it so.
type check struct {
	key      checkKey
	endpoint *endpoint
	cancel   context.CancelFunc
	refs     int // guarded by Engine.mu
	report   func(format string, args ...any)

	mu     sync.Mutex
	health Health
	reason string
	streak int // results in a row that speak against health
}

func (c *check) state() Health {
	h, _ := c.verdict()
	return h
}

func (c *check) verdict() (Health, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health, c.reason
}

// holdCheck returns the check for key, which runs until as many dropCheck were called.
func (e *Engine) holdCheck(key checkKey, ep *endpoint) *check {
	key.Interval = orDefault(key.Interval, 10*time.Second)
	key.Timeout = orDefault(key.Timeout, 5*time.Second)
	c := e.checks[key]
	if c == nil {
		ctx, cancel := context.WithCancel(e.ctx)
		c = &check{key: key, endpoint: ep, cancel: cancel, report: e.options.Logf}
		e.checks[key] = c
		e.running.Go(func() { c.run(ctx) })
	}
	c.refs++
	return c
}

func orDefault(d, value time.Duration) time.Duration {
	if d <= 0 {
		return value
	}
	return d
}

func (e *Engine) dropCheck(c *check) {
	if c.refs--; c.refs == 0 {
		delete(e.checks, c.key)
		c.cancel()
	}
}

// firstWait is how soon an endpoint that has never been healthy is checked again. A pod is often known a moment before its process listens,
// and should not have to wait for a whole interval then.
const firstWait = 25 * time.Millisecond

// run checks at once, again after growing waits until the endpoint is healthy for the first time, and then once per interval.
func (c *check) run(ctx context.Context) {
	for wait := firstWait; ; wait *= 2 {
		if !c.judge(ctx) {
			return
		}
		if wait >= c.key.Interval || c.state() == Healthy {
			break
		}
		if !rest(ctx, wait) {
			return
		}
	}
	ticker := time.NewTicker(c.key.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !c.judge(ctx) {
			return
		}
	}
}

// judge checks once and counts the result, unless ctx ended.
func (c *check) judge(ctx context.Context) bool {
	err := c.once(ctx)
	if ctx.Err() != nil {
		return false
	}
	c.result(err)
	return true
}

// rest waits, and reports whether ctx goes on.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// once checks once.
func (c *check) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.key.Timeout)
	defer cancel()
	return c.endpoint.probe(ctx, c.key.Path)
}

// result counts what a check found. The first one decides alone.
func (c *check) result(err error) {
	want, threshold, reason := Healthy, max(c.key.HealthyThreshold, 1), ""
	if err != nil {
		want, threshold, reason = Unhealthy, max(c.key.UnhealthyThreshold, 1), err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health == want {
		c.streak = 0
		if err != nil {
			c.reason = reason
		}
		return
	}
	if c.streak++; c.streak >= threshold || c.health == Unknown {
		c.become(want, reason)
	}
}

// fail takes the endpoint out at once: traffic saw that it cannot be connected to.
func (c *check) fail(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health != Unhealthy {
		c.become(Unhealthy, reason)
	}
}

// become needs c.mu.
func (c *check) become(h Health, reason string) {
	c.report("endpoint %s: %s %s", c.key.address, h, reason)
	c.health, c.reason, c.streak = h, reason, 0
	c.endpoint.epoch.Add(1)
}
