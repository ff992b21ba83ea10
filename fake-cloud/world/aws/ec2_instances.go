package aws

import (
	"context"
	"regexp"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// terminatedTime is how long a terminated instance can still be seen.
const terminatedTime = time.Hour

// DescribeInstances lists instances, each in a reservation of its own.
func (r *Region) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	out := &ec2.DescribeInstancesOutput{}
	err := r.read(func() error {
		found, next, err := ec2Query[*Instance, types.Instance]{
			region: r, table: r.instances, ids: in.InstanceIds, param: "instancesSet", absent: absentInstance, show: r.showInstance,
			fields: instanceFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		out.NextToken = next
		for _, i := range found {
			out.Reservations = append(out.Reservations, types.Reservation{
				ReservationId: ptr(reservationOf(*i.InstanceId)), OwnerId: r.owner(), Instances: []types.Instance{i},
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// reservationOf names the reservation of an instance, of which it is the only one.
func reservationOf(instance string) string { return "r-" + strings.TrimPrefix(instance, "i-") }

var instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

func absentInstance(id string) error {
	if !instanceID.MatchString(id) {
		return faultf("InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id)
	}
	return faultf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
}

// showInstance adds to an instance what its network interface has.
func (r *Region) showInstance(i *Instance) types.Instance {
	s := i.Spec
	s.Tags = ec2TagSet(i.Tags)
	own := s.NetworkInterfaces
	s.NetworkInterfaces = nil
	for _, n := range own {
		row, ok := r.interfaces.get(*n.NetworkInterfaceId)
		if !ok {
			continue // of a terminated instance
		}
		v := r.showInterface(row)
		s.SecurityGroups = v.Groups
		s.NetworkInterfaces = append(s.NetworkInterfaces, interfaceOfInstance(v))
	}
	return s
}

// interfaceOfInstance is a network interface as DescribeInstances shows it.
func interfaceOfInstance(v types.NetworkInterface) types.InstanceNetworkInterface {
	n := types.InstanceNetworkInterface{
		NetworkInterfaceId: v.NetworkInterfaceId, Description: v.Description, Groups: v.Groups, InterfaceType: ptr(string(v.InterfaceType)),
		MacAddress: v.MacAddress, OwnerId: v.OwnerId, PrivateDnsName: v.PrivateDnsName, PrivateIpAddress: v.PrivateIpAddress,
		SourceDestCheck: v.SourceDestCheck, Status: v.Status, SubnetId: v.SubnetId, VpcId: v.VpcId,
		Attachment: &types.InstanceNetworkInterfaceAttachment{
			AttachTime: v.Attachment.AttachTime, AttachmentId: v.Attachment.AttachmentId, DeleteOnTermination: v.Attachment.DeleteOnTermination,
			DeviceIndex: v.Attachment.DeviceIndex, NetworkCardIndex: v.Attachment.NetworkCardIndex, Status: v.Attachment.Status,
		},
	}
	for _, a := range v.PrivateIpAddresses {
		n.PrivateIpAddresses = append(n.PrivateIpAddresses, types.InstancePrivateIpAddress{
			Primary: a.Primary, PrivateIpAddress: a.PrivateIpAddress, PrivateDnsName: a.PrivateDnsName,
		})
	}
	for _, a := range v.Ipv6Addresses {
		n.Ipv6Addresses = append(n.Ipv6Addresses, types.InstanceIpv6Address{Ipv6Address: a.Ipv6Address})
	}
	for _, p := range v.Ipv4Prefixes {
		n.Ipv4Prefixes = append(n.Ipv4Prefixes, types.InstanceIpv4Prefix{Ipv4Prefix: p.Ipv4Prefix})
	}
	for _, p := range v.Ipv6Prefixes {
		n.Ipv6Prefixes = append(n.Ipv6Prefixes, types.InstanceIpv6Prefix{Ipv6Prefix: p.Ipv6Prefix})
	}
	return n
}

// Instance states, with their codes.
var instanceStates = map[types.InstanceStateName]int32{
	types.InstanceStateNamePending: 0, types.InstanceStateNameRunning: 16, types.InstanceStateNameShuttingDown: 32,
	types.InstanceStateNameTerminated: 48, types.InstanceStateNameStopping: 64, types.InstanceStateNameStopped: 80,
}

func instanceState(name types.InstanceStateName) *types.InstanceState {
	return &types.InstanceState{Name: name, Code: ptr(instanceStates[name])}
}

// StartInstances starts instances that are stopped.
func (r *Region) StartInstances(_ context.Context, in *ec2.StartInstancesInput) (*ec2.StartInstancesOutput, error) {
	changed, err := r.setStates(in.InstanceIds, types.InstanceStateNameRunning)
	if err != nil {
		return nil, err
	}
	return &ec2.StartInstancesOutput{StartingInstances: changed}, nil
}

// StopInstances stops instances that run.
func (r *Region) StopInstances(_ context.Context, in *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error) {
	changed, err := r.setStates(in.InstanceIds, types.InstanceStateNameStopped)
	if err != nil {
		return nil, err
	}
	return &ec2.StopInstancesOutput{StoppingInstances: changed}, nil
}

// TerminateInstances ends instances for good: their network interfaces go at once, they themselves can be seen for an hour.
func (r *Region) TerminateInstances(_ context.Context, in *ec2.TerminateInstancesInput) (*ec2.TerminateInstancesOutput, error) {
	changed, err := r.setStates(in.InstanceIds, types.InstanceStateNameTerminated)
	if err != nil {
		return nil, err
	}
	return &ec2.TerminateInstancesOutput{TerminatingInstances: changed}, nil
}

func (r *Region) setStates(ids []string, next types.InstanceStateName) ([]types.InstanceStateChange, error) {
	if len(ids) == 0 {
		return nil, faultf("MissingParameter", "The request must contain the parameter InstanceId")
	}
	var changed []types.InstanceStateChange
	err := r.write(func(x *tx) error {
		for _, id := range ids {
			i, ok := r.instances.get(id)
			if !ok {
				return absentInstance(id)
			}
			was := i.Spec.State
			if was.Name == types.InstanceStateNameTerminated && next != types.InstanceStateNameTerminated {
				return faultf("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be changed: %s", id, was.Name)
			}
			r.instances.edit(x, id, func(i *Instance) {
				i.Spec.State, i.Running = instanceState(next), next == types.InstanceStateNameRunning
				if next == types.InstanceStateNameTerminated {
					i.Due = x.now.Add(terminatedTime)
				}
			})
			if next == types.InstanceStateNameTerminated {
				r.dropInterfacesOf(x, i)
			}
			changed = append(changed, types.InstanceStateChange{InstanceId: ptr(id), PreviousState: was, CurrentState: instanceState(next)})
		}
		return nil
	})
	return changed, err
}

func (r *Region) dropInterfacesOf(x *tx, i *Instance) {
	for _, n := range i.Spec.NetworkInterfaces {
		r.interfaces.drop(x, *n.NetworkInterfaceId)
	}
}

func ofInterfaces(get func(types.InstanceNetworkInterface) []string) func(*types.Instance) []string {
	return func(i *types.Instance) []string {
		var out []string
		for _, n := range i.NetworkInterfaces {
			out = append(out, get(n)...)
		}
		return out
	}
}

func ofGroups(groups []types.GroupIdentifier, get func(types.GroupIdentifier) *string) []string {
	return each(groups, func(g types.GroupIdentifier) string { return awssdk.ToString(get(g)) })
}

var instanceFields = filterTable[types.Instance]{
	tags: func(i *types.Instance) []types.Tag { return i.Tags },
	fields: withInstanceFields(withoutValues(map[string]func(*types.Instance) []string{
		"architecture":         func(i *types.Instance) []string { return ofEnum(i.Architecture) },
		"availability-zone":    func(i *types.Instance) []string { return ofString(i.Placement.AvailabilityZone) },
		"availability-zone-id": func(i *types.Instance) []string { return ofString(i.Placement.AvailabilityZoneId) },
		"hypervisor":           func(i *types.Instance) []string { return ofEnum(i.Hypervisor) },
		"image-id":             func(i *types.Instance) []string { return ofString(i.ImageId) },
		"instance-id":          func(i *types.Instance) []string { return ofString(i.InstanceId) },
		"instance-state-code":  func(i *types.Instance) []string { return ofInt(i.State.Code) },
		"instance-state-name":  func(i *types.Instance) []string { return ofEnum(i.State.Name) },
		"instance-type":        func(i *types.Instance) []string { return ofEnum(i.InstanceType) },
		"instance.group-id": func(i *types.Instance) []string {
			return ofGroups(i.SecurityGroups, func(g types.GroupIdentifier) *string { return g.GroupId })
		},
		"instance.group-name": func(i *types.Instance) []string {
			return ofGroups(i.SecurityGroups, func(g types.GroupIdentifier) *string { return g.GroupName })
		},
		"ipv6-address":        func(i *types.Instance) []string { return ofString(i.Ipv6Address) },
		"launch-index":        func(i *types.Instance) []string { return ofInt(i.AmiLaunchIndex) },
		"launch-time":         func(i *types.Instance) []string { return ofTime(i.LaunchTime) },
		"monitoring-state":    func(*types.Instance) []string { return []string{"disabled"} },
		"operator.managed":    func(*types.Instance) []string { return []string{"false"} },
		"owner-id":            ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.OwnerId) }),
		"platform-details":    func(i *types.Instance) []string { return ofString(i.PlatformDetails) },
		"private-dns-name":    func(i *types.Instance) []string { return ofString(i.PrivateDnsName) },
		"private-ip-address":  func(i *types.Instance) []string { return ofString(i.PrivateIpAddress) },
		"reservation-id":      func(i *types.Instance) []string { return []string{reservationOf(*i.InstanceId)} },
		"source-dest-check":   func(i *types.Instance) []string { return ofBool(i.SourceDestCheck) },
		"subnet-id":           func(i *types.Instance) []string { return ofString(i.SubnetId) },
		"tenancy":             func(i *types.Instance) []string { return ofEnum(i.Placement.Tenancy) },
		"virtualization-type": func(i *types.Instance) []string { return ofEnum(i.VirtualizationType) },
		"vpc-id":              func(i *types.Instance) []string { return ofString(i.VpcId) },

		"network-interface.addresses.primary": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.PrivateIpAddresses, func(a types.InstancePrivateIpAddress) string { return strings.Join(ofBool(a.Primary), "") })
		}),
		"network-interface.addresses.private-ip-address": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.PrivateIpAddresses, func(a types.InstancePrivateIpAddress) string { return awssdk.ToString(a.PrivateIpAddress) })
		}),
		"network-interface.addresses.private-dns-name": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.PrivateIpAddresses, func(a types.InstancePrivateIpAddress) string { return awssdk.ToString(a.PrivateDnsName) })
		}),
		"network-interface.ipv4-prefixes.ipv4-prefix": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.Ipv4Prefixes, func(p types.InstanceIpv4Prefix) string { return awssdk.ToString(p.Ipv4Prefix) })
		}),
		"network-interface.ipv6-prefixes.ipv6-prefix": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.Ipv6Prefixes, func(p types.InstanceIpv6Prefix) string { return awssdk.ToString(p.Ipv6Prefix) })
		}),
		"network-interface.ipv6-addresses.ipv6-address": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.Ipv6Addresses, func(a types.InstanceIpv6Address) string { return awssdk.ToString(a.Ipv6Address) })
		}),
		"network-interface.attachment.attachment-id": ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.Attachment.AttachmentId) }),
		"network-interface.attachment.device-index":  ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofInt(n.Attachment.DeviceIndex) }),
		"network-interface.attachment.status":        ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofEnum(n.Attachment.Status) }),
		"network-interface.description":              ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.Description) }),
		"network-interface.group-id": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return ofGroups(n.Groups, func(g types.GroupIdentifier) *string { return g.GroupId })
		}),
		"network-interface.group-name": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return ofGroups(n.Groups, func(g types.GroupIdentifier) *string { return g.GroupName })
		}),
		"network-interface.mac-address":          ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.MacAddress) }),
		"network-interface.network-interface-id": ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.NetworkInterfaceId) }),
		"network-interface.private-dns-name":     ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.PrivateDnsName) }),
		"network-interface.private-ip-address":   ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.PrivateIpAddress) }),
		"network-interface.source-dest-check":    ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofBool(n.SourceDestCheck) }),
		"network-interface.status":               ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofEnum(n.Status) }),
		"network-interface.subnet-id":            ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.SubnetId) }),
		"network-interface.vpc-id":               ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.VpcId) }),
	}, absentInstanceFields)),
}

