package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// mostChanges is how many differences a sentence lists; the others are counted.
const mostChanges = 4

// longestValue is how much of a value a sentence quotes. Longer ones (PEM) are only said to differ.
const longestValue = 48

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
		return explain(w, got)
	}
	want, have := w.content(), w.seen(g.content())
	targets := explainTargets(want.Targets, have.Targets)
	want.Targets, have.Targets = nil, nil
	return joinChanges(explain(want, have), targets)
}

func explainSpec[T any, P comparableSpec[T]](want P, got graph.Spec) string {
	g, ok := got.(P)
	if !ok {
		return explain(want, got)
	}
	return explain(want.content(), want.seen(P(g.content())))
}

// explain lists the fields in which got differs from want: "action.forward.backends[0].weight 1 becomes 3".
func explain(want, got any) string {
	w, errW := flatten(want)
	g, errG := flatten(got)
	if errW != nil || errG != nil {
		return "its content differs"
	}
	paths := make(map[string]bool, len(w)+len(g))
	for path := range w {
		paths[path] = true
	}
	for path := range g {
		paths[path] = true
	}
	var changes []string
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		from, had := g[path]
		to, has := w[path]
		switch {
		case had && has && from == to:
		case len(from) > longestValue || len(to) > longestValue:
			changes = append(changes, path+" changes")
		case !had:
			changes = append(changes, fmt.Sprintf("%s becomes %s", path, to))
		case !has:
			changes = append(changes, fmt.Sprintf("%s %s goes", path, from))
		default:
			changes = append(changes, fmt.Sprintf("%s %s becomes %s", path, from, to))
		}
	}
	return listed(changes)
}

func listed(changes []string) string {
	if len(changes) > mostChanges {
		changes = append(slices.Clip(changes[:mostChanges-1]), fmt.Sprintf("and %d more changes", len(changes)-mostChanges+1))
	}
	return strings.Join(changes, ", ")
}

func joinChanges(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// flatten returns the leaves of v's JSON by their path.
func flatten(v any) (map[string]string, error) {
	tree, err := toJSON(v)
	if err != nil {
		return nil, err
	}
	leaves := make(map[string]string)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, child := range v {
				walk(strings.TrimPrefix(path+"."+key, "."), child)
			}
		case []any:
			for i, child := range v {
				walk(path+"["+strconv.Itoa(i)+"]", child)
			}
		case string:
			leaves[path] = strconv.Quote(v)
		default:
			leaves[path] = fmt.Sprint(v)
		}
	}
	walk("", tree)
	return leaves, nil
}

func named(noun string, list []string, one, many string) string {
	switch {
	case len(list) == 0:
		return ""
	case len(list) == 1:
		return fmt.Sprintf("%s %s %s", noun, list[0], one)
	case len(list) <= mostChanges:
		return fmt.Sprintf("%ss %s %s", noun, strings.Join(list, " and "), many)
	default:
		return fmt.Sprintf("%d %ss %s", len(list), noun, many)
	}
}

// toJSON returns v as JSON would read it back: maps, slices, strings, numbers.
func toJSON(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}

// explainTargets says which targets come and go.
func explainTargets(want, got []Target) string {
	come, leave := targetChanges(want, got)
	return joinChanges(named("target", names(come), "comes", "come"), named("target", names(leave), "goes", "go"))
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
