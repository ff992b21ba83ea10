package ports

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"syscall"
)

// tries is how many ports are tried for a listener whose own cannot be bound.
const tries = 1000

// lastPrivileged is the last port that a system may keep for its administrator.
const lastPrivileged = 1023

// Config is what a Table is made of.
type Config struct {
	// Shared says that the load balancers share an address, so that one's port is another's obstacle.
	Shared bool
	Offset int // added to ports under 1024 that may not be bound
	Log    *slog.Logger
}

// Table knows which port is claimed by which bind. Its methods may be called concurrently; a Bind belongs to who made it.
type Table struct {
	cfg    Config
	mu     sync.Mutex
	claims map[key]*Bind
}

// key tells TCP from UDP.
type key struct {
	udp bool
	at  netip.AddrPort
}

// New returns a table without claims.
func New(cfg Config) *Table { return &Table{cfg: cfg, claims: map[key]*Bind{}} }

// Bind is one address of one listener. Name, UDP and Want are set when it is claimed.
type Bind struct {
	Name   string // of the proxy's listener
	UDP    bool
	Want   netip.AddrPort // what the cloud's state asks for
	Before netip.AddrPort // where it was bound before, if that is known: it is tried first
	At     netip.AddrPort // what is tried now, or bound
	// Failure is one sentence of why nothing is bound; empty while it is. Clear it before the next try.
	Failure string

	next   int    // candidate to try when At fails
	logged string // the failure that has been logged
	moved  bool   // that At differs from Want has been logged
}

// Claim keeps the best port that is free for b, also while it is not bound. Where none is, b.At stays zero.
func (t *Table) Claim(b *Bind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.nextFree(b); ok {
		t.claim(b, at)
	}
}

// Release gives up what b has claimed.
func (t *Table) Release(b *Bind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(b)
}

// Claims returns how many ports are claimed.
func (t *Table) Claims() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.claims)
}

func (t *Table) claim(b *Bind, at netip.AddrPort) {
	t.release(b)
	b.At = at
	t.claims[key{b.UDP, at}] = b
}

func (t *Table) release(b *Bind) {
	if k := (key{b.UDP, b.At}); t.claims[k] == b {
		delete(t.claims, k)
	}
}

// nextFree returns the next candidate of b that no other bind has.
func (t *Table) nextFree(b *Bind) (netip.AddrPort, bool) {
	for b.next < tries {
		at := candidate(b.Want, b.Before, t.cfg.Offset, b.next)
		b.next++
		if holder := t.claims[key{b.UDP, at}]; holder == nil || holder == b {
			return at, true
		}
	}
	b.next = 0
	return netip.AddrPort{}, false
}

// candidate for a bind, best first: where it was before, its own address, then ports that anybody may bind.
func candidate(want, before netip.AddrPort, offset, i int) netip.AddrPort {
	if before.IsValid() {
		if i == 0 {
			return before
		}
		i--
	}
	if i == 0 {
		return want
	}
	port := int(want.Port())
	if port <= lastPrivileged {
		port += offset - 1
	}
	port += i
	if port > 65535 {
		port = 1024 + port - 65536
	}
	return netip.AddrPortFrom(want.Addr(), uint16(port))
}

// Failed decides what a bind does after b.At could not be bound: it moves to the next candidate and reports true, or gives up, with
// b.Failure set, until it is tried again.
func (t *Table) Failed(b *Bind, err error) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := b.At == b.Want
	denied := errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
	inUse := errors.Is(err, syscall.EADDRINUSE)
	if denied || inUse && (t.cfg.Shared || !own) {
		if at, ok := t.nextFree(b); ok {
			t.claim(b, at)
			return true
		}
	}
	switch {
	case inUse:
		b.Failure = fmt.Sprintf("address %s is in use by another program: stop it; it is tried again every second", b.At)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		b.Failure = fmt.Sprintf("this machine does not have address %s: add it to an interface, or choose another address pool", b.At.Addr())
	default:
		b.Failure = fmt.Sprintf("address %s cannot be bound: %v", b.At, unwrapSyscall(err))
	}
	if b.logged != b.Failure {
		b.logged = b.Failure
		t.cfg.Log.Warn("listener does not answer", "listener", b.Name, "reason", b.Failure)
	}
	return false
}

// Bound notes that b answers, and says so once where that is not the port that was asked for. who names the load balancer and the
// listener for people.
func (t *Table) Bound(b *Bind, who ...any) {
	b.logged = ""
	if b.At != b.Want && !b.moved {
		t.cfg.Log.Info("listener answers on another port: its own cannot be bound",
			append(who, "wanted", b.Want.String(), "endpoint", b.At.String())...)
	}
	b.moved = b.At != b.Want
}

func unwrapSyscall(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
