package proxy

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	const second = int64(time.Second)
	b := newBudget(&RetryBudget{Percent: 20, Interval: 10 * time.Second, MinCount: 3, MinInterval: time.Second})
	now := 1000 * second
	allowed := func(at int64, n int) (got int) {
		for range n {
			if b.retry(at) {
				got++
			}
		}
		return got
	}
	if got := allowed(now, 100); got != 3 {
		t.Errorf("without requests: want MinCount, 3, got %d", got)
	}
	if got := allowed(now+second/2, 100); got != 0 {
		t.Errorf("half a MinInterval later: want none, got %d", got)
	}
	if got := allowed(now+2*second, 100); got != 3 {
		t.Errorf("two MinIntervals later: want 3 more, got %d", got)
	}
	now += 20 * second
	for i := range int64(1000) {
		b.request(now + i*second/200) // for five seconds
	}
	now += 5 * second
	if got := allowed(now, 1000); got != 250 {
		t.Errorf("want a fifth of all, 250 of 1250, got %d", got)
	}
	if got := allowed(now+5*second, 1000); got != 3 {
		t.Errorf("in the same Interval: want MinCount, 3, got %d", got)
	}
	if got := allowed(now+15*second, 1000); got != 3 {
		t.Errorf("after all is over: want MinCount, 3, got %d", got)
	}
	// A hundred percent are no limit, none is.
	b.cfg = &RetryBudget{Percent: 100}
	if got := allowed(now+100*second, 1000); got != 1000 {
		t.Errorf("100 percent: want 1000, got %d", got)
	}
	b.cfg = &RetryBudget{}
	if got := allowed(now+200*second, 1000); got != 0 {
		t.Errorf("no percent: want none, got %d", got)
	}
	// Intervals that are no time.
	b = newBudget(&RetryBudget{Percent: 20})
	if got := allowed(now, 10); got != 0 {
		t.Errorf("want none, got %d", got)
	}
}

// No two retries take the same place.
func TestBudgetAtOnce(t *testing.T) {
	b := newBudget(&RetryBudget{Percent: 20, Interval: time.Hour, MinCount: 5, MinInterval: time.Hour})
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range int64(500) {
				b.request(i * int64(time.Second))
			}
		})
	}
	all.Wait()
	for range 8 {
		all.Go(func() {
			for range 500 {
				if b.retry(500 * int64(time.Second)) {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := allowed.Load(); got != 1000 {
		t.Errorf("want 1000 of 5000 to be retries, got %d", got)
	}
}

func TestWindow(t *testing.T) {
	w := window{width: 10}
	for now := range int64(1000) {
		w.add(now)
	}
	if got := w.sum(999); got != 170 {
		t.Errorf("want the slot of now and 16 before it, 170, got %d", got)
	}
	for _, test := range []struct{ at, want int64 }{{1000, 160}, {1155, 10}, {1160, 0}, {1 << 40, 0}} {
		if got := w.sum(test.at); got != test.want {
			t.Errorf("at %d: want %d, got %d", test.at, test.want, got)
		}
	}
	w.add(900) // A clock that was read long ago does not bring back what is over.
	if got := w.sum(999); got < 160 || got > 171 {
		t.Errorf("want about 170, got %d", got)
	}
}

// A budget that is used up is answered with 503, whoever asks, and stays used up when the configuration changes.
func TestRetryBudget(t *testing.T) {
	versions(t, func(t *testing.T, client *http.Client, protocol PoolProtocol, start func(http.HandlerFunc) string) {
		var seen atomic.Int64
		up := start(func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			w.WriteHeader(500)
		})
		e := newEngine(t, Options{})
		budget := &RetryBudget{Interval: time.Hour, MinCount: 3, MinInterval: time.Hour}
		pool := func() *Pool {
			p := poolSpeaking(protocol, up)
			p.Budget = budget
			return p
		}
		var url string
		for i, test := range []struct {
			reason string
			change func()
			want   int
			seen   int64
		}{
			{"within", func() {}, 500, 3},
			{"used up on the way", func() {}, 503, 2},
			{"used up", func() {}, 503, 1},
			{"used up, and the pool changed", func() {}, 503, 1},
			{"more are allowed", func() { budget = &RetryBudget{Interval: time.Hour, MinCount: 5, MinInterval: time.Hour} }, 500, 3},
			{"used up again", func() {}, 503, 1},
			{"no budget", func() { budget = nil }, 500, 3},
		} {
			if test.change(); i != 1 && i != 2 {
				url = front(t, e, retrying(2, 500), pool())
			}
			seen.Store(0)
			if got := do(t, client, request(t, "POST", url, "x")); got.Status != test.want || seen.Load() != test.seen {
				t.Errorf("%s: want %d at attempt %d, got %d at attempt %d", test.reason, test.want, test.seen, got.Status, seen.Load())
			}
		}
		if got := len(e.budgets); got != 0 {
			t.Errorf("want no budget kept, got %d", got)
		}
	})
}
