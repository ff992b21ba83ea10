package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// release deletes all that was made for a Gateway that is being deleted, or that is not ours any more, and then lets go of it. It is the same
// flow with an empty want, and it needs neither the class nor the Gateway's spec.
func (c *Controller) release(ctx context.Context, gw *gwv1.Gateway) (reconcile.Result, error) {
	key := c.owner(string(gw.UID), gw.Namespace, gw.Name).Key()
	if !controllerutil.ContainsFinalizer(gw, finalizer) {
		c.ledger.forget(key)
		return unlessConflict(c.withdraw(ctx, c.parentsIn(gw)))
	}
	if c.ledger.isReleased(key) {
		return reconcile.Result{}, nil // the cache has not seen the finalizer go
	}
	lb := c.loadBalancerOf(gw)
	var p pass
	for _, x := range c.holders(lb) {
		one := c.empty(ctx, x, gw, lb)
		if ctx.Err() != nil {
			return reconcile.Result{}, nil
		}
		if !one.applied {
			p.failures = append(p.failures, one.failures...)
			p.fresh = append(p.fresh, one.fresh...)
			p.pending = append(p.pending, one.pending...)
			p.outage, p.began = cmp.Or(p.outage, one.outage), p.began || one.began
			p.soonest(one.again)
		}
	}
	if lb != nil && c.executors[lb.Spec.Provider] == nil {
		return c.stuck(ctx, gw, lb)
	}
	if p.again > 0 || len(p.failures) > 0 {
		c.tellReleasing(ctx, gw, &p)
		return c.releasing(ctx, lb, &p)
	}
	return c.letGo(ctx, gw, lb)
}

// leave leaves a Gateway to the Cloudgate that serves its class, to delete as well. One that is still there after some time is told of,
// as the other may be gone.
func (c *Controller) leave(gw *gwv1.Gateway, class *gwv1.GatewayClass) reconcile.Result {
	if gw.DeletionTimestamp.IsZero() || !controllerutil.ContainsFinalizer(gw, finalizer) {
		return reconcile.Result{}
	}
	if left := gw.DeletionTimestamp.Add(c.cfg.AuditInterval).Sub(c.now()); left > 0 {
		return reconcile.Result{RequeueAfter: left}
	}
	c.warn(gw, "ProviderMissing", "Delete", fmt.Sprintf("it waits for the controller that serves %s, which this one does not: see whether that runs", class.Spec.ControllerName))
	return reconcile.Result{RequeueAfter: c.cfg.AuditInterval}
}

// holds tells whether the LoadBalancer of a Gateway names a cloud for which there is a provider here.
func (c *Controller) holds(gw *gwv1.Gateway) bool {
	lb := c.loadBalancerOf(gw)
	return lb != nil && c.executors[lb.Spec.Provider] != nil
}

// holders returns who may have made something: the cloud that the LoadBalancer names, or all where somebody deleted that.
func (c *Controller) holders(lb *v1alpha1.LoadBalancer) []*executor {
	if lb != nil {
		if x := c.executors[lb.Spec.Provider]; x != nil {
			return []*executor{x}
		}
		return nil
	}
	var all []*executor
	for _, p := range c.cfg.Providers {
		all = append(all, c.executors[p.Name()])
	}
	return all
}

// empty converges one cloud on nothing for a Gateway.
func (c *Controller) empty(ctx context.Context, x *executor, gw *gwv1.Gateway, lb *v1alpha1.LoadBalancer) pass {
	owner := c.owner(string(gw.UID), gw.Namespace, gw.Name)
	if lb != nil {
		owner.Cluster = lb.Spec.Cluster
	}
	e := c.ledger.entry(x.provider.Name(), owner, client.ObjectKeyFromObject(gw), "", false)
	e.mu.Lock()
	e.settled, e.want = "", nil // that the cloud has all of an empty want is never taken from a digest
	if !e.known && e.got == nil {
		e.got = graph.Graph{} // one Gateway that goes is no reason to read everything
	}
	e.mu.Unlock()
	return c.converge(ctx, x, e, graph.Graph{})
}

// stuck says that the Gateway cannot be let go, because nobody here can delete what it has.
func (c *Controller) stuck(ctx context.Context, gw *gwv1.Gateway, lb *v1alpha1.LoadBalancer) (reconcile.Result, error) {
	message := fmt.Sprintf("its resources are in cloud %s, for which this controller has no provider: start one that has, or delete them and remove the finalizer %s",
		lb.Spec.Provider, finalizer)
	if lb.Status.Message != message {
		c.warn(gw, "ProviderMissing", "Delete", message)
		log.FromContext(ctx).Info("a Gateway cannot be let go", "provider", lb.Spec.Provider)
	}
	var cs changes
	want := *lb.Status.DeepCopy()
	want.State, want.Message = v1alpha1.StateDeleting, message
	add(c.writer, &cs, "LoadBalancer", lb, want, false, loadBalancerStatus)
	if _, err := c.writer.write(ctx, cs); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: c.cfg.AuditInterval}, nil
}

