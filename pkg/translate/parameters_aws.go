package translate

import (
	"encoding/json"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// ControllerAWS is the controllerName of classes whose provider reads the section aws of a GatewayConfig.
const ControllerAWS gwv1.GatewayController = "cloudgate.dev/aws"

// mergeAWS returns base with every field that over sets. It shares nothing with either that could be written to later.
func mergeAWS(base, over *v1alpha1.AWSConfig) *v1alpha1.AWSConfig {
	if base == nil || over == nil {
		if base == nil {
			base = over
		}
		return base.DeepCopy()
	}
	out, over := base.DeepCopy(), over.DeepCopy()
	mergeValue(&out.IPAddressType, over.IPAddressType)
	mergeValue(&out.SSLPolicy, over.SSLPolicy)
	mergeValue(&out.TrustStoreARN, over.TrustStoreARN)
	mergeValue(&out.Subnets, over.Subnets)
	mergeValue(&out.BackendSecurityGroups, over.BackendSecurityGroups)
	mergeValue(&out.Certificates, over.Certificates)
	mergeValue(&out.TrustStoreBucket, over.TrustStoreBucket)
	mergeValue(&out.AccessLogs, over.AccessLogs)
	mergeValue(&out.IgnoreClientCertificateExpiry, over.IgnoreClientCertificateExpiry)
	mergeValue(&out.AdvertiseTrustStoreCANames, over.AdvertiseTrustStoreCANames)
	mergeValue(&out.IdleTimeout, over.IdleTimeout)
	mergeValue(&out.DeletionProtection, over.DeletionProtection)
	mergeList(&out.SecurityGroups, over.SecurityGroups)
	mergeList(&out.SourceRanges, over.SourceRanges)
	mergeMap(&out.Tags, over.Tags)
	mergeMap(&out.LoadBalancerAttributes, over.LoadBalancerAttributes)
	mergeMap(&out.TargetGroupAttributes, over.TargetGroupAttributes)
	mergeMap(&out.ListenerAttributes, over.ListenerAttributes)
	return out
}

func mergeValue[T comparable](into *T, over T) {
	var unset T
	if over != unset {
		*into = over
	}
}

func mergeList(into *[]string, over []string) {
	if len(over) > 0 {
		*into = over
	}
}

func mergeMap(into *map[string]v1alpha1.AWSValue, over map[string]v1alpha1.AWSValue) {
	if *into == nil {
		*into = over
		return
	}
	maps.Copy(*into, over)
}

// Settings returns what p says about the cloud of a class alone, in the form of ir.LoadBalancer.Settings.
func (p Parameters) Settings(controller gwv1.GatewayController) json.RawMessage {
	if controller != ControllerAWS || p.AWS == nil {
		return nil
	}
	config := p.AWS.DeepCopy()
	for _, set := range []*[]string{&config.SecurityGroups, &config.SourceRanges, idsOf(config.Subnets), groupsOf(config.BackendSecurityGroups)} {
		if set != nil {
			slices.Sort(*set)
			*set = slices.Compact(*set)
		}
	}
	data, err := json.Marshal(config)
	if err != nil || string(data) == "{}" {
		return nil // strings, booleans and numbers can always be encoded
	}
	return data
}

// cloudCertificates tells whether listeners may leave it to the cloud of a class to have a certificate for them.
func (p Parameters) cloudCertificates(controller gwv1.GatewayController) bool {
	if controller != ControllerAWS || p.AWS == nil || p.AWS.Certificates == nil {
		return false
	}
	return p.AWS.Certificates.Discover || len(p.AWS.Certificates.ARNs) > 0
}

func idsOf(s *v1alpha1.AWSSubnets) *[]string {
	if s == nil {
		return nil
	}
	return &s.IDs
}

func groupsOf(g *v1alpha1.AWSBackendSecurityGroups) *[]string {
	if g == nil {
		return nil
	}
	return &g.IDs
}

// What the schema of a GatewayConfig says of a bucket for trust stores.
var (
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	bucketPrefix = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*/?$`)
)

// maxBucketPrefix is how long the prefix in a bucket is at most.
const maxBucketPrefix = 100

// maxIdleTimeout is the longest that an application load balancer takes.
const maxIdleTimeout = 4000 * time.Second

// checkAWS returns what cannot stand in the section aws of a GatewayConfig, and its field. The API server lets none of this through; files
// may say it. What only AWS can tell, it does.
func checkAWS(c *v1alpha1.AWSConfig) (field, fault string) {
	if c == nil {
		return "", ""
	}
	switch c.IPAddressType {
	case "", v1alpha1.AWSIPv4, v1alpha1.AWSDualStack:
	default:
		return "aws.ipAddressType", string(c.IPAddressType)
	}
	if s := c.Subnets; s != nil && (len(s.IDs) > 0) == (len(s.Tags) > 0) {
		return "aws.subnets", "both or neither of ids and tags"
	}
	if g := c.BackendSecurityGroups; g != nil && g.Manage && (len(g.IDs) > 0) == (g.ClusterName != "") {
		return "aws.backendSecurityGroups", "both or neither of ids and clusterName"
	}
	if field, fault := checkAWSIDs(c); field != "" {
		return field, fault
	}
	for _, cidr := range c.SourceRanges {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return "aws.sourceRanges", cidr
		}
	}
	for _, key := range sortedKeys(c.Tags) {
		if key == "" || strings.HasPrefix(key, "cloudgate.dev/") || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return "aws.tags", key
		}
	}
	if c.IdleTimeout != nil {
		d, err := time.ParseDuration(string(*c.IdleTimeout))
		if err != nil || d < time.Second || d > maxIdleTimeout {
			return "aws.idleTimeout", string(*c.IdleTimeout)
		}
	}
	return checkAWSBuckets(c)
}

// checkAWSBuckets is checkAWS for buckets.
func checkAWSBuckets(c *v1alpha1.AWSConfig) (field, fault string) {
	b := c.TrustStoreBucket
	switch {
	case b != nil && !bucketName.MatchString(b.Name):
		return "aws.trustStoreBucket.name", b.Name
	case b != nil && b.Prefix != "" && (len(b.Prefix) > maxBucketPrefix || !bucketPrefix.MatchString(b.Prefix)):
		return "aws.trustStoreBucket.prefix", b.Prefix
	case c.AccessLogs != nil && c.AccessLogs.Bucket == "":
		return "aws.accessLogs.bucket", ""
	}
	return "", ""
}

// checkAWSIDs is checkAWS for the ids of what is in AWS already.
func checkAWSIDs(c *v1alpha1.AWSConfig) (field, fault string) {
	for _, ids := range []struct {
		field, prefix string
		ids           []string
	}{
		{field: "aws.securityGroups", prefix: "sg-", ids: c.SecurityGroups},
		{field: "aws.subnets.ids", prefix: "subnet-", ids: value(idsOf(c.Subnets))},
		{field: "aws.backendSecurityGroups.ids", prefix: "sg-", ids: value(groupsOf(c.BackendSecurityGroups))},
	} {
		for _, id := range ids.ids {
			if !strings.HasPrefix(id, ids.prefix) {
				return ids.field, id
			}
		}
	}
	return "", ""
}
