package route

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

var sizes = []int{100, 10_000, 100_000}

// kinds are tables of n routes and the requests that look into them. A request hits route i, unless its name says something else.
var kinds = []struct {
	name    string
	route   func(i int) Match
	request func(i int) *request
}{
	{"host",
		func(i int) Match { return Match{Host: hostName(i)} },
		func(i int) *request { return &request{host: hostName(i), path: "/api/v1/users"} }},
	{"host-and-prefix",
		func(i int) Match { return Match{Host: hostName(i), Path: Path{PathPrefix, "/api"}} },
		func(i int) *request { return &request{host: hostName(i), path: "/api/v1/users"} }},
	{"wildcard",
		func(i int) Match { return Match{Host: "*." + hostName(i)} },
		func(i int) *request { return &request{host: "www." + hostName(i), path: "/api/v1/users"} }},
	{"exact",
		func(i int) Match { return Match{Host: "www.example.com", Path: Path{PathExact, pathName(i)}} },
		func(i int) *request { return &request{host: "www.example.com", path: pathName(i)} }},
	{"prefix",
		func(i int) Match { return Match{Host: "www.example.com", Path: Path{PathPrefix, pathName(i)}} },
		func(i int) *request { return &request{host: "www.example.com", path: pathName(i) + "/users/42"} }},
	{"method-and-header",
		func(i int) Match {
			m := Match{Host: "www.example.com", Path: Path{PathPrefix, pathName(i / 4)}, Method: []string{"GET", "POST"}[i%2]}
			if i%4 < 2 {
				m.Headers = []Field{{"x-version", FieldExact, "2"}}
			}
			return m
		},
		func(i int) *request {
			return &request{host: "www.example.com", path: pathName(i/4) + "/42", method: "POST", headers: map[string]string{"x-version": "1"}}
		}},
	{"miss-to-catch-all",
		func(i int) Match {
			if i == 0 {
				return Match{}
			}
			return []Match{
				{Host: hostName(i)},
				{Host: "*." + hostName(i)},
				{Path: Path{PathExact, pathName(i)}},
				{Path: Path{PathPrefix, pathName(i)}},
			}[i%4]
		},
		func(i int) *request {
			return &request{host: fmt.Sprintf("a.b%d.example.org", i), path: "/none/of/these"}
		}},
}

func hostName(i int) string { return fmt.Sprintf("service-%d.example.com", i) }

func pathName(i int) string { return fmt.Sprintf("/team-%d/service-%d", i%97, i) }

func benchRoute(i int, m Match) Route[int] {
	return Route[int]{ID: fmt.Sprintf("namespace/route-%d/0", i), Rank: fmt.Sprintf("%08d", 99_999_999-i), Match: m, Value: i}
}

func benchTable(tb testing.TB, n int, route func(int) Match) *Table[int] {
	tb.Helper()
	edit := (*Table[int])(nil).Edit()
	for i := range n {
		if err := edit.Put(benchRoute(i, route(i))); err != nil {
			tb.Fatal(err)
		}
	}
	return edit.Commit()
}

// BenchmarkLookup looks for 1,024 routes that are spread over the whole table, in turn.
func BenchmarkLookup(b *testing.B) {
	for _, kind := range kinds {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				table := benchTable(b, n, kind.route)
				dice := rand.New(rand.NewPCG(1, 1))
				requests := make([]Request, 1024)
				for i := range requests {
					requests[i] = kind.request(dice.IntN(n))
				}
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					if _, found := table.Lookup(requests[i%len(requests)]); !found {
						b.Fatal("not found")
					}
				}
			})
		}
	}
}

// BenchmarkEdit replaces, adds and removes one route of a table of n, with a commit after each.
func BenchmarkEdit(b *testing.B) {
	for _, kind := range kinds {
		for _, n := range sizes {
			table := benchTable(b, n, kind.route)
			b.Run(fmt.Sprintf("replace/%s/%d", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				current := table
				for i := range b.N {
					current = with(b, current, benchRoute(i%n, kind.route(i%n)))
				}
			})
			b.Run(fmt.Sprintf("add-and-remove/%s/%d", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					r := benchRoute(n+i%n, kind.route(n+i%n))
					if with(b, table, r).Without(r.ID).Len() != n {
						b.Fatal("not removed")
					}
				}
			})
		}
	}
}

func with(tb testing.TB, t *Table[int], r Route[int]) *Table[int] {
	tb.Helper()
	t, err := t.With(r)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// BenchmarkBuild builds a table of 100,000 routes.
func BenchmarkBuild(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				benchTable(b, 100_000, kind.route)
			}
		})
	}
}
