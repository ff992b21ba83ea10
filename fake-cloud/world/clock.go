package world

import (
	"sync"
	"time"
)

// Clock is where the fake cloud's time comes from. Safe for concurrent use.
type Clock interface {
	Now() time.Time
	// Advance puts the clock forward and fires the alarms that are then due.
	Advance(d time.Duration)
	// Alarm calls f once, on its own goroutine, when the clock reaches at. stop withdraws it, and does nothing after it fired.
	Alarm(at time.Time, f func()) (stop func())
}

// RealClock returns a clock that runs with the machine's and can be put forward.
func RealClock() Clock {
	return &clock{base: time.Now, runs: true, alarms: map[*alarm]struct{}{}}
}

// ManualClock returns a clock that stands at start until it is put forward.
func ManualClock(start time.Time) Clock {
	return &clock{base: func() time.Time { return start }, alarms: map[*alarm]struct{}{}}
}

type clock struct {
	base func() time.Time
	runs bool // base moves by itself, so alarms need timers

	mu     sync.Mutex
	offset time.Duration
	alarms map[*alarm]struct{}
}

type alarm struct {
	at    time.Time
	f     func()
	timer *time.Timer
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *clock) now() time.Time { return c.base().Add(c.offset).UTC() }

func (c *clock) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	for a := range c.alarms {
		c.arm(a)
	}
}

func (c *clock) Alarm(at time.Time, f func()) func() {
	a := &alarm{at: at, f: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarms[a] = struct{}{}
	c.arm(a)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.alarms, a)
		if a.timer != nil {
			a.timer.Stop()
		}
	}
}

// arm fires a when it is due, else sets its timer. The lock is held.
func (c *clock) arm(a *alarm) {
	if a.timer != nil {
		a.timer.Stop()
	}
	wait := a.at.Sub(c.now())
	if wait <= 0 {
		delete(c.alarms, a)
		go a.f()
		return
	}
	if c.runs {
		a.timer = time.AfterFunc(wait, func() { c.fire(a) })
	}
}

func (c *clock) fire(a *alarm) {
	c.mu.Lock()
	if _, ok := c.alarms[a]; !ok { // stopped, or fired by Advance
		c.mu.Unlock()
		return
	}
	if a.at.After(c.now()) { // timers may be early by the resolution of the machine's clock
		c.arm(a)
		c.mu.Unlock()
		return
	}
	delete(c.alarms, a)
	c.mu.Unlock()
	a.f()
}
