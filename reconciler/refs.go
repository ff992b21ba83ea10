package reconciler

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// What each kind refers to. A reference to a kind that no Gateway can use is left out: translate refuses it.

// routeParents returns the parents in the spec and in the status of a route.
func routeParents(route client.Object) ([]gwv1.ParentReference, []gwv1.RouteParentStatus) {
	switch r := route.(type) {
	case *gwv1.HTTPRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gwv1.GRPCRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gwv1.TLSRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gwv1.TCPRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gwv1.UDPRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	default:
		return nil, nil
	}
}

// routeServices returns the Services that a route names, in any of its rules and filters.
func routeServices(route client.Object) []types.NamespacedName {
	c := collector{namespace: route.GetNamespace()}
	switch r := route.(type) {
	case *gwv1.HTTPRoute:
		for i := range r.Spec.Rules {
			rule := &r.Spec.Rules[i]
			c.httpFilters(rule.Filters)
			for j := range rule.BackendRefs {
				c.service(rule.BackendRefs[j].BackendObjectReference)
				c.httpFilters(rule.BackendRefs[j].Filters)
			}
		}
	case *gwv1.GRPCRoute:
		for i := range r.Spec.Rules {
			rule := &r.Spec.Rules[i]
			c.grpcFilters(rule.Filters)
			for j := range rule.BackendRefs {
				c.service(rule.BackendRefs[j].BackendObjectReference)
				c.grpcFilters(rule.BackendRefs[j].Filters)
			}
		}
	case *gwv1.TLSRoute:
		for i := range r.Spec.Rules {
			c.backends(r.Spec.Rules[i].BackendRefs)
		}
	case *gwv1.TCPRoute:
		for i := range r.Spec.Rules {
			c.backends(r.Spec.Rules[i].BackendRefs)
		}
	case *gwv1.UDPRoute:
		for i := range r.Spec.Rules {
			c.backends(r.Spec.Rules[i].BackendRefs)
		}
	}
	return c.names
}

// collector gathers the full names of Services.
type collector struct {
	namespace string
	names     []types.NamespacedName
}

func (c *collector) service(ref gwv1.BackendObjectReference) {
	if ref.Group != nil && *ref.Group != "" || ref.Kind != nil && *ref.Kind != "Service" {
		return
	}
	c.names = append(c.names, named(c.namespace, ref.Namespace, ref.Name))
}

func (c *collector) backends(refs []gwv1.BackendRef) {
	for i := range refs {
		c.service(refs[i].BackendObjectReference)
	}
}

func (c *collector) httpFilters(filters []gwv1.HTTPRouteFilter) {
	for i := range filters {
		if m := filters[i].RequestMirror; m != nil {
			c.service(m.BackendRef)
		}
		if a := filters[i].ExternalAuth; a != nil {
			c.service(a.BackendRef)
		}
	}
}

func (c *collector) grpcFilters(filters []gwv1.GRPCRouteFilter) {
	for i := range filters {
		if m := filters[i].RequestMirror; m != nil {
			c.service(m.BackendRef)
		}
	}
}

func listenerSetParent(s *gwv1.ListenerSet) types.NamespacedName {
	return named(s.Namespace, s.Spec.ParentRef.Namespace, s.Spec.ParentRef.Name)
}

func listenerSetSecrets(s *gwv1.ListenerSet) []types.NamespacedName {
	var out []types.NamespacedName
	for i := range s.Spec.Listeners {
		out = append(out, tlsSecrets(s.Namespace, s.Spec.Listeners[i].TLS)...)
	}
	return out
}

func gatewaySecrets(g *gwv1.Gateway) []types.NamespacedName {
	var out []types.NamespacedName
	for i := range g.Spec.Listeners {
		out = append(out, tlsSecrets(g.Namespace, g.Spec.Listeners[i].TLS)...)
	}
	if t := g.Spec.TLS; t != nil {
		if t.Backend != nil && t.Backend.ClientCertificateRef != nil {
			out = append(out, named(g.Namespace, t.Backend.ClientCertificateRef.Namespace, t.Backend.ClientCertificateRef.Name))
		}
		out = append(out, frontendCAs(g, "Secret")...)
	}
	return out
}

