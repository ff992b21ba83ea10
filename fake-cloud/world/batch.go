package world

import (
	"fmt"
	"time"
)

// batch is the changes that are written to disk together.
type batch struct {
	changes map[Ref]change
	reset   bool // everything that was there before goes first
	seq     uint64
	done    chan struct{} // closed when it is on disk, or is not and err is set
	err     error
}

type change struct {
	seq    uint64
	record record // nil: removed
}

func newBatch() *batch { return &batch{changes: map[Ref]change{}, done: make(chan struct{})} }

// refusalTime is how long writes are refused after one that failed, so that a full disk is not read again for every call.
const refusalTime = time.Second

// change runs f under the lock, with the world to change through put and remove, and returns when the changes are on disk. f
// changes nothing before it is sure not to fail.
func (w *World) change(f func() error) error {
	b, err := w.begin(f)
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

// begin is change that does not wait for the disk.
func (w *World) begin(f func() error) (*batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.writable(); err != nil {
		return nil, err
	}
	if err := f(); err != nil {
		return nil, err
	}
	b := w.pending
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return b, nil
}

// writable is nil when a write may be tried. The lock is held.
func (w *World) writable() error {
	if w.closed {
		return failf(Unavailable, "the fake cloud is stopping")
	}
	if w.refusal == nil {
		return nil
	}
	if w.cfg.Clock.Now().Before(w.refusedUntil) {
		return w.refusal
	}
	if w.stale {
		if err := w.reload(); err != nil {
			w.refusedUntil = w.cfg.Clock.Now().Add(refusalTime)
			return w.refusal
		}
	}
	return nil
}

// put stores r and marks it to be written. The lock is held.
func (w *World) put(r record) {
	w.state.put(r)
	m := r.meta()
	w.pending.changes[refOf(r)] = change{m.Seq, r}
	w.pending.seq = w.state.seq
	if !m.Due.IsZero() {
		w.schedule.push(m.Due, refOf(r))
		w.arm()
	}
}

// remove is put for what goes. The lock is held.
func (w *World) remove(r record) {
	w.state.remove(r)
	w.pending.changes[refOf(r)] = change{seq: r.meta().Seq}
	w.pending.seq = w.state.seq
}

// commitLoop writes batches until the world is closed: while one is being written, the next gathers.
func (w *World) commitLoop() {
	defer close(w.stopped)
	for range w.wake {
		w.commitPending()
	}
	w.commitPending()
}

func (w *World) commitPending() {
	w.mu.Lock()
	b := w.pending
	w.pending = newBatch()
	w.mu.Unlock()
	if len(b.changes) == 0 && !b.reset {
		close(b.done)
		return
	}
	if w.store != nil {
		if err := w.store.commit(b); err != nil {
			w.undo(b, err)
			return
		}
	}
	w.recovered()
	w.publish(b)
	close(b.done)
}

// undo makes the world again what the disk says, and fails all who wait. What was changed meanwhile was built on what has
// just been lost, so it fails too.
func (w *World) undo(b *batch, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	later := w.pending
	w.pending = newBatch()
	if w.refusal == nil {
		w.cfg.Log.Error("state cannot be written: changes are refused until it can", "file", w.cfg.Path, "error", cause)
	}
	w.refusal = &Error{Code: Unavailable, Message: fmt.Sprintf("state cannot be written to %s: %v", w.cfg.Path, cause), Err: cause}
	w.refusedUntil = w.cfg.Clock.Now().Add(refusalTime)
	w.stale = true
	if err := w.reload(); err != nil {
		w.cfg.Log.Error("state cannot be read again: changes are refused until it can", "file", w.cfg.Path, "error", err)
	}
	for _, failed := range []*batch{b, later} {
		failed.err = w.refusal
		close(failed.done)
	}
}

// reload replaces the state in memory by what is on disk. The lock is held.
func (w *World) reload() error {
	loaded, err := w.store.load(w.cfg.Pool)
	if err != nil {
		return err
	}
	loaded.seq = max(loaded.seq, w.state.seq)
	w.state = loaded
	w.stale = false
	w.reschedule()
	w.publishAll()
	return nil
}

func (w *World) recovered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusal != nil {
		w.refusal = nil
		w.cfg.Log.Info("state can be written again", "file", w.cfg.Path)
	}
}
