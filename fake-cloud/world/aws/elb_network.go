package aws

import (
	"cmp"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// minFree is how many addresses of a subnet have to be free for a load balancer to enter it.
const minFree = 8

// mapping is a subnet that a load balancer is to be in.
type mapping struct {
	subnet  *Subnet
	private netip.Addr // that is asked for, or none
}

// checkNetwork returns the subnets that a load balancer is asked to be in, by zone, and sets the VPC of want. The lock is held.
func (r *Region) checkNetwork(want *LoadBalancer, subnets []string, given []types.SubnetMapping) ([]mapping, error) {
	if len(subnets) > 0 && len(given) > 0 {
		return nil, invalidf("Subnets and subnet mappings cannot be specified at the same time")
	}
	for _, s := range subnets {
		given = append(given, types.SubnetMapping{SubnetId: aws.String(s)})
	}
	application := want.Type == types.LoadBalancerTypeEnumApplication
	if len(given) == 0 {
		return nil, invalidf("At least one subnet must be specified")
	}
	var mappings []mapping
	for _, g := range given {
		m, err := r.checkMapping(want, g)
		if err != nil {
			return nil, err
		}
		mappings = append(mappings, m)
	}
	slices.SortFunc(mappings, func(a, b mapping) int { return cmp.Compare(a.subnet.Zone, b.subnet.Zone) })
	vpc := mappings[0].subnet.VPC
	for i, m := range mappings {
		switch {
		case m.subnet.VPC != vpc:
			return nil, faultf("InvalidConfigurationRequest", "All subnets must belong to the same VPC: '%s'", vpc)
		case i > 0 && m.subnet.Zone == mappings[i-1].subnet.Zone:
			return nil, faultf("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
	}
	if application && len(mappings) < 2 {
		return nil, invalidf("At least two subnets in two different Availability Zones must be specified")
	}
	if want.VPC != "" && want.VPC != vpc {
		return nil, faultf("InvalidConfigurationRequest", "All subnets must belong to the same VPC: '%s'", want.VPC)
	}
	want.VPC = vpc
	if want.Scheme == types.LoadBalancerSchemeEnumInternetFacing && !r.hasInternetGateway(vpc) {
		return nil, faultf("InvalidSubnet", "VPC %s has no internet gateway", vpc)
	}
	return mappings, nil
}

func (r *Region) checkMapping(want *LoadBalancer, g types.SubnetMapping) (mapping, error) {
	application := want.Type == types.LoadBalancerTypeEnumApplication
	id := aws.ToString(g.SubnetId)
	subnet, ok := r.subnets.get(id)
	switch {
	case id == "":
		return mapping{}, invalidf("A subnet ID must be specified")
	case !ok:
		return mapping{}, faultf("SubnetNotFound", "The subnet ID '%s' is not valid", clip(id))
	case application && (g.AllocationId != nil || g.PrivateIPv4Address != nil || g.IPv6Address != nil):
		return mapping{}, faultf("InvalidConfigurationRequest", "Addresses of subnet mappings are not supported for load balancers with type 'application'")
	case g.AllocationId != nil && want.Scheme == types.LoadBalancerSchemeEnumInternal:
		return mapping{}, faultf("InvalidConfigurationRequest", "Elastic IP addresses are not supported for internal load balancers")
	case g.AllocationId != nil:
		return mapping{}, faultf("AllocationIdNotFound", "The allocation ID '%s' does not exist", clip(*g.AllocationId))
	case g.PrivateIPv4Address != nil && want.Scheme != types.LoadBalancerSchemeEnumInternal:
		return mapping{}, faultf("InvalidConfigurationRequest", "Private IPv4 addresses are supported only for internal load balancers")
	case want.IPAddressType != types.IpAddressTypeIpv4 && len(subnet.Spec.Ipv6CidrBlockAssociationSet) == 0:
		return mapping{}, faultf("InvalidConfigurationRequest", "You must specify subnets with an associated IPv6 CIDR block: '%s' has none", id)
	}
	m := mapping{subnet: subnet}
	if g.PrivateIPv4Address != nil {
		ip, err := netip.ParseAddr(*g.PrivateIPv4Address)
		if err != nil || !subnet.cidr().Contains(ip) {
			return m, invalidf("'%s' is not a valid private IPv4 address of subnet '%s'", clip(*g.PrivateIPv4Address), id)
		}
		m.private = ip
	}
	return m, nil
}

// cidr returns the IPv4 prefix of the subnet.
func (s *Subnet) cidr() netip.Prefix {
	p, err := netip.ParsePrefix(aws.ToString(s.Spec.CidrBlock))
	if err != nil {
		return netip.Prefix{} // contains nothing
	}
	return p
}

func (r *Region) hasInternetGateway(vpc string) bool {
	_, ok := r.internetGateways.first(func(g *InternetGateway) bool {
		return slices.ContainsFunc(g.Spec.Attachments, func(a ec2types.InternetGatewayAttachment) bool { return aws.ToString(a.VpcId) == vpc })
	})
	return ok
}

// checkGroups sets the security groups of want: those given, or for an Application Load Balancer the default one. The lock is held.
func (r *Region) checkGroups(want *LoadBalancer, given []string) error {
	application := want.Type == types.LoadBalancerTypeEnumApplication
	if len(given) == 0 {
		if g, ok := r.securityGroups.first(func(g *SecurityGroup) bool { return g.VPC == want.VPC && g.Name == "default" }); ok && application {
			want.SecurityGroups = []string{g.Key}
		}
		return nil
	}
	groups := make([]string, 0, len(given))
	for _, id := range given {
		g, ok := r.securityGroups.get(id)
		switch {
		case !ok:
			return faultf("InvalidSecurityGroup", "Security group '%s' does not exist", clip(id))
		case g.VPC != want.VPC:
			return faultf("InvalidConfigurationRequest", "One or more security groups are invalid: '%s' is not in VPC '%s'", id, want.VPC)
		case !slices.Contains(groups, id):
			groups = append(groups, id)
		}
	}
	if len(groups) > r.quota("security-groups-per-load-balancer") {
		return faultf("InvalidConfigurationRequest", "A load balancer cannot have more than %d security groups", r.quota("security-groups-per-load-balancer"))
	}
	want.SecurityGroups = groups
	return nil
}

// enter gives a load balancer a network interface in a subnet and an address on which it answers. The lock is held.
func (r *Region) enter(x *tx, lb *LoadBalancer, m mapping) (Zone, error) {
	z := Zone{Name: m.subnet.Zone, Subnet: m.subnet.Key, Fixed: m.private.IsValid()}
	private, free := r.freeAddress(m.subnet, m.private)
	if free < minFree {
		return z, faultf("InvalidSubnet", "Not enough IP space available in %s. ELB requires at least %d free IP addresses in each subnet.", m.subnet.Key, minFree)
	}
	if !private.IsValid() {
		return z, faultf("InvalidConfigurationRequest", "The private IPv4 address '%s' is in use", m.private)
	}
	address, err := r.cloud.addresses.Lend(lb.Key)
	if err != nil {
		return z, faultf("InvalidSubnet", "Not enough IP space available for load balancers: %v", err)
	}
	x.undo = append(x.undo, func() { r.cloud.addresses.GiveBack(address) })
	z.Private, z.Address = private, address
	eni := lb.networkInterface(r, x, z)
	r.interfaces.put(x, eni)
	z.Interface = eni.Key
	return z, nil
}

// networkInterface returns the new interface of a load balancer in a zone.
func (lb *LoadBalancer) networkInterface(r *Region, x *tx, z Zone) *NetworkInterface {
	kind := ec2types.NetworkInterfaceTypeInterface
	if lb.Type == types.LoadBalancerTypeEnumNetwork {
		kind = ec2types.NetworkInterfaceTypeNetworkLoadBalancer
	}
	_, name, _ := strings.Cut(lb.Key, ":loadbalancer/")
	eni := &NetworkInterface{
		Meta: x.meta(x.id("eni"), nil, 0), Subnet: z.Subnet, VPC: lb.VPC, LoadBalancer: lb.Key, Groups: lb.SecurityGroups,
		Addresses: []netip.Addr{z.Private},
	}
	eni.Spec = ec2types.NetworkInterface{
		NetworkInterfaceId: aws.String(eni.Key), SubnetId: aws.String(z.Subnet), VpcId: aws.String(lb.VPC), AvailabilityZone: aws.String(z.Name),
		Description: aws.String("ELB " + name), InterfaceType: kind, OwnerId: aws.String(r.cloud.cfg.AccountID),
		RequesterId: aws.String("amazon-elb"), RequesterManaged: aws.Bool(true), SourceDestCheck: aws.Bool(false),
		Status: ec2types.NetworkInterfaceStatusInUse, PrivateIpAddress: aws.String(z.Private.String()),
		Attachment: &ec2types.NetworkInterfaceAttachment{
			AttachmentId: aws.String(x.id("eni-attach")), DeleteOnTermination: aws.Bool(false), DeviceIndex: aws.Int32(1),
			InstanceOwnerId: aws.String("amazon-elb"), Status: ec2types.AttachmentStatusAttached, AttachTime: aws.Time(x.now),
		},
	}
	if lb.Scheme == types.LoadBalancerSchemeEnumInternetFacing {
		eni.Public = z.Address
	}
	return eni
}

// leave ends a load balancer's presence in a zone. Its network interface may stay for a while, as AWS's do. The lock is held.
func (r *Region) leave(x *tx, z Zone) {
	x.after = append(x.after, func() { r.cloud.addresses.GiveBack(z.Address) })
	eni, ok := r.interfaces.get(z.Interface)
	if !ok {
		return
	}
	stay := x.span(func(s spans) time.Duration { return s.interfaces })
	if stay == 0 {
		r.interfaces.drop(x, eni.Key)
		return
	}
	r.interfaces.edit(x, eni.Key, func(i *NetworkInterface) { i.Due = x.now.Add(stay) })
}

// freeAddress returns asked where it is free, or a free address of the subnet where none is asked for, and how many are free.
// The lock is held.
func (r *Region) freeAddress(s *Subnet, asked netip.Addr) (netip.Addr, int) {
	cidr := s.cidr()
	if !cidr.IsValid() || !cidr.Addr().Is4() {
		return netip.Addr{}, 0
	}
	taken := map[netip.Addr]bool{}
	for _, eni := range r.interfaces.of(s.Key) {
		for _, ip := range eni.Addresses {
			taken[ip] = true
		}
	}
	prefixes := r.delegated(s)
	first := cidr.Masked().Addr().As4()
	base, size := binary.BigEndian.Uint32(first[:]), uint32(1)<<(32-cidr.Bits())
	at := func(n uint32) netip.Addr { return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, base+n))) }
	usable := func(ip netip.Addr) bool {
		return !taken[ip] && !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	// AWS keeps the first four addresses and the last.
	reserved := 5
	free := max(0, int(size)-reserved-len(taken)-16*len(prefixes))
	if asked.IsValid() {
		if !usable(asked) || asked.Less(at(4)) || asked == at(size-1) {
			return netip.Addr{}, free
		}
		return asked, free
	}
	for n := uint32(4); n < size-1; n++ {
		if ip := at(n); usable(ip) {
			return ip, free
		}
	}
	return netip.Addr{}, free
}

// delegated returns the prefixes that interfaces in the subnet have. The lock is held.
func (r *Region) delegated(s *Subnet) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, eni := range r.interfaces.of(s.Key) {
		prefixes = append(prefixes, eni.Prefixes...)
	}
	return prefixes
}