// absentInstanceFields are the filters that AWS has for what no instance has here: nothing passes them.
var absentInstanceFields = strings.Fields(`
	affinity block-device-mapping.attach-time block-device-mapping.delete-on-termination block-device-mapping.device-name
	block-device-mapping.status block-device-mapping.volume-id boot-mode capacity-reservation-id
	capacity-reservation-specification.capacity-reservation-preference
	capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id
	capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn
	client-token current-instance-boot-mode dns-name ebs-optimized ena-support enclave-options.enabled
	hibernation-options.configured host-id iam-instance-profile.arn iam-instance-profile.id instance-lifecycle ip-address
	kernel-id key-name maintenance-options.auto-recovery metadata-options.http-endpoint metadata-options.http-protocol-ipv4
	metadata-options.http-protocol-ipv6 metadata-options.http-put-response-hop-limit metadata-options.http-tokens
	metadata-options.instance-metadata-tags metadata-options.state network-interface.addresses.association.allocation-id
	network-interface.addresses.association.association-id network-interface.addresses.association.carrier-ip
	network-interface.addresses.association.customer-owned-ip network-interface.addresses.association.ip-owner-id
	network-interface.addresses.association.public-dns-name network-interface.addresses.association.public-ip
	network-interface.association.allocation-id network-interface.association.association-id network-interface.association.carrier-ip
	network-interface.association.customer-owned-ip network-interface.association.ip-owner-id
	network-interface.association.public-dns-name network-interface.association.public-ip network-interface.deny-all-igw-traffic
	network-interface.ipv6-addresses.is-primary-ipv6 network-interface.ipv6-native network-interface.operator.principal
	network-interface.outpost-arn network-interface.public-dns-name network-interface.requester-id network-interface.tag-key
	network-interface.tag-value network-performance-options.bandwidth-weighting operator.principal outpost-arn
	placement-group-name placement-partition-number platform private-dns-name-options.enable-resource-name-dns-a-record
	private-dns-name-options.enable-resource-name-dns-aaaa-record private-dns-name-options.hostname-type product-code
	product-code.type ramdisk-id reason requester-id root-device-name root-device-type spot-instance-request-id
	state-reason-code state-reason-message tpm-support usage-operation usage-operation-update-time`)

