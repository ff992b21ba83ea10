package aws

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// zoneLetters are the Availability Zones that every region has.
const zoneLetters = "abc"

// subnetBits is how much longer the prefix of a default subnet is than its VPC's: of 172.31.0.0/16 it is a /20, as in AWS.
const subnetBits = 4

// regionAge is how old what a region is seeded with is when it is first looked at: old enough for everybody to see it.
const regionAge = 24 * time.Hour

// seed gives a new region what AWS gives one: a default VPC, a default subnet in each zone, an internet gateway, a main route
// table that leads to it, and a default security group. The lock is held.
func (r *Region) seed(x *tx) {
	x.now = x.now.Add(-regionAge)
	cidr := r.cloud.cfg.VPCCIDR
	vpc := r.newVPC(x, cidr, true, nil)
	gateway := x.id("igw")
	r.internetGateways.put(x, &InternetGateway{Meta: x.meta(gateway, nil, 0), Spec: types.InternetGateway{
		InternetGatewayId: &gateway, OwnerId: r.owner(),
		Attachments: []types.InternetGatewayAttachment{{State: "available", VpcId: &vpc.Key}},
	}})
	main := r.mainRouteTable(vpc.Key)
	r.routeTables.edit(x, main.Key, func(t *RouteTable) {
		t.Spec.Routes = append(t.Spec.Routes[:len(t.Spec.Routes):len(t.Spec.Routes)], types.Route{
			DestinationCidrBlock: ptr("0.0.0.0/0"), GatewayId: &gateway, Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive,
		})
	})
	for i, zone := range r.zones() {
		r.newSubnet(x, vpc.Key, zone, nthPrefix(cidr, cidr.Bits()+subnetBits, i), true, nil)
	}
}

// nthPrefix returns the nth network with that many bits in the prefix.
func nthPrefix(within netip.Prefix, bits, n int) netip.Prefix {
	a := within.Masked().Addr().As4()
	at := binary.BigEndian.Uint32(a[:]) + uint32(n)<<(32-bits)
	binary.BigEndian.PutUint32(a[:], at)
	return netip.PrefixFrom(netip.AddrFrom4(a), bits)
}

// newVPC makes a VPC with what each has: a main route table and a default security group.
func (r *Region) newVPC(x *tx, cidr netip.Prefix, isDefault bool, tags map[string]string) *VPC {
	id, dhcp, association := x.id("vpc"), x.id("dopt"), x.id("vpc-cidr-assoc")
	if other, ok := r.vpcs.first(func(*VPC) bool { return true }); ok {
		dhcp = *other.Spec.DhcpOptionsId // a region has one set of DHCP options
	}
	block := cidr.String()
	vpc := &VPC{Meta: x.meta(id, tags, 0), DNSSupport: true, DNSHostnames: isDefault, Spec: types.Vpc{
		VpcId: &id, CidrBlock: &block, DhcpOptionsId: &dhcp, InstanceTenancy: types.TenancyDefault, IsDefault: &isDefault,
		OwnerId: r.owner(), State: types.VpcStateAvailable,
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{{
			AssociationId: &association, CidrBlock: &block, CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
		}},
	}}
	r.vpcs.put(x, vpc)
	table := r.newRouteTable(x, vpc, nil)
	r.routeTables.edit(x, table.Key, func(t *RouteTable) {
		t.Spec.Associations = []types.RouteTableAssociation{newAssociation(x, t.Key, nil)}
	})
	group := r.newSecurityGroup(x, id, defaultGroup, "default VPC security group", nil)
	r.addRules(x, group, false, []permission{{protocol: "-1", from: -1, to: -1, peer: peer{group: group.Key, owner: *r.owner()}}}, nil)
	return vpc
}

// newAssociation binds a route table to a subnet, or to the whole VPC where there is none.
func newAssociation(x *tx, table string, subnet *string) types.RouteTableAssociation {
	return types.RouteTableAssociation{
		RouteTableAssociationId: ptr(x.id("rtbassoc")), RouteTableId: &table, SubnetId: subnet, Main: ptr(subnet == nil),
		AssociationState: &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated},
	}
}

