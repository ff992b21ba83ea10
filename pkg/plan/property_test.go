package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/graphtest"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// perform does the steps on a strict model of a cloud, in an order chosen by dice among those that After allows (nil: as
// listed), and tells what the cloud would have refused or what is not as wanted in the end.
func perform(p plan.Plan, want, got graph.Graph, dice *rand.Rand) error {
	world := maps.Clone(got)
	if world == nil {
		world = graph.Graph{}
	}
	done := make([]bool, len(p.Steps))
	for range p.Steps {
		var ready []int
		for i, s := range p.Steps {
			for _, j := range s.After {
				if j >= i {
					return fmt.Errorf("step %d is after %d", i, j)
				}
			}
			if !done[i] && !slices.ContainsFunc(s.After, func(j int) bool { return !done[j] }) {
				ready = append(ready, i)
			}
		}
		i := ready[0]
		if dice != nil {
			i = ready[dice.IntN(len(ready))]
		}
		if err := do(world, p.Steps[i]); err != nil {
			return fmt.Errorf("step %d, %s %s: %w", i, p.Steps[i].Op, p.Steps[i].ID(), err)
		}
		done[i] = true
	}
	if !want.Equal(world) {
		return fmt.Errorf("the world is not as wanted: %s", cmp.Diff(want, world))
	}
	again, err := plan.Diff(want, world)
	if err != nil {
		return err
	}
	if !again.Empty() {
		return fmt.Errorf("a second plan is not empty: %v", lines(again))
	}
	return nil
}

func do(world graph.Graph, s plan.Step) error {
	if s.Op == plan.Delete {
		if cur, ok := world[s.Got.ID]; !ok || cur.Within != s.Got.Within {
			return fmt.Errorf("it is gone already")
		}
		going := maps.Clone(world)
		world.Drop(s.Got.ID)
		for _, n := range world {
			for _, to := range n.Refs {
				_, was := going[to]
				if _, is := world[to]; was && !is {
					return fmt.Errorf("%s still refers to %s", n.ID, to)
				}
			}
		}
		return nil
	}
	cur, there := world[s.Want.ID]
	switch {
	case s.Op == plan.Create && there && cur.Within == s.Want.Within:
		return fmt.Errorf("it exists")
	case s.Op == plan.Update && !there:
		return fmt.Errorf("it does not exist")
	}
	for _, to := range s.Want.Edges() {
		if dep, ok := world[to]; !ok || dep.Deleting {
			return fmt.Errorf("it needs %s, which is not there", to)
		}
	}
	for _, n := range world {
		for _, claim := range s.Want.Holds {
			if n.ID != s.Want.ID && slices.Contains(n.Holds, claim) {
				return fmt.Errorf("%s is held by %s", claim, n.ID)
			}
		}
	}
	world[s.Want.ID] = s.Want
	return nil
}

// randomGraph makes load balancers, listeners with claims, rules, pools. Few names, so that two graphs have much in common.
func randomGraph(dice *rand.Rand, got bool) graph.Graph {
	g := graph.Graph{}
	add := func(name string, within string, refs ...graph.ID) {
		n := graph.Node{ID: graphtest.ID(name), Spec: graphtest.Spec(fmt.Sprint(dice.IntN(3))), Refs: refs}
		if within != "" {
			n.Within = graphtest.ID(within)
		}
		n.Deleting = got && dice.IntN(20) == 0
		g[n.ID] = n
	}
	pick := func(prefix string, n int) (string, bool) {
		name := fmt.Sprintf("%s%d", prefix, dice.IntN(n))
		_, ok := g[graphtest.ID(name)]
		return name, ok
	}
	for range dice.IntN(5) {
		name, _ := pick("pool", 5)
		add(name, "")
	}
	for range dice.IntN(3) {
		name, _ := pick("lb", 2)
		add(name, "")
	}
	for i := range dice.IntN(4) {
		lb, ok := pick("lb", 2)
		name, dup := pick("listener", 4)
		if !ok || dup {
			continue
		}
		add(name, lb)
		n := g[graphtest.ID(name)]
		if dice.IntN(2) == 0 {
			n.Holds = []string{fmt.Sprint("claim", i)}
		}
		g[n.ID] = n
	}
	for range dice.IntN(10) {
		listener, ok := pick("listener", 4)
		if !ok {
			continue
		}
		var refs []graph.ID
		for range dice.IntN(3) {
			if pool, ok := pick("pool", 5); ok {
				refs = append(refs, graphtest.ID(pool))
			}
		}
		name, _ := pick("rule", 8)
		add(name, listener, refs...)
	}
	if got && dice.IntN(4) == 0 { // what the cloud has lost, or a listing that was not taken at one moment
		for _, n := range g.Sorted() {
			if dice.IntN(10) == 0 {
				delete(g, n.ID)
			}
		}
	}
	return g
}

func TestAnyPlanInAnyAllowedOrderReachesWant(t *testing.T) {
	for seed := range uint64(8000) {
		dice := rand.New(rand.NewPCG(seed, 1))
		want, got := randomGraph(dice, false), randomGraph(dice, true)
		wantBefore, gotBefore := maps.Clone(want), maps.Clone(got)
		p, err := plan.Diff(want, got)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(wantBefore, want) + cmp.Diff(gotBefore, got); diff != "" {
			t.Fatalf("seed %d: Diff changed its arguments: %s", seed, diff)
		}
		if err := perform(p, want, got, dice); err != nil {
			t.Fatalf("seed %d: %v\nplan %v\nwant %v\ngot %v", seed, err, lines(p), want.Sorted(), got.Sorted())
		}
		again, err := plan.Diff(want, got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("seed %d: two plans of the same differ: %s", seed, diff)
		}
	}
}

// big is one load balancer with n rules over n/10 pools.
func big(n int, content string) graph.Graph {
	g := graphtest.Draw("lb < http")
	for i := range n {
		pool := graph.Node{ID: graphtest.ID(fmt.Sprint("pool", i/10)), Spec: graphtest.Spec("")}
		g[pool.ID] = pool
		rule := graph.Node{
			ID: graphtest.ID(fmt.Sprint("rule", i)), Spec: graphtest.Spec(content),
			Within: graphtest.ID("http"), Refs: []graph.ID{pool.ID},
		}
		g[rule.ID] = rule
	}
	return g
}

func BenchmarkDiff(b *testing.B) {
	one, two := big(9000, "1"), big(9000, "2")
	for _, bench := range []struct {
		name      string
		want, got graph.Graph
	}{
		{"create 10k", one, nil}, {"equal 10k", one, big(9000, "1")}, {"update 10k", two, one}, {"delete 10k", nil, one},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := plan.Diff(bench.want, bench.got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
