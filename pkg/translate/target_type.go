package translate

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// targetType returns what requests for a port of a Service are sent to. Where nobody says, it is pods whose addresses the cloud reaches, and
// nodes in place of others; outside is then an address that it does not reach.
func (t *translation) targetType(service *corev1.Service, port *corev1.ServicePort) (kind v1alpha1.TargetType, outside string) {
	if t.params.TargetType != "" {
		return t.params.TargetType, ""
	}
	if len(t.s.Networks) == 0 {
		return v1alpha1.TargetTypePod, ""
	}
	any := false
	for _, slice := range t.s.EndpointSlices[types.NamespacedName{Namespace: service.Namespace, Name: service.Name}] {
		if slice == nil || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		if _, found := slicePort(slice, port); !found {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			for _, address := range endpoint.Addresses {
				ip, err := netip.ParseAddr(address)
				if err != nil {
					continue
				}
				any = true
				if !t.reached(ip) && (outside == "" || ip.String() < outside) {
					outside = ip.String()
				}
			}
		}
	}
	if !any {
		outside = t.podsOutside()
	}
	if outside != "" {
		return v1alpha1.TargetTypeNodePort, outside
	}
	return v1alpha1.TargetTypePod, ""
}

// reached tells whether an address is in the networks that the cloud's load balancers reach.
func (t *translation) reached(ip netip.Addr) bool {
	ip = ip.Unmap()
	return slices.ContainsFunc(t.s.Networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// podsOutside returns an address that a pod would get and that the cloud does not reach: a Service that has no endpoints for a while keeps
// the targets that it will have. Nodes whose pods get addresses of the cloud's network have no range of their own for them.
func (t *translation) podsOutside() string {
	outside := ""
	for _, node := range t.s.Nodes {
		for _, cidr := range node.Spec.PodCIDRs {
			prefix, err := netip.ParsePrefix(cidr)
			if err == nil && !t.reached(prefix.Addr()) && (outside == "" || prefix.Addr().String() < outside) {
				outside = prefix.Addr().String()
			}
		}
	}
	return outside
}
