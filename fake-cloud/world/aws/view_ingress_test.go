package aws

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
)

func TestIngressOfALoadBalancer(t *testing.T) {
	a := accountFor(t, nil)
	group := func(name string, permissions ...ec2types.IpPermission) string {
		t.Helper()
		id := *do(a, a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name}).GroupId
		if len(permissions) > 0 {
			do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: permissions})
		}
		return id
	}
	networks := func(protocol string, from, to int32, cidrs ...string) ec2types.IpPermission {
		p := ec2types.IpPermission{IpProtocol: &protocol, FromPort: &from, ToPort: &to}
		for _, cidr := range cidrs {
			if netip.MustParsePrefix(cidr).Addr().Is6() {
				p.Ipv6Ranges = append(p.Ipv6Ranges, ec2types.Ipv6Range{CidrIpv6: &cidr})
			} else {
				p.IpRanges = append(p.IpRanges, ec2types.IpRange{CidrIp: &cidr})
			}
		}
		return p
	}
	clients := group("clients")
	if _, err := a.SeedInstance(InstanceSeed{PrivateIPs: []netip.Addr{netip.MustParseAddr("172.31.1.2")}, SecurityGroups: []string{clients}}); err != nil {
		t.Fatal(err)
	}
	web := group("web", networks("tcp", 80, 90, "10.0.0.0/8", "fd00::/8"), networks("udp", 53, 53, "0.0.0.0/0"))
	peers := group("peers", ec2types.IpPermission{
		IpProtocol: ptr("tcp"), FromPort: ptr(int32(443)), ToPort: ptr(int32(443)), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &clients}},
	}, ec2types.IpPermission{IpProtocol: ptr("-1"), IpRanges: []ec2types.IpRange{{CidrIp: ptr("192.0.2.1/32")}}})
	a.nlb("open") // without security groups
	do(a, a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{
		Name: ptr("guarded"), Type: types.LoadBalancerTypeEnumNetwork, Subnets: a.subnetIDs(), SecurityGroups: []string{web, peers},
	})
	ingress := func() (open, guarded *Ingress) {
		all := a.View().LoadBalancers
		return all[0].Ingress, all[1].Ingress
	}
	open, guarded := ingress()
	if got := open.Admits("tcp", 80); got != nil {
		t.Errorf("without security groups: want everybody, got %v", got)
	}
	for _, test := range []struct {
		protocol string
		port     int32
		want     []string
	}{
		{"tcp", 80, []string{"10.0.0.0/8", "192.0.2.1/32", "fd00::/8"}},
		{"tcp", 90, []string{"10.0.0.0/8", "192.0.2.1/32", "fd00::/8"}},
		{"tcp", 91, []string{"192.0.2.1/32"}},
		{"udp", 80, []string{"192.0.2.1/32"}},
		{"udp", 53, []string{"0.0.0.0/0", "192.0.2.1/32"}},
		{"tcp", 443, []string{"172.31.1.2/32", "192.0.2.1/32"}},
	} {
		var got []string
		for _, p := range guarded.Admits(test.protocol, test.port) {
			got = append(got, p.String())
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %d (-want +got):\n%s", test.protocol, test.port, diff)
		}
	}
	a.nlb("another")
	if _, again := ingress(); again != guarded {
		t.Error("what did not change is made anew")
	}
	do(a, a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &peers, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: ptr("-1"), IpRanges: []ec2types.IpRange{{CidrIp: ptr("192.0.2.1/32")}}},
	}})
	if _, now := ingress(); len(now.Admits("tcp", 91)) != 0 || now.Admits("tcp", 91) == nil {
		t.Errorf("want nobody, got %v", now.Admits("tcp", 91))
	}
}
