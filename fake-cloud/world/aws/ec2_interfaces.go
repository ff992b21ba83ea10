package aws

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// DescribeNetworkInterfaces lists the network interfaces of instances and load balancers.
func (r *Region) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	err := r.read(func() (err error) {
		out.NetworkInterfaces, out.NextToken, err = ec2Query[*NetworkInterface, types.NetworkInterface]{
			region: r, table: r.interfaces, ids: in.NetworkInterfaceIds, param: "networkInterfaceId", absent: absentInterface, show: r.showInterface,
			fields: networkInterfaceFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

var interfaceID = regexp.MustCompile(`^eni-[0-9a-f]{8,17}$`)

func absentInterface(id string) error {
	if !interfaceID.MatchString(id) {
		return faultf("InvalidNetworkInterfaceID.Malformed", "Invalid id: \"%s\" (expecting \"eni-...\")", id)
	}
	return faultf("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", id)
}

// showInterface adds to an interface what follows from its row.
func (r *Region) showInterface(i *NetworkInterface) types.NetworkInterface {
	s := i.Spec
	s.TagSet = ec2TagSet(i.Tags)
	s.Groups = r.groupIdentifiers(i.Groups)
	s.MacAddress = ptr(macOf(i.Key))
	if subnet, ok := r.subnets.get(i.Subnet); ok {
		s.AvailabilityZoneId = subnet.Spec.AvailabilityZoneId
	}
	if i.Public.IsValid() {
		s.Association = &types.NetworkInterfaceAssociation{
			IpOwnerId: ptr("amazon-elb"), PublicIp: ptr(i.Public.String()), PublicDnsName: ptr(r.publicName(i.Public)),
		}
	}
	s.PrivateIpAddresses, s.Ipv6Addresses, s.Ipv6Address = nil, nil, nil
	for _, ip := range i.Addresses {
		if ip.Is6() {
			s.Ipv6Addresses = append(s.Ipv6Addresses, types.NetworkInterfaceIpv6Address{Ipv6Address: ptr(ip.String())})
			continue
		}
		a := types.NetworkInterfacePrivateIpAddress{
			Primary: ptr(len(s.PrivateIpAddresses) == 0), PrivateIpAddress: ptr(ip.String()), PrivateDnsName: ptr(r.privateName(ip)),
		}
		if *a.Primary {
			a.Association, s.PrivateIpAddress, s.PrivateDnsName = s.Association, a.PrivateIpAddress, a.PrivateDnsName
		}
		s.PrivateIpAddresses = append(s.PrivateIpAddresses, a)
	}
	if len(s.Ipv6Addresses) > 0 {
		s.Ipv6Address = s.Ipv6Addresses[0].Ipv6Address
	}
	s.Ipv4Prefixes, s.Ipv6Prefixes = nil, nil
	for _, p := range i.Prefixes {
		if p.Addr().Is4() {
			s.Ipv4Prefixes = append(s.Ipv4Prefixes, types.Ipv4PrefixSpecification{Ipv4Prefix: ptr(p.String())})
		} else {
			s.Ipv6Prefixes = append(s.Ipv6Prefixes, types.Ipv6PrefixSpecification{Ipv6Prefix: ptr(p.String())})
		}
	}
	return s
}

func (r *Region) groupIdentifiers(ids []string) []types.GroupIdentifier {
	out := make([]types.GroupIdentifier, 0, len(ids))
	for _, id := range ids {
		g := types.GroupIdentifier{GroupId: ptr(id)}
		if row, ok := r.securityGroups.get(id); ok {
			g.GroupName = &row.Name
		}
		out = append(out, g)
	}
	return out
}

// macOf derives a locally administered address from an id.
func macOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

// privateName is the name that a private address has within the VPC.
func (r *Region) privateName(ip netip.Addr) string {
	if r.name == "us-east-1" {
		return "ip-" + dashed(ip) + ".ec2.internal"
	}
	return "ip-" + dashed(ip) + "." + r.name + ".compute.internal"
}

// publicName is the name that a public address has.
func (r *Region) publicName(ip netip.Addr) string {
	if r.name == "us-east-1" {
		return "ec2-" + dashed(ip) + ".compute-1." + r.domain()
	}
	return "ec2-" + dashed(ip) + "." + r.name + ".compute." + r.domain()
}

func dashed(ip netip.Addr) string { return strings.ReplaceAll(ip.String(), ".", "-") }

func ofAddresses(get func(types.NetworkInterfacePrivateIpAddress) string) func(*types.NetworkInterface) []string {
	return func(i *types.NetworkInterface) []string { return withoutEmpty(each(i.PrivateIpAddresses, get)) }
}

func ofAddressAssociations(get func(*types.NetworkInterfaceAssociation) *string) func(*types.NetworkInterface) []string {
	return ofAddresses(func(a types.NetworkInterfacePrivateIpAddress) string {
		if a.Association == nil {
			return ""
		}
		return awssdk.ToString(get(a.Association))
	})
}

func ofInterfaceAssociation(get func(*types.NetworkInterfaceAssociation) *string) func(*types.NetworkInterface) []string {
	return func(i *types.NetworkInterface) []string {
		if i.Association == nil {
			return nil
		}
		return ofString(get(i.Association))
	}
}

func ofAttachment(get func(*types.NetworkInterfaceAttachment) []string) func(*types.NetworkInterface) []string {
	return func(i *types.NetworkInterface) []string {
		if i.Attachment == nil {
			return nil
		}
		return get(i.Attachment)
	}
}

var networkInterfaceFields = filterTable[types.NetworkInterface]{
	tags: func(i *types.NetworkInterface) []types.Tag { return i.TagSet },
	fields: map[string]func(*types.NetworkInterface) []string{
		"addresses.association.owner-id":  ofAddressAssociations(func(a *types.NetworkInterfaceAssociation) *string { return a.IpOwnerId }),
		"addresses.association.public-ip": ofAddressAssociations(func(a *types.NetworkInterfaceAssociation) *string { return a.PublicIp }),
		"addresses.primary":               ofAddresses(func(a types.NetworkInterfacePrivateIpAddress) string { return strings.Join(ofBool(a.Primary), "") }),
		"addresses.private-ip-address":    ofAddresses(func(a types.NetworkInterfacePrivateIpAddress) string { return awssdk.ToString(a.PrivateIpAddress) }),
		"association.allocation-id":       ofInterfaceAssociation(func(a *types.NetworkInterfaceAssociation) *string { return a.AllocationId }),
		"association.association-id":      ofInterfaceAssociation(func(a *types.NetworkInterfaceAssociation) *string { return a.AssociationId }),
		"association.ip-owner-id":         ofInterfaceAssociation(func(a *types.NetworkInterfaceAssociation) *string { return a.IpOwnerId }),
		"association.public-ip":           ofInterfaceAssociation(func(a *types.NetworkInterfaceAssociation) *string { return a.PublicIp }),
		"association.public-dns-name":     ofInterfaceAssociation(func(a *types.NetworkInterfaceAssociation) *string { return a.PublicDnsName }),
		"attachment.attach-time":          ofAttachment(func(a *types.NetworkInterfaceAttachment) []string { return ofTime(a.AttachTime) }),
		"attachment.attachment-id":        ofAttachment(func(a *types.NetworkInterfaceAttachment) []string { return ofString(a.AttachmentId) }),
		"attachment.delete-on-termination": ofAttachment(func(a *types.NetworkInterfaceAttachment) []string {
			return ofBool(a.DeleteOnTermination)
		}),
		"attachment.device-index":      ofAttachment(func(a *types.NetworkInterfaceAttachment) []string { return ofInt(a.DeviceIndex) }),
		"attachment.instance-id":       ofAttachment(func(a *types.NetworkInterfaceAttachment) []string { return ofString(a.InstanceId) }),
		"attachment.instance-owner-id": ofAttachment(func(a *types.NetworkInterfaceAttachment) []string { return ofString(a.InstanceOwnerId) }),
		"attachment.status":            ofAttachment(func(a *types.NetworkInterfaceAttachment) []string { return ofEnum(a.Status) }),
		"availability-zone":            func(i *types.NetworkInterface) []string { return ofString(i.AvailabilityZone) },
		"availability-zone-id":         func(i *types.NetworkInterface) []string { return ofString(i.AvailabilityZoneId) },
		"description":                  func(i *types.NetworkInterface) []string { return ofString(i.Description) },
		"group-id": func(i *types.NetworkInterface) []string {
			return each(i.Groups, func(g types.GroupIdentifier) string { return awssdk.ToString(g.GroupId) })
		},
		"group-name": func(i *types.NetworkInterface) []string {
			return each(i.Groups, func(g types.GroupIdentifier) string { return awssdk.ToString(g.GroupName) })
		},
		"interface-type": func(i *types.NetworkInterface) []string { return ofEnum(i.InterfaceType) },
		"ipv6-addresses.ipv6-address": func(i *types.NetworkInterface) []string {
			return each(i.Ipv6Addresses, func(a types.NetworkInterfaceIpv6Address) string { return awssdk.ToString(a.Ipv6Address) })
		},
		"mac-address":          func(i *types.NetworkInterface) []string { return ofString(i.MacAddress) },
		"network-interface-id": func(i *types.NetworkInterface) []string { return ofString(i.NetworkInterfaceId) },
		"operator.managed":     func(*types.NetworkInterface) []string { return []string{"false"} },
		"operator.principal":   func(*types.NetworkInterface) []string { return nil },
		"owner-id":             func(i *types.NetworkInterface) []string { return ofString(i.OwnerId) },
		"private-dns-name":     func(i *types.NetworkInterface) []string { return ofString(i.PrivateDnsName) },
		"private-ip-address":   func(i *types.NetworkInterface) []string { return ofString(i.PrivateIpAddress) },
		"requester-id":         func(i *types.NetworkInterface) []string { return ofString(i.RequesterId) },
		"requester-managed":    func(i *types.NetworkInterface) []string { return ofBool(i.RequesterManaged) },
		"source-dest-check":    func(i *types.NetworkInterface) []string { return ofBool(i.SourceDestCheck) },
		"status":               func(i *types.NetworkInterface) []string { return ofEnum(i.Status) },
		"subnet-id":            func(i *types.NetworkInterface) []string { return ofString(i.SubnetId) },
		"vpc-id":               func(i *types.NetworkInterface) []string { return ofString(i.VpcId) },
	},
}
