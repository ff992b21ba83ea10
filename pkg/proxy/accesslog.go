package proxy

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// accessLog writes lines of JSON. Who logs never waits: lines go into a buffer that one goroutine empties, and are dropped while it is full.
type accessLog struct {
	out     io.Writer
	every   uint64
	turn    atomic.Uint64
	dropped atomic.Uint64

	mu      sync.Mutex
	lines   []byte
	spare   []byte
	wake    chan struct{} // has room for one
	stopped chan struct{}
	done    bool
}

// maxLogged is how many bytes of lines wait at most.
const maxLogged = 1 << 20

func startAccessLog(out io.Writer, every int) *accessLog {
	l := &accessLog{out: out, every: uint64(max(every, 1)), wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	go l.run()
	return l
}

// samples reports whether the next request is to be logged.
func (l *accessLog) samples() bool {
	return l != nil && (l.every == 1 || l.turn.Add(1)%l.every == 0)
}

// write logs x, which has been answered.
func (l *accessLog) write(x *exchange) {
	took := precise() - x.began
	l.mu.Lock()
	if l.done || len(l.lines) > maxLogged {
		l.mu.Unlock()
		l.dropped.Add(1)
		return
	}
	l.lines = appendLine(l.lines, x, wallClock(), took)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // It has been woken already.
	}
}

func (l *accessLog) run() {
	defer close(l.stopped)
	for range l.wake {
		l.mu.Lock()
		lines, done := l.lines, l.done
		l.lines = l.spare[:0]
		l.mu.Unlock()
		if _, err := l.out.Write(lines); err != nil {
			l.dropped.Add(uint64(bytes.Count(lines, []byte("\n"))))
		}
		l.spare = lines
		if done {
			return
		}
	}
}

// stop writes what is left and ends.
func (l *accessLog) stop() {
	l.mu.Lock()
	l.done = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-l.stopped
}

// appendLine appends the line for x. Nothing in it is secret: no header field but the user agent, and no query, which may hold tokens.
func appendLine(b []byte, x *exchange, at time.Time, took int64) []byte {
	b = append(b, `{"time":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, '"')
	b = appendString(b, "loadBalancer", x.engine.options.Name)
	b = appendString(b, "listener", x.version.site.name)
	b = appendString(b, "client", x.client.ip)
	b = appendString(b, "method", x.req.Verb)
	b = appendString(b, "host", x.req.Hostname)
	b = appendString(b, "path", x.path)
	if x.route != nil {
		b = appendString(b, "rule", x.route.rule.Name)
	}
	if x.member != nil {
		b = append(b, `,"endpoint":"`...)
		b = x.member.address().AppendTo(b)
		b = append(b, '"')
	}
	b = appendNumber(b, "status", int64(x.status))
	b = appendNumber(b, "in", x.in)
	b = appendNumber(b, "out", x.out)
	b = appendNumber(b, "micros", took/1000)
	if agent, ok := x.req.Header("user-agent"); ok {
		b = appendString(b, "agent", agent)
	}
	if x.reason != "" {
		b = appendString(b, "reason", x.reason)
	}
	return append(b, "}\n"...)
}

func appendNumber(b []byte, name string, n int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, n, 10)
}

func appendString(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":"`...)
	const hex = "0123456789abcdef"
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
