package tree

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Input is what a tree is drawn from. Want and Report are what translate made of Snapshot.
type Input struct {
	Snapshot *translate.Snapshot
	Want     *ir.LoadBalancer
	Report   *translate.Report
	Statuses status.Result        // those that the objects have (see Statuses) or would have
	Health   []cloud.TargetHealth // nil where nobody can tell
	// LoadBalancer is what the LoadBalancer object of the Gateway says; nil where there is none.
	LoadBalancer *v1alpha1.LoadBalancerStatus
}

// Build returns the tree of the Gateway. Equal inputs give equal trees.
func Build(in Input) Item {
	b := &builder{
		in: in, routes: routes(in.Snapshot), health: make(map[string]map[string]cloud.TargetHealth),
		pools: make(map[string]ir.Pool), shown: make(map[string]bool), drawn: make(map[int]bool),
	}
	for _, h := range in.Health {
		if b.health[h.Pool] == nil {
			b.health[h.Pool] = make(map[string]cloud.TargetHealth)
		}
		b.health[h.Pool][h.Address] = h
	}
	for _, p := range in.Want.Pools {
		b.pools[p.Name] = p
	}
	return b.gateway()
}

type builder struct {
	in     Input
	routes map[string]route
	pools  map[string]ir.Pool
	health map[string]map[string]cloud.TargetHealth
	shown  map[string]bool // pools whose targets are in the tree already
	drawn  map[int]bool    // routes, by their place in the Report
}

func (b *builder) gateway() Item {
	gw := b.in.Snapshot.Gateway
	item := Item{Kind: "Gateway", Name: gw.Namespace + "/" + gw.Name}
	item.State, item.Problems = read(b.in.Statuses.Gateway.Conditions, gw.Generation)
	words := []string{"class " + string(gw.Spec.GatewayClassName)}
	for _, a := range b.in.Statuses.Gateway.Addresses {
		words = append(words, a.Value)
	}
	item.Summary = strings.Join(words, ", ")
	if gw.DeletionTimestamp != nil {
		item.State = worse(item.State, Pending)
		item.Summary += ", being deleted"
	}
	b.balancer(&item)
	for _, l := range gw.Spec.Listeners {
		item.Items = append(item.Items, b.listener(l, ir.Source{Kind: "Gateway", Namespace: gw.Namespace, Name: gw.Name}))
	}
	item.State = inPart(item.State, b.in.Statuses.Gateway.Conditions, item.Items)
	for _, set := range b.in.Snapshot.ListenerSets {
		item.Items = append(item.Items, b.listenerSet(set))
	}
	for i, r := range b.in.Report.Routes {
		if !b.drawn[i] {
			item.Items = append(item.Items, b.route(r, r.Parents, nil))
		}
	}
	return item
}

// balancer adds what the LoadBalancer says beyond the Gateway's status: its state in the cloud, and what others changed there.
func (b *builder) balancer(item *Item) {
	lb := b.in.LoadBalancer
	if lb == nil {
		return
	}
	if lb.State != "" {
		item.Summary += ", " + string(lb.State)
	}
	if c := meta.FindStatusCondition(lb.Conditions, "InSync"); c != nil && c.Status == metav1.ConditionFalse {
		item.State = worse(item.State, Degraded)
		item.Problems = append(item.Problems, fmt.Sprintf("InSync=%s, %s: %s", c.Status, c.Reason, c.Message))
	}
}

func (b *builder) listenerSet(set *gwv1.ListenerSet) Item {
	item := Item{Kind: "ListenerSet", Name: set.Namespace + "/" + set.Name}
	item.State, item.Problems = read(b.in.Statuses.ListenerSets[nameOf(set)].Conditions, set.Generation)
	for _, l := range set.Spec.Listeners {
		spec := gwv1.Listener{Name: l.Name, Hostname: l.Hostname, Port: l.Port, Protocol: l.Protocol}
		item.Items = append(item.Items, b.listener(spec, ir.Source{Kind: "ListenerSet", Namespace: set.Namespace, Name: set.Name}))
	}
	item.State = inPart(item.State, b.in.Statuses.ListenerSets[nameOf(set)].Conditions, item.Items)
	return item
}

