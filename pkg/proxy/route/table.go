package route

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Table is an immutable set of routes. A nil Table is empty. Any number of goroutines may use one.
type Table[V any] struct {
	exact  hamt[*paths[V]]
	wild   hamt[*paths[V]] // by what follows "*."
	levels []int           // levels[n]: how many routes have a wildcard before n labels; spares looking for others
	any    *paths[V]
	ids    hamt[*entry[V]]
	ranks  hamt[*entry[V]]
}

// Lookup returns the route that matches r and has the lowest rank. It does not allocate.
func (t *Table[V]) Lookup(r Request) (*Route[V], bool) {
	if t == nil {
		return nil, false
	}
	path := r.Path()
	hashed := hash(path)
	var best *entry[V]
	if host := r.Host(); host != "" {
		if t.exact.size > 0 {
			if p, found := t.exact.get(host, hash(host)); found {
				best = p.better(best, r, path, hashed)
			}
		}
		// Each turn takes one label more, from the end. Something has to be left before it.
		end := len(host)
		for n := 1; n < len(t.levels); n++ {
			if end = strings.LastIndexByte(host[:end], '.'); end <= 0 {
				break
			}
			if t.levels[n] == 0 {
				continue
			}
			suffix := host[end+1:]
			if p, found := t.wild.get(suffix, hash(suffix)); found {
				best = p.better(best, r, path, hashed)
			}
		}
	}
	if t.any != nil {
		best = t.any.better(best, r, path, hashed)
	}
	if best == nil {
		return nil, false
	}
	return &best.Route, true
}

// Get returns the route with id.
func (t *Table[V]) Get(id string) (*Route[V], bool) {
	if t == nil {
		return nil, false
	}
	e, found := t.ids.get(id, hash(id))
	if !found {
		return nil, false
	}
	return &e.Route, true
}

// Len is the number of routes.
func (t *Table[V]) Len() int {
	if t == nil {
		return 0
	}
	return t.ids.size
}

// All yields every route, in no particular order.
func (t *Table[V]) All() iter.Seq[*Route[V]] {
	return func(yield func(*Route[V]) bool) {
		if t != nil {
			t.ids.all(func(_ string, e *entry[V]) bool { return yield(&e.Route) })
		}
	}
}

// With returns a table that also has r, in place of the one with its ID if there is one. See Edit.Put for the errors.
func (t *Table[V]) With(r Route[V]) (*Table[V], error) {
	edit := t.Edit()
	if err := edit.Put(r); err != nil {
		return nil, err
	}
	return edit.Commit(), nil
}

// Without returns a table that lacks the route with id; t itself if it has none.
func (t *Table[V]) Without(id string) *Table[V] {
	edit := t.Edit()
	if !edit.Delete(id) {
		return t
	}
	return edit.Commit()
}

// Edit begins a change of several routes. It costs nothing by itself, and t stays as it is.
func (t *Table[V]) Edit() *Edit[V] {
	e := &Edit[V]{by: new(owner)}
	if t != nil {
		e.table = *t
	}
	return e
}

// Edit is a table being made. It is for one goroutine.
type Edit[V any] struct {
	table     Table[V]
	by        *owner
	ownLevels bool
}

// Commit returns the table as it is now. The edit may go on after it.
func (e *Edit[V]) Commit() *Table[V] {
	e.by, e.ownLevels = new(owner), false
	table := e.table
	return &table
}

// Put adds r, in place of the route with its ID if there is one. The table keeps the slices in r: they must not be changed later.
// It fails, and changes nothing, where another route has the rank, or where the match is not valid: a regular expression that is not
// RE2 or is too large, a prefix without its first slash, a host that is too long or has a "*" that is not its first label.
func (e *Edit[V]) Put(r Route[V]) error {
	t := &e.table
	if other, found := t.ranks.get(r.Rank, hash(r.Rank)); found && other.ID != r.ID {
		return fmt.Errorf("route %q: rank %q is that of route %q", r.ID, r.Rank, other.ID)
	}
	old, _ := t.ids.get(r.ID, hash(r.ID))
	made, err := newEntry(r, old)
	if err != nil {
		return fmt.Errorf("route %q: %w", r.ID, err)
	}
	if old != nil {
		e.remove(old)
	}
	t.ids.set(e.by, r.ID, made)
	t.ranks.set(e.by, r.Rank, made)
	e.updatePaths(r.Match.Host, func(p *paths[V]) { p.insert(e.by, made) })
	e.countLevel(r.Match.Host, +1)
	return nil
}

// Delete removes the route with id and reports whether there was one.
func (e *Edit[V]) Delete(id string) bool {
	old, found := e.table.ids.get(id, hash(id))
	if found {
		e.remove(old)
	}
	return found
}

func (e *Edit[V]) remove(old *entry[V]) {
	e.table.ids.delete(e.by, old.ID)
	e.table.ranks.delete(e.by, old.Rank)
	e.updatePaths(old.Match.Host, func(p *paths[V]) { p.delete(e.by, old) })
	e.countLevel(old.Match.Host, -1)
}

// updatePaths changes the paths of host by change, and drops them when they become empty.
func (e *Edit[V]) updatePaths(host string, change func(*paths[V])) {
	if host == "" {
		p := e.table.any.mine(e.by)
		change(p)
		if e.table.any = p; p.empty() {
			e.table.any = nil
		}
		return
	}
	hosts := &e.table.exact
	if suffix, wild := strings.CutPrefix(host, "*."); wild {
		hosts, host = &e.table.wild, suffix
	}
	p, _ := hosts.get(host, hash(host))
	p = p.mine(e.by)
	change(p)
	if p.empty() {
		hosts.delete(e.by, host)
	} else {
		hosts.set(e.by, host, p)
	}
}

// countLevel keeps Table.levels.
func (e *Edit[V]) countLevel(host string, by int) {
	suffix, wild := strings.CutPrefix(host, "*.")
	if !wild {
		return
	}
	n := strings.Count(suffix, ".") + 1
	if !e.ownLevels {
		e.table.levels, e.ownLevels = slices.Clone(e.table.levels), true
	}
	for len(e.table.levels) <= n {
		e.table.levels = append(e.table.levels, 0)
	}
	e.table.levels[n] += by
}
