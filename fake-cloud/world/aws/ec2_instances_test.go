package aws

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestSeedInstance(t *testing.T) {
	a := accountFor(t, nil)
	group := a.securityGroup("nodes")
	seed := InstanceSeed{
		ID: "i-0123456789abcdef0", PrivateIPs: addresses("172.31.16.10", "172.31.16.11", "2600::1"), Prefixes: []netip.Prefix{netip.MustParsePrefix("172.31.20.0/28")},
		SecurityGroups: []string{group}, Tags: map[string]string{"kubernetes.io/cluster/test": "owned"},
	}
	id, err := a.SeedInstance(seed)
	if err != nil || id != seed.ID {
		t.Fatalf("want %s, got %s %v", seed.ID, id, err)
	}
	got := do(a, a.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}).Reservations
	if len(got) != 1 || len(got[0].Instances) != 1 {
		t.Fatalf("want one instance in one reservation, got %+v", got)
	}
	i := got[0].Instances[0]
	type seen struct {
		State         types.InstanceStateName
		Zone, Address string
		Groups        []string
		Addresses     []string
		Prefixes      []string
	}
	n := i.NetworkInterfaces[0]
	have := seen{State: i.State.Name, Zone: *i.Placement.AvailabilityZone, Address: *i.PrivateIpAddress}
	for _, g := range n.Groups {
		have.Groups = append(have.Groups, *g.GroupName)
	}
	for _, ip := range n.PrivateIpAddresses {
		have.Addresses = append(have.Addresses, *ip.PrivateIpAddress)
	}
	for _, p := range n.Ipv4Prefixes {
		have.Prefixes = append(have.Prefixes, *p.Ipv4Prefix)
	}
	want := seen{"running", "eu-west-1b", "172.31.16.10", []string{"nodes"}, []string{"172.31.16.10", "172.31.16.11"}, []string{"172.31.20.0/28"}}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("instance (-want +got):\n%s", diff)
	}
	for _, f := range []types.Filter{
		filter("addresses.private-ip-address", "172.31.16.11"), filter("attachment.instance-id", id), filter("group-id", group), filter("ipv6-addresses.ipv6-address", "2600::1"),
	} {
		if found := do(a, a.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{f}}).NetworkInterfaces; len(found) != 1 {
			t.Errorf("%s: want one interface, got %d", *f.Name, len(found))
		}
	}
	refused(a, "DependencyViolation", a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &group})

	seed.PrivateIPs = addresses("172.31.16.12", "172.31.16.11")
	if _, err := a.SeedInstance(seed); err != nil {
		t.Fatal(err)
	}
	if all := a.interfaces.all(); len(all) != 1 || !slices.Equal(all[0].Addresses, seed.PrivateIPs) {
		t.Errorf("want one interface with the new addresses, got %+v", all)
	}
	if v := a.View().Instances[id]; v == nil || v.Address != seed.PrivateIPs[0] || !v.Running {
		t.Errorf("want the instance in the view, got %+v", v)
	}
}

func TestSeedRefusals(t *testing.T) {
	a := accountFor(t, nil)
	if _, err := a.SeedInstance(InstanceSeed{PrivateIPs: addresses("172.31.0.10")}); err != nil {
		t.Fatal(err)
	}
	for code, seed := range map[string]InstanceSeed{
		"MissingParameter":            {},
		"InvalidInstanceID.Malformed": {ID: "node-1", PrivateIPs: addresses("172.31.0.11")},
		"InvalidIPAddress.InUse":      {PrivateIPs: addresses("172.31.0.10")},
		"InvalidSubnetID.NotFound":    {Subnet: "subnet-0123456789abcdef0", PrivateIPs: addresses("172.31.0.11")},
		"InvalidGroup.NotFound":       {SecurityGroups: []string{"sg-0123456789abcdef0"}, PrivateIPs: addresses("172.31.0.11")},
		"InvalidParameterValue":       {Zone: "us-east-1a", PrivateIPs: addresses("172.31.0.11")},
	} {
		if _, err := a.SeedInstance(seed); !isFault(err, code) {
			t.Errorf("want %s, got %v", code, err)
		}
	}
	outside, err := a.SeedInstance(InstanceSeed{Zone: "eu-west-1c", PrivateIPs: addresses("172.30.0.2")})
	if err != nil {
		t.Fatal(err)
	}
	if i, _ := a.instances.get(outside); i.Zone != "eu-west-1c" {
		t.Errorf("want an instance with an address of no subnet in the zone's, got %+v", i)
	}
}

