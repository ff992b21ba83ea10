package aws

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Networks implements cloud.Networker: the address ranges of the VPC.
func (p *Provider) Networks(ctx context.Context) ([]netip.Prefix, error) {
	vpc, err := p.describeVPC(ctx)
	if err != nil {
		return nil, err
	}
	return prefixesOf(vpc)
}

func prefixesOf(vpc ec2types.Vpc) ([]netip.Prefix, error) {
	var texts []string
	for _, a := range vpc.CidrBlockAssociationSet {
		if a.CidrBlockState == nil || a.CidrBlockState.State == ec2types.VpcCidrBlockStateCodeAssociated {
			texts = append(texts, aws.ToString(a.CidrBlock))
		}
	}
	for _, a := range vpc.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState == nil || a.Ipv6CidrBlockState.State == ec2types.VpcCidrBlockStateCodeAssociated {
			texts = append(texts, aws.ToString(a.Ipv6CidrBlock))
		}
	}
	if len(texts) == 0 && aws.ToString(vpc.CidrBlock) != "" {
		texts = append(texts, aws.ToString(vpc.CidrBlock))
	}
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, invalid("DescribeVpcs", "AWS says that VPC %s has the range %q", aws.ToString(vpc.VpcId), text)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	return slices.Compact(prefixes), nil
}

// vpcID returns the VPC that load balancers are made in.
func (p *Provider) vpcID(ctx context.Context) (string, error) {
	p.vpcMu.Lock()
	known := p.vpc
	p.vpcMu.Unlock()
	if known != "" {
		return known, nil
	}
	vpc, err := p.describeVPC(ctx)
	if err != nil {
		return "", err
	}
	return aws.ToString(vpc.VpcId), nil
}

// describeVPC reads the VPC: that of the configuration, or else the only one. To guess among several could put load balancers where
// the cluster cannot be reached.
func (p *Provider) describeVPC(ctx context.Context) (ec2types.Vpc, error) {
	const op = "DescribeVpcs"
	p.vpcMu.Lock()
	in := &ec2.DescribeVpcsInput{}
	if p.vpc != "" {
		in.VpcIds = []string{p.vpc}
	}
	p.vpcMu.Unlock()
	vpcs, err := collect(ctx, ec2.NewDescribeVpcsPaginator(p.ec2, in), func(o *ec2.DescribeVpcsOutput) []ec2types.Vpc { return o.Vpcs })
	if err != nil {
		return ec2types.Vpc{}, err
	}
	if len(vpcs) != 1 || aws.ToString(vpcs[0].VpcId) == "" {
		return ec2types.Vpc{}, invalid(op, "the region has %d VPCs: tell the controller which one the cluster is in", len(vpcs))
	}
	p.vpcMu.Lock()
	defer p.vpcMu.Unlock()
	p.vpc = aws.ToString(vpcs[0].VpcId)
	return vpcs[0], nil
}

// pager is one of the SDK's paginators.
type pager[Out, Opt any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(Opt)) (Out, error)
}

// mostPages bounds what an endpoint can make us read.
const mostPages = 10_000

// collect reads all pages.
func collect[Out, Opt, Item any](ctx context.Context, pages pager[Out, Opt], items func(Out) []Item) ([]Item, error) {
	var all []Item
	for range mostPages {
		if !pages.HasMorePages() {
			return all, nil
		}
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed(ctx, err)
		}
		all = append(all, items(out)...)
	}
	return nil, invalid("Describe", "AWS lists more than %d pages", mostPages)
}

func filter(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: aws.String(name), Values: values}
}

// placement is what is asked of the subnets of a load balancer.
type placement struct {
	vpc         string
	cluster     string // prefers subnets that are tagged for it
	internal    bool
	application bool              // needs subnets in two zones, with free addresses
	dualStack   bool              // needs subnets with IPv6
	ids         []string          // exactly these, unchecked; or
	tags        map[string]string // those that have all of these tags; an empty value is any; or, with neither, those that fit best
}

const (
	tagPublicSubnet   = "kubernetes.io/role/elb"
	tagInternalSubnet = "kubernetes.io/role/internal-elb"
	// leastFreeAddresses is what an application load balancer has to have room for in each subnet.
	leastFreeAddresses = 8
)

