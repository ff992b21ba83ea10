package check

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// firstWait is how soon a target that has never answered well is asked again. A program is often registered a moment before it listens,
// and should not have to wait for a whole interval then. The waits grow, and only what fails at an interval's end counts against it.
const firstWait = 25 * time.Millisecond

// Checker checks one target until it is stopped.
type Checker struct {
	changed func()
	cancel  context.CancelFunc
	done    chan struct{}
	kick    chan struct{} // the spec or the address changed

	mu      sync.Mutex
	address netip.AddrPort
	spec    Spec
	state   State
	streak  int // results in a row that speak against the verdict
}

// Start begins to check. changed is called, in a goroutine of the checker, after State has changed. Stop it.
func Start(address netip.AddrPort, spec Spec, changed func()) *Checker {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Checker{
		changed: changed, cancel: cancel, done: make(chan struct{}), kick: make(chan struct{}, 1), address: address, spec: spec,
	}
	go c.run(ctx)
	return c
}

// Stop ends the checks and waits for one that is under way, which is cut off.
func (c *Checker) Stop() {
	c.cancel()
	<-c.done
}

// Set changes what is asked. What is thought of the target stays until it answers otherwise.
func (c *Checker) Set(address netip.AddrPort, spec Spec) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address == address && c.spec == spec {
		return
	}
	c.address, c.spec, c.streak = address, spec, 0
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// State returns what is thought of the target.
func (c *Checker) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *Checker) now() (netip.AddrPort, Spec) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.address, c.spec
}

// run checks at once, again after growing waits while the target has never been healthy, and at each interval.
func (c *Checker) run(ctx context.Context) {
	defer close(c.done)
	_, spec := c.now()
	interval := max(spec.Interval, time.Millisecond)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for wait, counts := firstWait, true; ; wait = min(2*wait, time.Second) {
		address, spec := c.now()
		if next := max(spec.Interval, time.Millisecond); next != interval {
			interval = next
			ticker.Reset(interval)
		}
		err := probe(ctx, address, &spec)
		if ctx.Err() != nil {
			return
		}
		if c.judge(err, counts, &spec) {
			c.changed()
		}
		var soon <-chan time.Time
		if c.State().Verdict == Initial {
			soon = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			counts = true
		case <-soon:
			counts = false
		case <-c.kick:
			counts = true
		}
	}
}

// judge takes in a result and reports whether the state changed. A target that was never healthy is healthy at its first good answer. A
// bad one that does not count leaves all as it is.
func (c *Checker) judge(err error, counts bool, spec *Spec) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := State{Verdict: Healthy}
	threshold := spec.Healthy
	if err != nil {
		if !counts {
			return false
		}
		next, threshold = State{Verdict: Unhealthy, Cause: Failed}, spec.Unhealthy
		var f *failure
		if errors.As(err, &f) {
			next.Cause, next.Code = f.cause, f.code
		}
	}
	if next.Verdict == c.state.Verdict {
		c.streak = 0
		changed := next != c.state // the reason is that of the last check
		c.state = next
		return changed
	}
	c.streak++
	if first := c.state.Verdict == Initial && next.Verdict == Healthy; c.streak < threshold && !first {
		return false
	}
	c.state, c.streak = next, 0
	return true
}
