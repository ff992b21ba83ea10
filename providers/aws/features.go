package aws

import (
	"encoding/json"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// FeaturesWith implements cloud.Configured.
func (p *Provider) FeaturesWith(raw json.RawMessage) ir.Features { return FeaturesWith(raw) }

// FeaturesWith is Features with the settings of a class: clients can be validated by the certificates that a Gateway references only where
// there is a bucket for them.
func FeaturesWith(raw json.RawMessage) ir.Features {
	f := Features()
	s, err := readSettings(raw)
	switch {
	case err != nil, s.TrustStoreARN == "" && s.TrustStoreBucket == nil:
		delete(f, ir.FeatureClientValidation)
	case s.TrustStoreARN != "":
		f[ir.FeatureClientValidation] = ir.Support{Grade: ir.Approximate, Difference: otherTrustStore}
	}
	return f
}

// otherTrustStore is the difference that spec.aws.trustStoreARN makes.
const otherTrustStore = "clients are verified by the trust store in AWS that the GatewayConfig names, not by the referenced certificates"

// Features says what load balancers in AWS can express. Where that depends on a value, as on the path of a redirect or the letters of a header,
// the feature is exact here and Compile judges the value.
func Features() ir.Features {
	f := make(ir.Features)
	for _, name := range []ir.Feature{
		ir.FeatureHTTP, ir.FeatureHTTPS, ir.FeatureTLSPassthrough, ir.FeatureTLSTerminate, ir.FeatureTCP, ir.FeatureUDP, ir.FeatureGRPC,
		ir.FeatureSeveralCertificates, ir.FeaturePathRegex, ir.FeatureHeaderRegex, ir.FeatureMethodMatch,
		ir.FeatureRedirect, ir.FeatureRedirectScheme, ir.FeatureRedirectPort, ir.FeatureRedirectPath,
		ir.FeatureHostRewrite, ir.FeaturePathRewrite, ir.FeatureBackendWebSocket,
		ir.FeatureClientValidation, ir.FeatureDrainTimeout, ir.FeatureLeastRequest, ir.FeatureHealthCheck,
	} {
		f[name] = ir.Support{Grade: ir.Exact}
	}
	for name, difference := range map[ir.Feature]string{
		ir.FeatureClientInsecureFallback: "certificates of clients are not verified at all, and passed on to backends in the header X-Amzn-Mtls-Clientcert",
		ir.FeatureQueryMatch:             "the case of letters in names and values of query parameters makes no difference",
		ir.FeatureBackendHTTP2:           "that takes an HTTPS listener, and requests of clients that do not speak HTTP/2 are answered with status 464",
		ir.FeatureBackendTLS:             "the certificates of backends are not verified",
		ir.FeatureSessionCookie:          "the cookie is AWS's own, AWSALB, for all paths, and a session ends so long after its last request, or 7 days after it",
	} {
		f[name] = ir.Support{Grade: ir.Approximate, Difference: difference}
	}
	return f
}
