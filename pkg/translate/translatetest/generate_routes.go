package translatetest

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

func genHostnames(d *Dice) []gwv1.Hostname {
	var hosts []gwv1.Hostname
	for range d.Roll(3) {
		hosts = append(hosts, pick(d, genHosts...))
	}
	return hosts
}

func genRoutes(d *Dice, s *translate.Snapshot) {
	for i := range d.Roll(6) {
		route := &gwv1.HTTPRoute{ObjectMeta: genMeta(d, fmt.Sprintf("http%d", i/2)), Spec: gwv1.HTTPRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: genRefs(d)}, Hostnames: genHostnames(d)}}
		for range d.Roll(4) {
			route.Spec.Rules = append(route.Spec.Rules, genHTTPRule(d))
		}
		s.HTTPRoutes = append(s.HTTPRoutes, route)
	}
	for i := range d.Roll(3) {
		route := &gwv1.GRPCRoute{ObjectMeta: genMeta(d, fmt.Sprintf("grpc%d", i)), Spec: gwv1.GRPCRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: genRefs(d)}, Hostnames: genHostnames(d)}}
		for range d.Roll(3) {
			route.Spec.Rules = append(route.Spec.Rules, genGRPCRule(d))
		}
		s.GRPCRoutes = append(s.GRPCRoutes, route)
	}
	for i := range d.Roll(3) {
		common := gwv1.CommonRouteSpec{ParentRefs: genRefs(d)}
		refs := []gwv1.BackendRef{genBackend(d), genBackend(d)}
		s.TLSRoutes = append(s.TLSRoutes, &gwv1.TLSRoute{ObjectMeta: genMeta(d, fmt.Sprintf("tls%d", i)), Spec: gwv1.TLSRouteSpec{
			CommonRouteSpec: common, Hostnames: genHostnames(d), Rules: []gwv1.TLSRouteRule{{BackendRefs: refs}}}})
		s.TCPRoutes = append(s.TCPRoutes, &gwv1.TCPRoute{ObjectMeta: genMeta(d, fmt.Sprintf("tcp%d", i)), Spec: gwv1.TCPRouteSpec{
			CommonRouteSpec: common, Rules: []gwv1.TCPRouteRule{{BackendRefs: refs}, {}}}})
		s.UDPRoutes = append(s.UDPRoutes, &gwv1.UDPRoute{ObjectMeta: genMeta(d, fmt.Sprintf("udp%d", i)), Spec: gwv1.UDPRouteSpec{
			CommonRouteSpec: common, Rules: []gwv1.UDPRouteRule{{BackendRefs: refs[:d.Roll(3)]}}}})
	}
}

