package translate

import (
	"slices"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// ReasonHostnameConflict is used with the Accepted condition of a route whose hostnames an older route of the other kind (HTTPRoute,
// GRPCRoute) has on the same listeners. The specification asks for the rejection and names no reason.
const ReasonHostnameConflict gwv1.RouteConditionReason = "HostnameConflict"

// judge completes the verdict on a route as the child of one parent, and puts its rules on the listeners that take it. Routes come oldest
// first.
func (t *translation) judge(r *route, p *parent) {
	p.report.Resolved = t.resolvedVerdict(r, p)
	if len(p.attachments) == 0 {
		return // findListeners said why
	}
	unbeaten := slices.DeleteFunc(slices.Clone(p.attachments), func(a *attachment) bool { return a.beaten != "" })
	rules := t.rulesFor(r, p.attachments[0].listener)
	switch {
	case len(rules) > 0 && len(valid(rules)) == 0:
		p.report.Accepted = bad(reasonOf(rules), faultsOf(rules)...)
		return
	case len(unbeaten) == 0:
		p.report.Accepted = bad(ReasonHostnameConflict, otherKind(r, p.attachments[0]))
		return
	}
	notes := slices.Clone(r.badHosts)
	for _, rl := range rules {
		notes = append(notes, rl.notes...)
	}
	for _, a := range p.attachments {
		if a.beaten != "" {
			notes = append(notes, otherKind(r, a))
			continue
		}
		p.report.Servers = append(p.report.Servers, a.listener.name)
		if winner := t.serve(a); winner != nil && winner != r {
			notes = append(notes, Problem{Code: CodeShadowed, Object: winner.object(), Value: a.listener.name})
		}
	}
	slices.Sort(p.report.Servers)
	p.report.Accepted = Verdict{OK: true, Reason: string(gwv1.RouteReasonAccepted), Problems: sortedProblems(notes)}
	if faults := faultsOf(rules); len(faults) > 0 {
		p.report.Partial = bad(gwv1.RouteReasonUnsupportedValue, faults...)
	}
}

func otherKind(r *route, a *attachment) Problem {
	kind := kindGRPCRoute
	if r.kind == kindGRPCRoute {
		kind = kindHTTPRoute
	}
	return Problem{Code: CodeOtherKind, Object: Object{Kind: kind, Name: a.beaten}, Value: a.listener.name}
}

func (t *translation) resolvedVerdict(r *route, p *parent) Verdict {
	var problems []Problem
	reason := gwv1.RouteReasonResolvedRefs
	collect := func(l *listener) {
		for _, rl := range t.rulesFor(r, l) {
			if len(rl.refs) > 0 && len(problems) == 0 {
				reason = rl.refsWhy
			}
			problems = append(problems, rl.refs...)
		}
	}
	if len(p.attachments) == 0 {
		collect(nil)
	}
	last := speech(0)
	for i, a := range p.attachments {
		how := r.speech
		if a.listener.mode == ir.TLSTerminate {
			how = speakTLS
		}
		if i == 0 || how != last {
			collect(a.listener)
		}
		last = how
	}
	if len(problems) > 0 {
		return bad(reason, problems...)
	}
	return ok(gwv1.RouteReasonResolvedRefs)
}

// reasonOf returns the reason for a route without a valid rule.
func reasonOf(rules []*rule) gwv1.RouteConditionReason {
	for _, r := range rules {
		if r.reason != gwv1.RouteReasonIncompatibleFilters {
			return gwv1.RouteReasonUnsupportedValue
		}
	}
	return gwv1.RouteReasonIncompatibleFilters
}

func faultsOf(rules []*rule) []Problem {
	var faults []Problem
	for _, r := range rules {
		faults = append(faults, r.faults...)
	}
	return faults
}

// serve counts an accepted route on a listener and puts its rules there. It returns the route that has the listener, where it takes only
// one.
func (t *translation) serve(a *attachment) *route {
	l, r := a.listener, a.route
	if l.lastSeen == r {
		return l.single
	}
	l.lastSeen = r
	l.report.AttachedRoutes++
	rules := t.rulesFor(r, l)
	for _, rl := range rules {
		for _, b := range rl.backends {
			t.noteBackend(b)
		}
	}
	if r.kind == kindTCPRoute || r.kind == kindUDPRoute {
		if l.single != nil {
			return l.single
		}
		l.single = r
	}
	if !l.report.Programmed {
		return l.single
	}
	if l.rules == nil {
		l.rules = make([]ir.Rule, 0, 2*len(l.routes)) // most have one or two
	}
	for _, rl := range rules {
		action := rl.action
		switch {
		case len(rl.faults) > 0 && !rl.refuse:
			continue
		case len(rl.faults) > 0:
			action = &ir.Respond{Status: 500}
		}
		for _, b := range rl.backends {
			b.used = b.used || b.pool != nil && names(action, b.pool.Name)
		}
		source := ir.Source{Kind: r.kind, Namespace: r.name.Namespace, Name: r.name.Name, Section: rl.name, Rule: rl.index}
		for _, h := range a.hosts {
			for _, m := range rl.matches {
				m.ir.Hostname = h.match
				if l.protocol == ir.ProtocolTCP || l.protocol == ir.ProtocolUDP {
					m.ir.Hostname = ""
				}
				m.rank.hostname, m.rank.host = h.wrote, h.index
				l.rules = append(l.rules, ir.Rule{Rank: m.rank.String(r.meta, r.kind), Match: m.ir, CORS: rl.cors, Action: action, Source: source, Since: age(r.meta)})
			}
		}
	}
	return l.single
}

// names tells whether an action has to do with a pool.
func names(action ir.Action, pool string) bool {
	f, ok := action.(*ir.Forward)
	return ok && (slices.ContainsFunc(f.Backends, func(b ir.Backend) bool { return b.Pool == pool }) ||
		slices.ContainsFunc(f.Mirrors, func(m ir.Mirror) bool { return m.Pool == pool }))
}

// noteBackend marks the policies that have a say in a backend of an accepted route: the Gateway is then their ancestor.
func (t *translation) noteBackend(b *backend) {
	for _, p := range b.policies {
		p.relevant = true
	}
}
