package proxy

import (
	"sync"
	"testing"
	"time"
)

// waiting returns an exchange that finds no room at m.
func waiting(t *testing.T, e *Engine, m *member) *exchange {
	t.Helper()
	return &exchange{engine: e, holder: new(holder), crowd: m}
}

// A client that goes at the moment when its request is called from the line does not take the call with it.
func TestACallIsNotLostWithItsClient(t *testing.T) {
	e := newEngine(t, Options{QueueTimeout: 10 * time.Second})
	for range 500 {
		m := &member{endpoint: &endpoint{options: &e.options}, most: 1, queues: true}
		m.inFlight.Store(1)
		x := waiting(t, e, m)
		done := make(chan outcome)
		go func() { done <- x.queue() }()
		eventually(t, "the request waits", func() bool { return m.line.waiting.Load() == 1 })
		second := m.line.join()
		var both sync.WaitGroup
		both.Go(x.holder.cutOff)
		both.Go(m.line.next)
		both.Wait()
		if got := <-done; got == tryOK {
			continue // It was called before its client went.
		}
		select {
		case <-second:
		default:
			t.Fatal("nobody was called")
		}
	}
}

// Whoever was called takes the room that it was called for, and not that of another endpoint.
func TestWhoeverWasCalledGoesWhereItWasCalledTo(t *testing.T) {
	e := newEngine(t, Options{QueueTimeout: 10 * time.Second})
	p := &pool{cfg: &Pool{}, epoch: &e.epoch}
	for range 3 {
		p.members = append(p.members, &member{endpoint: &endpoint{options: &e.options}, most: 1, queues: true, weight: 1})
	}
	for _, m := range p.members {
		x := waiting(t, e, m)
		if got := x.queue(); got != tryOK {
			t.Fatalf("got %d, want room", got)
		}
		if got, _ := x.take(p); got != m {
			t.Error("it went to another endpoint")
		}
		if got, _ := x.take(p); got == m {
			t.Error("it went to one that is full")
		} else if got != nil {
			got.end()
		}
		m.end()
	}
}
