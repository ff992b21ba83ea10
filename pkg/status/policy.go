package status

import (
	"slices"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// maxAncestors is how many ancestors a policy's status can have.
const maxAncestors = 16

// policies returns the statuses of the policies of all kinds. Their ancestor is the Gateway of whose backends they speak.
func (w *writer) policies() map[translate.Object]gwv1.PolicyStatus {
	reports := map[translate.Object]translate.PolicyReport{}
	for _, report := range w.r.Policies {
		reports[translate.Object{Kind: report.Kind, Namespace: report.Name.Namespace, Name: report.Name.Name}] = report
	}
	out := map[translate.Object]gwv1.PolicyStatus{}
	for _, policy := range w.s.Policies() {
		report, relevant := reports[policy.Object]
		out[policy.Object] = w.policy(policy, report, relevant)
	}
	return out
}

func (w *writer) policy(policy translate.Policy, report translate.PolicyReport, relevant bool) gwv1.PolicyStatus {
	group, kind := gwv1.Group(gwv1.GroupName), gwv1.Kind("Gateway")
	namespace := gwv1.Namespace(w.s.Gateway.Namespace)
	ref := gwv1.ParentReference{Group: &group, Kind: &kind, Namespace: &namespace, Name: gwv1.ObjectName(w.s.Gateway.Name)}
	existing := policy.Status.Ancestors
	out := gwv1.PolicyStatus{Ancestors: make([]gwv1.PolicyAncestorStatus, 0, len(existing)+1)}
	entry := gwv1.PolicyAncestorStatus{AncestorRef: ref, ControllerName: w.s.ControllerName}
	ours := func(a gwv1.PolicyAncestorStatus) bool {
		return a.ControllerName == w.s.ControllerName && translate.SameParent(a.AncestorRef, ref, policy.Object.Namespace)
	}
	if i := slices.IndexFunc(existing, ours); i >= 0 {
		entry.AncestorRef = existing[i].AncestorRef
		entry.Conditions = existing[i].Conditions
	}
	c := newConditions(entry.Conditions, policy.Meta.Generation, w.now)
	if relevant {
		c.set(string(gwv1.PolicyConditionAccepted), boolStatus(report.Accepted.OK), report.Accepted.Reason,
			verdictMessage(report.Accepted, "The "+policy.Object.Kind+" is accepted."))
	}
	if relevant && report.Resolved.Reason != "" {
		c.set(string(gwv1.BackendTLSPolicyConditionResolvedRefs), boolStatus(report.Resolved.OK), report.Resolved.Reason,
			verdictMessage(report.Resolved, "All references are resolved."))
	}
	entry.Conditions = c.list
	written := !relevant
	for _, a := range existing {
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
