package aws

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// vpc makes a VPC with a subnet in each of two zones, and returns its id and theirs.
func (a *account) vpc(cidr string, blocks ...string) (string, []string) {
	a.t.Helper()
	id := *do(a, a.CreateVpc, &ec2.CreateVpcInput{CidrBlock: &cidr}).Vpc.VpcId
	var subnets []string
	for i, block := range blocks {
		zone := a.zones()[i]
		subnets = append(subnets, *do(a, a.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &id, CidrBlock: &block, AvailabilityZone: &zone}).Subnet.SubnetId)
	}
	return id, subnets
}

func TestVPCLife(t *testing.T) {
	a := accountFor(t, nil)
	vpc, subnets := a.vpc("10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24")
	lb := &elb.CreateLoadBalancerInput{Name: ptr("front"), Subnets: subnets}
	refused(a, "InvalidSubnet", a.CreateLoadBalancer, lb)
	gateway := do(a, a.CreateInternetGateway, &ec2.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	do(a, a.AttachInternetGateway, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: &vpc})
	arn := do(a, a.CreateLoadBalancer, lb).LoadBalancers[0].LoadBalancerArn
	detach := &ec2.DetachInternetGatewayInput{InternetGatewayId: gateway, VpcId: &vpc}
	refused(a, "DependencyViolation", a.DetachInternetGateway, detach)
	refused(a, "DependencyViolation", a.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: &subnets[0]})
	do(a, a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn})
	refused(a, "DependencyViolation", a.DeleteVpc, &ec2.DeleteVpcInput{VpcId: &vpc})
	do(a, a.DetachInternetGateway, detach)
	refused(a, "Gateway.NotAttached", a.DetachInternetGateway, detach)
	do(a, a.DeleteInternetGateway, &ec2.DeleteInternetGatewayInput{InternetGatewayId: gateway})
	for _, s := range subnets {
		do(a, a.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: &s})
	}
	do(a, a.DeleteVpc, &ec2.DeleteVpcInput{VpcId: &vpc})
	refused(a, "InvalidVpcID.NotFound", a.DescribeVpcs, &ec2.DescribeVpcsInput{VpcIds: []string{vpc}})
	if left := len(a.securityGroups.of(vpc)) + len(a.routeTables.of(vpc)); left != 0 {
		t.Errorf("want nothing left of the VPC, got %d", left)
	}
}

func TestVPCRefusals(t *testing.T) {
	a := accountFor(t, nil)
	vpc, _ := a.vpc("10.0.0.0/16", "10.0.1.0/24")
	for code, in := range map[string]*ec2.CreateSubnetInput{
		"InvalidSubnet.Range":    {VpcId: &vpc, CidrBlock: ptr("10.1.0.0/24")},
		"InvalidSubnet.Conflict": {VpcId: &vpc, CidrBlock: ptr("10.0.0.0/20")},
		"InvalidParameterValue":  {VpcId: &vpc, CidrBlock: ptr("10.0.9.0/24"), AvailabilityZone: ptr("eu-west-1z")},
		"InvalidVpcID.NotFound":  {VpcId: ptr("vpc-0123456789abcdef0"), CidrBlock: ptr("10.0.9.0/24")},
		"MissingParameter":       {VpcId: &vpc},
	} {
		refused(a, code, a.CreateSubnet, in)
	}
	refused(a, "InvalidVpc.Range", a.CreateVpc, &ec2.CreateVpcInput{CidrBlock: ptr("10.0.0.0/8")})
	refused(a, "InvalidVpc.Range", a.AssociateVpcCidrBlock, &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc, CidrBlock: ptr("10.0.0.0/20")})
	do(a, a.AssociateVpcCidrBlock, &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc, CidrBlock: ptr("10.1.0.0/20")})
	do(a, a.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: ptr("10.1.0.0/24")})
	// A rule may not name a group of another network, and a rule that is not there is an error outside the default VPC.
	group := *do(a, a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: ptr("x"), Description: ptr("d"), VpcId: &vpc}).GroupId
	other := a.securityGroup("y")
	refused(a, "InvalidGroup.NotFound", a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []types.IpPermission{{
		IpProtocol: ptr("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &other}},
	}}})
	refused(a, "InvalidPermission.NotFound", a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8")}})
}

