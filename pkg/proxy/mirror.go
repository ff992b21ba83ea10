package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// mirror is a request on its way to a mirror's pool: an exchange of its own, which nobody waits for. It has its place among those of the pool
// (Options.MaxMirrors) from the beginning, and starts when its body is there, or much of it.
type mirror struct {
	x       exchange
	pool    *pool
	body    *mirrorBody // nil when the request has none
	cancel  context.CancelFunc
	started bool
	timer   atomic.Pointer[time.Timer] // ends it; set when it has all that it is sent
}

// mirrors are the mirrored requests that an engine has under way.
type mirrors struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// run runs f on a goroutine of its own, and reports false once close was called.
func (g *mirrors) run(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.running.Go(f)
	return true
}

// close returns when none runs any more, nor will. What ends them is the engine's context.
func (g *mirrors) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

// mirrorsTo reports whether the nth request of a rule goes to its ith mirror. Shares are as exact as those of backends (see spread) and
// come from another irrational number, the square root of 2, so that a mirror does not get one backend's requests alone.
func (m *Mirror) mirrorsTo(n uint64, i int) bool {
	const silver, golden = 0x6a09e667f3bcc909, 0x9e3779b97f4a7c15
	if m.Denominator == 0 {
		return true
	}
	return mulHigh(n*silver+uint64(i)*golden, uint64(m.Denominator)) < uint64(m.Numerator)
}

// mirror sends the request, which is as the rule's filters left it, to the mirrors whose turn it is. The client does not wait for any of them.
func (x *exchange) mirror(f *forwardState) {
	if x.req.Upgrade != "" {
		return // What follows is no request.
	}
	n := f.mirrored.Add(1)
	var shared h1.Request // by all of them, who do not change what it refers to
	var list []*mirror
	for i := range f.cfg.Mirrors {
		to := &f.cfg.Mirrors[i]
		if !to.mirrorsTo(n, i) {
			continue
		}
		p := x.version.pools[to.Pool]
		if p == nil || p.cfg.Protocol != PoolHTTP1 && p.cfg.Protocol != PoolHTTP2 || !p.takeMirror(x.engine.options.MaxMirrors) {
			x.client.counters.mirrorsLost.Add(1)
			continue
		}
		if shared.Verb == "" {
			shared = copyRequest(&x.req)
		}
		list = append(list, x.newMirror(p, shared))
	}
	switch {
	case len(list) == 0:
	case x.req.Length == 0:
		for _, m := range list {
			m.start()
		}
	default:
		x.mirrored = &mirroredBody{body: x.body, mirrors: list, length: x.req.Length, patience: mirrorPatience}
		x.body = x.mirrored
	}
}

// takeMirror takes a place for one of at most limit mirrored requests.
func (p *pool) takeMirror(limit int) bool {
	if n := p.mirrors.Add(1); limit >= 0 && n > int64(limit) {
		p.mirrors.Add(-1)
		return false
	}
	return true
}

// copyRequest copies a request that lives no longer than its exchange.
func copyRequest(r *h1.Request) h1.Request {
	var keep keeper
	keep.grow(r.Fields, len(r.Verb)+len(r.Authority)+len(r.RawPath)+len(r.RawQuery))
	c := h1.Request{
		Verb: keep.string(r.Verb), Authority: keep.string(r.Authority), RawPath: keep.string(r.RawPath), RawQuery: keep.string(r.RawQuery),
		HasQuery: r.HasQuery, Fields: make([]h1.Field, 0, len(r.Fields)), Length: r.Length, Minor: 1, Trailers: r.Trailers,
	}
	for i := range r.Fields {
		if f := &r.Fields[i]; !f.Gone && !f.ID.HopByHop() {
			c.Fields = append(c.Fields, h1.Field{Name: keep.string(f.Name), Value: keep.string(f.Value), ID: f.ID})
		}
	}
	return c
}

func (x *exchange) newMirror(p *pool, req h1.Request) *mirror {
	m := &mirror{pool: p}
	m.x.engine, m.x.client = x.engine, &client{counters: x.client.counters}
	m.x.req, m.x.body, m.x.w = req, noBody{}, nobody{}
	m.x.ctx, m.cancel = context.WithCancel(x.engine.ctx)
	if req.Length != 0 {
		m.body = newMirrorBody(x.engine.options.MirrorBuffer)
		m.x.body = m.body
	}
	return m
}

// start sends the request. Only the first call does something.
func (m *mirror) start() {
	if m.started {
		return
	}
	m.started = true
	if m.body == nil {
		m.whole()
	}
	if !m.x.engine.mirrors.run(m.run) {
		m.end(false)
	}
}

// whole begins the time that the mirror has from when the request is there as a whole. It comes before or after start.
func (m *mirror) whole() {
	if d := m.x.engine.options.MirrorTimeout; d >= 0 {
		m.timer.Store(time.AfterFunc(d, m.cancel))
		if m.x.ctx.Err() != nil {
			m.stopTimer() // It has ended, and may not have seen the timer.
		}
	}
}

func (m *mirror) stopTimer() {
	if timer := m.timer.Load(); timer != nil {
		timer.Stop()
	}
}

// mirrorAnswer is how much of a mirror's answer is read, so that its connection can be used again. The rest is not.
const mirrorAnswer = 1 << 20

// run sends the request to one endpoint, to another only where that did not get it, and throws the answer away.
func (m *mirror) run() {
	x := &m.x
	x.limit = newLimit(x.ctx, &Forward{})
	answered := false
	if x.tries(m.pool) == tryOK { // Where all endpoints are busy it does not wait for one.
		answered = m.discard()
		x.leave()
	}
	x.limit.release()
	m.end(answered)
}

// discard reads the answer and reports whether there was a whole one, or as much of it as is read.
func (m *mirror) discard() bool {
	x := &m.x
	for n := 0; n <= mirrorAnswer; {
		p, err := x.respBody.next()
		if err != nil {
			whole := isEnd(err)
			x.up.done(whole)
			return whole
		}
		n += len(p)
	}
	x.up.done(false)
	return true
}

// end gives the place in the pool back and counts what became of the request. Nothing of the mirror is used after it.
func (m *mirror) end(answered bool) {
	if m.body != nil {
		m.body.abandon()
	}
	m.cancel()
	m.stopTimer()
	m.pool.mirrors.Add(-1)
	if answered {
		m.x.client.counters.mirrored.Add(1)
	} else {
		m.x.client.counters.mirrorsLost.Add(1)
	}
}

// nobody is the client of a mirror. Transports send it nothing but interim responses.
type nobody struct{ responder }

func (nobody) inform(*h1.Response) error { return nil }
