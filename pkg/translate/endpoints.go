package translate

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// targets returns the endpoints of one port of a Service.
//
// An endpoint that is ready gets requests. One that is terminating but still serves is draining, unless there is no ready one: then
// it is better than nothing, as kube-proxy holds it too. Of a dual-stack Service the endpoints of its first family are taken, and those of the
// other where the first has none, so that no pod counts twice.
func (t *translation) targets(service types.NamespacedName, port *corev1.ServicePort) []ir.Target {
	var families [2]map[netip.AddrPort]bool // draining, by address: IPv4, IPv6
	for _, slice := range t.s.EndpointSlices[service] {
		if slice == nil || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		number, found := slicePort(slice, port)
		if !found {
			continue
		}
		for i := range slice.Endpoints {
			collectEndpoint(&families, &slice.Endpoints[i], number)
		}
	}
	first := 0
	if object := t.s.Services[service]; object != nil && len(object.Spec.IPFamilies) > 0 && object.Spec.IPFamilies[0] == corev1.IPv6Protocol {
		first = 1
	}
	if targets := familyTargets(families[first]); len(targets) > 0 {
		return targets
	}
	return familyTargets(families[1-first])
}

func collectEndpoint(families *[2]map[netip.AddrPort]bool, endpoint *discoveryv1.Endpoint, port uint16) {
	ready := valueOr(endpoint.Conditions.Ready, true)
	serving := valueOr(endpoint.Conditions.Serving, ready)
	terminating := value(endpoint.Conditions.Terminating)
	if !ready && (!serving || !terminating) {
		return
	}
	for _, address := range endpoint.Addresses {
		ip, err := netip.ParseAddr(address)
		if err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
			continue
		}
		family := 0
		if ip = ip.Unmap(); ip.Is6() {
			family = 1
		}
		if families[family] == nil {
			families[family] = map[netip.AddrPort]bool{}
		}
		key := netip.AddrPortFrom(ip, port)
		draining, known := families[family][key]
		families[family][key] = terminating && (draining || !known)
	}
}

func familyTargets(family map[netip.AddrPort]bool) []ir.Target {
	if len(family) == 0 {
		return nil
	}
	anyReady := false
	targets := make([]ir.Target, 0, len(family))
	for address, draining := range family {
		anyReady = anyReady || !draining
		targets = append(targets, ir.Target{Address: address.Addr(), Port: address.Port(), Weight: 1, Draining: draining})
	}
	slices.SortFunc(targets, func(a, b ir.Target) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Port, b.Port))
	})
	if !anyReady {
		for i := range targets {
			targets[i].Draining = false
		}
	}
	return targets
}

// slicePort returns the number of the port that the endpoints of a slice have for a port of their Service. The two are joined by name:
// a slice holds target ports, with named ones already resolved.
func slicePort(slice *discoveryv1.EndpointSlice, port *corev1.ServicePort) (uint16, bool) {
	for _, p := range slice.Ports {
		if value(p.Name) != port.Name || protocolOf(value(p.Protocol)) != protocolOf(port.Protocol) {
			continue
		}
		number := value(p.Port)
		if p.Port == nil { // not restricted: the Service says
			number = cmp.Or(port.TargetPort.IntVal, port.Port)
		}
		if number < 1 || number > 65535 {
			return 0, false
		}
		return uint16(number), true
	}
	return 0, false
}

func protocolOf(p corev1.Protocol) corev1.Protocol { return cmp.Or(p, corev1.ProtocolTCP) }
