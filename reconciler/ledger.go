package reconciler

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// ledger remembers what each cloud has.
type ledger struct {
	flight singleflight.Group

	mu      sync.Mutex
	entries map[ledgerKey]*entry
	// prefetched are the results of a bulk Observe for owners that have no entry yet: after a start, the first Gateway whose want
	// changed reads for all.
	prefetched map[string]prefetch
	released   map[ir.OwnerKey]struct{}
	bulks      map[string]bulk // by provider
	now        func() time.Time
}

// bulk is the last bulk observation of a cloud.
type bulk struct {
	began   time.Time
	shallow bool // it had no contents
}

// prefetch is what a bulk Observe found of owners without an entry. It is believed for prefetchLife, as nobody but this process
// changes what it owns.
type prefetch struct {
	at    time.Time
	rests map[ir.OwnerKey]graph.Graph
}

const prefetchLife = time.Minute

// ledgerKey is an owner in one cloud: a Gateway whose class moves to another provider has two for a while.
type ledgerKey struct {
	provider string
	owner    ir.OwnerKey
}

func newLedger(now func() time.Time) *ledger {
	return &ledger{entries: make(map[ledgerKey]*entry), prefetched: make(map[string]prefetch), released: make(map[ir.OwnerKey]struct{}), bulks: make(map[string]bulk), now: now}
}

// entry is what is remembered of one owner. Passes over one Gateway do not overlap, but the audit comes in between: mu guards all.
type entry struct {
	gateway types.NamespacedName
	owner   ir.Owner

	mu       sync.Mutex
	known    bool        // got is what the cloud has; while it is false and got is not nil, got may be behind by one lost answer
	got      graph.Graph // shared: replaced, never changed
	glimpse  graph.Graph // what an audit that reads no content saw while nothing was known; nil where none did
	doubted  bool        // an audit saw something else than what is remembered: whatever settled says, the cloud is to be observed
	deep     time.Time   // when the content was last read
	settled  string      // the digest of the want that got was brought to completely, or ""
	want     graph.Graph // that want, where this process saw it
	changes  uint64      // counts what changed or may have changed the cloud, so that an older observation is not believed
	running  bool        // a plan is under way
	failures map[graph.ID]held
	drift    []string  // what the last audit that found something found; nil once an audit found nothing
	checked  bool      // got is as an audit saw it: what a plan then finds is drift
	polled   time.Time // when the cloud was last asked about pending work
	polls    int       // how often in a row
	working  time.Time // since when the cloud has work that is pending; zero where it has none
	retries  int       // passes in a row that ended with something to try again
	outage   outage
	adoption adoption
	refused  []status.Failure // what the compiler left out of the last want

	observeErr   *cloud.Error // why the cloud could not be read
	observeAfter time.Time    // when to try again
}

// held is a failure that is not tried again before until, or, where that is zero, before an edit or the audit.
type held struct {
	failure
	until time.Time
}

// entry returns the entry of an owner, making it where there is none. remembered is the digest in the status of its LoadBalancer;
// fresh tells that nothing was ever asked of the cloud for it.
func (l *ledger) entry(provider string, owner ir.Owner, name types.NamespacedName, remembered string, fresh bool) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := ledgerKey{provider, owner.Key()}
	e := l.entries[key]
	if e != nil {
		return e
	}
	e = &entry{gateway: name, owner: owner, settled: remembered, failures: make(map[graph.ID]held)}
	if fresh {
		e.known, e.got = true, graph.Graph{}
	} else if bulk, ok := l.prefetched[provider]; ok && l.now().Sub(bulk.at) < prefetchLife {
		e.learnt(bulk.rests[key.owner], bulk.at)
	}
	l.entries[key] = e
	return e
}

// find returns the entry of an owner, or nil.
func (l *ledger) find(provider string, owner ir.OwnerKey) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[ledgerKey{provider, owner}]
}

// forget drops what is remembered of an owner, in every cloud.
func (l *ledger) forget(owner ir.OwnerKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.entries {
		if key.owner == owner {
			delete(l.entries, key)
		}
	}
	for _, p := range l.prefetched {
		delete(p.rests, owner)
	}
	delete(l.released, owner)
}

// forgetGateway is forget for a Gateway that is gone, of which only the name is known.
func (l *ledger) forgetGateway(name types.NamespacedName) {
	l.mu.Lock()
	var owners []ir.OwnerKey
	for key, e := range l.entries {
		if e.gateway == name {
			owners = append(owners, key.owner)
		}
	}
	l.mu.Unlock()
	for _, owner := range owners {
		l.forget(owner)
	}
}

// release notes that an owner has nothing left and that its Gateway was let go.
func (l *ledger) release(owner ir.OwnerKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released[owner] = struct{}{}
}

// isReleased tells whether release was called for the owner, and forget not since.
func (l *ledger) isReleased(owner ir.OwnerKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.released[owner]
	return ok
}

// of returns the entries of a provider.
func (l *ledger) of(provider string) map[ir.OwnerKey]*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[ir.OwnerKey]*entry)
	for key, e := range l.entries {
		if key.provider == provider {
			out[key.owner] = e
		}
	}
	return out
}

