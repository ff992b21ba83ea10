package aws

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// meter holds the calls of each class to a rate that adapts: a throttled call halves the rate of its class, and while calls
// succeed it grows back.
type meter struct {
	buckets map[class]*bucket
}

// newMeter returns a meter of full buckets, so many times as large as the budgets. Infinite ones never hold a call back.
func newMeter(times float64) *meter {
	m := &meter{buckets: make(map[class]*bucket, len(budgets))}
	for class, b := range budgets {
		m.buckets[class] = newBucket(b.times(times))
	}
	return m
}

// times returns a multiple of a budget, which lets at least one call go out at once.
func (b budget) times(n float64) budget {
	if math.IsInf(n, 1) {
		return budget{perSecond: rate.Inf}
	}
	return budget{perSecond: b.perSecond * rate.Limit(n), burst: max(1, int(math.Round(float64(b.burst)*n)))}
}

// install makes every call of a client wait for the meter.
func (m *meter) install(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("CloudgateMeter", m.handle), middleware.Before)
}

func (m *meter) handle(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	op := operation{middleware.GetServiceID(ctx), middleware.GetOperationName(ctx)}
	kind, known := operations[op]
	if !known {
		return middleware.InitializeOutput{}, middleware.Metadata{}, &cloud.Error{
			Kind: cloud.Invalid, Op: op.name, Err: fmt.Errorf("%s is not a call that this provider makes", op.name)}
	}
	b := m.buckets[class{op.service, kind}]
	wait := b.wait
	if yielding[op] {
		wait = b.yield
	}
	if err := wait(ctx); err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, &cloud.Error{Kind: cloud.Throttled, Op: op.name, After: time.Second, Err: err}
	}
	out, metadata, err := next.HandleInitialize(ctx, in)
	b.learn(isThrottling(err), err == nil)
	return out, metadata, err
}

// errBusy is why a call was not made.
var errBusy = errors.New("the limit on calls to AWS is used up for now")

const (
	// leastRate is what throttling cannot take from a class, in calls a second.
	leastRate = 0.1
	// throttleWindow is how long after a throttled call others that were under way with it do not halve the rate again.
	throttleWindow = time.Second
	// doubleTime is how long a rate takes to double while calls succeed, however many there are.
	doubleTime    = 10 * time.Second
	raiseInterval = 500 * time.Millisecond
)

// bucket is the rate of one class. Safe for concurrent use.
type bucket struct {
	full    budget
	limiter *rate.Limiter

	mu     sync.Mutex
	halved time.Time // the last time that the rate was halved
	raised time.Time // the last time that it was raised
}

func newBucket(b budget) *bucket {
	return &bucket{full: b, limiter: rate.NewLimiter(b.perSecond, b.burst)}
}

// wait blocks until a call may be made, or ctx ends, or would end before.
func (b *bucket) wait(ctx context.Context) error {
	if err := b.limiter.Wait(ctx); err != nil {
		return errBusy // the limiter's own text has a time in it
	}
	return nil
}

// yield is wait for a call that others go before: it leaves half of a burst to them, and comes after those that wait.
func (b *bucket) yield(ctx context.Context) error {
	for b.full.perSecond != rate.Inf {
		missing := float64(1+b.limiter.Burst()/2) - b.limiter.Tokens()
		if missing <= 0 && b.limiter.Allow() {
			return nil
		}
		// Where another call took the last token since, it is asked again soon.
		left := max(time.Duration(missing/float64(b.limiter.Limit())*float64(time.Second)), time.Millisecond)
		if err := sleep(ctx, left); err != nil {
			return errBusy
		}
	}
	return nil
}

// sleep waits, unless ctx ends before, or would.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d { //nolint:forbidigo // the bucket's clock is the limiter's own
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// learn adapts the rate to how a call ended.
func (b *bucket) learn(throttled, succeeded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now() //nolint:forbidigo // the bucket's clock is the limiter's own
	limit := b.limiter.Limit()
	switch {
	case b.full.perSecond == rate.Inf:
	case throttled && now.Sub(b.halved) >= throttleWindow:
		b.halved, b.raised = now, now
		b.set(max(limit/2, leastRate))
	case succeeded && limit < b.full.perSecond && now.Sub(b.raised) >= raiseInterval:
		factor := math.Exp2(min(now.Sub(b.raised).Seconds()/doubleTime.Seconds(), 1))
		b.raised = now
		b.set(min(limit*rate.Limit(factor), b.full.perSecond))
	}
}

// set sets the rate. Below the full rate a burst is no more than a second's worth, or saved-up tokens would be throttled again.
func (b *bucket) set(limit rate.Limit) {
	burst := b.full.burst
	if limit < b.full.perSecond {
		burst = min(burst, int(limit)+1)
	}
	b.limiter.SetLimit(limit)
	b.limiter.SetBurst(burst)
}
