package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GatewayConfigKind is the kind by which a parametersRef names a GatewayConfig.
const GatewayConfigKind = "GatewayConfig"

// GatewayConfig holds what the Gateway API has no words for. A GatewayClass names one in spec.parametersRef, and a Gateway one of its
// own namespace in spec.infrastructure.parametersRef. Where both do, each field that the Gateway's sets wins over the class's.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=gatewayconfigs,scope=Namespaced,categories=cloudgate
// +kubebuilder:printcolumn:name="Targets",type=string,JSONPath=`.spec.targetType`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type GatewayConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GatewayConfigSpec `json:"spec,omitempty"`
}

// GatewayConfigSpec is what a GatewayConfig says. A field that is not set says nothing: no field has a default here, or a Gateway's could
// not leave one to its class.
type GatewayConfigSpec struct {
	// TargetType is what load balancers send requests to: Pod, the addresses of the pods behind a Service, which the cloud has to be
	// able to reach; or NodePort, the nodes at the Service's node port. Where neither the Gateway nor its class says, it is Pod; but in a
	// cloud that tells which addresses its load balancers reach, NodePort for a Service that has endpoints outside of those.
	// +optional
	TargetType TargetType `json:"targetType,omitempty"`

	// Zones are those of the cluster (topology.kubernetes.io/zone) that load balancers are in. Where they are set, an endpoint whose hints
	// in its EndpointSlice name other zones alone gets no requests. As for kube-proxy, hints count where every endpoint of a Service has
	// them and one of them names such a zone; else all endpoints get requests. They matter to the target type Pod.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	Zones []string `json:"zones,omitempty"`

	// Reach is who can reach the load balancers: Internet, everybody; or Private, the networks that the cloud joins to theirs. Internet
	// where neither the Gateway nor its class says. Another reach is another load balancer, which is there before the first one goes.
	// +optional
	Reach Reach `json:"reach,omitempty"`

	// AWS is for load balancers in AWS alone: other clouds pass it over.
	// +optional
	AWS *AWSConfig `json:"aws,omitempty"`
}

// Reach is who can reach load balancers.
// +kubebuilder:validation:Enum=Internet;Private
type Reach string

const (
	// ReachInternet is everybody.
	ReachInternet Reach = "Internet"
	// ReachPrivate is who is in networks that the cloud joins to those of the load balancer.
	ReachPrivate Reach = "Private"
)

// TargetType is what load balancers send requests to.
// +kubebuilder:validation:Enum=Pod;NodePort
type TargetType string

const (
	// TargetTypePod sends requests to pods.
	TargetTypePod TargetType = "Pod"
	// TargetTypeNodePort sends requests to a Service's port on the nodes.
	TargetTypeNodePort TargetType = "NodePort"
)

// GatewayConfigList is a list of GatewayConfigs.
//
// +kubebuilder:object:root=true
type GatewayConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GatewayConfig `json:"items"`
}
