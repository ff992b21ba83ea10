package dataplane

import (
	"context"
	"net/netip"
	"testing"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
)

// wire is a network on which all is as it is told.
type wire struct {
	changed   chan struct{}
	held      map[netip.Addr]int
	completed int
}

func (w *wire) Hold(ip netip.Addr, _ bool) { w.held[ip]++ }
func (w *wire) Release(ip netip.Addr)      { w.held[ip]-- }
func (w *wire) Status(ip netip.Addr) lan.Status {
	return lan.Status{Held: w.held[ip] > 0}
}
func (w *wire) Changed() <-chan struct{} { return w.changed }
func (w *wire) Complete()                { w.completed++ }
func (w *wire) Prove([]netip.Addr)       {}

func TestSharesOfOneNetwork(t *testing.T) {
	w := &wire{changed: make(chan struct{}), held: map[netip.Addr]int{}}
	s := NewShare(w, 2)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	w.changed <- struct{}{}
	for n := range 2 {
		<-s.Of(n).Changed()
	}
	cancel()
	<-done
	ip := netip.MustParseAddr("192.0.2.1")
	s.Of(0).Hold(ip, false)
	s.Of(1).Hold(ip, false)
	s.Of(0).Release(ip)
	if !s.Of(1).Status(ip).Held {
		t.Error("what one share gave back is gone for the other")
	}
	for i, want := range []int{0, 0, 1, 1} {
		s.Of(i / 2).Complete() // one of them twice
		if w.completed != want {
			t.Errorf("after %d calls: want %d, got %d times complete", i+1, want, w.completed)
		}
	}
}
