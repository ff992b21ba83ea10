package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// TestMarkersAreOfTheirAction: what one list is continued with is nothing to another.
func TestMarkersAreOfTheirAction(t *testing.T) {
	a := accountFor(t, nil)
	a.nlb("one")
	a.nlb("two")
	first := do(a, a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(1)})
	second := do(a, a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Marker: first.NextMarker})
	if len(second.LoadBalancers) != 1 || aws.ToString(second.LoadBalancers[0].LoadBalancerName) != "two" {
		t.Errorf("want the second, got %+v", second.LoadBalancers)
	}
	refused(a, "ValidationError", a.DescribeTargetGroups, &elb.DescribeTargetGroupsInput{Marker: first.NextMarker})

	for _, name := range []string{"a", "b", "c", "d", "e"} {
		do(a, a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name})
	}
	groups := do(a, a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(5)})
	if groups.NextToken == nil {
		t.Fatal("want a second page of security groups")
	}
	refused(a, "InvalidParameterValue", a.DescribeSubnets, &ec2.DescribeSubnetsInput{NextToken: groups.NextToken})
}
