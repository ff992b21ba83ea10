package reconciler

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// adopt makes sure that the Gateway has our finalizer and its LoadBalancer, before anything is asked of its cloud: a crash in between
// then leaks nothing. fresh tells that nothing was ever asked of this cloud for it. A nil LoadBalancer means that it has to be
// come back to, as something has to go first.
func (c *Controller) adopt(ctx context.Context, gw *gwv1.Gateway, x *executor) (lb *v1alpha1.LoadBalancer, fresh bool, err error) {
	lb = c.loadBalancerOf(gw)
	if lb != nil && (lb.Spec.Provider != x.provider.Name() || lb.Spec.Cluster != c.cfg.Cluster) {
		// It moves: what the old cloud has goes first, as its addresses are in the status.
		return nil, false, c.move(ctx, gw, lb)
	}
	if !controllerutil.ContainsFinalizer(gw, finalizer) {
		if err := c.setFinalizer(ctx, gw, true); err != nil {
			return nil, false, err
		}
		// The write would have failed if the cache were behind: nothing is there, and nothing that is remembered still holds. Only where the
		// status has addresses it may serve already: a withdrawal can have left it so.
		fresh = len(gw.Status.Addresses) == 0
		c.ledger.forgetGateway(client.ObjectKeyFromObject(gw)) // of an earlier one of this name, too
		c.ledger.forget(c.owner(string(gw.UID), gw.Namespace, gw.Name).Key())
	}
	if lb != nil {
		return lb, fresh, nil
	}
	lb = &v1alpha1.LoadBalancer{
		ObjectMeta: metav1.ObjectMeta{Namespace: gw.Namespace, Name: gw.Name},
		Spec:       v1alpha1.LoadBalancerSpec{Provider: x.provider.Name(), Cluster: c.cfg.Cluster, GatewayUID: gw.UID},
	}
	if err := controllerutil.SetControllerReference(gw, lb, c.client.Scheme()); err != nil {
		return nil, false, err
	}
	switch err := c.client.Create(ctx, lb); {
	case apierrors.IsAlreadyExists(err):
		// The cache is behind, or it is what an earlier Gateway of this name left and the garbage collector has not reached.
		return nil, false, c.clearWay(ctx, gw)
	case err != nil:
		return nil, false, fmt.Errorf("create LoadBalancer %s/%s: %w", gw.Namespace, gw.Name, err)
	}
	c.newborns.add(lb)
	return lb, fresh, nil
}

// loadBalancerOf returns the LoadBalancer of a Gateway, as new as it is known here, or nil.
func (c *Controller) loadBalancerOf(gw *gwv1.Gateway) *v1alpha1.LoadBalancer {
	name := client.ObjectKeyFromObject(gw)
	lb, ok := c.views.loadBalancers.get(name)
	if !ok {
		lb = c.newborns.get(name)
	}
	if lb == nil || lb.Spec.GatewayUID != gw.UID || !lb.DeletionTimestamp.IsZero() {
		return nil
	}
	return latest(c.writer, lb)
}

// clearing is when it is looked again whether a LoadBalancer that is being deleted is gone.
const clearing = time.Second

// clearWay deletes a LoadBalancer that has the name but belongs to no Gateway that is there. Whatever it finds, the pass is repeated.
func (c *Controller) clearWay(ctx context.Context, gw *gwv1.Gateway) error {
	old := &v1alpha1.LoadBalancer{}
	if err := c.api.Get(ctx, client.ObjectKeyFromObject(gw), old); err != nil {
		return again(client.IgnoreNotFound(err))
	}
	switch {
	case !old.DeletionTimestamp.IsZero():
		return repeatError{clearing} // somebody's finalizer holds it; its end wakes the Gateway
	case old.Spec.GatewayUID == gw.UID:
		return errAgain
	}
	return again(client.IgnoreNotFound(c.client.Delete(ctx, old, client.Preconditions{UID: &old.UID})))
}

// setFinalizer puts our finalizer on a Gateway, or takes it off.
func (c *Controller) setFinalizer(ctx context.Context, gw *gwv1.Gateway, on bool) error {
	next := gw.DeepCopy()
	if on {
		controllerutil.AddFinalizer(next, finalizer)
	} else {
		controllerutil.RemoveFinalizer(next, finalizer)
	}
	// The list is written whole: with the lock, nobody else's finalizer is lost.
	return c.client.Patch(ctx, next, client.MergeFromWithOptions(gw, client.MergeFromWithOptimisticLock{}))
}

// resourcesLimit bounds the resources that are named in a status.
const resourcesLimit = 16

// loadBalancerChange adds the status of the LoadBalancer to the changes.
func (c *Controller) loadBalancerChange(cs *changes, lb *v1alpha1.LoadBalancer, gw *gwv1.Gateway, wanted *ir.LoadBalancer, p *pass, o status.Outcome, now metav1.Time) {
	want := *lb.Status.DeepCopy()
	want.ObservedGeneration = gw.Generation
	want.Addresses = slices.Sorted(slices.Values(o.Addresses))
	want.Address = ""
	if len(want.Addresses) > 0 {
		want.Address = want.Addresses[0]
	}
	want.Listeners, want.Rules, want.Pools, want.Targets = count(wanted)
	want.State, want.Message = stateOf(p, o)
	want.Applied = p.settled
	if p.asked {
		want.Resources = bigResources(p.got)
	}
	want.Adopted = c.adoptedBy(lb, wanted)
	drifted(&want, p, gw.Generation, now)
	add(c.writer, cs, "LoadBalancer", lb, want, false, loadBalancerStatus)
}

