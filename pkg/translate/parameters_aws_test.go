package translate

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

func duration(s gwv1.Duration) *gwv1.Duration { return &s }

func flag(b bool) *bool { return &b }

func TestCheckConfig(t *testing.T) {
	for _, test := range []struct {
		reason string
		spec   v1alpha1.GatewayConfigSpec
		want   string
	}{
		{reason: "nothing is said"},
		{reason: "no such target type", spec: v1alpha1.GatewayConfigSpec{TargetType: "Cow"}, want: "targetType"},
		{reason: "no such reach", spec: v1alpha1.GatewayConfigSpec{Reach: "Moon"}, want: "reach"},
		{reason: "an empty section", spec: v1alpha1.GatewayConfigSpec{AWS: &v1alpha1.AWSConfig{}}},
		{reason: "no such address type", spec: aws(v1alpha1.AWSConfig{IPAddressType: "IPv5"}), want: "aws.ipAddressType"},
		{reason: "subnets without a word", spec: aws(v1alpha1.AWSConfig{Subnets: &v1alpha1.AWSSubnets{}}), want: "aws.subnets"},
		{reason: "subnets in two ways", spec: aws(v1alpha1.AWSConfig{Subnets: &v1alpha1.AWSSubnets{IDs: []string{"subnet-1"}, Tags: map[string]v1alpha1.AWSValue{"a": ""}}}), want: "aws.subnets"},
		{reason: "a group where a subnet belongs", spec: aws(v1alpha1.AWSConfig{Subnets: &v1alpha1.AWSSubnets{IDs: []string{"sg-1"}}}), want: "aws.subnets.ids"},
		{reason: "a name where an id belongs", spec: aws(v1alpha1.AWSConfig{SecurityGroups: []string{"web"}}), want: "aws.securityGroups"},
		{reason: "not a CIDR", spec: aws(v1alpha1.AWSConfig{SourceRanges: []string{"10.0.0.0/8", "10.0.0.1"}}), want: "aws.sourceRanges"},
		{reason: "groups to manage that are not named", spec: aws(v1alpha1.AWSConfig{BackendSecurityGroups: &v1alpha1.AWSBackendSecurityGroups{Manage: true}}), want: "aws.backendSecurityGroups"},
		{reason: "groups that are not managed need no names", spec: aws(v1alpha1.AWSConfig{BackendSecurityGroups: &v1alpha1.AWSBackendSecurityGroups{}})},
		{reason: "a backend group by name", spec: aws(v1alpha1.AWSConfig{BackendSecurityGroups: &v1alpha1.AWSBackendSecurityGroups{Manage: true, IDs: []string{"x"}}}), want: "aws.backendSecurityGroups.ids"},
		{reason: "a tag that would be our mark", spec: aws(v1alpha1.AWSConfig{Tags: map[string]v1alpha1.AWSValue{"cloudgate.dev/owner": "me"}}), want: "aws.tags"},
		{reason: "a tag that is AWS's", spec: aws(v1alpha1.AWSConfig{Tags: map[string]v1alpha1.AWSValue{"AWS:x": ""}}), want: "aws.tags"},
		{reason: "no rest at all", spec: aws(v1alpha1.AWSConfig{IdleTimeout: duration("0s")}), want: "aws.idleTimeout"},
		{reason: "too much of it", spec: aws(v1alpha1.AWSConfig{IdleTimeout: duration("2h")}), want: "aws.idleTimeout"},
		{reason: "not a duration", spec: aws(v1alpha1.AWSConfig{IdleTimeout: duration("soon")}), want: "aws.idleTimeout"},
		{reason: "logs to nowhere", spec: aws(v1alpha1.AWSConfig{AccessLogs: &v1alpha1.AWSAccessLogs{Prefix: "x"}}), want: "aws.accessLogs.bucket"},
		{reason: "no name of a bucket", spec: aws(v1alpha1.AWSConfig{TrustStoreBucket: &v1alpha1.AWSTrustStoreBucket{Name: "Bucket"}}), want: "aws.trustStoreBucket.name"},
		{reason: "out of the bucket", spec: aws(v1alpha1.AWSConfig{TrustStoreBucket: &v1alpha1.AWSTrustStoreBucket{Name: "bundles", Prefix: "../x"}}),
			want: "aws.trustStoreBucket.prefix"},
	} {
		if got, _ := checkConfig(&test.spec); got != test.want {
			t.Errorf("%s: the field at fault is %q, want %q", test.reason, got, test.want)
		}
	}
}

