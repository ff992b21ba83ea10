package aws_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

func TestNetworks(t *testing.T) {
	a := openAccount(t, nil)
	got, err := a.provider.Networks(t.Context())
	check(t, err)
	if diff := cmp.Diff([]string{"127.0.0.0/8"}, texts(got)); diff != "" {
		t.Error(diff)
	}
	_, err = a.region.AssociateVpcCidrBlock(t.Context(), &ec2.AssociateVpcCidrBlockInput{VpcId: a.vpc(t), CidrBlock: aws.String("100.64.0.0/16")})
	check(t, err)
	eventually(t, "the range is associated", func() bool {
		got, err := a.provider.Networks(t.Context())
		check(t, err)
		return slices.Equal(texts(got), []string{"100.64.0.0/16", "127.0.0.0/8"})
	})
}

func texts(prefixes []netip.Prefix) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return out
}

func (a *account) vpc(t *testing.T) *string {
	t.Helper()
	out, err := a.region.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: aws.String("is-default"), Values: []string{"true"}}}})
	check(t, err)
	return out.Vpcs[0].VpcId
}

func (a *account) subnets(t *testing.T) []ec2types.Subnet {
	t.Helper()
	out, err := a.region.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	check(t, err)
	return out.Subnets
}

func (a *account) tag(t *testing.T, id *string, key, value string) {
	t.Helper()
	_, err := a.region.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{aws.ToString(id)},
		Tags: []ec2types.Tag{{Key: aws.String(key), Value: aws.String(value)}}})
	check(t, err)
}

// TestSeveralVPCs are not chosen from.
func TestSeveralVPCs(t *testing.T) {
	a := openAccount(t, nil)
	_, err := a.region.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	check(t, err)
	mustFail(t, pass(t, a.provider, drawn()), cloud.Invalid, "the region has 2 VPCs: tell the controller which one the cluster is in")
}

// placed creates a load balancer and returns the subnets that it is in.
func placed(t *testing.T, a *account, change func(*provider.LoadBalancer)) []string {
	t.Helper()
	got := converge(t, a.provider, edit(balancerID, change))
	spec, ok := got[balancerID].Spec.(*provider.LoadBalancer)
	if !ok {
		t.Fatal("there is no load balancer")
	}
	return spec.Subnets.IDs
}

