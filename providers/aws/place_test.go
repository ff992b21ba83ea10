package aws_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

var placeListener = graph.ID{Kind: aws.KindListener, Name: "http-80"}

// ranked is a graph of rules with these ranks, which are their names too.
func ranked(ranks ...string) graph.Graph {
	g := graph.New(graph.Node{ID: placeListener, Spec: &aws.Listener{}})
	for _, r := range ranks {
		id := graph.ID{Kind: aws.KindRule, Name: r}
		g[id] = graph.Node{ID: id, Within: placeListener, Spec: &aws.Rule{Rank: r}}
	}
	return g
}

// numbered is a graph as it is observed, with the number of each rule.
func numbered(numbers map[string]int32) graph.Graph {
	g := graph.New(graph.Node{ID: placeListener, Spec: &aws.Listener{}})
	for name, n := range numbers {
		id := graph.ID{Kind: aws.KindRule, Name: name}
		g[id] = graph.Node{ID: id, Within: placeListener, External: "arn:" + name, Spec: &aws.Rule{Priority: n}}
	}
	return g
}

func numbersOf(g graph.Graph) map[string]int32 {
	out := make(map[string]int32)
	for id, n := range g {
		if rule, ok := n.Spec.(*aws.Rule); ok {
			out[id.Name] = rule.Priority
		}
	}
	return out
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		reason string
		want   []string
		got    map[string]int32
		stay   []string // keep their numbers; all others get new ones
	}{
		{"nothing is there yet", []string{"a", "b", "c"}, nil, nil},
		{"nothing changes", []string{"a", "b"}, map[string]int32{"a": 7, "b": 9}, []string{"a", "b"}},
		{"one comes between", []string{"a", "b", "c"}, map[string]int32{"a": 100, "c": 200}, []string{"a", "c"}},
		{"one comes first", []string{"a", "b"}, map[string]int32{"b": 2}, []string{"b"}},
		{"one comes last", []string{"a", "b"}, map[string]int32{"a": 49999}, []string{"a"}},
		{"one goes", []string{"a", "c"}, map[string]int32{"a": 1, "b": 2, "c": 3}, []string{"a", "c"}},
		{"one is out of order", []string{"a", "b", "c", "d"}, map[string]int32{"a": 30, "b": 10, "c": 40, "d": 50}, []string{"a", "c", "d"}},
		{"there is no gap: one moves", []string{"a", "b", "c"}, map[string]int32{"a": 1, "c": 2}, nil},
		{"the gap is taken by one that goes", []string{"a", "b", "c"}, map[string]int32{"a": 1, "gone": 2, "c": 3}, nil},
		{"the number is taken by one that moves", []string{"a", "b", "c"}, map[string]int32{"a": 10, "b": 5, "c": 12}, []string{"a", "c"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			want := ranked(c.want...)
			got := numbersOf(aws.Place(want, numbered(c.got)))
			checkOrder(t, c.want, got)
			kept := 0
			for name, n := range got {
				had, has := c.got[name]
				if has && had == n {
					kept++
				}
				for other, taken := range c.got {
					if other != name && taken == n {
						t.Errorf("%s gets %d, which %s has", name, n, other)
					}
				}
			}
			for _, name := range c.stay {
				if got[name] != c.got[name] {
					t.Errorf("%s: want it to keep %d, got %d", name, c.got[name], got[name])
				}
			}
			if c.stay == nil && len(c.got) == 2 && kept != 1 {
				t.Errorf("want one of two to keep its number, got %d: %v", kept, got)
			}
			if numbersOf(want)[c.want[0]] != 0 {
				t.Error("Place changed its argument")
			}
		})
	}
}

func checkOrder(t *testing.T, names []string, got map[string]int32) {
	t.Helper()
	last := int32(0)
	for _, name := range names {
		if got[name] <= last || got[name] > 50000 {
			t.Fatalf("%s gets %d after %d: %v", name, got[name], last, got)
		}
		last = got[name]
	}
}

// TestPlaceLeavesGaps puts rules between two others, each time between the last two: the halves of the gap do for a while, then few move.
func TestPlaceLeavesGaps(t *testing.T) {
	names := []string{"a", "z"}
	got := numbered(numbersOf(aws.Place(ranked(names...), nil)))
	moved := 0
	for i := range 98 {
		name := fmt.Sprintf("b%03d", i)
		names = slices.Insert(names, len(names)-1, name)
		before := numbersOf(got)
		after := numbersOf(aws.Place(ranked(names...), got))
		checkOrder(t, names, after)
		for old, n := range before {
			if after[old] != n {
				moved++
			}
		}
		got = numbered(after)
	}
	measured(t, "98 rules inserted at one place moved %d others", moved)
	if moved > 98 {
		t.Errorf("want less than one other moved for each that is inserted, got %d", moved)
	}
}

