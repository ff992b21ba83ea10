package translate

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Snapshot is everything in Kubernetes that can have a say in one Gateway: the Gateway, what attaches to it, and what those refer
// to. An object that is referred to and absent here does not exist. The objects are shared with a cache: nobody writes to them.
type Snapshot struct {
	Cluster        string // the identity of this cluster in marks
	ControllerName gwv1.GatewayController
	Features       ir.Features

	Class   *gwv1.GatewayClass
	Gateway *gwv1.Gateway

	ListenerSets []*gwv1.ListenerSet // that name the Gateway as parent
	// Routes that name the Gateway or one of ListenerSets as a parent, or whose status still says that they did.
	HTTPRoutes []*gwv1.HTTPRoute
	GRPCRoutes []*gwv1.GRPCRoute
	TLSRoutes  []*gwv1.TLSRoute
	TCPRoutes  []*gwv1.TCPRoute
	UDPRoutes  []*gwv1.UDPRoute

	ReferenceGrants []*gwv1.ReferenceGrant
	// Policies that target a Service which one of the routes names, or whose status still says that they did.
	BackendTLSPolicies     []*gwv1.BackendTLSPolicy
	BackendTrafficPolicies []*xv1alpha1.XBackendTrafficPolicy
	BackendPolicies        []*v1alpha1.BackendPolicy

	Namespaces     map[string]*corev1.Namespace
	Services       map[types.NamespacedName]*corev1.Service
	EndpointSlices map[types.NamespacedName][]*discoveryv1.EndpointSlice // by Service
	Secrets        map[types.NamespacedName]*corev1.Secret
	ConfigMaps     map[types.NamespacedName]*corev1.ConfigMap

	// Configs are those that the Gateway and its class name.
	Configs map[types.NamespacedName]*v1alpha1.GatewayConfig
	// Nodes are all of the cluster, where its Configs send requests to nodes, or leave that to Networks.
	Nodes []*corev1.Node
	// Networks are what the cloud's load balancers reach. Where none are known it is taken that they reach every pod.
	Networks []netip.Prefix
	// Probes are the readiness probes of a pod behind a Service, by the Service.
	Probes map[types.NamespacedName][]Probe
	// WaitingPods are those behind Services that are not ready for the sole reason that they wait for load balancers to find them healthy.
	WaitingPods map[types.NamespacedName]bool
}

// Policy is what policies of all kinds have in common.
type Policy struct {
	Object Object
	Meta   *metav1.ObjectMeta
	Status *gwv1.PolicyStatus
}

// Policies returns the policies of all kinds. They point into the Snapshot: nobody writes to them.
func (s *Snapshot) Policies() []Policy {
	var out []Policy
	add := func(kind string, meta *metav1.ObjectMeta, status *gwv1.PolicyStatus) {
		out = append(out, Policy{Object: Object{Kind: kind, Namespace: meta.Namespace, Name: meta.Name}, Meta: meta, Status: status})
	}
	for _, o := range s.BackendTLSPolicies {
		if o != nil {
			add(kindTLSPolicy, &o.ObjectMeta, &o.Status)
		}
	}
	for _, o := range s.BackendTrafficPolicies {
		if o != nil {
			add(kindTrafficPolicy, &o.ObjectMeta, &o.Status)
		}
	}
	for _, o := range s.BackendPolicies {
		if o != nil {
			add(kindBackendPolicy, &o.ObjectMeta, &o.Status)
		}
	}
	return out
}
