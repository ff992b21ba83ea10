package aws

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// InstanceSeed describes an instance to an account, which launches none itself. All but PrivateIPs may be left out: the id is made up,
// the subnet is the one that has the first address, or one of the zone or of the default VPC.
type InstanceSeed struct {
	ID             string            `json:"id,omitempty"`
	PrivateIPs     []netip.Addr      `json:"privateIPs"` // the primary first; they may be in no subnet
	Prefixes       []netip.Prefix    `json:"prefixes,omitempty"`
	Subnet         string            `json:"subnet,omitempty"`
	Zone           string            `json:"zone,omitempty"`
	SecurityGroups []string          `json:"securityGroups,omitempty"` // empty is the VPC's default one
	Tags           map[string]string `json:"tags,omitempty"`
	Type           string            `json:"type,omitempty"` // of the instance; empty is m5.large
}

// SeedInstance makes a running instance with one network interface, or makes the one with the id what the seed says. It returns the id.
func (r *Region) SeedInstance(seed InstanceSeed) (id string, err error) {
	if seed.ID != "" && !instanceID.MatchString(seed.ID) {
		return "", absentInstance(seed.ID)
	}
	if len(seed.PrivateIPs) == 0 {
		return "", faultf("MissingParameter", "An instance must have a private address")
	}
	err = r.write(func(x *tx) error {
		subnet, err := r.subnetOfSeed(seed)
		if err != nil {
			return err
		}
		if err := r.checkSeed(seed, subnet); err != nil {
			return err
		}
		if id = seed.ID; id == "" {
			id = x.id("i")
		}
		meta := x.meta(id, maps.Clone(seed.Tags), 0)
		if was, ok := r.instances.get(id); ok {
			r.dropInterfacesOf(x, was)
			meta.Seq, meta.Created = was.Seq, was.Created
		}
		eni := r.interfaceOfSeed(x, id, seed, subnet)
		r.interfaces.put(x, eni)
		r.instances.put(x, r.instanceOfSeed(meta, eni, seed, subnet))
		return nil
	})
	return id, err
}

func (r *Region) subnetOfSeed(seed InstanceSeed) (*Subnet, error) {
	if seed.Subnet != "" {
		s, ok := r.subnets.get(seed.Subnet)
		if !ok {
			return nil, absentSubnet(seed.Subnet)
		}
		if seed.Zone != "" && seed.Zone != s.Zone {
			return nil, faultf("InvalidParameterValue", "Subnet '%s' is not in zone '%s'", s.Key, seed.Zone)
		}
		return s, nil
	}
	if seed.Zone != "" && !slices.Contains(r.zones(), seed.Zone) {
		return nil, faultf("InvalidParameterValue", "Invalid availability zone: [%s]", seed.Zone)
	}
	inZone := func(s *Subnet) bool { return seed.Zone == "" || s.Zone == seed.Zone }
	if s, ok := r.subnets.first(func(s *Subnet) bool { return inZone(s) && s.cidr().Contains(seed.PrivateIPs[0]) }); ok {
		return s, nil
	}
	vpc, err := r.vpcOrDefault(nil)
	if err != nil {
		return nil, err
	}
	for _, s := range r.subnets.of(vpc.Key) {
		if inZone(s) {
			return s, nil
		}
	}
	return nil, faultf("InvalidSubnetID.NotFound", "There is no subnet for the instance")
}

