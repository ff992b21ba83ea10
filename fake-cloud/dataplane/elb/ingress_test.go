package elb

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestSecurityGroups let in whom they name, at the ports that they name.
func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	group := *do(s, s.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: s.name("guard"), Description: sdk.String("x"), VpcId: &s.vpc}).GroupId
	lb := do(s, s.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: s.name("lb"), Subnets: s.zones, SecurityGroups: []string{group}}).LoadBalancers[0]
	s.listener(lb, 8080, fixed("200", "one"), nil)
	s.listener(lb, 8081, fixed("200", "two"), nil)
	one, two := s.at(lb, 8080), s.at(lb, 8081)
	eventually(t, "it is bound, whoever it lets in", func() bool { return s.serves(*lb.LoadBalancerArn) == 2 })
	closed := func(at string) {
		t.Helper()
		if got, err := get(at, "/"); err == nil {
			t.Errorf("%s lets in, and answers %+v", at, got)
		}
	}
	closed(one)
	permission := func(port int32, cidr string) []ec2types.IpPermission {
		return []ec2types.IpPermission{{
			IpProtocol: sdk.String("tcp"), FromPort: &port, ToPort: &port, IpRanges: []ec2types.IpRange{{CidrIp: &cidr}},
		}}
	}
	do(s, s.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permission(8081, "192.0.2.0/24")})
	do(s, s.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permission(8080, "127.0.0.0/8")})
	answers(t, one, "/", 200, "one")
	closed(two)
	do(s, s.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permission(8080, "127.0.0.0/8")})
	eventually(t, "nobody is let in any more", func() bool { _, err := get(one, "/"); return err != nil })

	// A Network Load Balancer without security groups lets everybody in.
	net := s.balancer(types.LoadBalancerTypeEnumNetwork)
	echo := s.group(func(in *api.CreateTargetGroupInput) { in.Protocol = types.ProtocolEnumTcp }, backend(t, "open", nil))
	s.listener(net, 8082, forward(echo), func(in *api.CreateListenerInput) { in.Protocol = types.ProtocolEnumTcp })
	answers(t, s.at(net, 8082), "/", 200, "open")
}

// serves is at how many ports a load balancer is bound.
func (s *stand) serves(arn string) int {
	s.plane.mu.Lock()
	defer s.plane.mu.Unlock()
	b := s.plane.balancers[arn]
	if b == nil {
		return 0
	}
	n := 0
	for _, state := range b.states {
		if len(state.Bound) > 0 {
			n++
		}
	}
	return n
}