func TestSubnets(t *testing.T) {
	internal := func(l *provider.LoadBalancer) { l.Scheme = "internal" }
	for _, tc := range []struct {
		reason string
		tags   map[int]string // of the subnets, by their place
		change func(*provider.LoadBalancer)
		want   []int
	}{
		{"all zones of a VPC that nobody tagged", nil, func(*provider.LoadBalancer) {}, []int{0, 1, 2}},
		{"an internal one in a VPC that is public throughout", nil, internal, []int{0, 1, 2}},
		{"those that are tagged", map[int]string{0: "kubernetes.io/role/elb=1", 2: "kubernetes.io/role/elb="}, func(*provider.LoadBalancer) {}, []int{0, 2}},
		{"those that are tagged for the other side do not count", map[int]string{0: "kubernetes.io/role/elb=1", 1: "kubernetes.io/role/elb=1"}, internal, []int{0, 1, 2}},
		{"those with the tags of the settings", map[int]string{1: "team=shop", 2: "team=shop"},
			func(l *provider.LoadBalancer) { l.Subnets.Tags = map[string]string{"team": "shop"} }, []int{1, 2}},
		{"an empty value is any", map[int]string{0: "team=a", 1: "team=b"},
			func(l *provider.LoadBalancer) { l.Subnets.Tags = map[string]string{"team": ""} }, []int{0, 1}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			a := openAccount(t, nil)
			subnets := a.subnets(t)
			for i, tag := range tc.tags {
				key, value, _ := strings.Cut(tag, "=")
				a.tag(t, subnets[i].SubnetId, key, value)
			}
			var want []string
			for _, i := range tc.want {
				want = append(want, aws.ToString(subnets[i].SubnetId))
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, placed(t, a, tc.change)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSubnetsByID(t *testing.T) {
	a := openAccount(t, nil)
	all := a.subnets(t)
	ids := []string{aws.ToString(all[0].SubnetId), aws.ToString(all[1].SubnetId)}
	slices.Sort(ids)
	two := func(l *provider.LoadBalancer) { l.Subnets.IDs = ids }
	if diff := cmp.Diff(ids, placed(t, a, two)); diff != "" {
		t.Error(diff)
	}
	more := append(slices.Clone(ids), aws.ToString(all[2].SubnetId))
	slices.Sort(more)
	before := len(a.Calls(t))
	if diff := cmp.Diff(more, placed(t, a, func(l *provider.LoadBalancer) { l.Subnets.IDs = more })); diff != "" {
		t.Error(diff)
	}
	if mutating, _ := a.calls(t, before); !slices.Equal(mutating, []string{"SetSubnets"}) {
		t.Errorf("want SetSubnets, got %v", mutating)
	}
}

// TestMissingSubnets are told, with what to do.
func TestMissingSubnets(t *testing.T) {
	a := openAccount(t, nil)
	a.tag(t, a.subnets(t)[0].SubnetId, "kubernetes.io/role/elb", "1")
	mustFail(t, pass(t, a.provider, drawn()), cloud.Invalid, "an internet-facing load balancer needs subnets that have a route to an internet gateway, "+
		"with 8 free addresses, in 2 zones: the VPC has them in 1; name the subnets in the GatewayConfig or tag them kubernetes.io/role/elb")
	mustFail(t, pass(t, a.provider, edit(balancerID, func(l *provider.LoadBalancer) { l.Subnets.Tags = map[string]string{"team": "shop"} })), cloud.Invalid,
		"a load balancer needs subnets that carry the tags of the GatewayConfig, with 8 free addresses, in 2 zones: the VPC has them in 0; "+
			"change the tags in the GatewayConfig, or tag more subnets")
	a.tag(t, a.subnets(t)[1].SubnetId, "kubernetes.io/role/elb", "1")
	converge(t, a.provider, drawn())
}

// TestNoInternetGateway takes the way to the internet away.
func TestNoInternetGateway(t *testing.T) {
	a := openAccount(t, nil)
	out, err := a.region.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{})
	check(t, err)
	_, err = a.region.DeleteRoute(t.Context(), &ec2.DeleteRouteInput{RouteTableId: out.RouteTables[0].RouteTableId, DestinationCidrBlock: aws.String("0.0.0.0/0")})
	check(t, err)
	mustFail(t, pass(t, a.provider, drawn()), cloud.Invalid, "the VPC has them in 0")
	if len(placed(t, a, func(l *provider.LoadBalancer) { l.Scheme = "internal" })) != 3 {
		t.Error("an internal load balancer does not need the way to the internet")
	}
}

// TestTargetsOutsideTheVPC are of no zone.
func TestTargetsOutsideTheVPC(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, edit(webID, func(g *provider.TargetGroup) {
		g.Targets = []provider.Target{{ID: "10.9.9.9", Port: 80}, {ID: "127.96.0.3", Port: 8080}}
	}))
	out, err := a.region.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(got[webID].External)})
	check(t, err)
	zones := make(map[string]string)
	for _, d := range out.TargetHealthDescriptions {
		zones[aws.ToString(d.Target.Id)] = aws.ToString(d.Target.AvailabilityZone)
	}
	if zones["10.9.9.9"] != "all" || zones["127.96.0.3"] == "all" {
		t.Errorf("want zone all for the address outside, got %v", zones)
	}
	converge(t, a.provider, drawn())
}

var accessID = id(provider.KindNodeAccess, "backend")

// withAccess is the drawn graph with permissions at the nodes' groups.
func withAccess(change func(*provider.NodeAccess)) graph.Graph {
	g := drawn()
	spec := &provider.NodeAccess{Marked: mark("backend"), Sources: []string{"frontend"}, Ports: []provider.PortRange{{Protocol: "tcp", From: 8080, To: 8090}}}
	change(spec)
	g[accessID] = graph.Node{ID: accessID, Refs: []graph.ID{groupID}, Spec: spec}
	return g
}

func (a *account) nodeGroup(t *testing.T, name string) string {
	t.Helper()
	out, err := a.region.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String(name), Description: aws.String("nodes"), VpcId: a.vpc(t)})
	check(t, err)
	return aws.ToString(out.GroupId)
}

func TestNodeAccess(t *testing.T) {
	a := openAccount(t, nil)
	one, two := a.nodeGroup(t, "one"), a.nodeGroup(t, "two")
	groups := []string{one, two}
	slices.Sort(groups)
	want := withAccess(func(n *provider.NodeAccess) { n.Groups = groups })
	got := converge(t, a.provider, want)
	// Half of it goes behind our back.
	rules, err := a.region.DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{one}}}})
	check(t, err)
	for _, r := range rules.SecurityGroupRules {
		if !aws.ToBool(r.IsEgress) {
			_, err := a.region.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(one), SecurityGroupRuleIds: []string{*r.SecurityGroupRuleId}})
			check(t, err)
		}
	}
	again := converge(t, a.provider, want)
	if got[accessID].External == again[accessID].External {
		t.Error("the rule that went has the same id again")
	}
	for reason, next := range map[string]func(*provider.NodeAccess){
		"other ports": func(n *provider.NodeAccess) {
			n.Groups, n.Ports = groups, []provider.PortRange{{Protocol: "tcp", From: 80, To: 80}, {Protocol: "udp", From: 53, To: 53}}
		},
		"fewer groups": func(n *provider.NodeAccess) { n.Groups = groups[:1] },
		"other tags": func(n *provider.NodeAccess) {
			n.Groups, n.Tags = groups, map[string]string{"team": "shop"}
			for key, value := range mark("backend").Tags {
				n.Tags[key] = value
			}
		},
	} {
		t.Run(reason, func(t *testing.T) { converge(t, a.provider, withAccess(next)) })
	}
	s := providertest.NewSession(a.provider, testOwner)
	all, err := a.provider.Observe(t.Context(), cloud.Scope{Cluster: testOwner.Cluster})
	check(t, err)
	if n, ok := all[testOwner.Key()][accessID]; !ok || n.Spec != nil {
		t.Errorf("want it in the observation of the cluster, without content, got %+v", n)
	}
	check(t, s.Observe(t.Context()))
	converge(t, a.provider, graph.Graph{})
	for _, g := range a.securityGroups(t) {
		if len(g.IpPermissions) > 0 {
			t.Errorf("%s still lets somebody in", aws.ToString(g.GroupName))
		}
	}
	if n := len(a.securityGroups(t)); n != 2 {
		t.Errorf("the groups of the nodes are not ours to delete: want 2, got %d", n)
	}
}

