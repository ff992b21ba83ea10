package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// The kinds of the Gateway API, as its objects name them.
const (
	kindClass         = "GatewayClass"
	kindGateway       = "Gateway"
	kindListenerSet   = "ListenerSet"
	kindHTTPRoute     = "HTTPRoute"
	kindGRPCRoute     = "GRPCRoute"
	kindTLSRoute      = "TLSRoute"
	kindTCPRoute      = "TCPRoute"
	kindUDPRoute      = "UDPRoute"
	kindTLSPolicy     = "BackendTLSPolicy"
	kindTrafficPolicy = "XBackendTrafficPolicy"
	kindBackendPolicy = v1alpha1.BackendPolicyKind
	kindService       = "Service"
	kindSecret        = "Secret"
	kindConfigMap     = "ConfigMap"
)

// listener is one listener of the Gateway or of a ListenerSet, and what is found out about it.
type listener struct {
	owner    Object // the Gateway or ListenerSet
	rank     int    // of the owner: 0 for the Gateway, then the ListenerSets in order of precedence
	spec     gwv1.Listener
	name     string // unique among all listeners of the Gateway
	hostname string
	protocol ir.Protocol // 0 when it is not supported
	mode     ir.TLSMode
	certs    []string
	clients  *ir.ClientValidation
	admits   admission
	report   ListenerReport

	routes   []*attachment
	lastSeen *route // the route that was attached last, so that two references to one listener count once
	single   *route // the TCPRoute or UDPRoute that has the listener: it takes one
	rules    []ir.Rule
}

// accepted tells whether the listener itself is valid. Its references may still be unresolved.
func (l *listener) accepted() bool { return l.report.Accepted.OK }

func (l *listener) where() string { return "listeners[" + string(l.spec.Name) + "]" }

// newListener reads everything about a listener that does not depend on others.
func (t *translation) newListener(owner Object, rank int, spec gwv1.Listener) *listener {
	l := &listener{owner: owner, rank: rank, spec: spec, name: string(spec.Name)}
	if owner.Kind == kindListenerSet {
		l.name = owner.Namespace + "/" + owner.Name + "/" + string(spec.Name)
	}
	f := &findings{t: t}
	reason := t.readProtocol(l, f)
	if len(f.faults) == 0 {
		reason = ""
	}
	if spec.Port < 1 || spec.Port > 65535 {
		f.fault(Problem{Code: CodePortUnavailable, Where: l.where() + ".port", Value: fmt.Sprint(spec.Port)})
		reason = cmp.Or(reason, gwv1.ListenerReasonPortUnavailable)
	}
	if l.hostname != "" && !validHostname(l.hostname) {
		f.fault(Problem{Code: CodeHostnameInvalid, Where: l.where() + ".hostname", Value: l.hostname})
		reason = cmp.Or(reason, gwv1.ListenerReasonUnsupportedValue)
	}
	validation, where := t.frontendValidation(l)
	if validation != nil && !t.mayValidate(validation, where, f) {
		reason = cmp.Or(reason, gwv1.ListenerReasonUnsupportedValue)
	}
	var fault *Problem
	if l.admits, fault = t.newAdmission(l); fault != nil {
		f.fault(*fault)
		reason = cmp.Or(reason, gwv1.ListenerReasonUnsupportedValue)
	}

	l.report = ListenerReport{
		Name: spec.Name, Port: spec.Port, Protocol: spec.Protocol,
		Accepted:       ok(gwv1.ListenerReasonAccepted),
		Conflicted:     ok(gwv1.ListenerReasonNoConflicts),
		OverlappingTLS: Verdict{OK: true},
		Source:         ir.Source{Kind: owner.Kind, Namespace: owner.Namespace, Name: owner.Name, Section: string(spec.Name)},
	}
	l.report.Accepted.Problems = sortedProblems(f.notes)
	if len(f.faults) > 0 {
		l.report.Accepted = bad(cmp.Or(reason, gwv1.ListenerReasonUnsupportedValue), f.faults...)
	}
	t.resolveListener(l)
	return l
}

// readProtocol sets protocol, mode and hostname, and returns the reason for what it finds fault with.
func (t *translation) readProtocol(l *listener, f *findings) gwv1.ListenerConditionReason {
	if l.spec.Hostname != nil {
		l.hostname = strings.ToLower(string(*l.spec.Hostname))
	}
	where := l.where() + ".protocol"
	var feature ir.Feature
	switch l.spec.Protocol {
	case gwv1.HTTPProtocolType:
		l.protocol, feature = ir.ProtocolHTTP, ir.FeatureHTTP
	case gwv1.HTTPSProtocolType:
		l.protocol, feature = ir.ProtocolHTTPS, ir.FeatureHTTPS
	case gwv1.TLSProtocolType:
		l.protocol = ir.ProtocolTLS
		return t.readTLS(l, f)
	case gwv1.TCPProtocolType:
		l.protocol, feature, l.hostname = ir.ProtocolTCP, ir.FeatureTCP, ""
	case gwv1.UDPProtocolType:
		l.protocol, feature, l.hostname = ir.ProtocolUDP, ir.FeatureUDP, ""
	default:
		f.fault(Problem{Code: CodeUnsupportedProtocol, Where: where, Value: string(l.spec.Protocol), Detail: "HTTP, HTTPS, TLS, TCP, UDP"})
		return gwv1.ListenerReasonUnsupportedProtocol
	}
	if !f.use(feature, where) {
		l.protocol = 0
		return gwv1.ListenerReasonUnsupportedProtocol
	}
	return t.readTLS(l, f)
}

