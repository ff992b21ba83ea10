package aws

import (
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/time/rate"
)

// operation is one call of one service, as the SDK names them.
type operation struct{ service, name string }

// class is what AWS meters calls by: each class of a service has a bucket of its own.
type class struct {
	service string
	kind    classKind
}

type classKind uint8

const (
	describing  classKind = iota // reads
	changing                     // changes of configuration
	creating                     // load balancers come, go and change their network: AWS calls these resource intensive
	registering                  // targets come and go
	importing                    // certificates
)

// budget is the rate of a class.
type budget struct {
	perSecond rate.Limit
	burst     int
}

// budgets are below what AWS grants an account by default, because the account has other clients too. A throttled call halves a
// rate, so a budget that turns out to be too large costs a few refused calls and no more.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html: 10 reads a second, 40 at once.
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html: 20 reads a second, 100 at once.
var budgets = map[class]budget{
	{elb.ServiceID, describing}:     {8, 30},
	{elb.ServiceID, changing}:       {2.5, 30},
	{elb.ServiceID, creating}:       {0.18, 8},
	{elb.ServiceID, registering}:    {3.5, 15},
	{ec2.ServiceID, describing}:     {15, 75},
	{ec2.ServiceID, changing}:       {4, 40},
	{acm.ServiceID, describing}:     {8, 8},
	{acm.ServiceID, changing}:       {4, 4},
	{acm.ServiceID, importing}:      {0.9, 1},
	{tagging.ServiceID, describing}: {5, 8},
	{s3.ServiceID, changing}:        {20, 40},
}

// yielding are the calls that others of their class go before. AWS grants few calls that make or delete load balancers, a dozen a minute:
// somebody waits for a new one, and nobody for an old one to go.
var yielding = map[operation]bool{{elb.ServiceID, "DeleteLoadBalancer"}: true}

// operations are all the calls that the provider makes. Any other is refused before it leaves, so that this list, the limits and
// the IAM policy in the chart are about the same calls.
var operations = listOperations()

func listOperations() map[operation]classKind {
	list := make(map[operation]classKind)
	add := func(service string, kind classKind, names ...string) {
		for _, name := range names {
			list[operation{service, name}] = kind
		}
	}
	add(elb.ServiceID, describing,
		"DescribeLoadBalancers", "DescribeLoadBalancerAttributes", "DescribeListeners", "DescribeListenerAttributes",
		"DescribeListenerCertificates", "DescribeRules", "DescribeTags", "DescribeTargetGroups", "DescribeTargetGroupAttributes",
		"DescribeTargetHealth", "DescribeTrustStores")
	add(elb.ServiceID, creating,
		"CreateLoadBalancer", "DeleteLoadBalancer", "SetSecurityGroups", "SetSubnets", "SetIpAddressType")
	add(elb.ServiceID, changing,
		"ModifyLoadBalancerAttributes",
		"CreateListener", "ModifyListener", "ModifyListenerAttributes", "DeleteListener",
		"AddListenerCertificates", "RemoveListenerCertificates",
		"CreateRule", "ModifyRule", "DeleteRule", "SetRulePriorities",
		"CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "DeleteTargetGroup",
		"CreateTrustStore", "DeleteTrustStore",
		"AddTags", "RemoveTags")
	add(s3.ServiceID, changing, "PutObject", "DeleteObject")
	add(elb.ServiceID, registering, "RegisterTargets", "DeregisterTargets")
	add(ec2.ServiceID, describing,
		"DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeAvailabilityZones", "DescribeSecurityGroups",
		"DescribeSecurityGroupRules")
	add(ec2.ServiceID, changing,
		"CreateSecurityGroup", "DeleteSecurityGroup", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress",
		"CreateTags", "DeleteTags")
	add(acm.ServiceID, describing, "ListCertificates", "DescribeCertificate", "ListTagsForCertificate")
	add(acm.ServiceID, importing, "ImportCertificate")
	add(acm.ServiceID, changing,
		"DeleteCertificate", "AddTagsToCertificate", "RemoveTagsFromCertificate")
	add(tagging.ServiceID, describing, "GetResources")
	return list
}
