package reconciler

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// Rate is a limit on calls to one cloud.
type Rate struct {
	PerSecond float64
	Burst     int
}

// limiter is the token bucket of one provider and call class: clouds meter reads and writes apart. It adapts: a throttled call halves its rate and stops everyone until
// the cloud wants to be asked again; while calls succeed, it doubles in about four seconds, up to the rate it was made with.
type limiter struct {
	max    rate.Limit
	min    rate.Limit
	burst  int
	bucket *rate.Limiter
	now    func() time.Time

	mu     sync.Mutex
	paused time.Time // nobody calls before
	halved time.Time // the last time that the rate was halved
	raised time.Time // the last time that it was raised
}

const (
	// throttleWindow is how long after a throttled call others that were under way with it do not halve the rate again.
	throttleWindow = 500 * time.Millisecond
	// raiseInterval and raiseFactor say how fast a rate comes back. It does not depend on how many calls there are.
	raiseInterval = 100 * time.Millisecond
	raiseFactor   = 1.02
)

func newLimiter(r Rate, now func() time.Time) *limiter {
	limit := rate.Limit(r.PerSecond)
	burst := max(r.Burst, 1)
	return &limiter{max: limit, min: min(limit, 0.5), burst: burst, bucket: rate.NewLimiter(limit, burst), now: now}
}

// wait blocks until a call may be made. It fails when ctx ends first, and at once with Throttled while the cloud wants to be left alone:
// work goes on with what else there is to do.
func (l *limiter) wait(ctx context.Context) error {
	l.mu.Lock()
	left := l.paused.Sub(l.now())
	l.mu.Unlock()
	if left > 0 {
		return &pausedError{after: left}
	}
	return l.bucket.Wait(ctx)
}

// pausedError says that a call was not made.
type pausedError struct{ after time.Duration }

func (*pausedError) Error() string { return "the cloud asked for fewer calls" }

// learn adapts the rate to how a call ended.
func (l *limiter) learn(err *cloud.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if err != nil && err.Kind == cloud.Throttled {
		if until := now.Add(err.After); until.After(l.paused) {
			l.paused = until
		}
		if now.Sub(l.halved) >= throttleWindow {
			l.halved = now
			l.setLocked(max(l.bucket.Limit()/2, l.min))
		}
		return
	}
	if err == nil && l.bucket.Limit() < l.max && now.Sub(l.raised) >= raiseInterval {
		l.raised = now
		l.setLocked(min(l.bucket.Limit()*raiseFactor, l.max))
	}
}

// setLocked sets the rate. Below the full rate a burst is no more than a second's worth, or saved-up tokens would be throttled again.
func (l *limiter) setLocked(limit rate.Limit) {
	l.bucket.SetLimit(limit)
	burst := l.burst
	if limit < l.max {
		burst = min(burst, int(limit)+1)
	}
	l.bucket.SetBurst(burst)
}