func genHTTPRule(d *Dice) gwv1.HTTPRouteRule {
	var rule gwv1.HTTPRouteRule
	for range d.Roll(3) {
		m := gwv1.HTTPRouteMatch{Method: maybe(d, gwv1.HTTPMethodGet, gwv1.HTTPMethod("odd"))}
		if d.Roll(3) > 0 {
			m.Path = &gwv1.HTTPPathMatch{Type: maybe(d, gwv1.PathMatchExact, gwv1.PathMatchPathPrefix, gwv1.PathMatchRegularExpression, gwv1.PathMatchType("odd")),
				Value: maybe(d, "/", "/a", "/a/b/", "//", "", "/(")}
		}
		for range d.Roll(3) {
			m.Headers = append(m.Headers, gwv1.HTTPHeaderMatch{Name: pick(d, gwv1.HTTPHeaderName("X"), "x", "y", ""), Value: "v",
				Type: maybe(d, gwv1.HeaderMatchExact, gwv1.HeaderMatchRegularExpression, gwv1.HeaderMatchType("odd"))})
			m.QueryParams = append(m.QueryParams, gwv1.HTTPQueryParamMatch{Name: pick(d, gwv1.HTTPHeaderName("q"), "p"), Value: pick(d, "v", "[")})
		}
		rule.Matches = append(rule.Matches, m)
	}
	for range d.Roll(3) {
		rule.Filters = append(rule.Filters, genFilter(d))
	}
	for range d.Roll(3) {
		ref := gwv1.HTTPBackendRef{BackendRef: genBackend(d)}
		if d.Roll(4) == 1 {
			ref.Filters = []gwv1.HTTPRouteFilter{genFilter(d)}
		}
		rule.BackendRefs = append(rule.BackendRefs, ref)
	}
	if d.Roll(4) == 1 {
		rule.Timeouts = &gwv1.HTTPRouteTimeouts{Request: maybe(d, gwv1.Duration("1s"), gwv1.Duration("0s"), gwv1.Duration("odd")), BackendRequest: maybe(d, gwv1.Duration("2s"))}
	}
	if d.Roll(4) == 1 {
		rule.Retry = &gwv1.HTTPRouteRetry{Codes: []gwv1.HTTPRouteRetryStatusCode{pick(d, gwv1.HTTPRouteRetryStatusCode(503), 200)},
			Attempts: maybe(d, 0, 3, -1), Backoff: maybe(d, gwv1.Duration("10ms"), gwv1.Duration("odd"))}
	}
	if d.Roll(4) == 1 {
		rule.SessionPersistence = &gwv1.SessionPersistence{SessionName: maybe(d, "s", "a b"), AbsoluteTimeout: maybe(d, gwv1.Duration("1h"), gwv1.Duration("1ms")),
			Type:         maybe(d, gwv1.CookieBasedSessionPersistence, gwv1.HeaderBasedSessionPersistence, "odd"),
			CookieConfig: maybe(d, gwv1.CookieConfig{LifetimeType: maybe(d, gwv1.PermanentCookieLifetimeType, "odd")})}
	}
	return rule
}

func genFilter(d *Dice) gwv1.HTTPRouteFilter {
	headers := &gwv1.HTTPHeaderFilter{Set: []gwv1.HTTPHeader{{Name: "A", Value: pick(d, "v", "\r\n")}}, Add: []gwv1.HTTPHeader{{Name: pick(d, gwv1.HTTPHeaderName("B"), "a"), Value: "v"}}, Remove: []string{"c"}}
	path := &gwv1.HTTPPathModifier{Type: pick(d, gwv1.FullPathHTTPPathModifier, gwv1.PrefixMatchHTTPPathModifier, "odd"), ReplaceFullPath: maybe(d, "/f"), ReplacePrefixMatch: maybe(d, "/p", "?")}
	f := gwv1.HTTPRouteFilter{Type: pick(d, gwv1.HTTPRouteFilterRequestHeaderModifier, gwv1.HTTPRouteFilterResponseHeaderModifier, gwv1.HTTPRouteFilterRequestRedirect,
		gwv1.HTTPRouteFilterURLRewrite, gwv1.HTTPRouteFilterRequestMirror, gwv1.HTTPRouteFilterCORS, gwv1.HTTPRouteFilterExtensionRef, "odd")}
	if d.Roll(6) == 1 {
		return f // says nothing about what to do
	}
	f.RequestHeaderModifier, f.ResponseHeaderModifier = headers, headers
	f.RequestRedirect = &gwv1.HTTPRequestRedirectFilter{Scheme: maybe(d, "https", "odd"), Port: maybe(d, gwv1.PortNumber(80), gwv1.PortNumber(-1)), StatusCode: maybe(d, 301, 200), Path: path}
	f.RequestMirror = &gwv1.HTTPRequestMirrorFilter{BackendRef: genBackend(d).BackendObjectReference, Percent: maybe(d, int32(0), int32(50), int32(101))}
	f.CORS = &gwv1.HTTPCORSFilter{AllowOrigins: []gwv1.CORSOrigin{pick(d, gwv1.CORSOrigin("*"), "https://*.example.com", "odd")}, MaxAge: pick(d, int32(0), 5, -1)}
	f.URLRewrite = &gwv1.HTTPURLRewriteFilter{Hostname: maybe(d, gwv1.PreciseHostname("h.example.com"), gwv1.PreciseHostname("*")), Path: path}
	return f
}

