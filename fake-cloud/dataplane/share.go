package dataplane

import (
	"context"
	"net/netip"
	"sync"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
)

// Share divides addresses between the planes of several clouds. Each share learns of every change while Run runs, and the whole is
// complete when all of the shares are.
type Share struct {
	whole  Addresses
	shares []*share

	mu         sync.Mutex
	incomplete int
}

// share is one plane's.
type share struct {
	of       *Share
	changed  chan struct{}
	complete sync.Once
}

// NewShare divides whole in n.
func NewShare(whole Addresses, n int) *Share {
	h := &Share{whole: whole, incomplete: n}
	for range n {
		h.shares = append(h.shares, &share{of: h, changed: make(chan struct{}, 1)})
	}
	return h
}

// Of returns the nth share, from zero.
func (h *Share) Of(n int) Addresses { return h.shares[n] }

// Run passes on what changes until ctx is done.
func (h *Share) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.whole.Changed():
		}
		for _, s := range h.shares {
			select {
			case s.changed <- struct{}{}:
			default:
			}
		}
	}
}

// Changed has a value when a Status may have changed.
func (s *share) Changed() <-chan struct{} { return s.changed }

func (s *share) Hold(ip netip.Addr, familiar bool) { s.of.whole.Hold(ip, familiar) }
func (s *share) Release(ip netip.Addr)             { s.of.whole.Release(ip) }
func (s *share) Status(ip netip.Addr) lan.Status   { return s.of.whole.Status(ip) }
func (s *share) Prove(ips []netip.Addr)            { s.of.whole.Prove(ips) }

// Complete is passed on with the last share's.
func (s *share) Complete() {
	s.complete.Do(func() {
		s.of.mu.Lock()
		s.of.incomplete--
		last := s.of.incomplete == 0
		s.of.mu.Unlock()
		if last {
			s.of.whole.Complete()
		}
	})
}
