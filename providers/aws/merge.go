package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// merged is a rule that stands for all combinations of its hosts, paths and methods.
type merged struct {
	atom    // the first one: its rank is that of the whole
	hosts   []string
	paths   []pathValues
	methods []string // none for any
}

// conditions in the order of AWS's documentation. A rule without any is one for every path.
func (m *merged) conditions() []Condition {
	var out []Condition
	if host := m.hostCondition(); host.Field != "" {
		out = append(out, host)
	}
	path := Condition{Field: FieldPath}
	for _, p := range m.paths {
		if p.regex {
			path.Regex = append(path.Regex, p.values...)
		} else {
			path.Values = append(path.Values, p.values...)
		}
	}
	if len(path.Values)+len(path.Regex) > 0 {
		out = append(out, path)
	}
	if len(m.methods) > 0 {
		out = append(out, Condition{Field: FieldMethod, Values: m.methods})
	}
	if out = append(out, m.rest...); len(out) == 0 {
		out = []Condition{{Field: FieldPath, Values: []string{"/*"}}}
	}
	return out
}

// hostCondition is zero where a rule is for every host.
func (m *merged) hostCondition() Condition {
	if slices.Contains(m.hosts, "") {
		return Condition{}
	}
	c := Condition{Field: FieldHost}
	if !slices.ContainsFunc(m.hosts, func(h string) bool { return !plainHost(h) }) {
		c.Values = m.hosts
		return c
	}
	for _, h := range m.hosts {
		c.Regex = append(c.Regex, hostExpression(h))
	}
	return c
}

// plainHost tells whether a hostname is what AWS takes as one: with a dot, and letters alone after the last.
func plainHost(host string) bool {
	dot := strings.LastIndexByte(host, '.')
	top := host[dot+1:]
	return dot >= 0 && top != "" && strings.IndexFunc(top, func(r rune) bool { return r < 'a' || r > 'z' }) < 0
}

// hostExpression matches a hostname that AWS does not take as one.
func hostExpression(host string) string {
	if parent, wild := strings.CutPrefix(host, "*."); wild {
		return `^.+\.` + strings.ReplaceAll(parent, ".", `\.`) + "$"
	}
	return "^" + strings.ReplaceAll(host, ".", `\.`) + "$"
}

// size counts the values and wildcards of the conditions.
func (m *merged) size() (values, wildcards int) {
	for _, c := range m.conditions() {
		values += len(c.Values) + len(c.Regex) + len(c.Query)
		if c.Field == FieldMethod {
			continue
		}
		for _, v := range c.Values {
			wildcards += strings.Count(v, "*") + strings.Count(v, "?")
		}
	}
	return values, wildcards
}

func (m *merged) fits() bool {
	values, wildcards := m.size()
	return values <= mostMatchValues && wildcards <= mostWildcards
}

func conditionsDigest(conditions []Condition) string {
	text, err := json.Marshal(conditions)
	if err != nil {
		return "" // strings always encode
	}
	return digest(12, string(text))
}

// merge makes as few rules of atoms as their limits allow, and none that decides otherwise. Atoms come in their order of precedence. Those
// of one rule of a route that do the same and differ in host, path and method alone become blocks of these, each at the place of its first
// atom, if no other that could decide a request stands between that place and theirs.
func merge(atoms []atom) []merged {
	place := make(map[*atom]int, len(atoms))
	families := make(map[string][]*atom)
	var order []string
	for i := range atoms {
		a := &atoms[i]
		place[a] = i
		key := a.family()
		if families[key] == nil {
			order = append(order, key)
		}
		families[key] = append(families[key], a)
	}
	var out []merged
	var all []block
	for _, key := range order {
		for _, b := range blocks(families[key]) {
			if movable(atoms, place, b) {
				all = append(all, b)
				continue
			}
			for _, a := range b.atoms {
				all = append(all, alone(a))
			}
		}
	}
	for _, b := range acrossMethods(atoms, place, all) {
		out = append(out, b.merged())
	}
	slices.SortStableFunc(out, func(a, b merged) int { return strings.Compare(a.rank, b.rank) })
	return out
}

