package aws

import (
	"net/netip"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

func TestFreshRegion(t *testing.T) {
	a := accountFor(t, nil)
	vpcs := do(a, a.DescribeVpcs, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("is-default", "true")}}).Vpcs
	if len(vpcs) != 1 || *vpcs[0].CidrBlock != DefaultVPCCIDR || vpcs[0].State != types.VpcStateAvailable {
		t.Fatalf("want the default VPC %s, got %+v", DefaultVPCCIDR, vpcs)
	}
	vpc := filter("vpc-id", *vpcs[0].VpcId)
	type subnet struct {
		CIDR, Zone, ZoneID string
		Free               int32
		Default            bool
	}
	var got []subnet
	for _, s := range do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: []types.Filter{vpc, filter("state", "available")}}).Subnets {
		got = append(got, subnet{*s.CidrBlock, *s.AvailabilityZone, *s.AvailabilityZoneId, *s.AvailableIpAddressCount, *s.DefaultForAz})
	}
	want := []subnet{
		{"172.31.0.0/20", "eu-west-1a", "euw1-az1", 4091, true},
		{"172.31.16.0/20", "eu-west-1b", "euw1-az2", 4091, true},
		{"172.31.32.0/20", "eu-west-1c", "euw1-az3", 4091, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subnets (-want +got):\n%s", diff)
	}
	tables := do(a, a.DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{vpc, filter("association.main", "true")}}).RouteTables
	if len(tables) != 1 {
		t.Fatalf("want the main route table, got %+v", tables)
	}
	gateways := do(a, a.DescribeInternetGateways, &ec2.DescribeInternetGatewaysInput{
		Filters: []types.Filter{filter("attachment.vpc-id", *vpcs[0].VpcId)},
	}).InternetGateways
	if len(gateways) != 1 {
		t.Fatalf("want one internet gateway, got %+v", gateways)
	}
	routes := map[string]string{}
	for _, r := range tables[0].Routes {
		routes[*r.DestinationCidrBlock] = *r.GatewayId
	}
	if diff := cmp.Diff(map[string]string{DefaultVPCCIDR: "local", "0.0.0.0/0": *gateways[0].InternetGatewayId}, routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	groups := do(a, a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{vpc}}).SecurityGroups
	if len(groups) != 1 || *groups[0].GroupName != "default" || len(groups[0].IpPermissions) != 1 || len(groups[0].IpPermissionsEgress) != 1 {
		t.Fatalf("want the default security group with a rule for each direction, got %+v", groups)
	}
	if from := groups[0].IpPermissions[0].UserIdGroupPairs; len(from) != 1 || *from[0].GroupId != *groups[0].GroupId {
		t.Errorf("want the default group to let itself in, got %+v", from)
	}
	zones := do(a, a.DescribeAvailabilityZones, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"eu-west-1b"}}).AvailabilityZones
	if len(zones) != 1 || *zones[0].ZoneId != "euw1-az2" {
		t.Errorf("want zone euw1-az2, got %+v", zones)
	}
}

func TestVPCOfAnotherSize(t *testing.T) {
	for cidr, want := range map[string][]string{
		"127.0.0.0/8":   {"127.0.0.0/12", "127.16.0.0/12", "127.32.0.0/12"},
		"10.244.0.0/16": {"10.244.0.0/20", "10.244.16.0/20", "10.244.32.0/20"},
		"10.1.2.0/24":   {"10.1.2.0/28", "10.1.2.16/28", "10.1.2.32/28"},
	} {
		a := accountFor(t, func(c *Config) { c.VPCCIDR = netip.MustParsePrefix(cidr) })
		var got []string
		for _, s := range do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets {
			got = append(got, *s.CidrBlock)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", cidr, diff)
		}
	}
}

func TestZoneIDs(t *testing.T) {
	c := cloudFor(t, nil)
	for region, want := range map[string]string{
		"us-east-1": "use1-az1", "ap-southeast-2": "apse2-az1", "ap-northeast-3": "apne3-az1", "eu-central-1": "euc1-az1",
		"us-gov-west-1": "usgw1-az1", "sa-east-1": "sae1-az1", "me-south-1": "mes1-az1",
	} {
		if got := c.Region(region).zoneID(region + "a"); got != want {
			t.Errorf("zone of %s: want %s, got %s", region, want, got)
		}
	}
}