func TestDualStack(t *testing.T) {
	a := accountFor(t, nil)
	vpc, subnets := a.vpcID(), a.subnetIDs()[:2]
	lb := &elb.CreateLoadBalancerInput{Name: ptr("front"), Subnets: subnets, IpAddressType: elbtypes.IpAddressTypeDualstack}
	refused(a, "InvalidConfigurationRequest", a.CreateLoadBalancer, lb)
	block := *do(a, a.AssociateVpcCidrBlock, &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc, AmazonProvidedIpv6CidrBlock: ptr(true)}).Ipv6CidrBlockAssociation.Ipv6CidrBlock
	row, _ := a.vpcs.get(vpc)
	first := row.blocks()[1].Addr().String() + "/64"
	refused(a, "InvalidSubnet.Range", a.AssociateSubnetCidrBlock, &ec2.AssociateSubnetCidrBlockInput{SubnetId: &subnets[0], Ipv6CidrBlock: ptr("2001:db8::/64")})
	do(a, a.AssociateSubnetCidrBlock, &ec2.AssociateSubnetCidrBlockInput{SubnetId: &subnets[0], Ipv6CidrBlock: &first})
	refused(a, "InvalidSubnet.Conflict", a.AssociateSubnetCidrBlock, &ec2.AssociateSubnetCidrBlockInput{SubnetId: &subnets[1], Ipv6CidrBlock: &first})
	a6 := row.blocks()[1].Addr().As16()
	a6[7]++
	second := netip.AddrFrom16(a6).String() + "/64"
	do(a, a.AssociateSubnetCidrBlock, &ec2.AssociateSubnetCidrBlockInput{SubnetId: &subnets[1], Ipv6CidrBlock: &second})
	do(a, a.CreateLoadBalancer, lb)
	if found := do(a, a.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("ipv6-cidr-block-association.ipv6-cidr-block", first, second)}}).Subnets; len(found) != 2 {
		t.Errorf("want both subnets of %s, got %d", block, len(found))
	}
}

func TestRoutes(t *testing.T) {
	a := accountFor(t, nil)
	vpc, subnets := a.vpc("10.0.0.0/16", "10.0.1.0/24")
	gateway := do(a, a.CreateInternetGateway, &ec2.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	table := do(a, a.CreateRouteTable, &ec2.CreateRouteTableInput{VpcId: &vpc}).RouteTable.RouteTableId
	route := &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: ptr("0.0.0.0/0"), GatewayId: gateway}
	refused(a, "InvalidParameterValue", a.CreateRoute, route)
	do(a, a.AttachInternetGateway, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: &vpc})
	do(a, a.CreateRoute, route)
	refused(a, "RouteAlreadyExists", a.CreateRoute, route)
	association := do(a, a.AssociateRouteTable, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: &subnets[0]}).AssociationId
	found := do(a, a.DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("association.subnet-id", subnets[0]), filter("route.gateway-id", "igw-*")}}).RouteTables
	if len(found) != 1 || *found[0].RouteTableId != *table {
		t.Errorf("want the subnet's own table, got %+v", found)
	}
	refused(a, "DependencyViolation", a.DeleteRouteTable, &ec2.DeleteRouteTableInput{RouteTableId: table})
	do(a, a.DetachInternetGateway, &ec2.DetachInternetGatewayInput{InternetGatewayId: gateway, VpcId: &vpc})
	if row, _ := a.routeTables.get(*table); row.Spec.Routes[1].State != types.RouteStateBlackhole {
		t.Errorf("want the route to lead nowhere without its gateway, got %s", row.Spec.Routes[1].State)
	}
	do(a, a.DeleteRoute, &ec2.DeleteRouteInput{RouteTableId: table, DestinationCidrBlock: ptr("0.0.0.0/0")})
	refused(a, "InvalidParameterValue", a.DeleteRoute, &ec2.DeleteRouteInput{RouteTableId: table, DestinationCidrBlock: ptr("10.0.0.0/16")})
	do(a, a.DisassociateRouteTable, &ec2.DisassociateRouteTableInput{AssociationId: association})
	do(a, a.DeleteRouteTable, &ec2.DeleteRouteTableInput{RouteTableId: table})
	main := a.mainRouteTable(vpc)
	refused(a, "DependencyViolation", a.DeleteRouteTable, &ec2.DeleteRouteTableInput{RouteTableId: &main.Key})
	refused(a, "InvalidParameterValue", a.DisassociateRouteTable, &ec2.DisassociateRouteTableInput{AssociationId: main.Spec.Associations[0].RouteTableAssociationId})
}