// count counts what the Gateway asks for.
func count(lb *ir.LoadBalancer) (listeners, rules, pools, targets int32) {
	for _, l := range lb.Listeners {
		for _, s := range l.Servers {
			rules += int32(len(s.Rules)) //nolint:gosec // bounded by what fits in a cluster
		}
	}
	distinct := make(map[string]struct{})
	for _, pool := range lb.Pools {
		for _, t := range pool.Targets {
			distinct[fmt.Sprintf("%s|%d", t.Address, t.Port)] = struct{}{}
		}
	}
	return int32(len(lb.Listeners)), rules, int32(len(lb.Pools)), int32(len(distinct)) //nolint:gosec // as above
}

const waitsForAgreement = "the plan of an adoption waits for somebody to agree to it; see the Gateway"

func stateOf(p *pass, o status.Outcome) (v1alpha1.State, string) {
	switch {
	case p.applied:
		return v1alpha1.StateActive, ""
	case len(p.failures) > 0:
		message := shorten(joinSome(p.failureTexts()))
		if len(o.Addresses) > 0 {
			return v1alpha1.StateDegraded, message
		}
		return v1alpha1.StateFailed, message
	case p.adoption != nil && len(o.Addresses) == 0:
		return v1alpha1.StatePending, waitsForAgreement
	case p.adoption != nil:
		return v1alpha1.StateDegraded, waitsForAgreement
	case len(p.pending) > 0:
		return v1alpha1.StateProvisioning, shorten(joinSome(p.pending))
	case len(o.Addresses) > 0:
		return v1alpha1.StateDegraded, "the Gateway is not accepted; what it asked for before still serves"
	default:
		return v1alpha1.StatePending, "the Gateway is not accepted"
	}
}

func failureTexts(failures []failure) []string {
	texts := make([]string, len(failures))
	for i, f := range failures {
		texts[i] = f.err.Error()
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// bigResources returns the resources that are not within another and that answer somewhere, or, where none does, all that are not
// within another, as far as there is room.
func bigResources(got graph.Graph) []v1alpha1.Resource {
	var answering, outer []v1alpha1.Resource
	for _, n := range got.Sorted() {
		if n.Within != (graph.ID{}) || n.External == "" {
			continue
		}
		r := v1alpha1.Resource{Kind: string(n.ID.Kind), Name: n.ID.Name, External: n.External}
		outer = append(outer, r)
		if len(n.Addresses) > 0 {
			answering = append(answering, r)
		}
	}
	if len(answering) > 0 {
		outer = answering
	}
	return outer[:min(len(outer), resourcesLimit)]
}

// The InSync condition and its reasons.
const (
	conditionInSync     = "InSync"
	reasonInSync        = "AsApplied"
	reasonDriftRepaired = "DriftRepaired"
	reasonDriftFound    = "DriftFound"
)

// drifted says whether the cloud has what was applied. Before anything was applied there is nothing to say.
func drifted(want *v1alpha1.LoadBalancerStatus, p *pass, generation int64, now metav1.Time) {
	cond := metav1.Condition{Type: conditionInSync, ObservedGeneration: generation, LastTransitionTime: now}
	switch {
	case len(p.drift) > 0 && p.applied:
		cond.Status, cond.Reason = metav1.ConditionTrue, reasonDriftRepaired
		cond.Message = shorten("somebody else had changed the load balancer in the cloud; it was changed back: " + joinSome(p.drift))
		want.Drift = fmt.Sprintf("Repaired %d", len(p.drift))
	case len(p.drift) > 0:
		cond.Status, cond.Reason = metav1.ConditionFalse, reasonDriftFound
		cond.Message = shorten("somebody else changed the load balancer in the cloud: " + joinSome(p.drift))
		want.Drift = fmt.Sprintf("Found %d", len(p.drift))
	case p.applied || want.Drift != "":
		cond.Status, cond.Reason, cond.Message = metav1.ConditionTrue, reasonInSync, "the cloud has what was applied"
		want.Drift = "None"
	default:
		return
	}
	meta.SetStatusCondition(&want.Conditions, cond)
}

func loadBalancerStatus(lb *v1alpha1.LoadBalancer) *v1alpha1.LoadBalancerStatus { return &lb.Status }

// newborns are the LoadBalancers that were made here and that the cache has not seen yet.
type newborns struct {
	mu sync.Mutex
	by map[types.NamespacedName]*v1alpha1.LoadBalancer
}

func (n *newborns) add(lb *v1alpha1.LoadBalancer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.by[client.ObjectKeyFromObject(lb)] = lb
}

func (n *newborns) get(name types.NamespacedName) *v1alpha1.LoadBalancer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.by[name]
}

// drop forgets one, because the cache has seen it come or go.
func (n *newborns) drop(name types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.by, name)
}