func (r *Region) checkSeed(seed InstanceSeed, subnet *Subnet) error {
	for _, id := range seed.SecurityGroups {
		g, ok := r.securityGroups.get(id)
		if !ok {
			return absentGroup(id)
		}
		if g.VPC != subnet.VPC {
			return faultf("InvalidParameter", "Security group %s and subnet %s belong to different networks.", id, subnet.Key)
		}
	}
	if len(seed.SecurityGroups) > r.quota("security-groups-per-network-interface") {
		return faultf("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for i, ip := range seed.PrivateIPs {
		if !ip.IsValid() || slices.Contains(seed.PrivateIPs[:i], ip) {
			return faultf("InvalidParameterValue", "Private address %d is not valid, or there twice", i)
		}
	}
	other, taken := r.interfaces.first(func(n *NetworkInterface) bool {
		return n.VPC == subnet.VPC && (n.Instance == "" || n.Instance != seed.ID) &&
			slices.ContainsFunc(n.Addresses, func(ip netip.Addr) bool { return slices.Contains(seed.PrivateIPs, ip) })
	})
	if taken {
		return faultf("InvalidIPAddress.InUse", "A private address of the instance is in use by %s", other.Key)
	}
	return nil
}

func (r *Region) interfaceOfSeed(x *tx, instance string, seed InstanceSeed, subnet *Subnet) *NetworkInterface {
	groups := slices.Clone(seed.SecurityGroups)
	if len(groups) == 0 {
		for _, g := range r.securityGroups.of(subnet.VPC) {
			if g.Name == defaultGroup {
				groups = []string{g.Key}
			}
		}
	}
	id := x.id("eni")
	return &NetworkInterface{
		Meta: x.meta(id, nil, 0), Subnet: subnet.Key, VPC: subnet.VPC, Instance: instance, Groups: groups,
		Addresses: slices.Clone(seed.PrivateIPs), Prefixes: slices.Clone(seed.Prefixes),
		Spec: types.NetworkInterface{
			NetworkInterfaceId: &id, SubnetId: &subnet.Key, VpcId: &subnet.VPC, AvailabilityZone: &subnet.Zone, Description: ptr(""),
			InterfaceType: types.NetworkInterfaceTypeInterface, OwnerId: r.owner(), RequesterManaged: ptr(false), SourceDestCheck: ptr(true),
			Status: types.NetworkInterfaceStatusInUse,
			Attachment: &types.NetworkInterfaceAttachment{
				AttachmentId: ptr(x.id("eni-attach")), AttachTime: ptr(x.now), DeleteOnTermination: ptr(true), DeviceIndex: ptr(int32(0)),
				NetworkCardIndex: ptr(int32(0)), InstanceId: &instance, InstanceOwnerId: r.owner(), Status: types.AttachmentStatusAttached,
			},
		},
	}
}

func (r *Region) instanceOfSeed(meta Meta, eni *NetworkInterface, seed InstanceSeed, subnet *Subnet) *Instance {
	primary, kind := seed.PrivateIPs[0], seed.Type
	if kind == "" {
		kind = string(types.InstanceTypeM5Large)
	}
	created := meta.Created
	return &Instance{
		Meta: meta, VPC: subnet.VPC, Subnet: subnet.Key, Zone: subnet.Zone, Address: primary, Running: true,
		Spec: types.Instance{
			InstanceId: &meta.Key, InstanceType: types.InstanceType(kind), ImageId: ptr("ami-00000000000000000"), AmiLaunchIndex: ptr(int32(0)),
			Architecture: types.ArchitectureValuesX8664, Hypervisor: types.HypervisorTypeXen, VirtualizationType: types.VirtualizationTypeHvm,
			LaunchTime: &created, Monitoring: &types.Monitoring{State: types.MonitoringStateDisabled}, PlatformDetails: ptr("Linux/UNIX"),
			Placement: &types.Placement{
				AvailabilityZone: &subnet.Zone, AvailabilityZoneId: subnet.Spec.AvailabilityZoneId, GroupName: ptr(""), Tenancy: types.TenancyDefault,
			},
			PrivateIpAddress: ptr(primary.String()), PrivateDnsName: ptr(r.privateName(primary)), PublicDnsName: ptr(""), SourceDestCheck: ptr(true),
			State: instanceState(types.InstanceStateNameRunning), SubnetId: &subnet.Key, VpcId: &subnet.VPC,
			NetworkInterfaces: []types.InstanceNetworkInterface{{NetworkInterfaceId: &eni.Key}},
		},
	}
}
