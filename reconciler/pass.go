package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// passes over one owner converge its cloud on a want.

// err returns the failures as one error, nil where there are none.
func (p *pass) err() error {
	all := &multierror.Error{ErrorFormat: func(errs []error) string {
		texts := make([]string, len(errs))
		for i, err := range errs {
			texts[i] = err.Error()
		}
		return strings.Join(texts, "; ")
	}}
	for _, f := range p.failures {
		all = multierror.Append(all, f.err)
	}
	return all.ErrorOrNil()
}

// attempts bounds how often one pass observes again because somebody else changed what it was changing.
const attempts = 3

// pass is what one pass over an owner came to.
type pass struct {
	applied  bool // the cloud has all of want
	steps    int  // that were performed
	asked    bool // the ledger is known: got holds
	got      graph.Graph
	pending  []string
	failures []failure        // sorted by step
	refused  []status.Failure // of the compiler: for the statuses alone
	// refusedNow are those of refused that are told by an event, and differences what the cloud does otherwise than it should.
	refusedNow  []status.Failure
	differences []cloud.Difference

	adoption *cloud.AdoptionPlan // what is to be adopted, and was not agreed to
	agreed   string              // the plan that was agreed to in its place
	adopted  []string            // in this pass
	// notAdopted says of a Gateway that serves why it does without what it was to adopt.
	notAdopted string

	fresh   []failure // those of failures that were not there, or were others, before
	drift   []string  // what the last audit found, while it is not forgotten
	found   []string  // drift that this pass found and set out to repair
	settled string    // the digest, where applied
	again   time.Duration
	moment  bool   // the cloud works on it, and has for a moment only: there is nothing to report yet
	outage  string // what there is to say of the outage that the pass met; "" when it met none
	began   bool   // the outage is to be told by an event now
}

// converge brings the owner of e to want, as far as it can be done now.
func (c *Controller) converge(ctx context.Context, x *executor, e *entry, want graph.Graph) pass {
	var p pass
	for n := range attempts {
		p.failures = nil
		if !c.learn(ctx, x, e, want, &p) {
			break
		}
		again := c.step(ctx, x, e, want, &p, n+1 == attempts)
		if !again || ctx.Err() != nil {
			break
		}
	}
	p.forgetMended()
	c.conclude(e, want, &p)
	return p
}

// forgetMended leaves of the new failures those that are failures still: the next try may have succeeded.
func (p *pass) forgetMended() {
	p.fresh = slices.DeleteFunc(p.fresh, func(f failure) bool {
		return !slices.ContainsFunc(p.failures, func(g failure) bool { return g.step.ID() == f.step.ID() && g.err.Error() == f.err.Error() })
	})
}

// learn makes sure that the ledger knows what the cloud has, with as few reads as can be. It returns false where nothing has to be
// done, because the digest says that the cloud has want, and where nothing can be, because the cloud cannot be read.
func (c *Controller) learn(ctx context.Context, x *executor, e *entry, want graph.Graph, p *pass) bool {
	k := c.knowledge(e, want)
	if k.enough {
		p.applied, p.settled = true, k.settled
		return false
	}
	if k.known && !k.poll {
		p.asked = true
		return true
	}
	if left := k.wait.Sub(c.now()); left > 0 {
		p.failures = append(p.failures, failure{err: e.observeErr})
		p.again = left
		return false
	}
	if err := c.read(ctx, x, e, k); err != nil {
		c.unreadable(e, err, p)
		return false
	}
	p.asked = true
	return true
}

// knowledge is what an entry knows of its cloud at the beginning of a pass.
type knowledge struct {
	enough  bool // the cloud has want, and has not to be asked for that
	settled string
	known   bool
	poll    bool      // the cloud was at work, and is to be asked whether it is done
	bulk    bool      // nothing was ever seen: a read of everything tells all others too
	wait    time.Time // ask no earlier
}

func (c *Controller) knowledge(e *entry, want graph.Graph) knowledge {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := knowledge{settled: e.settled, known: e.known, wait: e.observeAfter, bulk: !e.known && e.got == nil && e.glimpse == nil}
	k.poll = e.known && len(pendings(e.got)) > 0 && !c.now().Before(e.polled.Add(c.pollDelay(e.polls)))
	if !e.known && !e.doubted && e.settled != "" && e.settled == digest(want) {
		k.enough = e.glimpseFits(want)
		e.checked = e.checked || !k.enough // what the audit saw and is found now was not done here
	}
	return k
}

// read reads what the cloud has of an owner, with those of all others where that costs no more.
func (c *Controller) read(ctx context.Context, x *executor, e *entry, k knowledge) *cloud.Error {
	if k.bulk {
		_, findings, err := c.ledger.fill(ctx, x, c.cfg.Cluster, func() bool { return !e.isKnown() })
		for _, f := range findings {
			if f.news && f.entry != e {
				c.wake(ctx, f.entry.gateway)
			}
		}
		if err != nil {
			return err
		}
	}
	if k.poll && c.ledger.glances(x, e) {
		if err := c.glance(ctx, x, e); err != nil || e.isKnown() {
			return err
		}
	}
	if k.poll || !e.isKnown() {
		return c.observe(ctx, x, e, k.poll)
	}
	return nil
}

