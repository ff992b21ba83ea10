package providertest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

func compile(t *testing.T, p cloud.Provider, want *ir.LoadBalancer) graph.Graph {
	t.Helper()
	compiled, err := p.Compile(want)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	g := compiled.Graph
	if err := g.Check(); err != nil {
		t.Fatalf("compile: %v", err)
	}
	return g
}

func deterministic(t *testing.T, c Config, cases []Case) {
	p := c.Open(t).Provider()
	for _, cs := range cases {
		t.Run(cs.Name, func(t *testing.T) {
			want := compile(t, p, cs.Want)
			for seed := range uint64(5) {
				got := compile(t, p, shuffled(cs.Want, seed))
				if !want.Equal(got) || !got.Equal(want) {
					t.Errorf("seed %d: shuffled parts give another graph", seed)
				}
			}
		})
	}
	if g := compile(t, p, nil); len(g) != 0 {
		t.Errorf("nil compiles to %d resources", len(g))
	}
}

// shuffled is the same load balancer with its lists in another order, those whose order means nothing.
func shuffled(lb *ir.LoadBalancer, seed uint64) *ir.LoadBalancer {
	dice := rand.New(rand.NewPCG(seed, 0)) // seeded: a failure can be repeated
	out := *lb
	out.Listeners = shuffle(dice, lb.Listeners)
	out.Pools = shuffle(dice, lb.Pools)
	out.Certificates = shuffle(dice, lb.Certificates)
	for i := range out.Pools {
		out.Pools[i].Targets = shuffle(dice, out.Pools[i].Targets)
	}
	return &out
}

