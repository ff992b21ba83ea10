package proxy

import (
	"net"
	"sync/atomic"

	"golang.org/x/net/http2"
)

// guard watches the frames that a client of HTTP/2 sends, and ends the connection of one that makes the server work without asking for
// anything: that opens streams only to reset them, or floods it with frames that carry nothing. The bytes go on unchanged. The
// limits of a single frame or header block are the HTTP/2 server's.
type guard struct {
	net.Conn // what the frames come on
	early    []byte

	resets  bucket
	useless bucket
	flooded func() // called once

	in, out frameHeads
	sent    atomic.Int64 // frames that the client asked for, since the last useless one
}

// frameHeads finds the heads of frames in a stream of bytes.
type frameHeads struct {
	skip   int // bytes of a preface or payload that are still to come
	header [9]byte
	filled int // of header
}

// errFlood is how the guard ends a connection: the server sends it to the client in a GOAWAY.
var errFlood = http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)

// uselessRate is how many frames that carry nothing a client may send per second: PING, SETTINGS, PRIORITY, and empty DATA. Each frame of a
// response allows one more: gRPC clients probe the bandwidth with a ping in each round trip that brings data, thousands a second on a fast network.
const uselessRate = 500

func newGuard(conn net.Conn, early []byte, resetRate int, flooded func()) *guard {
	return &guard{
		Conn: conn, early: early, in: frameHeads{skip: len(http2.ClientPreface)}, flooded: flooded,
		resets: newBucket(resetRate), useless: newBucket(uselessRate),
	}
}

// Read reads what was read ahead first.
func (g *guard) Read(p []byte) (int, error) {
	var n int
	var err error
	if len(g.early) > 0 {
		n = copy(p, g.early)
		g.early = g.early[n:]
	} else {
		n, err = g.Conn.Read(p)
	}
	if !g.inspect(p[:n]) {
		if g.flooded != nil {
			g.flooded()
			g.flooded = nil
		}
		return 0, errFlood
	}
	return n, err
}

// Write follows what the server sends.
func (g *guard) Write(p []byte) (int, error) {
	for rest := p; ; {
		kind, _, more := g.out.next(&rest)
		if !more {
			return g.Conn.Write(p)
		}
		if kind == frameData || kind == frameHeaders {
			g.sent.Add(1)
		}
	}
}

// inspect follows the frames in p and reports whether they are tolerable.
func (g *guard) inspect(p []byte) bool {
	for {
		kind, flags, more := g.in.next(&p)
		if !more {
			return true
		}
		if !g.allow(kind, flags) {
			return false
		}
	}
}

// next cuts from p what comes up to and with the head of a frame, and returns the frame's type and flags; its length is in skip. It reports false
// when p ends before.
func (h *frameHeads) next(p *[]byte) (kind, flags byte, more bool) {
	n := min(h.skip, len(*p))
	h.skip -= n
	*p = (*p)[n:]
	n = copy(h.header[h.filled:], *p)
	h.filled += n
	*p = (*p)[n:]
	if h.filled < len(h.header) {
		return 0, 0, false
	}
	h.filled = 0
	h.skip = int(h.header[0])<<16 | int(h.header[1])<<8 | int(h.header[2])
	return h.header[3], h.header[4], true
}

const (
	frameData     = 0
	frameHeaders  = 1
	framePriority = 2
	frameReset    = 3
	frameSettings = 4
	framePing     = 6

	flagEndStream = 1
)

// allow judges a frame by its type, flags and length (in.skip).
func (g *guard) allow(kind, flags byte) bool {
	switch kind {
	case frameReset:
		return g.resets.take()
	case framePriority, frameSettings, framePing:
		return g.allowUseless()
	case frameData:
		return g.in.skip > 0 || flags&flagEndStream != 0 || g.allowUseless()
	}
	return true
}

func (g *guard) allowUseless() bool {
	g.useless.give(g.sent.Swap(0))
	return g.useless.take()
}

// bucket is a token bucket that holds a second's worth. A negative rate is no limit.
type bucket struct {
	rate   int64
	tokens int64 // in billionths
	at     int64 // precise time of tokens
}

func newBucket(rate int) bucket {
	return bucket{rate: int64(rate), tokens: int64(rate) * nano, at: precise()}
}

const nano = 1_000_000_000

func (b *bucket) take() bool {
	if b.rate < 0 {
		return true
	}
	now := precise()
	// After a second it is full: more would only overflow.
	passed := min(now-b.at, nano)
	b.at = now
	b.tokens = min(b.tokens+passed*b.rate, b.rate*nano)
	if b.tokens < nano {
		return false
	}
	b.tokens -= nano
	return true
}

// give puts n tokens back.
func (b *bucket) give(n int64) {
	if b.rate > 0 {
		b.tokens = min(b.tokens+min(n, b.rate)*nano, b.rate*nano)
	}
}