func gatewayConfigMaps(g *gwv1.Gateway) []types.NamespacedName { return frontendCAs(g, "ConfigMap") }

func tlsSecrets(namespace string, t *gwv1.ListenerTLSConfig) []types.NamespacedName {
	if t == nil {
		return nil
	}
	var out []types.NamespacedName
	for _, ref := range t.CertificateRefs {
		if ref.Group != nil && *ref.Group != "" || ref.Kind != nil && *ref.Kind != "Secret" {
			continue
		}
		out = append(out, named(namespace, ref.Namespace, ref.Name))
	}
	return out
}

// frontendCAs returns the objects of a kind that hold the authorities for client certificates.
func frontendCAs(g *gwv1.Gateway, kind gwv1.Kind) []types.NamespacedName {
	if g.Spec.TLS == nil || g.Spec.TLS.Frontend == nil {
		return nil
	}
	validations := []*gwv1.FrontendTLSValidation{g.Spec.TLS.Frontend.Default.Validation}
	for i := range g.Spec.TLS.Frontend.PerPort {
		validations = append(validations, g.Spec.TLS.Frontend.PerPort[i].TLS.Validation)
	}
	var out []types.NamespacedName
	for _, v := range validations {
		if v == nil {
			continue
		}
		for _, ref := range v.CACertificateRefs {
			if ref.Group == "" && ref.Kind == kind {
				out = append(out, named(g.Namespace, ref.Namespace, ref.Name))
			}
		}
	}
	return out
}

// policyStatus points to the status of a policy of any kind. It is nil for what is none.
func policyStatus(policy client.Object) *gwv1.PolicyStatus {
	switch p := policy.(type) {
	case *gwv1.BackendTLSPolicy:
		return &p.Status
	case *xv1alpha1.XBackendTrafficPolicy:
		return &p.Status
	case *v1alpha1.BackendPolicy:
		return &p.Status
	default:
		return nil
	}
}

// policyServices returns the Services that a policy of any kind targets.
func policyServices(policy client.Object) []types.NamespacedName {
	var refs []gwv1.LocalPolicyTargetReference
	switch p := policy.(type) {
	case *gwv1.BackendTLSPolicy:
		refs = wholeRefs(p.Spec.TargetRefs)
	case *xv1alpha1.XBackendTrafficPolicy:
		refs = p.Spec.TargetRefs
	case *v1alpha1.BackendPolicy:
		refs = wholeRefs(p.Spec.TargetRefs)
	}
	var out []types.NamespacedName
	for _, ref := range refs {
		if ref.Group == "" && ref.Kind == "Service" {
			out = append(out, types.NamespacedName{Namespace: policy.GetNamespace(), Name: string(ref.Name)})
		}
	}
	return out
}

// wholeRefs returns references without the sections that they name.
func wholeRefs(refs []gwv1.LocalPolicyTargetReferenceWithSectionName) []gwv1.LocalPolicyTargetReference {
	out := make([]gwv1.LocalPolicyTargetReference, len(refs))
	for i, ref := range refs {
		out[i] = ref.LocalPolicyTargetReference
	}
	return out
}

func tlsPolicyRefs(p *gwv1.BackendTLSPolicy, kind gwv1.Kind) []types.NamespacedName {
	var out []types.NamespacedName
	for _, ref := range p.Spec.Validation.CACertificateRefs {
		if ref.Group == "" && ref.Kind == kind {
			out = append(out, types.NamespacedName{Namespace: p.Namespace, Name: string(ref.Name)})
		}
	}
	return out
}

func sliceService(s *discoveryv1.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
}
