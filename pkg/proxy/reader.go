package proxy

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// reader reads HTTP/1 messages from a connection: a head, then its body, then the next head. It is a body. It holds no memory between messages when nothing
// more has arrived.
//
// A head stays where it was read to while its body is read, because the message's fields are parts of it.
type reader struct {
	w   wire
	raw *rawConn // under w

	hurried atomic.Bool // see abandon
	server  bool        // reads requests: empty lines before one are skipped

	pooled *buffer
	mem    []byte // where heads are: pooled, or more when a head is long
	bulk   *bulk  // where the body is; nil while it is in mem, behind the head
	area   []byte // where bytes are read to: a part of mem, or bulk
	r, e   int    // area[r:e] has arrived and was not consumed
	floor  int    // where area begins in mem

	kind  bodyKind
	left  int64 // of a sized body
	chunk h1.Chunked
	pace  pace
}

type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodySized
	bodyChunked
	bodyToEnd // of the connection
)

// pace is how fast a body has to come: after grace, rate bytes per second on the whole, or (rate 0) something within each grace.
type pace struct {
	grace time.Duration
	rate  int
	began int64
	got   int64
}

// deadline is when the next bytes have to be there.
func (p *pace) deadline() int64 {
	switch {
	case p.grace < 0:
		return 0
	case p.rate <= 0:
		return after(p.grace)
	}
	// Not multiplied first: a body may be longer than 64 bits hold in nanoseconds.
	return p.began + int64(p.grace) + int64(float64(p.got)/float64(p.rate)*float64(time.Second)) + int64(tick)
}

// wait waits for the first bytes of a message, holding no memory for them where it can. It reports io.EOF when the other side has ended.
func (d *reader) wait() error {
	if d.r < d.e {
		return nil
	}
	if d.mem == nil && d.w == wire(d.raw) {
		b, n, err := d.raw.readFirst()
		if err != nil {
			return err
		}
		d.use(b)
		d.e = n
		return nil
	}
	d.hold()
	n, err := d.w.Read(d.area)
	d.e = n
	if n > 0 {
		return nil
	}
	return err
}

// ask writes p and waits for the first bytes that come back. See rawConn.ask.
func (d *reader) ask(p []byte) (written int) {
	d.hold()
	written, n := d.raw.ask(p, d.area[d.e:])
	d.e += n
	return written
}

// hold makes sure that there is memory.
func (d *reader) hold() {
	if d.mem == nil {
		d.use(getBuffer())
	}
}

func (d *reader) use(b *buffer) {
	d.pooled, d.mem = b, b[:]
	d.area, d.r, d.e, d.floor = d.mem, 0, 0, 0
}

