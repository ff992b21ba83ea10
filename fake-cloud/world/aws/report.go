package aws

import (
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
	state, reason, description := health.state()
	key := targetKey(targetGroup, id, port)
	same := false
	_ = r.read(func() error {
		t, ok := r.targets.get(key)
		same = !ok || t.Draining || t.State == state && t.Reason == reason && t.Description == description
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
		r.targets.edit(x, key, func(t *Target) {
			t.State, t.Reason, t.Description, t.Since, t.Due = state, reason, description, x.now, time.Time{}
		})
		return nil
	})
	if err != nil {
		r.cloud.cfg.Log.Error("health of a target cannot be kept", "targetGroup", targetGroup, "target", id, "error", err)
	}
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