func TestInstanceStates(t *testing.T) {
	a := accountFor(t, nil)
	id, err := a.SeedInstance(InstanceSeed{PrivateIPs: addresses("172.31.0.10")})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{id}
	do(a, a.StopInstances, &ec2.StopInstancesInput{InstanceIds: ids})
	if v := a.View().Instances[id]; v.Running {
		t.Error("want a stopped instance not to run")
	}
	do(a, a.StartInstances, &ec2.StartInstancesInput{InstanceIds: ids})
	do(a, a.TerminateInstances, &ec2.TerminateInstancesInput{InstanceIds: ids})
	refused(a, "IncorrectInstanceState", a.StartInstances, &ec2.StartInstancesInput{InstanceIds: ids})
	if got := do(a, a.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: ids}).Reservations[0].Instances[0]; *got.State.Code != 48 || len(got.NetworkInterfaces) != 0 {
		t.Errorf("want it terminated and without interface, got %+v", got)
	}
	a.Cloud().Clock().Advance(2 * time.Hour)
	eventually(t, func() bool {
		_, err := a.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: ids})
		return isFault(err, "InvalidInstanceID.NotFound")
	})
}

func TestLoadBalancerInterfaces(t *testing.T) {
	a := accountFor(t, nil)
	before := *do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets[0].AvailableIpAddressCount
	arn := a.alb("front")
	found := do(a, a.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{filter("description", "ELB app/front/*"), filter("requester-id", "amazon-elb")},
	}).NetworkInterfaces
	if len(found) != 3 {
		t.Fatalf("want an interface in each subnet, got %d", len(found))
	}
	lb, _ := a.loadBalancers.get(arn)
	for i, n := range found {
		if *n.PrivateIpAddress != lb.Zones[i].Private.String() || *n.Association.PublicIp != lb.Zones[i].Address.String() || len(n.Groups) != 1 {
			t.Errorf("want the addresses of %+v, got %+v", lb.Zones[i], n)
		}
	}
	if after := *do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets[0].AvailableIpAddressCount; after != before-1 {
		t.Errorf("want %d addresses left in the subnet, got %d", before-1, after)
	}
}

func TestEC2Tags(t *testing.T) {
	a := accountFor(t, nil)
	group, subnet := a.securityGroup("front"), a.subnetIDs()[0]
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	do(a, a.CreateTags, &ec2.CreateTagsInput{Resources: []string{group, subnet}, Tags: []types.Tag{tag("a", "1"), tag("b", "2"), tag("c", "3")}})
	do(a, a.DeleteTags, &ec2.DeleteTagsInput{Resources: []string{group}, Tags: []types.Tag{{Key: ptr("a")}, tag("b", "other"), tag("c", "3")}})
	var got []string
	in := &ec2.DescribeTagsInput{MaxResults: ptr(int32(5)), Filters: []types.Filter{filter("resource-id", group, subnet)}}
	for _, d := range do(a, a.EC2DescribeTags, in).Tags {
		got = append(got, string(d.ResourceType)+" "+*d.Key+"="+*d.Value)
	}
	if diff := cmp.Diff([]string{"subnet a=1", "subnet b=2", "subnet c=3", "security-group b=2"}, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	do(a, a.DeleteTags, &ec2.DeleteTagsInput{Resources: []string{group}})
	if left := a.groupShown(group).Tags; len(left) != 0 {
		t.Errorf("want no tag left, got %+v", left)
	}
	var many []types.Tag
	for i := range 51 {
		many = append(many, tag(string(rune('A'+i)), ""))
	}
	for code, in := range map[string]*ec2.CreateTagsInput{
		"InvalidID":             {Resources: []string{"vol-0123456789abcdef0"}, Tags: []types.Tag{tag("a", "1")}},
		"InvalidGroup.NotFound": {Resources: []string{subnet, "sg-0123456789abcdef0"}, Tags: []types.Tag{tag("d", "1")}},
		"InvalidParameterValue": {Resources: []string{subnet}, Tags: []types.Tag{tag("aws:x", "1")}},
		"TagLimitExceeded":      {Resources: []string{subnet}, Tags: many},
		"MissingParameter":      {Resources: []string{subnet}},
	} {
		refused(a, code, a.CreateTags, in)
	}
	if row, _ := a.subnets.get(subnet); len(row.Tags) != 3 {
		t.Errorf("want refused calls to change nothing, got %v", row.Tags)
	}
}

func TestLag(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Lag = time.Minute })
	if got := len(a.subnetIDs()); got != len(do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets) {
		t.Errorf("want what a region is seeded with seen at once")
	}
	id := a.securityGroup("front")
	refused(a, "InvalidGroup.NotFound", a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	a.Cloud().Clock().Advance(2 * time.Minute)
	a.groupShown(id)
}
