package world

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/disk"
)

// Config is what a World is made of. Pool, Clock, Dice and Log are required.
type Config struct {
	Path   string // of the state file; empty keeps the state in memory
	NoSync bool   // do not wait for the disk itself: enough for a kill of the process, not for a loss of power
	Pool   AddressPool
	Zone   string // the DNS zone of the load balancers' names
	Clock  Clock
	Dice   *Dice
	// Latency and Quotas are what the world starts with.
	Latency Latency
	Quotas  Quotas
	// Reported says that somebody carries the traffic, and that a listener is active only once ReportListener said that it answers.
	Reported bool
	// Claimed says that addresses have to be claimed on a network, and that a load balancer is active only once ReportLoadBalancer
	// said that it has its own.
	Claimed bool
	Log     *slog.Logger
}

// World is the state of the fake cloud. Safe for concurrent use.
type World struct {
	cfg     Config
	lent    *lent
	store   *store // nil: in memory
	aside   string // what the state file was moved to at start, when it was damaged
	wake    chan struct{}
	stopped chan struct{}

	mu           sync.RWMutex
	state        *state
	pending      *batch
	refusal      error // why writes fail; nil when they do not
	refusedUntil time.Time
	stale        bool // memory is ahead of the disk, which could not be read again
	closed       bool
	watches      []*Watch
	schedule     schedule
	armed        time.Time // when the alarm is set for; zero when it is not
	disarm       func()
	quotas       Quotas
	latency      Latency
}

// New opens the world that the state file holds, or a new one. A file that is damaged is moved aside. The error is one
// sentence for the user.
func New(cfg Config) (*World, error) {
	if err := cfg.Pool.check(); err != nil {
		return nil, err
	}
	lent := &lent{who: map[netip.Addr]string{}}
	cfg.Pool.Taken = lent.taken(cfg.Pool.Taken)
	w := &World{
		lent: lent, cfg: cfg, quotas: cfg.Quotas, latency: cfg.Latency, state: newState(cfg.Pool), pending: newBatch(),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	if cfg.Path != "" {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rehome()
	w.reschedule()
	go w.commitLoop()
	return w, nil
}

// rehome gives another address to a load balancer whose own is not in the pool any more: the pool is another than when the
// state was written. The lock is held.
func (w *World) rehome() {
	for _, p := range w.state.tables[KindLoadBalancer].order {
		lb, ok := find[LoadBalancer](w.state, KindLoadBalancer, p.id)
		if !ok || !slices.ContainsFunc(lb.IPs, func(ip netip.Addr) bool { return !w.cfg.Pool.contains(ip) }) {
			continue
		}
		ips, err := w.state.addresses.choose(lb.ID, nil)
		if err != nil {
			w.cfg.Log.Error("load balancer keeps an address outside the pool", "loadBalancer", lb.ID, "ips", lb.IPs, "error", err)
			continue
		}
		w.cfg.Log.Warn("load balancer gets another address: its own is not in the pool", "loadBalancer", lb.ID, "was", lb.IPs, "is", ips)
		next := *lb
		next.IPs = ips
		w.put(&next)
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *World) open() error {
	s, loaded, err := openStore(w.cfg.Path, !w.cfg.NoSync, w.cfg.Pool)
	var d *disk.Damage
	if errors.As(err, &d) {
		w.aside = w.cfg.Path + ".corrupt-" + w.cfg.Clock.Now().Format("20060102T150405.000Z")
		if err := os.Rename(w.cfg.Path, w.aside); err != nil {
			return fmt.Errorf("state file is damaged (%w) and cannot be moved aside: %w", d, err)
		}
		w.cfg.Log.Error("STATE FILE IS DAMAGED: moved aside, starting with an empty cloud", "file", w.cfg.Path, "movedTo", w.aside, "damage", d.Err)
		s, loaded, err = openStore(w.cfg.Path, !w.cfg.NoSync, w.cfg.Pool)
	}
	if err != nil {
		return err
	}
	w.store, w.state = s, loaded
	// An empty batch shows now whether the file can be written.
	b := newBatch()
	b.seq = loaded.seq
	if err := s.commit(b); err != nil {
		return errors.Join(fmt.Errorf("state file %s cannot be written: %w", w.cfg.Path, err), s.file.Close())
	}
	return nil
}

// Close writes what is pending and closes the state file. Changes after it fail.
func (w *World) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	if w.disarm != nil {
		w.disarm()
	}
	close(w.wake)
	w.mu.Unlock()
	<-w.stopped
	if w.store == nil {
		return nil
	}
	return w.store.file.Close()
}

// Health returns nil while changes can be written.
func (w *World) Health() error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.refusal
}

// MovedAside returns where a damaged state file was moved to when the world was opened; empty when it was sound.
func (w *World) MovedAside() string { return w.aside }

// Clock returns the clock that the world lives by.
func (w *World) Clock() Clock { return w.cfg.Clock }

// Dice returns the dice of the world.
func (w *World) Dice() *Dice { return w.cfg.Dice }

// DNSName returns the name of a load balancer, without a dot at the end.
func (w *World) DNSName(loadBalancer string) string { return loadBalancer + "." + w.cfg.Zone }

// Quotas returns the limits that hold now.
func (w *World) Quotas() Quotas {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.quotas
}

// SetQuotas changes the limits for what is made from now on. They last until the world is closed.
func (w *World) SetQuotas(q Quotas) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quotas = q
}