// tellReleasing logs and records what stands in the way.
func (c *Controller) tellReleasing(ctx context.Context, gw *gwv1.Gateway, p *pass) {
	for _, f := range p.fresh {
		log.FromContext(ctx).Info("the cloud refused or failed to delete", "kind", f.err.Kind.String(), "error", f.err.Error())
		if waits(f.err.Kind) {
			c.warn(gw, "DeleteRefused", "Delete", f.err.Error())
		}
	}
	if p.began {
		c.warn(gw, "CloudUnavailable", "Delete", p.outage)
	}
}

// releasing shows in the LoadBalancer what is still going, and comes back.
func (c *Controller) releasing(ctx context.Context, lb *v1alpha1.LoadBalancer, p *pass) (reconcile.Result, error) {
	if lb != nil {
		want := *lb.Status.DeepCopy()
		want.State, want.Applied = v1alpha1.StateDeleting, ""
		want.Message = shorten(joinSome(append(p.failureTexts(), slices.Sorted(slices.Values(p.pending))...)))
		var cs changes
		add(c.writer, &cs, "LoadBalancer", lb, want, false, loadBalancerStatus)
		if _, err := c.writer.write(ctx, cs); err != nil {
			return reconcile.Result{}, err
		}
	}
	after := p.again
	if after == 0 {
		after = c.cfg.AuditInterval // a refusal, which an edit of the Gateway cannot mend
	}
	return reconcile.Result{RequeueAfter: after}, nil
}

// letGo takes away what says that the Gateway is ours. The finalizer goes last.
func (c *Controller) letGo(ctx context.Context, gw *gwv1.Gateway, lb *v1alpha1.LoadBalancer) (reconcile.Result, error) {
	if err := c.withdraw(ctx, c.parentsIn(gw)); err != nil {
		return unlessConflict(err)
	}
	if err := c.leaveService(ctx, gw); err != nil {
		return unlessConflict(err)
	}
	if lb != nil {
		if err := client.IgnoreNotFound(c.client.Delete(ctx, lb, client.Preconditions{UID: &lb.UID})); err != nil {
			return unlessConflict(err)
		}
	}
	if err := c.setFinalizer(ctx, gw, false); err != nil {
		return unlessConflict(err)
	}
	c.ledger.release(c.owner(string(gw.UID), gw.Namespace, gw.Name).Key())
	c.events.Eventf(gw, nil, "Normal", "Deleted", "Delete", "the load balancer is gone from the cloud")
	log.FromContext(ctx).Info("the load balancer is gone from the cloud")
	return reconcile.Result{}, nil
}

// handOver empties the cloud that a Gateway leaves for that of another Cloudgate. That one waits for the LoadBalancer to go, and makes its own. The
// finalizer stays: it is the same, and the Gateway is not without one for a moment.
func (c *Controller) handOver(ctx context.Context, gw *gwv1.Gateway) (reconcile.Result, error) {
	return unlessConflict(c.move(ctx, gw, c.loadBalancerOf(gw)))
}

// move empties the cloud that a Gateway leaves for another, because its class changed, and forgets its LoadBalancer.
func (c *Controller) move(ctx context.Context, gw *gwv1.Gateway, lb *v1alpha1.LoadBalancer) error {
	x := c.executors[lb.Spec.Provider]
	if x == nil {
		result, err := c.stuck(ctx, gw, lb)
		if err != nil {
			return err
		}
		return repeatError{result.RequeueAfter}
	}
	p := c.empty(ctx, x, gw, lb)
	if !p.applied {
		c.tellReleasing(ctx, gw, &p)
		result, err := c.releasing(ctx, lb, &p)
		if err != nil {
			return err
		}
		return repeatError{result.RequeueAfter}
	}
	// What was said under the old class's controller name would stay beside what is said under the new one's.
	if err := c.withdraw(ctx, c.parentsIn(gw)); err != nil {
		return err
	}
	if err := c.leaveService(ctx, gw); err != nil {
		return err
	}
	c.ledger.forget(c.owner(string(gw.UID), gw.Namespace, gw.Name).Key())
	if err := client.IgnoreNotFound(c.client.Delete(ctx, lb, client.Preconditions{UID: &lb.UID})); err != nil {
		return err
	}
	return errAgain
}