// SetSecurityGroups implements the action of that name.
func (r *Region) SetSecurityGroups(_ context.Context, in *elb.SetSecurityGroupsInput) (*elb.SetSecurityGroupsOutput, error) {
	out := &elb.SetSecurityGroupsOutput{}
	return out, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		enforce := in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic
		network := lb.Type == types.LoadBalancerTypeEnumNetwork
		switch {
		case len(in.SecurityGroups) == 0:
			return invalidf("At least one security group must be specified")
		case network && len(lb.SecurityGroups) == 0:
			return faultf("InvalidConfigurationRequest", "Security groups cannot be set for a Network Load Balancer that was created without security groups")
		case enforce != "" && !network:
			return faultf("InvalidConfigurationRequest", "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic is not supported for load balancers with type '%s'", lb.Type)
		case enforce != "" && !slices.Contains(enforce.Values(), enforce):
			return invalidf("'%s' is not a valid value for EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", clip(string(enforce)))
		}
		next := *lb
		if err := r.checkGroups(&next, in.SecurityGroups); err != nil {
			return err
		}
		next.EnforcePrivate = cmp.Or(string(enforce), next.EnforcePrivate)
		r.loadBalancers.put(x, &next)
		for _, z := range next.Zones {
			if _, ok := r.interfaces.get(z.Interface); ok {
				r.interfaces.edit(x, z.Interface, func(i *NetworkInterface) { i.Groups = next.SecurityGroups })
			}
		}
		out.SecurityGroupIds = next.SecurityGroups
		out.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(next.EnforcePrivate)
		return nil
	})
}

