package graph_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/graphtest"
)

func TestCheck(t *testing.T) {
	dangling := graphtest.Draw("lb < http > crt")
	delete(dangling, graphtest.ID("crt"))
	tests := []struct {
		reason string
		graph  graph.Graph
		want   string
	}{
		{"nothing is fine", nil, ""},
		{"a shared resource is no circle", graphtest.Draw("lb < a > pool", "lb < b > pool", "lb > pool"), ""},
		{"a circle through containers and references", graphtest.Draw("lb < http < rule", "lb > rule"), "resources need each other in a circle: node/http needs node/lb needs node/rule needs node/http"},
		{"a circle that is not at the beginning", graphtest.Draw("a > b > c > d > c"), "resources need each other in a circle: node/c needs node/d needs node/c"},
		{"a reference to nothing", dangling, "node/http needs node/crt, which is not in the graph"},
		{"one claim held twice", graphtest.Draw("a!80", "b!80"), "node/a and node/b both hold 80"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			got := ""
			if err := test.graph.Check(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestDropTakesWhatIsWithin(t *testing.T) {
	g := graphtest.Draw("lb < http < /a > web", "lb < https", "other < tcp")
	g.Drop(graphtest.ID("lb"))
	var left []string
	for _, n := range g.Sorted() {
		left = append(left, n.ID.Name)
	}
	if want := []string{"other", "tcp", "web"}; !slices.Equal(want, left) {
		t.Errorf("want %v, got %v", want, left)
	}
	g.Drop(graphtest.ID("nobody"))
	if len(g) != 3 {
		t.Error("dropping nobody dropped something")
	}
}

func TestEqual(t *testing.T) {
	draw := graphtest.Draw
	tests := []struct {
		reason string
		a, b   graph.Graph
		equal  bool
	}{
		{"the order of references means nothing", draw("a > b", "a > c"), draw("a > c", "a > b"), true},
		{"content counts", draw("a=1"), draw("a=2"), false},
		{"references count", draw("a > b", "c"), draw("a > c", "b"), false},
		{"containers count", draw("a < b", "c"), draw("c < b", "a"), false},
		{"claims count", draw("a!80"), draw("a"), false},
		{"what is too much counts", draw("a"), draw("a", "b"), false},
		{"another name counts", draw("a"), draw("b"), false},
	}
	for _, test := range tests {
		if test.a.Equal(test.b) != test.equal || test.b.Equal(test.a) != test.equal {
			t.Errorf("%s: want %v", test.reason, test.equal)
		}
	}
}

func TestGraphAsJSON(t *testing.T) {
	raw, err := json.Marshal(graphtest.Draw("lb < http=x!80 > crt"))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"node/crt","spec":""},{"id":"node/http","within":"node/lb","refs":["node/crt"],"holds":["80"],"spec":"x"},{"id":"node/lb","spec":""}]`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Error(diff)
	}
}
