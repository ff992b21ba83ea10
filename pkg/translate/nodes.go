package translate

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// taintToBeDeleted is set by the cluster autoscaler on a node that it is about to delete.
const taintToBeDeleted = "ToBeDeletedByClusterAutoscaler"

// NodeUsable tells whether load balancers may send requests to a node: it is ready, is not going away, and nobody took it out of load
// balancers.
func NodeUsable(node *corev1.Node) bool {
	if node.DeletionTimestamp != nil {
		return false
	}
	if _, excluded := node.Labels[corev1.LabelNodeExcludeBalancers]; excluded {
		return false
	}
	for _, taint := range node.Spec.Taints {
		if taint.Key == taintToBeDeleted {
			return false
		}
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// nodeTargets returns the nodes at the node port of one port of a Service. Where only nodes that have an endpoint answer
// (externalTrafficPolicy Local), only those are targets: one with ready endpoints gets requests, and one that has only endpoints which
// are terminating is drained with them.
func (t *translation) nodeTargets(service *corev1.Service, port *corev1.ServicePort) []ir.Target {
	local := service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	var endpoints map[string]standing // by node
	if local {
		endpoints = t.endpointNodes(types.NamespacedName{Namespace: service.Namespace, Name: service.Name}, port)
	}
	var f families
	for _, node := range t.s.Nodes {
		if !NodeUsable(node) {
			continue
		}
		state, has := endpoints[node.Name]
		if local && !has {
			continue
		}
		for _, address := range nodeAddresses(node) {
			f.add(address, uint16(port.NodePort), member{state: state, node: node.Spec.ProviderID})
		}
	}
	return f.targets(service)
}

// nodeAddresses returns the first internal address of a node in each family. A node with several network interfaces may list them all; it is
// one target all the same.
func nodeAddresses(node *corev1.Node) []string {
	var out [2]string
	for _, address := range node.Status.Addresses {
		ip, err := netip.ParseAddr(address.Address)
		if address.Type != corev1.NodeInternalIP || err != nil {
			continue
		}
		family := 0
		if ip.Unmap().Is6() {
			family = 1
		}
		if out[family] == "" {
			out[family] = address.Address
		}
	}
	return slices.DeleteFunc(out[:], func(a string) bool { return a == "" })
}

// endpointNodes returns the best standing of the endpoints of a port on each node that has one.
func (t *translation) endpointNodes(service types.NamespacedName, port *corev1.ServicePort) map[string]standing {
	nodes := map[string]standing{}
	for _, slice := range t.s.EndpointSlices[service] {
		if slice == nil || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		if _, found := slicePort(slice, port); !found {
			continue
		}
		for i := range slice.Endpoints {
			endpoint := &slice.Endpoints[i]
			state, serves := endpointStanding(endpoint)
			if !serves || endpoint.NodeName == nil {
				continue
			}
			if before, known := nodes[*endpoint.NodeName]; !known || state < before {
				nodes[*endpoint.NodeName] = state
			}
		}
	}
	return nodes
}
