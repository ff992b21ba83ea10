package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// budget bounds the retries at the endpoints of a pool. It belongs to the pool's name, and outlives a change of the pool.
type budget struct {
	interval, minInterval time.Duration
	all                   window // requests, retries among them
	retries               window

	mu     sync.Mutex // held while a retry is allowed, so that no two take the last place
	recent window     // retries
	cfg    *RetryBudget
}

func newBudget(cfg *RetryBudget) *budget {
	b := &budget{interval: cfg.Interval, minInterval: cfg.MinInterval, cfg: cfg}
	b.all.width, b.retries.width, b.recent.width = slotOf(cfg.Interval), slotOf(cfg.Interval), slotOf(cfg.MinInterval)
	return b
}

// slotOf is how long a window of d counts in one slot.
func slotOf(d time.Duration) int64 { return max(int64(d)/slotsShown, 1) }

// budgetFor returns what counts for the named pool from now on; nil where cfg is.
func (e *Engine) budgetFor(name string, cfg *RetryBudget) *budget {
	if cfg == nil {
		delete(e.budgets, name)
		return nil
	}
	b := e.budgets[name]
	if b == nil || b.interval != cfg.Interval || b.minInterval != cfg.MinInterval {
		b = newBudget(cfg)
		e.budgets[name] = b
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg = cfg
	return b
}

// request counts a request at a coarse time.
func (b *budget) request(now int64) { b.all.add(now) }

// retry reports whether a request may be sent again at a coarse time, and counts it if so. It may where retries stay within Percent of all
// requests, itself included, or are fewer than MinCount.
func (b *budget) retry(now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	within := (b.retries.sum(now)+1)*100 <= int64(b.cfg.Percent)*(b.all.sum(now)+1)
	if !within && b.recent.sum(now) >= int64(b.cfg.MinCount) {
		return false
	}
	b.all.add(now)
	b.retries.add(now)
	b.recent.add(now)
	return true
}

// slotsShown is how many slots a window is; there is one more, which is being counted in.
const slotsShown = 16

// window counts what happened lately: in the slot of now and in the slotsShown before it. To add costs two loads and an addition.
type window struct {
	width int64 // of a slot
	slots [slotsShown + 1]slot

	mu sync.Mutex // held while a slot is given to another time
}

type slot struct {
	time  atomic.Int64 // how many widths after the beginning of the clock, plus one; 0 while it has not been used
	count atomic.Int64
}

func (w *window) add(now int64) {
	at := now/w.width + 1
	s := &w.slots[at%int64(len(w.slots))]
	if s.time.Load() != at {
		w.turn(s, at)
	}
	s.count.Add(1)
}

// turn gives s to another time.
func (w *window) turn(s *slot, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.time.Load() < at {
		s.count.Store(0)
		s.time.Store(at)
	}
}

func (w *window) sum(now int64) int64 {
	at := now/w.width + 1
	var sum int64
	for i := range w.slots {
		if t := w.slots[i].time.Load(); t > 0 && t <= at && at-t <= slotsShown {
			sum += w.slots[i].count.Load()
		}
	}
	return sum
}
