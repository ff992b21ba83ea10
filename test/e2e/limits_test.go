package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
)

// holding is a backend that keeps the requests for /hold until it is told to answer them.
type holding struct {
	name    string
	at      netip.AddrPort
	has     atomic.Int32
	release chan struct{}
}

func hold(t *testing.T, name string) *holding {
	h := &holding{name: name, release: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			h.has.Add(1)
			defer h.has.Add(-1)
			select {
			case <-h.release:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("X-Backend", name)
		_, _ = fmt.Fprintf(w, `{"backend": %q}`, name)
	}))
	t.Cleanup(server.Close)
	h.at = netip.MustParseAddrPort(server.Listener.Addr().String())
	return h
}

// TestLimitsOfAService: the endpoint with the fewest requests gets the next one, none gets more than it may have, and what one that goes has
// left is cut when its time is over, while the other's goes on. An ALB has all that but the limit.
func TestLimitsOfAService(t *testing.T) { tellLimitsOfAService(t, onFake) }

func tellLimitsOfAService(t *testing.T, on class) {
	w, v, _ := governed(t, on, toApp, `apiVersion: cloudgate.dev/v1alpha1
kind: BackendPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  algorithm: LeastRequest
  drainTimeout: 1s
`+on.may("  limits: {requests: 2}\n"))
	const url = "http://app.example.com/"
	a, b := hold(t, "a"), hold(t, "b")
	w.endpoints("default", "app", "http", "TCP", a.at, b.at)
	for _, h := range []*holding{a, b} {
		w.eventually("backend "+h.name, func() error { return v.Answers(url, 200, h.name) })
	}
	w.eventually("the others to be gone", func() error {
		if counts := v.Tally(url, 10); counts["a"]+counts["b"] != 10 {
			return fmt.Errorf("answers of %v", counts)
		}
		return nil
	})

	statuses := map[*holding]chan int{a: make(chan int, 2), b: make(chan int, 2)}
	one := func() *holding { // at the endpoint that it comes to
		before := a.has.Load()
		total := before + b.has.Load()
		status := make(chan int, 1)
		go func() {
			answer, err := v.Get(url + "hold")
			if err != nil {
				t.Error(err)
			}
			status <- answer.Status
		}()
		w.eventually("the request to come", func() error {
			if n := a.has.Load() + b.has.Load(); n != total+1 {
				return fmt.Errorf("%d requests are there, want %d", n, total+1)
			}
			return nil
		})
		at := b
		if a.has.Load() > before {
			at = a
		}
		go func() { statuses[at] <- <-status }()
		return at
	}
	other := map[*holding]*holding{a: b, b: a}
	first := one()
	if counts := v.Tally(url, 10); counts[other[first].name] != 10 {
		t.Errorf("%s has a request, and of 10 more answers %v", first.name, counts)
	}
	for range 3 {
		one()
	}
	if a.has.Load() != 2 || b.has.Load() != 2 {
		t.Errorf("%d and %d requests, want 2 each", a.has.Load(), b.has.Load())
	}
	if answer := v.Must(url); on != onAWS && answer.Status != http.StatusServiceUnavailable {
		t.Errorf("both are full, and the answer was %d", answer.Status)
	}

	w.endpoints("default", "app", "http", "TCP", b.at)
	for range 2 {
		if status := <-statuses[a]; status != http.StatusBadGateway {
			t.Errorf("what the endpoint that went had was answered %d, want that it was cut", status)
		}
	}
	if n := b.has.Load(); n != 2 {
		t.Errorf("the other has %d requests left, want 2", n)
	}
	close(b.release)
	for range 2 {
		if status := <-statuses[b]; status != http.StatusOK {
			t.Errorf("what stayed was answered %d", status)
		}
	}
}
