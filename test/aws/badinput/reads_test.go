package badinput

import (
	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// subnets are those of the account.
func (w *world) subnets() []ec2types.Subnet {
	w.Helper()
	out, err := w.region.DescribeSubnets(w.Context(), &ec2.DescribeSubnetsInput{})
	w.check(err)
	return out.Subnets
}

// rules counts the rules of a Gateway's load balancer, without the default ones.
func (w *world) rules(gateway string) (n int) {
	w.Helper()
	listeners, err := w.region.DescribeListeners(w.Context(), &elb.DescribeListenersInput{LoadBalancerArn: sdk.String(w.balancer(gateway))})
	w.check(err)
	for _, l := range listeners.Listeners {
		out, err := w.region.DescribeRules(w.Context(), &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
		w.check(err)
		for _, r := range out.Rules {
			if !sdk.ToBool(r.IsDefault) {
				n++
			}
		}
	}
	return n
}
