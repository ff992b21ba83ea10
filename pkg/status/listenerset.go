package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// reasonParentNotProgrammed is named by the specification, and has no constant there.
const reasonParentNotProgrammed = "ParentNotProgrammed"

func (w *writer) listenerSets() map[types.NamespacedName]gwv1.ListenerSetStatus {
	objects := map[types.NamespacedName]*gwv1.ListenerSet{}
	for _, set := range w.s.ListenerSets {
		if set != nil {
			objects[nameOf(set)] = set
		}
	}
	out := make(map[types.NamespacedName]gwv1.ListenerSetStatus, len(w.r.ListenerSets))
	for _, report := range w.r.ListenerSets {
		if set := objects[report.Name]; set != nil {
			out[report.Name] = w.listenerSet(set, report)
		}
	}
	return out
}

func (w *writer) listenerSet(set *gwv1.ListenerSet, report translate.ListenerSetReport) gwv1.ListenerSetStatus {
	out := *set.Status.DeepCopy()
	c := newConditions(set.Status.Conditions, set.Generation, w.now)
	c.set(string(gwv1.ListenerSetConditionAccepted), boolStatus(report.Accepted.OK), report.Accepted.Reason,
		verdictMessage(report.Accepted, "The ListenerSet is accepted."))
	switch {
	case !report.Accepted.OK:
		c.set(string(gwv1.ListenerSetConditionProgrammed), metav1.ConditionFalse, report.Accepted.Reason,
			"The ListenerSet is not accepted; see its Accepted condition.")
	case w.progress.phase == phaseFailed && !stillTrue(c, w.answers):
		c.set(string(gwv1.ListenerSetConditionProgrammed), metav1.ConditionFalse, reasonParentNotProgrammed,
			"The load balancer is not programmed; see the Programmed condition of the Gateway.")
	case w.progress.phase != phaseFailed:
		setProgrammed(c, w.progress, w.answers, "The cloud has the listeners.", seeGateway)
	}
	out.Conditions = c.list
	out.Listeners = nil
	for _, l := range distinct(report.Listeners) {
		var existing []metav1.Condition
		for _, known := range set.Status.Listeners {
			if known.Name == l.Name {
				existing = known.Conditions
			}
		}
		out.Listeners = append(out.Listeners, gwv1.ListenerEntryStatus{
			Name: l.Name, SupportedKinds: l.SupportedKinds, AttachedRoutes: l.AttachedRoutes,
			Conditions: w.listener(l, existing, set.Generation),
		})
	}
	return out
}