// finding is what a bulk observation says of one entry.
type finding struct {
	entry *entry
	news  bool // the cloud is not as it was remembered, or was not remembered: only a pass can compare it with its want
}

// fill observes everything of the cluster in one cloud, and believes it where nothing changed meanwhile. Who calls while it is under way
// shares its result. The observation is returned to one that looks for owners without a Gateway. Nothing is asked, and nothing is returned, where
// needed says no: another call may just have ended that answered this one too.
func (l *ledger) fill(ctx context.Context, x *executor, cluster string, needed func() bool) (map[ir.OwnerKey]graph.Graph, []finding, *cloud.Error) {
	for needed() {
		done, err, _ := l.flight.Do(x.provider.Name(), func() (any, error) {
			if !needed() {
				return (*filling)(nil), nil
			}
			return l.observeAll(ctx, x, cluster)
		})
		if err != nil {
			return nil, nil, asCloudError("observe", graph.ID{}, err)
		}
		if f := done.(*filling); f != nil {
			return f.all, f.findings, nil
		}
	}
	return nil, nil, nil
}

// filling is what one bulk observation brought.
type filling struct {
	all      map[ir.OwnerKey]graph.Graph
	findings []finding
}

// observeAll is one bulk observation.
func (l *ledger) observeAll(ctx context.Context, x *executor, cluster string) (*filling, error) {
	before := l.of(x.provider.Name())
	changes := make(map[ir.OwnerKey]uint64, len(before))
	for key, e := range before {
		e.mu.Lock()
		changes[key] = e.changes
		e.mu.Unlock()
	}
	began := l.now()
	all, failed := x.observe(ctx, cloud.Scope{Cluster: cluster})
	if failed != nil {
		return nil, failed
	}
	l.noteBulk(x.provider.Name(), began, all)
	f := &filling{all: all}
	for key, e := range before {
		if news, ok := e.observed(all[key], changes[key], l.now()); ok {
			f.findings = append(f.findings, finding{e, news})
		}
	}
	l.keep(x.provider.Name(), all)
	for key, e := range l.of(x.provider.Name()) {
		// It came while the cloud was being read, and nothing was asked of the cloud for it since. Whoever made it waits for this result.
		if before[key] == nil && !e.isKnown() {
			e.observed(all[key], 0, l.now())
		}
	}
	return f, nil
}

// keep keeps what was observed of owners that no Gateway has asked for yet.
func (l *ledger) keep(provider string, all map[ir.OwnerKey]graph.Graph) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := make(map[ir.OwnerKey]graph.Graph)
	for key, got := range all {
		if l.entries[ledgerKey{provider, key}] == nil {
			rest[key] = got
		}
	}
	l.prefetched[provider] = prefetch{at: l.now(), rests: rest}
}

// observed takes over what the cloud was seen to have, unless something changed since the count changes was taken. It tells whether it
// was believed, and whether a pass has to look at it.
func (e *entry) observed(got graph.Graph, changes uint64, now time.Time) (news, believed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running || e.changes != changes {
		return false, false
	}
	return e.learnt(got, now), true
}

// learnt is observed for who holds mu. It tells whether a pass has to look at it.
func (e *entry) learnt(got graph.Graph, now time.Time) (news bool) {
	if got == nil {
		got = graph.Graph{}
	}
	if shallow(got) {
		return e.glimpsed(got)
	}
	news = !e.known || e.drift != nil || !sameCloud(e.got, got)
	e.drift = nil
	e.read(got, now)
	e.checked = true
	return news
}

// read takes over what the cloud has, whole.
func (e *entry) read(got graph.Graph, now time.Time) {
	e.known, e.got, e.deep = true, got, now
	e.glimpse, e.doubted = nil, false
	e.observeErr, e.observeAfter = nil, time.Time{}
}

// sameCloud tells whether a plan from a would be the same as one from b.
func sameCloud(a, b graph.Graph) bool {
	if !a.Equal(b) {
		return false
	}
	for id, n := range a {
		if o := b[id]; n.External != o.External || n.Deleting != o.Deleting {
			return false
		}
	}
	return true
}

// sameWant tells whether two wants ask for the same, to the letter. Same would not do: it takes for equal what needs no change once it is there,
// the tags by which subnets are chosen for example, and an edit of those is what a refused step waits for.
func sameWant(a, b graph.Node) bool { return digest(graph.New(a)) == digest(graph.New(b)) }

// hold returns the error of a step that failed before in the same way and is not to be tried again yet.
func (e *entry) hold(now time.Time) func(plan.Step) *cloud.Error {
	e.mu.Lock()
	known := make(map[graph.ID]held, len(e.failures))
	for id, h := range e.failures {
		known[id] = h
	}
	e.mu.Unlock()
	return func(s plan.Step) *cloud.Error {
		h, ok := known[s.ID()]
		if !ok || h.step.Op != s.Op || s.Op != plan.Delete && !sameWant(h.step.Want, s.Want) {
			return nil
		}
		if h.until.IsZero() || now.Before(h.until) {
			return h.err
		}
		return nil
	}
}
