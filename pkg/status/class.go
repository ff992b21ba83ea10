package status

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/features"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// supportedBundles are the versions of the Gateway API's CRDs that Cloudgate was made for, and supportedText what a user reads of them.
var supportedBundles = regexp.MustCompile(`^v1\.[1-6]\.[0-9]+(-.*)?$`)

const supportedText = "v1.1 to v1.6"

// Class returns the status that a GatewayClass of ours is to have. f is what its cloud can express.
func Class(c *gwv1.GatewayClass, v ClassVerdict, f ir.Features, now metav1.Time) gwv1.GatewayClassStatus {
	out := *c.Status.DeepCopy()
	conds := newConditions(c.Status.Conditions, c.Generation, now)
	accepted := string(gwv1.GatewayClassConditionStatusAccepted)
	switch {
	case v.Unsupported != "":
		conds.set(accepted, metav1.ConditionFalse, string(gwv1.GatewayClassReasonUnsupported), v.Unsupported)
	case v.Parameters != nil:
		conds.set(accepted, metav1.ConditionFalse, string(gwv1.GatewayClassReasonInvalidParameters), sentence(*v.Parameters))
	default:
		conds.set(accepted, metav1.ConditionTrue, string(gwv1.GatewayClassReasonAccepted), "The GatewayClass is accepted.")
	}
	version := string(gwv1.GatewayClassConditionStatusSupportedVersion)
	switch {
	case supportedBundles.MatchString(v.BundleVersion):
		conds.set(version, metav1.ConditionTrue, string(gwv1.GatewayClassReasonSupportedVersion),
			fmt.Sprintf("The installed Gateway API CRDs are %s, which is supported.", v.BundleVersion))
	case v.BundleVersion == "":
		conds.set(version, metav1.ConditionFalse, string(gwv1.GatewayClassReasonUnsupportedVersion),
			"The installed Gateway API CRDs do not say their version. Supported are "+supportedText+"; Cloudgate does what it can.")
	default:
		conds.set(version, metav1.ConditionFalse, string(gwv1.GatewayClassReasonUnsupportedVersion),
			fmt.Sprintf("The installed Gateway API CRDs are %s. Supported are %s; Cloudgate does what it can.", v.BundleVersion, supportedText))
	}
	v.Reach.put(conds)
	out.Conditions = conds.list
	out.SupportedFeatures = supportedFeatures(f, v)
	return out
}

// claim is a feature of the Gateway API's conformance suite and what has to be there to claim it.
type claim struct {
	name  features.FeatureName
	kind  string       // whose CRD has to be installed
	needs []ir.Feature // that the cloud has to express exactly
}

// experimental are the claims about fields that only the experimental channel has.
var experimental = []features.FeatureName{
	features.SupportHTTPRouteRetry, features.SupportHTTPRouteRetryBackendTimeout, features.SupportHTTPRouteRetryConnectionError,
}

