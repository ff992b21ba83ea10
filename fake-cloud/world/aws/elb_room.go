package aws

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// roomForTargets refuses more targets than the quotas of the group and of the load balancers that use it. The lock is held.
func (r *Region) roomForTargets(g *TargetGroup) error {
	if r.registered(g.Key) > r.quota("targets-per-target-group") {
		return faultf("TooManyTargets", "The maximum number of targets in target group '%s' has been reached", g.Key)
	}
	for _, arn := range r.loadBalancersOf(g.Key) {
		if err := r.roomForLoadBalancerTargets(arn); err != nil {
			return err
		}
	}
	return nil
}

// crowd counts what is registered with the target groups of a load balancer. What is registered with several of them counts in each.
type crowd struct {
	all    int
	zones  map[string]int // of what is known to be in a zone, of a Network Load Balancer
	times  map[string]int // that a target id is registered
	spread bool           // cross-zone load balancing is on
}

func (r *Region) roomForLoadBalancerTargets(arn string) error {
	lb, ok := r.loadBalancers.get(arn)
	if !ok {
		return nil
	}
	n := r.crowdOf(lb)
	tooMany := func() error {
		return faultf("TooManyTargets", "The maximum number of targets on load balancer '%s' has been reached", arn)
	}
	if lb.Type == types.LoadBalancerTypeEnumApplication {
		for _, id := range slices.Sorted(maps.Keys(n.times)) {
			if n.times[id] > r.quota("target-id-registrations-per-application-load-balancer") {
				return faultf("TooManyRegistrationsForTargetId", "The maximum number of registrations of target '%s' on load balancer '%s' has been reached", id, arn)
			}
		}
		if n.all > r.quota("targets-per-application-load-balancer") {
			return tooMany()
		}
		return nil
	}
	most := r.quota("targets-per-availability-zone-per-network-load-balancer")
	if n.all > r.quota("targets-per-network-load-balancer") || n.spread && n.all > most {
		return tooMany()
	}
	for _, zone := range slices.Sorted(maps.Keys(n.zones)) {
		if n.zones[zone] > most {
			return faultf("TooManyTargets", "The maximum number of targets in Availability Zone '%s' on load balancer '%s' has been reached", zone, arn)
		}
	}
	return nil
}

// crowdOf counts the targets of a load balancer. One that is an Application Load Balancer counts as many, in each of its zones. The lock is held.
func (r *Region) crowdOf(lb *LoadBalancer) crowd {
	const crossZone = "load_balancing.cross_zone.enabled"
	n := crowd{zones: map[string]int{}, times: map[string]int{}, spread: lb.Attributes[crossZone] == "true"}
	groups := r.targetGroupsUsedBy(lb.Key)
	for _, key := range groups {
		g, ok := r.targetGroups.get(key)
		n.spread = n.spread || ok && g.Attributes[crossZone] == "true"
	}
	for _, key := range groups {
		for _, t := range r.targets.of(key) {
			if t.Draining {
				continue
			}
			n.times[t.ID]++
			if lb.Type == types.LoadBalancerTypeEnumApplication {
				n.all++
				continue
			}
			each, zones := r.weigh(t, n.spread)
			n.all += each
			for _, zone := range zones {
				n.zones[zone] += each
			}
		}
	}
	return n
}

// weigh returns as how many targets one counts, and in which zones, as far as that is known. The lock is held.
func (r *Region) weigh(t *Target, spread bool) (each int, zones []string) {
	if lb, ok := r.loadBalancers.get(t.ID); ok {
		for _, z := range lb.Zones {
			zones = append(zones, z.Name)
		}
		if spread {
			return 100, zones
		}
		return 50, zones
	}
	if i, ok := r.instances.get(t.ID); ok {
		return 1, []string{i.Zone}
	}
	if t.Zone != "" && t.Zone != "all" {
		return 1, []string{t.Zone}
	}
	g, ok := r.targetGroups.get(t.TargetGroup)
	if ip, err := netip.ParseAddr(t.ID); ok && err == nil {
		if zone := r.subnetZone(aws.ToString(g.Spec.VpcId), ip); zone != "" {
			return 1, []string{zone}
		}
	}
	return 1, nil
}
