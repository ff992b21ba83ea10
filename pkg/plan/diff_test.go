package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/graphtest"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// lines writes a plan with one step a line: number, op, name, what it waits for.
func lines(p plan.Plan) []string {
	var out []string
	for i, s := range p.Steps {
		line := fmt.Sprintf("%d %s %s", i, s.Op, s.ID().Name)
		if len(s.After) > 0 {
			line += " after " + strings.Trim(fmt.Sprint(s.After), "[]")
		}
		out = append(out, line)
	}
	return out
}

func TestDiff(t *testing.T) {
	draw := graphtest.Draw
	tests := []struct {
		reason    string
		want, got graph.Graph
		plan      []string
	}{
		{"nothing wanted and nothing there", draw(), draw(), nil},
		{"equal graphs need nothing", draw("lb < http < /a > web"), draw("lb < http < /a > web"), nil},
		{
			"creates come after what they need",
			draw("lb < http < /a > web"), draw(),
			[]string{"0 create lb", "1 create http after 0", "2 create web", "3 create /a after 1 2"},
		},
		{
			"what is within a deleted resource goes with it, and what it used goes after it",
			draw(), draw("lb < http < /a > web"),
			[]string{"0 delete lb", "1 delete web after 0"},
		},
		{
			"a resource is deleted after the update that stops using it",
			draw("lb < http < /a=2 > v2"), draw("lb < http < /a=1 > v1"),
			[]string{"0 create v2", "1 update /a after 0", "2 delete v1 after 1"},
		},
		{
			"a change of what is referred to alone is an update",
			draw("/a > v2"), draw("/a > v1"),
			[]string{"0 create v2", "1 update /a after 0", "2 delete v1 after 1"},
		},
		{
			"a resource is deleted after the one that used it",
			draw("lb < http < /a > web"), draw("lb < http < /a > web", "http < /b > api"),
			[]string{"0 delete /b", "1 delete api after 0"},
		},
		{
			"a claim passes from the old to the new",
			draw("lb < new!80"), draw("lb < old!80"),
			[]string{"0 delete old", "1 create new after 0"},
		},
		{
			"a claim passes by updates",
			draw("lb < a", "lb < b!80"), draw("lb < a!80", "lb < b"),
			[]string{"0 update a", "1 update b after 0"},
		},
		{
			"two claims that change places need one resource to be made again",
			draw("lb < a!80", "lb < b!81"), draw("lb < a!81", "lb < b!80"),
			[]string{"0 delete a", "1 update b after 0", "2 create a after 0 1"},
		},
		{
			"what uses the old holder of a claim and needs the new one is made again",
			draw("rule > new!ip"), draw("rule > old!ip"),
			[]string{"0 delete rule", "1 delete old after 0", "2 create new after 1", "3 create rule after 0 2"},
		},
		{
			"what is being deleted has to be gone before it comes again",
			draw("lb < http"), draw("lb? < http"),
			[]string{"0 delete lb", "1 create lb after 0", "2 create http after 0 1"},
		},
		{
			"what is being deleted and is not wanted is waited for",
			draw(), draw("lb?"),
			[]string{"0 delete lb"},
		},
		{
			"what refers to a resource that is made again is made again",
			draw("rule > pool"), draw("rule > pool?"),
			[]string{"0 delete rule", "1 delete pool after 0", "2 create pool after 1", "3 create rule after 0 2"},
		},
		{
			"what refers to a resource that was lost is updated",
			draw("rule > pool"), draw("rule"),
			[]string{"0 create pool", "1 update rule after 0"},
		},
		{
			"what has lost its container is made again",
			draw("lb < http"), without(draw("lb < http"), "lb"),
			[]string{"0 create lb", "1 delete http", "2 create http after 0 1"},
		},
		{
			"what keeps its ID while its container changes goes with the old one first",
			draw("new < http < /a > web"), draw("old < http < /a > web"),
			[]string{"0 create new", "1 delete old", "2 create http after 0 1", "3 create /a after 1 2"},
		},
		{
			"a container whose content has names of its own is made before the old one goes",
			draw("new < new-http"), draw("old < old-http"),
			[]string{"0 create new", "1 create new-http after 0", "2 delete old"},
		},
		{
			"a move between containers that stay needs the old one gone",
			draw("x < http", "y"), draw("y < http", "x"),
			[]string{"0 delete http", "1 create http after 0"},
		},
		{
			"what changes with its container changes after it",
			draw("http=2 < /a=2"), draw("http=1 < /a=1"),
			[]string{"0 update http", "1 update /a after 0"},
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			p, err := plan.Diff(test.want, test.got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.plan, lines(p)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if err := perform(p, test.want, test.got, nil); err != nil {
				t.Error(err)
			}
			if p.Empty() != (len(test.plan) == 0) {
				t.Errorf("Empty() = %v", p.Empty())
			}
		})
	}
}

