package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// LoadBalancer shows what one Gateway became in its cloud. Cloudgate makes one for every Gateway that it serves, with the name and
// in the namespace of that Gateway, and deletes it with the Gateway. It is read, never edited: a change is undone.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=loadbalancers,scope=Namespaced,shortName=lb,categories=cloudgate
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.provider`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.address`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Rules",type=integer,JSONPath=`.status.rules`
// +kubebuilder:printcolumn:name="Targets",type=integer,JSONPath=`.status.targets`
// +kubebuilder:printcolumn:name="Drift",type=string,JSONPath=`.status.drift`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LoadBalancer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   LoadBalancerSpec   `json:"spec"`
	Status LoadBalancerStatus `json:"status,omitempty"`
}

// LoadBalancerSpec says whose load balancer it is. It is what has to be known to delete everything in the cloud when the
// GatewayClass is gone.
type LoadBalancerSpec struct {
	// Provider is the cloud: "fake".
	// +kubebuilder:validation:MaxLength=63
	Provider string `json:"provider"`
	// Cluster is the identity of the cluster in the marks on the cloud's resources.
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster"`
	// GatewayUID is the UID of the Gateway, the other half of the mark.
	GatewayUID types.UID `json:"gatewayUID"`
}

// State is how far a load balancer is.
// +kubebuilder:validation:Enum=Pending;Provisioning;Active;Degraded;Failed;Deleting
type State string

const (
	// StatePending: nothing was asked of the cloud yet.
	StatePending State = "Pending"
	// StateProvisioning: the cloud is working on it.
	StateProvisioning State = "Provisioning"
	// StateActive: the cloud has all that the Gateway asks for.
	StateActive State = "Active"
	// StateDegraded: it serves, and some of what the Gateway asks for is missing.
	StateDegraded State = "Degraded"
	// StateFailed: it does not serve.
	StateFailed State = "Failed"
	// StateDeleting: what the cloud has of it is being deleted.
	StateDeleting State = "Deleting"
)

// LoadBalancerStatus is what the cloud has. It stays small whatever the number of rules. Its counts have defaults because a patch
// of a status that was empty leaves out what is 0, and 0 would be shown as nothing.
type LoadBalancerStatus struct {
	// State is how far the load balancer is.
	// +optional
	State State `json:"state,omitempty"`
	// Message says in one sentence why State is not Active.
	// +optional
	Message string `json:"message,omitempty"`
	// Address is the first of Addresses.
	// +optional
	Address string `json:"address,omitempty"`
	// Addresses are the IPs and host names at which the load balancer answers.
	// +optional
	// +listType=atomic
	Addresses []string `json:"addresses,omitempty"`
	// Listeners counts the ports.
	// +optional
	// +kubebuilder:default=0
	Listeners int32 `json:"listeners"`
	// Rules counts the rules of all listeners.
	// +optional
	// +kubebuilder:default=0
	Rules int32 `json:"rules"`
	// Pools counts the pools of targets.
	// +optional
	// +kubebuilder:default=0
	Pools int32 `json:"pools"`
	// Targets counts the distinct targets of all pools.
	// +optional
	// +kubebuilder:default=0
	Targets int32 `json:"targets"`
	// Drift is what the last comparison with the cloud that found a difference found: "None", or "Repaired" or "Found" with the
	// number of resources that somebody else had changed.
	// +optional
	Drift string `json:"drift,omitempty"`
	// Resources are the few big resources in the cloud, with the cloud's names for them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Resources []Resource `json:"resources,omitempty"`
	// Adopted are the load balancers that somebody else made and that the Gateway has taken over, as the cloud names them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Adopted []string `json:"adopted,omitempty"`
	// Applied is a digest of the resources that the cloud has been brought to. It is empty while anything is unfinished.
	// +optional
	Applied string `json:"applied,omitempty"`
	// ObservedGeneration is the generation of the Gateway that the status was made from.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: InSync tells whether the cloud has what was applied, or somebody else changed it.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Resource is one resource in the cloud.
type Resource struct {
	// Kind is the provider's word for it: "loadbalancer".
	Kind string `json:"kind"`
	// Name tells it from others of its kind.
	Name string `json:"name"`
	// External is the cloud's own name: an id, an ARN, a self link.
	External string `json:"external"`
}

// LoadBalancerList is a list of LoadBalancers.
//
// +kubebuilder:object:root=true
type LoadBalancerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LoadBalancer `json:"items"`
}
