package reconciler

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// finalizer keeps a Gateway until everything that was made for it is gone from its cloud.
const finalizer = "cloudgate.dev/load-balancer"

// reconcileGateway is one pass over a Gateway.
func (c *Controller) reconcileGateway(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	woken, wasWoken := c.wakeups.take(req.NamespacedName)
	gw, exists := c.views.gateways.get(req.NamespacedName)
	if !exists {
		c.ledger.forgetGateway(req.NamespacedName)
		return unlessConflict(c.withdraw(ctx, []string{parentKey("Gateway", req.NamespacedName)}))
	}
	gw = latest(c.writer, gw)
	class, hasClass := c.views.classes.get(client.ObjectKey{Name: string(gw.Spec.GatewayClassName)})
	if hasClass && c.elsewhere(class) {
		if !c.holds(gw) {
			return c.leave(gw, class), nil
		}
		if gw.DeletionTimestamp.IsZero() {
			return c.handOver(ctx, gw)
		}
	}
	if !gw.DeletionTimestamp.IsZero() || hasClass && !ours(class.Spec.ControllerName) {
		return c.release(ctx, gw)
	}
	var x *executor
	if hasClass {
		x = c.executorOf(class.Spec.ControllerName)
	}
	if x == nil || !c.accepted(class) {
		// What is there goes on serving: a class that is gone or at fault must not cost a load balancer.
		return reconcile.Result{}, nil
	}
	result, p, err := c.serve(ctx, gw, class, x)
	woken.worked = woken.worked || p.steps > 0
	switch {
	case !wasWoken:
	case !p.applied: // a cloud that takes time is done in a later pass
		c.wakeups.keep(req.NamespacedName, woken)
	case woken.worked:
		c.metrics.propagated(x.provider.Name(), c.now().Sub(woken.at))
	}
	return result, err
}

// serve brings the cloud to what the Gateway asks for, and its statuses to what became of it.
func (c *Controller) serve(ctx context.Context, gw *gwv1.Gateway, class *gwv1.GatewayClass, x *executor) (reconcile.Result, pass, error) {
	lb, fresh, err := c.adopt(ctx, gw, x)
	if err != nil || lb == nil {
		result, err := unlessConflict(err)
		return result, pass{}, err
	}
	s := c.views.snapshot(class, gw)
	c.writer.refresh(s)
	lost := c.surroundings(ctx, x, s)
	wanted, report := translate.Translate(s)
	e := c.ledger.entry(x.provider.Name(), wanted.Owner, client.ObjectKeyFromObject(gw), lb.Status.Applied, fresh && !c.cfg.ObserveNew)

	var p pass
	if lost != nil {
		c.unreadable(e, lost, &p)
		p.soonest(x.networks.left(c.now()))
		c.conclude(e, nil, &p)
	} else {
		p = c.apply(ctx, x, e, s, lb, wanted, report)
	}
	if ctx.Err() != nil {
		// The process is ending: what was done stays done, and the next one goes on from what the cloud has.
		return reconcile.Result{}, p, nil
	}
	o := outcomeOf(&p, lb)
	c.tell(ctx, gw, lb, x, &p, o)
	if p.moment {
		return reconcile.Result{RequeueAfter: p.again}, p, nil
	}
	// Before the statuses: whom they tell that the Gateway is programmed can use its name. What becomes of it changes nothing in them.
	var named error
	if !report.Frozen() {
		named = c.keepService(ctx, gw, endpointOf(wanted.Listeners, o.Addresses), &p)
	}
	now := metav1.NewTime(c.now())
	cs := statusChanges(c.writer, s, status.Of(s, report, o, now))
	c.loadBalancerChange(&cs, lb, gw, wanted, &p, o, now)
	conflict, err := c.writer.write(ctx, cs)
	switch {
	case err != nil:
		return reconcile.Result{}, p, err
	case conflict:
		return reconcile.Result{}, p, errAgain
	case named != nil:
		return reconcile.Result{}, p, named
	}
	return reconcile.Result{RequeueAfter: p.again}, p, nil
}

