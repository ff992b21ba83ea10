package translate

import (
	"net/netip"
	"slices"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// addresses reads the addresses that the Gateway asks for. An empty value lets the cloud choose.
func (t *translation) addresses() []ir.Address {
	var out []ir.Address
	var unsupported, unusable []Problem
	for i, asked := range t.s.Gateway.Spec.Addresses {
		where := "addresses[" + itoa(i) + "]"
		kind := valueOr(asked.Type, gwv1.IPAddressType)
		if kind != gwv1.IPAddressType && kind != gwv1.HostnameAddressType {
			unsupported = append(unsupported, Problem{Code: CodeAddressType, Where: where, Value: string(kind)})
			continue
		}
		if asked.Value == "" {
			continue
		}
		feature, address := ir.FeatureStaticAddresses, ir.Address{}
		if kind == gwv1.HostnameAddressType {
			feature, address.Hostname = ir.FeatureStaticHostnames, asked.Value
		}
		if fault, _ := t.use(feature, where); fault != nil {
			unsupported = append(unsupported, *fault)
			continue
		}
		if kind == gwv1.IPAddressType {
			ip, err := netip.ParseAddr(asked.Value)
			if err != nil || ip.Zone() != "" {
				unusable = append(unusable, Problem{Code: CodeAddressInvalid, Where: where, Value: asked.Value})
				continue
			}
			address.IP = ip.Unmap()
		} else if !validHostname(asked.Value) || isWildcard(asked.Value) {
			unusable = append(unusable, Problem{Code: CodeAddressInvalid, Where: where, Value: asked.Value})
			continue
		}
		if !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	report := &t.report.Gateway
	if len(unsupported) > 0 {
		t.rejectGateway(gwv1.GatewayReasonUnsupportedAddress, unsupported...)
	}
	if len(unusable) > 0 {
		report.Addresses = bad(gwv1.GatewayReasonAddressNotUsable, unusable...)
		report.Frozen = true
	}
	return out
}

// rejectGateway refuses the Gateway as a whole. The first reason stays.
func (t *translation) rejectGateway(reason gwv1.GatewayConditionReason, problems ...Problem) {
	report := &t.report.Gateway
	report.Frozen = true
	if report.Accepted.OK {
		report.Accepted = bad(reason)
	}
	report.Accepted.Problems = sortedProblems(append(slices.Clone(report.Accepted.Problems), problems...))
}

// readGateway judges what stands in the spec of the Gateway beside listeners and addresses.
func (t *translation) readGateway() {
	spec := &t.s.Gateway.Spec
	t.parameters()
	t.readClientCertificate()
	if scope := spec.DefaultScope; scope != "" && scope != gwv1.GatewayDefaultScopeNone {
		t.rejectGateway(gwv1.GatewayReasonInvalid, Problem{Code: CodeDefaultScope, Where: "defaultScope", Value: string(scope)})
	}
}

// labels returns what the Gateway wants on the cloud's resources: its infrastructure's annotations and labels, which win.
func (t *translation) labels() []ir.Label {
	infrastructure := t.s.Gateway.Spec.Infrastructure
	if infrastructure == nil {
		return nil
	}
	all := map[string]string{}
	for key, v := range infrastructure.Annotations {
		all[string(key)] = string(v)
	}
	for key, v := range infrastructure.Labels {
		all[string(key)] = string(v)
	}
	var out []ir.Label
	for _, key := range sortedKeys(all) {
		out = append(out, ir.Label{Key: key, Value: all[key]})
	}
	return out
}

// judgeGateway sums up the listeners.
func (t *translation) judgeGateway() {
	report := &t.report.Gateway
	own := t.byOwner[Object{Kind: kindGateway, Namespace: t.s.Gateway.Namespace, Name: t.s.Gateway.Name}]
	accepted := 0
	for _, l := range t.listeners {
		if l.accepted() {
			accepted++
		}
	}
	var invalid, unresolved []string
	for _, l := range own {
		if !l.accepted() {
			invalid = append(invalid, string(l.spec.Name))
		}
		if !l.report.Resolved.OK {
			unresolved = append(unresolved, string(l.spec.Name))
		}
	}
	report.Resolved = ok(gwv1.GatewayReasonResolvedRefs)
	if len(unresolved) > 0 {
		report.Resolved = bad(gwv1.GatewayReasonListenersNotResolved, Problem{Code: CodeListenersUnresolved, Value: joined(unresolved)})
	}
	if t.clientFault != nil { // the Gateway's own reference is said before those of its listeners, which say theirs themselves
		report.Resolved = bad(t.clientFault.Reason, append(slices.Clone(report.Resolved.Problems), t.clientFault.Problems...)...)
	}
	if !report.Accepted.OK || len(invalid) == 0 && accepted > 0 {
		return
	}
	notes := append(slices.Clone(report.Accepted.Problems), Problem{Code: CodeListenersInvalid, Value: joined(invalid)})
	report.Accepted = bad(gwv1.GatewayReasonListenersNotValid, notes...)
	report.Accepted.OK = accepted > 0
}

// judgeSets makes the verdicts on ListenerSets. A set is accepted when one of its listeners can be programmed.
func (t *translation) judgeSets() {
	gw := Object{Kind: kindGateway, Namespace: t.s.Gateway.Namespace, Name: t.s.Gateway.Name}
	report := t.report
	for _, set := range t.sets {
		out := ListenerSetReport{Name: set.name}
		listeners := t.byOwner[Object{Kind: kindListenerSet, Namespace: set.name.Namespace, Name: set.name.Name}]
		usable := 0
		var invalid []string
		for _, l := range listeners {
			if l.report.Programmed {
				usable++
			} else {
				invalid = append(invalid, string(l.spec.Name))
			}
			out.Listeners = append(out.Listeners, l.report)
		}
		notValid := bad(gwv1.ListenerSetReasonListenersNotValid, Problem{Code: CodeListenersInvalid, Value: joined(invalid)})
		switch {
		case !set.allowed:
			out.Accepted = bad(gwv1.ListenerSetReasonNotAllowed, Problem{Code: CodeSetNotAllowed, Object: gw})
		case !report.Gateway.Accepted.OK && usable > 0:
			out.Accepted = bad(gwv1.ListenerSetReasonParentNotAccepted, Problem{Code: CodeParentNotAccepted, Object: gw})
		case usable == 0:
			out.Accepted = notValid
		default:
			out.Accepted = ok(gwv1.ListenerSetReasonAccepted)
			if len(invalid) > 0 {
				out.Accepted = notValid
				out.Accepted.OK = true
			}
			report.Gateway.AttachedSets++
		}
		report.ListenerSets = append(report.ListenerSets, out)
	}
}
