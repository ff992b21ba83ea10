package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ranked is a rule as the specification sees it.
type ranked struct {
	key  rankKey
	meta metav1.ObjectMeta
	kind string
}

func (r ranked) rank() string { return r.key.String(&r.meta, r.kind) }

// compareBySpecification says the same as a rank, in the words of the specification and without encoding anything.
func compareBySpecification(a, b ranked) int {
	exact := func(h string) int {
		if isWildcard(h) {
			return 0
		}
		return len(h)
	}
	more := func(x, y int) int { return cmp.Compare(y, x) }
	boolToInt := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		more(exact(a.key.hostname), exact(b.key.hostname)),
		more(len(a.key.hostname), len(b.key.hostname)),
		cmp.Compare(a.key.path, b.key.path),
		more(a.key.length, b.key.length),
		more(a.key.sub, b.key.sub),
		more(boolToInt(a.key.method), boolToInt(b.key.method)),
		more(a.key.headers, b.key.headers),
		more(a.key.query, b.key.query),
		a.meta.CreationTimestamp.Compare(b.meta.CreationTimestamp.Time),
		strings.Compare(a.meta.Namespace+"/"+a.meta.Name, b.meta.Namespace+"/"+b.meta.Name),
		cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.key.rule, b.key.rule),
		cmp.Compare(a.key.match, b.key.match),
		cmp.Compare(a.key.host, b.key.host),
	)
}

// corpus has every part of a rank vary, one against the others.
func corpus() []ranked {
	base := ranked{kind: kindHTTPRoute, key: rankKey{path: rankPrefix, length: 1}, meta: metav1.ObjectMeta{Namespace: "a", Name: "b",
		CreationTimestamp: metav1.NewTime(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))}}
	changes := [][]func(*ranked){
		{func(r *ranked) { r.key.hostname = "" }, func(r *ranked) { r.key.hostname = "*.example.com" }, func(r *ranked) { r.key.hostname = "*.com" }, func(r *ranked) { r.key.hostname = "a.b" }},
		{func(r *ranked) { r.key.path, r.key.length = rankExact, 0 }, func(r *ranked) { r.key.length = 9 }, func(r *ranked) { r.key.length = 10 }, func(r *ranked) { r.key.path, r.key.length = rankRegex, 3 }},
		{func(r *ranked) {}, func(r *ranked) { r.key.method = true }},
		{func(r *ranked) {}, func(r *ranked) { r.key.headers = 2 }, func(r *ranked) { r.key.headers = 16 }},
		{func(r *ranked) {}, func(r *ranked) { r.key.query = 1 }},
		{func(r *ranked) {}, func(r *ranked) {
			r.meta.CreationTimestamp = metav1.NewTime(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
		}},
		{func(r *ranked) {}, func(r *ranked) { r.meta.Name = "b-c" }, func(r *ranked) { r.meta.Name = "b.c" }, func(r *ranked) { r.meta.Namespace = "a-b" }},
		{func(r *ranked) {}, func(r *ranked) { r.key.rule = 2 }, func(r *ranked) { r.key.rule, r.key.match = 10, 1 }},
	}
	all := []ranked{base}
	for _, choices := range changes {
		var next []ranked
		for _, r := range all {
			for _, change := range choices {
				changed := r
				change(&changed)
				next = append(next, changed)
			}
		}
		all = next
	}
	return all
}

func TestRankIsTheOrderOfTheSpecification(t *testing.T) {
	all := corpus()
	got := slices.Clone(all)
	slices.SortFunc(got, func(a, b ranked) int { return strings.Compare(a.rank(), b.rank()) })
	want := slices.Clone(all)
	slices.SortFunc(want, compareBySpecification)
	for i := range want {
		if got[i].rank() != want[i].rank() {
			t.Fatalf("place %d: got %s, want %s", i, got[i].rank(), want[i].rank())
		}
		if i > 0 && got[i-1].rank() == got[i].rank() {
			t.Fatalf("two rules have the rank %s", got[i].rank())
		}
	}
}

func TestRankTakesWhatDoesNotFit(t *testing.T) {
	huge := ranked{kind: kindHTTPRoute, key: rankKey{path: rankPrefix, length: 1 << 30, headers: 1 << 20, rule: 1 << 20, hostname: strings.Repeat("a", 2000)}}
	small := ranked{kind: kindHTTPRoute, key: rankKey{path: rankPrefix}}
	if huge.rank() >= small.rank() {
		t.Errorf("the rank %s of what is more specific is not smaller than %s", huge.rank(), small.rank())
	}
	if got, want := len(huge.rank()), len(small.rank()); got != want {
		t.Errorf("a rank of %d characters, want %d", got, want)
	}
}

func TestIntersect(t *testing.T) {
	for _, test := range []struct {
		a, b, want string
		common     bool
		reason     string
	}{
		{"", "", "", true, "no hostname matches every host"},
		{"", "a.com", "a.com", true, "the specific one stays"},
		{"a.com", "a.com", "a.com", true, "equal"},
		{"*.a.com", "b.a.com", "b.a.com", true, "a wildcard matches one label"},
		{"*.a.com", "c.b.a.com", "c.b.a.com", true, "and several"},
		{"*.a.com", "a.com", "", false, "but not none"},
		{"*.a.com", "*.b.a.com", "*.b.a.com", true, "the longer wildcard is the more specific"},
		{"*.a.com", "*.b.com", "", false, "other domains"},
		{"*.a.com", "xa.com", "", false, "labels are whole"},
		{"*.a.com", "b.xa.com", "", false, "labels are whole"},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			got, common := intersect(pair[0], pair[1])
			if got != test.want || common != test.common {
				t.Errorf("intersect(%q, %q) = %q, %v, want %q, %v: %s", pair[0], pair[1], got, common, test.want, test.common, test.reason)
			}
			var set hostnameSet
			set.add(pair[0], "owner")
			if _, found := set.find(pair[1]); found != test.common {
				t.Errorf("a set with %q finds %q: %v, want %v: %s", pair[0], pair[1], found, test.common, test.reason)
			}
		}
	}
}

// TestHostnameSetAgreesWithIntersect holds the fast answer to the plain one.
func TestHostnameSetAgreesWithIntersect(t *testing.T) {
	hosts := []string{"", "com", "a.com", "b.com", "a.b.com", "*.com", "*.b.com", "*.a.b.com", "c.a.b.com", "*.net", "x.net"}
	for subset := range 1 << len(hosts) {
		if subset%7 != 0 { // one in seven of the 2048 subsets is plenty
			continue
		}
		var set hostnameSet
		for i, h := range hosts {
			if subset>>i&1 == 1 {
				set.add(h, h)
			}
		}
		for _, h := range hosts {
			want := false
			for i, member := range hosts {
				_, common := intersect(h, member)
				want = want || common && subset>>i&1 == 1
			}
			owner, got := set.find(h)
			if got != want {
				t.Fatalf("subset %b finds %q: %v, want %v", subset, h, got, want)
			}
			if _, common := intersect(owner, h); got && !common {
				t.Fatalf("subset %b names %q for %q, which have nothing in common", subset, owner, h)
			}
		}
	}
}

func TestCompareFields(t *testing.T) {
	fields := []string{"", "rules", "rules[2]", "rules[2].matches[9]", "rules[2].matches[10]", "rules[10]", "tls"}
	shuffled := slices.Clone(fields)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, CompareFields)
	if got, want := fmt.Sprint(shuffled), fmt.Sprint(fields); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
