package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of the objects in this package.
var GroupVersion = schema.GroupVersion{Group: "cloudgate.dev", Version: "v1alpha1"}

// AddToScheme adds the objects of this package to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &LoadBalancer{}, &LoadBalancerList{}, &GatewayConfig{}, &GatewayConfigList{}, &BackendPolicy{}, &BackendPolicyList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
