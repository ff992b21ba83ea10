package reconciler

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// What we said in the status of a route or policy about a parent has to go when the parent does, or when it is not ours any more. While
// there is a Gateway of ours, its pass sees to that; this is for when there is none.

// reconcileListenerSet is one pass over the name of a ListenerSet: when there is none, or when its Gateway is not ours, no route
// may say that it is attached to it.
func (c *Controller) reconcileListenerSet(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if set, exists := c.views.sets.get(req.NamespacedName); exists && c.looksAfter(listenerSetParent(set)) {
		return reconcile.Result{}, nil
	}
	return unlessConflict(c.withdraw(ctx, []string{parentKey("ListenerSet", req.NamespacedName)}))
}

// looksAfter tells whether the passes over a Gateway write the statuses of what attaches to it. While its class is missing nobody
// does, but it may come back, and what is in the cloud still serves.
func (c *Controller) looksAfter(name types.NamespacedName) bool {
	gw, exists := c.views.gateways.get(name)
	if !exists {
		return false
	}
	class, hasClass := c.views.classes.get(client.ObjectKey{Name: string(gw.Spec.GatewayClassName)})
	return !hasClass || ours(class.Spec.ControllerName)
}

// parentsIn returns the keys of what routes can attach to in a Gateway: itself and its ListenerSets.
func (c *Controller) parentsIn(gw *gwv1.Gateway) []string {
	key := parentKey("Gateway", client.ObjectKeyFromObject(gw))
	parents := []string{key}
	for _, set := range c.views.sets.by(byParent, key) {
		parents = append(parents, parentKey("ListenerSet", client.ObjectKeyFromObject(set)))
	}
	return parents
}

// withdraw takes out of the statuses of routes and policies what we said in them about some parents. It writes nothing where
// nothing is said. The error may ask for it to be repeated.
func (c *Controller) withdraw(ctx context.Context, parents []string) error {
	var cs changes
	for _, parent := range parents {
		withdrawRoutes(c.writer, &cs, "HTTPRoute", c.views.http.by(byParent, parent), parents, func(r *gwv1.HTTPRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus })
		withdrawRoutes(c.writer, &cs, "GRPCRoute", c.views.grpc.by(byParent, parent), parents, func(r *gwv1.GRPCRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus })
		withdrawRoutes(c.writer, &cs, "TLSRoute", c.views.tls.by(byParent, parent), parents, func(r *gwv1.TLSRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus })
		withdrawRoutes(c.writer, &cs, "TCPRoute", c.views.tcp.by(byParent, parent), parents, func(r *gwv1.TCPRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus })
		withdrawRoutes(c.writer, &cs, "UDPRoute", c.views.udp.by(byParent, parent), parents, func(r *gwv1.UDPRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus })
		withdrawPolicies(c.writer, &cs, "BackendTLSPolicy", c.views.tlsPolicies.by(byParent, parent), parents)
		withdrawPolicies(c.writer, &cs, "XBackendTrafficPolicy", c.views.trafficPolicies.by(byParent, parent), parents)
		withdrawPolicies(c.writer, &cs, v1alpha1.BackendPolicyKind, c.views.backendPolicies.by(byParent, parent), parents)
	}
	conflict, err := c.writer.write(ctx, distinct(cs))
	if err == nil && conflict {
		return errAgain
	}
	return err
}

// distinct returns each object's change once: one that has two of the parents is found under both.
func distinct(cs changes) changes {
	seen := make(map[types.UID]bool, len(cs))
	return slices.DeleteFunc(cs, func(ch change) bool {
		uid := ch.now.GetUID()
		again := seen[uid]
		seen[uid] = true
		return again
	})
}

func withdrawRoutes[T client.Object](w *writer, cs *changes, kind string, routes []T, parents []string, at statusOf[T, gwv1.RouteStatus]) {
	for _, r := range routes {
		r = latest(w, r)
		left := slices.DeleteFunc(slices.Clone(at(r).Parents), func(p gwv1.RouteParentStatus) bool {
			key, ok := refKey(r.GetNamespace(), p.ParentRef)
			return ok && ours(p.ControllerName) && slices.Contains(parents, key)
		})
		if len(left) < len(at(r).Parents) {
			add(w, cs, kind, r, gwv1.RouteStatus{Parents: left}, true, at)
		}
	}
}

func withdrawPolicies[T client.Object](w *writer, cs *changes, kind string, policies []T, parents []string) {
	for _, p := range policies {
		p = latest(w, p)
		said := policyStatus(p).Ancestors
		left := slices.DeleteFunc(slices.Clone(said), func(a gwv1.PolicyAncestorStatus) bool {
			key, ok := refKey(p.GetNamespace(), a.AncestorRef)
			return ok && ours(a.ControllerName) && slices.Contains(parents, key)
		})
		if len(left) < len(said) {
			add(w, cs, kind, p, gwv1.PolicyStatus{Ancestors: left}, true, func(p T) *gwv1.PolicyStatus { return policyStatus(p) })
		}
	}
}