// family is equal for atoms that can be merged: they are of one rule of a route, and differ in host and path alone. A path that an
// expression is needed for cannot be in one condition with a pattern, nor a host.
func (a *atom) family() string {
	text, err := json.Marshal(struct {
		Source            ir.Source
		Does, Method      string
		Rest              []Condition
		Any, Regex, Plain bool
	}{a.source, a.outcome, a.match.Method, a.rest, len(a.path.values) == 0, a.path.regex, plainHost(a.match.Hostname)})
	if err != nil {
		return a.rank // strings always encode
	}
	return string(text)
}

// outcomeOf is equal for atoms that do the same.
func (a *atom) outcomeOf() string {
	type share struct {
		Pool, Version string
		Weight        uint64
		Seconds       int32
	}
	var shares []share
	for _, p := range a.pools {
		shares = append(shares, share{p.pool, p.version, p.weight, p.session.seconds})
	}
	text, err := json.Marshal([]any{a.action, shares, a.hostRewrite, a.urlRewrite})
	if err != nil {
		return a.rank // strings always encode
	}
	return string(text)
}

func single(a *atom) merged {
	b := alone(a)
	return b.merged()
}

// block is some hosts, some paths and some methods, with an atom for each combination.
type block struct {
	hosts   []string
	paths   []pathValues
	methods []string
	atoms   []*atom // in order of precedence
}

func alone(a *atom) block {
	b := block{hosts: []string{a.match.Hostname}, paths: []pathValues{a.path}, atoms: []*atom{a}}
	if a.match.Method != "" {
		b.methods = []string{a.match.Method}
	}
	return b
}

func (b *block) merged() merged {
	return merged{atom: *b.atoms[0], hosts: b.hosts, paths: b.paths, methods: b.methods}
}

// acrossMethods makes one of blocks that differ in their method alone.
func acrossMethods(atoms []atom, place map[*atom]int, blocks []block) []block {
	at := make(map[string]int)
	var out []block
	for _, b := range blocks {
		text, err := json.Marshal([]any{b.atoms[0].source, b.atoms[0].outcome, b.atoms[0].rest, b.hosts, fmt.Sprint(b.paths)})
		if err != nil || len(b.methods) == 0 {
			out = append(out, b)
			continue
		}
		if i, known := at[string(text)]; known && !slices.Contains(out[i].methods, b.methods[0]) {
			both := out[i]
			both.methods = append(slices.Clone(both.methods), b.methods...)
			both.atoms = slices.Concat(both.atoms, b.atoms)
			slices.SortFunc(both.atoms, func(x, y *atom) int { return strings.Compare(x.rank, y.rank) })
			if m := both.merged(); m.fits() && movable(atoms, place, both) {
				out[i] = both
				continue
			}
		}
		at[string(text)] = len(out)
		out = append(out, b)
	}
	return out
}

// blocks cuts a family into blocks: hosts that have the same paths go together, and are cut to pieces of such a size that there are the
// fewest.
func blocks(family []*atom) []block {
	type cell struct{ host, path string }
	cells := make(map[cell]*atom, len(family))
	paths := make(map[string]pathValues)
	byHost := make(map[string][]string) // the keys of its paths
	var hosts []string
	var out []block
	for _, a := range family {
		key := strings.Join(a.path.values, "\n")
		at := cell{a.match.Hostname, key}
		if cells[at] != nil { // the same once more: it never decides, and stays by itself
			out = append(out, alone(a))
			continue
		}
		cells[at], paths[key] = a, a.path
		if byHost[a.match.Hostname] == nil {
			hosts = append(hosts, a.match.Hostname)
		}
		byHost[a.match.Hostname] = append(byHost[a.match.Hostname], key)
	}
	done := make(map[string]bool)
	for _, first := range hosts {
		if done[first] {
			continue
		}
		var like []string
		for _, h := range hosts {
			if !done[h] && slices.Equal(byHost[h], byHost[first]) {
				like, done[h] = append(like, h), true
			}
		}
		height, width := pieces(family[0], like, byHost[first], paths)
		for hs := range slices.Chunk(like, height) {
			for ps := range slices.Chunk(byHost[first], width) {
				b := block{hosts: hs, methods: alone(family[0]).methods}
				for _, p := range ps {
					b.paths = append(b.paths, paths[p])
				}
				for _, h := range hs {
					for _, p := range ps {
						b.atoms = append(b.atoms, cells[cell{h, p}])
					}
				}
				slices.SortFunc(b.atoms, func(x, y *atom) int { return strings.Compare(x.rank, y.rank) })
				out = append(out, b)
			}
		}
	}
	return out
}