func shuffle[T any](dice *rand.Rand, list []T) []T {
	out := slices.Clone(list)
	dice.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func discreet(t *testing.T, c Config, cases []Case) {
	p := c.Open(t).Provider()
	for _, cs := range cases {
		nodes := compile(t, p, cs.Want).Sorted()
		encoded, err := json.Marshal(nodes)
		if err != nil {
			t.Fatalf("%s: nodes have to be encodable: %v", cs.Name, err)
		}
		for _, text := range []string{string(encoded), fmt.Sprintf("%v %+v %#v", nodes, nodes, nodes)} {
			for _, n := range nodes {
				text += fmt.Sprintf("%v %+v %#v", n.Spec, n.Spec, n.Spec)
			}
			for _, crt := range cs.Want.Certificates {
				if secret := keyBody(crt.Key); secret != "" && strings.Contains(text, secret) {
					t.Errorf("%s: the key of %s is printed", cs.Name, crt.Name)
				}
			}
		}
	}
}

// keyBody is the first line of a PEM block that is not its header.
func keyBody(key []byte) string {
	lines := strings.Split(string(key), "\n")
	if len(lines) < 2 {
		return ""
	}
	return lines[1]
}

// place fills in what depends on what is there.
func place(p cloud.Provider, want, got graph.Graph) graph.Graph {
	if placer, ok := p.(cloud.Placer); ok {
		return placer.Place(want, got)
	}
	return want
}

// mustConverge makes want true, and holds that it is.
func mustConverge(ctx context.Context, t *testing.T, s *Session, want *ir.LoadBalancer) {
	t.Helper()
	if err := s.Converge(ctx, want); err != nil {
		t.Fatalf("converge: %v", err)
	}
	mustBe(ctx, t, s.Provider, s.Owner, want)
}

// mustBe holds that the cloud has what is wanted, read afresh.
func mustBe(ctx context.Context, t *testing.T, p cloud.Provider, owner ir.Owner, want *ir.LoadBalancer) {
	t.Helper()
	fresh := NewSession(p, owner)
	if err := fresh.Observe(ctx); err != nil {
		t.Fatalf("observe: %v", err)
	}
	left, err := cloud.Diff(p, compile(t, p, want), fresh.Got)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range left.Steps {
		t.Errorf("still to do after converging: %s %s: %s", step.Op, step.ID(), step.Why)
	}
}

func idempotent(t *testing.T, c Config, cases []Case) {
	for _, cs := range cases {
		t.Run(cs.Name, func(t *testing.T) {
			ctx := testContext(t)
			account := c.Open(t)
			s := NewSession(account.Provider(), cs.Want.Owner)
			mustConverge(ctx, t, s, cs.Want)
			if n := len(compile(t, s.Provider, cs.Want)); n != account.Resources(t) {
				t.Errorf("%d resources are wanted, %d are there", n, account.Resources(t))
			}
			before := len(account.Calls(t))
			if err := s.Converge(ctx, cs.Want); err != nil {
				t.Fatal(err)
			}
			if calls := account.Calls(t)[before:]; len(calls) != 0 {
				t.Errorf("converging again made calls: %v", calls)
			}
			repeatSteps(ctx, t, s, cs.Want)
		})
	}
}

// repeatSteps holds that a create that is sent again adopts, and that a delete that is sent again succeeds.
func repeatSteps(ctx context.Context, t *testing.T, s *Session, want *ir.LoadBalancer) {
	t.Helper()
	for _, n := range place(s.Provider, compile(t, s.Provider, want), s.Got).Sorted() {
		there := s.Got[n.ID]
		if _, err := s.Perform(ctx, plan.Step{Op: plan.Create, Want: n}); err != nil {
			t.Errorf("a second create of %s: %v", n.ID, err)
		}
		if now := s.Got[n.ID]; now.External != there.External {
			t.Errorf("a second create of %s made another: %s, then %s", n.ID, there.External, now.External)
		}
	}
	last := make(map[graph.ID]graph.Node)
	for id, n := range s.Got {
		last[id] = n
	}
	if err := s.Converge(ctx, nil); err != nil {
		t.Fatalf("delete: %v", err)
	}
	for id, n := range last {
		if finished, err := s.Perform(ctx, plan.Step{Op: plan.Delete, Got: n}); err != nil || !finished {
			t.Errorf("a second delete of %s: finished %v, %v", id, finished, err)
		}
	}
}

func leakFree(t *testing.T, c Config, cases []Case) {
	for _, cs := range cases {
		t.Run(cs.Name, func(t *testing.T) {
			ctx := testContext(t)
			account := c.Open(t)
			s := NewSession(account.Provider(), cs.Want.Owner)
			mustConverge(ctx, t, s, cs.Want)
			// Whoever deletes may be another who starts from nothing.
			mustConverge(ctx, t, NewSession(account.Provider(), cs.Want.Owner), nil)
			if left := account.Resources(t); left != 0 {
				t.Errorf("%d resources are left", left)
			}
		})
	}
}

// convergent goes through a life, from nothing to one load balancer, to another, to nothing, with one fault at each call in turn.
func convergent(t *testing.T, c Config, cases []Case) {
	for i, life := range lives(cases) {
		effects := c.Effects
		if i > 0 {
			effects = effects[:min(2, len(effects))]
		}
		for _, effect := range effects {
			t.Run(life.name+"/"+effect, func(t *testing.T) {
				ctx := testContext(t)
				account := c.Open(t) // a life ends with nothing, so the next can be in the same account
				for nth := 1; ; nth += max(1, c.Stride) {
					if struck := lifeWithFault(ctx, t, account, life, nth, effect); !struck {
						t.Logf("fewer than %d calls", nth)
						return
					}
				}
			})
		}
	}
}

// witness is who looks at what became of a life: free of faults where the account has such.
func witness(account Account) cloud.Provider {
	if w, ok := account.(Witnessed); ok {
		return w.Witness()
	}
	return account.Provider()
}

func lifeWithFault(ctx context.Context, t *testing.T, account Account, life life, nth int, effect string) bool {
	t.Helper()
	s := NewSession(account.Provider(), life.stations[0].Owner)
	account.Fault(t, nth, effect)
	for _, want := range append(slices.Clone(life.stations), nil) {
		if err := s.Converge(ctx, want); err != nil {
			t.Fatalf("%s at call %d: %v", effect, nth, err)
		}
		fresh := NewSession(witness(account), s.Owner)
		if err := fresh.Observe(ctx); err != nil {
			// It was this read that the fault hit. The next one shows.
			if err := fresh.Observe(ctx); err != nil {
				t.Fatalf("%s at call %d: %v", effect, nth, err)
			}
		}
		wanted := compile(t, s.Provider, want)
		left, err := cloud.Diff(s.Provider, wanted, fresh.Got)
		if err != nil || !left.Empty() {
			t.Fatalf("%s at call %d: still to do: %v, %v", effect, nth, left.Steps, err)
		}
		if n := account.Resources(t); n != len(wanted) {
			t.Fatalf("%s at call %d: %d resources are wanted, %d are there", effect, nth, len(wanted), n)
		}
	}
	return account.Heal(t)
}

// apart holds that two owners with equal wishes do not meet.
func apart(t *testing.T, c Config, _ []Case) {
	ctx := testContext(t)
	account := c.Open(t)
	p := account.Provider()
	var sessions []*Session
	var wants []*ir.LoadBalancer
	for _, owner := range []ir.Owner{
		ownerOf("one"), ownerOf("two"),
		{Cluster: "another", UID: "uid-one", Namespace: "shop", Name: "one"}, // the same Gateway in a cluster restored from a backup
	} {
		want := *Corpus()[len(Corpus())-1].Want
		want.Owner = owner
		wants = append(wants, &want)
		sessions = append(sessions, NewSession(p, owner))
		mustConverge(ctx, t, sessions[len(sessions)-1], &want)
	}
	bulk, err := p.Observe(ctx, cloud.Scope{Cluster: "laws"})
	if err != nil {
		t.Fatal(err)
	}
	if len(bulk) != 2 || bulk[wants[0].Owner.Key()] == nil || bulk[wants[1].Owner.Key()] == nil {
		t.Errorf("a cluster with two owners shows %d", len(bulk))
	}
	mustConverge(ctx, t, sessions[0], nil)
	mustBe(ctx, t, p, wants[1].Owner, wants[1])
	mustBe(ctx, t, p, wants[2].Owner, wants[2])
}

func minimal(t *testing.T, c Config, _ []Case) {
	for _, change := range Changes() {
		t.Run(change.Name, func(t *testing.T) {
			cost, known := c.Costs[change.Name]
			if !known {
				t.Fatal("the provider's test does not say what this may cost")
			}
			ctx := testContext(t)
			account := c.Open(t)
			s := NewSession(account.Provider(), change.From.Owner)
			mustConverge(ctx, t, s, change.From)
			before := len(account.Calls(t))
			if err := s.Plain(ctx, change.To); err != nil {
				t.Fatal(err)
			}
			calls := account.Calls(t)[before:]
			var got Cost
			for _, call := range calls {
				if call.Mutating {
					got.Mutating++
				} else {
					got.Reads++
				}
			}
			t.Logf("%d changing calls, %d reads", got.Mutating, got.Reads)
			if got != cost {
				t.Errorf("cost %+v, want %+v: %v", got, cost, calls)
			}
		})
	}
}