// TestPlaceProperties makes random changes, applies the plan in its order one call at a time, and looks that no number is ever in use twice
// and that it settles.
func TestPlaceProperties(t *testing.T) {
	for seed := range uint64(100) {
		d := dice{rand.New(rand.NewPCG(seed, 2))}
		got := graph.Graph{}
		for range 6 {
			var names []string
			for i := range 40 {
				if d.IntN(2) == 0 {
					names = append(names, fmt.Sprintf("r%02d", i))
				}
			}
			want := ranked(names...)
			if d.IntN(4) == 0 { // the order is another
				for _, n := range want {
					if rule, ok := n.Spec.(*aws.Rule); ok {
						rule.Rank = fmt.Sprint(d.IntN(1000), n.ID.Name)
					}
				}
				slices.SortFunc(names, func(a, b string) int { return slices.Compare([]byte(rankOf(want, a)), []byte(rankOf(want, b))) })
			}
			placed := aws.Place(want, got)
			checkOrder(t, names, numbersOf(placed))
			p, err := plan.Diff(placed, got)
			if err != nil {
				t.Fatal(err)
			}
			got = performed(t, got, p)
			again, err := plan.Diff(aws.Place(want, got), got)
			if err != nil || !again.Empty() {
				t.Fatalf("seed %d: want nothing more to do, got %v, %v", seed, again, err)
			}
		}
	}
}

func rankOf(g graph.Graph, name string) string {
	return g[graph.ID{Kind: aws.KindRule, Name: name}].Spec.(*aws.Rule).Rank
}

// performed does the steps one by one, as AWS does: a number in use is refused.
func performed(t *testing.T, got graph.Graph, p plan.Plan) graph.Graph {
	t.Helper()
	out := make(graph.Graph)
	for id, n := range got {
		out[id] = n
	}
	for _, s := range p.Steps {
		delete(out, s.ID())
		if s.Op == plan.Delete {
			continue
		}
		if rule, ok := s.Want.Spec.(*aws.Rule); ok {
			for name, n := range numbersOf(out) {
				if n == rule.Priority {
					t.Fatalf("%s wants %d, which %s has", s.ID(), n, name)
				}
			}
		}
		out[s.ID()] = s.Want
	}
	return out
}

// TestPlaceFull has a listener with all numbers taken by rules that go: there is nothing to choose from.
func TestPlaceFull(t *testing.T) {
	taken := make(map[string]int32)
	for n := range int32(50000) {
		taken[fmt.Sprintf("gone%05d", n)] = n + 1
	}
	names := []string{"a", "b"}
	checkOrder(t, names, numbersOf(aws.Place(ranked(names...), numbered(taken))))
}

// TestOneRuleMoreIsOneStep adds a route to a listener of many: no other rule changes.
func TestOneRuleMoreIsOneStep(t *testing.T) {
	lb := func(routes int) *ir.LoadBalancer {
		s := ir.Server{Name: "http"}
		for i := range routes {
			path := fmt.Sprintf("/p%02d", (i*37)%100)
			s.Rules = append(s.Rules, ir.Rule{
				Rank: path, Match: ir.Match{Path: ir.PathMatch{Kind: ir.PathExact, Value: path}},
				Source: ir.Source{Kind: "HTTPRoute", Name: path}, Action: &ir.Forward{Backends: []ir.Backend{{Pool: "p", Weight: 1}}},
			})
		}
		slices.SortFunc(s.Rules, func(a, b ir.Rule) int { return slices.Compare([]byte(a.Rank), []byte(b.Rank)) })
		return &ir.LoadBalancer{
			Listeners: []ir.Listener{{Port: 80, Protocol: ir.ProtocolHTTP, Servers: []ir.Server{s}}},
			Pools:     []ir.Pool{{Name: "p", Protocol: ir.PoolHTTP1}},
		}
	}
	got := graph.Graph{}
	for routes := range 100 {
		compiled, err := aws.Compile(lb(routes + 1))
		if err != nil {
			t.Fatal(err)
		}
		want := aws.Place(compiled.Graph, got)
		p, err := plan.Diff(want, got)
		if err != nil {
			t.Fatal(err)
		}
		if routes > 0 && len(p.Steps) != 1 {
			t.Fatalf("route %d: want one step, got %d: %s", routes+1, len(p.Steps), encoded(t, p))
		}
		got = want
	}
}
