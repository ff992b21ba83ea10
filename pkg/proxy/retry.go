package proxy

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// connect tries endpoints until one answers, and passes its answer on.
func (x *exchange) connect(p *pool) {
	if p.cfg.Protocol != PoolHTTP1 && p.cfg.Protocol != PoolHTTP2 {
		x.answer(http.StatusInternalServerError, "the backend does not speak HTTP")
		return
	}
	if p.budget != nil {
		p.budget.request(coarse())
	}
	var why outcome
	if retry := x.route.forward.cfg.Retry; retry == nil || retry.Attempts <= 0 {
		why = x.attempt(p)
	} else {
		why = x.attempts(p, retry)
	}
	if why == tryOK {
		x.relay()
		x.leave()
	} else {
		x.failed(why)
	}
	x.replay.close()
}

// attempts sends the request, and again as retry says.
func (x *exchange) attempts(p *pool, retry *Retry) outcome {
	if x.req.Length < 0 || x.req.Length > 0 && x.req.Length <= maxReplayed {
		x.replay = newReplay(x.body)
		x.body = x.replay
	}
	why := x.attempt(p)
	for n := 1; n <= retry.Attempts && x.unwanted(retry, why); n++ {
		wait := backoff(retry.Backoff, n, p.paused.Add(1))
		if left, ok := x.limit.left(); ok && left <= wait || !x.rewindable() {
			return why
		}
		allowed := p.budget == nil || p.budget.retry(coarse())
		x.discard(why)
		switch {
		case !allowed:
			x.reason = "the pool's budget for retries is used up"
			return tryRefused
		case !x.rewind() || !x.wait(wait, nil):
			return tryClient
		}
		x.client.counters.retries.Add(1)
		why = x.attempt(p)
	}
	return why
}

// unwanted reports whether retry would have another try after one that ended with why.
func (x *exchange) unwanted(retry *Retry, why outcome) bool {
	switch why {
	case tryOK:
		return slices.Contains(retry.Codes, x.resp.Status)
	case tryUnsent, tryStale, tryBroken, tryTimeout:
		return !x.limit.abandoned()
	case tryClient, tryFull, tryBusy, tryRefused, tryNone:
	}
	return false
}

// rewindable reports whether the request's body can be sent again, all of it.
func (x *exchange) rewindable() bool {
	if x.replay == nil {
		return x.req.Length == 0
	}
	return x.replay.hold()
}

// rewind makes the exchange ready for another attempt. It reports false where the client's body has broken off, after which there is none.
func (x *exchange) rewind() bool {
	x.in, x.canceled = 0, false
	if x.replay == nil {
		return true
	}
	err := x.replay.again()
	if err == nil {
		return true
	}
	x.reason = "the client's body broke off"
	var known *h1.Error
	if errors.As(err, &known) && known != h1.ErrCutOff {
		x.status, x.reason = known.Status, known.Reason
	}
	return false
}

// maxDiscarded is how much of an answer is read that is not passed on, for its connection to be of use.
const maxDiscarded = 64 << 10

// discard lets go of an attempt that ended with why. The next goes to another endpoint where there is one.
func (x *exchange) discard(why outcome) {
	x.tried.add(x.member.endpoint)
	if why != tryOK {
		x.fresh = true
		return
	}
	for n := 0; n < maxDiscarded && x.respBody.buffered() > 0; {
		p, err := x.respBody.next()
		if err != nil {
			break // Also where that was all of it.
		}
		n += len(p)
	}
	x.up.done(true)
	x.up, x.respBody = nil, nil
	x.leave()
}

// attempt sends the request to an endpoint, and to others while none got it. After tryOK the caller calls leave.
func (x *exchange) attempt(p *pool) outcome {
	for {
		why := x.tries(p)
		if why != tryBusy {
			return why
		}
		if why = x.queue(); why != tryOK {
			return why
		}
		x.tried = tried{}
	}
}

// tries goes from endpoint to endpoint.
func (x *exchange) tries(p *pool) outcome {
	why := tryNone
	for n := 0; n < x.engine.options.MaxTries; n++ {
		m, none := x.take(p)
		if m == nil && n == 0 && x.tried.n > 0 {
			x.tried = tried{} // An attempt before this one tried them all.
			m, none = x.take(p)
		}
		if m == nil {
			if n == 0 || none == tryBusy {
				why = none
			}
			return why
		}
		if n > 0 {
			x.client.counters.retries.Add(1)
		}
		x.enter(m)
		if why = m.transport.try(x); why == tryOK {
			return tryOK
		}
		if why == tryBusy {
			x.leaves()
			m.withdraw()
		} else {
			x.leave()
		}
		switch why {
		case tryUnsent:
			if x.stays() {
				return why
			}
			x.tried.add(m.endpoint)
		case tryBusy:
			x.crowd = m
			if m == x.held {
				return why // See take.
			}
			x.tried.add(m.endpoint)
		case tryStale:
			if !x.repeatable() || x.lease.wasCut() {
				return tryBroken
			}
			// The same endpoint is as good as another: what was stale was the connection.
			x.fresh = true
		case tryTimeout:
			if x.lease.wasCut() {
				return tryBroken
			}
			return why
		case tryOK, tryBroken, tryClient, tryFull, tryRefused, tryNone:
			return why
		}
	}
	return why
}

// stays reports whether the request that did not get to an endpoint must not go to another.
func (x *exchange) stays() bool { return x.undialed && x.engine.options.OneDial }

// enter begins a try at m, which admitted it; leave ends it.
func (x *exchange) enter(m *member) {
	x.member = m
	if m.stake != nil {
		m.stake.join(&x.lease)
	}
	x.limit.begin()
}

func (x *exchange) leave() {
	x.leaves()
	x.member.end()
}

func (x *exchange) leaves() {
	x.limit.end()
	if x.member.stake != nil {
		x.member.stake.leave(&x.lease)
	}
}

// repeatable reports whether the request may be sent again after an endpoint may have got it, where no Retry asks for it.
func (x *exchange) repeatable() bool { return x.req.Length == 0 && x.req.Idempotent() }

const (
	// leastBackoff is the time between two attempts where a Retry says none.
	leastBackoff = 25 * time.Millisecond
	// mostBackoff is where the time stops growing.
	mostBackoff = 10 * time.Second
)

// backoff is the time before the nth retry: least, twice as much each time, and up to half of it on top, spread over turns so that
// requests that failed together do not come back together.
func backoff(least time.Duration, n int, turn uint64) time.Duration {
	if least <= 0 {
		least = leastBackoff
	}
	d := least
	for ; n > 1 && d <= mostBackoff/2; n-- {
		d *= 2
	}
	return d + time.Duration(spread(turn, uint64(d/2)))
}

// wakeup ends a wait. It has room for one.
type wakeup chan struct{}

// interrupt implements interrupter.
func (w wakeup) interrupt() {
	select {
	case w <- struct{}{}:
	default: // It has been woken.
	}
}

// wait waits for d or until something comes on early. It reports false when the client is gone or cut off meanwhile.
func (x *exchange) wait(d time.Duration, early <-chan struct{}) bool {
	w := make(wakeup, 1)
	timer := time.NewTimer(d)
	defer timer.Stop()
	x.limit.rest()
	x.watch(w)
	select {
	case <-timer.C:
	case <-early:
	case <-w:
	}
	return x.watch(nil)
}
