// Package throttle holds the calls of each class to a rate, as clouds do: a bucket of tokens that fills steadily.
package throttle

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is what one class of calls is held to. The zero Rate holds it to nothing.
type Rate struct {
	PerSecond float64 `json:"rate"`
	Burst     int     `json:"burst"` // 0 with a rate is 1
}

// Check refuses a rate that cannot be kept.
func (r Rate) Check() error {
	if math.IsNaN(r.PerSecond) || r.PerSecond < 0 || r.PerSecond > 1e9 {
		return fmt.Errorf("rate has to be 0 (no limit) to 1000000000 calls a second")
	}
	if r.Burst < 0 || r.Burst > 1e9 {
		return fmt.Errorf("burst has to be 0 to 1000000000 calls")
	}
	return nil
}

// Throttle is safe for concurrent use.
type Throttle struct {
	mu      sync.Mutex
	rates   map[string]Rate
	buckets map[string]*rate.Limiter
}

// New returns a throttle with a rate for each class.
func New(rates map[string]Rate) *Throttle {
	t := &Throttle{}
	t.Set(rates)
	return t
}

// Set replaces all rates. The buckets are full then.
func (t *Throttle) Set(rates map[string]Rate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rates, t.buckets = map[string]Rate{}, map[string]*rate.Limiter{}
	for class, r := range rates {
		t.rates[class] = r
		if r.PerSecond > 0 {
			t.buckets[class] = rate.NewLimiter(rate.Limit(r.PerSecond), max(r.Burst, 1))
		}
	}
}

// Rates returns what each class is held to.
func (t *Throttle) Rates() map[string]Rate {
	t.mu.Lock()
	defer t.mu.Unlock()
	rates := map[string]Rate{}
	for class, r := range t.rates {
		rates[class] = r
	}
	return rates
}

// Take takes a token for a call at now. When there is none it returns how long to wait for one.
func (t *Throttle) Take(class string, now time.Time) time.Duration {
	t.mu.Lock()
	bucket := t.buckets[class]
	t.mu.Unlock()
	if bucket == nil {
		return 0
	}
	r := bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
