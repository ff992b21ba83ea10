package proxy

import (
	"sync"
	"time"
)

// stake is what a pool has under way at one of its endpoints: what is to be cut when the endpoint has gone from the pool, or drains, for
// longer than Limits.Drain. It belongs to the pool's name. Pools without that limit have none.
type stake struct {
	engine *Engine
	key    stakeKey
	refs   int // pools that have it, old versions and new; guarded by Engine.mu

	mu     sync.Mutex
	leases *lease // the first
	going  bool
	since  time.Time // when it began to go; valid while going
	turn   int       // counts timers, so that a late one cuts nothing
	timer  *time.Timer
	over   bool // what comes now is cut at once
}

type stakeKey struct {
	pool     string
	endpoint endpointKey
}

// lease is one request, connection or session that a stake may cut.
type lease struct {
	holder
	prev, next *lease
	joined     bool // only whoever joins and leaves looks at it
}

// wasCut reports whether the stake cut it.
func (l *lease) wasCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// join adds l, which is in no stake.
func (s *stake) join(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.renew(s.over)
	l.joined, l.prev, l.next = true, nil, s.leases
	if s.leases != nil {
		s.leases.prev = l
	}
	s.leases = l
}

// renew makes a holder that may have been used as good as new, or cut.
func (h *holder) renew(cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.target, h.cut = nil, cut
}

// leave removes l. Doing it again does no harm.
func (s *stake) leave(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.joined {
		return
	}
	if l.joined = false; l.prev != nil {
		l.prev.next = l.next
	} else {
		s.leases = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.prev, l.next = nil, nil
}

// drain lets what is under way go on for d since the first call after stay.
func (s *stake) drain(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.going {
		s.going, s.since = true, wallClock()
	}
	s.stop()
	turn := s.turn
	s.timer = time.AfterFunc(d-wallClock().Sub(s.since), func() { s.cut(turn) })
}

// stay ends a drain.
func (s *stake) stay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going, s.over = false, false
	s.stop()
}

// stop stops the timer. s.mu is held.
func (s *stake) stop() {
	s.turn++
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// cut ends what is under way, and the stake where no pool has it any more.
func (s *stake) cut(turn int) {
	s.mu.Lock()
	if s.turn != turn {
		s.mu.Unlock()
		return
	}
	s.over = true
	for l := s.leases; l != nil; l = l.next {
		l.cutOff()
	}
	s.mu.Unlock()
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if s.refs == 0 && s.engine.stakes[s.key] == s {
		delete(s.engine.stakes, s.key)
	}
}

// holdStake returns the stake of a pool in an endpoint that it has, or nil where nothing is ever cut. e.mu is held.
func (e *Engine) holdStake(key stakeKey, d time.Duration, draining bool) *stake {
	s := e.stakes[key]
	if d <= 0 {
		if s != nil {
			s.stay()
		}
		return nil
	}
	if s == nil {
		s = &stake{engine: e, key: key}
		e.stakes[key] = s
	}
	s.refs++
	if draining {
		s.drain(d)
	} else {
		s.stay()
	}
	return s
}

// dropStake lets go of a pool's stake, whose pool drains for d now. e.mu is held.
func (e *Engine) dropStake(s *stake, d time.Duration) {
	switch s.refs--; {
	case s.refs > 0:
	case d > 0 && !e.closed:
		s.drain(d)
	default:
		s.stay()
		delete(e.stakes, s.key)
	}
}