func genGRPCRule(d *Dice) gwv1.GRPCRouteRule {
	var rule gwv1.GRPCRouteRule
	for range d.Roll(3) {
		m := gwv1.GRPCRouteMatch{}
		if d.Roll(3) > 0 {
			m.Method = &gwv1.GRPCMethodMatch{Type: maybe(d, gwv1.GRPCMethodMatchExact, gwv1.GRPCMethodMatchRegularExpression, gwv1.GRPCMethodMatchType("odd")),
				Service: maybe(d, "s", "s.*", "("), Method: maybe(d, "m", "a/b")}
		}
		rule.Matches = append(rule.Matches, m)
	}
	for range d.Roll(3) {
		rule.BackendRefs = append(rule.BackendRefs, gwv1.GRPCBackendRef{BackendRef: genBackend(d)})
	}
	return rule
}

func genServices(d *Dice, s *translate.Snapshot) {
	for i := range 2 {
		name := types.NamespacedName{Namespace: pick(d, genNamespaces...), Name: fmt.Sprintf("svc%d", i)}
		service := &corev1.Service{}
		service.Namespace, service.Name = name.Namespace, name.Name
		service.Spec.Ports = []corev1.ServicePort{{Name: "p", Port: 80, AppProtocol: maybe(d, "kubernetes.io/h2c", "https", "odd"), Protocol: pick(d, corev1.ProtocolTCP, corev1.ProtocolUDP, "")}}
		s.Services[name] = service
		for j := range d.Roll(3) {
			slice := &discoveryv1.EndpointSlice{AddressType: pick(d, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN)}
			port, number := "p", int32(8080+d.Roll(2))
			slice.Ports = []discoveryv1.EndpointPort{{Name: &port, Port: &number, Protocol: maybe(d, corev1.ProtocolTCP, corev1.ProtocolUDP)}}
			for range d.Roll(4) {
				slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{pick(d, "10.0.0.1", "10.0.0.2", "::1", "odd", "fe80::1%eth0")},
					Conditions: discoveryv1.EndpointConditions{Ready: maybe(d, true, false), Serving: maybe(d, true, false), Terminating: maybe(d, true, false)}})
			}
			slice.Name = fmt.Sprintf("%s-%d", name.Name, j)
			s.EndpointSlices[name] = append(s.EndpointSlices[name], slice)
		}
		if d.Roll(3) == 1 {
			policy := &gwv1.BackendTLSPolicy{ObjectMeta: genMeta(d, fmt.Sprintf("policy%d", i))}
			policy.Spec.TargetRefs = []gwv1.LocalPolicyTargetReferenceWithSectionName{{SectionName: maybe(d, gwv1.SectionName("p"), gwv1.SectionName("odd"))}}
			policy.Spec.TargetRefs[0].Kind, policy.Spec.TargetRefs[0].Name = "Service", gwv1.ObjectName(name.Name)
			policy.Spec.Validation = gwv1.BackendTLSPolicyValidation{Hostname: pick(d, gwv1.PreciseHostname("h.example.com"), "odd_"),
				WellKnownCACertificates: maybe(d, gwv1.WellKnownCACertificatesSystem, gwv1.WellKnownCACertificatesType("odd"))}
			s.BackendTLSPolicies = append(s.BackendTLSPolicies, policy)
		}
		if d.Roll(3) == 1 {
			s.BackendTrafficPolicies = append(s.BackendTrafficPolicies, genTrafficPolicy(d, i))
		}
		if d.Roll(3) == 1 {
			s.BackendPolicies = append(s.BackendPolicies, genBackendPolicy(d, i))
		}
	}
	if d.Roll(2) == 1 {
		s.ReferenceGrants = append(s.ReferenceGrants, &gwv1.ReferenceGrant{ObjectMeta: genMeta(d, "grant"), Spec: gwv1.ReferenceGrantSpec{
			From: []gwv1.ReferenceGrantFrom{{Group: gwv1.GroupName, Kind: "HTTPRoute", Namespace: "a"}}, To: []gwv1.ReferenceGrantTo{{Kind: "Service", Name: maybe(d, gwv1.ObjectName("svc0"))}}}})
	}
}

