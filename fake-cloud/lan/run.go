package lan

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// How often a Link looks: while it waits for an answer of the kernel, and else.
const (
	busyInterval = 50 * time.Millisecond
	idleInterval = 5 * time.Second
)

// Run does the work until ctx is done. It leaves the addresses where they are: see Close.
func (l *Link) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.kick:
		case <-timer.C:
		}
		wait := idleInterval
		if l.step() {
			wait = busyInterval
		}
		timer.Reset(wait)
	}
}

// step brings the interface nearer to what is wanted, and reports whether it waits for an answer.
func (l *Link) step() (busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	before := l.statuses()
	err := l.work(&busy)
	l.report(err)
	for ip, a := range l.wanted {
		if before[ip] != a.status {
			signal(l.changed)
		}
	}
	return busy
}

// report logs trouble once, and its end. The lock is held.
func (l *Link) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == l.trouble {
		return
	}
	if l.trouble = text; err != nil {
		l.log.Error("addresses cannot be looked after: it is tried again", "interface", l.name, "error", err)
		return
	}
	l.log.Info("addresses can be looked after again", "interface", l.name)
}

func (l *Link) statuses() map[netip.Addr]Status {
	all := make(map[netip.Addr]Status, len(l.wanted))
	for ip, a := range l.wanted {
		all[ip] = a.status
	}
	return all
}

func (l *Link) work(busy *bool) error {
	now := l.now()
	before := l.last
	var err error
	if l.last, err = l.kernel.state(); err != nil {
		l.last = before
		l.fail(err)
		return err
	}
	table, err := l.kernel.neighbours()
	if err != nil {
		return err
	}
	l.forgetOld(now)
	l.putOffExpiry(now)
	if l.last.up && !before.up {
		l.announceAgain()
	}
	var failed error // one address does not keep the others waiting
	for _, ip := range l.inOrder() {
		a := l.wanted[ip]
		waits, err := l.attend(ip, a, table[ip], now)
		*busy = *busy || waits
		if err != nil {
			failed = err
			if !a.status.Held {
				a.status.Failure = err.Error()
			}
		}
	}
	if err := l.watch(table, now); err != nil {
		failed = err
	}
	waits, err := l.prove(table, now)
	*busy = *busy || waits
	if err != nil {
		failed = err
	}
	if err := l.sweep(); err != nil {
		failed = err
	}
	return failed
}

// fail says of all addresses that are waited for why they do not come.
func (l *Link) fail(err error) {
	for _, a := range l.wanted {
		if !a.status.Held {
			a.status.Failure = err.Error()
		}
	}
}

