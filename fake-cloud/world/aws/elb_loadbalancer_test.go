package aws

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

func TestCreateLoadBalancerRefuses(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"application-load-balancers": 2} })
	a.alb("taken")
	subnets := a.subnetIDs()
	tests := map[string]struct {
		in   elb.CreateLoadBalancerInput
		code string
	}{
		"no name":             {elb.CreateLoadBalancerInput{Subnets: subnets}, "ValidationError"},
		"long name":           {elb.CreateLoadBalancerInput{Name: aws.String(strings.Repeat("a", 33)), Subnets: subnets}, "ValidationError"},
		"name with a dot":     {elb.CreateLoadBalancerInput{Name: aws.String("a.b"), Subnets: subnets}, "ValidationError"},
		"name with a hyphen":  {elb.CreateLoadBalancerInput{Name: aws.String("-a"), Subnets: subnets}, "ValidationError"},
		"name internal":       {elb.CreateLoadBalancerInput{Name: aws.String("internal-a"), Subnets: subnets}, "ValidationError"},
		"no subnets":          {elb.CreateLoadBalancerInput{Name: aws.String("a")}, "ValidationError"},
		"one subnet":          {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets[:1]}, "ValidationError"},
		"unknown subnet":      {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: []string{"subnet-1", subnets[0]}}, "SubnetNotFound"},
		"a subnet twice":      {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: []string{subnets[0], subnets[0]}}, "InvalidConfigurationRequest"},
		"unknown group":       {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, SecurityGroups: []string{"sg-1"}}, "InvalidSecurityGroup"},
		"scheme":              {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, Scheme: "public"}, "InvalidScheme"},
		"type":                {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, Type: "classic"}, "ValidationError"},
		"dualstack":           {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, IpAddressType: types.IpAddressTypeDualstack}, "InvalidConfigurationRequest"},
		"other settings":      {elb.CreateLoadBalancerInput{Name: aws.String("taken"), Subnets: subnets[:2]}, "DuplicateLoadBalancerName"},
		"other scheme":        {elb.CreateLoadBalancerInput{Name: aws.String("taken"), Subnets: subnets, Scheme: types.LoadBalancerSchemeEnumInternal}, "DuplicateLoadBalancerName"},
		"elastic address":     {elb.CreateLoadBalancerInput{Name: aws.String("a"), Type: types.LoadBalancerTypeEnumNetwork, SubnetMappings: []types.SubnetMapping{{SubnetId: &subnets[0], AllocationId: aws.String("eipalloc-1")}}}, "AllocationIdNotFound"},
		"tag twice":           {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, Tags: []types.Tag{{Key: aws.String("a")}, {Key: aws.String("a")}}}, "DuplicateTagKeys"},
		"reserved tag":        {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, Tags: []types.Tag{{Key: aws.String("aws:a")}}}, "ValidationError"},
		"too many tags":       {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, Tags: manyTags(51)}, "TooManyTags"},
		"subnets in two ways": {elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: subnets, SubnetMappings: []types.SubnetMapping{{SubnetId: &subnets[0]}}}, "ValidationError"},
	}
	want := everything(t, a.Region)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := &account{a.Region, t}
			refused(b, test.code, b.CreateLoadBalancer, &test.in)
			if diff := cmp.Diff(want, everything(t, b.Region)); diff != "" {
				t.Errorf("something changed: %s", diff)
			}
		})
	}
	a.alb("second")
	refused(a, "TooManyLoadBalancers", a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("third"), Subnets: subnets})
	a.nlb("third") // another type has a quota of its own
}

func manyTags(n int) []types.Tag {
	var tags []types.Tag
	for i := range n {
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
	}
	return tags
}

func TestCreateLoadBalancerIsIdempotent(t *testing.T) {
	a := accountFor(t, nil)
	first := a.alb("web")
	if again := a.alb("web"); again != first {
		t.Errorf("want %s again, got %s", first, again)
	}
	if n := len(a.loadBalancers.all()); n != 1 {
		t.Errorf("want one load balancer, got %d", n)
	}
}

