package proxy

import (
	"context"
	"sync"
	"time"
)

// limit holds the timeouts that a route sets for a request, and ends its tries also when the client's stream does. They are exact, unlike those of
// Options. A nil limit never ends anything.
type limit struct {
	request time.Time // when the whole request is over; zero for never
	backend time.Duration

	mu     sync.Mutex
	timer  *time.Timer
	target interrupter
	over   bool
	gone   bool        // the client is
	stop   func() bool // ends waiting for the client to go; nil when nothing tells
	turn   int         // counts watches, so that a late timer does not end the next try
}

// interrupter is what a limit ends when it is over.
type interrupter interface{ interrupt() }

// newLimit begins to count the request's time. ctx ends with the client's stream, and is nil where nothing tells.
func newLimit(ctx context.Context, f *Forward) *limit {
	if ctx == nil && f.RequestTimeout <= 0 && f.BackendTimeout <= 0 {
		return nil
	}
	l := &limit{backend: f.BackendTimeout}
	if f.RequestTimeout > 0 {
		l.request = wallClock().Add(f.RequestTimeout)
	}
	if ctx != nil {
		l.stop = context.AfterFunc(ctx, l.leave)
	}
	return l
}

// leave ends this try and every later one: nobody waits for the response.
func (l *limit) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone, l.over = true, true
	if l.target != nil {
		l.target.interrupt()
	}
}

// abandoned reports whether the client is gone.
func (l *limit) abandoned() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

// release ends what waits for the client to go. Call it when the exchange is over.
func (l *limit) release() {
	if l != nil && l.stop != nil {
		l.stop()
	}
}

// begin starts the time of one try.
func (l *limit) begin() {
	if l == nil {
		return
	}
	left, ok := l.left()
	if l.backend > 0 && (!ok || l.backend < left) {
		left = l.backend
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn++
	turn := l.turn
	l.over = l.gone
	if ok || l.backend > 0 {
		l.timer = time.AfterFunc(left, func() { l.fire(turn) })
	}
}

// rest is the time between two tries: that the last was over does not matter any more.
func (l *limit) rest() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = l.gone
}

// left is what is left for the whole request, and whether that is limited.
func (l *limit) left() (time.Duration, bool) {
	if l == nil || l.request.IsZero() {
		return 0, false
	}
	return l.request.Sub(wallClock()), true
}

// fire ends a try.
func (l *limit) fire(turn int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn != turn {
		return
	}
	l.over = true
	if l.target != nil {
		l.target.interrupt()
	}
}

// watch has target interrupted when the time of the try is over; at once if it is. nil stops watching.
func (l *limit) watch(target interrupter) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
	if l.over && target != nil {
		target.interrupt()
	}
}

// expired reports whether the time of the try is over.
func (l *limit) expired() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// end stops the time of a try.
func (l *limit) end() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn++
	l.target = nil
	if l.timer != nil {
		l.timer.Stop()
	}
}

// dial is how long opening a connection may take.
func (l *limit) dial(d time.Duration) time.Duration {
	if l == nil {
		return d
	}
	if left, ok := l.left(); ok && (d < 0 || left < d) {
		d = left
	}
	if l.backend > 0 && (d < 0 || l.backend < d) {
		d = l.backend
	}
	return max(d, time.Millisecond)
}

// holder knows what a connection's exchange waits for, so that cutting the connection off ends that too.
type holder struct {
	mu     sync.Mutex
	target interrupter
	cut    bool
}

// watch has target interrupted when the connection is cut off; at once if it was. nil stops watching. It reports whether the last target was left alone.
func (h *holder) watch(target interrupter) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.target = target
	if h.cut && target != nil {
		target.interrupt()
	}
	return !h.cut
}

func (h *holder) cutOff() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = true
	if h.target != nil {
		h.target.interrupt()
	}
}

// watch has target interrupted when the time of the try is over or the client is cut off; at once if it is so. nil stops watching. It
// reports whether the last target was left alone.
func (x *exchange) watch(target interrupter) bool {
	alone := x.holder == nil || x.holder.watch(target)
	if x.lease.joined {
		alone = x.lease.watch(target) && alone
	}
	if x.limit != nil {
		x.limit.watch(target)
		return alone && !x.limit.expired()
	}
	return alone
}
