package aws

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

func TestBucketAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(budget{perSecond: 8, burst: 4})
		limit := func() float64 { return float64(b.limiter.Limit()) }
		b.learn(true, false)
		b.learn(true, false) // was under way with the first
		if limit() != 4 {
			t.Errorf("want half of 8 after a throttled call, got %v", limit())
		}
		for range 20 {
			time.Sleep(2 * time.Second)
			b.learn(true, false)
		}
		if limit() != leastRate {
			t.Errorf("want the least rate, got %v", limit())
		}
		for range 300 {
			time.Sleep(time.Second)
			b.learn(false, true)
		}
		if limit() != 8 || b.limiter.Burst() != 4 {
			t.Errorf("want 8 with a burst of 4 again, got %v and %v", limit(), b.limiter.Burst())
		}
		time.Sleep(time.Minute)
		b.learn(false, false) // an error of another kind says nothing about the rate
		if limit() != 8 {
			t.Errorf("want 8, got %v", limit())
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(budget{perSecond: 0.1, burst: 1})
		if err := b.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.wait(ctx); err == nil {
			t.Error("a call in ten seconds was promised to a context of one")
		}
	})
}

// TestDeletesYield deletes more load balancers than a burst has room for, and then makes some: these do not wait.
func TestDeletesYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(1)
		begun := time.Now()
		call := func(ctx context.Context, name string) (time.Duration, error) {
			ctx = middleware.WithOperationName(middleware.WithServiceID(ctx, elb.ServiceID), name)
			_, _, err := m.handle(ctx, middleware.InitializeInput{}, middleware.InitializeHandlerFunc(func(context.Context, middleware.InitializeInput) (
				middleware.InitializeOutput, middleware.Metadata, error,
			) {
				return middleware.InitializeOutput{}, middleware.Metadata{}, nil
			}))
			return time.Since(begun), err
		}
		const deletes, creates = 8, 3
		var done sync.WaitGroup
		var mu sync.Mutex
		var deleted []time.Duration
		for range deletes {
			done.Go(func() {
				at, err := call(t.Context(), "DeleteLoadBalancer")
				mu.Lock()
				defer mu.Unlock()
				if deleted = append(deleted, at); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for range creates {
			if at, err := call(t.Context(), "CreateLoadBalancer"); err != nil || at != 0 {
				t.Errorf("want a load balancer made at once while others are deleted, got it after %v: %v", at, err)
			}
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := call(soon, "DeleteLoadBalancer"); !errors.Is(err, errBusy) {
			t.Errorf("want a delete put off whose turn does not come in time, got %v", err)
		}
		done.Wait()
		// A burst is of 8 calls, half of it for deletes; what creates take is waited for, too.
		b := budgets[class{elb.ServiceID, creating}]
		waits := float64(deletes+creates-b.burst/2) / float64(b.perSecond)
		if last := slices.Max(deleted).Seconds(); deleted[b.burst/2-1] != 0 || last < waits-0.1 || last > waits+0.1 {
			t.Errorf("want %d deletes at once and the last after %.1f s, got %v", b.burst/2, waits, deleted)
		}
	})
}

func TestBudgetTimes(t *testing.T) {
	for _, c := range []struct {
		times float64
		want  budget
	}{
		{1, budget{0.18, 8}},
		{10, budget{1.8, 80}},
		{0.01, budget{0.0018, 1}},
		{math.Inf(1), budget{perSecond: rate.Inf}},
	} {
		if got := (budget{0.18, 8}).times(c.times); math.Abs(float64(got.perSecond-c.want.perSecond)) > 1e-9 || got.burst != c.want.burst {
			t.Errorf("%v times: want %v, got %v", c.times, c.want, got)
		}
	}
}

// TestTenMinutesOfThrottling counts the calls that a cloud which refuses all gets: a hot loop in the caller becomes a trickle, and ends when
// the cloud answers again.
func TestTenMinutesOfThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(1)
		ctx := middleware.WithOperationName(middleware.WithServiceID(t.Context(), elb.ServiceID), "ModifyRule")
		begun := time.Now()
		calls := 0
		refuse := middleware.InitializeHandlerFunc(func(context.Context, middleware.InitializeInput) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			calls++
			return middleware.InitializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
		})
		for time.Since(begun) < 10*time.Minute {
			if _, _, err := m.handle(ctx, middleware.InitializeInput{}, refuse); !isThrottling(err) {
				t.Fatalf("want what the cloud said, got %v", err)
			}
		}
		if calls > 100 {
			t.Errorf("want at most 100 calls in ten minutes, got %d", calls)
		}
		t.Logf("%d calls", calls)
	})
}
