package dev

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// anyRoute is what all kinds of routes have in common.
type anyRoute struct {
	kind      string
	meta      metav1.ObjectMeta
	hostnames []gwv1.Hostname
	parents   []gwv1.ParentReference
	status    []gwv1.RouteParentStatus
}

// listRoutes returns the routes of every kind.
func listRoutes(ctx context.Context, reader client.Reader) ([]anyRoute, error) {
	var (
		all []anyRoute
		h   gwv1.HTTPRouteList
		g   gwv1.GRPCRouteList
		l   gwv1.TLSRouteList
		t   gwv1.TCPRouteList
		u   gwv1.UDPRouteList
	)
	for _, list := range []client.ObjectList{&h, &g, &l, &t, &u} {
		if err := reader.List(ctx, list); err != nil {
			return nil, err
		}
	}
	for _, r := range h.Items {
		all = append(all, anyRoute{"HTTPRoute", r.ObjectMeta, r.Spec.Hostnames, r.Spec.ParentRefs, r.Status.Parents})
	}
	for _, r := range g.Items {
		all = append(all, anyRoute{"GRPCRoute", r.ObjectMeta, r.Spec.Hostnames, r.Spec.ParentRefs, r.Status.Parents})
	}
	for _, r := range l.Items {
		all = append(all, anyRoute{"TLSRoute", r.ObjectMeta, r.Spec.Hostnames, r.Spec.ParentRefs, r.Status.Parents})
	}
	for _, r := range t.Items {
		all = append(all, anyRoute{"TCPRoute", r.ObjectMeta, nil, r.Spec.ParentRefs, r.Status.Parents})
	}
	for _, r := range u.Items {
		all = append(all, anyRoute{"UDPRoute", r.ObjectMeta, nil, r.Spec.ParentRefs, r.Status.Parents})
	}
	return all, nil
}

func (o *observer) readRoutes(ctx context.Context) error {
	routes, err := listRoutes(ctx, o.reader)
	if err != nil {
		return err
	}
	for _, r := range routes {
		o.state.Routes = append(o.state.Routes, o.route(r))
	}
	return nil
}

func (o *observer) route(r anyRoute) Route {
	shown := Route{Kind: r.kind, Namespace: r.meta.Namespace, Name: r.meta.Name, Parents: []Parent{}}
	for _, h := range r.hostnames {
		shown.Hostnames = append(shown.Hostnames, string(h))
	}
	for _, ref := range r.parents {
		shown.Parents = append(shown.Parents, o.parent(r, ref))
	}
	return shown
}

func (o *observer) parent(r anyRoute, ref gwv1.ParentReference) Parent {
	key := types.NamespacedName{Namespace: r.meta.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		key.Namespace = string(*ref.Namespace)
	}
	p := Parent{Kind: "Gateway", Namespace: key.Namespace, Name: key.Name}
	if ref.Kind != nil {
		p.Kind = string(*ref.Kind)
	}
	if ref.SectionName != nil {
		p.Section = string(*ref.SectionName)
	}
	switch ours, exists := o.parentKnown(p.Kind, key); {
	case !exists:
		p.Lost, p.Problems = true, []string{"there is no such " + p.Kind}
		return p
	case !ours:
		return p
	}
	i := slices.IndexFunc(r.status, func(s gwv1.RouteParentStatus) bool {
		return o.ofUs(s.ControllerName) && sameParent(s.ParentRef, ref)
	})
	if i < 0 {
		o.unsettled()
		return p
	}
	conditions := r.status[i].Conditions
	p.Accepted = isTrue(conditions, string(gwv1.RouteConditionAccepted))
	p.Resolved = isTrue(conditions, string(gwv1.RouteConditionResolvedRefs))
	p.Problems = o.check(conditions, r.meta.Generation, string(gwv1.RouteConditionAccepted), string(gwv1.RouteConditionResolvedRefs))
	if c := meta.FindStatusCondition(conditions, string(gwv1.RouteConditionPartiallyInvalid)); c != nil && c.Status == metav1.ConditionTrue {
		p.Problems = append(p.Problems, sentence(c))
	}
	return p
}

// sameParent compares the references as they were written.
func sameParent(a, b gwv1.ParentReference) bool {
	return a.Name == b.Name && same(a.Group, b.Group) && same(a.Kind, b.Kind) && same(a.Namespace, b.Namespace) &&
		same(a.SectionName, b.SectionName) && same(a.Port, b.Port)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// parentKnown tells whether a parent exists and whether its status is ours to write.
func (o *observer) parentKnown(kind string, key types.NamespacedName) (ours, exists bool) {
	if kind == "ListenerSet" {
		set := o.sets[key]
		if set == nil {
			return false, false
		}
		key = parentKey(set)
		return o.gateways[key], true
	}
	ours, exists = o.gateways[key]
	return ours, exists
}
