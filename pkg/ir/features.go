package ir

// Grade is how well a cloud can express a feature.
type Grade uint8

const (
	Impossible  Grade = iota // refused in status
	Approximate              // refused unless the class opts in, then said in status
	Exact
)

// Feature is something that a Gateway or a route can ask for and that not every cloud has.
type Feature string

// The features, in the terms of the Gateway API.
const (
	FeatureHTTP                   Feature = "HTTP"
	FeatureHTTPS                  Feature = "HTTPS"
	FeatureTLSPassthrough         Feature = "TLSPassthrough"
	FeatureTLSTerminate           Feature = "TLSTerminate"
	FeatureTLSHostnames           Feature = "TLSHostnames" // a choice among the routes of one port by host name, for TLS that ends here and that does not
	FeatureTCP                    Feature = "TCP"
	FeatureUDP                    Feature = "UDP"
	FeatureGRPC                   Feature = "GRPC"
	FeatureStaticAddresses        Feature = "StaticAddresses"
	FeatureStaticHostnames        Feature = "StaticHostnames" // an address asked for by host name
	FeatureSeveralCertificates    Feature = "SeveralCertificates"
	FeaturePathRegex              Feature = "PathRegex"
	FeatureHeaderRegex            Feature = "HeaderRegex"
	FeatureQueryMatch             Feature = "QueryMatch"
	FeatureQueryRegex             Feature = "QueryRegex"
	FeatureMethodMatch            Feature = "MethodMatch"
	FeatureRequestHeaders         Feature = "RequestHeaders"
	FeatureResponseHeaders        Feature = "ResponseHeaders"
	FeatureBackendRequestHeaders  Feature = "BackendRequestHeaders"
	FeatureBackendResponseHeaders Feature = "BackendResponseHeaders"
	FeatureRedirect               Feature = "Redirect"
	FeatureRedirectScheme         Feature = "RedirectScheme"
	FeatureRedirectPort           Feature = "RedirectPort"
	FeatureRedirectPath           Feature = "RedirectPath"
	FeatureRedirectPrefix         Feature = "RedirectPrefix"   // of the path, the prefix that matched
	FeatureRedirectStatuses       Feature = "RedirectStatuses" // others than 301 and 302
	FeatureHostRewrite            Feature = "HostRewrite"
	FeaturePathRewrite            Feature = "PathRewrite"
	FeatureRequestTimeout         Feature = "RequestTimeout"
	FeatureBackendTimeout         Feature = "BackendTimeout"
	FeatureBackendHTTP2           Feature = "BackendHTTP2" // h2c, or h2 where the pool has TLS
	FeatureBackendWebSocket       Feature = "BackendWebSocket"
	FeatureBackendTLS             Feature = "BackendTLS"
	FeatureBackendTLSSANs         Feature = "BackendTLSSANs"
	FeatureBackendClientCert      Feature = "BackendClientCertificate"
	FeatureClientValidation       Feature = "ClientValidation"
	FeatureClientInsecureFallback Feature = "ClientValidationInsecureFallback"
	FeatureMisdirectedRequests    Feature = "MisdirectedRequests" // 421 where a connection was made for another server
	FeatureCORS                   Feature = "CORS"
	FeatureMirror                 Feature = "Mirror"
	FeatureMirrorFraction         Feature = "MirrorFraction"
	FeatureRetry                  Feature = "Retry"
	FeatureRetryBudget            Feature = "RetryBudget"
	FeatureSessionCookie          Feature = "SessionCookie"
	FeatureSessionHeader          Feature = "SessionHeader"
	FeatureLeastRequest           Feature = "LeastRequest"
	FeatureHealthCheck            Feature = "HealthCheck"
	FeatureTargetLimits           Feature = "TargetLimits"
	FeatureDrainTimeout           Feature = "DrainTimeout"
)

// Support is how one cloud expresses one feature.
type Support struct {
	Grade      Grade
	Difference string // what is not as the specification says, in one clause, where Grade is Approximate
}

// Features says what a cloud can express. A feature that is absent is Impossible.
type Features map[Feature]Support

// Of returns the support for a feature.
func (f Features) Of(name Feature) Support { return f[name] }