// SetSubnets implements the action of that name: what is not named any more is left, what is new is entered.
func (r *Region) SetSubnets(_ context.Context, in *elb.SetSubnetsInput) (*elb.SetSubnetsOutput, error) {
	out := &elb.SetSubnetsOutput{}
	return out, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		next := *lb
		if in.IpAddressType != "" {
			next.IPAddressType = in.IpAddressType
		}
		if !slices.Contains(next.IPAddressType.Values(), next.IPAddressType) {
			return invalidf("'%s' is not a valid IP address type", clip(string(next.IPAddressType)))
		}
		if in.EnablePrefixForIpv6SourceNat != "" {
			next.SourceNAT = in.EnablePrefixForIpv6SourceNat
		}
		mappings, err := r.checkNetwork(&next, in.Subnets, in.SubnetMappings)
		if err != nil {
			return err
		}
		next.Zones = nil
		for _, z := range lb.Zones {
			if !slices.ContainsFunc(mappings, func(m mapping) bool { return m.keeps(z) }) {
				r.leave(x, z)
			}
		}
		for _, m := range mappings {
			i := slices.IndexFunc(lb.Zones, m.keeps)
			if i >= 0 {
				next.Zones = append(next.Zones, lb.Zones[i])
				continue
			}
			z, err := r.enter(x, lb, m)
			if err != nil {
				return err
			}
			next.Zones = append(next.Zones, z)
		}
		r.loadBalancers.put(x, &next)
		out.AvailabilityZones, out.IpAddressType, out.EnablePrefixForIpv6SourceNat = next.zones(), next.IPAddressType, next.SourceNAT
		return nil
	})
}

