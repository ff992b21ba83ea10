package reconciler

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// kind is a kind of the Gateway API and the versions in which its fields are those of the first.
type kind struct {
	group    string
	name     string
	obj      client.Object
	list     client.ObjectList
	versions []string
	required bool
}

// gatewayKinds are the kinds that are read. An older version of a kind is read into the Go type of the first.
var gatewayKinds = []kind{
	{gwv1.GroupName, "GatewayClass", &gwv1.GatewayClass{}, &gwv1.GatewayClassList{}, []string{"v1", "v1beta1"}, true},
	{gwv1.GroupName, "Gateway", &gwv1.Gateway{}, &gwv1.GatewayList{}, []string{"v1", "v1beta1"}, true},
	{gwv1.GroupName, "HTTPRoute", &gwv1.HTTPRoute{}, &gwv1.HTTPRouteList{}, []string{"v1", "v1beta1"}, false},
	{gwv1.GroupName, "GRPCRoute", &gwv1.GRPCRoute{}, &gwv1.GRPCRouteList{}, []string{"v1", "v1alpha2"}, false},
	{gwv1.GroupName, "TLSRoute", &gwv1.TLSRoute{}, &gwv1.TLSRouteList{}, []string{"v1", "v1alpha3", "v1alpha2"}, false},
	{gwv1.GroupName, "TCPRoute", &gwv1.TCPRoute{}, &gwv1.TCPRouteList{}, []string{"v1", "v1alpha2"}, false},
	{gwv1.GroupName, "UDPRoute", &gwv1.UDPRoute{}, &gwv1.UDPRouteList{}, []string{"v1", "v1alpha2"}, false},
	{gwv1.GroupName, "ListenerSet", &gwv1.ListenerSet{}, &gwv1.ListenerSetList{}, []string{"v1"}, false},
	{gwv1.GroupName, "ReferenceGrant", &gwv1.ReferenceGrant{}, &gwv1.ReferenceGrantList{}, []string{"v1", "v1beta1"}, false},
	{gwv1.GroupName, "BackendTLSPolicy", &gwv1.BackendTLSPolicy{}, &gwv1.BackendTLSPolicyList{}, []string{"v1", "v1alpha3"}, false},
	{xv1alpha1.GroupName, "XBackendTrafficPolicy", &xv1alpha1.XBackendTrafficPolicy{}, &xv1alpha1.XBackendTrafficPolicyList{}, []string{"v1alpha1"}, false},
}

// Scheme returns a scheme with every kind that the reconcilers read or write, those of the Gateway API in their newest version.
func Scheme() *runtime.Scheme {
	s, err := SchemeFor(nil)
	if err != nil {
		// Only a mapper can make SchemeFor fail, and there is none.
		panic(err)
	}
	return s
}

// SchemeFor returns a scheme in which each kind of the Gateway API has the best version that the cluster behind mapper serves, so
// that a cluster with older CRDs is read as well. A kind that it does not serve is in the scheme in its newest version: Setup leaves it out and
// says so. The error says what to install where nothing can be done without.
func SchemeFor(mapper meta.RESTMapper) (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, discoveryv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	var missing []string
	for _, k := range gatewayKinds {
		version, err := served(mapper, k)
		if err != nil {
			return nil, err
		}
		if version == "" {
			version = k.versions[0]
			if k.required {
				missing = append(missing, k.name)
			}
		}
		gv := schema.GroupVersion{Group: k.group, Version: version}
		s.AddKnownTypes(gv, k.obj, k.list)
		metav1.AddToGroupVersion(s, gv)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the cluster has no %s: install the CRDs of the Gateway API (https://gateway-api.sigs.k8s.io/guides/getting-started/)",
			strings.Join(missing, " and no "))
	}
	if mapper == nil {
		return s, nil
	}
	for _, kind := range []string{"LoadBalancer", v1alpha1.GatewayConfigKind, v1alpha1.BackendPolicyKind} {
		gvk := v1alpha1.GroupVersion.WithKind(kind)
		switch _, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version); {
		case meta.IsNoMatchError(err):
			return nil, fmt.Errorf("the cluster has no %s of cloudgate.dev/v1alpha1: install the CRDs of Cloudgate (kubectl apply -f charts/cloudgate/files/crds)", kind)
		case err != nil:
			return nil, fmt.Errorf("ask the cluster for its kinds: %w", err)
		}
	}
	return s, nil
}

// served returns the best version of a kind that the cluster serves, or "". A nil mapper serves all.
func served(mapper meta.RESTMapper, k kind) (string, error) {
	if mapper == nil {
		return k.versions[0], nil
	}
	for _, version := range k.versions {
		_, err := mapper.RESTMapping(schema.GroupKind{Group: k.group, Kind: k.name}, version)
		switch {
		case err == nil:
			return version, nil
		case meta.IsNoMatchError(err):
		default:
			return "", fmt.Errorf("ask the cluster for its kinds: %w", err)
		}
	}
	return "", nil
}

// Missing returns the kinds of the Gateway API that the cluster does not serve in any version that can be read, by name.
func Missing(mapper meta.RESTMapper) ([]string, error) {
	var missing []string
	for _, k := range gatewayKinds {
		version, err := served(mapper, k)
		if err != nil {
			return nil, err
		}
		if version == "" {
			missing = append(missing, k.name)
		}
	}
	return missing, nil
}
