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

// standing is what an address may be sent. Of an address that occurs twice the better standing counts, which is the lesser one.
type standing uint8

const (
	standingReady    standing = iota // requests
	standingEarly                    // requests, as soon as the load balancer finds it healthy: its pod waits for that before it is ready
	standingDraining                 // no new requests: it is terminating, and still serves
)

// member is what is known of a target.
type member struct {
	state standing
	node  string // its name in the cloud, where the target is a node
	zone  string // of the endpoint
}

// families are the targets of one pool, by address: IPv4, IPv6.
type families [2]map[netip.AddrPort]member

// targets returns the endpoints of one port of a Service.
//
// An endpoint that is ready gets requests, and so does one whose pod waits for nothing but the load balancers. One that is terminating but
// still serves is draining, unless there is no ready one: then it is better than nothing, as kube-proxy holds it too.
func (t *translation) targets(service *corev1.Service, port *corev1.ServicePort) []ir.Target {
	var f families
	near := t.hinted(service, port)
	for _, slice := range t.s.EndpointSlices[types.NamespacedName{Namespace: service.Namespace, Name: service.Name}] {
		if slice == nil || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		number, found := slicePort(slice, port)
		if !found {
			continue
		}
		for i := range slice.Endpoints {
			endpoint := &slice.Endpoints[i]
			state, serves := endpointStanding(endpoint)
			if !serves && t.waits(slice.Namespace, endpoint) {
				state, serves = standingEarly, true
			}
			if !serves || near && !t.inZones(endpoint) {
				continue
			}
			for _, address := range endpoint.Addresses {
				f.add(address, number, member{state: state, zone: value(endpoint.Zone)})
			}
		}
	}
	return f.targets(service)
}

// hinted tells whether the hints of the endpoints decide over who gets requests: those of topology aware routing, as kube-proxy reads them
// (KEP-2433). All endpoints that may get requests have to have one, and one has to be for a zone of the load balancer.
func (t *translation) hinted(service *corev1.Service, port *corev1.ServicePort) bool {
	if len(t.params.Zones) == 0 {
		return false
	}
	one := false
	for _, slice := range t.s.EndpointSlices[types.NamespacedName{Namespace: service.Namespace, Name: service.Name}] {
		if slice == nil || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		if _, found := slicePort(slice, port); !found {
			continue
		}
		for i := range slice.Endpoints {
			endpoint := &slice.Endpoints[i]
			if state, serves := endpointStanding(endpoint); !serves || state != standingReady {
				continue
			}
			if endpoint.Hints == nil || len(endpoint.Hints.ForZones) == 0 {
				return false
			}
			one = one || t.inZones(endpoint)
		}
	}
	return one
}

// inZones tells whether an endpoint is meant for a zone of the load balancer.
func (t *translation) inZones(endpoint *discoveryv1.Endpoint) bool {
	return endpoint.Hints != nil && slices.ContainsFunc(endpoint.Hints.ForZones, func(z discoveryv1.ForZone) bool {
		return slices.Contains(t.params.Zones, z.Name)
	})
}

// endpointStanding returns what an endpoint may be sent, and false where that is nothing.
func endpointStanding(endpoint *discoveryv1.Endpoint) (standing, bool) {
	ready := valueOr(endpoint.Conditions.Ready, true)
	serving := valueOr(endpoint.Conditions.Serving, ready)
	terminating := value(endpoint.Conditions.Terminating)
	if terminating {
		return standingDraining, ready || serving
	}
	return standingReady, ready
}

// waits tells whether the pod of an endpoint that is not ready waits for nothing but the load balancers.
func (t *translation) waits(namespace string, endpoint *discoveryv1.Endpoint) bool {
	ref := endpoint.TargetRef
	if len(t.s.WaitingPods) == 0 || ref == nil || ref.Kind != "Pod" || value(endpoint.Conditions.Terminating) {
		return false
	}
	return t.s.WaitingPods[types.NamespacedName{Namespace: namespace, Name: ref.Name}]
}

func (f *families) add(address string, port uint16, m member) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		return
	}
	family := 0
	if ip = ip.Unmap(); ip.Is6() {
		family = 1
	}
	if f[family] == nil {
		f[family] = map[netip.AddrPort]member{}
	}
	key := netip.AddrPortFrom(ip, port)
	if before, known := f[family][key]; !known || m.state < before.state {
		f[family][key] = m
	}
}

// targets returns the targets of the first family of a Service, or those of the other where the first has none, so that nothing counts
// twice.
func (f *families) targets(service *corev1.Service) []ir.Target {
	first := 0
	if len(service.Spec.IPFamilies) > 0 && service.Spec.IPFamilies[0] == corev1.IPv6Protocol {
		first = 1
	}
	if targets := familyTargets(f[first]); len(targets) > 0 {
		return targets
	}
	return familyTargets(f[1-first])
}

func familyTargets(family map[netip.AddrPort]member) []ir.Target {
	if len(family) == 0 {
		return nil
	}
	anyReady := false
	targets := make([]ir.Target, 0, len(family))
	for address, m := range family {
		anyReady = anyReady || m.state == standingReady
		targets = append(targets, ir.Target{
			Address: address.Addr(), Port: address.Port(), Weight: 1, Draining: m.state == standingDraining, Node: m.node, Zone: m.zone,
		})
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
