package world

import (
	"container/heap"
	"time"
)

// operation is what a client does to a resource.
type operation uint8

const (
	creating operation = iota
	updating
	deleting
)

// due returns when an operation that begins now ends: zero when at once. The lock is held.
func (w *World) due(kind Kind, op operation) time.Time {
	var mean time.Duration
	s := latencies[w.latency][kind]
	switch op {
	case creating:
		mean = s.create
	case updating:
		mean = s.update
	case deleting:
		mean = s.remove
	}
	if mean == 0 {
		return time.Time{}
	}
	return w.cfg.Clock.Now().Add(w.cfg.Dice.Around(mean))
}

// start sets the first state of a resource that is being made. The lock is held.
func (w *World) start(kind Kind, m *Meta) {
	m.State, m.Due = Provisioning, w.due(kind, creating)
	w.settle(kind, m)
}

// settle ends a passing state that nothing is waited for in. A listener that carries traffic is provisioned until the data
// path says that it does, a load balancer whose addresses are claimed until it has them. The lock is held.
func (w *World) settle(kind Kind, m *Meta) {
	if !m.Due.IsZero() || m.State != Provisioning && m.State != Updating {
		return
	}
	if w.awaited(kind) && m.State == Provisioning {
		return
	}
	m.State, m.Reason = Active, ""
}

// awaited says whether a resource of this kind is active only once somebody has said that it works.
func (w *World) awaited(kind Kind) bool {
	return kind == KindListener && w.cfg.Reported || kind == KindLoadBalancer && w.cfg.Claimed
}

// touch sets the state of a resource after an update. The lock is held.
func (w *World) touch(kind Kind, m *Meta) {
	m.Revision++
	if m.State != Active && m.State != Updating {
		return // still provisioning, or failed: the update does not end that
	}
	m.State, m.Due = Updating, w.due(kind, updating)
	w.settle(kind, m)
}

// tick ends the passing states that are due.
func (w *World) tick() {
	_, err := w.begin(func() error {
		now := w.cfg.Clock.Now()
		for _, ref := range w.schedule.pop(now) {
			if r, ok := w.state.tables[ref.Kind].rows[ref.ID]; ok {
				if due := r.meta().Due; !due.IsZero() && !due.After(now) {
					w.finish(ref.Kind, r)
				}
			}
		}
		w.armed = time.Time{}
		w.arm()
		return nil
	})
	if err == nil {
		return
	}
	// The disk refuses: try again when it may be asked again.
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.armAt(w.cfg.Clock.Now().Add(refusalTime))
	}
}

// finish ends the passing state of r. The lock is held.
func (w *World) finish(kind Kind, r record) {
	if r.meta().State == Deleting {
		w.removeTree(r)
		return
	}
	next := clone(r)
	m := next.meta()
	m.Due = time.Time{}
	w.settle(kind, m)
	w.put(next)
}

// delete begins to delete r and all it holds. The lock is held. The record that it returns is what the client sees.
func (w *World) delete(r record) record {
	if r.meta().State == Deleting {
		return r
	}
	due := w.due(kindOf(r), deleting)
	next := clone(r)
	m := next.meta()
	m.State, m.Reason, m.Due = Deleting, "", due
	if due.IsZero() {
		w.removeTree(r)
		return next
	}
	for _, child := range w.children(r) {
		w.deleteWith(child)
	}
	w.put(next)
	return next
}

// deleteWith marks what goes together with what holds it. The lock is held.
func (w *World) deleteWith(r record) {
	next := clone(r)
	m := next.meta()
	m.State, m.Reason, m.Due = Deleting, "", time.Time{}
	w.put(next)
	for _, child := range w.children(r) {
		w.deleteWith(child)
	}
}

// removeTree removes r and all it holds. The lock is held.
func (w *World) removeTree(r record) {
	for _, child := range w.children(r) {
		w.removeTree(child)
	}
	w.remove(r)
}

func (w *World) children(r record) []record {
	var kind Kind
	switch r.(type) {
	case *LoadBalancer:
		kind = KindListener
	case *Listener:
		kind = KindRule
	default:
		return nil
	}
	t := w.state.tables[kind]
	var children []record
	for _, id := range t.within(r.meta().ID) {
		children = append(children, t.rows[id])
	}
	return children
}

// arm sets the alarm for what is due first. The lock is held.
func (w *World) arm() {
	if len(w.schedule) == 0 || w.closed {
		return
	}
	first := w.schedule[0].at
	if w.armed.IsZero() || first.Before(w.armed) {
		w.armAt(first)
	}
}

func (w *World) armAt(at time.Time) {
	if w.disarm != nil {
		w.disarm()
	}
	w.armed = at
	w.disarm = w.cfg.Clock.Alarm(at, w.tick)
}

// reschedule makes the schedule anew from the state. The lock is held, or nobody else has the world yet.
func (w *World) reschedule() {
	w.schedule = nil
	for kind, t := range w.state.tables {
		for id, r := range t.rows {
			if due := r.meta().Due; !due.IsZero() {
				w.schedule.push(due, Ref{kind, id})
			}
		}
	}
	w.armed = time.Time{}
	if w.refusal != nil && len(w.schedule) > 0 {
		w.armAt(w.refusedUntil)
		return
	}
	w.arm()
}

// schedule is a heap of what is due when. What has changed since it was pushed is noticed when it is popped.
type schedule []appointment

type appointment struct {
	at  time.Time
	ref Ref
}

func (s *schedule) push(at time.Time, ref Ref) { heap.Push((*byTime)(s), appointment{at, ref}) }

// pop returns what is due at now, first things first.
func (s *schedule) pop(now time.Time) []Ref {
	var refs []Ref
	for len(*s) > 0 && !(*s)[0].at.After(now) {
		refs = append(refs, heap.Pop((*byTime)(s)).(appointment).ref)
	}
	return refs
}

type byTime []appointment

func (s byTime) Len() int           { return len(s) }
func (s byTime) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s byTime) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *byTime) Push(x any)        { *s = append(*s, x.(appointment)) }
func (s *byTime) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}
