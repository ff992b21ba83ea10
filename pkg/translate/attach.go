package translate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// attachRoutes decides for every parentRef of every route which listeners take it.
func (t *translation) attachRoutes() {
	for _, r := range t.routes {
		for _, ref := range r.refs {
			if owner, ours := t.parentObject(r, ref); ours && !r.hasParent(ref) {
				p := &parent{ref: ref, report: ParentReport{Ref: ref, Partial: Verdict{OK: true}}}
				r.parents = append(r.parents, p)
				t.findListeners(r, p, owner)
			}
		}
	}
	t.separateKinds()
	for _, r := range t.routes {
		for _, p := range r.parents {
			t.judge(r, p)
		}
	}
}

// parentObject returns the Gateway or ListenerSet that a parentRef names, and whether it is this Gateway or one that names it.
func (t *translation) parentObject(r *route, ref gwv1.ParentReference) (Object, bool) {
	owner := Object{
		Kind:      string(valueOr(ref.Kind, kindGateway)),
		Namespace: string(valueOr(ref.Namespace, gwv1.Namespace(r.name.Namespace))),
		Name:      string(ref.Name),
	}
	if valueOr(ref.Group, gwv1.GroupName) != gwv1.GroupName {
		return owner, false
	}
	switch owner.Kind {
	case kindGateway:
		return owner, owner.Namespace == t.s.Gateway.Namespace && owner.Name == t.s.Gateway.Name
	case kindListenerSet:
		name := types.NamespacedName{Namespace: owner.Namespace, Name: owner.Name}
		return owner, slices.ContainsFunc(t.sets, func(s *listenerSet) bool { return s.name == name })
	default:
		return owner, false
	}
}

// hasParent tells whether the route named the very same parent before: one reference has one verdict.
func (r *route) hasParent(ref gwv1.ParentReference) bool {
	return slices.ContainsFunc(r.parents, func(p *parent) bool { return SameParent(p.ref, ref, r.name.Namespace) })
}

// SameParent tells whether two parentRefs of a route in namespace say the same, what they leave out included.
func SameParent(a, b gwv1.ParentReference, namespace string) bool {
	ns := gwv1.Namespace(namespace)
	return valueOr(a.Group, gwv1.GroupName) == valueOr(b.Group, gwv1.GroupName) &&
		valueOr(a.Kind, kindGateway) == valueOr(b.Kind, kindGateway) &&
		valueOr(a.Namespace, ns) == valueOr(b.Namespace, ns) &&
		a.Name == b.Name && value(a.SectionName) == value(b.SectionName) && value(a.Port) == value(b.Port)
}

// findListeners goes through the specification's questions in order: is there such a listener, does it allow the route, do they have a
// hostname in common. The verdict stays empty where some listener says yes to all.
func (t *translation) findListeners(r *route, p *parent, owner Object) {
	reject := func(reason gwv1.RouteConditionReason, problem Problem) {
		problem.Object = owner
		p.report.Accepted = bad(reason, problem)
	}
	listeners, known := t.byOwner[owner]
	if !known && owner.Kind == kindListenerSet {
		reject(gwv1.RouteReasonNoMatchingParent, Problem{Code: CodeSetNotAttached})
		return
	}
	var named, admitting []*listener
	for _, l := range listeners {
		if (value(p.ref.SectionName) == "" || *p.ref.SectionName == l.spec.Name) && (value(p.ref.Port) == 0 || *p.ref.Port == l.spec.Port) {
			named = append(named, l)
		}
	}
	if len(named) == 0 {
		reject(gwv1.RouteReasonNoMatchingParent, Problem{Code: CodeNoListener, Value: sectionAndPort(p.ref)})
		return
	}
	anyNamespace := false
	for _, l := range named {
		fromHere := l.admits.namespace(r.name.Namespace)
		anyNamespace = anyNamespace || fromHere
		if fromHere && l.admits.kinds[r.kind] {
			admitting = append(admitting, l)
		}
	}
	switch {
	case !anyNamespace:
		reject(gwv1.RouteReasonNotAllowedByListeners, Problem{Code: CodeNamespaceNotAllowed, Value: r.name.Namespace})
		return
	case len(admitting) == 0:
		reject(gwv1.RouteReasonNotAllowedByListeners, Problem{Code: CodeKindNotAllowed, Value: r.kind})
		return
	}
	for _, l := range admitting {
		if hosts := r.hostsOn(l); len(hosts) > 0 {
			a := &attachment{route: r, listener: l, hosts: hosts}
			p.attachments = append(p.attachments, a)
			l.routes = append(l.routes, a)
		}
	}
	if len(p.attachments) == 0 {
		t.rejectHostnames(r, reject, admitting)
	}
}