func TestNodeAccessByCluster(t *testing.T) {
	a := openAccount(t, nil)
	want := withAccess(func(n *provider.NodeAccess) { n.Cluster = "prod" })
	mustFail(t, pass(t, a.provider, want), cloud.Invalid, "no security group is tagged kubernetes.io/cluster/prod")
	a.tag(t, aws.String(a.nodeGroup(t, "nodes")), "kubernetes.io/cluster/prod", "owned")
	converge(t, a.provider, want)
}

// TestDualStack needs subnets with IPv6, and says so.
func TestDualStack(t *testing.T) {
	a := openAccount(t, nil)
	dual := func(l *provider.LoadBalancer) { l.IPAddressType = "dualstack" }
	mustFail(t, pass(t, a.provider, edit(balancerID, dual)), cloud.Invalid, "and IPv6, with 8 free addresses, in 2 zones: the VPC has them in 0")
	_, err := a.region.AssociateVpcCidrBlock(t.Context(), &ec2.AssociateVpcCidrBlockInput{VpcId: a.vpc(t), AmazonProvidedIpv6CidrBlock: aws.Bool(true)})
	check(t, err)
	var block netip.Prefix
	eventually(t, "the VPC has IPv6", func() bool {
		networks, err := a.provider.Networks(t.Context())
		check(t, err)
		i := slices.IndexFunc(networks, func(p netip.Prefix) bool { return p.Addr().Is6() })
		if i >= 0 {
			block = networks[i]
		}
		return i >= 0
	})
	for i, s := range a.subnets(t) {
		address := block.Addr().As16()
		address[7] = byte(i)
		_, err := a.region.AssociateSubnetCidrBlock(t.Context(), &ec2.AssociateSubnetCidrBlockInput{
			SubnetId: s.SubnetId, Ipv6CidrBlock: aws.String(netip.PrefixFrom(netip.AddrFrom16(address), 64).String()),
		})
		check(t, err)
	}
	converge(t, a.provider, drawn())
	before := len(a.Calls(t))
	converge(t, a.provider, edit(balancerID, dual))
	if mutating, _ := a.calls(t, before); !slices.Equal(mutating, []string{"SetIpAddressType"}) {
		t.Errorf("want SetIpAddressType, got %v", mutating)
	}
}

// TestInstances are targets by their id.
func TestInstances(t *testing.T) {
	a := openAccount(t, nil)
	instance, err := a.region.SeedInstance(fakeaws.InstanceSeed{PrivateIPs: []netip.Addr{netip.MustParseAddr("127.0.0.77")}})
	check(t, err)
	got := converge(t, a.provider, edit(webID, func(g *provider.TargetGroup) {
		g.TargetType, g.Targets = "instance", []provider.Target{{ID: instance, Port: 30080}}
	}))
	health, err := a.provider.Health(t.Context(), graph.New(got[webID]))
	check(t, err)
	if len(health) != 1 || health[0].Address != instance+":30080" {
		t.Errorf("want the instance, got %+v", health)
	}
}

// TestSecurityGroupsOfALoadBalancer change in place.
func TestSecurityGroupsOfALoadBalancer(t *testing.T) {
	a := openAccount(t, nil)
	more := a.nodeGroup(t, "more")
	both := []string{"frontend", more}
	slices.Sort(both)
	converge(t, a.provider, drawn())
	before := len(a.Calls(t))
	converge(t, a.provider, edit(balancerID, func(l *provider.LoadBalancer) { l.SecurityGroups = both }))
	if mutating, _ := a.calls(t, before); !slices.Equal(mutating, []string{"SetSecurityGroups"}) {
		t.Errorf("want SetSecurityGroups, got %v", mutating)
	}
}
