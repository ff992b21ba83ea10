package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// class is a GatewayClass that stories are told on.
type class struct{ name string }

var (
	onFake = class{"fake"}
	onAWS  = class{"aws"}
)

// start runs a Cloudgate as start does, whose manifests name this class.
func (c class) start(t *testing.T, fill ...func(*world)) *world {
	t.Helper()
	return c.startWith(t, dev.Config{}, fill...)
}

// adapt returns a manifest for the class: those of the stories and examples name the class fake.
func (c class) adapt(manifest string) string {
	manifest = strings.ReplaceAll(manifest, "gatewayClassName: fake", "gatewayClassName: "+c.name)
	if c == onAWS {
		manifest = strings.ReplaceAll(manifest, headerFilter, "")
	}
	return manifest
}

// adds returns the value of a header that the quickstart adds, as a backend sees it.
func (c class) adds(value string) string {
	if c == onAWS {
		return ""
	}
	return value
}

// headerFilter is what the quickstart has to change a header, which no ALB does: Cloudgate would refuse its rule.
const headerFilter = `    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        add:
        - {name: X-Served-By, value: cloudgate}
`

// needs skips a story on AWS. why names the property of its load balancers that forbids it.
func (c class) needs(t *testing.T, why string) {
	t.Helper()
	if c == onAWS {
		t.Skip("not on AWS: " + why)
	}
}

// location is where a redirect of the class leads: an ALB names the port in any case.
func (c class) location(origin, port, rest string) string {
	if c == onAWS {
		origin += ":" + port
	}
	return origin + rest
}

// sessionCookie is how the name of the cookie begins that keeps a session.
func (c class) sessionCookie() string {
	if c == onAWS {
		return "AWSALB="
	}
	return "cloudgate-"
}

// kept returns rules with sessions: all that govern requests, or where AWS has no other those by cookie.
func (c class) kept() string {
	if c == onAWS {
		return "  - matches: [{path: {type: PathPrefix, value: /kept}}]\n    sessionPersistence: {sessionName: kept}\n    backendRefs: [{name: app, port: 80}]\n"
	}
	return traffic.GovernRules
}

// may returns a part of a manifest that AWS cannot have, "" there.
func (c class) may(part string) string {
	if c == onAWS {
		return ""
	}
	return part
}

// trusts returns a GatewayConfig by which a Gateway knows its clients. An ALB does by a trust store, which takes a bucket in S3.
func (c class) trusts(w *world, name string) string {
	w.Helper()
	config := "apiVersion: cloudgate.dev/v1alpha1\nkind: GatewayConfig\nmetadata: {name: " + name + "}\nspec: {"
	if c == onAWS {
		file := map[string]string{"bucket": "trust", "key": "read-me", "content": "What is in here belongs to Gateways."} // makes the bucket, too
		if err := w.cloud.Call(http.MethodPost, "/admin/v1/aws/"+dev.AWSRegion+"/objects", file, nil); err != nil {
			w.Fatal(err)
		}
		config += "aws: {trustStoreBucket: {name: trust}}"
	}
	return config + "}\n"
}

// secure returns a manifest with an HTTPS listener in the place of that for HTTP, and how to connect to it, where it takes that to
// speak HTTP/2: with an ALB.
func (c class) secure(w *world, manifest, host string) (string, credentials.TransportCredentials) {
	w.Helper()
	if c != onAWS {
		return manifest, insecure.NewCredentials()
	}
	certificate := traffic.NewCertificate(w, host)
	w.secret("front", "default", certificate)
	return strings.Replace(manifest, "port: 80, protocol: HTTP}", "port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: front}]}}", 1),
		credentials.NewTLS(&tls.Config{RootCAs: certificate.Pool(), ServerName: host, MinVersion: tls.VersionTLS12})
}

// together has a test run at the same time as its siblings, where it waits more than it works.
func (c class) together(t *testing.T) {
	if c == onAWS {
		t.Parallel()
	}
}

