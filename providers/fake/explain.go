package fake

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mostChanges is how many differences a sentence lists; the others are counted.
const mostChanges = 4

// longestValue is how much of a value a sentence quotes. Longer ones (PEM) are only said to differ.
const longestValue = 48

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

// explainMembers says which members come, go and change.
func explainMembers(want, got []Member) string {
	add, remove := memberChanges(want, got)
	known := make(map[memberName]bool, len(got))
	for _, m := range got {
		known[m.name()] = true
	}
	var comes, changes, goes []string
	for _, m := range add {
		if known[m.name()] {
			changes = append(changes, m.String())
		} else {
			comes = append(comes, m.String())
		}
	}
	for _, m := range remove {
		goes = append(goes, Member{Address: m.Address, Port: m.Port}.String())
	}
	return joinChanges(named("member", comes, "comes", "come"), named("member", changes, "changes", "change"),
		named("member", goes, "goes", "go"))
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
