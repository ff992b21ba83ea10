package aws_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

// TestRulesDecideAsTheIR compares, on random load balancers and requests, what the rules of an Application Load Balancer do with what the IR
// wants. Only requests that a refused rule would match are left out.
func TestRulesDecideAsTheIR(t *testing.T) {
	merged, compared := 0, 0
	for seed := range uint64(300) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		want := d.loadBalancer()
		compiled, err := aws.Compile(want)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		refused := make(map[ir.Source]bool)
		for _, r := range compiled.Refused {
			refused[r.Source] = true
		}
		placed := aws.Place(compiled.Graph, graph.Graph{})
		for _, s := range want.Listeners[0].Servers {
			merged += len(s.Rules)
		}
		for id := range placed {
			if id.Kind == aws.KindRule {
				merged--
			}
		}
		for range 100 {
			r := d.request()
			wantOutcome, matching := askIR(&want.Listeners[0], r)
			if slices.ContainsFunc(matching, func(s ir.Source) bool { return refused[s] }) {
				continue
			}
			compared++
			if got := askALB(placed, r); got != wantOutcome {
				t.Fatalf("seed %d: %+v: want %s, got %s\n%s", seed, r, wantOutcome, got, described(t, want, placed))
			}
		}
	}
	measured(t, "%d requests compared, %d rules merged away", compared, merged)
	if compared < 10_000 || merged < 100 {
		t.Errorf("want many requests compared and rules merged, got %d and %d", compared, merged)
	}
}

// TestCompileDoesNotDependOnOrder compiles the same twice, from copies.
func TestCompileIsDeterministic(t *testing.T) {
	for seed := range uint64(50) {
		first, err := aws.Compile(dice{rand.New(rand.NewPCG(seed, 1))}.loadBalancer())
		if err != nil {
			t.Fatal(err)
		}
		second, err := aws.Compile(dice{rand.New(rand.NewPCG(seed, 1))}.loadBalancer())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(encoded(t, first), encoded(t, second)); diff != "" {
			t.Fatalf("seed %d: two compilations differ:\n%s", seed, diff)
		}
	}
}

func measured(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("measured: "+format, args...)
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func described(t *testing.T, want *ir.LoadBalancer, g graph.Graph) string {
	t.Helper()
	return encoded(t, want.Listeners) + "\n" + encoded(t, g)
}

// dice make random load balancers and requests of few words, so that they meet.
type dice struct{ *rand.Rand }

func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

var routeHosts = []string{"", "*.example.com", "a.example.com", "c.example.com", "x.b.example.com", "d.example.com", "localhost"}

func (d dice) loadBalancer() *ir.LoadBalancer {
	l := ir.Listener{Port: 80, Protocol: ir.ProtocolHTTP}
	for _, host := range []string{"localhost", "a.example.com", "*.b.example.com", "*.example.com", ""} {
		if d.IntN(3) > 0 {
			l.Servers = append(l.Servers, ir.Server{
				Name: "s" + host, Hostname: host, Source: ir.Source{Kind: "Gateway", Section: "s" + host},
			})
		}
	}
	for i := range l.Servers {
		d.rules(&l.Servers[i])
	}
	out := &ir.LoadBalancer{Owner: ir.Owner{Cluster: "c", UID: "u", Namespace: "n", Name: "g"}, Listeners: []ir.Listener{l}}
	for p := range 3 {
		out.Pools = append(out.Pools, ir.Pool{Name: fmt.Sprint("pool", p), Protocol: ir.PoolHTTP1})
	}
	return out
}

// rules gives a server the rules of some routes, each of hosts by matches.
func (d dice) rules(s *ir.Server) {
	for route := range d.IntN(4) {
		hosts := d.some(routeHosts, 4)
		for rule := range 1 + d.IntN(2) {
			source := ir.Source{Kind: "HTTPRoute", Name: fmt.Sprintf("%s-%d", s.Name, route), Rule: rule}
			rewriting := d.IntN(4) == 0
			action := d.action(rewriting)
			for range 1 + d.IntN(5) {
				m := d.match(rewriting)
				for _, m.Hostname = range hosts {
					if m.Hostname == s.Hostname || s.Hostname == "" || hostMatches(s.Hostname, m.Hostname) {
						s.Rules = append(s.Rules, ir.Rule{Match: m, Action: action, Source: source})
					}
				}
			}
		}
	}
	if d.IntN(2) == 0 { // as the Gateway API orders, by hostname first
		slices.SortStableFunc(s.Rules, func(a, b ir.Rule) int { return len(b.Match.Hostname) - len(a.Match.Hostname) })
	} else {
		d.Shuffle(len(s.Rules), func(i, j int) { s.Rules[i], s.Rules[j] = s.Rules[j], s.Rules[i] })
	}
	for i := range s.Rules {
		s.Rules[i].Rank = fmt.Sprintf("%06d", i)
	}
}

func (d dice) some(list []string, most int) []string {
	out := slices.Clone(list)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:1+d.IntN(most)]
}

