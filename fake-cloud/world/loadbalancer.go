package world

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// LoadBalancer returns one load balancer.
func (w *World) LoadBalancer(id string) (LoadBalancer, error) {
	return get[LoadBalancer](w, KindLoadBalancer, id)
}

func get[T any](w *World, kind Kind, id string) (T, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	r, err := need[T](w.state, kind, id)
	if err != nil {
		var zero T
		return zero, err
	}
	return *r, nil
}

// CreateLoadBalancer makes a load balancer and takes its addresses.
func (w *World) CreateLoadBalancer(n Naming, spec LoadBalancerSpec) (LoadBalancer, error) {
	var made LoadBalancer
	err := w.change(func() error {
		if err := w.nameFree(KindLoadBalancer, "", n.Name, ""); err != nil {
			return err
		}
		if err := room(len(w.state.tables[KindLoadBalancer].rows), w.quotas.LoadBalancers, "load balancers"); err != nil {
			return err
		}
		ips, err := w.state.addresses.choose("", spec.Addresses)
		if err != nil {
			return err
		}
		made = LoadBalancer{Meta: w.newMeta(KindLoadBalancer, n), LoadBalancerSpec: spec, IPs: ips, SessionKey: Secret(rand.Text())}
		w.put(&made)
		return nil
	})
	return made, err
}

// UpdateLoadBalancer replaces what a client says of a load balancer. Its addresses change when those asked for do. A revision
// other than zero has to be the present one.
func (w *World) UpdateLoadBalancer(id string, revision uint64, n Naming, spec LoadBalancerSpec) (LoadBalancer, error) {
	var next LoadBalancer
	err := w.change(func() error {
		old, err := need[LoadBalancer](w.state, KindLoadBalancer, id)
		if err != nil {
			return err
		}
		if err := editable(KindLoadBalancer, &old.Meta, revision); err != nil {
			return err
		}
		if err := w.nameFree(KindLoadBalancer, "", n.Name, id); err != nil {
			return err
		}
		ips, err := w.newIPs(old, spec.Addresses)
		if err != nil {
			return err
		}
		next = *old
		next.Naming, next.LoadBalancerSpec, next.IPs = n, spec, ips
		w.touch(KindLoadBalancer, &next.Meta)
		if w.cfg.Claimed && next.State == Active && !slices.Equal(ips, old.IPs) {
			next.State = Provisioning // until it has the new ones
		}
		w.put(&next)
		return nil
	})
	return next, err
}

func (w *World) newIPs(old *LoadBalancer, asked []netip.Addr) ([]netip.Addr, error) {
	if slices.Equal(old.Addresses, asked) || len(asked) == 0 {
		return old.IPs, nil
	}
	return w.state.addresses.choose(old.ID, asked)
}

// ReportLoadBalancer is how who claims addresses says that a load balancer has its own, or in failure, a sentence, why it has
// not. It does not wait for the disk.
func (w *World) ReportLoadBalancer(id, failure string) error {
	_, err := w.begin(func() error {
		old, ok := find[LoadBalancer](w.state, KindLoadBalancer, id)
		if !ok || old.State == Deleting {
			return nil
		}
		w.reportState(old, failure)
		return nil
	})
	return err
}

// reportState writes what ReportLoadBalancer says, if it is new. The lock is held.
func (w *World) reportState(old *LoadBalancer, failure string) {
	next := *old
	switch {
	case failure != "":
		next.State, next.Reason, next.Due = Failed, failure, time.Time{}
	case old.State == Failed || old.State == Provisioning && old.Due.IsZero():
		next.State, next.Reason = Active, ""
	}
	if next.State != old.State || next.Reason != old.Reason {
		w.put(&next)
	}
}

// ReplaceAddress gives a load balancer another address for one that turned out to be in use by somebody else. One that was asked
// for is not replaced: the load balancer fails, and so it does when none is free. It does not wait for the disk.
func (w *World) ReplaceAddress(id string, taken netip.Addr, by string) error {
	_, err := w.begin(func() error {
		old, ok := find[LoadBalancer](w.state, KindLoadBalancer, id)
		if !ok || old.State == Deleting || !slices.Contains(old.IPs, taken) {
			return nil
		}
		if slices.Contains(old.Addresses, taken) {
			w.reportState(old, fmt.Sprintf("address %s was asked for and is in use by %s", taken, by))
			return nil
		}
		ips, err := w.state.addresses.choose(id, nil)
		if err != nil {
			w.reportState(old, fmt.Sprintf("address %s is in use by %s: %v", taken, by, err))
			return nil
		}
		w.cfg.Log.Warn("load balancer gets another address: its own is in use by somebody else",
			"loadBalancer", id, "was", taken, "usedBy", by, "is", ips)
		next := *old
		next.IPs = ips
		if next.State != Updating && next.Due.IsZero() {
			next.State, next.Reason = Provisioning, ""
		}
		w.put(&next)
		return nil
	})
	return err
}

// FreeAddresses returns addresses that would be given out next, at most n.
func (w *World) FreeAddresses(n int) []netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cfg.Pool.Shared.IsValid() {
		return nil
	}
	return w.state.addresses.upTo(n)
}

// DeleteLoadBalancer begins to delete a load balancer with its listeners and their rules, and returns it as it then is.
func (w *World) DeleteLoadBalancer(id string, revision uint64) (LoadBalancer, error) {
	return drop[LoadBalancer](w, KindLoadBalancer, id, revision)
}

func drop[T any](w *World, kind Kind, id string, revision uint64) (T, error) {
	var gone T
	err := w.change(func() error {
		r, ok := w.state.tables[kind].rows[id]
		if !ok {
			return failf(NotFound, "%s %s does not exist", kind, id)
		}
		if err := seen(kind, r.meta(), revision); err != nil {
			return err
		}
		if some, all := w.state.usersOf(id); all > 0 {
			return failf(InUse, "%s %s is used by %s", kind, id, inWords(some, all))
		}
		gone = *any(w.delete(r)).(*T)
		return nil
	})
	return gone, err
}