func TestNamesOfLoadBalancers(t *testing.T) {
	a := accountFor(t, nil)
	subnets := a.subnetIDs()
	for _, test := range []struct {
		name   string
		kind   types.LoadBalancerTypeEnum
		scheme types.LoadBalancerSchemeEnum
		arn    string
		want   string
	}{
		{"Web", types.LoadBalancerTypeEnumApplication, types.LoadBalancerSchemeEnumInternetFacing, ":loadbalancer/app/Web/", `^Web-\d{10}\.eu-west-1\.elb\.amazonaws\.com$`},
		{"own", types.LoadBalancerTypeEnumApplication, types.LoadBalancerSchemeEnumInternal, ":loadbalancer/app/own/", `^internal-own-\d{10}\.eu-west-1\.elb\.amazonaws\.com$`},
		{"net", types.LoadBalancerTypeEnumNetwork, types.LoadBalancerSchemeEnumInternal, ":loadbalancer/net/net/", `^net-[0-9a-f]{16}\.elb\.eu-west-1\.amazonaws\.com$`},
	} {
		lb := do(a, a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: &test.name, Type: test.kind, Scheme: test.scheme, Subnets: subnets}).LoadBalancers[0]
		if !strings.Contains(*lb.LoadBalancerArn, test.arn) || !matches(test.want, *lb.DNSName) {
			t.Errorf("%s: got ARN %s and name %s", test.name, *lb.LoadBalancerArn, *lb.DNSName)
		}
		if len(lb.AvailabilityZones) != 3 || *lb.AvailabilityZones[0].ZoneName != "eu-west-1a" || *lb.VpcId != a.vpcID() || *lb.CanonicalHostedZoneId == "" {
			t.Errorf("%s: got %+v", test.name, lb)
		}
	}
}

func TestAnInternetFacingLoadBalancerNeedsAGateway(t *testing.T) {
	a := accountFor(t, nil)
	err := a.write(func(x *tx) error {
		for _, g := range a.internetGateways.all() {
			a.internetGateways.drop(x, g.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(a, "InvalidSubnet", a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: a.subnetIDs()})
	do(a, a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: a.subnetIDs(), Scheme: types.LoadBalancerSchemeEnumInternal})
}

func TestDescribeLoadBalancers(t *testing.T) {
	a := accountFor(t, nil)
	var want []string
	for i := range 5 {
		want = append(want, a.alb(fmt.Sprint("lb", i)))
	}
	var got []string
	in := &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(2)}
	for {
		out := do(a, a.DescribeLoadBalancers, in)
		for _, lb := range out.LoadBalancers {
			got = append(got, *lb.LoadBalancerArn)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
		// What goes between two pages moves nothing.
		do(a, a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &got[len(got)-1]})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	refused(a, "ValidationError", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Marker: aws.String("nonsense")})
	refused(a, "ValidationError", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(401)})
	refused(a, "ValidationError", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Names: []string{"a"}, LoadBalancerArns: want[:1]})
	refused(a, "ValidationError", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{"nonsense"}})
	refused(a, "LoadBalancerNotFound", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Names: []string{"none"}})
}

func TestDeleteLoadBalancer(t *testing.T) {
	a := accountFor(t, nil)
	lb := a.alb("web")
	protect := func(v string) {
		do(a, a.ModifyLoadBalancerAttributes, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: &v}},
		})
	}
	protect("true")
	refused(a, "OperationNotPermitted", a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	protect("false")
	address := a.View().LoadBalancers[0].Addresses[0]
	do(a, a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	do(a, a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb}) // "or has already been deleted, the call succeeds"
	if n := len(a.interfaces.all()); n != 0 {
		t.Errorf("%d network interfaces stay", n)
	}
	if a.alb("next"); a.View().LoadBalancers[0].Addresses[0] != address {
		t.Error("the address was not given back")
	}
}

