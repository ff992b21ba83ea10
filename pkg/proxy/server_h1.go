package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// h1Conn is a client's connection that speaks HTTP/1. It is served by one goroutine, one request after another: pipelined requests
// wait in the connection's buffer.
type h1Conn struct {
	listener *listener
	session  *session
	w        wire
	in       reader
	idle     atomic.Bool // waits for a request
	served   int
}

// serveHTTP1 serves a connection to its end. w is the session's connection or TLS over it.
func (l *listener) serveHTTP1(s *session, w wire) {
	o := l.version.Load().site.options
	c := &h1Conn{listener: l, session: s, w: w}
	c.in.w, c.in.raw, c.in.server = w, s.rawConn, true
	c.in.chunk = h1.Chunked{MaxExtensions: min(o.MaxExtensions, 32<<10), MaxTrailers: min(o.MaxTrailers, 32<<10), MaxFields: o.MaxFields}
	defer c.in.release()
	s.onDrain(func() {
		if c.idle.Load() {
			s.expired(true, false)
		}
	})
	timeout := o.HeadTimeout // Whoever connects has something to say.
	for c.await(timeout) {
		x := newH1Exchange(c)
		again := x.serve()
		x.free()
		if !again {
			return
		}
		timeout = l.version.Load().site.options.IdleTimeout
	}
}

// await waits for the first bytes of a request and reports whether there are any.
func (c *h1Conn) await(timeout time.Duration) bool {
	if c.in.r < c.in.e {
		return true
	}
	c.idle.Store(true)
	defer c.idle.Store(false)
	if c.listener.draining.Load() {
		return false
	}
	c.session.readWithin(timeout)
	err := c.in.wait()
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && c.served == 0 && !c.listener.draining.Load() {
		c.session.client.counters.timedOut.Add(1)
	}
	return err == nil
}

// h1Exchange is a request on a connection and the responder for it. It is pooled: an idle connection has none.
type h1Exchange struct {
	exchange
	conn *h1Conn

	buf       []byte // of the response, not sent yet
	framing   h1.Framing
	last      bool // the connection ends after this exchange
	responded bool // the response's head is on its way
	dead      bool // nothing can be sent any more
	switched  bool // the connection became a tunnel
}

// outRoom has room for a head and all that comes in one buffer with an endpoint's response.
const outRoom = 20 << 10

// h1Exchanges are reset when they are put here.
var h1Exchanges = sync.Pool{New: func() any {
	x := &h1Exchange{buf: make([]byte, 0, outRoom)}
	x.exchange.reset()
	return x
}}

func newH1Exchange(c *h1Conn) *h1Exchange {
	x, _ := h1Exchanges.Get().(*h1Exchange)
	x.conn = c
	x.engine, x.client, x.w = c.listener.engine, &c.session.client, x
	x.holder, x.body = &c.session.holder, noBody{}
	x.buf, x.last, x.responded, x.dead, x.switched = x.buf[:0], false, false, false, false
	return x
}

func (x *h1Exchange) free() {
	x.exchange.reset()
	x.engine, x.client, x.w, x.holder, x.conn = nil, nil, nil, nil, nil
	if cap(x.buf) <= 2*outRoom {
		h1Exchanges.Put(x)
	}
}

// serve serves one request, and reports whether the connection can have another.
func (x *h1Exchange) serve() bool {
	c := x.conn
	o := c.listener.version.Load().site.options
	head, err := c.in.head(o.MaxHead, o.HeadTimeout)
	c.session.read.Store(0)
	x.version = c.listener.version.Load()
	if err == nil && isPreface(head) && x.policy().allowsHTTP2() {
		x.serveHTTP2(head)
		return false
	}
	if err == nil {
		err = x.req.Parse(head, h1.Limits{MaxLine: o.MaxLine, MaxFields: o.MaxFields})
	}
	if err == nil && o.MaxBody >= 0 && x.req.Length > o.MaxBody {
		err = h1.ErrBodyLarge
	}
	if err != nil {
		x.refuse(err)
		return false
	}
	c.served++
	x.last = x.req.Close || o.MaxPipelined > 0 && c.served >= o.MaxPipelined || x.unproven() || c.session.aged(o)
	x.body = x.requestBody()
	x.engine.serve(&x.exchange)
	if x.dead || x.switched {
		return false
	}
	if !c.in.ended() {
		x.last = !c.linger() || x.last
	}
	if x.last {
		if c.in.ended() {
			c.farewell()
			return false
		}
		x.close()
		return false
	}
	c.in.finish()
	return true
}

