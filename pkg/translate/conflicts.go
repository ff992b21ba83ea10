package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// socket is what only one sort of listener can have: TCP and UDP have ports of their own.
type socket struct {
	port int32
	udp  bool
}

// findConflicts refuses listeners that are not distinct. Of listeners of one object none wins; a listener of an object of higher
// precedence (the Gateway, then the older ListenerSets) wins over those that come after.
func (t *translation) findConflicts() {
	bySocket := map[socket][]*listener{}
	for _, l := range t.listeners {
		if l.accepted() && l.protocol != 0 {
			key := socket{port: l.spec.Port, udp: l.protocol == ir.ProtocolUDP}
			bySocket[key] = append(bySocket[key], l)
		}
	}
	mixed := t.s.Features.Of(ir.FeatureTLSHostnames).Grade != ir.Impossible
	for _, sharing := range bySocket {
		if len(sharing) > 1 {
			resolveSocket(sharing, mixed)
		}
	}
}

// resolveSocket goes through the listeners of one socket, which are in order of precedence. Where mixed is false, the cloud does not tell TLS that
// ends at a port from TLS that is passed through there.
func resolveSocket(sharing []*listener, mixed bool) {
	var before []*listener // of higher precedence, that have a claim to the socket
	for len(sharing) > 0 {
		end := 1
		for end < len(sharing) && sharing[end].rank == sharing[0].rank {
			end++
		}
		peers := sharing[:end]
		sharing = sharing[end:]
		claiming := beatenBy(before, peers, mixed)
		for _, l := range claiming {
			conflict(l, claiming, mixed)
		}
		before = append(before, claiming...)
	}
}

// beatenBy refuses those of peers that conflict with a listener of higher precedence, and returns the others. Who is beaten has no
// claim of its own.
func beatenBy(before, peers []*listener, mixed bool) []*listener {
	var rest []*listener
	for _, l := range peers {
		if !conflict(l, before, mixed) {
			rest = append(rest, l)
		}
	}
	return rest
}

// conflict refuses l when it conflicts with one of others (l itself aside), and tells whether it does. A conflict of protocols comes
// before one of hostnames.
func conflict(l *listener, others []*listener, mixed bool) bool {
	var protocols, hostnames []string
	for _, o := range others {
		if o == l {
			continue
		}
		switch {
		case o.protocol != l.protocol, l.protocol == ir.ProtocolTCP, l.protocol == ir.ProtocolUDP:
			protocols = append(protocols, fmt.Sprintf("%s (%s)", o.public(l), o.spec.Protocol))
		case o.mode != l.mode && !mixed:
			l.report.SupportedKinds = []gwv1.RouteGroupKind{} // the cloud supports no kind of route in such a configuration
			protocols = append(protocols, fmt.Sprintf("%s (TLS, mode %s)", o.public(l), cmp.Or(value(o.spec.TLS.Mode), gwv1.TLSModeTerminate)))
		case o.hostname == l.hostname:
			hostnames = append(hostnames, o.public(l))
		}
	}
	var reason gwv1.ListenerConditionReason
	var p Problem
	switch {
	case len(protocols) > 0:
		reason = gwv1.ListenerReasonProtocolConflict
		p = Problem{Code: CodeProtocolConflict, Where: l.where(), Value: fmt.Sprint(l.spec.Port), Detail: joined(protocols)}
	case len(hostnames) > 0:
		reason = gwv1.ListenerReasonHostnameConflict
		p = Problem{Code: CodeHostnameConflict, Where: l.where(), Value: l.hostname, Detail: joined(hostnames)}
	default:
		return false
	}
	l.report.Conflicted = bad(reason, p)
	l.refuse(reason, p)
	return true
}

// public names a listener in a message on another. The specification asks not to tell a ListenerSet about what its siblings in other
// namespaces contain.
func (l *listener) public(to *listener) string {
	switch {
	case l.owner == to.owner:
		return string(l.spec.Name)
	case l.owner.Kind == kindGateway:
		return "the Gateway's " + string(l.spec.Name)
	case l.owner.Namespace == to.owner.Namespace:
		return "ListenerSet " + l.owner.Name + "'s " + string(l.spec.Name)
	default:
		return "one of another ListenerSet"
	}
}

// findOverlaps marks listeners with TLS on one port whose hostnames overlap: a client that reuses a connection for both may find
// itself at the wrong one.
func (t *translation) findOverlaps() {
	byPort := map[int32][]*listener{}
	for _, l := range t.listeners {
		if l.accepted() && l.mode != ir.TLSNone {
			byPort[l.spec.Port] = append(byPort[l.spec.Port], l)
		}
	}
	for _, sharing := range byPort {
		for _, l := range sharing {
			var others []string
			for _, o := range sharing {
				if _, overlap := intersect(l.hostname, o.hostname); overlap && o != l {
					others = append(others, o.public(l))
				}
			}
			if len(others) > 0 {
				l.report.OverlappingTLS = bad(gwv1.ListenerReasonOverlappingHostnames,
					Problem{Code: CodeOverlap, Where: l.where(), Value: l.hostname, Detail: joined(others)})
			}
		}
	}
}

func joined(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
