package status

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionLoadBalancerReady is the readiness gate that a pod lists to be ready only when the load balancers have it.
const ConditionLoadBalancerReady corev1.PodConditionType = "cloudgate.dev/load-balancer-ready"

// The reasons of that condition.
const (
	ReasonPodHealthy    = "Healthy"    // every load balancer that has a Service of the pod behind a route finds it healthy
	ReasonPodNotUsed    = "NotUsed"    // there is none
	ReasonPodWaiting    = "Waiting"    // one does not, yet
	ReasonPodFailedOpen = "FailedOpen" // one did not for so long that the pod is let through
)

// PodVerdict is what is known of a pod that has the readiness gate.
type PodVerdict struct {
	Used       bool     // a load balancer has a Service of the pod behind a route
	Waiting    []string // the Gateways ("namespace/name") whose load balancers do not find the pod healthy, in any order
	FailedOpen bool     // it has waited for long enough
}

// Pod returns the condition that a pod with the readiness gate is to have. before is the one that it has, or nil.
func Pod(before *corev1.PodCondition, v PodVerdict, now metav1.Time) corev1.PodCondition {
	c := corev1.PodCondition{Type: ConditionLoadBalancerReady, Status: corev1.ConditionTrue, LastTransitionTime: now}
	waiting := slices.Clone(v.Waiting)
	slices.Sort(waiting)
	gateways := "Gateway " + strings.Join(slices.Compact(waiting), ", ")
	switch {
	case !v.Used:
		c.Reason, c.Message = ReasonPodNotUsed, "No load balancer sends requests to this pod: there is nothing to wait for."
	case len(v.Waiting) == 0:
		c.Reason, c.Message = ReasonPodHealthy, "The load balancers find the pod healthy."
	case v.FailedOpen:
		c.Reason, c.Message = ReasonPodFailedOpen, "The pod is let through without waiting any longer. Not found healthy by the load balancer of "+gateways+"."
	default:
		c.Status, c.Reason, c.Message = corev1.ConditionFalse, ReasonPodWaiting, "Not found healthy yet by the load balancer of "+gateways+"."
	}
	if before != nil && before.Status == c.Status {
		c.LastTransitionTime = before.LastTransitionTime
	}
	return c
}