func without(g graph.Graph, name string) graph.Graph {
	delete(g, graphtest.ID(name))
	return g
}

func TestDiffSaysWhy(t *testing.T) {
	draw := graphtest.Draw
	tests := []struct {
		want, got graph.Graph
		why       []string
	}{
		{draw("a"), draw(), []string{"it does not exist yet"}},
		{draw(), draw("a"), []string{"it is no longer wanted"}},
		{draw("a=2"), draw("a=1"), []string{"1 becomes 2"}},
		{draw("a > b", "c"), draw("a > c", "b"), []string{"refers to node/b; no longer refers to node/c"}},
		{draw("new!80"), draw("old!80"), []string{
			"it is no longer wanted; goes first because node/new needs 80",
			"it does not exist yet; takes 80 over from node/old, which goes first",
		}},
		{draw("a"), draw("a?"), []string{"the cloud is deleting it", "it is made again: the cloud is deleting it"}},
	}
	for _, test := range tests {
		p, err := plan.Diff(test.want, test.got)
		if err != nil {
			t.Fatal(err)
		}
		var why []string
		for _, s := range p.Steps {
			why = append(why, s.Why)
		}
		if diff := cmp.Diff(test.why, why); diff != "" {
			t.Errorf("why (-want +got):\n%s", diff)
		}
	}
}

func TestDiffRefusesWhatHasNoOrder(t *testing.T) {
	draw := graphtest.Draw
	tests := []struct {
		reason    string
		want, got graph.Graph
		message   string
	}{
		{
			"wanted resources need each other", draw("a > b > c > a"), draw(),
			"the wanted resources: resources need each other in a circle: node/a needs node/b needs node/c needs node/a",
		},
		{
			"a resource needs itself", draw("a > a"), draw(),
			"the wanted resources: resources need each other in a circle: node/a needs node/a",
		},
		{
			"a reference leads nowhere", without(draw("a > b"), "b"), draw(),
			"the wanted resources: node/a needs node/b, which is not in the graph",
		},
		{
			"two wanted resources claim the same", draw("a!80", "b!80"), draw(),
			"the wanted resources: node/a and node/b both hold 80",
		},
		{
			"existing resources are within each other", draw(), draw("a < b < a"),
			"the existing resources: resources need each other in a circle: node/a needs node/b needs node/a",
		},
		{
			"existing resources use each other and all have to go", draw(), draw("a > b > a"),
			"resources need each other in a circle: node/a needs node/b needs node/a",
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			p, err := plan.Diff(test.want, test.got)
			if err == nil {
				t.Fatalf("no error, plan %v", lines(p))
			}
			if err.Error() != test.message {
				t.Errorf("got  %s\nwant %s", err, test.message)
			}
		})
	}
}

func TestDiffErrorsHaveTypes(t *testing.T) {
	_, err := plan.Diff(graphtest.Draw("a > b > a"), nil)
	var cycle *graph.CycleError
	if !errors.As(err, &cycle) || len(cycle.IDs) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestLast(t *testing.T) {
	draw := graphtest.Draw
	tests := []struct {
		reason    string
		want, got graph.Graph
		last      []string // the steps that are marked
	}{
		{"what replaces comes before what it replaces goes", draw("lb < http < new"), draw("lb < http < old"), []string{"delete old"}},
		{"what is only deleted is last of its own", draw("lb < http"), draw("lb < http < /a > web"), []string{"delete /a", "delete web"}},
		{"a claim is needed at once", draw("lb < new!80"), draw("lb < old!80"), nil},
		{"what has to go for something that has to go for a create is needed too",
			draw("rule > new!ip"), draw("rule > old!ip"), nil},
		{"what is made again needs its former self gone", draw("lb < http"), draw("lb < http?"), nil},
	}
	for _, test := range tests {
		p, err := plan.Diff(test.want, test.got)
		if err != nil {
			t.Fatal(err)
		}
		var last []string
		for i, s := range p.Steps {
			if s.Last {
				last = append(last, s.Op.String()+" "+s.ID().Name)
			} else if len(last) > 0 {
				t.Errorf("%s: step %d comes after one that is marked", test.reason, i)
			}
		}
		if diff := cmp.Diff(test.last, last); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