// unreadable notes that the cloud could not be read, and when to try again.
func (c *Controller) unreadable(e *entry, err *cloud.Error, p *pass) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retries++
	p.again = c.retryDelay(err, e.retries)
	if waits(err.Kind) {
		p.again = c.cfg.AuditInterval
	}
	if e.observeErr == nil || e.observeErr.Error() != err.Error() {
		p.fresh = append(p.fresh, failure{err: err})
	}
	e.observeErr, e.observeAfter = err, c.now().Add(p.again)
	p.failures = append(p.failures, failure{err: err})
}

// observe reads what the cloud has of one owner.
func (c *Controller) observe(ctx context.Context, x *executor, e *entry, poll bool) *cloud.Error {
	all, err := x.observe(ctx, cloud.Scope{Cluster: e.owner.Cluster, UID: e.owner.UID})
	if err != nil {
		return err
	}
	got := all[e.owner.Key()]
	if got == nil {
		got = graph.Graph{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.read(got, c.now())
	e.changes++
	if poll {
		e.polled = c.now()
		e.polls++
	}
	return nil
}

// How often a delete is put off because of what may be about to take the place of what it deletes: passes that failed, and questions
// whether the cloud is done (20 s and more of them). A resource that never works must not keep another for ever.
const (
	patientRetries = 3
	patientPolls   = 12
)

// step compares and carries out one plan. It returns true when that has to be done again: the cloud turned out to be other than
// remembered, and has been observed; or there is room now for what a quota refused. final says that there is no again.
func (c *Controller) step(ctx context.Context, x *executor, e *entry, want graph.Graph, p *pass, final bool) (again bool) {
	e.mu.Lock()
	got, checked := e.got, e.checked
	patient := e.retries < patientRetries && e.polls < patientPolls
	e.checked = false
	e.mu.Unlock()

	todo, err := cloud.Diff(x.provider, want, got)
	if err != nil {
		p.failures = append(p.failures, failure{err: &cloud.Error{Kind: cloud.Invalid, Op: "plan", Err: err}})
		c.note(e, nil, p)
		return false
	}
	if checked && !todo.Empty() && e.had(want) {
		p.found = driftLines(todo)
		x.metrics.drift.WithLabelValues(x.provider.Name()).Add(float64(len(todo.Steps)))
	}
	if todo.Empty() {
		c.note(e, nil, p)
		return false
	}
	e.mu.Lock()
	e.running = true
	e.changes++
	e.mu.Unlock()
	began := c.now()
	progress := x.run(ctx, job{owner: e.owner, plan: todo, got: got, hold: e.hold(began), patient: patient})
	if len(progress.done) > 0 {
		p.steps += len(progress.done)
		x.metrics.converged(x.provider.Name(), c.now().Sub(began))
	}
	e.mu.Lock()
	e.running = false
	e.changes++
	e.got, e.known = progress.got, !progress.doubtful
	if len(progress.done) > 0 {
		e.polls, e.polled = 0, c.now()
	}
	e.mu.Unlock()
	p.failures = progress.failed
	roomier := !final && madeRoom(progress)
	if roomier {
		// They are not failures yet, and nobody hears of them.
		p.failures = slices.DeleteFunc(slices.Clone(p.failures), func(f failure) bool { return f.err.Kind == cloud.Quota })
	}
	c.note(e, progress, p)
	if roomier && !progress.doubtful && !stale(progress.failed) {
		return true
	}
	if !stale(progress.failed) {
		return false
	}
	if err := c.observe(ctx, x, e, false); err != nil {
		c.unreadable(e, err, p)
		return false
	}
	return true
}

// madeRoom tells that something was deleted, or changed, which may have made it less, while a quota refused something else.
func madeRoom(p *progress) bool {
	return slices.ContainsFunc(p.failed, func(f failure) bool { return f.err.Kind == cloud.Quota }) &&
		slices.ContainsFunc(p.done, func(s plan.Step) bool { return s.Op != plan.Create })
}

// stale tells that a step failed because the cloud is not as it was remembered.
func stale(failed []failure) bool {
	return slices.ContainsFunc(failed, func(f failure) bool { return f.err.Kind == cloud.Conflict || f.err.Kind == cloud.NotFound })
}

// had tells whether the cloud had been brought to this want before.
func (e *entry) had(want graph.Graph) bool {
	e.mu.Lock()
	settled, before := e.settled, e.want
	e.mu.Unlock()
	if settled == "" {
		return false
	}
	return before != nil && want.Equal(before) || settled == digest(want)
}

func (e *entry) isKnown() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known
}

// driftLines says for each resource what somebody else had done to it.
func driftLines(p plan.Plan) []string {
	lines := make([]string, 0, len(p.Steps))
	for _, s := range p.Steps {
		switch s.Op {
		case plan.Create:
			lines = append(lines, s.ID().String()+" was deleted")
		case plan.Delete:
			lines = append(lines, s.ID().String()+" was added")
		case plan.Update:
			lines = append(lines, fmt.Sprintf("%s was changed: %s", s.ID(), s.Why))
		}
	}
	slices.Sort(lines)
	return lines
}

// note puts the failures of a pass into the ledger: when each is tried again, and which are new.
func (c *Controller) note(e *entry, progress *progress, p *pass) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := c.now()
	retry := false
	next := make(map[graph.ID]held, len(p.failures))
	for _, f := range p.failures {
		id := f.step.ID()
		old, was := e.failures[id]
		if !was || old.err.Error() != f.err.Error() {
			p.fresh = append(p.fresh, f)
		}
		if was && old.err == f.err {
			next[id] = old // it was held
			retry = retry || !old.until.IsZero()
			continue
		}
		h := held{failure: f}
		if !waits(f.err.Kind) {
			retry = true
			h.until = now.Add(c.retryDelay(f.err, e.retries+1))
		}
		next[id] = h
	}
	e.failures = next
	switch {
	case !retry:
		e.retries = 0
	case progress == nil || progress.held < len(p.failures):
		e.retries++
	}
}

