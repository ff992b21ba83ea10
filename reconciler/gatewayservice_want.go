package reconciler

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// What the Service of a Gateway and its EndpointSlices are to be. Nothing here reads or writes the cluster.

// nameLimit is how long the name of a Service, and the value of a label, may be.
const nameLimit = 63

// serviceName returns the name of the Service of a Gateway: NAME-CLASS, as GEP-1762 has it. What would be no name of a Service is made
// into one, with a hash that tells it from others.
func serviceName(gw *gwv1.Gateway) types.NamespacedName {
	asked := gw.Name + "-" + string(gw.Spec.GatewayClassName)
	name := strings.ReplaceAll(asked, ".", "-")
	if name[0] >= '0' && name[0] <= '9' {
		name = "gateway-" + name
	}
	if name != asked || len(name) > nameLimit {
		name = cut(name, asked)
	}
	return types.NamespacedName{Namespace: gw.Namespace, Name: name}
}

// labelValue returns a name as the value of a label, which may not be as long as a name.
func labelValue(name string) string {
	if len(name) <= nameLimit {
		return name
	}
	return cut(name, name)
}

// cut shortens a name so that it has room for a hash of what it is the name of.
func cut(name, of string) string {
	sum := sha256.Sum256([]byte(of))
	tail := "-" + hex.EncodeToString(sum[:4])
	return strings.TrimRight(name[:min(len(name), nameLimit-len(tail))], "-.") + tail
}

// sliceName returns the name of the EndpointSlice of one family.
func sliceName(service string, family discoveryv1.AddressType) string {
	return service + "-" + strings.ToLower(string(family))
}

// families are those of addresses, in the order in which their slices are written.
var families = []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6}

// managedBy is the value of the label that tells the controllers of EndpointSlices whose one is.
const managedBy = "cloudgate.dev"

// infrastructureAnnotation marks what is made for a Gateway in the cluster, and says which labels and annotations it has from
// spec.infrastructure: when one of them goes from there, it goes from here, and what others added stays.
const infrastructureAnnotation = "cloudgate.dev/infrastructure"

// infrastructureKeys is the value of infrastructureAnnotation.
type infrastructureKeys struct {
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
}

// endpoint is what a load balancer answers on.
type endpoint struct {
	addresses map[discoveryv1.AddressType][]string
	hostname  string // where the cloud gives names and no addresses
	ports     []corev1.ServicePort
}

// endpointOf sorts the addresses of a load balancer. Those that the API refuses in EndpointSlices are left out: no pod would reach a load
// balancer on them.
func endpointOf(listeners []ir.Listener, addresses []string) endpoint {
	e := endpoint{addresses: make(map[discoveryv1.AddressType][]string), ports: servicePorts(listeners)}
	var names []string
	for _, a := range slices.Sorted(slices.Values(addresses)) {
		ip, err := netip.ParseAddr(a)
		switch {
		case err != nil:
			names = append(names, a)
		case ip.IsUnspecified(), ip.IsLoopback(), ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast(), ip.Zone() != "":
		case ip.Unmap().Is4():
			e.addresses[discoveryv1.AddressTypeIPv4] = append(e.addresses[discoveryv1.AddressTypeIPv4], ip.Unmap().String())
		default:
			e.addresses[discoveryv1.AddressTypeIPv6] = append(e.addresses[discoveryv1.AddressTypeIPv6], ip.String())
		}
	}
	if len(e.addresses) == 0 && len(names) > 0 {
		e.hostname = names[0]
	}
	return e
}

// none tells that there is nothing to reach a load balancer by.
func (e endpoint) none() bool { return len(e.addresses) == 0 && e.hostname == "" }

// servicePorts returns a port for each of the load balancer, named by what it speaks.
func servicePorts(listeners []ir.Listener) []corev1.ServicePort {
	var out []corev1.ServicePort
	for _, l := range listeners {
		name, protocol := portProtocol(l.Protocol)
		port := corev1.ServicePort{Name: fmt.Sprintf("%s-%d", name, l.Port), Protocol: protocol, Port: int32(l.Port), TargetPort: intstr.FromInt32(int32(l.Port))}
		if !slices.ContainsFunc(out, func(p corev1.ServicePort) bool { return p.Port == port.Port && p.Protocol == protocol }) {
			out = append(out, port)
		}
	}
	return out
}

func portProtocol(p ir.Protocol) (name string, protocol corev1.Protocol) {
	switch p {
	case ir.ProtocolHTTP:
		return "http", corev1.ProtocolTCP
	case ir.ProtocolHTTPS:
		return "https", corev1.ProtocolTCP
	case ir.ProtocolTLS:
		return "tls", corev1.ProtocolTCP
	case ir.ProtocolTCP:
		return "tcp", corev1.ProtocolTCP
	case ir.ProtocolUDP:
		return "udp", corev1.ProtocolUDP
	}
	return "tcp", corev1.ProtocolTCP
}

