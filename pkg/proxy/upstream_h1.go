package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// h1Transport speaks HTTP/1.1 to an endpoint and keeps connections for reuse, the last used first.
type h1Transport struct {
	endpoint *endpoint

	mu      sync.Mutex
	spares  []*h1Upstream
	retired bool
}

func newHTTP1Transport(e *endpoint) *h1Transport {
	t := &h1Transport{endpoint: e}
	theSweeper.keep(t)
	return t
}

// h1Upstream is a connection to an endpoint, for one exchange at a time.
type h1Upstream struct {
	transport *h1Transport
	conn      upstreamConn
	in        reader
	born      int64 // coarse time
	since     int64 // coarse time: when it became spare, or was opened
	used      bool  // it has served an exchange
	x         *exchange
	pump      *pump // of the request's body; nil when that was sent with the head
}

// try implements transport.
func (t *h1Transport) try(x *exchange) outcome {
	b := getBuffer()
	defer buffers.Put(b)
	var out []byte
	streams := x.req.Length != 0
	for {
		u := t.take(x)
		if u == nil {
			var why outcome
			if u, why = t.dial(x); u == nil {
				if why == tryUnsent && len(out) > 0 && x.req.Length != 0 {
					return tryBroken // Its body was read and is not there for another endpoint.
				}
				return why
			}
		}
		if len(out) == 0 {
			if x.req.Authority == "" { // From HTTP/1.0.
				x.req.Authority = t.endpoint.hostname()
			}
			out = x.req.AppendRequest(b[:0])
			if x.req.Length > 0 && int64(x.body.buffered()) >= x.req.Length {
				out = x.appendBody(out)
				streams = false
			}
		}
		x.watch(u.conn.raw)
		u.x = x
		n, err := u.send(out, !streams)
		if err != nil && n == 0 && u.used && !x.limit.expired() {
			// It was closed while it was spare, and nothing was sent.
			x.watch(nil)
			u.close()
			continue
		}
		if err == nil && streams {
			x.proceed()
			u.pump = startPump(u, x)
		}
		// After an error too: an endpoint may have answered before it closed.
		why := u.receive(x)
		if why == tryStale && !streams && x.req.Length > 0 && x.req.Idempotent() {
			x.fresh = true // The body is still in out.
			continue
		}
		return why
	}
}

// proceed tells a client that waits for it to send the body. Transports call it before they read x.body, on the goroutine of the exchange.
func (x *exchange) proceed() {
	if !x.req.Continue {
		return
	}
	x.req.Continue = false
	if x.body.buffered() > 0 {
		return // It did not wait.
	}
	x.resp.Reset()
	x.resp.Status = http.StatusContinue
	// When the client is gone, reading the body finds out.
	_ = x.w.inform(&x.resp)
}

// appendBody appends a body that has arrived whole.
func (x *exchange) appendBody(out []byte) []byte {
	x.req.Continue = false
	for left := x.req.Length; left > 0; {
		p, err := x.body.next()
		if err != nil {
			break
		}
		out = append(out, p...)
		left -= int64(len(p))
		x.in += int64(len(p))
	}
	return out
}

// take returns a spare connection, or nil. One on which the endpoint has said anything since its last response is not one: that would be taken
// for the response to this request, and every response after it would go to the wrong client. It may also be how TLS says that it closes.
func (t *h1Transport) take(x *exchange) *h1Upstream {
	if x.fresh {
		t.spare()
		return nil
	}
	for {
		t.mu.Lock()
		n := len(t.spares)
		if n == 0 {
			t.mu.Unlock()
			return nil
		}
		u := t.spares[n-1]
		t.spares[n-1] = nil
		t.spares = t.spares[:n-1]
		t.mu.Unlock()
		if t.fits(u, coarse()) && u.conn.raw.quiet() {
			return u
		}
		u.close()
	}
}

// spare closes a connection that is not in use, if there is one: a new one is to take its place, so that there are no more than before.
func (t *h1Transport) spare() {
	t.mu.Lock()
	n := len(t.spares)
	if n == 0 {
		t.mu.Unlock()
		return
	}
	u := t.spares[0]
	t.spares = slices.Delete(t.spares, 0, 1)
	t.mu.Unlock()
	u.close()
}

// fits reports whether u is young enough.
func (t *h1Transport) fits(u *h1Upstream, now int64) bool {
	o := t.endpoint.options
	return (o.UpstreamIdle < 0 || now-u.since < int64(o.UpstreamIdle)) && (o.UpstreamLifetime < 0 || now-u.born < int64(o.UpstreamLifetime))
}

