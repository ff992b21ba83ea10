package proxy

import (
	"runtime"
	"sync/atomic"
)

// Stats are an engine's counters so far.
type Stats struct {
	Opened, Closed uint64    // clients' TCP connections; the difference is open now
	Requests       uint64    // HTTP requests answered
	Status         [6]uint64 // Requests by the first digit of the status; [0] are those cut off before one
	Retries        uint64    // tries after the first
	Mirrored       uint64    // requests that a mirror answered, too
	MirrorsLost    uint64    // requests that did not get to a mirror, or not to their end
	Malformed      uint64    // requests refused before routing
	TimedOut       uint64    // clients cut off because they were slow
	BytesIn        uint64    // of requests' bodies, and from clients in tunnels, TCP and UDP
	BytesOut       uint64
	Faults         uint64 // connections that were reset because of a fault in the proxy
	LogDropped     uint64 // lines of the access log
}

// counters are one shard of an engine's.
type counters struct {
	opened, closed      atomic.Uint64
	status              [6]atomic.Uint64
	retries             atomic.Uint64
	mirrored            atomic.Uint64
	mirrorsLost         atomic.Uint64
	malformed, timedOut atomic.Uint64
	faults              atomic.Uint64
	bytesIn, bytesOut   atomic.Uint64
	_                   [64]byte // its own cache line
}

// counterShards keep connections on different cores from fighting for a counter.
type counterShards struct {
	list []counters
	next *atomic.Uint32
}

func newCounterShards() counterShards {
	return counterShards{list: make([]counters, min(runtime.GOMAXPROCS(0), 16)), next: new(atomic.Uint32)}
}

// shard returns one for a connection to keep.
func (s *counterShards) shard() *counters { return &s.list[s.next.Add(1)%uint32(len(s.list))] }

// Stats adds up the counters.
func (e *Engine) Stats() Stats {
	var s Stats
	for i := range e.shards.list {
		c := &e.shards.list[i]
		s.Opened += c.opened.Load()
		s.Closed += c.closed.Load()
		for class := range c.status {
			n := c.status[class].Load()
			s.Status[class] += n
			s.Requests += n
		}
		s.Retries += c.retries.Load()
		s.Mirrored += c.mirrored.Load()
		s.MirrorsLost += c.mirrorsLost.Load()
		s.Malformed += c.malformed.Load()
		s.TimedOut += c.timedOut.Load()
		s.Faults += c.faults.Load()
		s.BytesIn += c.bytesIn.Load()
		s.BytesOut += c.bytesOut.Load()
	}
	if e.log != nil {
		s.LogDropped = e.log.dropped.Load()
	}
	return s
}

// slots bound how many connections an engine has. A connection waits in the kernel's queue while there is none.
type slots chan struct{}

func newSlots(n int) slots {
	if n < 0 {
		return nil
	}
	return make(slots, n)
}

// take waits for a slot and reports false when stop is closed before there is one.
func (s slots) take(stop <-chan struct{}) bool {
	if s == nil {
		return true
	}
	select {
	case s <- struct{}{}:
		return true
	case <-stop:
		return false
	}
}

func (s slots) give() {
	if s != nil {
		<-s
	}
}