// keeps reports whether a load balancer that is in the zone need not enter anew.
func (m mapping) keeps(z Zone) bool {
	return m.subnet.Key == z.Subnet && (!m.private.IsValid() || m.private == z.Private)
}

// SetIpAddressType implements the action of that name.
func (r *Region) SetIpAddressType(_ context.Context, in *elb.SetIpAddressTypeInput) (*elb.SetIpAddressTypeOutput, error) {
	return &elb.SetIpAddressTypeOutput{IpAddressType: in.IpAddressType}, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if !slices.Contains(in.IpAddressType.Values(), in.IpAddressType) {
			return invalidf("'%s' is not a valid IP address type", clip(string(in.IpAddressType)))
		}
		for _, z := range lb.Zones {
			s, ok := r.subnets.get(z.Subnet)
			if in.IpAddressType != types.IpAddressTypeIpv4 && (!ok || len(s.Spec.Ipv6CidrBlockAssociationSet) == 0) {
				return faultf("InvalidSubnet", "You must specify subnets with an associated IPv6 CIDR block: '%s' has none", z.Subnet)
			}
		}
		for _, l := range r.elbListeners.of(lb.Key) {
			if in.IpAddressType != types.IpAddressTypeIpv4 && carriesDatagrams(l.Protocol) && lb.SourceNAT != types.EnablePrefixForIpv6SourceNatEnumOn {
				return faultf("InvalidConfigurationRequest", "A load balancer with listeners of protocol '%s' cannot be dualstack", l.Protocol)
			}
		}
		r.loadBalancers.edit(x, lb.Key, func(lb *LoadBalancer) { lb.IPAddressType = in.IpAddressType })
		return nil
	})
}