func genTrafficPolicy(d *Dice, i int) *xv1alpha1.XBackendTrafficPolicy {
	policy := &xv1alpha1.XBackendTrafficPolicy{ObjectMeta: genMeta(d, fmt.Sprintf("traffic%d", i))}
	for range d.Roll(3) {
		policy.Spec.TargetRefs = append(policy.Spec.TargetRefs, gwv1.LocalPolicyTargetReference{
			Kind: pick(d, gwv1.Kind("Service"), "Odd"), Name: pick(d, gwv1.ObjectName("svc0"), "svc1", "missing")})
	}
	if d.Roll(2) == 1 {
		policy.Spec.RetryConstraint = &xv1alpha1.RetryConstraint{
			Budget:       maybe(d, xv1alpha1.BudgetDetails{}, xv1alpha1.BudgetDetails{Percent: maybe(d, -1, 50), Interval: maybe(d, gwv1.Duration("1h"), gwv1.Duration("odd"))}),
			MinRetryRate: maybe(d, xv1alpha1.RequestRate{}, xv1alpha1.RequestRate{Count: maybe(d, 0, 5), Interval: maybe(d, gwv1.Duration("0s"))})}
	}
	if d.Roll(2) == 1 {
		policy.Spec.SessionPersistence = &gwv1.SessionPersistence{SessionName: maybe(d, "", "s", "a b"),
			Type: maybe(d, gwv1.CookieBasedSessionPersistence, gwv1.HeaderBasedSessionPersistence)}
	}
	return policy
}

func genBackendPolicy(d *Dice, i int) *v1alpha1.BackendPolicy {
	policy := &v1alpha1.BackendPolicy{ObjectMeta: genMeta(d, fmt.Sprintf("backend%d", i))}
	for range d.Roll(3) {
		ref := gwv1.LocalPolicyTargetReferenceWithSectionName{SectionName: maybe(d, gwv1.SectionName("p"), gwv1.SectionName("odd"))}
		ref.Kind, ref.Name = pick(d, gwv1.Kind("Service"), "Odd"), pick(d, gwv1.ObjectName("svc0"), "svc1", "missing")
		policy.Spec.TargetRefs = append(policy.Spec.TargetRefs, ref)
	}
	policy.Spec.Algorithm = pick(d, v1alpha1.BackendAlgorithm(""), v1alpha1.BackendAlgorithmLeastRequest, "odd")
	policy.Spec.DrainTimeout = maybe(d, gwv1.Duration("5s"), gwv1.Duration("odd"))
	policy.Spec.Limits = maybe(d, v1alpha1.BackendLimits{}, v1alpha1.BackendLimits{Connections: maybe(d, int32(-1), int32(5)), Requests: maybe(d, int32(0))})
	if d.Roll(2) == 1 {
		policy.Spec.HealthCheck = &v1alpha1.BackendHealthCheck{Type: pick(d, v1alpha1.BackendHealthCheckHTTP, v1alpha1.BackendHealthCheckNone, "odd"),
			Path: maybe(d, "/", "odd", "/a b"), Interval: maybe(d, gwv1.Duration("3s"), gwv1.Duration("odd")), HealthyThreshold: maybe(d, int32(0), int32(300))}
	}
	return policy
}
