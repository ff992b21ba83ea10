package world

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func inWords(some []string, all int) string {
	s := strings.Join(some, ", ")
	if all > len(some) {
		s += fmt.Sprintf(" and %d more", all-len(some))
	}
	return s
}

// Listener returns one listener.
func (w *World) Listener(id string) (Listener, error) { return get[Listener](w, KindListener, id) }

// CreateListener makes a listener of a load balancer.
func (w *World) CreateListener(loadBalancer string, n Naming, spec ListenerSpec) (Listener, error) {
	var made Listener
	err := w.change(func() error {
		if err := w.state.usableRef(KindLoadBalancer, loadBalancer); err != nil {
			return err
		}
		if err := w.nameFree(KindListener, loadBalancer, n.Name, ""); err != nil {
			return err
		}
		have := len(w.state.tables[KindListener].names[loadBalancer])
		if err := room(have, w.quotas.ListenersPerLoadBalancer, "listeners per load balancer"); err != nil {
			return err
		}
		if other, ok := w.state.ports[portKey{loadBalancer, spec.Port, spec.Protocol.family()}]; ok {
			return failf(Conflict, "port %d/%s of load balancer %s is taken by listener %s", spec.Port, spec.Protocol.family(), loadBalancer, other)
		}
		if err := w.usableCertificates(spec.certificates(), nil); err != nil {
			return err
		}
		made = Listener{Meta: w.newMeta(KindListener, n), ListenerSpec: spec, LoadBalancer: loadBalancer}
		w.put(&made)
		return nil
	})
	return made, err
}

// usableCertificates checks the certificates that are named and were not known before. The lock is held.
func (w *World) usableCertificates(named, known []string) error {
	for _, id := range named {
		if slices.Contains(known, id) {
			continue
		}
		if err := w.state.usableRef(KindCertificate, id); err != nil {
			return err
		}
	}
	return nil
}

// UpdateListener replaces what a client says of a listener. Port and protocol stay. Rules of a server that is not there any
// more stay too, and apply to nothing until it is back.
func (w *World) UpdateListener(id string, revision uint64, n Naming, spec ListenerSpec) (Listener, error) {
	var next Listener
	err := w.change(func() error {
		old, err := need[Listener](w.state, KindListener, id)
		if err != nil {
			return err
		}
		if err := editable(KindListener, &old.Meta, revision); err != nil {
			return err
		}
		if spec.Port != old.Port || spec.Protocol != old.Protocol {
			return failf(InvalidArgument, "port and protocol of a listener cannot be changed: make another listener")
		}
		if err := w.nameFree(KindListener, old.LoadBalancer, n.Name, id); err != nil {
			return err
		}
		if err := w.usableCertificates(spec.certificates(), old.certificates()); err != nil {
			return err
		}
		next = *old
		next.Naming, next.ListenerSpec = n, spec
		w.touch(KindListener, &next.Meta)
		w.put(&next)
		return nil
	})
	return next, err
}

// DeleteListener begins to delete a listener with its rules, and returns it as it then is.
func (w *World) DeleteListener(id string, revision uint64) (Listener, error) {
	return drop[Listener](w, KindListener, id, revision)
}

// ReportListener is how who carries the traffic says where a listener answers, or in failure, a sentence, why it does not. It
// does not wait for the disk.
func (w *World) ReportListener(id string, endpoints []Endpoint, failure string) error {
	_, err := w.begin(func() error {
		old, ok := find[Listener](w.state, KindListener, id)
		if !ok || old.State == Deleting {
			return nil
		}
		next := *old
		next.Endpoints = endpoints
		switch {
		case failure != "":
			next.State, next.Reason, next.Due = Failed, failure, time.Time{}
		case old.State == Failed || old.State == Provisioning && old.Due.IsZero():
			next.State, next.Reason = Active, ""
		}
		if next.State != old.State || next.Reason != old.Reason || !slices.Equal(next.Endpoints, old.Endpoints) {
			w.put(&next)
		}
		return nil
	})
	return err
}
