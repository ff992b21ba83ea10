package traffic

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// maxFailures is how many failures a load explains; it counts them all.
const maxFailures = 5

// Load is clients that keep asking and count what goes wrong.
type Load struct {
	t        testing.TB
	requests atomic.Int64
	failed   atomic.Int64
	backends sync.Map // name → *atomic.Int64
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu       sync.Mutex
	failures []string // the first few
}

// Ask starts clients, each of which asks at most rate times a second until End. A rate of zero asks without a rest.
func (v *Visitor) Ask(url string, clients int, rate float64) *Load {
	ctx, stop := context.WithTimeout(context.Background(), 3*Patience)
	l := &Load{t: v.t, stop: stop}
	for range clients {
		l.done.Go(func() { l.run(ctx, v, url, rate) })
	}
	v.t.Cleanup(l.Stop)
	return l
}

func (l *Load) run(ctx context.Context, v *Visitor, url string, rate float64) {
	var tick <-chan time.Time
	if rate > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	for ctx.Err() == nil {
		if tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
				return
			}
		}
		a, err := v.Get(url)
		l.requests.Add(1)
		if err != nil || a.Status != http.StatusOK {
			l.fail(fmt.Sprintf("status %d, error %v", a.Status, err))
			continue
		}
		counter, _ := l.backends.LoadOrStore(a.Backend(), new(atomic.Int64))
		counter.(*atomic.Int64).Add(1)
	}
}

func (l *Load) fail(what string) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < maxFailures {
		l.failures = append(l.failures, time.Now().Format("15:04:05.000 ")+what)
	}
}

// By returns how many requests a backend answered, or the pods of a Deployment.
func (l *Load) By(backend string) int64 {
	var n int64
	l.backends.Range(func(name, counter any) bool {
		if named(name.(string), backend) {
			n += counter.(*atomic.Int64).Load()
		}
		return true
	})
	return n
}

// Requests returns how many requests were sent.
func (l *Load) Requests() int64 { return l.requests.Load() }

// Failed returns how many requests had no answer or another status than 200.
func (l *Load) Failed() int64 { return l.failed.Load() }

// Failures explains the first few failures.
func (l *Load) Failures() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.failures...)
}

// More waits until n more requests have been answered.
func (l *Load) More(n int64) {
	l.t.Helper()
	until := l.requests.Load() + n
	over := time.Now().Add(Patience)
	for l.requests.Load() < until {
		if time.Now().After(over) {
			l.t.Fatalf("the clients stand still after %d requests", l.requests.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

// RestsFor returns nil when a backend gets nothing of n more requests.
func (l *Load) RestsFor(backend string, n int64) error {
	l.t.Helper()
	before := l.By(backend)
	l.More(n)
	if got := l.By(backend) - before; got > 0 {
		return fmt.Errorf("%s still got %d of %d", backend, got, n)
	}
	return nil
}

// Stop ends the clients and judges nothing.
func (l *Load) Stop() {
	l.stop()
	l.done.Wait()
}

// End stops the clients and fails the test when a request failed.
func (l *Load) End() {
	l.t.Helper()
	l.Stop()
	Measured(l.t, "%d requests, %d failed", l.Requests(), l.Failed())
	if l.Failed() > 0 {
		l.t.Errorf("%d of %d requests failed: %q", l.Failed(), l.Requests(), l.Failures())
	}
	if l.Requests() == 0 {
		l.t.Error("no request was sent")
	}
}
