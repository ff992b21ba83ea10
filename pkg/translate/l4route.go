package translate

import (
	"fmt"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// tlsRules translates the rule of a TLSRoute. how says whether its listener passes TLS through or ends it.
func (t *translation) tlsRules(route *gwv1.TLSRoute, how speech) []*rule {
	self := Object{Kind: kindTLSRoute, Namespace: route.Namespace, Name: route.Name}
	var rules []*rule
	for i, spec := range route.Spec.Rules {
		rules = append(rules, t.streamRule(self, i, spec.Name, spec.BackendRefs, how))
	}
	return rules
}

// tcpRules translates the rule of a TCPRoute.
func (t *translation) tcpRules(route *gwv1.TCPRoute, how speech) []*rule {
	self := Object{Kind: kindTCPRoute, Namespace: route.Namespace, Name: route.Name}
	var rules []*rule
	for i, spec := range route.Spec.Rules {
		rules = append(rules, t.streamRule(self, i, spec.Name, spec.BackendRefs, how))
	}
	return rules
}

// udpRules translates the rule of a UDPRoute.
func (t *translation) udpRules(route *gwv1.UDPRoute, how speech) []*rule {
	self := Object{Kind: kindUDPRoute, Namespace: route.Namespace, Name: route.Name}
	var rules []*rule
	for i, spec := range route.Spec.Rules {
		rules = append(rules, t.streamRule(self, i, spec.Name, spec.BackendRefs, how))
	}
	return rules
}

// streamRule translates a rule of a route that has no matches. A second one could never be reached.
func (t *translation) streamRule(self Object, index int, name *gwv1.SectionName, refs []gwv1.BackendRef, how speech) *rule {
	rl := &rule{index: index, name: string(value(name)), matches: []match{{rank: rankKey{path: rankNone, rule: index}}}}
	where := fmt.Sprintf("rules[%d]", index)
	if index > 0 {
		rl.invalid(gwv1.RouteReasonUnsupportedValue, Problem{Code: CodeValueInvalid, Where: "rules", Value: where, Detail: "one rule only"})
	}
	var backends []ir.Backend
	for i, ref := range refs {
		backends = append(backends, t.backendRef(self, rl, fmt.Sprintf("%s.backendRefs[%d]", where, i), ref, how, statusNoBackend))
	}
	if !anyWeight(backends) {
		backends = []ir.Backend{{Weight: 1, Status: statusNoBackend}} // refuses every connection
	}
	rl.action = &ir.Forward{Backends: backends}
	return rl
}