func TestPages(t *testing.T) {
	a := accountFor(t, nil)
	var want []string
	for i := range 12 {
		name := string(rune('a'+i)) + "-group"
		want = append(want, *do(a, a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: ptr("d")}).GroupId)
	}
	in := &ec2.DescribeSecurityGroupsInput{MaxResults: ptr(int32(5)), Filters: []types.Filter{filter("group-name", "*-group")}}
	var got []string
	for pages := 1; ; pages++ {
		out := do(a, a.DescribeSecurityGroups, in)
		for _, g := range out.SecurityGroups {
			got = append(got, *g.GroupId)
		}
		if pages == 1 { // what was shown goes, and nothing that was not is passed over
			do(a, a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &want[0]})
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups over pages (-want +got):\n%s", diff)
	}
	refused(a, "InvalidParameterValue", a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{MaxResults: ptr(int32(4))})
	refused(a, "InvalidParameterValue", a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{MaxResults: ptr(int32(1001))})
	refused(a, "InvalidParameterValue", a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{NextToken: ptr("nonsense")})
	refused(a, "InvalidParameterCombination", a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{GroupIds: want[1:2], MaxResults: ptr(int32(5))})
}

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"a", "a", true}, {"a", "A", false}, {"a*", "abc", true}, {"*c", "abc", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*", "", true}, {"?", "", false}, {`a\*`, "a*", true}, {`a\*`, "ab", false}, {`a\`, `a\`, true}, {"*a*b*", "xxaxxbxx", true}, {"*ab", "aab", true},
		{"**", "x", true}, {"a*a", "a", false},
	} {
		if got := globMatch(c.pattern, c.value); got != c.want {
			t.Errorf("%q against %q: want %v, got %v", c.pattern, c.value, c.want, got)
		}
	}
	a := accountFor(t, nil)
	subnets := a.subnetIDs()
	do(a, a.CreateTags, &ec2.CreateTagsInput{Resources: subnets[:2], Tags: []types.Tag{{Key: ptr("kubernetes.io/role/elb"), Value: ptr("1")}}})
	do(a, a.CreateTags, &ec2.CreateTagsInput{Resources: subnets[1:], Tags: []types.Tag{{Key: ptr("team"), Value: ptr("")}}})
	for _, c := range []struct {
		filters []types.Filter
		want    []string
	}{
		{[]types.Filter{filter("tag:kubernetes.io/role/elb", "", "1")}, subnets[:2]},
		{[]types.Filter{filter("tag-key", "team")}, subnets[1:]},
		{[]types.Filter{filter("tag:team", ""), filter("tag:kubernetes.io/role/elb", "1")}, subnets[1:2]},
		{[]types.Filter{filter("tag:nobody", "*")}, nil},
		{[]types.Filter{filter("availabilityZone", "eu-west-1c")}, subnets[2:]},
		{[]types.Filter{filter("cidr", "172.31.16.0/20", "172.31.0.0/20")}, subnets[:2]},
	} {
		var got []string
		for _, s := range do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: c.filters}).Subnets {
			got = append(got, *s.SubnetId)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", awssdk.ToString(c.filters[0].Name), diff)
		}
	}
	refused(a, "InvalidParameterValue", a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("no-such", "x")}})
	refused(a, "InvalidParameterValue", a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id")}})
	refused(a, "FilterLimitExceeded", a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", make([]string, 201)...)}})
	refused(a, "InvalidSubnetID.NotFound", a.DescribeSubnets, &ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-0123456789abcdef0"}})
}

// TestEveryFilterIsReadable asks with every filter that there is: none may panic on a resource that lacks what it looks at.
func TestEveryFilterIsReadable(t *testing.T) {
	a := accountFor(t, nil)
	a.alb("front")
	if _, err := a.SeedInstance(InstanceSeed{PrivateIPs: []netip.Addr{netip.MustParseAddr("172.31.0.200")}}); err != nil {
		t.Fatal(err)
	}
	for name := range vpcFields.fields {
		do(a, a.DescribeVpcs, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range subnetFields.fields {
		do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range routeTableFields.fields {
		do(a, a.DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range internetGatewayFields.fields {
		do(a, a.DescribeInternetGateways, &ec2.DescribeInternetGatewaysInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range securityGroupFields.fields {
		do(a, a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range networkInterfaceFields.fields {
		do(a, a.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range instanceFields.fields {
		do(a, a.DescribeInstances, &ec2.DescribeInstancesInput{Filters: []types.Filter{filter(name, "*")}})
	}
	for name := range zoneFields.fields {
		do(a, a.DescribeAvailabilityZones, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter(name, "*")}})
	}
}