// inOrder are the addresses that are wanted, always in the same order.
func (l *Link) inOrder() []netip.Addr {
	ips := make([]netip.Addr, 0, len(l.wanted))
	for ip := range l.wanted {
		ips = append(ips, ip)
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	return ips
}

// forgetOld drops what is not known well enough any more.
func (l *Link) forgetOld(now time.Time) {
	for ip, c := range l.taken {
		if now.Sub(c.at) > takenLasts {
			delete(l.taken, ip)
		}
	}
	for ip, p := range l.proofs {
		if !p.done.IsZero() && now.Sub(p.done) > proofLasts {
			delete(l.proofs, ip)
		}
	}
}

// putOffExpiry says to the kernel that we are still there.
func (l *Link) putOffExpiry(now time.Time) {
	if now.Sub(l.refreshed) < putOff {
		return
	}
	l.refreshed = now
	for ip, a := range l.wanted {
		if _, there := l.last.ours[ip]; !there || !a.status.Held {
			continue
		}
		if err := l.kernel.add(ip); err != nil {
			l.refreshed = time.Time{} // try again at the next look
			l.log.Error("the expiry of an address cannot be put off", "address", ip, "interface", l.name, "error", err)
		}
	}
}

// attend does what comes next for one address, and reports whether it waits for an answer.
func (l *Link) attend(ip netip.Addr, a *address, e entry, now time.Time) (waits bool, err error) {
	_, there := l.last.ours[ip]
	switch {
	case there && a.status.Held:
		return false, l.defend(ip, a, e, now)
	case there:
		// From before a restart, or from a load balancer that has just gone: nobody else can have got it meanwhile.
		return false, l.have(ip, a, now)
	case a.status.Held:
		l.log.Warn("an address was taken from the interface: it is put back", "address", ip, "interface", l.name)
		return false, l.have(ip, a, now)
	}
	if by := l.takenBy(ip); by != "" {
		a.status = Status{TakenBy: by}
		return false, nil
	}
	a.status.TakenBy = ""
	if p := l.proofs[ip]; p != nil && !p.done.IsZero() {
		delete(l.proofs, ip)
		return false, l.have(ip, a, now)
	}
	return l.probe(ip, a, e, now)
}

// probe finds out whether anybody has an address, and takes it when nobody does.
func (l *Link) probe(ip netip.Addr, a *address, e entry, now time.Time) (waits bool, err error) {
	if a.asked.IsZero() {
		if p := l.proofs[ip]; p != nil { // it is under way already
			a.asked = p.asked
			delete(l.proofs, ip)
		}
	}
	answer := l.ask(ip, e, &a.asked, now)
	if answer.state == asking && a.familiar && now.Sub(a.asked) > briefly {
		answer.state = nobody
	}
	switch answer.state {
	case asking, unknown:
		return true, answer.err
	case somebody:
		a.asked = time.Time{}
		a.status = Status{TakenBy: l.found(ip, e, now)}
		return false, nil
	case nobody, noARP:
	}
	if err := l.kernel.forget(ip); err != nil { // so that the next one announces
		return false, err
	}
	return false, l.have(ip, a, now)
}

// answer is what the kernel found out.
type answer struct {
	state neighbour
	err   error
}

// ask has the kernel ask who has an address, unless it is at it since asked, and returns what it knows now.
func (l *Link) ask(ip netip.Addr, e entry, asked *time.Time, now time.Time) answer {
	begins := asked.IsZero()
	if begins {
		*asked = now
		// What the kernel knows from before may not hold any more.
		if err := l.kernel.forget(ip); err != nil {
			return answer{unknown, err}
		}
	}
	switch {
	case !begins && e.state != somebody && now.Sub(*asked) > patience:
		return answer{nobody, nil}
	case begins, e.state == unknown:
		return answer{asking, l.kernel.solicit(ip)}
	}
	return answer{e.state, nil}
}

// found remembers who has an address.
func (l *Link) found(ip netip.Addr, e entry, now time.Time) string {
	by := "the host with hardware address " + e.hardware
	l.taken[ip] = claim{by: by, at: now}
	l.conflicts++
	l.log.Warn("an address of the pool is in use by somebody else: it is not used", "address", ip, "interface", l.name, "by", e.hardware)
	return by
}

// have puts an address on the interface.
func (l *Link) have(ip netip.Addr, a *address, now time.Time) error {
	if err := l.kernel.add(ip); err != nil {
		a.status.Held = false
		return err
	}
	delete(l.proofs, ip)
	l.last.ours[ip] = ""
	a.status = Status{Held: true}
	a.asked = time.Time{}
	return l.announce(ip, a, now)
}

// announce tells the neighbours that we have an address: an entry for an address of one's own makes the kernel say so.
func (l *Link) announce(ip netip.Addr, a *address, now time.Time) error {
	a.announced, a.spoke = false, now
	if err := l.kernel.forget(ip); err != nil {
		return err
	}
	if err := l.kernel.solicit(ip); err != nil {
		return err
	}
	a.announced = true
	return nil
}

// announceAgain is for a link that was down: whoever is there now may not know.
func (l *Link) announceAgain() {
	for _, a := range l.wanted {
		a.announced = false
	}
}

// defend looks whether somebody else claims an address that we have, says so loudly, and tells the neighbours again that it is ours.
func (l *Link) defend(ip netip.Addr, a *address, e entry, now time.Time) error {
	if !a.announced {
		return l.announce(ip, a, now)
	}
	if e.state != somebody || e.hardware == l.last.hardware {
		if e.state == nobody {
			a.conflict = ""
		}
		return nil
	}
	if a.conflict != e.hardware {
		a.conflict = e.hardware
		l.conflicts++
		l.log.Error("ADDRESS CONFLICT: another host claims the address of a load balancer; clients may reach it instead of the load balancer",
			"address", ip, "interface", l.name, "by", e.hardware)
	}
	if now.Sub(a.defended) < defence {
		return nil
	}
	a.defended = now
	return l.announce(ip, a, now)
}

// watch keeps a neighbour entry for some of the addresses that we have, which takes down who else claims one. It drops the
// entries of the others, for which the announcement was all they were needed for.
func (l *Link) watch(table map[netip.Addr]entry, now time.Time) error {
	watched := 0
	for _, ip := range l.inOrder() {
		a := l.wanted[ip]
		if !a.status.Held {
			continue
		}
		watched++
		e, there := table[ip]
		var err error
		switch {
		case watched <= watchedMax && !there && a.spoke.Before(now):
			err = l.kernel.solicit(ip)
		case watched > watchedMax && e.state == nobody:
			err = l.kernel.forget(ip)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prove goes on with the proofs, and reports whether one waits for an answer.
func (l *Link) prove(table map[netip.Addr]entry, now time.Time) (waits bool, err error) {
	for ip, p := range l.proofs {
		if !p.done.IsZero() {
			continue
		}
		answer := l.ask(ip, table[ip], &p.asked, now)
		if answer.err != nil {
			return waits, answer.err
		}
		switch answer.state {
		case asking, unknown:
			waits = true
			continue
		case somebody:
			l.found(ip, table[ip], now)
			delete(l.proofs, ip)
		case nobody, noARP:
			p.done = now
		}
		if err := l.kernel.forget(ip); err != nil {
			return waits, err
		}
	}
	return waits, nil
}

// sweep takes what bears our label and nobody wants from the interface.
func (l *Link) sweep() error {
	if !l.complete {
		return nil
	}
	for ip := range l.last.ours {
		if l.wanted[ip] != nil {
			continue
		}
		if err := l.drop(ip); err != nil {
			return err
		}
		delete(l.last.ours, ip)
		l.log.Info("address given back", "address", ip, "interface", l.name)
	}
	return nil
}