// apply compiles and converges, unless the Gateway as a whole is refused: then what is in the cloud stays as it is.
func (c *Controller) apply(
	ctx context.Context, x *executor, e *entry, s *translate.Snapshot, lb *v1alpha1.LoadBalancer, wanted *ir.LoadBalancer, report *translate.Report,
) pass {
	if report.Frozen() {
		p := pass{}
		e.mu.Lock()
		defer e.mu.Unlock()
		p.asked, p.got, p.drift, p.settled = e.known, e.got, e.drift, e.settled
		return p
	}
	compiled, err := x.provider.Compile(wanted)
	if err != nil {
		failed := asCloudError("compile", graph.ID{}, err)
		if failed.Kind == cloud.Unknown {
			failed = &cloud.Error{Kind: cloud.Invalid, Op: "compile", Err: err}
		}
		p := pass{failures: []failure{{err: failed}}}
		c.note(e, nil, &p)
		c.conclude(e, graph.Graph{}, &p)
		return p
	}
	p, ready := c.takeOver(ctx, x, e, s, lb, compiled.Graph)
	c.tellAdoption(s.Gateway, e, &p)
	if ready {
		took := p
		p = c.converge(ctx, x, e, compiled.Graph)
		p.adopted, p.notAdopted = took.adopted, took.notAdopted
		if took.again > 0 {
			p.soonest(took.again)
		}
	}
	p.refused, p.differences = status.Refusals(wanted, compiled), status.Differences(wanted, compiled)
	p.refusedNow = e.refuses(p.refused)
	return p
}

// outcomeOf says what a pass came to in the terms of package status. What was not asked of the cloud is as the LoadBalancer remembers it.
func outcomeOf(p *pass, lb *v1alpha1.LoadBalancer) status.Outcome {
	o := status.Outcome{Applied: p.applied, Pending: p.pending, Drift: p.drift, Differences: p.differences, Adoption: p.adoption, Agreed: p.agreed, NotAdopted: p.notAdopted}
	if p.got != nil {
		o.Addresses = addresses(p.got)
	} else {
		o.Addresses = slices.Clone(lb.Status.Addresses)
	}
	o.Failures = append(o.Failures, p.refused...)
	for _, f := range p.failures {
		failed := status.Failure{Err: f.err}
		spec := f.step.Want.Spec
		if spec == nil {
			spec = f.step.Got.Spec
		}
		if s, ok := spec.(cloud.Sourced); ok {
			failed.Source = s.Source()
		}
		o.Failures = append(o.Failures, failed)
	}
	return o
}

