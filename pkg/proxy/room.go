package proxy

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// allow sets how much an endpoint may have at once, as l says for a pool of a protocol. A connection of HTTP/1 carries one request at a
// time, so that whoever counts requests has counted connections.
func (m *member) allow(protocol PoolProtocol, l *Limits) {
	connections, requests := int64(l.Connections), int64(l.Requests)
	switch protocol {
	case PoolHTTP1:
		m.most = requests
		if connections > 0 && (requests == 0 || connections < requests) {
			m.most, m.queues = connections, true
		}
	case PoolHTTP2:
		m.most, m.connections = requests, connections
	case PoolTCP, PoolUDP:
		m.most = connections
	}
}

// full reports whether the endpoint has as much as the pool gives it.
func (m *member) full() bool { return m.most != 0 && m.inFlight.Load() >= m.most }

// admit is begin where there is room for one more, and reports whether there was.
func (m *member) admit() bool {
	for m.most != 0 {
		n := m.inFlight.Load()
		if n >= m.most {
			return false
		}
		if m.inFlight.CompareAndSwap(n, n+1) {
			m.requests.Add(1)
			return true
		}
	}
	m.inFlight.Add(1)
	m.requests.Add(1)
	return true
}

// withdraw takes back what admit counted, for a request that found no room on the endpoint's connections: it leaves none behind for
// others, so that nobody is called from the line.
func (m *member) withdraw() {
	m.inFlight.Add(-1)
	m.requests.Add(^uint64(0))
}

// admit chooses an endpoint that was not tried and has room, and counts what goes there: call end after use.
func (p *pool) admit(f *flow, t *tried) *member {
	for {
		m := p.pickFor(f, t)
		if m == nil || m.admit() {
			return m
		}
	}
}

// crowd returns an endpoint that was not tried because it has no room, if there is one: one where it is worth waiting, if there is one.
func (p *pool) crowd(t *tried) *member {
	c := p.choice.Load()
	if c == nil {
		return nil
	}
	var found *member
	start := int(p.turn.Load() % uint64(max(len(c.members), 1)))
	for i := range c.members {
		m := c.members[(start+i)%len(c.members)]
		if !m.full() || t.has(m.endpoint) {
			continue
		}
		if found = m; m.queues {
			break
		}
	}
	return found
}

// take chooses the endpoint for the next try and counts the request there. Where there is none it returns why.
func (x *exchange) take(p *pool) (*member, outcome) {
	for {
		m := x.pick(p)
		switch {
		case m == nil:
			return nil, x.crowded(p.crowd(&x.tried))
		case m.admit():
			return m, tryOK
		case m == x.held:
			return nil, x.crowded(m) // A session does not leave its endpoint because that is busy.
		}
	}
}

// crowded notes where there was no room, if anywhere, and returns what that means.
func (x *exchange) crowded(m *member) outcome {
	switch {
	case m == nil:
		return tryNone
	case m.queues:
		x.crowd = m
		return tryBusy
	}
	return tryFull
}

// queue waits until there may be room at x.crowd. It returns tryOK if it is worth trying again.
func (x *exchange) queue() outcome {
	patience := x.engine.options.QueueTimeout
	if x.patience == 0 {
		x.patience = math.MaxInt64
		if patience >= 0 {
			x.patience = precise() + int64(patience)
		}
	}
	d := time.Duration(x.patience - precise())
	if d <= 0 {
		return tryFull
	}
	if left, ok := x.limit.left(); ok && left < d {
		if d = left; d <= 0 {
			return tryTimeout
		}
	}
	m := x.crowd
	if m.most != 0 && !m.queues {
		// Nobody is called when a request withdraws that was counted for a moment.
		d = min(d, tick)
	}
	place := m.line.join()
	ok := m.roomy() || x.wait(d, place)
	heard := m.line.leave(place)
	if ok {
		x.called = m
		return tryOK
	}
	if heard {
		m.line.next() // It cannot go.
	}
	return tryClient
}

// roomy reports whether the endpoint may have room for another request.
func (m *member) roomy() bool {
	if t, ok := m.transport.(*http2Transport); ok && !t.roomy(m.connections) {
		return false
	}
	return !m.full()
}

// line is who waits for room at an endpoint, first come first.
type line struct {
	waiting atomic.Int32 // how many

	mu     sync.Mutex
	places []chan struct{}
}

func (l *line) join() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := make(chan struct{}, 1)
	l.places = append(l.places, place)
	l.waiting.Store(int32(len(l.places)))
	return place
}

// leave is to be called once for each join. It reports whether the place was called and whoever had it has heard it.
func (l *line) leave(place chan struct{}) bool {
	l.mu.Lock()
	i := slices.Index(l.places, place)
	if i >= 0 {
		l.places = slices.Delete(l.places, i, i+1)
		l.waiting.Store(int32(len(l.places)))
	}
	l.mu.Unlock()
	if i >= 0 {
		return false
	}
	select {
	case <-place:
		l.next() // It was called and did not hear it.
		return false
	default:
		return true
	}
}

// next calls the first.
func (l *line) next() {
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.places) > 0 {
		l.places[0] <- struct{}{}
		l.places = slices.Delete(l.places, 0, 1)
		l.waiting.Store(int32(len(l.places)))
	}
}