// readTLS sets the mode of a listener whose protocol is known.
func (t *translation) readTLS(l *listener, f *findings) gwv1.ListenerConditionReason {
	where := l.where() + ".tls"
	config := l.spec.TLS
	switch l.protocol {
	case ir.ProtocolHTTP, ir.ProtocolTCP, ir.ProtocolUDP:
		if config != nil {
			f.fault(Problem{Code: CodeTLSNotAllowed, Where: where, Value: string(l.spec.Protocol)})
		}
		return gwv1.ListenerReasonUnsupportedValue
	case ir.ProtocolHTTPS, ir.ProtocolTLS:
	}
	if config == nil {
		config = &gwv1.ListenerTLSConfig{}
	}
	l.mode = ir.TLSTerminate
	switch mode := value(config.Mode); {
	case mode == gwv1.TLSModePassthrough && l.protocol == ir.ProtocolTLS:
		l.mode = ir.TLSPassthrough
		f.use(ir.FeatureTLSPassthrough, where+".mode")
	case mode == gwv1.TLSModeTerminate || mode == "":
		if l.protocol == ir.ProtocolTLS {
			f.use(ir.FeatureTLSTerminate, where+".mode")
		}
	default:
		f.fault(Problem{Code: CodeTLSMode, Where: where + ".mode", Value: string(mode), Detail: string(l.spec.Protocol)})
	}
	for _, key := range sortedKeys(config.Options) {
		if !t.knowsOption(l, key, config.Options[key]) {
			f.fault(Problem{Code: CodeTLSOption, Where: where + ".options", Value: string(key)})
		}
	}
	if l.mode == ir.TLSTerminate && len(config.CertificateRefs) > 1 {
		f.use(ir.FeatureSeveralCertificates, where+".certificateRefs")
	}
	return gwv1.ListenerReasonUnsupportedValue
}

// resolveListener judges the references of a listener: kinds of routes and certificates.
func (t *translation) resolveListener(l *listener) {
	report := &l.report
	report.Resolved = ok(gwv1.ListenerReasonResolvedRefs)
	report.Programmed = report.Accepted.OK
	if l.protocol == 0 {
		report.SupportedKinds = []gwv1.RouteGroupKind{}
		return
	}
	kinds, problems := t.routeKinds(l)
	report.SupportedKinds = kinds
	l.admits.setKinds(kinds)
	if len(kinds) == 0 {
		report.Programmed = false
	}
	if l.mode == ir.TLSTerminate {
		certs, verdict := t.certificates(l)
		l.certs = certs
		if !verdict.OK {
			report.Resolved = verdict
		}
		if len(certs) == 0 && !verdict.OK {
			report.Programmed = false
		}
		t.resolveClients(l)
	}
	if len(problems) > 0 {
		if report.Resolved.OK {
			report.Resolved = bad(gwv1.ListenerReasonInvalidRouteKinds)
		}
		report.Resolved.Problems = sortedProblems(append(slices.Clone(report.Resolved.Problems), problems...))
	}
}

// routeKinds returns the kinds of routes that may attach to a listener: those it asks for, as far as its protocol takes them.
func (t *translation) routeKinds(l *listener) ([]gwv1.RouteGroupKind, []Problem) {
	compatible := t.compatibleKinds(l)
	kinds := make([]gwv1.RouteGroupKind, 0, len(compatible))
	if l.spec.AllowedRoutes == nil || len(l.spec.AllowedRoutes.Kinds) == 0 {
		for _, kind := range compatible {
			kinds = append(kinds, routeGroupKind(kind))
		}
		return kinds, nil
	}
	var problems []Problem
	seen := map[string]bool{}
	for i, asked := range l.spec.AllowedRoutes.Kinds {
		group := gwv1.Group(gwv1.GroupName)
		if asked.Group != nil {
			group = *asked.Group
		}
		if group != gwv1.GroupName || !slices.Contains(compatible, string(asked.Kind)) {
			problems = append(problems, Problem{
				Code: CodeRouteKind, Where: fmt.Sprintf("%s.allowedRoutes.kinds[%d]", l.where(), i),
				Value: groupKind(string(group), string(asked.Kind)), Detail: strings.Join(compatible, ", "),
			})
			continue
		}
		if !seen[string(asked.Kind)] {
			seen[string(asked.Kind)] = true
			kinds = append(kinds, routeGroupKind(string(asked.Kind)))
		}
	}
	return kinds, problems
}