// approximate has the class take what its cloud does with a difference.
func (c class) approximate(w *world) {
	w.Helper()
	w.write("class.yaml", fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: %[1]s, annotations: {cloudgate.dev/approximate-features: allow}}
spec: {controllerName: cloudgate.dev/%[1]s}
`, c.name))
}

// cloud is what the stories ask of the fake cloud and of the fake AWS alike.
type cloud interface {
	Resources() (map[string]int, error)
	WantSomething(t testing.TB)
	WantEmpty(t testing.TB)
	HealthOf(address, want string) error
	HealthInterval(t testing.TB) string
}

// its is the cloud that the world's Gateways are in.
func (w *world) its() cloud {
	if w.class == onAWS {
		return w.aws
	}
	return w.cloud
}

// calls is where the journal of calls to its cloud is kept, and where these can be made to fail.
func (w *world) calls() traffic.Cloud {
	c := w.cloud
	c.OfAWS = w.class == onAWS
	return c
}

// checked waits until AWS has checked all targets of a Gateway for the first time: it sends requests to some of them before that.
func (w *world) checked(g dev.Gateway) {
	w.Helper()
	if w.class == onAWS {
		if len(g.Addresses) == 0 || slices.ContainsFunc(g.Addresses, func(a string) bool { return !strings.HasSuffix(a, ".amazonaws.com") }) {
			w.Fatalf("the addresses %q of Gateway %s are not of AWS", g.Addresses, g.Name)
		}
		traffic.Within(w, traffic.Patience, traffic.Rest, "the first checks of all targets", w.aws.Checked)
	}
}

// TestAWS tells the stories on the class aws: the provider of AWS, and its Application and Network Load Balancers in the fake AWS. They wait
// for health checks, which come every 5 s at most, more than they work: that is why they are told at the same time.
func TestAWS(t *testing.T) {
	for name, tell := range map[string]func(*testing.T, class){
		"Whoami":                   tellWhoami,
		"Canary":                   tellCanary,
		"PathPrefixAndHeader":      tellPathPrefixAndHeader,
		"LeftAndRight":             tellLeftAndRight,
		"Quickstart":               tellQuickstart,
		"EditsOfARouteUnderLoad":   tellEditsOfARouteUnderLoad,
		"EndpointRemovedUnderLoad": tellEndpointRemovedUnderLoad,
		"CrashedEndpointLeavesTheRotationAndComesBack": tellCrashedEndpointLeavesTheRotationAndComesBack,
		"HTTPSListenerIsAddedAndItsSecretRotated":      tellHTTPSListenerIsAddedAndItsSecretRotated,
		"TwoCertificatesOfOneListener":                 tellTwoCertificatesOfOneListener,
		"TLSPassthroughBySNI":                          tellTLSPassthroughBySNI,
		"TLSPassthroughToOneBackend":                   tellTLSPassthroughToOneBackend,
		"TLSTerminated":                                tellTLSTerminated,
		"TCP":                                          tellTCP,
		"EveryProtocolOfOneGateway":                    tellEveryProtocolOfOneGateway,
		"DNSOverUDP":                                   tellDNSOverUDP,
		"DeletedGatewayLeavesNothing":                  tellDeletedGatewayLeavesNothing,
		"GatewayDeletedAndMadeAnewAtOnce":              tellGatewayDeletedAndMadeAnewAtOnce,
		"OneGatewayForSeveralNamespaces":               tellOneGatewayForSeveralNamespaces,
		"MatchesAndTheirPrecedence":                    tellMatchesAndTheirPrecedence,
		"RedirectsAndRewrites":                         tellRedirectsAndRewrites,
		"FiltersAndTimeouts":                           tellFiltersAndTimeouts,
		"ListenerSet":                                  tellListenerSet,
		"BackendTLSPolicy":                             tellBackendTLSPolicy,
		"BackendTLSPolicyIsRotated":                    tellBackendTLSPolicyIsRotated,
		"GRPCRoute":                                    tellGRPCRoute,
		"WebSocketPassesThrough":                       tellWebSocketPassesThrough,
		"ZonesOfEndpoints":                             tellZonesOfEndpoints,
		"RetryBudget":                                  tellRetryBudget,
		"SessionOfAService":                            tellSessionOfAService,
		"HealthCheckOfAService":                        tellHealthCheckOfAService,
		"LimitsOfAService":                             tellLimitsOfAService,
		"WhatGovernsRequests":                          tellWhatGovernsRequests,
		"ClientCertificates":                           tellClientCertificates,
		"BackendThatWantsACertificate":                 tellBackendThatWantsACertificate,
		"SessionsOutliveTheirProcess":                  tellSessionsOutliveTheirProcess,
		"GatewayDeletedWhileTheCloudIsDown":            tellGatewayDeletedWhileAWSIsDown,
		"StateDirKeepsAddresses":                       tellStateDirKeepsAddresses,
		"CrashedEndpointThatKubernetesNotices":         tellCrashedEndpointThatKubernetesNotices,
		"InvalidManifestsSayWhyAndCostNothingElse":     tellInvalidManifestsSayWhyAndCostNothingElse,
		"MissingBackendAnswers500":                     tellMissingBackendAnswers500,
		"BadCertificateCostsItsListenerOnly":           tellBadCertificateCostsItsListenerOnly,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tell(t, onAWS)
		})
	}
}