func clusterTag(cluster string) string { return "kubernetes.io/cluster/" + cluster }

// findSubnets returns the ids of the subnets for a new load balancer, sorted: one in each zone.
func (p *Provider) findSubnets(ctx context.Context, want placement) ([]string, error) {
	if len(want.ids) > 0 {
		return slices.Sorted(slices.Values(want.ids)), nil
	}
	filters := []ec2types.Filter{filter("vpc-id", want.vpc), filter("state", string(ec2types.SubnetStateAvailable))}
	for key, value := range want.tags {
		if value == "" {
			filters = append(filters, filter("tag-key", key))
		} else {
			filters = append(filters, filter("tag:"+key, value))
		}
	}
	subnets, err := collect(ctx, ec2.NewDescribeSubnetsPaginator(p.ec2, &ec2.DescribeSubnetsInput{Filters: filters}),
		func(o *ec2.DescribeSubnetsOutput) []ec2types.Subnet { return o.Subnets })
	if err != nil {
		return nil, err
	}
	fitting := slices.DeleteFunc(subnets, func(s ec2types.Subnet) bool { return !want.fits(s) })
	if len(want.tags) == 0 {
		if fitting, err = p.bySide(ctx, want, fitting); err != nil {
			return nil, err
		}
	}
	ids := want.onePerZone(fitting)
	if least := want.leastZones(); len(ids) < least {
		return nil, invalid("DescribeSubnets", "%s: the VPC has them in %d; %s", want, len(ids), want.advice())
	}
	return ids, nil
}

// fits tells whether a load balancer can have an address in the subnet.
func (want placement) fits(s ec2types.Subnet) bool {
	if aws.ToString(s.OutpostArn) != "" {
		return false
	}
	if want.application && aws.ToInt32(s.AvailableIpAddressCount) < leastFreeAddresses {
		return false
	}
	return !want.dualStack || slices.ContainsFunc(s.Ipv6CidrBlockAssociationSet, func(a ec2types.SubnetIpv6CidrBlockAssociation) bool {
		return a.Ipv6CidrBlockState == nil || a.Ipv6CidrBlockState.State == ec2types.SubnetCidrBlockStateCodeAssociated
	})
}

// bySide returns the subnets on the side of the VPC that the load balancer is for: those that are tagged so, or where none is, those
// that have a route to an internet gateway, or have none.
func (p *Provider) bySide(ctx context.Context, want placement, subnets []ec2types.Subnet) ([]ec2types.Subnet, error) {
	tagged := slices.DeleteFunc(slices.Clone(subnets), func(s ec2types.Subnet) bool {
		value, has := tagOf(s.Tags, want.roleTag())
		return !has || (value != "" && value != "1")
	})
	if len(tagged) > 0 {
		return tagged, nil
	}
	tables, err := collect(ctx,
		ec2.NewDescribeRouteTablesPaginator(p.ec2, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{filter("vpc-id", want.vpc)}}),
		func(o *ec2.DescribeRouteTablesOutput) []ec2types.RouteTable { return o.RouteTables })
	if err != nil {
		return nil, err
	}
	regular, err := p.regularZones(ctx)
	if err != nil {
		return nil, err
	}
	subnets = slices.DeleteFunc(slices.Clone(subnets), func(s ec2types.Subnet) bool { return !regular[aws.ToString(s.AvailabilityZone)] })
	public := publicSubnets(tables)
	side := slices.DeleteFunc(slices.Clone(subnets), func(s ec2types.Subnet) bool {
		return public(aws.ToString(s.SubnetId)) == want.internal
	})
	if len(side) == 0 && want.internal {
		return subnets, nil // a VPC that is public throughout can have internal load balancers all the same
	}
	return side, nil
}

// regularZones are the region's zones but for local and wavelength ones: nobody is put there who does not ask for it.
func (p *Provider) regularZones(ctx context.Context) (map[string]bool, error) {
	out, err := call(ctx, p.ec2.DescribeAvailabilityZones, &ec2.DescribeAvailabilityZonesInput{
		Filters: []ec2types.Filter{filter("zone-type", "availability-zone")},
	})
	if err != nil {
		return nil, err
	}
	zones := make(map[string]bool, len(out.AvailabilityZones))
	for _, z := range out.AvailabilityZones {
		zones[aws.ToString(z.ZoneName)] = true
	}
	return zones, nil
}

