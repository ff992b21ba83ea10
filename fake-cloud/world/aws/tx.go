package aws

import (
	"fmt"
	"time"
)

// tx is one change of a region: it happens whole, or not at all. Only write makes one; it lives as long as the lock is held.
type tx struct {
	region *Region
	now    time.Time
	undo   []func()
	after  []func()
	writes map[location]row // nil: removed
	quiet  bool             // nobody who carries traffic need know
}

// location is where a row is kept.
type location struct{ region, table, key string }

// read runs f while nothing changes.
func (r *Region) read(f func() error) error {
	r.cloud.mu.RLock()
	defer r.cloud.mu.RUnlock()
	return f()
}

// write runs f with the region to itself, and returns when what f changed is on disk. Where f fails, nothing has changed.
func (r *Region) write(f func(x *tx) error) error {
	wait, err := r.change(f)
	if err != nil {
		return err
	}
	return wait()
}

// change is write that does not wait for the disk.
func (r *Region) change(f func(x *tx) error) (wait func() error, err error) {
	r.cloud.mu.Lock()
	defer r.cloud.mu.Unlock()
	if err := r.cloud.writable(); err != nil {
		return nil, err
	}
	x := r.begin()
	done := false
	defer func() {
		if !done {
			x.rollback() // also when f panics
		}
	}()
	if err := f(x); err != nil {
		return nil, err
	}
	done = true
	return x.commit(), nil
}

// begin starts a change. The lock is held.
func (r *Region) begin() *tx {
	return &tx{region: r, now: r.cloud.cfg.Clock.Now().UTC().Truncate(time.Millisecond), writes: map[location]row{}}
}

// rollback makes undone what the change has done.
func (x *tx) rollback() {
	for i := len(x.undo) - 1; i >= 0; i-- {
		x.undo[i]()
	}
}

// commit ends the change and returns what waits for the disk. The lock is held.
func (x *tx) commit() (wait func() error) {
	for _, f := range x.after {
		f()
	}
	c := x.region.cloud
	if len(x.writes) == 0 {
		return func() error { return nil }
	}
	for _, r := range x.writes {
		if r != nil && !r.meta().Due.IsZero() {
			c.schedule.push(r.meta().Due, x.region, r.meta().Key)
		}
	}
	c.arm()
	return c.persist(x)
}

func (x *tx) put(t anyTable, r row) {
	key := r.meta().Key
	old, had := t.find(key)
	t.set(r)
	x.writes[location{x.region.name, t.name(), key}] = r
	x.undo = append(x.undo, func() {
		if had {
			t.set(old)
		} else {
			t.unset(key)
		}
	})
}

func (x *tx) drop(t anyTable, key string) {
	old, had := t.find(key)
	if !had {
		return
	}
	t.unset(key)
	x.writes[location{x.region.name, t.name(), key}] = nil
	x.undo = append(x.undo, func() { t.set(old) })
}

// meta returns what a new row begins with. after is how long its first, passing state lasts.
func (x *tx) meta(key string, tags map[string]string, after time.Duration) Meta {
	m := Meta{Key: key, Seq: x.next(), Created: x.now, Tags: tags}
	if after > 0 {
		m.Due = x.now.Add(after)
	}
	return m
}

func (x *tx) next() uint64 {
	x.region.cloud.seq++
	return x.region.cloud.seq
}

// hex returns sixteen hexadecimal digits that no other resource of the account has.
func (x *tx) hex() string {
	return fmt.Sprintf("%016x", x.region.cloud.cfg.Dice.Scramble(x.next()))
}

// id returns a new id as EC2 gives them: "sg-0123456789abcdef0".
func (x *tx) id(prefix string) string { return prefix + "-0" + x.hex() }
