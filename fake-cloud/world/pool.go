package world

import (
	"net/netip"
	"slices"
)

// Pool returns one pool.
func (w *World) Pool(id string) (Pool, error) { return get[Pool](w, KindPool, id) }

// CreatePool makes a pool with its first members.
func (w *World) CreatePool(n Naming, spec PoolSpec, members []Member) (Pool, error) {
	var made Pool
	err := w.change(func() error {
		if err := w.nameFree(KindPool, "", n.Name, ""); err != nil {
			return err
		}
		if err := room(len(w.state.tables[KindPool].rows), w.quotas.Pools, "pools"); err != nil {
			return err
		}
		if err := w.usableCertificates(spec.certificates(), nil); err != nil {
			return err
		}
		merged, err := w.edit(nil, members, nil)
		if err != nil {
			return err
		}
		made = Pool{Meta: w.newMeta(KindPool, n), PoolSpec: spec, Members: merged}
		w.put(&made)
		return nil
	})
	return made, err
}

// UpdatePool replaces what a client says of a pool. Its protocol and its members stay.
func (w *World) UpdatePool(id string, revision uint64, n Naming, spec PoolSpec) (Pool, error) {
	var next Pool
	err := w.change(func() error {
		old, err := need[Pool](w.state, KindPool, id)
		if err != nil {
			return err
		}
		if err := editable(KindPool, &old.Meta, revision); err != nil {
			return err
		}
		if spec.Protocol != old.Protocol {
			return failf(InvalidArgument, "the protocol of a pool cannot be changed: make another pool")
		}
		if err := w.nameFree(KindPool, "", n.Name, id); err != nil {
			return err
		}
		if err := w.usableCertificates(spec.certificates(), old.certificates()); err != nil {
			return err
		}
		next = *old
		next.Naming, next.PoolSpec = n, spec
		w.touch(KindPool, &next.Meta)
		w.put(&next)
		return nil
	})
	return next, err
}

// UpdateMembers first removes, then adds. Removing what is not there and adding what is are no errors; adding what is there
// replaces it. It is done at once, whatever the latency.
func (w *World) UpdateMembers(id string, revision uint64, add []Member, remove []netip.AddrPort) (Pool, error) {
	var next Pool
	err := w.change(func() error {
		old, err := need[Pool](w.state, KindPool, id)
		if err != nil {
			return err
		}
		if err := editable(KindPool, &old.Meta, revision); err != nil {
			return err
		}
		members, err := w.edit(old.Members, add, remove)
		if err != nil {
			return err
		}
		next = *old
		if slices.Equal(members, old.Members) {
			return nil
		}
		next.Members = members
		next.Revision++
		w.put(&next)
		return nil
	})
	return next, err
}

// edit returns members without remove and with add, in order. The lock is held.
func (w *World) edit(members, add []Member, remove []netip.AddrPort) ([]Member, error) {
	byAddress := make(map[netip.AddrPort]Member, len(members)+len(add))
	for _, m := range members {
		byAddress[m.AddrPort()] = m
	}
	for _, at := range remove {
		delete(byAddress, at)
	}
	for _, m := range add {
		byAddress[m.AddrPort()] = m
	}
	if len(byAddress) > w.quotas.MembersPerPool && len(byAddress) > len(members) {
		return nil, failf(QuotaExceeded, "quota of %d members per pool is used up", w.quotas.MembersPerPool)
	}
	edited := make([]Member, 0, len(byAddress))
	for _, m := range byAddress {
		edited = append(edited, m)
	}
	slices.SortFunc(edited, func(a, b Member) int { return a.AddrPort().Compare(b.AddrPort()) })
	return edited, nil
}

// DeletePool begins to delete a pool that no rule names, and returns it as it then is.
func (w *World) DeletePool(id string, revision uint64) (Pool, error) {
	return drop[Pool](w, KindPool, id, revision)
}
