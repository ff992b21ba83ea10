package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestTargetsOfANetworkLoadBalancerAreLimitedByZone: a target counts in its zone once for each target group; with cross-zone load balancing there is
// room for as many in all zones as in one.
func TestTargetsOfANetworkLoadBalancerAreLimitedByZone(t *testing.T) {
	a := accountFor(t, func(c *Config) {
		c.Quotas = map[string]int{"targets-per-availability-zone-per-network-load-balancer": 2, "targets-per-network-load-balancer": 5}
	})
	one, two := a.group("one", types.ProtocolEnumTcp), a.group("two", types.ProtocolEnumTcp)
	lb := a.nlb("net")
	a.listener(lb, 80, types.ProtocolEnumTcp, one)
	a.listener(lb, 81, types.ProtocolEnumTcp, two)
	register := func(group string, targets ...types.TargetDescription) *elb.RegisterTargetsInput {
		return &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets}
	}
	// The default VPC has a subnet of 16 x 256 addresses in each of three zones.
	const first, second, third = "172.31.5.5", "172.31.20.5", "172.31.40.5"
	do(a, a.RegisterTargets, register(one, target(first, 1)))
	do(a, a.RegisterTargets, register(two, target(first, 1)))
	refused(a, "TooManyTargets", a.RegisterTargets, register(one, target(first, 2)))
	do(a, a.RegisterTargets, register(one, target(second, 1), target(second, 2), target(third, 1)))
	refused(a, "TooManyTargets", a.RegisterTargets, register(two, target(third, 1))) // it is the sixth
	do(a, a.DeregisterTargets, &elb.DeregisterTargetsInput{TargetGroupArn: &one, Targets: []types.TargetDescription{target(second, 1), target(second, 2), target(third, 1)}})
	do(a, a.ModifyLoadBalancerAttributes, &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("load_balancing.cross_zone.enabled"), Value: aws.String("true")}},
	})
	refused(a, "TooManyTargets", a.RegisterTargets, register(two, target(third, 1)))
}
