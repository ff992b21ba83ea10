package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// duplex is one side of a relay: a *rawConn, a *tls.Conn, or a stream that acts like them.
type duplex interface {
	io.Reader
	io.Writer
	// CloseWrite tells the peer that nothing more comes.
	CloseWrite() error
}

// relay carries bytes both ways between a client and an endpoint until both have sent all they had, one of them fails, or both were
// silent for long. It serves TCP, TLS passthrough, and what an upgraded HTTP/1 connection becomes.
type relay struct {
	client   duplex
	endpoint duplex
	toServer []byte // was read from the client already
	toClient []byte // was read from the endpoint already
	idle     time.Duration
	// cut makes all reads and writes of both sides fail at once. It must not block or close: the sweeper calls it.
	cut func()

	watch deadlines
	sent  atomic.Int64 // bytes to the endpoint
	got   atomic.Int64 // bytes to the client
	seen  uint64       // progress at the last look; the sweeper's
	still int          // looks in a row without progress; the sweeper's
	once  sync.Once
	err   error // why it was cut; guarded by once
}

// errIdle is why a relay ended that carried nothing for long.
var errIdle = errors.New("idle for too long")

// run returns when nothing more will be carried. It closes neither side. The error is nil when both sides ended in order.
func (r *relay) run() error {
	if r.idle > 0 {
		r.watch.expire = r
		r.seen = r.progress()
		r.arm()
		theSweeper.watch(&r.watch)
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.pump(r.client, r.endpoint, r.toClient, &r.got)
	}()
	r.pump(r.endpoint, r.client, r.toServer, &r.sent)
	<-back
	if r.idle > 0 {
		theSweeper.forget(&r.watch) // From here on the sweeper does not touch r.
	}
	return r.err
}

// pump carries one direction.
func (r *relay) pump(dst, src duplex, early []byte, count *atomic.Int64) {
	err := r.carry(dst, src, early, count)
	if err == nil {
		err = dst.CloseWrite()
		if errors.Is(err, syscall.ENOTCONN) {
			err = nil // It is gone already, having sent all: the other direction finds out.
		}
	}
	if err != nil {
		// Half a connection is of no use to anybody.
		r.once.Do(func() {
			r.err = err
			r.cut()
		})
	}
}

func (r *relay) carry(dst, src duplex, early []byte, count *atomic.Int64) error {
	if len(early) > 0 {
		n, err := dst.Write(early)
		count.Add(int64(n))
		if err != nil {
			return err
		}
	}
	to, toRaw := dst.(*rawConn)
	from, fromRaw := src.(*rawConn)
	if toRaw && fromRaw && canSplice {
		// The kernel moves the bytes. It does not say how many until it is done: progress is read from the sockets.
		n, err := to.tcp.ReadFrom(from.tcp)
		count.Add(n)
		return err
	}
	return copyCounted(dst, src, count)
}

var relayBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

func copyCounted(dst io.Writer, src io.Reader, count *atomic.Int64) error {
	buffer, _ := relayBuffers.Get().(*[]byte)
	defer relayBuffers.Put(buffer)
	for {
		n, err := src.Read(*buffer)
		if n > 0 {
			written, writeErr := dst.Write((*buffer)[:n])
			count.Add(int64(written))
			if writeErr != nil {
				return writeErr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// looks is in how many parts the idle time is watched: a relay ends when it moved nothing between that many looks in a row.
const looks = 2

func (r *relay) arm() { r.watch.read.Store(after(r.idle / looks)) }

// expired is called by the sweeper.
func (r *relay) expired(bool, bool) {
	now := r.progress()
	if now != r.seen {
		r.seen, r.still = now, 0
	} else {
		r.still++
	}
	if r.still < looks {
		r.arm()
		return
	}
	r.watch.read.Store(0)
	r.once.Do(func() {
		r.err = errIdle
		r.cut()
	})
}

// progress changes when bytes move.
func (r *relay) progress() uint64 {
	moved := uint64(r.sent.Load() + r.got.Load())
	if c, ok := r.client.(*rawConn); ok && canSplice {
		moved += c.moved()
	}
	return moved
}

// cutOff reports whether err is how a connection ends that its peer reset.
func cutOff(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