// publicSubnets tells of each subnet whether its route table, or else the VPC's main one, leads to an internet gateway.
func publicSubnets(tables []ec2types.RouteTable) func(subnet string) bool {
	own := make(map[string]bool)
	main := false
	for _, t := range tables {
		public := slices.ContainsFunc(t.Routes, func(r ec2types.Route) bool { return strings.HasPrefix(aws.ToString(r.GatewayId), "igw-") })
		for _, a := range t.Associations {
			if id := aws.ToString(a.SubnetId); id != "" {
				own[id] = public
			}
			if aws.ToBool(a.Main) {
				main = public
			}
		}
	}
	return func(subnet string) bool {
		if public, has := own[subnet]; has {
			return public
		}
		return main
	}
}

// onePerZone returns the ids, sorted, of one subnet in each zone: one that is tagged for the cluster before others, then the smallest id,
// so that it is the same each time.
func (want placement) onePerZone(subnets []ec2types.Subnet) []string {
	slices.SortFunc(subnets, func(a, b ec2types.Subnet) int {
		_, aOurs := tagOf(a.Tags, clusterTag(want.cluster))
		_, bOurs := tagOf(b.Tags, clusterTag(want.cluster))
		if aOurs != bOurs {
			if aOurs {
				return -1
			}
			return 1
		}
		return strings.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId))
	})
	zones := make(map[string]bool)
	var ids []string
	for _, s := range subnets {
		if zone := aws.ToString(s.AvailabilityZone); !zones[zone] {
			zones[zone] = true
			ids = append(ids, aws.ToString(s.SubnetId))
		}
	}
	slices.Sort(ids)
	return ids
}

func (want placement) leastZones() int {
	if want.application {
		return 2
	}
	return 1
}

func (want placement) roleTag() string {
	if want.internal {
		return tagInternalSubnet
	}
	return tagPublicSubnet
}

// advice says what to do where subnets are missing.
func (want placement) advice() string {
	if len(want.tags) > 0 {
		return "change the tags in the GatewayConfig, or tag more subnets"
	}
	return "name the subnets in the GatewayConfig or tag them " + want.roleTag()
}

// String says what is needed.
func (want placement) String() string {
	text := "an internet-facing load balancer needs subnets that have a route to an internet gateway"
	switch {
	case len(want.tags) > 0:
		text = "a load balancer needs subnets that carry the tags of the GatewayConfig"
	case want.internal:
		text = "an internal load balancer needs subnets"
	}
	if want.dualStack {
		text += " and IPv6"
	}
	if want.application {
		text += ", with 8 free addresses, in 2 zones"
	} else {
		text += ", in 1 zone"
	}
	return text
}

func tagOf(tags []ec2types.Tag, key string) (value string, has bool) {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value), true
		}
	}
	return "", false
}

// nodeGroups returns the ids of the security groups of the cluster's nodes, by the tag that marks them.
func (p *Provider) nodeGroups(ctx context.Context, vpc, cluster string) ([]string, error) {
	const op = "DescribeSecurityGroups"
	groups, err := p.securityGroups(ctx, filter("vpc-id", vpc), filter("tag-key", clusterTag(cluster)))
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, invalid(op, "no security group is tagged %s: name those of the nodes in the GatewayConfig", clusterTag(cluster))
	}
	ids := make([]string, 0, len(groups))
	for _, g := range groups {
		ids = append(ids, aws.ToString(g.GroupId))
	}
	slices.Sort(ids)
	return ids, nil
}

func (p *Provider) securityGroups(ctx context.Context, filters ...ec2types.Filter) ([]ec2types.SecurityGroup, error) {
	return collect(ctx, ec2.NewDescribeSecurityGroupsPaginator(p.ec2, &ec2.DescribeSecurityGroupsInput{Filters: filters}),
		func(o *ec2.DescribeSecurityGroupsOutput) []ec2types.SecurityGroup { return o.SecurityGroups })
}