// statusChanges gathers the statuses that are not as result says.
func statusChanges(w *writer, s *translate.Snapshot, result status.Result) changes {
	var cs changes
	add(w, &cs, "Gateway", s.Gateway, result.Gateway, false, func(o *gwv1.Gateway) *gwv1.GatewayStatus { return &o.Status })
	for _, o := range s.ListenerSets {
		if v, ok := result.ListenerSets[client.ObjectKeyFromObject(o)]; ok {
			add(w, &cs, "ListenerSet", o, v, false, func(o *gwv1.ListenerSet) *gwv1.ListenerSetStatus { return &o.Status })
		}
	}
	for _, o := range s.HTTPRoutes {
		if v, ok := result.HTTPRoutes[client.ObjectKeyFromObject(o)]; ok {
			add(w, &cs, "HTTPRoute", o, v, true, func(o *gwv1.HTTPRoute) *gwv1.HTTPRouteStatus { return &o.Status })
		}
	}
	for _, o := range s.GRPCRoutes {
		if v, ok := result.GRPCRoutes[client.ObjectKeyFromObject(o)]; ok {
			add(w, &cs, "GRPCRoute", o, v, true, func(o *gwv1.GRPCRoute) *gwv1.GRPCRouteStatus { return &o.Status })
		}
	}
	for _, o := range s.TLSRoutes {
		if v, ok := result.TLSRoutes[client.ObjectKeyFromObject(o)]; ok {
			add(w, &cs, "TLSRoute", o, v, true, func(o *gwv1.TLSRoute) *gwv1.TLSRouteStatus { return &o.Status })
		}
	}
	for _, o := range s.TCPRoutes {
		if v, ok := result.TCPRoutes[client.ObjectKeyFromObject(o)]; ok {
			add(w, &cs, "TCPRoute", o, v, true, func(o *gwv1.TCPRoute) *gwv1.TCPRouteStatus { return &o.Status })
		}
	}
	for _, o := range s.UDPRoutes {
		if v, ok := result.UDPRoutes[client.ObjectKeyFromObject(o)]; ok {
			add(w, &cs, "UDPRoute", o, v, true, func(o *gwv1.UDPRoute) *gwv1.UDPRouteStatus { return &o.Status })
		}
	}
	policyChanges(w, &cs, "BackendTLSPolicy", s.BackendTLSPolicies, result)
	policyChanges(w, &cs, "XBackendTrafficPolicy", s.BackendTrafficPolicies, result)
	policyChanges(w, &cs, v1alpha1.BackendPolicyKind, s.BackendPolicies, result)
	return cs
}

// policyChanges gathers the statuses of the policies of one kind.
func policyChanges[T client.Object](w *writer, cs *changes, kind string, policies []T, result status.Result) {
	for _, o := range policies {
		if v, ok := result.Policies[translate.Object{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}]; ok {
			add(w, cs, kind, o, v, true, func(o T) *gwv1.PolicyStatus { return policyStatus(o) })
		}
	}
}

// tell logs and records as events what happened in the cloud. Each thing is told once: when it begins, not while it lasts.
func (c *Controller) tell(ctx context.Context, gw *gwv1.Gateway, lb *v1alpha1.LoadBalancer, x *executor, p *pass, o status.Outcome) {
	l := log.FromContext(ctx)
	if p.steps > 0 {
		l.Info("the cloud was changed", "provider", x.provider.Name(), "steps", p.steps, "applied", p.applied, "pending", len(p.pending), "failures", len(p.failures))
	}
	if len(p.fresh) > 0 {
		l.Info("the cloud refused or failed", "provider", x.provider.Name(), "new", len(p.fresh), "error", p.err().Error())
	}
	for _, f := range p.fresh {
		switch f.err.Kind {
		case cloud.Denied:
			c.warn(gw, "ProviderDenied", "Apply", f.err.Error())
		case cloud.Quota:
			c.warn(gw, "QuotaExceeded", "Apply", f.err.Error())
		case cloud.Invalid, cloud.Unsupported:
			c.warn(gw, "ProviderRefused", "Apply", f.err.Error())
		case cloud.Unknown, cloud.Throttled, cloud.Unavailable, cloud.Conflict, cloud.NotFound:
		}
	}
	c.tellRefused(gw, p.refusedNow)
	if p.began {
		c.warn(gw, "CloudUnavailable", "Apply", p.outage)
	}
	if len(p.found) > 0 {
		if p.applied {
			c.warn(gw, "DriftRepaired", "Audit", driftNote("somebody else changed the load balancer in the cloud; it was changed back: ", p.found))
		} else {
			c.warn(gw, "DriftFound", "Audit", driftNote("somebody else changed the load balancer in the cloud; it is being changed back: ", p.found))
		}
	}
	if p.applied && len(o.Addresses) > 0 && lb.Status.Drift == "" { // which is said from the first time on that all was applied
		c.events.Eventf(gw, nil, "Normal", "Created", "Apply", "the load balancer is ready at %s", joinSome(o.Addresses))
	}
}

func (c *Controller) warn(gw *gwv1.Gateway, reason, action, note string) {
	c.events.Eventf(gw, nil, "Warning", reason, action, "%s", shorten(note))
}
