package route

import (
	"slices"
	"strings"
)

// list holds routes by rank. Most lists have one route, which needs no memory of its own.
type list[V any] struct {
	first *entry[V]
	rest  *chunk[V]
}

type chunk[V any] struct {
	owner   *owner
	entries []*entry[V]
}

func (l *list[V]) empty() bool { return l.first == nil }

// insert adds e, whose rank is not in the list.
func (l *list[V]) insert(by *owner, e *entry[V]) {
	if l.first == nil {
		l.first = e
		return
	}
	if e.Rank < l.first.Rank {
		e, l.first = l.first, e
	}
	l.rest = l.rest.mine(by)
	i, _ := l.rest.find(e.Rank)
	l.rest.entries = slices.Insert(l.rest.entries, i, e)
}

// delete removes the route with rank, which is in the list.
func (l *list[V]) delete(by *owner, rank string) {
	if l.rest == nil {
		l.first = nil
		return
	}
	rest := l.rest.mine(by)
	i := 0
	if l.first.Rank == rank {
		l.first = rest.entries[0]
	} else {
		i, _ = rest.find(rank)
	}
	rest.entries = slices.Delete(rest.entries, i, i+1)
	if l.rest = rest; len(rest.entries) == 0 {
		l.rest = nil
	}
}

// better returns the first route of the list that matches r and ranks before best, or best. A nil best ranks last.
func (l *list[V]) better(best *entry[V], r Request) *entry[V] {
	e := l.first
	if e == nil || best != nil && e.Rank >= best.Rank {
		return best
	}
	if e.matches(r) {
		return e
	}
	if l.rest == nil {
		return best
	}
	for _, e := range l.rest.entries {
		if best != nil && e.Rank >= best.Rank {
			break
		}
		if e.matches(r) {
			return e
		}
	}
	return best
}

func (c *chunk[V]) find(rank string) (int, bool) {
	return slices.BinarySearchFunc(c.entries, rank, func(e *entry[V], rank string) int { return strings.Compare(e.Rank, rank) })
}

func (c *chunk[V]) mine(by *owner) *chunk[V] {
	switch {
	case c == nil:
		return &chunk[V]{owner: by}
	case c.owner == by:
		return c
	}
	return &chunk[V]{owner: by, entries: append(make([]*entry[V], 0, len(c.entries)+1), c.entries...)}
}
