package world

import (
	"cmp"
	"fmt"
	"slices"
)

// record is a *LoadBalancer, *Listener, *Rule, *Pool or *Certificate. A record that is in a state is never changed: a change
// puts another one in its place.
type record interface{ meta() *Meta }

func kindOf(r record) Kind {
	switch r.(type) {
	case *LoadBalancer:
		return KindLoadBalancer
	case *Listener:
		return KindListener
	case *Rule:
		return KindRule
	case *Pool:
		return KindPool
	case *Certificate:
		return KindCertificate
	}
	panic(fmt.Sprintf("world: %T is not a resource", r))
}

func refOf(r record) Ref { return Ref{Kind: kindOf(r), ID: r.meta().ID} }

func newRecord(kind Kind) record {
	switch kind {
	case KindLoadBalancer:
		return &LoadBalancer{}
	case KindListener:
		return &Listener{}
	case KindRule:
		return &Rule{}
	case KindPool:
		return &Pool{}
	case KindCertificate:
		return &Certificate{}
	}
	panic(fmt.Sprintf("world: %d is not a kind of resource", kind))
}

// clone returns a record that may be changed at its top level.
func clone(r record) record {
	switch r := r.(type) {
	case *LoadBalancer:
		c := *r
		return &c
	case *Listener:
		c := *r
		return &c
	case *Rule:
		c := *r
		return &c
	case *Pool:
		c := *r
		return &c
	case *Certificate:
		c := *r
		return &c
	}
	panic(fmt.Sprintf("world: %T is not a resource", r))
}

// container returns the id of what holds r, in which its name is unique: empty for the account.
func container(r record) string {
	switch r := r.(type) {
	case *Listener:
		return r.LoadBalancer
	case *Rule:
		return r.Listener
	default:
		return ""
	}
}

// table holds the records of one kind.
type table struct {
	rows  map[string]record
	order []position                   // by seq
	names map[string]map[string]string // container, name: id
}

type position struct {
	seq uint64
	id  string
}

func newTable() *table {
	return &table{rows: map[string]record{}, names: map[string]map[string]string{}}
}

func (t *table) put(r record) {
	m := r.meta()
	if old, ok := t.rows[m.ID]; ok {
		if om := old.meta(); om.Name != m.Name {
			delete(t.names[container(old)], om.Name)
		}
	} else {
		i := t.after(m.Seq)
		t.order = slices.Insert(t.order, i, position{m.Seq, m.ID})
	}
	t.rows[m.ID] = r
	in := container(r)
	if t.names[in] == nil {
		t.names[in] = map[string]string{}
	}
	t.names[in][m.Name] = m.ID
}

func (t *table) remove(r record) {
	m := r.meta()
	delete(t.rows, m.ID)
	in := container(r)
	delete(t.names[in], m.Name)
	if len(t.names[in]) == 0 {
		delete(t.names, in)
	}
	if i := t.after(m.Seq) - 1; i >= 0 && t.order[i].id == m.ID {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

// after returns the index of the first row that was made after seq.
func (t *table) after(seq uint64) int {
	i, _ := slices.BinarySearchFunc(t.order, seq, func(p position, seq uint64) int {
		if p.seq <= seq {
			return -1
		}
		return 1
	})
	return i
}

// within returns the ids of what a container holds, oldest first.
func (t *table) within(container string) []string {
	ids := make([]string, 0, len(t.names[container]))
	for _, id := range t.names[container] {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(t.rows[a].meta().Seq, t.rows[b].meta().Seq) })
	return ids
}
