package aws

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

func TestBucketAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(budget{perSecond: 8, burst: 4})
		rate := func() float64 { return float64(b.limiter.Limit()) }
		b.learn(true, false)
		b.learn(true, false) // was under way with the first
		if rate() != 4 {
			t.Errorf("want half of 8 after a throttled call, got %v", rate())
		}
		for range 20 {
			time.Sleep(2 * time.Second)
			b.learn(true, false)
		}
		if rate() != leastRate {
			t.Errorf("want the least rate, got %v", rate())
		}
		for range 300 {
			time.Sleep(time.Second)
			b.learn(false, true)
		}
		if rate() != 8 || b.limiter.Burst() != 4 {
			t.Errorf("want 8 with a burst of 4 again, got %v and %v", rate(), b.limiter.Burst())
		}
		time.Sleep(time.Minute)
		b.learn(false, false) // an error of another kind says nothing about the rate
		if rate() != 8 {
			t.Errorf("want 8, got %v", rate())
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

// TestTenMinutesOfThrottling counts the calls that a cloud which refuses all gets: a hot loop in the caller becomes a trickle, and ends when
// the cloud answers again.
func TestTenMinutesOfThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(false)
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