// waits tells whether a kind of error waits for an edit or the audit, and is not tried again by itself.
func waits(k cloud.Kind) bool {
	switch k {
	case cloud.Invalid, cloud.Unsupported, cloud.Denied, cloud.Quota:
		return true
	case cloud.Unknown, cloud.Throttled, cloud.Unavailable, cloud.Conflict, cloud.NotFound:
		return false
	}
	return false
}

// conclude says what the pass came to, and when to come again.
func (c *Controller) conclude(e *entry, want graph.Graph, p *pass) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.got = e.got
	if p.asked {
		p.pending = pendings(e.got)
	}
	if p.found != nil {
		e.drift = p.found
	}
	p.drift = e.drift
	if p.asked && len(p.failures) == 0 && len(p.pending) == 0 && e.known {
		p.applied = true
	}
	switch {
	case !p.asked && !p.applied:
	case !p.applied:
		e.settled, e.want = "", nil
	case p.steps > 0 || e.settled == "":
		e.settled, e.want = digest(want), want
	case p.asked:
		e.want = want
	}
	p.settled = e.settled
	p.began = e.outage.follow(p)
	if worstPassing(p.failures) != nil {
		p.outage = e.outage.message
	}
	for _, h := range e.failures {
		if !h.until.IsZero() {
			p.soonest(h.until.Sub(c.now()))
		}
	}
	if len(p.pending) > 0 {
		p.soonest(e.polled.Add(c.pollDelay(e.polls)).Sub(c.now()))
	}
	if p.asked && !e.known && p.again == 0 {
		p.soonest(c.retryDelay(nil, max(e.retries, 1)))
	}
	c.concludeMoment(e, p)
}

// aMoment is how long a cloud may work on something before the statuses say so. One that is done by then answers within the change that
// it was asked for, and each status is written once.
const aMoment = 200 * time.Millisecond

// concludeMoment tells a cloud that has just begun from one that takes its time. A pass that has anything else to tell tells it all.
func (c *Controller) concludeMoment(e *entry, p *pass) {
	switch {
	case !p.asked:
		return // nothing is known
	case len(p.pending) == 0:
		e.working = time.Time{}
		return
	}
	now := c.now()
	if e.working.IsZero() {
		e.working = now
	}
	left := e.working.Add(aMoment).Sub(now)
	if p.moment = left > 0 && left <= aMoment && len(p.failures) == 0 && len(p.drift) == 0; p.moment {
		p.soonest(left)
	}
}

// soonest makes the next pass come after d, or earlier where it was to come earlier.
func (p *pass) soonest(d time.Duration) {
	d = max(d, time.Millisecond)
	if p.again == 0 || d < p.again {
		p.again = d
	}
}

// retryDelay returns how long to wait before what failed n times in a row is tried again: as long as the cloud asked for, at least.
func (c *Controller) retryDelay(err *cloud.Error, n int) time.Duration {
	d := c.cfg.RetryMax
	if shift := min(n-1, 20); c.cfg.RetryMin<<shift < d {
		d = c.cfg.RetryMin << shift
	}
	d = time.Duration(float64(d) * (0.8 + 0.4*c.cfg.Dice()))
	if err != nil && err.After > d {
		d = err.After
	}
	return d
}

// pollDelay returns how long to wait before the cloud is asked the n-th time whether it is done.
func (c *Controller) pollDelay(n int) time.Duration {
	d := c.cfg.PollMax
	if n < 20 && c.cfg.PollMin<<n < d {
		d = c.cfg.PollMin << n
	}
	return d
}

// owner returns the mark of a Gateway.
func (c *Controller) owner(uid, namespace, name string) ir.Owner {
	return ir.Owner{Cluster: c.cfg.Cluster, UID: uid, Namespace: namespace, Name: name}
}
