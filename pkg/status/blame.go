package status

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// blame returns the report with what the cloud rejects of single routes: such a rule is dropped, as if we had known. r stays as it is.
func blame(s *translate.Snapshot, r *translate.Report, failures []Failure) *translate.Report {
	rejected := map[routeKey]map[int]translate.Problem{}
	for _, f := range failures {
		if !blamable(f) || !isRoute(f.Source.Kind) {
			continue
		}
		key := routeKey{f.Source.Kind, types.NamespacedName{Namespace: f.Source.Namespace, Name: f.Source.Name}}
		if rejected[key] == nil {
			rejected[key] = map[int]translate.Problem{}
		}
		problem := rejection(f)
		if known, found := rejected[key][f.Source.Rule]; !found || problem.Detail < known.Detail {
			rejected[key][f.Source.Rule] = problem
		}
	}
	if len(rejected) == 0 {
		return r
	}
	out := cloneReport(r)
	for i := range out.Routes {
		report := &out.Routes[i]
		if rules := rejected[routeKey{report.Kind, report.Name}]; len(rules) > 0 {
			blameRoute(out, report, rules, ruleCount(s, report.Kind, report.Name))
		}
	}
	return out
}

// cloneReport returns a report whose routes and listeners can be replaced.
func cloneReport(r *translate.Report) *translate.Report {
	out := *r
	out.Routes = slices.Clone(r.Routes)
	out.Gateway.Listeners = slices.Clone(r.Gateway.Listeners)
	out.ListenerSets = slices.Clone(r.ListenerSets)
	for i := range out.ListenerSets {
		out.ListenerSets[i].Listeners = slices.Clone(out.ListenerSets[i].Listeners)
	}
	return &out
}

// rejection says of a rule why the cloud does not have it.
func rejection(f Failure) translate.Problem {
	where := ruleName(f.Source.Rule)
	if f.Refused {
		return translate.Problem{Code: codeRefused, Where: where, Detail: cause(f.Err.Err)}
	}
	return translate.Problem{Code: codeRejected, Where: where, Detail: failureText(f.Err)}
}

// blameRoute drops the rules of a route that the cloud rejects. Where none is left the route is not accepted, and counts nowhere.
func blameRoute(r *translate.Report, route *translate.RouteReport, rules map[int]translate.Problem, total int) {
	problems := slices.Collect(maps.Values(rules))
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

// remark returns the report with what the cloud does with a difference, as notes on the routes and listeners that ask for it, and with what of
// the Gateway itself it cannot have. r stays as it is.
func remark(r *translate.Report, o Outcome) *translate.Report {
	var left []translate.Problem
	for _, f := range o.Failures {
		if f.Refused && f.Err != nil && !isRoute(f.Source.Kind) && !isListener(f.Source) {
			left = append(left, translate.Problem{Code: codeRefused, Detail: cause(f.Err.Err)})
		}
	}
	if len(o.Differences) == 0 && len(left) == 0 {
		return r
	}
	routes := map[routeKey][]translate.Problem{}
	listeners := map[ir.Source][]translate.Problem{}
	for _, d := range o.Differences {
		switch {
		case isRoute(d.Source.Kind):
			key := routeKey{d.Source.Kind, types.NamespacedName{Namespace: d.Source.Namespace, Name: d.Source.Name}}
			routes[key] = append(routes[key], translate.Problem{Code: codeDifferent, Where: ruleName(d.Source.Rule), Detail: d.Text})
		case isListener(d.Source):
			listeners[d.Source] = append(listeners[d.Source], translate.Problem{Code: codeDifferent, Detail: d.Text})
		}
	}
	out := cloneReport(r)
	if out.Gateway.Accepted.OK && len(left) > 0 {
		out.Gateway.Accepted = withNotes(out.Gateway.Accepted, left)
	}
	for i := range out.Routes {
		route := &out.Routes[i]
		notes := routes[routeKey{route.Kind, route.Name}]
		if len(notes) == 0 {
			continue
		}
		route.Parents = slices.Clone(route.Parents)
		for j := range route.Parents {
			if p := &route.Parents[j]; p.Accepted.OK {
				p.Accepted = withNotes(p.Accepted, notes)
			}
		}
	}
	remarkListeners(out.Gateway.Listeners, listeners)
	for _, set := range out.ListenerSets {
		remarkListeners(set.Listeners, listeners)
	}
	return out
}

func remarkListeners(reports []translate.ListenerReport, notes map[ir.Source][]translate.Problem) {
	for i := range reports {
		if l := &reports[i]; l.Accepted.OK && len(notes[l.Source]) > 0 {
			l.Accepted = withNotes(l.Accepted, notes[l.Source])
		}
	}
}

// withNotes returns a good verdict with notes, sorted, each once.
func withNotes(v translate.Verdict, notes []translate.Problem) translate.Verdict {
	all := append(slices.Clone(v.Problems), notes...)
	slices.SortFunc(all, func(a, b translate.Problem) int {
		return cmp.Or(translate.CompareFields(a.Where, b.Where), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Detail, b.Detail))
	})
	v.Problems = slices.Compact(all)
	return v
}
