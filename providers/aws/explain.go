package aws

import (
	"net"
	"slices"
	"strconv"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/explain"
)

// Explain implements graph.Spec.
func (w *SecurityGroup) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Explain implements graph.Spec.
func (w *NodeAccess) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Explain implements graph.Spec.
func (w *Certificate) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Explain implements graph.Spec.
func (w *LoadBalancer) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Explain implements graph.Spec.
func (w *Listener) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Explain implements graph.Spec.
func (w *Rule) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Explain implements graph.Spec.
func (w *TargetGroup) Explain(got graph.Spec) string {
	g, ok := got.(*TargetGroup)
	if !ok {
		return explain.Fields(w, got)
	}
	want, have := w.content(), w.seen(g.content())
	targets := explainTargets(want.Targets, have.Targets)
	want.Targets, have.Targets = nil, nil
	return explain.Join(explain.Fields(want, have), targets)
}

func explainSpec[T any, P comparableSpec[T]](want P, got graph.Spec) string {
	g, ok := got.(P)
	if !ok {
		return explain.Fields(want, got)
	}
	return explain.Fields(want.content(), want.seen(P(g.content())))
}

// explainTargets says which targets come and go.
func explainTargets(want, got []Target) string {
	come, leave := targetChanges(want, got)
	return explain.Join(explain.Named("target", names(come), "comes", "come"), explain.Named("target", names(leave), "goes", "go"))
}

func names(targets []Target) []string {
	out := make([]string, 0, len(targets))
	for _, t := range targets {
		out = append(out, t.String())
	}
	return out
}

// String returns id:port.
func (t Target) String() string { return net.JoinHostPort(t.ID, strconv.Itoa(int(t.Port))) }

// targetChanges returns the targets that have to be registered, and those that have to be deregistered, to make got want. Both are sorted.
func targetChanges(want, got []Target) (register, deregister []Target) {
	return targetsWithout(want, got), targetsWithout(got, want)
}

func targetsWithout(list, other []Target) []Target {
	has := make(map[Target]bool, len(other))
	for _, t := range other {
		has[t] = true
	}
	return sortedBy(slices.DeleteFunc(slices.Clone(list), func(t Target) bool { return has[t] }), Target.compare)
}
