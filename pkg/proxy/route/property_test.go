package route

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// The words that random routes and requests are made of: few, so that they meet often.
var (
	routeHosts   = []string{"", "", "a.test", "b.a.test", "c.b.a.test", "*.test", "*.a.test", "*.b.a.test", "*.x.y.z.test"}
	requestHosts = []string{"", "test", "a.test", ".a.test", "b.a.test", "c.b.a.test", "d.c.b.a.test", "x..test", "q.x.y.z.test", "other"}
	routePaths   = []Path{
		{}, {PathExact, "/"}, {PathExact, "/a"}, {PathExact, "/a/"}, {PathExact, "/a/b"}, {PathExact, "*"},
		{PathPrefix, ""}, {PathPrefix, "/"}, {PathPrefix, "/a"}, {PathPrefix, "/a/"}, {PathPrefix, "/a/b"}, {PathPrefix, "/a//"}, {PathPrefix, "/a/b/c"},
		{PathPrefix, "//"}, {PathRegex, "/a.*"}, {PathRegex, "/a|/a/b"}, {PathRegex, ""}, {PathRegex, "/[ab]/?"},
	}
	requestPaths  = []string{"", "*", "/", "//", "/a", "/a/", "/a//", "/a/b", "/ab", "/a/b/", "/a/b/c/d", "/a//b", "a", "/b"}
	routeMethods  = []string{"", "", "", "GET", "get"}
	routeFields   = []Field{{"k", FieldExact, "v"}, {"k", FieldRegex, "v+"}, {"l", FieldExact, ""}, {"l", FieldRegex, "a|b"}}
	requestFields = []map[string]string{nil, {"k": "v"}, {"k": "vv", "l": ""}, {"l": "b"}, {"k": "", "l": "ab"}}
)

func allRequests(dice *rand.Rand, n int) []*request {
	requests := make([]*request, n)
	for i := range requests {
		requests[i] = &request{
			host:    pick(dice, requestHosts),
			path:    pick(dice, requestPaths),
			method:  pick(dice, []string{"GET", "get", "POST"}),
			headers: pick(dice, requestFields),
			query:   pick(dice, requestFields),
		}
	}
	return requests
}

func pick[T any](dice *rand.Rand, from []T) T { return from[dice.IntN(len(from))] }

func randomRoute(dice *rand.Rand, ids int) Route[int] {
	r := Route[int]{
		ID:    fmt.Sprint("r", dice.IntN(ids)),
		Rank:  fmt.Sprintf("%03d", dice.IntN(ids*4)),
		Value: dice.Int(),
		Match: Match{Host: pick(dice, routeHosts), Path: pick(dice, routePaths), Method: pick(dice, routeMethods)},
	}
	for dice.IntN(3) == 0 {
		r.Match.Headers = append(r.Match.Headers, pick(dice, routeFields))
	}
	for dice.IntN(4) == 0 {
		r.Match.Query = append(r.Match.Query, pick(dice, routeFields))
	}
	return r
}

// TestTableMeansItsOracle edits tables at random and holds every version to what it meant when it was made.
func TestTableMeansItsOracle(t *testing.T) {
	type version struct {
		table  *Table[int]
		oracle oracle
	}
	for seed := range uint64(60) {
		dice := rand.New(rand.NewPCG(seed, 1))
		requests := allRequests(dice, 60)
		ids := 1 + dice.IntN(40)
		versions := []version{{nil, oracle{}}}
		for range 40 {
			from := pick(dice, versions)
			edit, want := from.table.Edit(), maps.Clone(from.oracle)
			for range dice.IntN(12) {
				editBoth(t, dice, edit, want, ids)
				if dice.IntN(8) == 0 {
					versions = append(versions, version{edit.Commit(), maps.Clone(want)})
				}
			}
			versions = append(versions, version{edit.Commit(), want})
		}
		for _, v := range versions {
			v.oracle.check(t, v.table, requests)
		}
	}
}

func editBoth(t *testing.T, dice *rand.Rand, edit *Edit[int], want oracle, ids int) {
	t.Helper()
	r := randomRoute(dice, ids)
	if dice.IntN(3) == 0 {
		_, there := want[r.ID]
		delete(want, r.ID)
		if got := edit.Delete(r.ID); got != there {
			t.Fatalf("Delete(%q): want %v, got %v", r.ID, there, got)
		}
		return
	}
	err := edit.Put(r)
	if wantErr := want.hasRank(r.Rank, r.ID); wantErr != (err != nil) {
		t.Fatalf("Put(%+v): want an error: %v, got %v", r, wantErr, err)
	}
	if err == nil {
		want[r.ID] = r
	}
}

// TestManyRoutes walks a table up to a size where its maps are several nodes deep, and down to nothing.
func TestManyRoutes(t *testing.T) {
	const n = 20_000
	dice := rand.New(rand.NewPCG(1, 2))
	edit := (*Table[int])(nil).Edit()
	for i := range n {
		if err := edit.Put(numbered(i)); err != nil {
			t.Fatal(err)
		}
	}
	full := edit.Commit()
	order := dice.Perm(n)
	for k, i := range order {
		if !edit.Delete(numbered(i).ID) {
			t.Fatalf("route %d is not there", i)
		}
		if k%1000 == 0 {
			table := edit.Commit()
			for _, j := range order[k+1 : min(n, k+20)] {
				if want, got := numbered(j).ID, lookupID(table, numberedRequest(j)); want != got {
					t.Fatalf("after %d deletions: want %q, got %q", k+1, want, got)
				}
			}
			if got := lookupID(table, numberedRequest(i)); got != "" {
				t.Fatalf("%q was deleted and is found", got)
			}
		}
	}
	if empty := edit.Commit(); empty.exact.root != nil || empty.wild.root != nil || empty.any != nil || empty.ids.root != nil || empty.ranks.root != nil {
		t.Errorf("an emptied table keeps something: %+v", empty)
	}
	for i := range n {
		if want, got := numbered(i).ID, lookupID(full, numberedRequest(i)); want != got {
			t.Fatalf("the full table changed: want %q, got %q", want, got)
		}
	}
}

// numbered is the i-th of any number of routes that do not overlap, of every kind that is indexed.
func numbered(i int) Route[int] {
	r := Route[int]{ID: fmt.Sprint("route-", i), Rank: fmt.Sprintf("%08d", i), Value: i}
	switch i % 4 {
	case 0:
		r.Match.Host = fmt.Sprintf("host-%d.example.com", i)
	case 1:
		r.Match.Host = fmt.Sprintf("*.host-%d.example.com", i)
	case 2:
		r.Match = Match{Host: "shared.example.com", Path: Path{PathExact, fmt.Sprintf("/exact/%d", i)}}
	case 3:
		r.Match = Match{Host: "shared.example.com", Path: Path{PathPrefix, fmt.Sprintf("/prefix/%d/", i)}}
	}
	return r
}

func numberedRequest(i int) *request {
	switch i % 4 {
	case 0:
		return &request{host: fmt.Sprintf("host-%d.example.com", i), path: "/"}
	case 1:
		return &request{host: fmt.Sprintf("a.b.host-%d.example.com", i), path: "/"}
	case 2:
		return &request{host: "shared.example.com", path: fmt.Sprintf("/exact/%d", i)}
	default:
		return &request{host: "shared.example.com", path: fmt.Sprintf("/prefix/%d/below", i)}
	}
}
