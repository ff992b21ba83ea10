package reconciler

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// A cloud may be read in bulk without the content of its resources, because that would take calls for each of them: the nodes have no Spec then
// (cloud.Provider.Observe). Such an audit finds what was deleted, made anew or added. What was changed within is found by reading a share
// of the owners whole at each audit.

// shallow tells whether content was left out of an observation.
func shallow(got graph.Graph) bool {
	for _, n := range got {
		if n.Spec == nil {
			return true
		}
	}
	return false
}

// glimpsed compares what an audit saw from outside with what is remembered. It tells whether a pass has to look at it.
func (e *entry) glimpsed(got graph.Graph) (news bool) {
	switch {
	case e.known && sameOutside(e.got, got):
		next, further := caughtUp(e.got, got)
		news = further || e.drift != nil
		e.got, e.drift = next, nil
	case e.known:
		e.known, e.doubted, e.checked, e.drift = false, true, true, nil
		news = true
	case e.got != nil:
		// An answer was lost: a pass is to observe this owner as it is.
	default:
		news = e.glimpse == nil || e.drift != nil || !sameOutside(e.glimpse, got)
		e.glimpse, e.drift = got, nil
	}
	return news
}

// caughtUp returns what is known with what was seen of work that was pending, and whether that is anything new.
func caughtUp(known, seen graph.Graph) (graph.Graph, bool) {
	var next graph.Graph
	for id, n := range known {
		o := seen[id]
		if n.Pending == "" || n.Within != (graph.ID{}) || n.Pending == o.Pending {
			continue
		}
		if next == nil {
			next = cloneGraph(known)
		}
		if n.Pending = o.Pending; len(o.Addresses) > 0 {
			n.Addresses = o.Addresses
		}
		next[id] = n
	}
	if next == nil {
		return known, false
	}
	return next, true
}

// noteBulk notes that a cloud was read in bulk. One that has nothing does not tell how it is read.
func (l *ledger) noteBulk(provider string, began time.Time, all map[ir.OwnerKey]graph.Graph) {
	if len(all) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bulks[provider] = bulk{began: began, shallow: slices.ContainsFunc(slices.Collect(maps.Values(all)), shallow)}
}

func (l *ledger) lastBulk(provider string) bulk {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bulks[provider]
}

// glances tells whether it is enough to look at an entry's resources from outside, together with those of all others, to learn whether its cloud
// is done: whatever the number of Gateways that wait, they cost one bulk read at a time. The first read in bulk tells.
func (l *ledger) glances(x *executor, e *entry) bool {
	if last := l.lastBulk(x.provider.Name()); !last.shallow && !last.began.IsZero() {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.got {
		if n.Pending != "" && (n.Within != (graph.ID{}) || n.External == "" || n.Deleting) {
			return false
		}
	}
	return true
}

// betweenGlances is how many times Config.PollMin lie between two bulk reads that polls ask for: many Gateways that have each just begun to wait
// ask often together.
const betweenGlances = 40

// glance is a poll by a bulk read, unless there was one since the last poll of the entry, or a moment ago.
func (c *Controller) glance(ctx context.Context, x *executor, e *entry) *cloud.Error {
	e.mu.Lock()
	polled := e.polled
	e.mu.Unlock()
	needed := func() bool {
		last := c.ledger.lastBulk(x.provider.Name()).began
		return !last.After(polled) && c.now().Sub(last) >= betweenGlances*c.cfg.PollMin
	}
	_, findings, err := c.ledger.fill(ctx, x, c.cfg.Cluster, needed)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.news && f.entry != e {
			c.wake(ctx, f.entry.gateway)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.polled = c.now()
	e.polls++
	return nil
}

// glimpseFits tells whether all that an audit saw from outside is as want asks for. While no audit came by, nothing speaks against it.
func (e *entry) glimpseFits(want graph.Graph) bool {
	if e.glimpse == nil {
		return true
	}
	for id, n := range e.glimpse {
		if n.Within == (graph.ID{}) && (n.Deleting || n.Pending != "") {
			return false
		}
		if _, wanted := want[id]; !wanted && n.Within == (graph.ID{}) {
			return false
		}
	}
	for id, n := range want {
		if _, there := e.glimpse[id]; !there && n.Within == (graph.ID{}) {
			return false
		}
	}
	return true
}

// sameOutside tells whether the resources that are within no other are the same ones in both, and as far on their way.
func sameOutside(known, seen graph.Graph) bool {
	outer := 0
	for id, n := range known {
		if n.Within != (graph.ID{}) {
			continue
		}
		outer++
		o, there := seen[id]
		if !there || o.External != n.External || o.Deleting != n.Deleting || o.Pending != "" && n.Pending == "" {
			return false
		}
	}
	for _, o := range seen {
		if o.Within == (graph.ID{}) {
			outer--
		}
	}
	return outer == 0
}

// again tells whether the audit of a cloud is not the first one since the start: that one is as cheap as it can be.
func (a *auditor) again(x *executor) bool {
	before := a.audited[x]
	a.audited[x] = true
	return before
}

// auditDeep reads a share of the owners of a cloud whole: those whose content was read longest ago. Every one has its turn within
// Config.DeepAudits audits.
func (a *auditor) auditDeep(ctx context.Context, x *executor) ([]finding, *cloud.Error) {
	c := a.c
	type turn struct {
		key  ir.OwnerKey
		e    *entry
		deep time.Time
	}
	var turns []turn
	for key, e := range c.ledger.of(x.provider.Name()) {
		if !c.alive(key) {
			continue
		}
		e.mu.Lock()
		turns = append(turns, turn{key: key, e: e, deep: e.deep})
		e.mu.Unlock()
	}
	slices.SortFunc(turns, func(a, b turn) int {
		return cmp.Or(a.deep.Compare(b.deep), cmp.Compare(a.key.Cluster, b.key.Cluster), cmp.Compare(a.key.UID, b.key.UID))
	})
	share := (len(turns) + c.cfg.DeepAudits - 1) / c.cfg.DeepAudits
	var findings []finding
	for _, t := range turns[:share] {
		t.e.mu.Lock()
		changes := t.e.changes
		t.e.mu.Unlock()
		all, failed := x.observe(ctx, cloud.Scope{Cluster: t.key.Cluster, UID: t.key.UID})
		if failed != nil {
			return findings, failed
		}
		if news, believed := t.e.observed(all[t.key], changes, c.now()); believed {
			findings = append(findings, finding{t.e, news})
		}
	}
	return findings, nil
}
