package status

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// maxParents is how many parents a route's status can have.
const maxParents = 32

// route returns the status of one route. Entries of other controllers stay byte for byte and in their place. Of ours, those of this Gateway are
// written anew, those that the route does not name any more go, and those of other Gateways stay.
func (w *writer) route(reports map[routeKey]translate.RouteReport, kind string, meta *metav1.ObjectMeta, refs []gwv1.ParentReference, existing gwv1.RouteStatus) gwv1.RouteStatus {
	report := reports[routeKey{kind, types.NamespacedName{Namespace: meta.Namespace, Name: meta.Name}}]
	written := make([]bool, len(report.Parents))
	out := gwv1.RouteStatus{Parents: make([]gwv1.RouteParentStatus, 0, max(len(existing.Parents), len(report.Parents)))}
	for _, entry := range existing.Parents {
		if entry.ControllerName != w.s.ControllerName {
			out.Parents = append(out.Parents, *entry.DeepCopy())
			continue
		}
		i := slices.IndexFunc(report.Parents, func(p translate.ParentReport) bool {
			return translate.SameParent(p.Ref, entry.ParentRef, meta.Namespace)
		})
		switch {
		case i >= 0 && !written[i]:
			written[i] = true
			out.Parents = append(out.Parents, w.parent(kind, meta, report.Parents[i], entry.Conditions))
		case i < 0 && !w.isOurs(entry.ParentRef, meta.Namespace) && names(refs, entry.ParentRef, meta.Namespace):
			out.Parents = append(out.Parents, *entry.DeepCopy())
		}
	}
	for i, p := range report.Parents {
		if !written[i] && len(out.Parents) < maxParents {
			out.Parents = append(out.Parents, w.parent(kind, meta, p, nil))
		}
	}
	return out
}

// isOurs tells whether a parentRef means this Gateway or one of its ListenerSets.
func (w *writer) isOurs(ref gwv1.ParentReference, namespace string) bool {
	if ref.Group != nil && *ref.Group != gwv1.GroupName {
		return false
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	name := types.NamespacedName{Namespace: namespace, Name: string(ref.Name)}
	if ref.Kind == nil || *ref.Kind == "Gateway" {
		return name == nameOf(w.s.Gateway)
	}
	return *ref.Kind == "ListenerSet" && slices.ContainsFunc(w.s.ListenerSets, func(set *gwv1.ListenerSet) bool {
		return set != nil && nameOf(set) == name && translate.NamesGateway(set, w.s.Gateway)
	})
}

func names(refs []gwv1.ParentReference, ref gwv1.ParentReference, namespace string) bool {
	return slices.ContainsFunc(refs, func(r gwv1.ParentReference) bool { return translate.SameParent(r, ref, namespace) })
}

func (w *writer) parent(kind string, meta *metav1.ObjectMeta, p translate.ParentReport, existing []metav1.Condition) gwv1.RouteParentStatus {
	c := newConditions(existing, meta.Generation, w.now)
	c.set(string(gwv1.RouteConditionAccepted), boolStatus(p.Accepted.OK), p.Accepted.Reason,
		verdictMessage(p.Accepted, fmt.Sprintf("The %s is accepted.", kind)))
	c.set(string(gwv1.RouteConditionResolvedRefs), boolStatus(p.Resolved.OK), p.Resolved.Reason,
		verdictMessage(p.Resolved, "All references are resolved."))
	if p.Partial.OK || !p.Accepted.OK {
		c.drop(string(gwv1.RouteConditionPartiallyInvalid))
	} else {
		c.set(string(gwv1.RouteConditionPartiallyInvalid), metav1.ConditionTrue, p.Partial.Reason, droppedMessage(p.Partial.Problems))
	}
	return gwv1.RouteParentStatus{ParentRef: *p.Ref.DeepCopy(), ControllerName: w.s.ControllerName, Conditions: c.list}
}

// droppedMessage begins as the specification wants it and names the rules.
func droppedMessage(problems []translate.Problem) string {
	var rules []string
	for _, p := range problems {
		if rule := ruleOf(p.Where); !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	slices.SortFunc(rules, translate.CompareFields)
	word := "Dropped Rule "
	if len(rules) > 1 {
		word = "Dropped Rules "
	}
	return word + strings.Join(rules, ", ") + ": " + sentences(problems)
}

func ruleName(index int) string { return fmt.Sprintf("rules[%d]", index) }

// ruleOf returns "rules[2]" for "rules[2].filters[0]".
func ruleOf(where string) string {
	rule, _, _ := strings.Cut(where, ".")
	return rule
}