func (t *translation) rejectHostnames(r *route, reject func(gwv1.RouteConditionReason, Problem), listeners []*listener) {
	if len(r.hostnames) == 0 && len(r.badHosts) > 0 {
		reject(gwv1.RouteReasonUnsupportedValue, r.badHosts[0])
		return
	}
	var theirs []string
	for _, l := range listeners {
		theirs = append(theirs, l.hostname)
	}
	reject(gwv1.RouteReasonNoMatchingListenerHostname,
		Problem{Code: CodeNoHostname, Value: strings.Join(r.hostnames, ", "), Detail: joined(theirs)})
}

func sectionAndPort(ref gwv1.ParentReference) string {
	var parts []string
	if section := value(ref.SectionName); section != "" {
		parts = append(parts, "name "+string(section))
	}
	if port := value(ref.Port); port != 0 {
		parts = append(parts, fmt.Sprintf("port %d", port))
	}
	return strings.Join(parts, " and ")
}

// hostsOn returns the hostnames for which a route answers on a listener, none when they have none in common.
func (r *route) hostsOn(l *listener) []host {
	switch {
	case l.protocol == ir.ProtocolTCP || l.protocol == ir.ProtocolUDP || r.kind == kindTCPRoute:
		return []host{{}}
	case len(r.hostnames) == 0 && len(r.badHosts) > 0:
		return nil
	case len(r.hostnames) == 0:
		return []host{{match: l.hostname}}
	}
	var hosts []host
	for i, wrote := range r.hostnames {
		if both, common := intersect(l.hostname, wrote); common {
			hosts = addHost(hosts, host{match: both, wrote: wrote, index: i})
		}
	}
	return hosts
}

// addHost adds a host unless one with the same match is there: *.com and *.example.com come to the same on *.example.com. The longer of the
// two stays, for its rank.
func addHost(hosts []host, h host) []host {
	for i := range hosts {
		if hosts[i].match == h.match {
			if len(h.wrote) > len(hosts[i].wrote) {
				hosts[i] = h
			}
			return hosts
		}
	}
	return append(hosts, h)
}

// separateKinds keeps HTTPRoutes and GRPCRoutes apart: where they share a hostname on a listener the older route has it.
func (t *translation) separateKinds() {
	for _, l := range t.listeners {
		var sets [2]hostnameSet // of accepted HTTPRoutes, of accepted GRPCRoutes
		if !hasBothKinds(l) {
			continue
		}
		for _, a := range l.routes { // oldest first, as t.routes
			if len(valid(t.rulesFor(a.route, l))) == 0 {
				continue
			}
			own, other := 0, 1
			if a.route.kind == kindGRPCRoute {
				own, other = 1, 0
			}
			for _, h := range a.hosts {
				if owner, taken := sets[other].find(h.match); taken {
					a.beaten = owner
					break
				}
			}
			if a.beaten == "" {
				for _, h := range a.hosts {
					sets[own].add(h.match, a.route.String())
				}
			}
		}
	}
}

func hasBothKinds(l *listener) bool {
	var http, grpc bool
	for _, a := range l.routes {
		http = http || a.route.kind == kindHTTPRoute
		grpc = grpc || a.route.kind == kindGRPCRoute
	}
	return http && grpc
}

// valid returns the rules that are not dropped.
func valid(rules []*rule) []*rule {
	var out []*rule
	for _, r := range rules {
		if len(r.faults) == 0 {
			out = append(out, r)
		}
	}
	return out
}