func withoutValues[T any](fields map[string]func(*T) []string, names []string) map[string]func(*T) []string {
	for _, name := range names {
		fields[name] = func(*T) []string { return nil }
	}
	return fields
}

// withInstanceFields adds filters that look at an instance as a whole, for each of its interfaces.
func withInstanceFields(fields map[string]func(*types.Instance) []string) map[string]func(*types.Instance) []string {
	for name, get := range map[string]func(*types.Instance) []string{
		"attachment.instance-id":       func(i *types.Instance) []string { return ofString(i.InstanceId) },
		"attachment.instance-owner-id": ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.OwnerId) }),
		"attachment.attach-time":       ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofTime(n.Attachment.AttachTime) }),
		"attachment.delete-on-termination": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return ofBool(n.Attachment.DeleteOnTermination)
		}),
		"attachment.network-card-index": ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofInt(n.Attachment.NetworkCardIndex) }),
		"availability-zone":             func(i *types.Instance) []string { return ofString(i.Placement.AvailabilityZone) },
		"ipv6-address": ofInterfaces(func(n types.InstanceNetworkInterface) []string {
			return each(n.Ipv6Addresses, func(a types.InstanceIpv6Address) string { return awssdk.ToString(a.Ipv6Address) })
		}),
		"operator.managed":  ofInterfaces(func(types.InstanceNetworkInterface) []string { return []string{"false"} }),
		"owner-id":          ofInterfaces(func(n types.InstanceNetworkInterface) []string { return ofString(n.OwnerId) }),
		"requester-managed": ofInterfaces(func(types.InstanceNetworkInterface) []string { return []string{"false"} }),
	} {
		fields["network-interface."+name] = get
	}
	return fields
}