// dial opens a connection.
func (t *h1Transport) dial(x *exchange) (*h1Upstream, outcome) {
	e := t.endpoint
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if d := x.limit.dial(e.options.DialTimeout); d >= 0 {
		ctx, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()
	conn, err := e.connectTLS(ctx, e.tls)
	switch {
	case err != nil && x.limit.expired():
		return nil, tryTimeout
	case exhausted(err):
		return nil, tryUnsent // This side is at fault.
	case err != nil:
		x.undialed, x.silent = true, timedOut(err)
		x.member.unreachable(plain(err).Error())
		return nil, tryUnsent
	}
	u := &h1Upstream{transport: t, conn: conn, born: coarse(), since: coarse()}
	u.in.w, u.in.raw = conn.wire, conn.raw
	u.in.chunk = h1.Chunked{MaxExtensions: 32 << 10, MaxTrailers: 32 << 10, MaxFields: 256}
	return u, tryOK
}

// justNow is how long ago an endpoint showed that its connection is open, for ask to be used without another look. One that has closed it
// meanwhile answers with a reset, which ask sees; but one that has only ended its own side of it, and goes on reading, would not be noticed.
const justNow = 2 * tick

// send sends the beginning of a request. Where that is the whole request (complete), it also waits for the first bytes of the response, if
// it can do so more cheaply than receive.
func (u *h1Upstream) send(p []byte, complete bool) (int, error) {
	raw := u.conn.raw
	if !complete || u.conn.wire != wire(raw) || coarse()-u.since >= int64(justNow) {
		return u.write(p)
	}
	raw.readWithin(u.x.options().ResponseTimeout)
	n := u.in.ask(p)
	if n == len(p) {
		return n, nil
	}
	rest, err := u.write(p[n:])
	return n + rest, err
}

func (u *h1Upstream) write(p []byte) (int, error) {
	raw := u.conn.raw
	raw.writeWithin(u.x.options().StreamTimeout)
	n, err := u.conn.wire.Write(p)
	raw.write.Store(0)
	return n, err
}

// maxInterim bounds the interim responses before one final.
const maxInterim = 32

// receive reads the head of the final response.
func (u *h1Upstream) receive(x *exchange) outcome {
	o := x.options()
	raw := u.conn.raw
	if u.pump == nil {
		raw.readWithin(o.ResponseTimeout)
	}
	for range maxInterim {
		head, err := u.in.head(max(o.MaxHead, 64<<10), o.ResponseTimeout)
		if err != nil {
			return u.lost(err)
		}
		x.resp.Reset()
		if err := x.resp.Parse(head, x.req.Verb, h1.Limits{MaxLine: o.MaxHead, MaxFields: 1000}); err != nil {
			return u.lost(err)
		}
		if x.resp.Status >= 200 || x.resp.Status == http.StatusSwitchingProtocols {
			u.answered()
			return tryOK
		}
		if x.resp.Status != http.StatusContinue { // That was not asked for, and the client has had its own.
			if err := x.w.inform(&x.resp); err != nil {
				_ = u.abandon() // The client is gone, whatever its body was.
				return tryClient
			}
		}
		u.in.begin(bodyNone, 0, pace{})
		u.in.finish()
	}
	return u.lost(h1.ErrStatusLine)
}

// answered begins the response's body.
func (u *h1Upstream) answered() {
	x := u.x
	if u.pump != nil {
		u.pump.answered.Store(true)
	}
	u.conn.raw.read.Store(0)
	kind := bodyToEnd
	switch {
	case h1.Bodyless(x.req.Verb, x.resp.Status):
		kind = bodyNone
	case x.resp.Chunked:
		kind = bodyChunked
	case x.resp.Length >= 0:
		kind = bodySized
	}
	u.in.begin(kind, x.resp.Length, pace{grace: x.options().StreamTimeout})
	u.used = true
	x.respBody, x.up = &u.in, u
}

// lost ends a try without a response, because of err.
func (u *h1Upstream) lost(err error) outcome {
	x := u.x
	silent := u.in.r == u.in.e
	used := u.used
	expired := x.limit.expired()
	broken := u.abandon()
	if broken != nil {
		// The client's body ended the try.
		x.status, x.reason = 0, "the client's body broke off"
		var known *h1.Error
		if errors.As(broken, &known) && known != h1.ErrCutOff {
			x.status, x.reason = known.Status, known.Reason
		}
		return tryClient
	}
	x.member.failures.Add(1)
	switch {
	case expired || errors.Is(err, os.ErrDeadlineExceeded):
		return tryTimeout
	case used && silent && (errors.Is(err, io.EOF) || cutOff(err)):
		return tryStale
	}
	return tryBroken
}

// abandon drops the connection and returns what was wrong with the client's body, if anything was.
func (u *h1Upstream) abandon() error {
	x := u.x
	x.watch(nil)
	var err error
	if u.pump != nil {
		err = u.pump.stop()
	}
	u.close()
	return err
}

// done implements upstream.
func (u *h1Upstream) done(whole bool) {
	x := u.x
	whole = x.watch(nil) && whole
	sent := true
	if u.pump != nil {
		_ = u.pump.stop() // The response is there already: what else the client sent does not matter.
		sent = u.pump.sent
		u.pump = nil
	}
	u.x = nil
	keep := whole && sent && !x.resp.Close && x.resp.Status != http.StatusSwitchingProtocols && u.in.ended() && u.in.r == u.in.e
	if !keep {
		u.close()
		return
	}
	u.in.finish()
	u.conn.raw.read.Store(0)
	u.since = coarse()
	u.transport.put(u)
}

// tunnel implements upstream.
func (u *h1Upstream) tunnel() (wire, *rawConn, []byte) {
	return u.conn.wire, u.conn.raw, u.in.area[u.in.r:u.in.e]
}

func (u *h1Upstream) close() {
	u.in.release()
	u.conn.close()
}

// put makes u spare.
func (t *h1Transport) put(u *h1Upstream) {
	t.mu.Lock()
	if keep := !t.retired && len(t.spares) < t.endpoint.options.UpstreamSpares; keep {
		t.spares = append(t.spares, u)
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	u.close()
}

// retire implements transport.
func (t *h1Transport) retire() {
	theSweeper.drop(t)
	t.mu.Lock()
	t.retired = true
	spares := t.spares
	t.spares = nil
	t.mu.Unlock()
	for _, u := range spares {
		u.close()
	}
}

// upkeep closes the spare connections that are too old, or whose endpoint closed them. The sweeper calls it once a second.
func (t *h1Transport) upkeep(now int64) {
	t.mu.Lock()
	kept := t.spares[:0]
	var gone []*h1Upstream
	for _, u := range t.spares {
		if t.fits(u, now) && u.conn.raw.quiet() {
			kept = append(kept, u)
		} else {
			gone = append(gone, u)
		}
	}
	clear(t.spares[len(kept):])
	t.spares = kept
	t.mu.Unlock()
	for _, u := range gone {
		u.close()
	}
}

// pump sends a request's body while the response is awaited or already passed on.
type pump struct {
	u        *h1Upstream
	body     body
	chunked  bool
	stopping atomic.Bool
	answered atomic.Bool
	ended    chan struct{}

	// Valid after ended.
	in   int64
	sent bool  // all of it
	err  error // of the client's body
}

func startPump(u *h1Upstream, x *exchange) *pump {
	p := &pump{u: u, body: x.body, chunked: x.req.Length < 0, ended: make(chan struct{})}
	go p.run()
	return p
}

// abandoner is a body that can be told that nobody wants the rest: next fails soon, or at the end of what is there.
type abandoner interface{ abandon() }

// stop returns when the body is not read any more, and then what was wrong with it.
func (p *pump) stop() error {
	p.stopping.Store(true)
	select {
	case <-p.ended:
	default:
		if a, ok := p.body.(abandoner); ok {
			a.abandon()
		}
		p.u.conn.raw.expired(false, true) // It may be writing to an endpoint that does not read.
		<-p.ended
	}
	p.u.x.in += p.in
	p.in = 0
	return p.err
}

func (p *pump) run() {
	defer close(p.ended)
	raw := p.u.conn.raw
	var out []byte
	for {
		part, err := p.body.next()
		if p.stopping.Load() {
			return
		}
		if err == io.EOF { //nolint:errorlint // body.next promises io.EOF itself.
			break
		}
		if err != nil {
			p.err = err
			raw.interrupt()
			return
		}
		p.in += int64(len(part))
		if p.chunked {
			out = h1.AppendChunk(out[:0], part)
			part = out
		}
		if _, err := p.u.write(part); err != nil {
			return // The endpoint does not want it. It may have said why.
		}
	}
	if p.chunked {
		if _, err := p.u.write(h1.AppendChunkEnd(nil, p.body.trailers())); err != nil {
			return
		}
	}
	p.sent = true
	if !p.answered.Load() {
		raw.readWithin(p.u.x.options().ResponseTimeout)
	}
}
