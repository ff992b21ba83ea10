package route

import (
	"fmt"
	"testing"
)

// FuzzMatch holds a table of one route to the oracle, for any words.
func FuzzMatch(f *testing.F) {
	for _, seed := range []struct {
		host, path, requestHost, requestPath string
		kind                                 uint8
	}{
		{"a.test", "/a", "a.test", "/a", uint8(PathExact)},
		{"*.a.test", "/a/", "b.a.test", "/a/b", uint8(PathPrefix)},
		{"*.a.test", "//", "..a.test", "//", uint8(PathPrefix)},
		{"", "/a|b", "", "/a", uint8(PathRegex)},
		{"*.", "a)|(b", ".", "b", uint8(PathRegex)},
		{"", "a|ab", "x", "ab", uint8(PathRegex)},
		{"", "(?i)/A$", "x", "/a\n", uint8(PathRegex)},
		{"", "^/a", "x", "/a", uint8(PathRegex)},
		{"", "/", "x", "*", uint8(PathPrefix)},
		{"", "", "x", "", uint8(PathExact)},
	} {
		f.Add(seed.host, seed.kind, seed.path, seed.requestHost, seed.requestPath)
	}
	f.Fuzz(func(t *testing.T, host string, kind uint8, path, requestHost, requestPath string) {
		r := Route[int]{ID: "r", Rank: "1", Match: Match{Host: host, Path: Path{PathKind(kind), path}}}
		table, err := (*Table[int])(nil).With(r)
		if err != nil {
			t.Skip("refused")
		}
		oracle{"r": r}.check(t, table, []*request{{host: requestHost, path: requestPath}})
		if got := table.Without("r").Len(); got != 0 {
			t.Errorf("after the deletion: want 0 routes, got %d", got)
		}
	})
}

// FuzzEdits plays a string of edits, three bytes each, on a table and on the oracle.
func FuzzEdits(f *testing.F) {
	f.Add([]byte("\x00\x00\x00"))
	f.Add([]byte("\x00\x01\x02\x03\x14\x25\x06\x37\x48\x80\x01\x02"))
	f.Add([]byte("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"))
	f.Fuzz(func(t *testing.T, edits []byte) {
		if len(edits) > 90 {
			t.Skip("long enough")
		}
		var table *Table[int]
		want := oracle{}
		for ; len(edits) >= 3; edits = edits[3:] {
			r := Route[int]{
				ID:   fmt.Sprint("r", edits[0]%16),
				Rank: fmt.Sprint(edits[0] / 16),
				Match: Match{
					Host:   routeHosts[int(edits[1])%len(routeHosts)],
					Path:   routePaths[int(edits[2])%len(routePaths)],
					Method: routeMethods[int(edits[1]/16)%len(routeMethods)],
				},
			}
			if edits[1] >= 0xe0 {
				table = table.Without(r.ID)
				delete(want, r.ID)
				continue
			}
			next, err := table.With(r)
			if taken := want.hasRank(r.Rank, r.ID); taken != (err != nil) {
				t.Fatalf("With(%+v): want an error: %v, got %v", r, taken, err)
			}
			if err == nil {
				table, want[r.ID] = next, r
			}
		}
		var requests []*request
		for _, host := range requestHosts {
			for _, path := range requestPaths {
				requests = append(requests, &request{host: host, path: path, method: "GET"})
			}
		}
		want.check(t, table, requests)
	})
}
