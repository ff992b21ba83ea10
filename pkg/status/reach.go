package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// ConditionReachable is false on a GatewayClass while audits cannot read its cloud, and absent otherwise.
const (
	ConditionReachable     = "cloudgate.dev/CloudReachable"
	ReasonDenied           = "ProviderDenied"
	ReasonUnavailable      = "CloudUnavailable"
	ReasonUnreachable      = "Invalid" // the cloud answers, and what the controller is told of it does not fit
	unreachableConsequence = " What serves goes on as it is; what is changed or breaks in the cloud meanwhile is not seen, and not mended."
)

// Reach is what is to be said of the audits of a cloud. The zero value is that there was none yet.
type Reach struct {
	Audited bool
	Failed  *cloud.Error // why the cloud cannot be read, in the words of the first audit that failed for this Reason; nil where it can
}

// Reason is that of the condition, or nothing where the cloud can be read.
func (r Reach) Reason() string {
	if r.Failed == nil {
		return ""
	}
	switch r.Failed.Kind {
	case cloud.Denied:
		return ReasonDenied
	case cloud.Invalid, cloud.Unsupported, cloud.Quota:
		return ReasonUnreachable
	case cloud.Unknown, cloud.Throttled, cloud.Unavailable, cloud.Conflict, cloud.NotFound:
		return ReasonUnavailable
	}
	return ReasonUnavailable
}

// Message is that of the condition.
func (r Reach) Message() string {
	if r.Failed == nil {
		return ""
	}
	return "The audit cannot read the cloud (" + cause(r.Failed) + ")." + unreachableConsequence
}

func (r Reach) put(c *conditions) {
	switch {
	case r.Failed != nil:
		c.set(ConditionReachable, metav1.ConditionFalse, r.Reason(), r.Message())
	case r.Audited:
		c.drop(ConditionReachable)
	}
}