// requestBody begins the body of the request that was parsed.
func (x *h1Exchange) requestBody() body {
	o := &x.engine.options
	p := pace{grace: o.BodyTimeout, rate: o.BodyRate}
	switch {
	case x.req.Length == 0:
		x.conn.in.begin(bodyNone, 0, p)
		return noBody{}
	case x.req.Length > 0:
		x.conn.in.begin(bodySized, x.req.Length, p)
		return &x.conn.in
	}
	x.conn.in.begin(bodyChunked, -1, p)
	if o.MaxBody < 0 {
		return &x.conn.in
	}
	return &limitedBody{body: &x.conn.in, left: o.MaxBody}
}

// limitedBody refuses a body whose length was not said and is too large.
type limitedBody struct {
	body
	left int64
}

func (b *limitedBody) next() ([]byte, error) {
	p, err := b.body.next()
	if b.left -= int64(len(p)); b.left < 0 {
		return nil, h1.ErrBodyLarge
	}
	return p, err
}

// abandon implements abandoner.
func (b *limitedBody) abandon() {
	if a, ok := b.body.(abandoner); ok {
		a.abandon()
	}
}

// isPreface reports whether HTTP/2 with prior knowledge begins here. It looks like a head of HTTP/1, and no client of HTTP/1 may send it.
func isPreface(head []byte) bool { return string(head) == "PRI * HTTP/2.0\r\n\r\n" }

// serveHTTP2 gives the connection to HTTP/2, with all that was read.
func (x *h1Exchange) serveHTTP2(head []byte) {
	c := x.conn
	if c.w != wire(c.session.rawConn) {
		x.refuse(h1.ErrVersion)
		return
	}
	early := append(bytes.Clone(head), c.in.area[c.in.r:c.in.e]...)
	c.in.release()
	c.listener.serveHTTP2(c.session, c.w, early)
}

// refuse answers a request that cannot be understood, after which nothing on the connection can be.
func (x *h1Exchange) refuse(err error) {
	c := x.conn
	var known *h1.Error
	switch {
	case errors.As(err, &known):
		x.client.counters.malformed.Add(1)
		if known == h1.ErrHeadLarge && x.req.Verb == "" && bytes.IndexByte(c.in.area[c.in.r:c.in.e], '\n') < 0 {
			known = h1.ErrTargetLong
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.client.counters.timedOut.Add(1)
		known = h1.ErrHeadSlow
		x.dead = c.listener.draining.Load()
	default:
		return // It has gone.
	}
	x.last = true
	if x.engine.log.samples() {
		x.began = precise()
	}
	x.path = x.req.RawPath
	x.answer(known.Status, known.Reason)
	x.settle()
	x.close()
}

// farewell says over TLS that the connection ends here: without it the client cannot tell a response whose end that is from one cut off.
func (c *h1Conn) farewell() {
	if c.w != wire(c.session.rawConn) {
		c.session.writeWithin(lingerTime)
		_ = c.w.CloseWrite() // The connection is closed next, whether that was heard or not.
	}
}

// close ends a connection whose client may be sending still: were it closed at once, the kernel would reset it, and the client would not
// see the response.
func (x *h1Exchange) close() {
	if x.dead {
		return
	}
	if x.conn.w.CloseWrite() == nil {
		x.conn.session.drainInput(lingerTime)
	}
}

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 256 << 10
)

