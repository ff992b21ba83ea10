package status

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Of returns the statuses that the objects of s are to have, where r is the Report that translate made of s and o what became of it
// in the cloud. now is the time of every transition. Nothing in s is written to.
func Of(s *translate.Snapshot, r *translate.Report, o Outcome, now metav1.Time) Result {
	r = blame(s, r, o.Failures)
	w := &writer{s: s, r: r, o: o, now: now, progress: progressOf(s, r, o)}
	w.answers = len(w.addresses()) > 0
	out := Result{Gateway: w.gateway(), ListenerSets: w.listenerSets(), Policies: w.policies()}
	routes := map[routeKey]translate.RouteReport{}
	for _, report := range r.Routes {
		routes[routeKey{report.Kind, report.Name}] = report
	}
	out.HTTPRoutes = make(map[types.NamespacedName]gwv1.HTTPRouteStatus, len(s.HTTPRoutes))
	for _, o := range s.HTTPRoutes {
		if o != nil {
			out.HTTPRoutes[nameOf(o)] = gwv1.HTTPRouteStatus{RouteStatus: w.route(routes, "HTTPRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.GRPCRoutes = make(map[types.NamespacedName]gwv1.GRPCRouteStatus, len(s.GRPCRoutes))
	for _, o := range s.GRPCRoutes {
		if o != nil {
			out.GRPCRoutes[nameOf(o)] = gwv1.GRPCRouteStatus{RouteStatus: w.route(routes, "GRPCRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.TLSRoutes = make(map[types.NamespacedName]gwv1.TLSRouteStatus, len(s.TLSRoutes))
	for _, o := range s.TLSRoutes {
		if o != nil {
			out.TLSRoutes[nameOf(o)] = gwv1.TLSRouteStatus{RouteStatus: w.route(routes, "TLSRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.TCPRoutes = make(map[types.NamespacedName]gwv1.TCPRouteStatus, len(s.TCPRoutes))
	for _, o := range s.TCPRoutes {
		if o != nil {
			out.TCPRoutes[nameOf(o)] = gwv1.TCPRouteStatus{RouteStatus: w.route(routes, "TCPRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.UDPRoutes = make(map[types.NamespacedName]gwv1.UDPRouteStatus, len(s.UDPRoutes))
	for _, o := range s.UDPRoutes {
		if o != nil {
			out.UDPRoutes[nameOf(o)] = gwv1.UDPRouteStatus{RouteStatus: w.route(routes, "UDPRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	return out
}

type routeKey struct {
	kind string
	name types.NamespacedName
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// blame returns the report with what the cloud rejects of single routes: such a rule is dropped, as if we had known. r stays as it is.
func blame(s *translate.Snapshot, r *translate.Report, failures []Failure) *translate.Report {
	rejected := map[routeKey]map[int]string{}
	for _, f := range failures {
		if !blamable(f) || !isRoute(f.Source.Kind) {
			continue
		}
		key := routeKey{f.Source.Kind, types.NamespacedName{Namespace: f.Source.Namespace, Name: f.Source.Name}}
		if rejected[key] == nil {
			rejected[key] = map[int]string{}
		}
		if text := failureText(f.Err); rejected[key][f.Source.Rule] == "" || text < rejected[key][f.Source.Rule] {
			rejected[key][f.Source.Rule] = text
		}
	}
	if len(rejected) == 0 {
		return r
	}
	out := *r
	out.Routes = slices.Clone(r.Routes)
	out.Gateway.Listeners = slices.Clone(r.Gateway.Listeners)
	out.ListenerSets = slices.Clone(r.ListenerSets)
	for i := range out.ListenerSets {
		out.ListenerSets[i].Listeners = slices.Clone(out.ListenerSets[i].Listeners)
	}
	for i := range out.Routes {
		report := &out.Routes[i]
		if rules := rejected[routeKey{report.Kind, report.Name}]; len(rules) > 0 {
			blameRoute(&out, report, rules, ruleCount(s, report.Kind, report.Name))
		}
	}
	return &out
}

// blameRoute drops the rules of a route that the cloud rejects. Where none is left the route is not accepted, and counts nowhere.
func blameRoute(r *translate.Report, route *translate.RouteReport, rules map[int]string, total int) {
	var problems []translate.Problem
	for index, text := range rules {
		problems = append(problems, translate.Problem{Code: codeRejected, Where: ruleName(index), Detail: text})
	}
	slices.SortFunc(problems, func(a, b translate.Problem) int { return translate.CompareFields(a.Where, b.Where) })
	uncounted := map[string]bool{}
	route.Parents = slices.Clone(route.Parents)
	for i := range route.Parents {
		p := &route.Parents[i]
		if !p.Accepted.OK {
			continue
		}
		dropped := map[string]bool{}
		for _, known := range p.Partial.Problems {
			dropped[ruleOf(known.Where)] = true
		}
		for index := range rules {
			dropped[ruleName(index)] = true
		}
		all := append(slices.Clone(p.Partial.Problems), problems...)
		verdict := translate.Verdict{Reason: string(gwv1.RouteReasonUnsupportedValue), Problems: all}
		if len(dropped) < total {
			p.Partial = verdict
			continue
		}
		p.Accepted, p.Partial = verdict, translate.Verdict{OK: true}
		for _, server := range p.Servers {
			uncounted[server] = true
		}
		p.Servers = nil
	}
	uncount(r, uncounted)
}

func uncount(r *translate.Report, servers map[string]bool) {
	for i := range r.Gateway.Listeners {
		if l := &r.Gateway.Listeners[i]; servers[string(l.Name)] {
			l.AttachedRoutes--
		}
	}
	for i := range r.ListenerSets {
		set := &r.ListenerSets[i]
		for j := range set.Listeners {
			if l := &set.Listeners[j]; servers[set.Name.Namespace+"/"+set.Name.Name+"/"+string(l.Name)] {
				l.AttachedRoutes--
			}
		}
	}
}

func ruleCount(s *translate.Snapshot, kind string, name types.NamespacedName) int {
	switch kind {
	case "HTTPRoute":
		for _, o := range s.HTTPRoutes {
			if o != nil && nameOf(o) == name {
				return max(1, len(o.Spec.Rules))
			}
		}
	case "GRPCRoute":
		for _, o := range s.GRPCRoutes {
			if o != nil && nameOf(o) == name {
				return len(o.Spec.Rules)
			}
		}
	}
	return 1 // the others have one
}
