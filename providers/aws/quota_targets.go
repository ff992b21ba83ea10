package aws

import (
	"fmt"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// crowd are the targets of one target group while they are counted.
type crowd struct {
	id    graph.ID
	group *TargetGroup
	pool  *ir.Pool
	had   int    // before any were left out
	limit string // that targets were left out for last
}

func newCrowd(n graph.Node, pool *ir.Pool) *crowd {
	group := n.Spec.(*TargetGroup)
	return &crowd{id: n.ID, group: group, pool: pool, had: len(group.Targets)}
}

// targetLimit is a number of targets that a load balancer has room for.
type targetLimit struct {
	most   int
	text   string // says it
	counts func(*crowd, Target) bool
}

// fitTargets leaves out the targets that a load balancer has no room for. Where its target groups have too many together, each gets an equal
// share, and what one leaves of it the others get: so a Service that grows never takes the endpoints of a small one.
func (c *compiler) fitTargets(b *balancer) {
	for _, one := range b.crowds {
		one.fit(mostTargets, fmt.Sprintf("a target group in AWS has at most %d targets", mostTargets))
	}
	if total(b.crowds) > fewestMostTargets {
		for _, limit := range c.targetLimits(b) {
			limit.fit(b.crowds)
		}
	}
	for _, one := range b.crowds {
		if kept := len(one.group.Targets); kept < one.had {
			c.refuse(one.pool.Source, cloud.Quota, fmt.Sprintf("%s: of its %d endpoints %d get requests, the first by address", one.limit, one.had, kept))
		}
	}
}

// targetLimits are those of a whole load balancer.
func (c *compiler) targetLimits(b *balancer) []targetLimit {
	all := func(*crowd, Target) bool { return true }
	whole := func(most int, what string) targetLimit {
		return targetLimit{most, fmt.Sprintf("%s in AWS has at most %d targets, and the backends of the Gateway have %d", what, most, total(b.crowds)), all}
	}
	switch {
	case b.kind == TypeApplication:
		return []targetLimit{whole(mostApplicationTargets, "an Application Load Balancer")}
	case c.crossZone():
		return []targetLimit{whole(mostZoneTargets, "a Network Load Balancer with cross-zone load balancing")}
	}
	zones := make(map[string]int)
	of := make(map[*crowd]map[Target]string, len(b.crowds))
	for _, one := range b.crowds {
		of[one] = one.zones()
		for _, target := range one.group.Targets {
			zones[of[one][target]]++
		}
	}
	var limits []targetLimit
	for _, zone := range sortedKeys(zones) {
		if zone == "" {
			continue
		}
		text := fmt.Sprintf("a Network Load Balancer in AWS has at most %d targets in a zone, and the backends of the Gateway have %d in %s", mostZoneTargets, zones[zone], zone)
		limits = append(limits, targetLimit{mostZoneTargets, text, func(one *crowd, t Target) bool { return of[one][t] == zone }})
	}
	return append(limits, whole(mostNetworkTargets, "a Network Load Balancer"))
}

// crossZone tells whether the settings have every zone of a Network Load Balancer send to the targets of all zones: then it has room for as many as
// in one zone.
func (c *compiler) crossZone() bool {
	const key = "load_balancing.cross_zone.enabled"
	return c.settings.LoadBalancerAttributes[key] == "true" || c.settings.TargetGroupAttributes[key] == "true"
}

// zones returns the zone of each target that says where it is.
func (one *crowd) zones() map[Target]string {
	out := make(map[Target]string, len(one.group.Targets))
	kind := kindOfTargets{one.group.TargetType, one.group.IPAddressType}
	for _, t := range one.pool.Targets {
		if as, ok := lowerTarget(t, kind); ok {
			out[as] = zoneOf(t)
		}
	}
	return out
}

// fit leaves out all targets but the first.
func (one *crowd) fit(most int, limit string) {
	if len(one.group.Targets) > most {
		one.group.Targets, one.limit = one.group.Targets[:most], limit
	}
}

// fit leaves out the targets over the limit, the last ones of the largest groups.
func (l targetLimit) fit(crowds []*crowd) {
	sizes := make([]int, len(crowds))
	for i, one := range crowds {
		for _, t := range one.group.Targets {
			if l.counts(one, t) {
				sizes[i]++
			}
		}
	}
	share := fairShare(sizes, l.most)
	for i, one := range crowds {
		if sizes[i] <= share {
			continue
		}
		seen := 0
		one.limit = l.text
		one.group.Targets = slices.DeleteFunc(one.group.Targets, func(t Target) bool {
			if !l.counts(one, t) {
				return false
			}
			seen++
			return seen > share
		})
	}
}

// fairShare returns the most that each may have so that all together have no more than room.
func fairShare(sizes []int, room int) int {
	sorted := slices.Sorted(slices.Values(sizes))
	for i, n := range sorted {
		if share := room / (len(sorted) - i); n > share {
			return share
		}
		room -= n
	}
	return room + slices.Max(append(sorted, 0))
}

func total(crowds []*crowd) int {
	n := 0
	for _, one := range crowds {
		n += len(one.group.Targets)
	}
	return n
}
