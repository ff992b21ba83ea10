package aws

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Outcome is what health checks of a target have come to.
type Outcome uint8

// The outcomes. A target is Healthy or not only after as many checks as its group asks for.
const (
	Healthy    Outcome = iota + 1
	WrongCode          // it answers, with another code than the matcher's
	TimedOut           // it does not answer in time
	Failed             // it refuses connections, or answers with what is not understood
	NotChecked         // health checks are disabled
)

// TargetReport is what the health checks of a target say.
type TargetReport struct {
	Outcome Outcome
	Code    string // of the answer; WrongCode only
}

// ReportTarget tells what the health checks of a target say. A target that is not registered, or is draining, is passed over.
func (r *Region) ReportTarget(targetGroup, id string, port int32, health TargetReport) {
	key := targetKey(targetGroup, id, port)
	same := false
	_ = r.read(func() error {
		t, ok := r.targets.get(key)
		same = !ok || t.Draining || r.checked(t, targetGroup, health, time.Time{}) == t.condition()
		return nil
	})
	if same {
		return
	}
	_, err := r.change(func(x *tx) error {
		t, ok := r.targets.get(key)
		if !ok || t.Draining {
			return nil
		}
		x.quiet = true
		next := r.checked(t, targetGroup, health, x.now)
		r.targets.edit(x, key, func(t *Target) {
			t.State, t.Reason, t.Description, t.Due, t.Since = next.state, next.reason, next.description, next.due, x.now
		})
		return nil
	})
	if err != nil {
		r.cloud.cfg.Log.Error("health of a target cannot be kept", "targetGroup", targetGroup, "target", id, "error", err)
	}
}

// condition is what the API says of a target, and when that passes.
type condition struct {
	state       types.TargetHealthStateEnum
	reason      types.TargetHealthReasonEnum
	description string
	due         time.Time
}

func (t *Target) condition() condition {
	c := condition{t.State, t.Reason, t.Description, time.Time{}}
	if t.State == types.TargetHealthStateEnumUnhealthyDraining {
		c.due = t.Due
	}
	return c
}

// checked returns what becomes of a target by a report at a time. A target that was healthy may have an interval in which it keeps the
// connections that it has. The lock is held.
func (r *Region) checked(t *Target, group string, health TargetReport, now time.Time) condition {
	next := condition{}
	next.state, next.reason, next.description = health.state()
	if next.state != types.TargetHealthStateEnumUnhealthy {
		return next
	}
	switch t.State { //nolint:exhaustive // of all others nothing has to be kept
	case types.TargetHealthStateEnumUnhealthyDraining:
		next.state, next.due = t.State, t.Due
	case types.TargetHealthStateEnumHealthy:
		g, ok := r.targetGroups.get(group)
		if !ok {
			break
		}
		if interval, err := strconv.Atoi(g.Attributes["target_health_state.unhealthy.draining_interval_seconds"]); err == nil && interval > 0 {
			next.state, next.due = types.TargetHealthStateEnumUnhealthyDraining, now.Add(time.Duration(interval)*time.Second)
		}
	}
	return next
}

func (h TargetReport) state() (types.TargetHealthStateEnum, types.TargetHealthReasonEnum, string) {
	switch h.Outcome {
	case Healthy:
		return types.TargetHealthStateEnumHealthy, "", ""
	case WrongCode:
		return types.TargetHealthStateEnumUnhealthy, types.TargetHealthReasonEnumResponseCodeMismatch,
			"Health checks failed with these codes: [" + h.Code + "]"
	case TimedOut:
		return types.TargetHealthStateEnumUnhealthy, types.TargetHealthReasonEnumTimeout, "Request timed out"
	case Failed:
		return types.TargetHealthStateEnumUnhealthy, types.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed"
	case NotChecked:
		return types.TargetHealthStateEnumUnavailable, types.TargetHealthReasonEnumHealthCheckDisabled, "Health checks are disabled for this target group"
	}
	return types.TargetHealthStateEnumUnavailable, types.TargetHealthReasonEnumInternalError, "Internal error"
}

// ListenerReport says whether a listener carries traffic.
type ListenerReport struct {
	Bound  bool
	Reason string // why not
}

type reports map[string]ListenerReport

// ReportListener tells whether a listener carries traffic. It is for people: the AWS API does not say.
func (r *Region) ReportListener(listener string, report ListenerReport) {
	r.cloud.mu.Lock()
	defer r.cloud.mu.Unlock()
	if _, ok := r.elbListeners.get(listener); ok {
		r.listeners[listener] = report
	}
}

// ListenerReport returns what was last told of a listener; false when nothing was.
func (r *Region) ListenerReport(listener string) (ListenerReport, bool) {
	r.cloud.mu.RLock()
	defer r.cloud.mu.RUnlock()
	report, ok := r.listeners[listener]
	return report, ok
}