func TestSecurityGroupsOfLoadBalancers(t *testing.T) {
	a := accountFor(t, nil)
	lb, network := a.alb("web"), a.nlb("net")
	group := a.securityGroups.all()[0].Key
	got := do(a, a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{}).LoadBalancers
	if diff := cmp.Diff([]string{group}, got[0].SecurityGroups); diff != "" || len(got[1].SecurityGroups) != 0 {
		t.Errorf("want the default group for an Application Load Balancer alone: %s, %v", diff, got[1].SecurityGroups)
	}
	do(a, a.SetSecurityGroups, &elb.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{group}})
	refused(a, "InvalidSecurityGroup", a.SetSecurityGroups, &elb.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{"sg-1"}})
	refused(a, "InvalidConfigurationRequest", a.SetSecurityGroups, &elb.SetSecurityGroupsInput{LoadBalancerArn: &network, SecurityGroups: []string{group}})
}

func TestSetSubnetsKeepsWhatStays(t *testing.T) {
	a := accountFor(t, nil)
	lb, subnets := a.alb("web"), a.subnetIDs()
	before := a.View().LoadBalancers[0].Zones
	refused(a, "ValidationError", a.SetSubnets, &elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets[:1]})
	do(a, a.SetSubnets, &elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets[:2]})
	after := a.View().LoadBalancers[0].Zones
	if diff := cmp.Diff(before[:2], after, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	do(a, a.SetSubnets, &elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets})
	if n := len(a.interfaces.all()); n != 3 {
		t.Errorf("want 3 network interfaces, got %d", n)
	}
}

func TestLoadBalancersOfAllShareNoAddress(t *testing.T) {
	pool := world.NewLender(world.PrefixPool(netip.MustParsePrefix("127.65.0.0/29")))
	a := accountFor(t, func(c *Config) { c.Addresses = pool })
	a.alb("one")
	a.alb("two")
	seen := map[netip.Addr]bool{}
	for _, lb := range a.View().LoadBalancers {
		for _, ip := range lb.Addresses {
			if seen[ip] {
				t.Errorf("%s is given twice", ip)
			}
			seen[ip] = true
		}
	}
	// The pool has one address left, and a load balancer that gets none keeps none.
	refused(a, "InvalidSubnet", a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("three"), Subnets: a.subnetIDs()})
	if _, err := pool.Lend("another"); err != nil {
		t.Errorf("an address is lost: %v", err)
	}
}

func TestLagOfLoadBalancers(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Lag = time.Second })
	lb := a.alb("web")
	refused(a, "LoadBalancerNotFound", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}})
	a.cloud.Clock().Advance(2 * time.Second)
	do(a, a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}})
}

func TestViewSharesWhatDidNotChange(t *testing.T) {
	a := accountFor(t, nil)
	a.fill()
	first := a.View()
	if a.View() != first {
		t.Error("nothing changed, and the view did")
	}
	l := first.LoadBalancers[0].Listeners[0]
	a.rule(l.Key, 5, "/c", "")
	second := a.View()
	if second.LoadBalancers[0] == first.LoadBalancers[0] || second.LoadBalancers[0].Listeners[0] == l {
		t.Error("a rule was made, and its listener did not change")
	}
	if second.LoadBalancers[1] != first.LoadBalancers[1] || second.LoadBalancers[0].LoadBalancer != first.LoadBalancers[0].LoadBalancer {
		t.Error("what did not change is another")
	}
	for arn, g := range first.TargetGroups {
		if second.TargetGroups[arn] != g {
			t.Errorf("%s did not change and is another", arn)
		}
	}
	var order []int32
	for _, r := range second.LoadBalancers[0].Listeners[0].Rules {
		order = append(order, r.Priority)
	}
	if diff := cmp.Diff([]int32{5, 10, 20}, order); diff != "" {
		t.Error(diff)
	}
}