// pieces returns how many hosts and paths go into one rule so that there are the fewest rules; of equal ways that with the most paths.
func pieces(like *atom, hosts, keys []string, paths map[string]pathValues) (height, width int) {
	height, width = 1, 1
	fewest := len(hosts) * len(keys)
	for h := 1; h <= min(len(hosts), mostMatchValues); h++ {
		for w := 1; w <= min(len(keys), mostMatchValues); w++ {
			count := ceil(len(hosts), h) * ceil(len(keys), w)
			if count < fewest && allFit(like, hosts, keys, paths, h, w) {
				height, width, fewest = h, w, count
			}
		}
	}
	return height, width
}

func ceil(n, by int) int { return (n + by - 1) / by }

// allFit tells whether every piece is within the limits of a rule.
func allFit(like *atom, hosts, keys []string, paths map[string]pathValues, height, width int) bool {
	for hs := range slices.Chunk(hosts, height) {
		for ks := range slices.Chunk(keys, width) {
			m := merged{atom: *like, hosts: hs, methods: alone(like).methods}
			for _, k := range ks {
				m.paths = append(m.paths, paths[k])
			}
			if !m.fits() {
				return false
			}
		}
	}
	return true
}

// movable tells whether every atom of a block can go to the place of the first: none that it passes could decide the same request
// otherwise.
func movable(all []atom, place map[*atom]int, b block) bool {
	first := place[b.atoms[0]]
	for _, a := range b.atoms[1:] {
		for i := first + 1; i < place[a]; i++ {
			passed := &all[i]
			if !disjoint(&passed.match, &a.match) && passed.outcome != a.outcome {
				return false
			}
		}
	}
	return true
}

// disjoint tells whether no request can match both, by host, path or method.
func disjoint(a, b *ir.Match) bool {
	return hostsDisjoint(a.Hostname, b.Hostname) || pathsDisjoint(a.Path, b.Path) ||
		a.Method != "" && b.Method != "" && a.Method != b.Method
}

func hostsDisjoint(a, b string) bool {
	switch {
	case a == b || a == "" || b == "":
		return false
	case strings.HasPrefix(a, "*.") && strings.HasSuffix(b, a[1:]), strings.HasPrefix(b, "*.") && strings.HasSuffix(a, b[1:]):
		return false
	default:
		return true
	}
}

func pathsDisjoint(a, b ir.PathMatch) bool {
	exactA, exactB := a.Kind == ir.PathExact, b.Kind == ir.PathExact
	prefixA, prefixB := a.Kind == ir.PathPrefix, b.Kind == ir.PathPrefix
	switch {
	case exactA && exactB:
		return a.Value != b.Value
	case exactA && prefixB:
		return !underPrefix(a.Value, b.Value)
	case prefixA && exactB:
		return !underPrefix(b.Value, a.Value)
	case prefixA && prefixB:
		return !underPrefix(a.Value, b.Value) && !underPrefix(b.Value, a.Value)
	default:
		return false
	}
}

// underPrefix tells whether a path is the prefix or below it.
func underPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(path, "/")+"/", strings.TrimSuffix(prefix, "/"))
	return ok && strings.HasPrefix(rest, "/")
}