// TestPrefixOfABucket: what is joined to it is in that folder and in no other.
func TestPrefixOfABucket(t *testing.T) {
	for prefix, good := range map[string]bool{
		"": true, "trust": true, "trust/": true, "trust/edge-1/a.b_c": true, "a..b": true, strings.Repeat("a", 100): true,
		"/trust": false, "/": false, "..": false, ".": false, "../x": false, "x/..": false, "x/../y": false, "x/./y": false, "x//y": false, "x//": false,
		"x/y\n": false, "x y": false, strings.Repeat("a", 101): false,
	} {
		field, _ := checkAWS(&v1alpha1.AWSConfig{TrustStoreBucket: &v1alpha1.AWSTrustStoreBucket{Name: "bundles", Prefix: prefix}})
		if (field == "") != good {
			t.Errorf("%q: want it to be good: %v, the field at fault is %q", prefix, good, field)
		}
	}
}

func aws(c v1alpha1.AWSConfig) v1alpha1.GatewayConfigSpec { return v1alpha1.GatewayConfigSpec{AWS: &c} }

// Every field that can be set can be left to the class, and won over by the Gateway: the section is filled by reflection elsewhere, so a new
// field that the merge forgets fails here.
func TestMergeAWSForgetsNoField(t *testing.T) {
	full := &v1alpha1.AWSConfig{
		Subnets: &v1alpha1.AWSSubnets{IDs: []string{"subnet-1"}}, SecurityGroups: []string{"sg-1"}, SourceRanges: []string{"10.0.0.0/8"},
		BackendSecurityGroups: &v1alpha1.AWSBackendSecurityGroups{Manage: true, ClusterName: "c"}, IPAddressType: v1alpha1.AWSDualStack,
		Tags: map[string]v1alpha1.AWSValue{"a": "1"}, Certificates: &v1alpha1.AWSCertificates{Discover: true}, SSLPolicy: "p",
		TrustStoreARN: "arn", IgnoreClientCertificateExpiry: flag(true), AdvertiseTrustStoreCANames: flag(false),
		TrustStoreBucket: &v1alpha1.AWSTrustStoreBucket{Name: "bundles"},
		AccessLogs:       &v1alpha1.AWSAccessLogs{Bucket: "b"}, IdleTimeout: duration("1s"), DeletionProtection: flag(true),
		LoadBalancerAttributes: map[string]v1alpha1.AWSValue{"a": "1"}, TargetGroupAttributes: map[string]v1alpha1.AWSValue{"a": "1"},
		ListenerAttributes: map[string]v1alpha1.AWSValue{"a": "1"},
	}
	if unset := unsetFields(full); len(unset) > 0 {
		t.Fatalf("fields that this test does not set: %v", unset)
	}
	empty := &v1alpha1.AWSConfig{}
	for _, pair := range [][2]*v1alpha1.AWSConfig{{full, empty}, {empty, full}, {nil, full}, {full, nil}} {
		if diff := cmp.Diff(full, mergeAWS(pair[0], pair[1])); diff != "" {
			t.Errorf("what was said is not what is merged (-want +got):\n%s", diff)
		}
	}
	before := full.DeepCopy()
	out := mergeAWS(full, &v1alpha1.AWSConfig{Tags: map[string]v1alpha1.AWSValue{"b": "2"}, DeletionProtection: flag(false)})
	if want := (map[string]v1alpha1.AWSValue{"a": "1", "b": "2"}); !cmp.Equal(want, out.Tags) {
		t.Errorf("tags are %v, want %v", out.Tags, want)
	}
	if *out.DeletionProtection {
		t.Error("a Gateway cannot turn off what its class turns on")
	}
	out.Tags["c"], out.SecurityGroups[0] = "3", "sg-2"
	if diff := cmp.Diff(before, full); diff != "" {
		t.Errorf("merging wrote to what it merged, or shares with it (-want +got):\n%s", diff)
	}
}

func unsetFields(c *v1alpha1.AWSConfig) []string {
	var out []string
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			out = append(out, v.Type().Field(i).Name)
		}
	}
	return out
}
