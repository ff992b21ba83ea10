package aws

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// unlisted reports whether a quota is none of those that DescribeAccountLimits tells.
func unlisted(name string) bool {
	return strings.HasPrefix(name, "acm-") || strings.HasPrefix(name, "s3-") || slices.Contains([]string{
		"security-groups-per-load-balancer", "security-groups-per-vpc", "rules-per-security-group", "security-groups-per-network-interface",
		"verifying-listeners-per-application-load-balancer",
	}, name)
}

// DescribeAccountLimits implements the action of that name.
func (r *Region) DescribeAccountLimits(_ context.Context, in *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
	out := &elb.DescribeAccountLimitsOutput{Limits: []types.Limit{}}
	return out, r.read(func() error {
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.cloud.quotas)), unlisted)
		places := make([]int, len(names))
		for i := range places {
			places[i] = i
		}
		places, next, err := elbPage(places, func(i int) uint64 { return uint64(i) + 1 }, in.Marker, in.PageSize, 400)
		for _, i := range places {
			out.Limits = append(out.Limits, types.Limit{Name: aws.String(names[i]), Max: aws.String(strconv.Itoa(r.quota(names[i])))})
		}
		out.NextMarker = next
		return err
	})
}

// Capacity reservations: at most so many units, and so many decreases a day.
const (
	maxCapacityUnits = 1500
	maxDecreases     = 2
)

// DescribeCapacityReservation implements the action of that name.
func (r *Region) DescribeCapacityReservation(_ context.Context, in *elb.DescribeCapacityReservationInput) (*elb.DescribeCapacityReservationOutput, error) {
	out := &elb.DescribeCapacityReservationOutput{}
	return out, r.read(func() error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		out.CapacityReservationState, out.MinimumLoadBalancerCapacity, out.LastModifiedTime = lb.capacity()
		out.DecreaseRequestsRemaining = aws.Int32(lb.decreasesLeft(r.cloud.cfg.Clock.Now()))
		return nil
	})
}

// capacity returns what the API shows of a reservation: nothing where there is none.
func (lb *LoadBalancer) capacity() ([]types.ZonalCapacityReservationState, *types.MinimumLoadBalancerCapacity, *time.Time) {
	states := []types.ZonalCapacityReservationState{}
	if lb.CapacityUnits == 0 {
		return states, nil, nil
	}
	for _, z := range lb.Zones {
		states = append(states, types.ZonalCapacityReservationState{
			AvailabilityZone: aws.String(z.Name), EffectiveCapacityUnits: aws.Float64(float64(lb.CapacityUnits) / float64(len(lb.Zones))),
			State: &types.CapacityReservationStatus{Code: types.CapacityReservationStateEnumProvisioned},
		})
	}
	return states, &types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(lb.CapacityUnits)}, aws.Time(lb.CapacityModified)
}

// decreasesLeft returns how often the reservation may still be made smaller today.
func (lb *LoadBalancer) decreasesLeft(now time.Time) int32 {
	if lb.CapacityModified.Format(time.DateOnly) != now.UTC().Format(time.DateOnly) {
		return maxDecreases
	}
	return maxDecreases - lb.CapacityDecreases
}

// ModifyCapacityReservation implements the action of that name. A reservation is provisioned at once.
func (r *Region) ModifyCapacityReservation(_ context.Context, in *elb.ModifyCapacityReservationInput) (*elb.ModifyCapacityReservationOutput, error) {
	out := &elb.ModifyCapacityReservationOutput{}
	return out, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		units, reset := int32(0), aws.ToBool(in.ResetCapacityReservation)
		if in.MinimumLoadBalancerCapacity != nil {
			units = aws.ToInt32(in.MinimumLoadBalancerCapacity.CapacityUnits)
		}
		switch {
		case reset == (in.MinimumLoadBalancerCapacity != nil):
			return invalidf("You must specify either a minimum capacity or to reset the capacity reservation")
		case !reset && units < 1:
			return invalidf("Capacity units '%d' must be at least 1", units)
		case units > maxCapacityUnits:
			return faultf("CapacityUnitsLimitExceeded", "The maximum number of capacity units is '%d'", maxCapacityUnits)
		}
		left := lb.decreasesLeft(x.now)
		if units < lb.CapacityUnits {
			if left--; left < 0 {
				return faultf("CapacityDecreaseRequestLimitExceeded", "The capacity can be decreased at most %d times a day", maxDecreases)
			}
		}
		lb = r.loadBalancers.edit(x, lb.Key, func(lb *LoadBalancer) {
			lb.CapacityUnits, lb.CapacityModified, lb.CapacityDecreases = units, x.now, maxDecreases-left
		})
		out.CapacityReservationState, out.MinimumLoadBalancerCapacity, out.LastModifiedTime = lb.capacity()
		out.DecreaseRequestsRemaining = aws.Int32(left)
		return nil
	})
}

// ModifyIpPools implements the action of that name.
func (r *Region) ModifyIpPools(_ context.Context, in *elb.ModifyIpPoolsInput) (*elb.ModifyIpPoolsOutput, error) {
	out := &elb.ModifyIpPoolsOutput{}
	return out, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		remove := slices.Contains(in.RemoveIpamPools, types.RemoveIpamPoolEnumIpv4)
		pool := ""
		if in.IpamPools != nil {
			pool = aws.ToString(in.IpamPools.Ipv4IpamPoolId)
		}
		switch {
		case lb.Type != types.LoadBalancerTypeEnumApplication:
			return invalidf("IPAM pools are not supported for load balancers with type '%s'", lb.Type)
		case remove == (pool != ""):
			return invalidf("You must specify either an IPAM pool to use or one to remove")
		}
		r.loadBalancers.edit(x, lb.Key, func(lb *LoadBalancer) { lb.IPAMPool = pool })
		if pool != "" {
			out.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String(pool)}
		}
		return nil
	})
}
