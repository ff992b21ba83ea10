package world

import "sync"

// Watch tells one follower what changed. Changes that come faster than they are taken are taken together.
type Watch struct {
	// C has a value when there is something to take.
	C <-chan struct{}

	signal chan struct{}
	mu     sync.Mutex
	dirty  map[Ref]struct{}
	all    bool
}

// Watch begins to follow the world. All that is there counts as changed at first.
func (w *World) Watch() *Watch {
	signal := make(chan struct{}, 1)
	t := &Watch{C: signal, signal: signal, dirty: map[Ref]struct{}{}, all: true}
	signal <- struct{}{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watches = append(w.watches, t)
	return t
}

// Take returns what was made, changed or removed since it was last asked. all says that anything may have.
func (t *Watch) Take() (changed []Ref, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all {
		t.all, t.dirty = false, map[Ref]struct{}{}
		return nil, true
	}
	changed = make([]Ref, 0, len(t.dirty))
	for ref := range t.dirty {
		changed = append(changed, ref)
	}
	clear(t.dirty)
	return changed, false
}

func (t *Watch) mark(b *batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b == nil || b.reset {
		t.all = true
	} else {
		for ref := range b.changes {
			t.dirty[ref] = struct{}{}
		}
	}
	select {
	case t.signal <- struct{}{}:
	default:
	}
}

// publish tells the followers of what is on disk now.
func (w *World) publish(b *batch) {
	w.mu.RLock()
	watches := w.watches
	w.mu.RUnlock()
	for _, t := range watches {
		t.mark(b)
	}
}

// publishAll tells the followers that anything may have changed. The lock is held.
func (w *World) publishAll() {
	for _, t := range w.watches {
		t.mark(nil)
	}
}

// Refs returns all that there is.
func (w *World) Refs() []Ref {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var refs []Ref
	for _, kind := range kinds {
		for _, p := range w.state.tables[kind].order {
			refs = append(refs, Ref{kind, p.id})
		}
	}
	return refs
}
