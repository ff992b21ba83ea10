package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// auditor reads each cloud in bulk from time to time. It has Gateways looked at whose cloud is not as remembered, and those with
// something that waits for the audit, and deletes what belongs to no Gateway.
type auditor struct {
	c *Controller

	mu      sync.Mutex           // one audit at a time
	orphans map[orphan]time.Time // when each was first seen
	audited map[*executor]bool   // the cloud was read since the start
}

func newAuditor(c *Controller) *auditor {
	return &auditor{c: c, orphans: make(map[orphan]time.Time), audited: make(map[*executor]bool)}
}

// Audit reads every cloud that is in use now, as it is otherwise done from time to time: what somebody else changed is found, and
// the passes that change it back are started but not waited for.
func (c *Controller) Audit(ctx context.Context) error {
	_, err := c.auditor.audit(ctx)
	return err
}

// orphan is an owner in one cloud without a Gateway.
type orphan struct {
	provider string
	owner    ir.OwnerKey
}

// NeedLeaderElection tells the Manager that one audit at a time is enough.
func (a *auditor) NeedLeaderElection() bool { return true }

// Start audits until ctx ends.
func (a *auditor) Start(ctx context.Context) error {
	c := a.c
	next := c.now().Add(time.Duration(float64(c.cfg.AuditDelay) * c.cfg.Dice()))
	timer := time.NewTimer(next.Sub(c.now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		wait, err := a.audit(ctx)
		if err != nil {
			c.log.Info("the audit could not read the cloud", "error", err.Error())
		}
		timer.Reset(wait)
	}
}

// audit reads every cloud that is in use once, and returns when to do so again.
func (a *auditor) audit(ctx context.Context) (time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.c
	var errs *multierror.Error
	for _, p := range c.cfg.Providers {
		x := c.executors[p.Name()]
		if ctx.Err() != nil || !a.inUse(x) {
			continue
		}
		err := a.auditCloud(ctx, x)
		c.noteReach(ctx, x, err)
		if err != nil {
			errs = multierror.Append(errs, fmt.Errorf("%s: %w", p.Name(), err))
		}
	}
	wait := time.Duration(float64(c.cfg.AuditInterval) * (0.9 + 0.2*c.cfg.Dice()))
	for _, since := range a.orphans {
		wait = min(wait, max(since.Add(c.cfg.OrphanGrace).Sub(c.now()), c.cfg.RetryMin))
	}
	return wait, errs.ErrorOrNil()
}

// inUse tells whether any class or LoadBalancer names the cloud. One that nobody names is left alone: it may not even be reachable.
func (a *auditor) inUse(x *executor) bool {
	for _, class := range a.c.views.classes.all() {
		if a.c.executorOf(class.Spec.ControllerName) == x {
			return true
		}
	}
	for _, lb := range a.c.views.loadBalancers.all() {
		if lb.Spec.Provider == x.provider.Name() {
			return true
		}
	}
	return false
}

func (a *auditor) auditCloud(ctx context.Context, x *executor) error {
	c := a.c
	switch changed, err := c.auditNetworks(ctx, x); {
	case err != nil:
		return err
	case changed:
		c.wakeAll(ctx, x)
	}
	all, findings, err := c.ledger.fill(ctx, x, c.cfg.Cluster, func() bool { return true })
	if err != nil {
		return err
	}
	var failed *cloud.Error
	if slices.ContainsFunc(slices.Collect(maps.Values(all)), shallow) && a.again(x) {
		var read []finding
		read, failed = a.auditDeep(ctx, x)
		findings = append(findings, read...)
	}
	// An entry may be found twice. Nobody is woken before all are done: what a pass tries and fails meanwhile is not to be tried again at once.
	var woken []types.NamespacedName
	for _, f := range findings {
		if f.entry.audited(c.now()) || f.news {
			woken = append(woken, f.entry.gateway)
		}
	}
	for _, gateway := range woken {
		c.wake(ctx, gateway)
	}
	a.sweep(ctx, x, all)
	if failed != nil {
		return failed
	}
	return nil
}

// audited notes that the audit came by: failures that waited for it are tried again. It tells whether there are any.
func (e *entry) audited(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	again := e.lookAgainLocked()
	for id, h := range e.failures {
		if h.until.IsZero() {
			h.until = now
			e.failures[id] = h
			again = true
		}
	}
	return again
}

// sweep deletes the resources of owners that have had no Gateway for the grace period.
func (a *auditor) sweep(ctx context.Context, x *executor, all map[ir.OwnerKey]graph.Graph) {
	c := a.c
	provider := x.provider.Name()
	now := c.now()
	var due []ir.OwnerKey
	for key := range all {
		o := orphan{provider, key}
		switch since, seen := a.orphans[o]; {
		case key.Cluster != c.cfg.Cluster || c.alive(key):
			delete(a.orphans, o)
		case !seen:
			a.orphans[o] = now
			if c.cfg.OrphanGrace <= 0 {
				due = append(due, key)
			}
		case now.Sub(since) >= c.cfg.OrphanGrace:
			due = append(due, key)
		}
	}
	for o := range a.orphans {
		if _, there := all[o.owner]; o.provider == provider && !there {
			delete(a.orphans, o)
		}
	}
	if len(due) == 0 {
		return
	}
	// The cache may lag: before something is deleted for good, the API itself is asked.
	var live gwv1.GatewayList
	if err := c.api.List(ctx, &live); err != nil {
		c.log.Error(err, "the orphans in the cloud are kept: the Gateways cannot be listed", "provider", provider)
		return
	}
	gateways := make(map[string]bool, len(live.Items))
	for i := range live.Items {
		gateways[string(live.Items[i].UID)] = true
	}
	for _, key := range due {
		if !gateways[key.UID] {
			a.remove(ctx, x, key)
		}
	}
}

// alive tells whether an owner's resources are looked after by a pass: there is a Gateway of that UID.
func (c *Controller) alive(key ir.OwnerKey) bool {
	return len(c.views.gateways.by(byUID, key.UID)) > 0
}

// remove deletes everything of one orphan, as far as it can be now. The rest follows at the next audit.
func (a *auditor) remove(ctx context.Context, x *executor, key ir.OwnerKey) {
	c := a.c
	owner := ir.Owner{Cluster: key.Cluster, UID: key.UID}
	e := c.ledger.entry(x.provider.Name(), owner, types.NamespacedName{}, "", false)
	e.mu.Lock()
	e.settled, e.want = "", nil
	e.mu.Unlock()
	p := c.converge(ctx, x, e, graph.Graph{})
	c.ledger.forget(key)
	if p.applied {
		delete(a.orphans, orphan{x.provider.Name(), key})
		x.metrics.orphans.WithLabelValues(x.provider.Name()).Inc()
		c.log.Info("resources without a Gateway were deleted", "provider", x.provider.Name(), "uid", key.UID)
		return
	}
	for _, f := range p.failures {
		c.log.Info("resources without a Gateway could not be deleted", "provider", x.provider.Name(), "uid", key.UID, "error", f.err.Error())
	}
}
