package aws

import (
	"context"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// DescribeAvailabilityZones lists the zones of the region.
func (r *Region) DescribeAvailabilityZones(_ context.Context, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	passes, err := zoneFields.compile(in.Filters)
	if err != nil {
		return nil, err
	}
	all := make([]types.AvailabilityZone, 0, len(zoneLetters))
	for _, name := range r.zones() {
		all = append(all, types.AvailabilityZone{
			ZoneName: &name, ZoneId: ptr(r.zoneID(name)), ZoneType: ptr("availability-zone"), RegionName: &r.name, NetworkBorderGroup: &r.name,
			GroupName: ptr(r.name + "-zg-1"), GroupLongName: ptr(r.name + " 1"), OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
			State: types.AvailabilityZoneStateAvailable,
		})
	}
	if err := knownZones(all, in.ZoneNames, in.ZoneIds); err != nil {
		return nil, err
	}
	out := &ec2.DescribeAvailabilityZonesOutput{}
	for _, z := range all {
		wanted := len(in.ZoneNames)+len(in.ZoneIds) == 0 || slices.Contains(in.ZoneNames, *z.ZoneName) || slices.Contains(in.ZoneIds, *z.ZoneId)
		if wanted && passes(&z) {
			out.AvailabilityZones = append(out.AvailabilityZones, z)
		}
	}
	return out, nil
}

func knownZones(all []types.AvailabilityZone, names, ids []string) error {
	var unknown []string
	for _, name := range names {
		if !slices.ContainsFunc(all, func(z types.AvailabilityZone) bool { return *z.ZoneName == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return faultf("InvalidParameterValue", "Invalid availability zone: [%s]", strings.Join(unknown, ", "))
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(z types.AvailabilityZone) bool { return *z.ZoneId == id }) {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		return faultf("InvalidParameterValue", "Invalid availability zone-id: [%s]", strings.Join(unknown, ", "))
	}
	return nil
}

var zoneFields = filterTable[types.AvailabilityZone]{fields: map[string]func(*types.AvailabilityZone) []string{
	"group-long-name":  func(z *types.AvailabilityZone) []string { return ofString(z.GroupLongName) },
	"group-name":       func(z *types.AvailabilityZone) []string { return ofString(z.GroupName) },
	"message":          func(*types.AvailabilityZone) []string { return nil },
	"opt-in-status":    func(z *types.AvailabilityZone) []string { return ofEnum(z.OptInStatus) },
	"parent-zone-id":   func(z *types.AvailabilityZone) []string { return ofString(z.ParentZoneId) },
	"parent-zone-name": func(z *types.AvailabilityZone) []string { return ofString(z.ParentZoneName) },
	"region-name":      func(z *types.AvailabilityZone) []string { return ofString(z.RegionName) },
	"state":            func(z *types.AvailabilityZone) []string { return ofEnum(z.State) },
	"zone-id":          func(z *types.AvailabilityZone) []string { return ofString(z.ZoneId) },
	"zone-name":        func(z *types.AvailabilityZone) []string { return ofString(z.ZoneName) },
	"zone-type":        func(z *types.AvailabilityZone) []string { return ofString(z.ZoneType) },
}}

// DescribeRegions lists regions: this one, and what else of the account was used.
func (r *Region) DescribeRegions(_ context.Context, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	passes, err := regionFields.compile(in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRegionsOutput{}
	var known []string
	for _, other := range r.cloud.Regions() {
		known = append(known, other.name)
		v := types.Region{RegionName: ptr(other.name), Endpoint: ptr("ec2." + other.name + "." + other.domain()), OptInStatus: ptr("opt-in-not-required")}
		if (len(in.RegionNames) == 0 || slices.Contains(in.RegionNames, other.name)) && passes(&v) {
			out.Regions = append(out.Regions, v)
		}
	}
	for _, name := range in.RegionNames {
		if !slices.Contains(known, name) {
			return nil, faultf("InvalidParameterValue", "Invalid region: [%s]", name)
		}
	}
	return out, nil
}

var regionFields = filterTable[types.Region]{fields: map[string]func(*types.Region) []string{
	"endpoint":      func(v *types.Region) []string { return ofString(v.Endpoint) },
	"opt-in-status": func(v *types.Region) []string { return ofString(v.OptInStatus) },
	"region-name":   func(v *types.Region) []string { return ofString(v.RegionName) },
}}

// DescribeVpcAttribute shows one attribute of a VPC.
func (r *Region) DescribeVpcAttribute(_ context.Context, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	out := &ec2.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	err := r.read(func() error {
		v, ok := r.vpcs.get(awssdk.ToString(in.VpcId))
		if !ok {
			return absentVPC(awssdk.ToString(in.VpcId))
		}
		switch in.Attribute {
		case types.VpcAttributeNameEnableDnsSupport:
			out.EnableDnsSupport = &types.AttributeBooleanValue{Value: ptr(v.DNSSupport)}
		case types.VpcAttributeNameEnableDnsHostnames:
			out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: ptr(v.DNSHostnames)}
		case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
			out.EnableNetworkAddressUsageMetrics = &types.AttributeBooleanValue{Value: ptr(false)}
		default:
			return faultf("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown vpc attribute.", in.Attribute)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