// linger reads the rest of a body that nobody wanted, when that is little, and reports whether it has ended.
func (c *h1Conn) linger() bool {
	if c.in.kind == bodySized && c.in.left > lingerBytes {
		return false
	}
	c.in.pace = pace{grace: lingerTime, rate: lingerBytes, began: coarse()}
	for n := 0; n < lingerBytes; {
		p, err := c.in.next()
		if err == io.EOF { //nolint:errorlint // body.next promises io.EOF itself.
			return true
		}
		if err != nil {
			return false
		}
		n += len(p)
	}
	return false
}

// drainInput reads and forgets what a client still sends.
func (s *session) drainInput(d time.Duration) {
	s.readWithin(d)
	b := getBuffer()
	defer buffers.Put(b)
	for n := 0; n < lingerBytes; {
		got, err := s.rawConn.Read(b[:])
		if err != nil {
			return
		}
		n += got
	}
}

// What follows makes an h1Exchange a responder.

func (x *h1Exchange) inform(r *h1.Response) error {
	if x.req.Minor == 0 {
		return nil // HTTP/1.0 has no such thing.
	}
	x.buf = r.AppendResponse(x.buf, h1.Unframed, false, false)
	return x.flush()
}

func (x *h1Exchange) respond(r *h1.Response, head bool) error {
	switch {
	case r.Status == http.StatusNoContent || r.Status < 200 || head && r.Length < 0 || r.Status == http.StatusNotModified && r.Length == 0:
		x.framing = h1.Unframed
	case r.Length >= 0:
		x.framing = h1.Sized
	case x.req.Minor > 0:
		x.framing = h1.InChunks
	default:
		x.framing = h1.UntilDone
		x.last = true
	}
	if x.conn.listener.draining.Load() || x.req.Continue {
		// A client that still waits for 100 may or may not send the body.
		x.last = true
	}
	x.responded = true
	x.buf = r.AppendResponse(x.buf, x.framing, x.last, x.req.Minor == 0)
	return nil
}

func (x *h1Exchange) write(p []byte) error {
	chunked := x.framing == h1.InChunks
	if len(x.buf)+len(p)+20 <= cap(x.buf) {
		if chunked {
			x.buf = h1.AppendChunk(x.buf, p)
		} else {
			x.buf = append(x.buf, p...)
		}
		return nil
	}
	if chunked {
		x.buf = h1.AppendChunkStart(x.buf, len(p))
	}
	if err := x.flush(); err != nil {
		return err
	}
	if err := x.emit(p); err != nil {
		return err
	}
	if chunked {
		x.buf = append(x.buf, '\r', '\n')
	}
	return nil
}

func (x *h1Exchange) flush() error {
	if len(x.buf) == 0 {
		return nil
	}
	err := x.emit(x.buf)
	x.buf = x.buf[:0]
	return err
}

// emit writes to the client.
func (x *h1Exchange) emit(p []byte) error {
	s := x.conn.session
	s.writeWithin(x.engine.options.WriteTimeout)
	_, err := x.conn.w.Write(p)
	s.write.Store(0)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		x.client.counters.timedOut.Add(1)
	}
	return err
}

func (x *h1Exchange) finish(trailers []h1.Field) error {
	if x.framing == h1.InChunks {
		x.buf = h1.AppendChunkEnd(x.buf, trailers)
	}
	return x.flush()
}

func (x *h1Exchange) abort() {
	x.dead = true
	x.conn.session.reset()
}

func (x *h1Exchange) tunnel(r *h1.Response, up wire, raw *rawConn, early []byte) (in, out int64, err error) {
	x.switched = true
	x.buf = r.AppendSwitch(x.buf, x.req.Upgrade)
	if err := x.flush(); err != nil {
		return 0, 0, err
	}
	c := x.conn
	t := relay{
		client: c.w, endpoint: up, toClient: early, toServer: bytes.Clone(c.in.area[c.in.r:c.in.e]),
		idle: x.options().TunnelIdle,
		cut: func() {
			c.session.interrupt()
			raw.interrupt()
		},
	}
	err = t.run()
	return t.sent.Load(), t.got.Load(), err
}
