package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// maxAncestors is how many ancestors a policy's status can have.
const maxAncestors = 16

// policies returns the statuses of the BackendTLSPolicies. Their ancestor is the Gateway whose backends they secure.
func (w *writer) policies() map[types.NamespacedName]gwv1.PolicyStatus {
	reports := map[types.NamespacedName]translate.PolicyReport{}
	for _, report := range w.r.Policies {
		reports[report.Name] = report
	}
	out := make(map[types.NamespacedName]gwv1.PolicyStatus, len(w.s.BackendTLSPolicies))
	for _, policy := range w.s.BackendTLSPolicies {
		if policy != nil {
			report, relevant := reports[nameOf(policy)]
			out[nameOf(policy)] = w.policy(policy, report, relevant)
		}
	}
	return out
}

func (w *writer) policy(policy *gwv1.BackendTLSPolicy, report translate.PolicyReport, relevant bool) gwv1.PolicyStatus {
	group, kind := gwv1.Group(gwv1.GroupName), gwv1.Kind("Gateway")
	namespace := gwv1.Namespace(w.s.Gateway.Namespace)
	ref := gwv1.ParentReference{Group: &group, Kind: &kind, Namespace: &namespace, Name: gwv1.ObjectName(w.s.Gateway.Name)}
	out := gwv1.PolicyStatus{Ancestors: make([]gwv1.PolicyAncestorStatus, 0, len(policy.Status.Ancestors)+1)}
	entry := gwv1.PolicyAncestorStatus{AncestorRef: ref, ControllerName: w.s.ControllerName}
	ours := func(a gwv1.PolicyAncestorStatus) bool {
		return a.ControllerName == w.s.ControllerName && translate.SameParent(a.AncestorRef, ref, policy.Namespace)
	}
	if i := slices.IndexFunc(policy.Status.Ancestors, ours); i >= 0 {
		entry.AncestorRef = policy.Status.Ancestors[i].AncestorRef
		entry.Conditions = policy.Status.Ancestors[i].Conditions
	}
	c := newConditions(entry.Conditions, policy.Generation, w.now)
	if relevant {
		c.set(string(gwv1.PolicyConditionAccepted), boolStatus(report.Accepted.OK), report.Accepted.Reason,
			verdictMessage(report.Accepted, "The BackendTLSPolicy is accepted."))
		c.set(string(gwv1.BackendTLSPolicyConditionResolvedRefs), boolStatus(report.Resolved.OK), report.Resolved.Reason,
			verdictMessage(report.Resolved, "All references are resolved."))
	}
	entry.Conditions = c.list
	written := !relevant
	for _, a := range policy.Status.Ancestors {
		switch {
		case !ours(a):
			out.Ancestors = append(out.Ancestors, *a.DeepCopy())
		case !written:
			written = true
			out.Ancestors = append(out.Ancestors, entry)
		}
	}
	if !written && len(out.Ancestors) < maxAncestors {
		out.Ancestors = append(out.Ancestors, entry)
	}
	return out
}
