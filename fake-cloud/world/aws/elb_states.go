package aws

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// finishLoadBalancer ends provisioning. The lock is held.
func (r *Region) finishLoadBalancer(x *tx, was *LoadBalancer) {
	r.loadBalancers.edit(x, was.Key, func(lb *LoadBalancer) {
		lb.Due, lb.State = time.Time{}, types.LoadBalancerStateEnumActive
	})
}

// finishTrustStore ends the check of a bundle. The lock is held.
func (r *Region) finishTrustStore(x *tx, was *TrustStore) {
	r.trustStores.edit(x, was.Key, func(s *TrustStore) { s.Due, s.Status = time.Time{}, types.TrustStoreStatusActive })
}

// finishTarget takes a target on: out of its group when it has drained, from the grace that it had as unhealthy to none, else from
// registration to its first health checks, and where nobody reports, from those to healthy. The lock is held.
func (r *Region) finishTarget(x *tx, was *Target) {
	if was.Draining {
		r.targets.drop(x, was.Key)
		return
	}
	x.quiet = was.Reason != types.TargetHealthReasonEnumRegistrationInProgress // its checks begin
	r.targets.edit(x, was.Key, func(t *Target) { t.proceed(x) })
}

// proceed takes a target to its next state.
func (t *Target) proceed(x *tx) {
	t.Due = time.Time{}
	if t.State == types.TargetHealthStateEnumUnhealthyDraining {
		t.State, t.Since = types.TargetHealthStateEnumUnhealthy, x.now
	}
	if t.State != types.TargetHealthStateEnumInitial {
		return
	}
	if t.Reason == types.TargetHealthReasonEnumRegistrationInProgress {
		t.Reason, t.Description = types.TargetHealthReasonEnumInitialHealthChecking, "Initial health checks in progress"
		t.Since = x.now
		if !x.region.cloud.cfg.Reported {
			t.Due = x.now.Add(x.span(func(s spans) time.Duration { return s.registration }))
		}
		return
	}
	if !x.region.cloud.cfg.Reported {
		t.State, t.Reason, t.Description, t.Since = types.TargetHealthStateEnumHealthy, "", "", x.now
	}
}

// awaken has the targets of groups that the actions begin to use be checked anew: nobody has checked them while no load balancer used their
// group. It is called before the actions are in place. The lock is held.
func (r *Region) awaken(x *tx, actions []types.Action) {
	if !r.cloud.cfg.Reported {
		return
	}
	for _, group := range targetGroupsOf(actions) {
		if len(r.loadBalancersOf(group)) > 0 {
			continue
		}
		for _, t := range r.targets.of(group) {
			if t.Draining || t.State == types.TargetHealthStateEnumInitial {
				continue
			}
			r.targets.edit(x, t.Key, func(t *Target) {
				t.State, t.Reason = types.TargetHealthStateEnumInitial, types.TargetHealthReasonEnumInitialHealthChecking
				t.Description, t.Since = "Initial health checks in progress", x.now
			})
		}
	}
}

// targetKey is the key of a target.
func targetKey(group, id string, port int32) string {
	return group + "|" + id + "|" + strconv.Itoa(int(port))
}