// shapeService makes a Service what it is to be for a Gateway. What others set beside that stays.
func shapeService(s *corev1.Service, gw *gwv1.Gateway, e endpoint) {
	dress(s, gw, nil)
	s.Spec.Selector = nil
	s.Spec.Ports = e.ports
	s.Spec.ExternalName = e.hostname
	if e.hostname != "" {
		s.Spec.Type = corev1.ServiceTypeExternalName
		s.Spec.ClusterIP, s.Spec.ClusterIPs, s.Spec.IPFamilies, s.Spec.IPFamilyPolicy, s.Spec.InternalTrafficPolicy = "", nil, nil, nil, nil
		return
	}
	s.Spec.Type = corev1.ServiceTypeClusterIP
	if s.Spec.ClusterIP != corev1.ClusterIPNone {
		s.Spec.ClusterIP, s.Spec.ClusterIPs = corev1.ClusterIPNone, []string{corev1.ClusterIPNone}
	}
}

// unshapeable tells whether a Service has an address of its own, which the API lets nobody take from it.
func unshapeable(s *corev1.Service) bool {
	return s.Spec.Type != corev1.ServiceTypeExternalName && s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone
}

// shapeSlice makes an EndpointSlice of one family what it is to be for a Gateway.
func shapeSlice(s *discoveryv1.EndpointSlice, gw *gwv1.Gateway, service string, e endpoint) {
	dress(s, gw, map[string]string{discoveryv1.LabelServiceName: service, discoveryv1.LabelManagedBy: managedBy})
	ready := true
	s.Endpoints = nil
	for _, address := range e.addresses[s.AddressType] {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}})
	}
	s.Ports = nil
	for _, p := range e.ports {
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &p.Name, Protocol: &p.Protocol, Port: &p.Port})
	}
}

// dress gives an object the labels and annotations that it is to have, and takes from it those that the infrastructure of the Gateway had
// and has no more. Where the infrastructure has one of ours, ours holds.
func dress(o metav1.Object, gw *gwv1.Gateway, own map[string]string) {
	labels, annotations := make(map[string]string), make(map[string]string)
	if i := gw.Spec.Infrastructure; i != nil {
		for k, v := range i.Labels {
			labels[string(k)] = string(v)
		}
		for k, v := range i.Annotations {
			annotations[string(k)] = string(v)
		}
		delete(annotations, corev1.LastAppliedConfigAnnotation) // of whoever applies the object; no copy of it is kept here
	}
	keys := infrastructureKeys{slices.Sorted(maps.Keys(labels)), slices.Sorted(maps.Keys(annotations))}
	mark, err := json.Marshal(keys)
	if err != nil {
		panic(err) // lists of strings
	}
	annotations[infrastructureAnnotation] = string(mark)
	labels[gwv1.GatewayNameLabelKey] = labelValue(gw.Name)
	labels[gwv1.GatewayClassNameLabelKey] = labelValue(string(gw.Spec.GatewayClassName))
	maps.Copy(labels, own)

	var before infrastructureKeys
	_ = json.Unmarshal([]byte(o.GetAnnotations()[infrastructureAnnotation]), &before) // what somebody wrote there who is not us takes nothing away
	o.SetLabels(replaced(o.GetLabels(), before.Labels, labels))
	o.SetAnnotations(replaced(o.GetAnnotations(), before.Annotations, annotations))
}

// replaced returns a copy of entries without those of some keys, and with others.
func replaced(entries map[string]string, without []string, with map[string]string) map[string]string {
	out := make(map[string]string, len(entries)+len(with))
	maps.Copy(out, entries)
	for _, key := range without {
		delete(out, key)
	}
	maps.Copy(out, with)
	return out
}

// gatewayOwner returns the reference of an object to the Gateway that controls it, nil where none does.
func gatewayOwner(o metav1.Object) *metav1.OwnerReference {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil || ref.Kind != "Gateway" {
		return nil
	}
	if gv, err := schema.ParseGroupVersion(ref.APIVersion); err != nil || gv.Group != gwv1.GroupName {
		return nil
	}
	return ref
}

// madeForGateway tells whether we made an object for a Gateway. Other controllers, too, let Gateways own what they make.
func madeForGateway(o metav1.Object) bool {
	_, marked := o.GetAnnotations()[infrastructureAnnotation]
	return marked && gatewayOwner(o) != nil
}