var claims = []claim{
	{features.SupportGateway, "Gateway", []ir.Feature{ir.FeatureHTTP, ir.FeatureHTTPS}},
	{features.SupportGatewayPort8080, "Gateway", []ir.Feature{ir.FeatureHTTP}},
	{features.SupportGatewayHTTPListenerIsolation, "Gateway", []ir.Feature{ir.FeatureHTTP}},
	{features.SupportGatewayStaticAddresses, "Gateway", []ir.Feature{ir.FeatureStaticAddresses}},
	{features.SupportGatewayAddressEmpty, "Gateway", []ir.Feature{ir.FeatureStaticAddresses}},
	{features.SupportGatewayBackendClientCertificate, "Gateway", []ir.Feature{ir.FeatureBackendTLS, ir.FeatureBackendClientCert}},
	{features.SupportGatewayHTTPSListenerDetectMisdirectedRequests, "Gateway", []ir.Feature{ir.FeatureHTTPS, ir.FeatureMisdirectedRequests}},
	{features.SupportGatewayFrontendClientCertificateValidation, "Gateway", []ir.Feature{ir.FeatureHTTPS, ir.FeatureClientValidation}},
	{features.SupportGatewayFrontendClientCertificateValidationInsecureFallback, "Gateway",
		[]ir.Feature{ir.FeatureHTTPS, ir.FeatureClientValidation, ir.FeatureClientInsecureFallback}},
	{features.SupportListenerSet, "ListenerSet", []ir.Feature{ir.FeatureHTTP}},
	{features.SupportReferenceGrant, "ReferenceGrant", nil},
	{features.SupportHTTPRoute, "HTTPRoute", []ir.Feature{ir.FeatureHTTP, ir.FeatureRequestHeaders, ir.FeatureRedirect}},
	{features.SupportHTTPRouteParentRefPort, "HTTPRoute", []ir.Feature{ir.FeatureHTTP}},
	{features.SupportHTTPRouteDestinationPortMatching, "HTTPRoute", []ir.Feature{ir.FeatureHTTP}},
	{features.SupportHTTPRouteNamedRouteRule, "HTTPRoute", []ir.Feature{ir.FeatureHTTP}},
	{features.SupportHTTPRouteMethodMatching, "HTTPRoute", []ir.Feature{ir.FeatureMethodMatch}},
	{features.SupportHTTPRouteQueryParamMatching, "HTTPRoute", []ir.Feature{ir.FeatureQueryMatch}},
	{features.SupportHTTPRouteResponseHeaderModification, "HTTPRoute", []ir.Feature{ir.FeatureResponseHeaders}},
	{features.SupportHTTPRouteBackendRequestHeaderModification, "HTTPRoute", []ir.Feature{ir.FeatureBackendRequestHeaders}},
	{features.SupportHTTPRouteSchemeRedirect, "HTTPRoute", []ir.Feature{ir.FeatureRedirect, ir.FeatureRedirectScheme}},
	{features.SupportHTTPRoutePortRedirect, "HTTPRoute", []ir.Feature{ir.FeatureRedirect, ir.FeatureRedirectPort}},
	{features.SupportHTTPRoutePathRedirect, "HTTPRoute", []ir.Feature{ir.FeatureRedirect, ir.FeatureRedirectPath, ir.FeatureRedirectPrefix}},
	{features.SupportHTTPRoute303RedirectStatusCode, "HTTPRoute", []ir.Feature{ir.FeatureRedirect, ir.FeatureRedirectStatuses}},
	{features.SupportHTTPRoute307RedirectStatusCode, "HTTPRoute", []ir.Feature{ir.FeatureRedirect, ir.FeatureRedirectStatuses}},
	{features.SupportHTTPRoute308RedirectStatusCode, "HTTPRoute", []ir.Feature{ir.FeatureRedirect, ir.FeatureRedirectStatuses}},
	{features.SupportHTTPRouteHostRewrite, "HTTPRoute", []ir.Feature{ir.FeatureHostRewrite}},
	{features.SupportHTTPRoutePathRewrite, "HTTPRoute", []ir.Feature{ir.FeaturePathRewrite}},
	{features.SupportHTTPRouteRequestTimeout, "HTTPRoute", []ir.Feature{ir.FeatureRequestTimeout}},
	{features.SupportHTTPRouteBackendTimeout, "HTTPRoute", []ir.Feature{ir.FeatureBackendTimeout}},
	{features.SupportHTTPRouteRequestMirror, "HTTPRoute", []ir.Feature{ir.FeatureMirror}},
	{features.SupportHTTPRouteRequestMultipleMirrors, "HTTPRoute", []ir.Feature{ir.FeatureMirror}},
	{features.SupportHTTPRouteRequestPercentageMirror, "HTTPRoute", []ir.Feature{ir.FeatureMirror, ir.FeatureMirrorFraction}},
	{features.SupportHTTPRouteCORS, "HTTPRoute", []ir.Feature{ir.FeatureCORS}},
	{features.SupportHTTPRouteRetry, "HTTPRoute", []ir.Feature{ir.FeatureRetry}},
	{features.SupportHTTPRouteRetryBackendTimeout, "HTTPRoute", []ir.Feature{ir.FeatureRetry, ir.FeatureBackendTimeout}},
	{features.SupportHTTPRouteRetryConnectionError, "HTTPRoute", []ir.Feature{ir.FeatureRetry}},
	{features.SupportHTTPRouteBackendProtocolH2C, "HTTPRoute", []ir.Feature{ir.FeatureBackendHTTP2}},
	{features.SupportHTTPRouteBackendProtocolWebSocket, "HTTPRoute", []ir.Feature{ir.FeatureBackendWebSocket}},
	{features.SupportGRPCRoute, "GRPCRoute", []ir.Feature{ir.FeatureGRPC, ir.FeatureRequestHeaders}},
	{features.SupportGRPCRouteNamedRouteRule, "GRPCRoute", []ir.Feature{ir.FeatureGRPC}},
	{features.SupportTLSRoute, "TLSRoute", []ir.Feature{ir.FeatureTLSPassthrough, ir.FeatureTLSHostnames}},
	// The suite wants listeners that end TLS refused where this is not claimed, so it says that there are some, whatever their port does with host names.
	{features.SupportTLSRouteModeTerminate, "TLSRoute", []ir.Feature{ir.FeatureTLSTerminate}},
	{features.SupportTLSRouteModeMixed, "TLSRoute", []ir.Feature{ir.FeatureTLSPassthrough, ir.FeatureTLSTerminate, ir.FeatureTLSHostnames}},
	{features.SupportTCPRoute, "TCPRoute", []ir.Feature{ir.FeatureTCP}},
	{features.SupportUDPRoute, "UDPRoute", []ir.Feature{ir.FeatureUDP}},
	{features.SupportBackendTLSPolicy, "BackendTLSPolicy", []ir.Feature{ir.FeatureBackendTLS}},
	{features.SupportBackendTLSPolicySANValidation, "BackendTLSPolicy", []ir.Feature{ir.FeatureBackendTLS, ir.FeatureBackendTLSSANs}},
}

// supportedFeatures returns the names of what may be claimed, sorted. What a cloud does with a difference is not claimed.
func supportedFeatures(f ir.Features, v ClassVerdict) []gwv1.SupportedFeature {
	var out []gwv1.SupportedFeature
	for _, c := range claims {
		exact := !slices.ContainsFunc(c.needs, func(need ir.Feature) bool { return f.Of(need).Grade != ir.Exact })
		if exact && !slices.Contains(v.Missing, c.kind) && !(v.Standard && slices.Contains(experimental, c.name)) {
			out = append(out, gwv1.SupportedFeature{Name: gwv1.FeatureName(c.name)})
		}
	}
	if v.GatewayServices {
		out = append(out, gwv1.SupportedFeature{Name: gwv1.FeatureName(features.SupportGatewayInfrastructure)})
	}
	slices.SortFunc(out, func(a, b gwv1.SupportedFeature) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return out
}
