package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// route is a route of any kind.
type route struct {
	kind      string
	meta      *metav1.ObjectMeta
	name      types.NamespacedName
	refs      []gwv1.ParentReference
	hostnames []string  // in lower case, in the order of the spec, without invalid ones; empty for any
	badHosts  []Problem // the invalid ones
	speech    speech    // how it speaks to its backends, where its listener has no say in it
	translate func(*translation, speech) []*rule

	rules   map[speech][]*rule // made when first asked for
	parents []*parent
}

func (r *route) object() Object {
	return Object{Kind: r.kind, Namespace: r.name.Namespace, Name: r.name.Name}
}

func (r *route) String() string { return r.name.Namespace + "/" + r.name.Name }

// parent is one parentRef that names the Gateway or a ListenerSet of it.
type parent struct {
	ref         gwv1.ParentReference
	attachments []*attachment
	report      ParentReport
}

// attachment is a route on a listener.
type attachment struct {
	route    *route
	listener *listener
	hosts    []host
	beaten   string // the route of the other kind that has a hostname already
}

// host is a hostname for which a route answers on a listener: what both match, and what the route wrote.
type host struct {
	match string
	wrote string
	index int
}

// rule is one rule of a route, as far as it does not depend on listeners.
type rule struct {
	index    int
	name     string
	matches  []match
	cors     *ir.CORS
	action   ir.Action
	faults   []Problem // it is dropped
	reason   gwv1.RouteConditionReason
	refuse   bool // it is dropped, and its requests have to be answered with an error
	notes    []Problem
	refs     []Problem // of backendRefs: they cost their share
	refsWhy  gwv1.RouteConditionReason
	backends []*backend
}

// place tells a rule from the others of its route.
func (r *rule) place() string { return cmp.Or(r.name, fmt.Sprint(r.index)) }

// match is one of the matches of a rule, without a hostname, and what its rank is made of.
type match struct {
	ir   ir.Match
	rank rankKey
}

// invalid drops a rule. The reason IncompatibleFilters gives way to UnsupportedValue.
func (r *rule) invalid(reason gwv1.RouteConditionReason, faults ...Problem) {
	if len(faults) == 0 {
		return
	}
	r.faults = append(r.faults, faults...)
	if r.reason == "" || reason == gwv1.RouteReasonUnsupportedValue {
		r.reason = reason
	}
}

// collectRoutes makes routes of all kinds, without those that occur twice.
func (t *translation) collectRoutes() {
	s := t.s
	for _, o := range s.HTTPRoutes {
		if o != nil {
			t.addRoute(&route{kind: kindHTTPRoute, meta: &o.ObjectMeta, refs: o.Spec.ParentRefs, speech: speakHTTP,
				translate: func(t *translation, how speech) []*rule { return t.httpRules(o, how) }}, o.Spec.Hostnames)
		}
	}
	for _, o := range s.GRPCRoutes {
		if o != nil {
			t.addRoute(&route{kind: kindGRPCRoute, meta: &o.ObjectMeta, refs: o.Spec.ParentRefs, speech: speakGRPC,
				translate: func(t *translation, how speech) []*rule { return t.grpcRules(o, how) }}, o.Spec.Hostnames)
		}
	}
	for _, o := range s.TLSRoutes {
		if o != nil {
			t.addRoute(&route{kind: kindTLSRoute, meta: &o.ObjectMeta, refs: o.Spec.ParentRefs, speech: speakTCP,
				translate: func(t *translation, how speech) []*rule { return t.tlsRules(o, how) }}, o.Spec.Hostnames)
		}
	}
	for _, o := range s.TCPRoutes {
		if o != nil {
			t.addRoute(&route{kind: kindTCPRoute, meta: &o.ObjectMeta, refs: o.Spec.ParentRefs, speech: speakTCP,
				translate: func(t *translation, how speech) []*rule { return t.tcpRules(o, how) }}, nil)
		}
	}
	for _, o := range s.UDPRoutes {
		if o != nil {
			t.addRoute(&route{kind: kindUDPRoute, meta: &o.ObjectMeta, refs: o.Spec.ParentRefs, speech: speakUDP,
				translate: func(t *translation, how speech) []*rule { return t.udpRules(o, how) }}, nil)
		}
	}
	slices.SortStableFunc(t.routes, func(a, b *route) int {
		return cmp.Or(compareAge(a.meta, b.meta), cmp.Compare(a.kind, b.kind))
	})
	t.routes = slices.CompactFunc(t.routes, func(a, b *route) bool { return a.kind == b.kind && a.name == b.name })
}

func (t *translation) addRoute(r *route, hostnames []gwv1.Hostname) {
	if r.meta.DeletionTimestamp != nil {
		return
	}
	r.name = types.NamespacedName{Namespace: r.meta.Namespace, Name: r.meta.Name}
	for i, written := range hostnames {
		hostname := strings.ToLower(string(written))
		switch {
		case !validHostname(hostname):
			r.badHosts = append(r.badHosts, Problem{Code: CodeHostnameInvalid, Where: fmt.Sprintf("hostnames[%d]", i), Value: string(written)})
		case !slices.Contains(r.hostnames, hostname):
			r.hostnames = append(r.hostnames, hostname)
		}
	}
	t.routes = append(t.routes, r)
}

// rulesFor returns the rules of a route for a listener.
func (t *translation) rulesFor(r *route, l *listener) []*rule {
	how := r.speech
	if r.kind == kindTLSRoute && l != nil && l.mode == ir.TLSTerminate {
		how = speakTLS
	}
	rules, known := r.rules[how]
	if !known {
		rules = r.translate(t, how)
		if r.rules == nil {
			r.rules = map[speech][]*rule{}
		}
		r.rules[how] = rules
	}
	return rules
}

// maxWeight is the largest weight that the API server lets through. Sums of larger ones could overflow.
const maxWeight = 1_000_000

// backendRef is the common part of the backendRefs of all kinds of routes: it resolves one and notes what is wrong with it in rl.
func (t *translation) backendRef(r Object, rl *rule, where string, ref gwv1.BackendRef, how speech, status int) ir.Backend {
	out := ir.Backend{Weight: 1, Status: status}
	if ref.Weight != nil {
		out.Weight = uint32(min(max(0, *ref.Weight), maxWeight))
	}
	b, fault, reason := t.resolve(r, ref.BackendObjectReference, how)
	if b != nil {
		rl.backends = append(rl.backends, b)
		for _, note := range b.notes {
			note.Where = where
			rl.notes = append(rl.notes, note)
		}
	}
	if fault != nil {
		p := *fault
		p.Where = where
		rl.refs = append(rl.refs, p)
		rl.refsWhy = cmp.Or(rl.refsWhy, reason)
		return out
	}
	out.Pool, out.Status = b.pool.Name, 0
	return out
}

// anyWeight tells whether the backends share anything.
func anyWeight(backends []ir.Backend) bool {
	for _, b := range backends {
		if b.Weight > 0 {
			return true
		}
	}
	return false
}

// anyPool tells whether a backend that has a weight can answer.
func anyPool(backends []ir.Backend) bool {
	for _, b := range backends {
		if b.Weight > 0 && b.Pool != "" {
			return true
		}
	}
	return false
}
