package translate

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

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

	ReferenceGrants    []*gwv1.ReferenceGrant
	BackendTLSPolicies []*gwv1.BackendTLSPolicy // that target one of Services

	Namespaces     map[string]*corev1.Namespace
	Services       map[types.NamespacedName]*corev1.Service
	EndpointSlices map[types.NamespacedName][]*discoveryv1.EndpointSlice // by Service
	Secrets        map[types.NamespacedName]*corev1.Secret
	ConfigMaps     map[types.NamespacedName]*corev1.ConfigMap

	// Configs are those that the Gateway and its class name.
	Configs map[types.NamespacedName]*v1alpha1.GatewayConfig
	// Nodes are all of the cluster, where its Configs send requests to nodes.
	Nodes []*corev1.Node
	// WaitingPods are those behind Services that are not ready for the sole reason that they wait for load balancers to find them healthy.
	WaitingPods map[types.NamespacedName]bool
}