func (d dice) match(prefix bool) ir.Match {
	var m ir.Match
	switch kind := d.IntN(8); {
	case prefix || kind < 3:
		m.Path = ir.PathMatch{Kind: ir.PathPrefix, Value: pick(d, "/", "/a", "/a/b", "/a/", "/c*", "/d(")}
	case kind < 6:
		m.Path = ir.PathMatch{Kind: ir.PathExact, Value: pick(d, "/", "/a", "/b", "/c", "/a/b", "/a*", "/a.b", "/e(1)")}
	case kind == 6:
		m.Path = ir.PathMatch{Kind: ir.PathRegex, Value: pick(d, "/a|/b", "/[ab]/.*", "/a.*b")}
	}
	if d.IntN(4) == 0 {
		m.Method = pick(d, "GET", "POST")
	}
	if d.IntN(6) == 0 {
		m.Headers = []ir.FieldMatch{{Name: "x-1", Value: pick(d, "1", "2*", "3?", "*")}}
	}
	if d.IntN(6) == 0 {
		m.Query = []ir.FieldMatch{{Name: "1", Value: pick(d, "1", "2*", "3?")}}
	}
	return m
}

func (d dice) action(rewriting bool) ir.Action {
	forward := &ir.Forward{Backends: []ir.Backend{{Pool: fmt.Sprint("pool", d.IntN(3)), Weight: 1}}}
	edit := &ir.PathEdit{Kind: pick(d, ir.ReplaceFullPath, ir.ReplacePrefixMatch), Value: pick(d, "/", "/new", "/new/", "")}
	switch {
	case rewriting && d.IntN(3) == 0:
		return &ir.Redirect{Status: 301, Hostname: "other.example.com", Path: edit}
	case rewriting:
		forward.Rewrite = &ir.Rewrite{Hostname: pick(d, "", "inside.example.com"), Path: edit}
		return forward
	}
	switch d.IntN(6) {
	case 0:
		return &ir.Respond{Status: 500}
	case 1:
		return &ir.Redirect{Status: 302, Hostname: "other.example.com"}
	default:
		return forward
	}
}

func (d dice) request() request {
	r := request{
		host:    pick(d, "a.example.com", "c.example.com", "d.example.com", "x.b.example.com", "y.x.b.example.com", "localhost", "else.org", "example.com"),
		path:    pick(d, "/", "/a", "/b", "/c", "/a/", "/a/b", "/a/b/c", "/ab", "/a*", "/aX", "/a.b", "/aXb", "/e(1)", "/c*", "/c*/x", "/cX", "/d(/y", "/d("),
		method:  pick(d, "GET", "POST", "PUT"),
		headers: map[string]string{}, query: map[string]string{},
	}
	if d.IntN(2) == 0 {
		r.headers["x-1"] = pick(d, "1", "2", "2*", "2X", "3?", "3X", "*", "")
	}
	if d.IntN(2) == 0 {
		r.query["1"] = pick(d, "1", "2*", "2X", "3?", "3X")
	}
	return r
}
