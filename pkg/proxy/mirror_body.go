package proxy

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// mirrorPatience is how long a request's body waits for its mirrors in all, when their buffers are full. A mirror that needs more time is lost.
const mirrorPatience = 50 * time.Millisecond

// mirroredBody is a request's body that mirrors get, too. What is read of it is copied for them.
type mirroredBody struct {
	body
	mirrors  []*mirror // that go on
	length   int64     // of the body; -1 when only its end tells
	got      int64
	patience time.Duration // that is left
}

var errMirrorLost = errors.New("the request is not sent to its end: the client broke off, or the mirror is too slow for it")

// next implements body.
func (b *mirroredBody) next() ([]byte, error) {
	p, err := b.body.next()
	switch {
	case len(b.mirrors) == 0:
	case err == nil:
		b.got += int64(len(p))
		b.mirrors = slices.DeleteFunc(b.mirrors, func(m *mirror) bool { return !m.send(p, &b.patience) })
		if b.length > 0 && b.got >= b.length {
			b.finish(nil) // Who knows the length does not ask for the end.
		}
	case isEnd(err):
		b.finish(b.body.trailers())
	default:
		b.leave()
	}
	return p, err
}

// abandon implements abandoner.
func (b *mirroredBody) abandon() {
	if a, ok := b.body.(abandoner); ok {
		a.abandon()
	}
}

// finish tells the mirrors that they have it all.
func (b *mirroredBody) finish(trailers []h1.Field) {
	for _, m := range b.mirrors {
		m.body.close(io.EOF, trailers)
		m.whole()
		m.start()
	}
	b.mirrors = nil
}

// leave gives up the mirrors that do not have it all: there will be no more. It may be called for a request that has no mirrors. The body
// is not read meanwhile.
func (b *mirroredBody) leave() {
	if b == nil {
		return
	}
	for _, m := range b.mirrors {
		m.lose()
	}
	b.mirrors = nil
}

// send gives the mirror the next part of its request's body and reports whether it goes on.
func (m *mirror) send(p []byte, patience *time.Duration) bool {
	for {
		room, ok := m.body.offer(p)
		if !m.started && m.body.waiting() >= m.body.limit/2 {
			m.start()
		}
		if ok {
			return true
		}
		if *patience > 0 {
			began := precise()
			timer := time.NewTimer(*patience)
			select {
			case <-room:
			case <-timer.C:
			}
			timer.Stop()
			*patience -= time.Duration(precise() - began)
			continue
		}
		m.lose()
		return false
	}
}

// lose gives the mirror up.
func (m *mirror) lose() {
	m.body.close(errMirrorLost, nil)
	m.cancel()
	if !m.started {
		m.started = true
		m.end(false)
	}
}

// mirrorBody is the body of a mirrored request: a bounded buffer between the client's body and the mirror's transport.
type mirrorBody struct {
	limit int

	mu      sync.Mutex
	parts   []byte // that wait
	out     []byte // what next returned last
	end     error  // what comes after parts; nil while more may come
	gone    bool   // nobody reads it any more
	trailer []h1.Field
	ready   chan struct{} // has room for one: something came
	room    chan struct{} // has room for one: something went
}

func newMirrorBody(limit int) *mirrorBody {
	return &mirrorBody{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// offer takes a copy of p. Where there is no room it reports false, and room says when that may have changed. What nobody reads any more
// is taken and forgotten.
func (b *mirrorBody) offer(p []byte) (room <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil, true
	}
	if len(b.parts) > 0 && len(b.parts)+len(p) > b.limit {
		return b.room, false
	}
	b.parts = append(b.parts, p...)
	signal(b.ready)
	return nil, true
}

// waiting is how much was not read yet.
func (b *mirrorBody) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.parts)
}

// close says that nothing more is offered: all of the body was (io.EOF), or all that there will be. The trailers are copied.
func (b *mirrorBody) close(end error, trailers []h1.Field) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end == nil {
		b.end = end
	}
	for _, f := range trailers {
		if f.Gone {
			continue
		}
		b.trailer = append(b.trailer, h1.Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value), ID: f.ID})
	}
	if !isEnd(b.end) {
		b.parts = nil
	}
	signal(b.ready)
}

// next implements body.
func (b *mirrorBody) next() ([]byte, error) {
	for {
		b.mu.Lock()
		switch {
		case b.gone:
			b.mu.Unlock()
			return nil, errDetached
		case len(b.parts) > 0:
			b.out, b.parts = b.parts, b.out[:0]
			b.mu.Unlock()
			signal(b.room)
			return b.out, nil
		case b.end != nil:
			b.mu.Unlock()
			return nil, b.end
		}
		b.mu.Unlock()
		<-b.ready
	}
}

// buffered implements body.
func (b *mirrorBody) buffered() int { return b.waiting() }

// trailers implements body.
func (b *mirrorBody) trailers() []h1.Field {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailer
}

// abandon implements abandoner.
func (b *mirrorBody) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone, b.parts = true, nil
	signal(b.ready)
	signal(b.room)
}

// signal wakes whoever waits on c, which has room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// isEnd reports whether err is the end that body.next promises.
func isEnd(err error) bool { return err == io.EOF } //nolint:errorlint // It promises io.EOF itself.
