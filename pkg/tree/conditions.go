package tree

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// shouldBeTrue are the conditions that are wrong where they are not true, and shouldBeFalse the others that we know.
var (
	shouldBeTrue  = []string{"Accepted", "ResolvedRefs", "Programmed"}
	shouldBeFalse = []string{"Conflicted", "OverlappingTLSConfig", "PartiallyInvalid"}
)

// read sums up conditions. generation is that of their object; what was said of an older one is not taken for true. Of several that
// say the same, and of what follows from not being accepted, the first is enough.
func read(conditions []metav1.Condition, generation int64) (State, []string) {
	if len(conditions) == 0 {
		return Unknown, nil
	}
	state := OK
	var problems []string
	said := make(map[string]bool)
	refused := meta.IsStatusConditionFalse(conditions, "Accepted")
	for _, c := range conditions {
		switch {
		case said[c.Message] && c.Message != "", refused && c.Type == "Programmed":
		case c.ObservedGeneration < generation:
			state = worse(state, Pending)
		case slices.Contains(shouldBeTrue, c.Type) && c.Status != metav1.ConditionTrue && c.Reason == "Pending":
			state = worse(state, Pending)
		case slices.Contains(shouldBeTrue, c.Type) && c.Status != metav1.ConditionTrue,
			slices.Contains(shouldBeFalse, c.Type) && c.Status == metav1.ConditionTrue:
			state = Wrong
			said[c.Message] = true
			problems = append(problems, fmt.Sprintf("%s=%s, %s: %s", c.Type, c.Status, c.Reason, c.Message))
		}
	}
	return state, problems
}

func worse(a, b State) State {
	order := []State{OK, Unknown, Pending, Degraded, Wrong}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// Statuses returns the statuses that the objects of s have now.
func Statuses(s *translate.Snapshot) status.Result {
	r := status.Result{
		Gateway:      s.Gateway.Status,
		ListenerSets: make(map[types.NamespacedName]gwv1.ListenerSetStatus),
		HTTPRoutes:   make(map[types.NamespacedName]gwv1.HTTPRouteStatus),
		GRPCRoutes:   make(map[types.NamespacedName]gwv1.GRPCRouteStatus),
		TLSRoutes:    make(map[types.NamespacedName]gwv1.TLSRouteStatus),
		TCPRoutes:    make(map[types.NamespacedName]gwv1.TCPRouteStatus),
		UDPRoutes:    make(map[types.NamespacedName]gwv1.UDPRouteStatus),
		Policies:     make(map[translate.Object]gwv1.PolicyStatus),
	}
	for _, o := range s.ListenerSets {
		r.ListenerSets[nameOf(o)] = o.Status
	}
	for _, o := range s.HTTPRoutes {
		r.HTTPRoutes[nameOf(o)] = o.Status
	}
	for _, o := range s.GRPCRoutes {
		r.GRPCRoutes[nameOf(o)] = o.Status
	}
	for _, o := range s.TLSRoutes {
		r.TLSRoutes[nameOf(o)] = o.Status
	}
	for _, o := range s.TCPRoutes {
		r.TCPRoutes[nameOf(o)] = o.Status
	}
	for _, o := range s.UDPRoutes {
		r.UDPRoutes[nameOf(o)] = o.Status
	}
	for _, o := range s.Policies() {
		r.Policies[o.Object] = *o.Status
	}
	return r
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// parents returns the statuses of a route's parents.
func parents(r status.Result, kind string, name types.NamespacedName) []gwv1.RouteParentStatus {
	switch kind {
	case "HTTPRoute":
		return r.HTTPRoutes[name].Parents
	case "GRPCRoute":
		return r.GRPCRoutes[name].Parents
	case "TLSRoute":
		return r.TLSRoutes[name].Parents
	case "TCPRoute":
		return r.TCPRoutes[name].Parents
	case "UDPRoute":
		return r.UDPRoutes[name].Parents
	default:
		return nil
	}
}

// route is what a tree needs of a route of any kind.
type route struct {
	generation int64
	hostnames  []gwv1.Hostname
}

func routes(s *translate.Snapshot) map[string]route {
	out := make(map[string]route)
	for _, o := range s.HTTPRoutes {
		out["HTTPRoute "+nameOf(o).String()] = route{o.Generation, o.Spec.Hostnames}
	}
	for _, o := range s.GRPCRoutes {
		out["GRPCRoute "+nameOf(o).String()] = route{o.Generation, o.Spec.Hostnames}
	}
	for _, o := range s.TLSRoutes {
		out["TLSRoute "+nameOf(o).String()] = route{o.Generation, o.Spec.Hostnames}
	}
	for _, o := range s.TCPRoutes {
		out["TCPRoute "+nameOf(o).String()] = route{o.Generation, nil}
	}
	for _, o := range s.UDPRoutes {
		out["UDPRoute "+nameOf(o).String()] = route{o.Generation, nil}
	}
	return out
}
