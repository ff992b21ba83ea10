package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// waiting is what the CRDs of the Gateway API say of an object that no controller has seen yet.
const waiting = "Waiting for controller"

// waitingConditions returns the conditions of such an object. One that says so already keeps the time since when.
func waitingConditions(before []metav1.Condition, now metav1.Time, reason string, types ...string) []metav1.Condition {
	out := make([]metav1.Condition, len(types))
	for i, t := range types {
		out[i] = metav1.Condition{Type: t, Status: metav1.ConditionUnknown, Reason: reason, Message: waiting, LastTransitionTime: now}
		if got := meta.FindStatusCondition(before, t); got != nil && got.Status == metav1.ConditionUnknown && !got.LastTransitionTime.IsZero() {
			out[i].LastTransitionTime = got.LastTransitionTime
		}
	}
	return out
}

// WaitingGateway returns the status of a Gateway that no controller looks after any more: that of one that none has looked after yet.
// before are the conditions that it has: what they say already is no transition.
func WaitingGateway(before []metav1.Condition, now metav1.Time) gwv1.GatewayStatus {
	return gwv1.GatewayStatus{Conditions: waitingConditions(before, now, string(gwv1.GatewayReasonPending),
		string(gwv1.GatewayConditionAccepted), string(gwv1.GatewayConditionProgrammed))}
}

// WaitingListenerSet is WaitingGateway for a ListenerSet.
func WaitingListenerSet(before []metav1.Condition, now metav1.Time) gwv1.ListenerSetStatus {
	return gwv1.ListenerSetStatus{Conditions: waitingConditions(before, now, string(gwv1.ListenerSetReasonPending),
		string(gwv1.ListenerSetConditionAccepted), string(gwv1.ListenerSetConditionProgrammed))}
}

// WaitingClass is WaitingGateway for a GatewayClass.
func WaitingClass(before []metav1.Condition, now metav1.Time) gwv1.GatewayClassStatus {
	return gwv1.GatewayClassStatus{Conditions: waitingConditions(before, now, string(gwv1.GatewayClassReasonPending),
		string(gwv1.GatewayClassConditionStatusAccepted))}
}
