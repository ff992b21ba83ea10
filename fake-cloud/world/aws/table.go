package aws

import (
	"cmp"
	"slices"
)

// pointer is a *T that is a row.
type pointer[T any] interface {
	*T
	row
}

// table holds the rows of one kind, by key and in the order in which they were made.
type table[T any, P pointer[T]] struct {
	region *Region
	kind   string
	rows   map[string]P
	order  []P
	within map[string][]P   // by parent
	parent func(P) string   // nil: none has
	refs   func(P) []string // ARNs and ids of what the row uses; nil: nothing
	size   func(P) int      // bytes that the row counts for; nil: none is counted
	sum    int              // of the sizes of all rows
}

// anyTable is a table of whatever rows.
type anyTable interface {
	name() string
	each(func(row))
	find(key string) (row, bool)
	set(r row)
	unset(key string)
	fresh() row
	clone(r row) row
}

func newTable[T any, P pointer[T]](r *Region, kind string, parent func(P) string, refs func(P) []string) *table[T, P] {
	return &table[T, P]{region: r, kind: kind, rows: map[string]P{}, within: map[string][]P{}, parent: parent, refs: refs}
}

// get returns a row.
func (t *table[T, P]) get(key string) (P, bool) {
	r, ok := t.rows[key]
	return r, ok
}

// all returns all rows, oldest first. The caller does not change the slice.
func (t *table[T, P]) all() []P { return t.order }

// of returns what the parent has, oldest first. The caller does not change the slice.
func (t *table[T, P]) of(parent string) []P { return t.within[parent] }

// first returns the oldest row that is so.
func (t *table[T, P]) first(is func(P) bool) (P, bool) {
	for _, r := range t.order {
		if is(r) {
			return r, true
		}
	}
	return nil, false
}

// put stores r in the place of what has its key, as a part of x.
func (t *table[T, P]) put(x *tx, r P) { x.put(t, r) }

// edit stores a copy of the row with the key that change has changed, and returns it. change replaces slices and maps and does not
// write into them.
func (t *table[T, P]) edit(x *tx, key string, change func(P)) P {
	next := new(T)
	*next = *t.rows[key]
	change(next)
	x.put(t, P(next))
	return next
}

// drop removes the row with the key, as a part of x.
func (t *table[T, P]) drop(x *tx, key string) { x.drop(t, key) }

func (t *table[T, P]) name() string { return t.kind }
func (t *table[T, P]) fresh() row   { return P(new(T)) }

func (t *table[T, P]) clone(r row) row {
	next := new(T)
	*next = *r.(P)
	return P(next)
}

func (t *table[T, P]) each(f func(row)) {
	for _, r := range t.order {
		f(r)
	}
}

func (t *table[T, P]) find(key string) (row, bool) {
	r, ok := t.rows[key]
	return r, ok
}

func (t *table[T, P]) set(r row) {
	p := r.(P)
	m := r.meta()
	if old, ok := t.rows[m.Key]; ok {
		if old.meta().Seq == m.Seq && (t.parent == nil || t.parent(old) == t.parent(p)) {
			t.replace(old, p)
			return
		}
		t.unset(m.Key)
	}
	t.rows[m.Key] = p
	t.sum += t.sizeOf(p)
	t.order = insert(t.order, p)
	if t.parent != nil {
		in := t.parent(p)
		t.within[in] = insert(t.within[in], p)
	}
	if t.refs != nil {
		t.region.use(m.Key, t.refs(p))
	}
	t.region.touched(r)
}

// replace puts p where old is.
func (t *table[T, P]) replace(old, p P) {
	key := p.meta().Key
	t.rows[key] = p
	t.sum += t.sizeOf(p) - t.sizeOf(old)
	if i, ok := place(t.order, p); ok {
		t.order[i] = p
	}
	if t.parent != nil {
		in := t.within[t.parent(p)]
		if i, ok := place(in, p); ok {
			in[i] = p
		}
	}
	if t.refs != nil {
		t.region.unuse(key, t.refs(old))
		t.region.use(key, t.refs(p))
	}
	t.region.touched(p)
}

func (t *table[T, P]) unset(key string) {
	p, ok := t.rows[key]
	if !ok {
		return
	}
	t.region.touched(p)
	delete(t.rows, key)
	t.sum -= t.sizeOf(p)
	t.order = without(t.order, p)
	if t.parent != nil {
		in := t.parent(p)
		if t.within[in] = without(t.within[in], p); len(t.within[in]) == 0 {
			delete(t.within, in)
		}
	}
	if t.refs != nil {
		t.region.unuse(key, t.refs(p))
	}
}

func (t *table[T, P]) sizeOf(p P) int {
	if t.size == nil {
		return 0
	}
	return t.size(p)
}

// insert and without make another slice: readers may still hold the old one.

func insert[P row](rows []P, r P) []P {
	i, _ := place(rows, r)
	next := make([]P, 0, len(rows)+1+len(rows)/8)
	next = append(append(append(next, rows[:i]...), r), rows[i:]...)
	return next
}

func without[P row](rows []P, r P) []P {
	i, ok := place(rows, r)
	if !ok {
		return rows
	}
	return slices.Concat(rows[:i], rows[i+1:])
}

func place[P row](rows []P, r P) (int, bool) {
	return slices.BinarySearchFunc(rows, r, func(a, b P) int { return cmp.Compare(a.meta().Seq, b.meta().Seq) })
}