// newRouteTable makes a route table with the routes that each has: to the VPC's own networks.
func (r *Region) newRouteTable(x *tx, vpc *VPC, tags map[string]string) *RouteTable {
	id := x.id("rtb")
	t := &RouteTable{Meta: x.meta(id, tags, 0), VPC: vpc.Key, Spec: types.RouteTable{
		RouteTableId: &id, VpcId: &vpc.Key, OwnerId: r.owner(), PropagatingVgws: []types.PropagatingVgw{}, Associations: []types.RouteTableAssociation{},
	}}
	for _, a := range vpc.Spec.CidrBlockAssociationSet {
		t.Spec.Routes = append(t.Spec.Routes, types.Route{
			DestinationCidrBlock: a.CidrBlock, GatewayId: ptr(localRoute), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive,
		})
	}
	for _, a := range vpc.Spec.Ipv6CidrBlockAssociationSet {
		t.Spec.Routes = append(t.Spec.Routes, types.Route{
			DestinationIpv6CidrBlock: a.Ipv6CidrBlock, GatewayId: ptr(localRoute), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive,
		})
	}
	r.routeTables.put(x, t)
	return t
}

// localRoute is the gateway of routes that stay within the VPC.
const localRoute = "local"

// mainRouteTable returns the one that holds for the subnets of a VPC that have none of their own. Every VPC has it.
func (r *Region) mainRouteTable(vpc string) *RouteTable {
	for _, t := range r.routeTables.of(vpc) {
		for _, a := range t.Spec.Associations {
			if a.Main != nil && *a.Main {
				return t
			}
		}
	}
	return nil
}

func (r *Region) newSubnet(x *tx, vpc, zone string, cidr netip.Prefix, isDefault bool, tags map[string]string) *Subnet {
	id := x.id("subnet")
	s := &Subnet{Meta: x.meta(id, tags, 0), VPC: vpc, Zone: zone, Spec: types.Subnet{
		SubnetId: &id, VpcId: &vpc, AvailabilityZone: &zone, AvailabilityZoneId: ptr(r.zoneID(zone)), CidrBlock: ptr(cidr.String()),
		AssignIpv6AddressOnCreation: ptr(false), DefaultForAz: &isDefault, EnableDns64: ptr(false), Ipv6Native: ptr(false),
		MapCustomerOwnedIpOnLaunch: ptr(false), MapPublicIpOnLaunch: &isDefault, OwnerId: r.owner(), State: types.SubnetStateAvailable,
		SubnetArn: ptr(r.arn("ec2", "subnet/"+id)), Ipv6CidrBlockAssociationSet: []types.SubnetIpv6CidrBlockAssociation{},
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: ptr(false), EnableResourceNameDnsAAAARecord: ptr(false),
		},
	}}
	r.subnets.put(x, s)
	return s
}

// owner returns the account as EC2 names it.
func (r *Region) owner() *string { return &r.cloud.cfg.AccountID }

// zones returns the names of the region's Availability Zones.
func (r *Region) zones() []string {
	names := make([]string, len(zoneLetters))
	for i := range zoneLetters {
		names[i] = r.name + zoneLetters[i:i+1]
	}
	return names
}

// zoneID returns the id of a zone, "use1-az1" for us-east-1a: here, unlike in AWS, the same zone has the same id in every account.
func (r *Region) zoneID(zone string) string {
	var short strings.Builder
	for i, part := range strings.Split(r.name, "-") {
		switch {
		case i == 0:
			short.WriteString(part)
		case directions[part] != "":
			short.WriteString(directions[part])
		default:
			short.WriteString(part[:min(1, len(part))])
		}
	}
	return short.String() + "-az" + string('1'+zone[len(zone)-1]-'a')
}

var directions = map[string]string{"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw"}

func ptr[T any](v T) *T { return &v }
