package proxy

import (
	"errors"
	"io"
	"sync"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// maxReplayed is how much of a request's body is kept to be sent again. A request that sends more is not retried.
const maxReplayed = 64 << 10

// replay is the body of a request that may have to be sent again. It passes the body on as it comes and keeps what it passed on. An attempt
// that is given up while it waits for more leaves the client's body as it is, for the next attempt to wait for: so the body is read on a
// goroutine of its own where it is not there yet.
type replay struct {
	body body // the client's

	// Of the attempt that reads.
	kept   []byte    // all that came
	at     int       // how much of kept the attempt has read
	end    error     // what comes after kept; nil while that is not known
	coming chan part // the read that is under way; nil while none is

	mu        sync.Mutex
	abandoned chan struct{} // closed when the attempt wants nothing more
	closed    bool          // abandoned is
	held      bool          // there will be another attempt
	over      bool          // more than maxReplayed came: nothing is kept any more
}

// part is what a read of the body returned.
type part struct {
	bytes []byte
	err   error
}

// errGivenUp is what an attempt reads after it was given up.
var errGivenUp = errors.New("the attempt was given up")

func newReplay(b body) *replay { return &replay{body: b, abandoned: make(chan struct{})} }

// next implements body.
func (r *replay) next() ([]byte, error) {
	switch {
	case r.at < len(r.kept):
		p := r.kept[r.at:]
		r.at = len(r.kept)
		return p, nil
	case r.end != nil:
		return nil, r.end
	case r.lost(), r.coming == nil && r.body.buffered() > 0:
		return r.keep(r.body.next())
	}
	if r.coming == nil {
		r.coming = make(chan part, 1)
		go func(coming chan<- part) {
			p, err := r.body.next()
			coming <- part{p, err}
		}(r.coming)
	}
	r.mu.Lock()
	abandoned := r.abandoned
	r.mu.Unlock()
	select {
	case got := <-r.coming:
		r.coming = nil
		return r.keep(got.bytes, got.err)
	case <-abandoned:
		return nil, errGivenUp
	}
}

// keep notes what the client's body returned, and returns it.
func (r *replay) keep(p []byte, err error) ([]byte, error) {
	if err != nil {
		r.end = err
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept)+len(p) > maxReplayed && !r.held {
		r.over = true
	}
	if r.over {
		r.kept, r.at = nil, 0
		return p, nil
	}
	r.kept = append(r.kept, p...)
	p = r.kept[r.at:]
	r.at = len(r.kept)
	return p, nil
}

// lost reports whether the beginning of the body is not there any more.
func (r *replay) lost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// hold keeps the beginning of the body for an attempt that will follow, until again. It reports false where it is not there any more. An
// attempt may be reading.
func (r *replay) hold() bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = !r.over
	return r.held
}

// again makes the body ready for the next attempt, from its beginning. It returns why the client's body broke off, if it did. No attempt
// may be reading.
func (r *replay) again() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.held = 0, false
	if r.closed {
		r.closed, r.abandoned = false, make(chan struct{})
	}
	if r.end == io.EOF { //nolint:errorlint // body.next promises io.EOF itself.
		return nil
	}
	return r.end
}

// buffered implements body.
func (r *replay) buffered() int {
	n := len(r.kept) - r.at
	if r.coming == nil && r.end == nil {
		n += r.body.buffered()
	}
	return n
}

// trailers implements body.
func (r *replay) trailers() []h1.Field { return r.body.trailers() }

// abandon implements abandoner.
func (r *replay) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.abandoned)
	}
	if r.over {
		giveUp(r.body) // No attempt follows that it would have to be there for.
	}
}

// close ends the read that may be under way. No attempt may be reading, or follow.
func (r *replay) close() {
	if r != nil && r.coming != nil {
		giveUp(r.body)
		<-r.coming
		r.coming = nil
	}
}

// giveUp tells a body that nobody wants the rest.
func giveUp(b body) {
	if a, ok := b.(abandoner); ok {
		a.abandon()
	}
}