// inPart is the state of something whose own is state and that serves through listeners: where one of them serves and another is
// wrong it is degraded, unless its own conditions say that nothing of it is served.
func inPart(state State, conditions []metav1.Condition, listeners []Item) State {
	if meta.IsStatusConditionFalse(conditions, "Accepted") || state == Wrong && meta.IsStatusConditionFalse(conditions, "Programmed") {
		return state
	}
	serves := slices.ContainsFunc(listeners, func(l Item) bool { return l.State == OK })
	wrong := slices.ContainsFunc(listeners, func(l Item) bool { return l.State == Wrong })
	switch {
	case !serves || !wrong:
		return state
	case state == Wrong:
		return Degraded
	default:
		return worse(state, Degraded)
	}
}

// listener shows a listener of the Gateway or of a ListenerSet, in.
func (b *builder) listener(l gwv1.Listener, in ir.Source) Item {
	item := Item{Kind: "listener", Name: string(l.Name), Summary: fmt.Sprintf("%s on port %d", l.Protocol, l.Port)}
	if l.Hostname != nil && *l.Hostname != "" {
		item.Summary += " for " + string(*l.Hostname)
	}
	conditions, generation := b.listenerConditions(l.Name, in)
	item.State, item.Problems = read(conditions, generation)
	in.Section = string(l.Name)
	server := b.server(in)
	reported := string(l.Name)
	if in.Kind == "ListenerSet" {
		reported = in.Namespace + "/" + in.Name + "/" + reported
	}
	for i, r := range b.in.Report.Routes {
		var on []translate.ParentReport
		for _, p := range r.Parents {
			if slices.Contains(p.Servers, reported) {
				on = append(on, p)
			}
		}
		if len(on) > 0 {
			b.drawn[i] = true
			item.Items = append(item.Items, b.route(r, on, server))
		}
	}
	return item
}

func (b *builder) listenerConditions(name gwv1.SectionName, in ir.Source) ([]metav1.Condition, int64) {
	if in.Kind == "Gateway" {
		for _, s := range b.in.Statuses.Gateway.Listeners {
			if s.Name == name {
				return s.Conditions, b.in.Snapshot.Gateway.Generation
			}
		}
		return nil, 0
	}
	full := types.NamespacedName{Namespace: in.Namespace, Name: in.Name}
	for _, set := range b.in.Snapshot.ListenerSets {
		if nameOf(set) != full {
			continue
		}
		for _, s := range b.in.Statuses.ListenerSets[full].Listeners {
			if s.Name == name {
				return s.Conditions, set.Generation
			}
		}
	}
	return nil, 0
}

// server returns the server of a listener, or nil if it is not in the load balancer.
func (b *builder) server(source ir.Source) *ir.Server {
	for i := range b.in.Want.Listeners {
		for j := range b.in.Want.Listeners[i].Servers {
			s := &b.in.Want.Listeners[i].Servers[j]
			if s.Source.Kind == source.Kind && s.Source.Namespace == source.Namespace && s.Source.Name == source.Name && s.Source.Section == source.Section {
				return s
			}
		}
	}
	return nil
}

// route shows a route, with what is said of it as a child of some parents, and its rules on a server.
func (b *builder) route(r translate.RouteReport, on []translate.ParentReport, server *ir.Server) Item {
	known := b.routes[r.Kind+" "+r.Name.String()]
	item := Item{Kind: r.Kind, Name: r.Name.String()}
	var hosts []string
	for _, h := range known.hostnames {
		hosts = append(hosts, string(h))
	}
	item.Summary = strings.Join(hosts, ", ")
	item.State = Unknown
	first := true
	for _, p := range parents(b.in.Statuses, r.Kind, r.Name) {
		if p.ControllerName != b.in.Snapshot.ControllerName || !slices.ContainsFunc(on, func(o translate.ParentReport) bool {
			return translate.SameParent(o.Ref, p.ParentRef, r.Name.Namespace)
		}) {
			continue
		}
		state, problems := read(p.Conditions, known.generation)
		if first {
			item.State, first = state, false
		}
		item.State = worse(item.State, state)
		item.Problems = append(item.Problems, problems...)
	}
	if server != nil {
		item.Items = b.rules(r, server)
	}
	return item
}