// compatibleKinds returns the kinds of routes that the protocol of a listener can carry on this cloud.
func (t *translation) compatibleKinds(l *listener) []string {
	switch l.protocol {
	case ir.ProtocolHTTP, ir.ProtocolHTTPS:
		if fault, _ := t.use(ir.FeatureGRPC, ""); fault != nil {
			return []string{kindHTTPRoute}
		}
		return []string{kindHTTPRoute, kindGRPCRoute}
	case ir.ProtocolTLS:
		if l.mode == ir.TLSTerminate {
			return []string{kindTLSRoute, kindTCPRoute}
		}
		return []string{kindTLSRoute}
	case ir.ProtocolTCP:
		return []string{kindTCPRoute}
	case ir.ProtocolUDP:
		return []string{kindUDPRoute}
	default:
		return nil
	}
}

func routeGroupKind(kind string) gwv1.RouteGroupKind {
	group := gwv1.Group(gwv1.GroupName)
	return gwv1.RouteGroupKind{Group: &group, Kind: gwv1.Kind(kind)}
}

func groupKind(group, kind string) string {
	if group == "" {
		return kind
	}
	return group + "/" + kind
}

// collectListeners reads the listeners of the Gateway and of the ListenerSets that it allows, in order of precedence.
func (t *translation) collectListeners() {
	gw := t.s.Gateway
	owner := Object{Kind: kindGateway, Namespace: gw.Namespace, Name: gw.Name}
	for _, spec := range gw.Spec.Listeners {
		t.listeners = append(t.listeners, t.newListener(owner, 0, spec))
	}
	for i, set := range t.sets {
		if !set.allowed {
			continue
		}
		owner := Object{Kind: kindListenerSet, Namespace: set.name.Namespace, Name: set.name.Name}
		for _, entry := range set.object.Spec.Listeners {
			t.listeners = append(t.listeners, t.newListener(owner, i+1, gwv1.Listener(entry)))
		}
	}
	t.refuseRepeatedNames()
	t.findConflicts()
	t.findOverlaps()
	t.byOwner = map[Object][]*listener{}
	for _, l := range t.listeners {
		t.byOwner[l.owner] = append(t.byOwner[l.owner], l)
	}
}

// refuseRepeatedNames refuses listeners of one object that share a name: the API server does not let them through, files may.
func (t *translation) refuseRepeatedNames() {
	seen := map[string]int{}
	for _, l := range t.listeners {
		seen[l.name]++
	}
	for _, l := range t.listeners {
		if seen[l.name] > 1 {
			l.refuse(gwv1.ListenerReasonUnsupportedValue, Problem{Code: CodeNameRepeated, Where: l.where() + ".name", Value: string(l.spec.Name)})
		}
	}
}

// refuse marks a listener as not accepted for one more reason. The first reason stays.
func (l *listener) refuse(reason gwv1.ListenerConditionReason, p Problem) {
	if l.report.Accepted.OK {
		l.report.Accepted = bad(reason)
	}
	l.report.Accepted.Problems = sortedProblems(append(slices.Clone(l.report.Accepted.Problems), p))
	l.report.Programmed = false
}

// listenerSet is a ListenerSet that names the Gateway.
type listenerSet struct {
	object  *gwv1.ListenerSet
	name    types.NamespacedName
	allowed bool
}

// collectSets finds the ListenerSets of the Gateway, oldest first, and whether the Gateway allows them.
func (t *translation) collectSets() {
	gw := t.s.Gateway
	seen := map[types.NamespacedName]bool{}
	for _, set := range t.s.ListenerSets {
		if set == nil || set.DeletionTimestamp != nil || !NamesGateway(set, gw) {
			continue
		}
		name := types.NamespacedName{Namespace: set.Namespace, Name: set.Name}
		if !seen[name] {
			seen[name] = true
			t.sets = append(t.sets, &listenerSet{object: set, name: name})
		}
	}
	slices.SortFunc(t.sets, func(a, b *listenerSet) int { return compareAge(&a.object.ObjectMeta, &b.object.ObjectMeta) })
	var allowed *gwv1.ListenerNamespaces
	if gw.Spec.AllowedListeners != nil {
		allowed = gw.Spec.AllowedListeners.Namespaces
	}
	if allowed == nil {
		return
	}
	test, fault := t.namespaceTest(gw.Namespace, value(allowed.From), gwv1.NamespacesFromNone, allowed.Selector, "allowedListeners.namespaces")
	if fault != nil { // then nothing is allowed, which is no reason to refuse the Gateway
		t.report.Gateway.Accepted.Problems = append(t.report.Gateway.Accepted.Problems, *fault)
		return
	}
	for _, set := range t.sets {
		set.allowed = test(set.name.Namespace)
	}
}

// NamesGateway tells whether the parentRef of a ListenerSet names gw.
func NamesGateway(set *gwv1.ListenerSet, gw *gwv1.Gateway) bool {
	ref := set.Spec.ParentRef
	return valueOr(ref.Group, gwv1.GroupName) == gwv1.GroupName && valueOr(ref.Kind, kindGateway) == kindGateway &&
		string(ref.Name) == gw.Name && string(valueOr(ref.Namespace, gwv1.Namespace(set.Namespace))) == gw.Namespace
}
