package proxy

import (
	"net"

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

	skip   int // bytes of a preface or payload that are still to come
	header [9]byte
	filled int // of header
}

// errFlood is how the guard ends a connection: the server sends it to the client in a GOAWAY.
var errFlood = http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)

// uselessRate is how many frames that carry nothing a client may send per second: PING, SETTINGS, PRIORITY, and empty DATA. gRPC clients
// probe the bandwidth with some tens of pings.
const uselessRate = 500

func newGuard(conn net.Conn, early []byte, resetRate int, flooded func()) *guard {
	return &guard{
		Conn: conn, early: early, skip: len(http2.ClientPreface), flooded: flooded,
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

// inspect follows the frames in p and reports whether they are tolerable.
func (g *guard) inspect(p []byte) bool {
	for len(p) > 0 {
		if g.skip > 0 {
			n := min(g.skip, len(p))
			g.skip -= n
			p = p[n:]
			continue
		}
		n := copy(g.header[g.filled:], p)
		g.filled += n
		p = p[n:]
		if g.filled < len(g.header) {
			return true
		}
		g.filled = 0
		g.skip = int(g.header[0])<<16 | int(g.header[1])<<8 | int(g.header[2])
		if !g.allow(g.header[3], g.header[4]) {
			return false
		}
	}
	return true
}

const (
	frameData     = 0
	framePriority = 2
	frameReset    = 3
	frameSettings = 4
	framePing     = 6

	flagEndStream = 1
)

// allow judges a frame by its type, flags and length (skip).
func (g *guard) allow(kind, flags byte) bool {
	switch kind {
	case frameReset:
		return g.resets.take()
	case framePriority, frameSettings, framePing:
		return g.useless.take()
	case frameData:
		return g.skip > 0 || flags&flagEndStream != 0 || g.useless.take()
	}
	return true
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