// head returns the next head, which is valid until finish. Bytes have to come within timeout, all of them. limit bounds its length.
func (d *reader) head(limit int, timeout time.Duration) ([]byte, error) {
	d.hold()
	scanned, timed := 0, false
	for {
		if d.server && scanned == 0 {
			d.r += h1.SkipEmpty(d.area[d.r:d.e])
		}
		got := d.area[d.r:d.e]
		if end := h1.HeadEnd(got, scanned); end > 0 && end <= limit {
			d.r += end
			return got[:end], nil
		}
		if err := h1.Hopeless(got, scanned); err != nil {
			return nil, err
		}
		if scanned = len(got); scanned >= limit {
			return nil, h1.ErrHeadLarge
		}
		if d.e == len(d.area) {
			d.room()
		}
		if !timed && d.e > d.r {
			d.raw.readWithin(timeout)
			timed = true
		}
		n, err := d.w.Read(d.area[d.e:])
		d.e += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// room makes room behind an incomplete head: at the front, else in larger memory.
func (d *reader) room() {
	if d.r > 0 {
		d.e = copy(d.area, d.area[d.r:d.e])
		d.r = 0
		return
	}
	larger := make([]byte, 2*len(d.area))
	copy(larger, d.area)
	d.mem, d.area = larger, larger
	d.unpool()
}

func (d *reader) unpool() {
	if d.pooled != nil {
		buffers.Put(d.pooled)
		d.pooled = nil
	}
}

// begin begins the body that follows the head that was read: length bytes, or (-1) chunks or all that comes.
func (d *reader) begin(kind bodyKind, length int64, p pace) {
	d.kind, d.left, d.pace = kind, length, p
	d.floor = d.r
	d.area = d.mem[d.r:]
	d.e -= d.r
	d.r = 0
	switch {
	case kind == bodySized && length == 0:
		d.kind = bodyNone
	case kind == bodyChunked:
		d.chunk.Reset()
	}
}

// ended reports whether the whole body was consumed.
func (d *reader) ended() bool {
	switch d.kind {
	case bodyNone:
		return true
	case bodySized:
		return d.left == 0
	case bodyChunked:
		return d.chunk.Done()
	case bodyToEnd:
		return false
	}
	return false
}

// next, buffered and trailers make a reader a body.

func (d *reader) next() ([]byte, error) {
	for {
		switch d.kind {
		case bodyNone:
			return nil, io.EOF
		case bodySized:
			if d.left == 0 {
				return nil, io.EOF
			}
			if n := int(min(int64(d.e-d.r), d.left)); n > 0 {
				p := d.area[d.r : d.r+n]
				d.r, d.left = d.r+n, d.left-int64(n)
				return p, nil
			}
		case bodyChunked:
			p, n, err := d.chunk.Next(d.area[d.r:d.e])
			d.r += n
			switch {
			case err != nil:
				return nil, err
			case len(p) > 0:
				return p, nil
			case d.chunk.Done():
				return nil, io.EOF
			}
		case bodyToEnd:
			if d.r < d.e {
				p := d.area[d.r:d.e]
				d.r = d.e
				return p, nil
			}
		}
		if err := d.fill(); err != nil {
			return nil, err
		}
	}
}

func (d *reader) buffered() int {
	switch n := d.e - d.r; d.kind {
	case bodyNone:
		return 0
	case bodySized:
		return int(min(int64(n), d.left))
	case bodyChunked:
		return d.chunk.Ready(d.area[d.r:d.e])
	case bodyToEnd:
		return n
	}
	return 0
}

func (d *reader) trailers() []h1.Field {
	if d.kind != bodyChunked {
		return nil
	}
	return d.chunk.Trailers
}

// fill reads more of the body.
func (d *reader) fill() error {
	if d.pace.began == 0 {
		d.pace.began = coarse()
	}
	d.shift()
	to := d.area[d.e:]
	if d.server && d.kind == bodySized && int64(len(to)) > d.left {
		// What comes after is the next request's, and stays in the kernel. After a response nothing may come, and what does has to be noticed.
		to = to[:d.left]
	}
	d.raw.read.Store(d.pace.deadline())
	if d.hurried.Load() {
		d.raw.readWithin(lingerTime)
	}
	n, err := d.w.Read(to)
	d.raw.read.Store(0)
	d.e += n
	d.pace.got += int64(n)
	switch {
	case n > 0:
		return nil
	case err == io.EOF && d.kind == bodyToEnd: //nolint:errorlint // Readers return io.EOF itself.
		d.kind = bodyNone
		return io.EOF
	case err == io.EOF: //nolint:errorlint // As above.
		return h1.ErrCutOff
	case errors.Is(err, os.ErrDeadlineExceeded):
		return h1.ErrBodySlow
	}
	return err
}

// small is how little room makes a body move to a large buffer.
const small = 2 << 10

// shift makes room for more of the body: what was not consumed (of a chunk's line, at most) moves to the front, or to a large buffer when this one is too
// small for what is to come.
func (d *reader) shift() {
	full := d.e == len(d.area)
	unread := d.area[d.r:d.e]
	if d.bulk == nil && (full || len(d.area) < small || d.kind == bodySized && d.left > int64(len(d.area))) {
		d.bulk = getBulk()
		d.area = d.bulk[:]
	}
	d.e = copy(d.area, unread)
	d.r = 0
}

// abandon implements abandoner. Any goroutine may call it.
func (d *reader) abandon() {
	d.hurried.Store(true)
	d.raw.readWithin(lingerTime)
}

// finish ends the message. Bytes that came after it are kept for the next.
func (d *reader) finish() {
	unread := d.area[d.r:d.e]
	if d.bulk != nil {
		if len(unread) > len(d.mem) {
			d.unpool()
			d.mem = make([]byte, len(unread))
		}
		copy(d.mem, unread)
		d.r, d.e = 0, len(unread)
		bulks.Put(d.bulk)
		d.bulk = nil
	} else {
		d.r, d.e = d.r+d.floor, d.e+d.floor
	}
	d.area, d.floor = d.mem, 0
	d.kind = bodyNone
	if d.hurried.Load() {
		d.hurried.Store(false)
	}
	if d.r == d.e {
		d.release()
	}
}

// release gives the memory back. Nothing that was read may be in use.
func (d *reader) release() {
	d.unpool()
	if d.bulk != nil {
		bulks.Put(d.bulk)
		d.bulk = nil
	}
	d.mem, d.area = nil, nil
	d.r, d.e, d.floor = 0, 0, 0
	d.kind = bodyNone
}
