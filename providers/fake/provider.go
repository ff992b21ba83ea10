package fake

import (
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Name is what the provider is called: in the registry, in metrics, and as the GatewayClass that names it.
const Name = "fake"

// Config is where the fake cloud is.
type Config struct {
	Endpoint string // "http://127.0.0.1:7070"
	Token    string // empty where the cloud asks for none
}

// Provider implements cloud.Provider and cloud.HealthReader. It is safe for concurrent use.
type Provider struct {
	client *client
}

var (
	_ cloud.Provider     = (*Provider)(nil)
	_ cloud.HealthReader = (*Provider)(nil)
)

// New returns the provider of the fake cloud at an endpoint. It makes no call.
func New(c Config) (*Provider, error) {
	cl, err := newClient(c.Endpoint, c.Token)
	if err != nil {
		return nil, err
	}
	return &Provider{client: cl}, nil
}

// Name implements cloud.Provider.
func (p *Provider) Name() string { return Name }

// Features implements cloud.Provider.
func (p *Provider) Features() ir.Features { return Features() }

// Features says what the fake cloud can express: all that the IR can say, exactly.
func Features() ir.Features {
	f := make(ir.Features)
	for _, name := range []ir.Feature{
		ir.FeatureHTTP, ir.FeatureHTTPS, ir.FeatureTLSPassthrough, ir.FeatureTLSTerminate, ir.FeatureTLSHostnames, ir.FeatureTCP, ir.FeatureUDP, ir.FeatureGRPC,
		ir.FeatureStaticAddresses, ir.FeatureSeveralCertificates,
		ir.FeaturePathRegex, ir.FeatureHeaderRegex, ir.FeatureQueryMatch, ir.FeatureQueryRegex, ir.FeatureMethodMatch,
		ir.FeatureRequestHeaders, ir.FeatureResponseHeaders, ir.FeatureBackendRequestHeaders, ir.FeatureBackendResponseHeaders,
		ir.FeatureRedirect, ir.FeatureRedirectScheme, ir.FeatureRedirectPort, ir.FeatureRedirectPath,
		ir.FeatureRedirectPrefix, ir.FeatureRedirectStatuses, ir.FeatureDrainTimeout,
		ir.FeatureHostRewrite, ir.FeaturePathRewrite, ir.FeatureRequestTimeout, ir.FeatureBackendTimeout,
		ir.FeatureBackendHTTP2, ir.FeatureBackendWebSocket, ir.FeatureBackendTLS, ir.FeatureBackendTLSSANs,
		ir.FeatureBackendClientCert, ir.FeatureClientValidation, ir.FeatureClientInsecureFallback,
		ir.FeatureMisdirectedRequests, ir.FeatureCORS, ir.FeatureMirror, ir.FeatureMirrorFraction, ir.FeatureRetry, ir.FeatureRetryBudget,
		ir.FeatureSessionCookie, ir.FeatureSessionHeader, ir.FeatureLeastRequest, ir.FeatureHealthCheck, ir.FeatureTargetLimits,
	} {
		f[name] = ir.Support{Grade: ir.Exact}
	}
	return f
}
