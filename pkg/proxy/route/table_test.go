package route

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNilTableIsEmpty(t *testing.T) {
	var table *Table[int]
	if _, found := table.Lookup(&request{host: "a.test", path: "/"}); found {
		t.Error("Lookup found something")
	}
	if _, found := table.Get("a"); found {
		t.Error("Get found something")
	}
	if got := table.Len(); got != 0 {
		t.Errorf("Len: want 0, got %d", got)
	}
	for r := range table.All() {
		t.Errorf("All: want nothing, got %v", r)
	}
	if got := table.Without("a"); got != table {
		t.Errorf("Without: want the same table, got %v", got)
	}
	one, err := table.With(Route[int]{ID: "a", Rank: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if want, got := "a", lookupID(one, &request{}); want != got {
		t.Errorf("the zero Match matches every request: want %q, got %q", want, got)
	}
}

// TestRankDecides has one route of each kind match the same request; each in turn ranks first.
func TestRankDecides(t *testing.T) {
	matches := map[string]Match{
		"any":              {},
		"host":             {Host: "b.a.test"},
		"wildcard":         {Host: "*.a.test"},
		"shorter wildcard": {Host: "*.test"},
		"exact":            {Path: Path{PathExact, "/x/y"}},
		"prefix":           {Host: "b.a.test", Path: Path{PathPrefix, "/x"}},
		"longer prefix":    {Host: "*.a.test", Path: Path{PathPrefix, "/x/y/"}},
		"root":             {Host: "b.a.test", Path: Path{PathPrefix, "/"}},
		"regex":            {Host: "*.test", Path: Path{PathRegex, "/./."}},
		"other regex":      {Host: "*.test", Path: Path{PathRegex, "/x.*"}},
		"method":           {Method: "GET"},
		"header":           {Headers: []Field{{"h", FieldExact, "1"}}},
		"query":            {Query: []Field{{"q", FieldRegex, "[0-9]"}}},
	}
	r := &request{host: "b.a.test", path: "/x/y", method: "GET", headers: map[string]string{"h": "1"}, query: map[string]string{"q": "7"}}
	for want := range matches {
		edit := (*Table[int])(nil).Edit()
		for id, match := range matches {
			rank := "2 " + id
			if id == want {
				rank = "1"
			}
			if err := edit.Put(Route[int]{ID: id, Rank: rank, Match: match}); err != nil {
				t.Fatal(err)
			}
		}
		if got := lookupID(edit.Commit(), r); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	table, err := (*Table[int])(nil).With(Route[int]{ID: "first", Rank: "1", Match: Match{Path: Path{PathExact, "/"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reason, want string
		rank         string
		match        Match
	}{
		{"rank taken", `route "r": rank "1" is that of route "first"`, "1", Match{}},
		{"bad path regex", `route "r": path: regular expression: error parsing regexp: missing closing ): ` + "`(`", "2", Match{Path: Path{PathRegex, "("}}},
		{"regex that reaches out", `route "r": path: regular expression: error parsing regexp: unexpected ): ` + "`a)|(?:b`", "2", Match{Path: Path{PathRegex, "a)|(?:b"}}},
		{"bad header regex", `route "r": header "h": regular expression: error parsing regexp: missing closing ]: ` + "`[`", "2", Match{Headers: []Field{{"h", FieldRegex, "["}}}},
		{"not RE2", `route "r": query parameter "q": regular expression: error parsing regexp: invalid or unsupported Perl syntax: ` + "`(?=`", "2", Match{Query: []Field{{"q", FieldRegex, "(?=a)"}}}},
		{"long regex", `route "r": path: regular expression of 4097 bytes, at most 4096 are allowed`, "2", Match{Path: Path{PathRegex, strings.Repeat("a", 4097)}}},
		{"large regex", `route "r": path: regular expression too large: it compiles to 4002 instructions, at most 2000 are allowed`, "2", Match{Path: Path{PathRegex, "[ab]{1000}[ab]{1000}[ab]{1000}[ab]{1000}"}}},
		{"relative prefix", `route "r": path: prefix "a/" does not begin with a slash`, "2", Match{Path: Path{PathPrefix, "a/"}}},
		{"unknown path kind", `route "r": path: unknown kind 9`, "2", Match{Path: Path{9, "/"}}},
		{"unknown field kind", `route "r": header "h": unknown kind 9`, "2", Match{Headers: []Field{{"h", 9, "/"}}}},
		{"long host", `route "r": host: 254 bytes, at most 253 are allowed`, "2", Match{Host: strings.Repeat("a", 254)}},
		{"inner wildcard", `route "r": host "a.*.test": a wildcard is the whole first label, before a dot and a name`, "2", Match{Host: "a.*.test"}},
		{"part wildcard", `route "r": host "*a.test": a wildcard is the whole first label, before a dot and a name`, "2", Match{Host: "*a.test"}},
		{"wildcard alone", `route "r": host "*": a wildcard is the whole first label, before a dot and a name`, "2", Match{Host: "*"}},
		{"wildcard before nothing", `route "r": host "*.": a wildcard is the whole first label, before a dot and a name`, "2", Match{Host: "*."}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			edit := table.Edit()
			if err := edit.Put(Route[int]{ID: "r", Rank: test.rank, Match: test.match}); err == nil {
				t.Error("want an error")
			} else if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if got := edit.Commit().Len(); got != 1 {
				t.Errorf("want the table unchanged, with 1 route, got %d", got)
			}
			// The same for a route that is there already: it stays what it was.
			if err := edit.Put(Route[int]{ID: "r", Rank: "3"}); err != nil {
				t.Fatal(err)
			}
			if err := edit.Put(Route[int]{ID: "r", Rank: test.rank, Match: test.match}); err == nil {
				t.Error("want an error for a replacement")
			}
			if got := lookupID(edit.Commit(), &request{path: "/else"}); got != "r" {
				t.Errorf("want the route before the failed replacement, got %q", got)
			}
		})
	}
}

func TestGetAndAll(t *testing.T) {
	table := benchTable(t, 500, kinds[0].route)
	var got []string
	for r := range table.All() {
		if found, ok := table.Get(r.ID); !ok || found != r {
			t.Errorf("Get(%q): want what All gave, got %v", r.ID, found)
		}
		got = append(got, r.ID)
	}
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprintf("namespace/route-%d/0", i))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	for range table.All() {
		break // must not go on
	}
}

// TestReplaceKeepsCompiled puts a route again with another value: its regular expression is not compiled again.
func TestReplaceKeepsCompiled(t *testing.T) {
	r := Route[int]{ID: "a", Rank: "1", Match: Match{Path: Path{PathRegex, "/a+"}}}
	before := with(t, nil, r)
	r.Value, r.Rank = 2, "2"
	after := with(t, before, r)
	old, _ := before.ids.get("a", hash("a"))
	replaced, _ := after.ids.get("a", hash("a"))
	if old.path == nil || old.path != replaced.path {
		t.Errorf("want the same *regexp.Regexp, got %p and %p", old.path, replaced.path)
	}
	r.Match.Path.Value = "/b+"
	if found, ok := with(t, after, r).Lookup(&request{path: "/bb"}); !ok || found.Value != 2 {
		t.Errorf("want the new expression to match, got %v", found)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	for _, kind := range kinds {
		table := benchTable(t, 2000, kind.route)
		var r Request = kind.request(1999)
		if got := testing.AllocsPerRun(100, func() { table.Lookup(r) }); got != 0 {
			t.Errorf("%s: want 0 allocations, got %v", kind.name, got)
		}
	}
}

// TestSharingUnderRace reads old versions of a table while others are derived from them. The race detector sees what is written to.
func TestSharingUnderRace(t *testing.T) {
	edit := (*Table[int])(nil).Edit()
	const n = 400
	for i := range n {
		if err := edit.Put(numbered(i)); err != nil {
			t.Fatal(err)
		}
	}
	base := edit.Commit()
	var group sync.WaitGroup
	// The edit that made base goes on, and others begin from it.
	edits := []*Edit[int]{edit, base.Edit(), base.Edit()}
	for k, e := range edits {
		group.Go(func() {
			for i := range n {
				r := numbered(i)
				r.Value = -k
				if i%3 == 0 {
					e.Delete(r.ID)
				} else if err := e.Put(r); err != nil {
					t.Error(err)
				}
				if err := e.Put(numbered(n + i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		group.Go(func() {
			for i := range 2 * n {
				found, ok := base.Lookup(numberedRequest(i))
				switch {
				case ok != (i < n):
					t.Errorf("route %d of base: want found %v, got %v", i, i < n, ok)
				case ok && found.Value != i:
					t.Errorf("route %d of base: want value %d, got %d", i, i, found.Value)
				}
			}
		})
	}
	group.Wait()
	for k, e := range edits {
		table := e.Commit()
		for i := range n {
			found, ok := table.Lookup(numberedRequest(i))
			if want := i%3 != 0; ok != want || ok && found.Value != -k {
				t.Fatalf("edit %d, route %d: want found %v with %d, got %v with %+v", k, i, want, -k, ok, found)
			}
		}
	}
}
