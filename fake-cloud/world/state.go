package world

import (
	"fmt"
	"maps"
	"slices"
)

// state is all resources with the indexes that the rules of the world need. It knows no lock and no disk.
type state struct {
	tables    map[Kind]*table
	addresses *addresses
	users     map[string]map[string]struct{} // pool or certificate id: ids of the rules, listeners or pools that name it
	ports     map[portKey]string             // listener id
	seq       uint64                         // the last one given out
}

type portKey struct {
	loadBalancer string
	port         uint16
	family       string
}

func newState(pool AddressPool) *state {
	s := &state{tables: map[Kind]*table{}, addresses: newAddresses(pool), users: map[string]map[string]struct{}{}, ports: map[portKey]string{}}
	for _, k := range kinds {
		s.tables[k] = newTable()
	}
	return s
}

func (s *state) put(r record) {
	t := s.tables[kindOf(r)]
	if old, ok := t.rows[r.meta().ID]; ok {
		s.unindex(old)
	}
	t.put(r)
	s.index(r)
}

func (s *state) remove(r record) {
	s.tables[kindOf(r)].remove(r)
	s.unindex(r)
}

func (s *state) index(r record) {
	id := r.meta().ID
	switch r := r.(type) {
	case *LoadBalancer:
		s.addresses.take(id, r.IPs)
	case *Listener:
		s.ports[portKey{r.LoadBalancer, r.Port, r.Protocol.family()}] = id
		s.use(id, r.certificates())
	case *Pool:
		s.use(id, r.certificates())
	case *Rule:
		s.use(id, r.Pools())
	}
}

func (s *state) unindex(r record) {
	id := r.meta().ID
	switch r := r.(type) {
	case *LoadBalancer:
		s.addresses.giveBack(id, r.IPs)
	case *Listener:
		delete(s.ports, portKey{r.LoadBalancer, r.Port, r.Protocol.family()})
		s.unuse(id, r.certificates())
	case *Pool:
		s.unuse(id, r.certificates())
	case *Rule:
		s.unuse(id, r.Pools())
	}
}

func (s *state) use(user string, targets []string) {
	for _, target := range targets {
		if s.users[target] == nil {
			s.users[target] = map[string]struct{}{}
		}
		s.users[target][user] = struct{}{}
	}
}

func (s *state) unuse(user string, targets []string) {
	for _, target := range targets {
		delete(s.users[target], user)
		if len(s.users[target]) == 0 {
			delete(s.users, target)
		}
	}
}

// usersOf returns up to three of those who name target, and how many there are.
func (s *state) usersOf(target string) (some []string, all int) {
	users := slices.Sorted(maps.Keys(s.users[target]))
	return users[:min(3, len(users))], len(users)
}

// find returns the record of type T with the id.
func find[T any](s *state, kind Kind, id string) (*T, bool) {
	r, ok := s.tables[kind].rows[id]
	if !ok {
		return nil, false
	}
	t, ok := any(r).(*T)
	return t, ok
}

// need is find with the error that a client gets.
func need[T any](s *state, kind Kind, id string) (*T, error) {
	r, ok := find[T](s, kind, id)
	if !ok {
		return nil, failf(NotFound, "%s %s does not exist", kind, id)
	}
	return r, nil
}

// usableRef refuses to refer to what is not there or is going.
func (s *state) usableRef(kind Kind, id string) error {
	r, ok := s.tables[kind].rows[id]
	if !ok {
		return failf(NotFound, "%s %s does not exist", kind, id)
	}
	if r.meta().State == Deleting {
		return failf(Conflict, "%s %s is being deleted", kind, id)
	}
	return nil
}

// check finds what cannot be, in a state that was read from disk.
func (s *state) check() error {
	for _, kind := range kinds {
		for _, p := range s.tables[kind].order {
			r := s.tables[kind].rows[p.id]
			if r.meta().Seq > s.seq {
				return fmt.Errorf("%s %s is newer than the file", kind, p.id)
			}
			if err := s.checkRefs(r); err != nil {
				return fmt.Errorf("%s %s: %w", kind, p.id, err)
			}
		}
	}
	return nil
}

func (s *state) checkRefs(r record) error {
	missing := func(kind Kind, ids ...string) error {
		for _, id := range ids {
			if _, ok := s.tables[kind].rows[id]; !ok {
				return fmt.Errorf("its %s %s is missing", kind, id)
			}
		}
		return nil
	}
	switch r := r.(type) {
	case *Listener:
		if err := missing(KindLoadBalancer, r.LoadBalancer); err != nil {
			return err
		}
		return missing(KindCertificate, r.certificates()...)
	case *Pool:
		return missing(KindCertificate, r.certificates()...)
	case *Rule:
		if err := missing(KindListener, r.Listener); err != nil {
			return err
		}
		return missing(KindPool, r.Pools()...)
	default:
		return nil
	}
}
