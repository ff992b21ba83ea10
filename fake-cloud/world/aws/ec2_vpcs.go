package aws

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Sizes of the networks of a VPC and of its subnets.
const (
	largestBlock    = 16
	smallestBlock   = 28
	vpcIPv6Bits     = 56
	subnetIPv6Bits  = 64
	amazonIPv6Block = "2600:1f00::/24" // in which the networks of VPCs are
)

// CreateVpc makes a VPC with a main route table and a default security group, and with nothing else.
func (r *Region) CreateVpc(_ context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	cidr, err := vpcBlock(in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	tags, err := ec2TagsAtCreation(in.TagSpecifications, types.ResourceTypeVpc)
	if err != nil {
		return nil, err
	}
	var made types.Vpc
	err = r.write(func(x *tx) error {
		vpc := r.newVPC(x, cidr, false, tags)
		if awssdk.ToBool(in.AmazonProvidedIpv6CidrBlock) {
			if _, err := r.addIPv6(x, vpc.Key); err != nil {
				return err
			}
			vpc, _ = r.vpcs.get(vpc.Key)
		}
		made = showVPC(vpc)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateVpcOutput{Vpc: &made}, nil
}

// vpcBlock reads an IPv4 network of the size that is allowed.
func vpcBlock(block *string, code string) (netip.Prefix, error) {
	if block == nil {
		return netip.Prefix{}, faultf("MissingParameter", "The request must contain the parameter cidrBlock")
	}
	p, err := netip.ParsePrefix(*block)
	if err != nil || !p.Addr().Is4() {
		return p, faultf("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", clip(*block))
	}
	if p.Bits() < largestBlock || p.Bits() > smallestBlock {
		return p, faultf(code, "The CIDR '%s' is invalid.", *block)
	}
	return p.Masked(), nil
}

// addIPv6 gives a VPC a network of AWS's.
func (r *Region) addIPv6(x *tx, vpc string) (types.VpcIpv6CidrBlockAssociation, error) {
	if v, _ := r.vpcs.get(vpc); len(v.Spec.Ipv6CidrBlockAssociationSet) > 0 {
		return types.VpcIpv6CidrBlockAssociation{}, faultf("InvalidVpc.Range", "The vpc '%s' has an IPv6 CIDR block already.", vpc)
	}
	n, err := strconv.ParseUint(x.hex(), 16, 64)
	if err != nil {
		return types.VpcIpv6CidrBlockAssociation{}, err
	}
	a := netip.MustParsePrefix(amazonIPv6Block).Addr().As16()
	binary.BigEndian.PutUint32(a[3:], uint32(n))
	block := netip.PrefixFrom(netip.AddrFrom16(a), vpcIPv6Bits).Masked().String()
	association := types.VpcIpv6CidrBlockAssociation{
		AssociationId: ptr(x.id("vpc-cidr-assoc")), Ipv6CidrBlock: &block, Ipv6Pool: ptr("Amazon"), NetworkBorderGroup: &r.name,
		Ipv6CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
	}
	r.vpcs.edit(x, vpc, func(v *VPC) { v.Spec.Ipv6CidrBlockAssociationSet = []types.VpcIpv6CidrBlockAssociation{association} })
	r.addLocalRoute(x, vpc, types.Route{DestinationIpv6CidrBlock: &block})
	return association, nil
}

// addLocalRoute adds the route to a network of a VPC to all its route tables.
func (r *Region) addLocalRoute(x *tx, vpc string, to types.Route) {
	to.GatewayId, to.Origin, to.State = ptr(localRoute), types.RouteOriginCreateRouteTable, types.RouteStateActive
	for _, t := range r.routeTables.of(vpc) {
		r.routeTables.edit(x, t.Key, func(t *RouteTable) { t.Spec.Routes = append(slices.Clone(t.Spec.Routes), to) })
	}
}

// AssociateVpcCidrBlock gives a VPC another IPv4 network, or an IPv6 network of AWS's.
func (r *Region) AssociateVpcCidrBlock(_ context.Context, in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	out := &ec2.AssociateVpcCidrBlockOutput{VpcId: in.VpcId}
	err := r.write(func(x *tx) error {
		vpc, ok := r.vpcs.get(awssdk.ToString(in.VpcId))
		if !ok {
			return absentVPC(awssdk.ToString(in.VpcId))
		}
		if awssdk.ToBool(in.AmazonProvidedIpv6CidrBlock) {
			a, err := r.addIPv6(x, vpc.Key)
			out.Ipv6CidrBlockAssociation = &a
			return err
		}
		block, err := vpcBlock(in.CidrBlock, "InvalidVpc.Range")
		if err != nil {
			return err
		}
		for _, has := range vpc.blocks() {
			if has.Overlaps(block) {
				return faultf("InvalidVpc.Range", "The CIDR '%s' conflicts with another block of the VPC.", block)
			}
		}
		a := types.VpcCidrBlockAssociation{
			AssociationId: ptr(x.id("vpc-cidr-assoc")), CidrBlock: ptr(block.String()),
			CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
		}
		r.vpcs.edit(x, vpc.Key, func(v *VPC) {
			v.Spec.CidrBlockAssociationSet = append(slices.Clone(v.Spec.CidrBlockAssociationSet), a)
		})
		r.addLocalRoute(x, vpc.Key, types.Route{DestinationCidrBlock: a.CidrBlock})
		out.CidrBlockAssociation = &a
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// blocks returns all networks of a VPC.
func (v *VPC) blocks() []netip.Prefix {
	var out []netip.Prefix
	add := func(s *string) {
		if p, err := netip.ParsePrefix(awssdk.ToString(s)); err == nil {
			out = append(out, p)
		}
	}
	for _, a := range v.Spec.CidrBlockAssociationSet {
		add(a.CidrBlock)
	}
	for _, a := range v.Spec.Ipv6CidrBlockAssociationSet {
		add(a.Ipv6CidrBlock)
	}
	return out
}

// DeleteVpc deletes a VPC that has nothing but what each VPC has.
func (r *Region) DeleteVpc(_ context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	err := r.write(func(x *tx) error {
		id := awssdk.ToString(in.VpcId)
		if _, ok := r.vpcs.get(id); !ok {
			return absentVPC(id)
		}
		if len(r.subnets.of(id)) > 0 || len(r.routeTables.of(id)) > 1 || len(r.securityGroups.of(id)) > 1 || r.hasInternetGateway(id) {
			return faultf("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", id)
		}
		for _, t := range r.routeTables.of(id) {
			r.routeTables.drop(x, t.Key)
		}
		for _, g := range r.securityGroups.of(id) {
			r.dropGroup(x, g.Key)
		}
		r.vpcs.drop(x, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteVpcOutput{}, nil
}

// ModifyVpcAttribute changes one attribute of a VPC.
func (r *Region) ModifyVpcAttribute(_ context.Context, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	err := r.write(func(x *tx) error {
		id := awssdk.ToString(in.VpcId)
		if _, ok := r.vpcs.get(id); !ok {
			return absentVPC(id)
		}
		if in.EnableDnsHostnames != nil && in.EnableDnsSupport != nil {
			return faultf("InvalidParameterCombination", "Fields for multiple attribute types specified")
		}
		r.vpcs.edit(x, id, func(v *VPC) {
			setBool(&v.DNSHostnames, in.EnableDnsHostnames)
			setBool(&v.DNSSupport, in.EnableDnsSupport)
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyVpcAttributeOutput{}, nil
}

func setBool(to *bool, v *types.AttributeBooleanValue) {
	if v != nil {
		*to = awssdk.ToBool(v.Value)
	}
}

// CreateSubnet makes a subnet; in the first zone where none is asked for.
func (r *Region) CreateSubnet(_ context.Context, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	cidr, err := vpcBlock(in.CidrBlock, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	tags, err := ec2TagsAtCreation(in.TagSpecifications, types.ResourceTypeSubnet)
	if err != nil {
		return nil, err
	}
	var made types.Subnet
	err = r.write(func(x *tx) error {
		vpc, ok := r.vpcs.get(awssdk.ToString(in.VpcId))
		if !ok {
			return absentVPC(awssdk.ToString(in.VpcId))
		}
		zone, err := r.zoneAskedFor(in)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(vpc.blocks(), func(p netip.Prefix) bool { return p.Contains(cidr.Addr()) && p.Bits() <= cidr.Bits() }) {
			return faultf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", cidr)
		}
		for _, s := range r.subnets.of(vpc.Key) {
			if s.cidr().Overlaps(cidr) {
				return faultf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
			}
		}
		s := r.newSubnet(x, vpc.Key, zone, cidr, false, tags)
		if in.Ipv6CidrBlock != nil {
			if _, err := r.addSubnetIPv6(x, s, *in.Ipv6CidrBlock); err != nil {
				return err
			}
			s, _ = r.subnets.get(s.Key)
		}
		made = r.showSubnet(s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateSubnetOutput{Subnet: &made}, nil
}

func (r *Region) zoneAskedFor(in *ec2.CreateSubnetInput) (string, error) {
	name, id := awssdk.ToString(in.AvailabilityZone), awssdk.ToString(in.AvailabilityZoneId)
	for _, zone := range r.zones() {
		if name == zone || id == r.zoneID(zone) || name == "" && id == "" {
			return zone, nil
		}
	}
	return "", faultf("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %v.", clip(name+id), r.zones())
}

// addSubnetIPv6 gives a subnet an IPv6 network out of its VPC's.
func (r *Region) addSubnetIPv6(x *tx, s *Subnet, block string) (types.SubnetIpv6CidrBlockAssociation, error) {
	p, err := netip.ParsePrefix(block)
	if err != nil || !p.Addr().Is6() || p.Bits() != subnetIPv6Bits || p != p.Masked() {
		return types.SubnetIpv6CidrBlockAssociation{}, faultf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", clip(block))
	}
	vpc, ok := r.vpcs.get(s.VPC)
	if !ok || !slices.ContainsFunc(vpc.blocks(), func(b netip.Prefix) bool { return b.Contains(p.Addr()) }) {
		return types.SubnetIpv6CidrBlockAssociation{}, faultf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", block)
	}
	for _, other := range r.subnets.of(s.VPC) {
		for _, a := range other.Spec.Ipv6CidrBlockAssociationSet {
			if awssdk.ToString(a.Ipv6CidrBlock) == p.String() {
				return types.SubnetIpv6CidrBlockAssociation{}, faultf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", p)
			}
		}
	}
	if len(s.Spec.Ipv6CidrBlockAssociationSet) > 0 {
		return types.SubnetIpv6CidrBlockAssociation{}, faultf("InvalidSubnet.Conflict", "The subnet '%s' has an IPv6 CIDR block already", s.Key)
	}
	association := types.SubnetIpv6CidrBlockAssociation{
		AssociationId: ptr(x.id("subnet-cidr-assoc")), Ipv6CidrBlock: ptr(p.String()),
		Ipv6CidrBlockState: &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCodeAssociated},
	}
	r.subnets.edit(x, s.Key, func(s *Subnet) {
		s.Spec.Ipv6CidrBlockAssociationSet = []types.SubnetIpv6CidrBlockAssociation{association}
	})
	return association, nil
}

// AssociateSubnetCidrBlock gives a subnet an IPv6 network.
func (r *Region) AssociateSubnetCidrBlock(_ context.Context, in *ec2.AssociateSubnetCidrBlockInput) (*ec2.AssociateSubnetCidrBlockOutput, error) {
	out := &ec2.AssociateSubnetCidrBlockOutput{SubnetId: in.SubnetId}
	err := r.write(func(x *tx) error {
		s, ok := r.subnets.get(awssdk.ToString(in.SubnetId))
		if !ok {
			return absentSubnet(awssdk.ToString(in.SubnetId))
		}
		a, err := r.addSubnetIPv6(x, s, awssdk.ToString(in.Ipv6CidrBlock))
		out.Ipv6CidrBlockAssociation = &a
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteSubnet deletes a subnet without network interfaces.
func (r *Region) DeleteSubnet(_ context.Context, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	err := r.write(func(x *tx) error {
		id := awssdk.ToString(in.SubnetId)
		s, ok := r.subnets.get(id)
		if !ok {
			return absentSubnet(id)
		}
		if len(r.interfaces.of(id)) > 0 || len(r.usersOf(id)) > 0 {
			return faultf("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", id)
		}
		for _, t := range r.routeTables.of(s.VPC) {
			if slices.ContainsFunc(t.Spec.Associations, func(a types.RouteTableAssociation) bool { return awssdk.ToString(a.SubnetId) == id }) {
				r.dropAssociations(x, t, func(a types.RouteTableAssociation) bool { return awssdk.ToString(a.SubnetId) == id })
			}
		}
		r.subnets.drop(x, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteSubnetOutput{}, nil
}

// ModifySubnetAttribute changes what instances get that are launched in a subnet.
func (r *Region) ModifySubnetAttribute(_ context.Context, in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
	err := r.write(func(x *tx) error {
		id := awssdk.ToString(in.SubnetId)
		if _, ok := r.subnets.get(id); !ok {
			return absentSubnet(id)
		}
		r.subnets.edit(x, id, func(s *Subnet) {
			for _, set := range []struct {
				to    **bool
				value *types.AttributeBooleanValue
			}{
				{&s.Spec.MapPublicIpOnLaunch, in.MapPublicIpOnLaunch},
				{&s.Spec.AssignIpv6AddressOnCreation, in.AssignIpv6AddressOnCreation},
				{&s.Spec.EnableDns64, in.EnableDns64},
			} {
				if set.value != nil {
					*set.to = ptr(awssdk.ToBool(set.value.Value))
				}
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifySubnetAttributeOutput{}, nil
}
