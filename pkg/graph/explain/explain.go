package explain

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	most    = 4  // differences that a sentence lists; the others are counted
	longest = 48 // of a value that a sentence quotes; longer ones (PEM) are only said to differ
)

// Fields lists the fields in which the JSON of got differs from that of want: "action.forward.backends[0].weight 1 becomes 3". It is empty where they
// do not differ.
func Fields(want, got any) string {
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
		case len(from) > longest || len(to) > longest:
			changes = append(changes, path+" changes")
		case !had:
			changes = append(changes, fmt.Sprintf("%s becomes %s", path, to))
		case !has:
			changes = append(changes, fmt.Sprintf("%s %s goes", path, from))
		default:
			changes = append(changes, fmt.Sprintf("%s %s becomes %s", path, from, to))
		}
	}
	if len(changes) > most {
		changes = append(slices.Clip(changes[:most-1]), fmt.Sprintf("and %d more changes", len(changes)-most+1))
	}
	return strings.Join(changes, ", ")
}

// flatten returns the leaves of v's JSON by their path.
func flatten(v any) (map[string]string, error) {
	tree, err := Tree(v)
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

// Tree returns v as JSON would read it back: maps, slices, strings, numbers.
func Tree(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}

// Named says what becomes of things of one sort, with the verb for one and for many: "targets a:1 and b:1 come". It is empty where list is.
func Named(noun string, list []string, one, many string) string {
	switch {
	case len(list) == 0:
		return ""
	case len(list) == 1:
		return fmt.Sprintf("%s %s %s", noun, list[0], one)
	case len(list) <= most:
		return fmt.Sprintf("%ss %s %s", noun, strings.Join(list, " and "), many)
	default:
		return fmt.Sprintf("%d %ss %s", len(list), noun, many)
	}
}

// Some lists a few and counts the others.
func Some(list []string) string {
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most-1], ", "), len(list)-most+1)
	}
	return strings.Join(list, ", ")
}

// Join puts those parts that say anything into one line.
func Join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
