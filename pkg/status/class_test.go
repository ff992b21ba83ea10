package status

import (
	"errors"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/features"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

func exactly(names ...ir.Feature) ir.Features {
	out := ir.Features{}
	for _, name := range names {
		out[name] = ir.Support{Grade: ir.Exact}
	}
	return out
}

func featureNames(s gwv1.GatewayClassStatus) []string {
	var out []string
	for _, f := range s.SupportedFeatures {
		out = append(out, string(f.Name))
	}
	return out
}

func TestClassConditions(t *testing.T) {
	withParameters := gwv1.GatewayClassSpec{ParametersRef: &gwv1.ParametersReference{Group: "example.com", Kind: "Config", Name: "x"}}
	for _, test := range []struct {
		name     string
		spec     gwv1.GatewayClassSpec
		verdict  ClassVerdict
		accepted string
		version  string
	}{
		{"fine", gwv1.GatewayClassSpec{}, ClassVerdict{BundleVersion: "v1.6.3"}, "True Accepted", "True SupportedVersion"},
		{"older", gwv1.GatewayClassSpec{}, ClassVerdict{BundleVersion: "v1.2.0"}, "True Accepted", "True SupportedVersion"},
		{"candidate", gwv1.GatewayClassSpec{}, ClassVerdict{BundleVersion: "v1.6.0-rc.1"}, "True Accepted", "True SupportedVersion"},
		{"newer", gwv1.GatewayClassSpec{}, ClassVerdict{BundleVersion: "v1.7.0"}, "True Accepted", "False UnsupportedVersion"},
		{"other", gwv1.GatewayClassSpec{}, ClassVerdict{BundleVersion: "v1.60.0"}, "True Accepted", "False UnsupportedVersion"},
		{"unknown", gwv1.GatewayClassSpec{}, ClassVerdict{}, "True Accepted", "False UnsupportedVersion"},
		{"parameters", withParameters, ClassVerdict{BundleVersion: "v1.6.3", Parameters: &translate.Problem{Code: translate.CodeParametersRef}}, "False InvalidParameters", "True SupportedVersion"},
		{"no provider", withParameters, ClassVerdict{BundleVersion: "v1.6.3", Unsupported: "There is no provider x.", Parameters: &translate.Problem{Code: translate.CodeParametersRef}}, "False Unsupported", "True SupportedVersion"},
	} {
		t.Run(test.name, func(t *testing.T) {
			class := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Generation: 4}, Spec: test.spec}
			got := Class(class, test.verdict, nil, now)
			c := newConditions(got.Conditions, 4, now)
			for kind, want := range map[string]string{"Accepted": test.accepted, "SupportedVersion": test.version} {
				if o := c.get(kind); o == nil || string(o.Status)+" "+o.Reason != want || o.ObservedGeneration != 4 || o.Message == "" {
					t.Errorf("%s is %+v, want %s", kind, o, want)
				}
			}
		})
	}
}

func TestSupportedFeatures(t *testing.T) {
	f := exactly(ir.FeatureHTTP, ir.FeatureHTTPS, ir.FeatureRequestHeaders, ir.FeatureRedirect, ir.FeatureTCP, ir.FeatureUDP, ir.FeatureMethodMatch,
		ir.FeatureTLSPassthrough, ir.FeatureTLSTerminate)
	f[ir.FeatureQueryMatch] = ir.Support{Grade: ir.Approximate, Difference: "keys are folded"}
	got := featureNames(Class(&gwv1.GatewayClass{}, ClassVerdict{Missing: []string{"UDPRoute", "ListenerSet"}}, f, now))
	if !slices.IsSorted(got) {
		t.Errorf("%v is not sorted", got)
	}
	for _, test := range []struct {
		name   features.FeatureName
		want   bool
		reason string
	}{
		{features.SupportGateway, true, "HTTP and HTTPS are all it takes"},
		{features.SupportHTTPRoute, true, "core filters are there"},
		{features.SupportReferenceGrant, true, "it is ours alone"},
		{features.SupportHTTPRouteMethodMatching, true, "the cloud can"},
		{features.SupportTCPRoute, true, "the cloud can"},
		{features.SupportTLSRoute, false, "the cloud does not look at host names"},
		{features.SupportTLSRouteModeTerminate, true, "listeners that end TLS are accepted"},
		{features.SupportTLSRouteModeMixed, false, "the cloud does not look at host names"},
		{features.SupportUDPRoute, false, "its CRD is not installed"},
		{features.SupportListenerSet, false, "its CRD is not installed"},
		{features.SupportHTTPRouteQueryParamMatching, false, "the cloud does it with a difference"},
		{features.SupportGRPCRoute, false, "the cloud cannot"},
		{features.SupportHTTPRouteRequestMirror, false, "Cloudgate does not"},
		{features.SupportHTTPRouteCORS, false, "Cloudgate does not"},
		{features.SupportGatewayInfrastructure, false, "there is no object in the cluster that could carry the labels"},
	} {
		if slices.Contains(got, string(test.name)) != test.want {
			t.Errorf("%s claimed: %v, want %v: %s", test.name, !test.want, test.want, test.reason)
		}
	}
}

// TestClaimsAreKnown holds that every name exists in the Gateway API, once.
func TestClaimsAreKnown(t *testing.T) {
	known := features.SetsToNamesSet(features.AllFeatures)
	seen := map[features.FeatureName]bool{features.SupportReferenceGrant: false}
	for _, c := range claims {
		if !known.Has(c.name) || seen[c.name] || strings.HasPrefix(string(c.name), "Mesh") {
			t.Errorf("%s is no feature of the Gateway API, or claimed twice", c.name)
		}
		seen[c.name] = true
	}
	if len(claims) > 64 {
		t.Errorf("%d features; a status takes 64", len(claims))
	}
}

func TestFieldsOfTheExperimentalChannel(t *testing.T) {
	f := exactly(ir.FeatureHTTP, ir.FeatureRetry)
	for _, standard := range []bool{false, true} {
		got := featureNames(Class(&gwv1.GatewayClass{}, ClassVerdict{Standard: standard}, f, now))
		if claimed := slices.Contains(got, string(features.SupportHTTPRouteRetry)); claimed == standard {
			t.Errorf("standard channel %t: retries are claimed: %t", standard, claimed)
		}
	}
}

// A cloud that cannot be read is said on its class until it can be read again. What an earlier process said stands until the first audit.
func TestClassReach(t *testing.T) {
	down := Reach{Audited: true, Failed: &cloud.Error{Kind: cloud.Denied, Op: "DescribeVpcs", Err: errors.New("the key was revoked.")}}
	class := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Generation: 4}}
	for _, test := range []struct {
		reason string
		reach  Reach
		want   string
	}{
		{"no audit yet", Reach{}, ""},
		{"an audit that fails", down, "False ProviderDenied: The audit cannot read the cloud (DescribeVpcs: the key was revoked)." + unreachableConsequence},
		{"a restart", Reach{}, "False ProviderDenied: The audit cannot read the cloud (DescribeVpcs: the key was revoked)." + unreachableConsequence},
		{"an audit that succeeds", Reach{Audited: true}, ""},
	} {
		class.Status = Class(class, ClassVerdict{Reach: test.reach}, nil, now)
		got := ""
		if c := newConditions(class.Status.Conditions, 4, now).get(ConditionReachable); c != nil {
			got = string(c.Status) + " " + c.Reason + ": " + c.Message
		}
		if got != test.want {
			t.Errorf("%s: want %q, got %q", test.reason, test.want, got)
		}
	}
}