// Latency returns how long changes take now.
func (w *World) Latency() Latency {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.latency
}

// SetLatency changes how long changes take that begin from now on. It lasts until the world is closed.
func (w *World) SetLatency(l Latency) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latency = l
}

// Reset removes everything at once, and sets latency and quotas as they were at the start.
func (w *World) Reset() error {
	return w.change(func() error {
		seq := w.state.seq
		w.state = newState(w.cfg.Pool)
		w.state.seq = seq
		w.pending.changes, w.pending.reset, w.pending.seq = map[Ref]change{}, true, seq
		w.quotas, w.latency = w.cfg.Quotas, w.cfg.Latency
		w.reschedule()
		return nil
	})
}

// Counts returns how many resources of each kind there are.
func (w *World) Counts() map[Kind]int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	counts := map[Kind]int{}
	for kind, t := range w.state.tables {
		counts[kind] = len(t.rows)
	}
	return counts
}

// newMeta gives a resource its id and first state. The lock is held.
func (w *World) newMeta(kind Kind, n Naming) Meta {
	m := Meta{Naming: n, Revision: 1, CreatedAt: w.cfg.Clock.Now().Truncate(time.Millisecond)}
	for {
		w.state.seq++
		m.Seq = w.state.seq
		m.ID = kind.prefix() + leftPad(strconv.FormatUint(w.cfg.Dice.scramble(m.Seq), 16))
		if _, taken := w.state.tables[kind].rows[m.ID]; !taken {
			break
		}
	}
	w.start(kind, &m)
	return m
}

func leftPad(hex string) string { return "0000000000000000"[len(hex):] + hex }

// nameFree refuses a name that another than id has in the container. The lock is held.
func (w *World) nameFree(kind Kind, in, name, id string) error {
	other, ok := w.state.tables[kind].names[in][name]
	if !ok || other == id {
		return nil
	}
	e := failf(AlreadyExists, "a %s named %q exists already: %s", kind, name, other)
	e.Existing = existing(w.state.tables[kind].rows[other])
	return e
}

// existing returns the resource by value.
func existing(r record) any {
	switch r := r.(type) {
	case *LoadBalancer:
		return *r
	case *Listener:
		return *r
	case *Rule:
		return *r
	case *Pool:
		return *r
	case *Certificate:
		return *r
	}
	return nil
}

// room refuses one more than the quota.
func room(have, quota int, of string) error {
	if have < quota {
		return nil
	}
	return failf(QuotaExceeded, "quota of %d %s is used up", quota, of)
}

// editable refuses an edit of what is going, or of what is not any more what the client has seen. revision zero is any.
func editable(kind Kind, m *Meta, revision uint64) error {
	if m.State == Deleting {
		return failf(Conflict, "%s %s is being deleted", kind, m.ID)
	}
	return seen(kind, m, revision)
}

func seen(kind Kind, m *Meta, revision uint64) error {
	if revision != 0 && revision != m.Revision {
		return failf(PreconditionFailed, "%s %s was changed by another: read it again", kind, m.ID)
	}
	return nil
}
