package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// BackendPolicyKind is the kind of a BackendPolicy.
const BackendPolicyKind = "BackendPolicy"

// BackendPolicy says how load balancers treat the endpoints of a Service: how they look after their health, how they choose among them, and
// how much they give them. It applies to every Gateway that has a route to the Service.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=backendpolicies,scope=Namespaced,categories=cloudgate
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=Direct"
// +kubebuilder:printcolumn:name="Targets",type=string,JSONPath=`.spec.targetRefs[*].name`
// +kubebuilder:printcolumn:name="Health",type=string,JSONPath=`.spec.healthCheck.type`
// +kubebuilder:printcolumn:name="Algorithm",type=string,JSONPath=`.spec.algorithm`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.ancestors[*].conditions[?(@.type=="Accepted")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BackendPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BackendPolicySpec `json:"spec"`
	Status gwv1.PolicyStatus `json:"status,omitempty"`
}

// BackendPolicySpec is what a BackendPolicy says. What is not set is as it would be without the policy.
type BackendPolicySpec struct {
	// TargetRefs name the Services in the namespace of the policy that it applies to. With sectionName it applies to the port of that
	// name alone, and comes before a policy for the whole Service there; the two are not merged. Of several policies with one target the
	// oldest applies.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(r, r.group == '' && r.kind == 'Service')",message="each target has to be a Service, whose group is empty"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.sectionName) ? a.sectionName : '') == (has(b.sectionName) ? b.sectionName : '')))",message="a target is named twice"
	TargetRefs []gwv1.LocalPolicyTargetReferenceWithSectionName `json:"targetRefs"`

	// HealthCheck is how load balancers find out which endpoints are healthy. Where it is not set they do as the readiness probe of the pods
	// does, if it is at the port that requests go to; else they open a connection every second.
	// +optional
	HealthCheck *BackendHealthCheck `json:"healthCheck,omitempty"`

	// Algorithm is how an endpoint is chosen: RoundRobin, in turn; or LeastRequest, the one with the fewest requests, or connections, under
	// way. RoundRobin where it is not set.
	// +optional
	Algorithm BackendAlgorithm `json:"algorithm,omitempty"`

	// DrainTimeout is how long an endpoint that goes may take to finish what it has. Where it is not set there is no limit.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="drainTimeout has to be 1s to 24h"
	DrainTimeout *gwv1.Duration `json:"drainTimeout,omitempty"`

	// Limits bound what a load balancer gives to one endpoint at once.
	// +optional
	Limits *BackendLimits `json:"limits,omitempty"`
}

// BackendHealthCheck is a check that load balancers make of each endpoint.
//
// +kubebuilder:validation:XValidation:rule="!has(self.path) || self.type == 'HTTP'",message="path is for the type HTTP"
// +kubebuilder:validation:XValidation:rule="self.type != 'None' || !(has(self.interval) || has(self.timeout) || has(self.healthyThreshold) || has(self.unhealthyThreshold))",message="the type None goes with nothing else"
type BackendHealthCheck struct {
	// Type is HTTP: a GET of path has to be answered with a status of 200 to 399; TCP: a connection has to open; or None: endpoints are not
	// checked.
	Type BackendHealthCheckType `json:"type"`

	// Path is what the type HTTP asks for, with a query if there is one. "/" where it is not set.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/[!-~]*$`
	Path *string `json:"path,omitempty"`

	// Interval is the time between two checks. 1s where it is not set.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('100ms') && duration(self) <= duration('1h')",message="interval has to be 100ms to 1h"
	Interval *gwv1.Duration `json:"interval,omitempty"`

	// Timeout is how long a check may take. 1s where it is not set.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10ms') && duration(self) <= duration('5m')",message="timeout has to be 10ms to 5m"
	Timeout *gwv1.Duration `json:"timeout,omitempty"`

	// HealthyThreshold is how many checks in a row have to succeed before an endpoint is healthy. 1 where it is not set.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HealthyThreshold *int32 `json:"healthyThreshold,omitempty"`

	// UnhealthyThreshold is how many checks in a row have to fail before an endpoint is not. 1 where it is not set.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	UnhealthyThreshold *int32 `json:"unhealthyThreshold,omitempty"`
}

// BackendHealthCheckType is how an endpoint is asked.
// +kubebuilder:validation:Enum=HTTP;TCP;None
type BackendHealthCheckType string

const (
	// BackendHealthCheckHTTP asks for a path.
	BackendHealthCheckHTTP BackendHealthCheckType = "HTTP"
	// BackendHealthCheckTCP opens a connection.
	BackendHealthCheckTCP BackendHealthCheckType = "TCP"
	// BackendHealthCheckNone does not ask.
	BackendHealthCheckNone BackendHealthCheckType = "None"
)

// BackendAlgorithm is how an endpoint is chosen.
// +kubebuilder:validation:Enum=RoundRobin;LeastRequest
type BackendAlgorithm string

const (
	// BackendAlgorithmRoundRobin takes endpoints in turn.
	BackendAlgorithmRoundRobin BackendAlgorithm = "RoundRobin"
	// BackendAlgorithmLeastRequest takes the endpoint with the fewest requests under way.
	BackendAlgorithmLeastRequest BackendAlgorithm = "LeastRequest"
)

// BackendLimits bound what a load balancer gives to one endpoint at once.
type BackendLimits struct {
	// Connections are at most so many to one endpoint.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Connections *int32 `json:"connections,omitempty"`

	// Requests are at most so many to one endpoint. More are answered with 503.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Requests *int32 `json:"requests,omitempty"`
}

// BackendPolicyList is a list of BackendPolicies.
//
// +kubebuilder:object:root=true
type BackendPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BackendPolicy `json:"items"`
}
