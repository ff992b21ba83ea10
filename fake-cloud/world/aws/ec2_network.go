package aws

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// DescribeVpcs lists VPCs.
func (r *Region) DescribeVpcs(_ context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	out := &ec2.DescribeVpcsOutput{}
	err := r.read(func() (err error) {
		out.Vpcs, out.NextToken, err = ec2Query[*VPC, types.Vpc]{
			region: r, table: r.vpcs, ids: in.VpcIds, param: "vpcId", absent: absentVPC, show: showVPC,
			fields: vpcFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func showVPC(v *VPC) types.Vpc {
	s := v.Spec
	s.Tags = ec2TagSet(v.Tags)
	return s
}

var vpcFields = filterTable[types.Vpc]{
	tags: func(v *types.Vpc) []types.Tag { return v.Tags },
	fields: map[string]func(*types.Vpc) []string{
		"cidr":            func(v *types.Vpc) []string { return ofString(v.CidrBlock) },
		"dhcp-options-id": func(v *types.Vpc) []string { return ofString(v.DhcpOptionsId) },
		"is-default":      func(v *types.Vpc) []string { return ofBool(v.IsDefault) },
		"isDefault":       func(v *types.Vpc) []string { return ofBool(v.IsDefault) },
		"owner-id":        func(v *types.Vpc) []string { return ofString(v.OwnerId) },
		"state":           func(v *types.Vpc) []string { return ofEnum(v.State) },
		"vpc-id":          func(v *types.Vpc) []string { return ofString(v.VpcId) },
		"cidr-block-association.cidr-block": func(v *types.Vpc) []string {
			return each(v.CidrBlockAssociationSet, func(a types.VpcCidrBlockAssociation) string { return awssdk.ToString(a.CidrBlock) })
		},
		"cidr-block-association.association-id": func(v *types.Vpc) []string {
			return each(v.CidrBlockAssociationSet, func(a types.VpcCidrBlockAssociation) string { return awssdk.ToString(a.AssociationId) })
		},
		"cidr-block-association.state": func(v *types.Vpc) []string {
			return each(v.CidrBlockAssociationSet, func(a types.VpcCidrBlockAssociation) string { return vpcBlockState(a.CidrBlockState) })
		},
		"ipv6-cidr-block-association.ipv6-cidr-block": func(v *types.Vpc) []string {
			return each(v.Ipv6CidrBlockAssociationSet, func(a types.VpcIpv6CidrBlockAssociation) string { return awssdk.ToString(a.Ipv6CidrBlock) })
		},
		"ipv6-cidr-block-association.ipv6-pool": func(v *types.Vpc) []string {
			return each(v.Ipv6CidrBlockAssociationSet, func(a types.VpcIpv6CidrBlockAssociation) string { return awssdk.ToString(a.Ipv6Pool) })
		},
		"ipv6-cidr-block-association.association-id": func(v *types.Vpc) []string {
			return each(v.Ipv6CidrBlockAssociationSet, func(a types.VpcIpv6CidrBlockAssociation) string { return awssdk.ToString(a.AssociationId) })
		},
		"ipv6-cidr-block-association.state": func(v *types.Vpc) []string {
			return each(v.Ipv6CidrBlockAssociationSet, func(a types.VpcIpv6CidrBlockAssociation) string { return vpcBlockState(a.Ipv6CidrBlockState) })
		},
	},
}

func vpcBlockState(s *types.VpcCidrBlockState) string {
	if s == nil {
		return ""
	}
	return string(s.State)
}

// DescribeSubnets lists subnets.
func (r *Region) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{}
	err := r.read(func() (err error) {
		out.Subnets, out.NextToken, err = ec2Query[*Subnet, types.Subnet]{
			region: r, table: r.subnets, ids: in.SubnetIds, param: "subnetId", absent: absentSubnet, show: r.showSubnet,
			fields: subnetFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func absentSubnet(id string) error {
	return faultf("InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", id)
}

func (r *Region) showSubnet(s *Subnet) types.Subnet {
	v := s.Spec
	_, free := r.freeAddress(s, netip.Addr{})
	v.AvailableIpAddressCount = ptr(int32(free))
	v.Tags = ec2TagSet(s.Tags)
	return v
}

func subnetBlockState(s *types.SubnetCidrBlockState) string {
	if s == nil {
		return ""
	}
	return string(s.State)
}

var subnetFields = filterTable[types.Subnet]{
	tags: func(s *types.Subnet) []types.Tag { return s.Tags },
	fields: withAliases(map[string]func(*types.Subnet) []string{
		"availability-zone":               func(s *types.Subnet) []string { return ofString(s.AvailabilityZone) },
		"availability-zone-id":            func(s *types.Subnet) []string { return ofString(s.AvailabilityZoneId) },
		"available-ip-address-count":      func(s *types.Subnet) []string { return ofInt(s.AvailableIpAddressCount) },
		"cidr-block":                      func(s *types.Subnet) []string { return ofString(s.CidrBlock) },
		"customer-owned-ipv4-pool":        func(s *types.Subnet) []string { return ofString(s.CustomerOwnedIpv4Pool) },
		"default-for-az":                  func(s *types.Subnet) []string { return ofBool(s.DefaultForAz) },
		"enable-dns64":                    func(s *types.Subnet) []string { return ofBool(s.EnableDns64) },
		"enable-lni-at-device-index":      func(s *types.Subnet) []string { return ofInt(s.EnableLniAtDeviceIndex) },
		"ipv6-native":                     func(s *types.Subnet) []string { return ofBool(s.Ipv6Native) },
		"map-customer-owned-ip-on-launch": func(s *types.Subnet) []string { return ofBool(s.MapCustomerOwnedIpOnLaunch) },
		"map-public-ip-on-launch":         func(s *types.Subnet) []string { return ofBool(s.MapPublicIpOnLaunch) },
		"outpost-arn":                     func(s *types.Subnet) []string { return ofString(s.OutpostArn) },
		"owner-id":                        func(s *types.Subnet) []string { return ofString(s.OwnerId) },
		"state":                           func(s *types.Subnet) []string { return ofEnum(s.State) },
		"subnet-arn":                      func(s *types.Subnet) []string { return ofString(s.SubnetArn) },
		"subnet-id":                       func(s *types.Subnet) []string { return ofString(s.SubnetId) },
		"vpc-id":                          func(s *types.Subnet) []string { return ofString(s.VpcId) },
		"private-dns-name-options-on-launch.hostname-type": func(s *types.Subnet) []string {
			return ofEnum(s.PrivateDnsNameOptionsOnLaunch.HostnameType)
		},
		"private-dns-name-options-on-launch.enable-resource-name-dns-a-record": func(s *types.Subnet) []string {
			return ofBool(s.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord)
		},
		"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": func(s *types.Subnet) []string {
			return ofBool(s.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord)
		},
		"ipv6-cidr-block-association.ipv6-cidr-block": func(s *types.Subnet) []string {
			return each(s.Ipv6CidrBlockAssociationSet, func(a types.SubnetIpv6CidrBlockAssociation) string { return awssdk.ToString(a.Ipv6CidrBlock) })
		},
		"ipv6-cidr-block-association.association-id": func(s *types.Subnet) []string {
			return each(s.Ipv6CidrBlockAssociationSet, func(a types.SubnetIpv6CidrBlockAssociation) string { return awssdk.ToString(a.AssociationId) })
		},
		"ipv6-cidr-block-association.state": func(s *types.Subnet) []string {
			return each(s.Ipv6CidrBlockAssociationSet, func(a types.SubnetIpv6CidrBlockAssociation) string {
				return subnetBlockState(a.Ipv6CidrBlockState)
			})
		},
	}, map[string]string{
		"availabilityZone": "availability-zone", "availabilityZoneId": "availability-zone-id", "cidr": "cidr-block", "cidrBlock": "cidr-block",
		"defaultForAz": "default-for-az",
	}),
}

// withAliases adds the other names that filters have.
func withAliases[T any](fields map[string]func(*T) []string, aliases map[string]string) map[string]func(*T) []string {
	for alias, name := range aliases {
		fields[alias] = fields[name]
	}
	return fields
}

// DescribeRouteTables lists route tables.
func (r *Region) DescribeRouteTables(_ context.Context, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	out := &ec2.DescribeRouteTablesOutput{}
	err := r.read(func() (err error) {
		out.RouteTables, out.NextToken, err = ec2Query[*RouteTable, types.RouteTable]{
			region: r, table: r.routeTables, ids: in.RouteTableIds, param: "routeTableId", absent: absentRouteTable, show: showRouteTable,
			fields: routeTableFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func absentRouteTable(id string) error {
	return faultf("InvalidRouteTableID.NotFound", "The routeTable ID '%s' does not exist", id)
}

func showRouteTable(t *RouteTable) types.RouteTable {
	s := t.Spec
	s.Tags = ec2TagSet(t.Tags)
	return s
}

func ofRoutes(get func(types.Route) string) func(*types.RouteTable) []string {
	return func(t *types.RouteTable) []string { return withoutEmpty(each(t.Routes, get)) }
}

func ofAssociations(get func(types.RouteTableAssociation) string) func(*types.RouteTable) []string {
	return func(t *types.RouteTable) []string { return withoutEmpty(each(t.Associations, get)) }
}

func withoutEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

var routeTableFields = filterTable[types.RouteTable]{
	tags: func(t *types.RouteTable) []types.Tag { return t.Tags },
	fields: map[string]func(*types.RouteTable) []string{
		"owner-id":       func(t *types.RouteTable) []string { return ofString(t.OwnerId) },
		"route-table-id": func(t *types.RouteTable) []string { return ofString(t.RouteTableId) },
		"vpc-id":         func(t *types.RouteTable) []string { return ofString(t.VpcId) },
		"association.gateway-id": ofAssociations(func(a types.RouteTableAssociation) string {
			return awssdk.ToString(a.GatewayId)
		}),
		"association.route-table-association-id": ofAssociations(func(a types.RouteTableAssociation) string {
			return awssdk.ToString(a.RouteTableAssociationId)
		}),
		"association.route-table-id": ofAssociations(func(a types.RouteTableAssociation) string { return awssdk.ToString(a.RouteTableId) }),
		"association.subnet-id":      ofAssociations(func(a types.RouteTableAssociation) string { return awssdk.ToString(a.SubnetId) }),
		"association.main": ofAssociations(func(a types.RouteTableAssociation) string {
			return strings.Join(ofBool(a.Main), "")
		}),
		"route.destination-cidr-block":          ofRoutes(func(v types.Route) string { return awssdk.ToString(v.DestinationCidrBlock) }),
		"route.destination-ipv6-cidr-block":     ofRoutes(func(v types.Route) string { return awssdk.ToString(v.DestinationIpv6CidrBlock) }),
		"route.destination-prefix-list-id":      ofRoutes(func(v types.Route) string { return awssdk.ToString(v.DestinationPrefixListId) }),
		"route.egress-only-internet-gateway-id": ofRoutes(func(v types.Route) string { return awssdk.ToString(v.EgressOnlyInternetGatewayId) }),
		"route.gateway-id":                      ofRoutes(func(v types.Route) string { return awssdk.ToString(v.GatewayId) }),
		"route.instance-id":                     ofRoutes(func(v types.Route) string { return awssdk.ToString(v.InstanceId) }),
		"route.nat-gateway-id":                  ofRoutes(func(v types.Route) string { return awssdk.ToString(v.NatGatewayId) }),
		"route.transit-gateway-id":              ofRoutes(func(v types.Route) string { return awssdk.ToString(v.TransitGatewayId) }),
		"route.vpc-peering-connection-id":       ofRoutes(func(v types.Route) string { return awssdk.ToString(v.VpcPeeringConnectionId) }),
		"route.origin":                          ofRoutes(func(v types.Route) string { return string(v.Origin) }),
		"route.state":                           ofRoutes(func(v types.Route) string { return string(v.State) }),
	},
}

// DescribeInternetGateways lists internet gateways.
func (r *Region) DescribeInternetGateways(_ context.Context, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	out := &ec2.DescribeInternetGatewaysOutput{}
	err := r.read(func() (err error) {
		out.InternetGateways, out.NextToken, err = ec2Query[*InternetGateway, types.InternetGateway]{
			region: r, table: r.internetGateways, ids: in.InternetGatewayIds, param: "internetGatewayId", absent: absentGateway, show: showGateway,
			fields: internetGatewayFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func absentGateway(id string) error {
	return faultf("InvalidInternetGatewayID.NotFound", "The internetGateway ID '%s' does not exist", id)
}

func showGateway(g *InternetGateway) types.InternetGateway {
	s := g.Spec
	s.Tags = ec2TagSet(g.Tags)
	return s
}

var internetGatewayFields = filterTable[types.InternetGateway]{
	tags: func(g *types.InternetGateway) []types.Tag { return g.Tags },
	fields: map[string]func(*types.InternetGateway) []string{
		"internet-gateway-id": func(g *types.InternetGateway) []string { return ofString(g.InternetGatewayId) },
		"owner-id":            func(g *types.InternetGateway) []string { return ofString(g.OwnerId) },
		"attachment.state": func(g *types.InternetGateway) []string {
			return each(g.Attachments, func(a types.InternetGatewayAttachment) string { return string(a.State) })
		},
		"attachment.vpc-id": func(g *types.InternetGateway) []string {
			return each(g.Attachments, func(a types.InternetGatewayAttachment) string { return awssdk.ToString(a.VpcId) })
		},
	},
}
