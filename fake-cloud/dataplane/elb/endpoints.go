package elb

import (
	"strconv"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/elb/check"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// endpoints are the targets that get traffic, and those that keep what they have: the healthy ones, or where too few are, all that are
// registered, whatever their checks say or have not said yet. A group without targets is what is answered with 503.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (g *group) endpoints(now time.Time) []proxy.Endpoint {
	var healthy, registered int
	grown := false // a target has its full share
	for _, t := range g.targets {
		if t.row.Draining || !t.address.IsValid() {
			continue
		}
		registered++
		if t.verdict(g.view) == check.Healthy {
			healthy++
			grown = grown || !t.healthy.IsZero() && !t.ramp
		} else {
			t.healthy = time.Time{}
		}
	}
	open := healthy < atLeast(g.view.Attributes, registered)
	slow := seconds(g.view.Attributes, "slow_start.duration_seconds", 0)
	g.ramps = false
	var out []proxy.Endpoint
	for _, row := range g.view.Targets { // in their order
		t := g.targets[row.Key]
		if t == nil || !t.address.IsValid() {
			continue
		}
		verdict := t.verdict(g.view)
		e := proxy.Endpoint{Address: t.address, Draining: row.Draining || verdict != check.Healthy && !open}
		if e.Draining {
			e.Drain = g.grace(row.Draining, verdict)
		}
		if verdict == check.Healthy && slow > 0 && !open {
			e.Weight = t.share(now, slow, grown)
			g.ramps = g.ramps || t.ramp
		} else if verdict == check.Healthy {
			t.share(now, 0, false)
		}
		out = append(out, e)
	}
	return out
}

// grace is how long the connections of a target of a Network Load Balancer may go on that gets no new ones; 0 as the pool says.
func (g *group) grace(deregistered bool, verdict check.Verdict) time.Duration {
	a := g.view.Attributes
	switch {
	case deregistered && a["deregistration_delay.connection_termination.enabled"] == "true":
		return deregistrationDelay(a)
	case !deregistered && verdict == check.Unhealthy && a["target_health_state.unhealthy.connection_termination.enabled"] == "true":
		return atOnce
	}
	return 0
}

// whole is the weight of a target that has its full share.
const whole = 100

// share returns the weight of a healthy target, which grows for as long as a slow start takes if others had their full share when it
// became healthy.
func (t *target) share(now time.Time, slow time.Duration, others bool) uint32 {
	if t.healthy.IsZero() {
		t.healthy, t.ramp = now, slow > 0 && others
	}
	age := now.Sub(t.healthy)
	if t.ramp = t.ramp && age < slow; !t.ramp {
		return whole
	}
	return uint32(max(1, whole*age/slow))
}

// verdict on a target; one that nobody checks is healthy where checks are disabled.
func (t *target) verdict(g *aws.TargetGroupView) check.Verdict {
	switch {
	case t.row.Draining:
		return check.Initial // it does not count
	case t.checker != nil:
		return t.checker.State().Verdict
	case g.Spec.HealthCheckEnabled != nil && !*g.Spec.HealthCheckEnabled:
		return check.Healthy
	}
	return check.Initial
}

// atLeast is how many of n targets have to be healthy for the others to get nothing.
func atLeast(a map[string]string, n int) int {
	const prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
	least := 1
	if count, err := strconv.Atoi(a[prefix+"count"]); err == nil {
		least = max(least, count)
	}
	if percent, err := strconv.Atoi(a[prefix+"percentage"]); err == nil {
		least = max(least, (n*percent+99)/100)
	}
	return least
}
