package route

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// request is a Request made of plain values.
type request struct {
	host, path, method string
	headers, query     map[string]string
}

func (r *request) Host() string   { return r.host }
func (r *request) Path() string   { return r.path }
func (r *request) Method() string { return r.method }

func (r *request) Header(name string) (string, bool) {
	v, there := r.headers[name]
	return v, there
}

func (r *request) Query(name string) (string, bool) {
	v, there := r.query[name]
	return v, there
}

// oracle says what a table means: it sorts by rank and looks at every route.
type oracle map[string]Route[int]

func (o oracle) lookup(r *request) string {
	var routes []Route[int]
	for _, route := range o {
		routes = append(routes, route)
	}
	slices.SortFunc(routes, func(a, b Route[int]) int { return strings.Compare(a.Rank, b.Rank) })
	for _, route := range routes {
		if matches(route.Match, r) {
			return route.ID
		}
	}
	return ""
}

func (o oracle) hasRank(rank, exceptID string) bool {
	for _, route := range o {
		if route.Rank == rank && route.ID != exceptID {
			return true
		}
	}
	return false
}

func matches(m Match, r *request) bool {
	return matchesHost(m.Host, r.host) && matchesPath(m.Path, r.path) && (m.Method == "" || m.Method == r.method) &&
		matchesFields(m.Headers, r.headers) && matchesFields(m.Query, r.query)
}

func matchesHost(want, host string) bool {
	suffix, wild := strings.CutPrefix(want, "*")
	switch {
	case want == "":
		return true
	case wild:
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	default:
		return host == want
	}
}

func matchesPath(want Path, path string) bool {
	switch want.Kind {
	case PathAny:
		return true
	case PathExact:
		return path == want.Value
	case PathPrefix:
		prefix := strings.TrimSuffix(want.Value, "/")
		return prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/")
	case PathRegex:
		return wholeMatch(want.Value, path)
	}
	return false
}

func matchesFields(want []Field, got map[string]string) bool {
	for _, f := range want {
		value, there := got[f.Name]
		if !there || f.Kind == FieldExact && value != f.Value || f.Kind == FieldRegex && !wholeMatch(f.Value, value) {
			return false
		}
	}
	return true
}

// wholeMatch asks for the leftmost-longest match, and whether that is the whole value: another way than the table's anchors.
func wholeMatch(pattern, value string) bool {
	regex := regexp.MustCompile(pattern)
	regex.Longest()
	at := regex.FindStringIndex(value)
	return at != nil && at[0] == 0 && at[1] == len(value)
}

func lookupID(t *Table[int], r *request) string {
	if found, ok := t.Lookup(r); ok {
		return found.ID
	}
	return ""
}

// check compares a table with its oracle, for every request that its words can form.
func (o oracle) check(t *testing.T, table *Table[int], requests []*request) {
	t.Helper()
	if want, got := len(o), table.Len(); want != got {
		t.Fatalf("Len: want %d, got %d", want, got)
	}
	for _, r := range requests {
		if want, got := o.lookup(r), lookupID(table, r); want != got {
			t.Fatalf("Lookup(%+v): want %q %+v, got %q %+v", *r, want, o[want].Match, got, o[got].Match)
		}
	}
}
