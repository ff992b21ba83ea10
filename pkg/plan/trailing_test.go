package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// last is a resource whose update comes when all others have ended.
type last string

func (l last) Equal(got graph.Spec) bool     { return l == got }
func (l last) Explain(got graph.Spec) string { return fmt.Sprint(got, " becomes ", string(l)) }
func (l last) Trails(got graph.Spec) bool    { return l != got }

func id(name string) graph.ID { return graph.ID{Kind: "node", Name: name} }

// eager is any other resource.
type eager string

func (e eager) Equal(got graph.Spec) bool     { return e == got }
func (e eager) Explain(got graph.Spec) string { return fmt.Sprint(got, " becomes ", string(e)) }
func (e eager) Fits(graph.ID, graph.Spec) bool {
	return !strings.HasPrefix(string(e), "needy")
}

func TestTrailing(t *testing.T) {
	within := func(name, container, spec string) graph.Node {
		return graph.Node{ID: id(name), Within: id(container), Spec: eager(spec)}
	}
	tests := []struct {
		reason    string
		want, got graph.Graph
		plan      []string
	}{
		{
			"a listener whose default goes waits for the rules that answer from now on, and the load balancer for all",
			graph.New(graph.Node{ID: id("lb"), Spec: last("new")}, graph.Node{ID: id("http"), Within: id("lb"), Spec: last("404")},
				within("/a", "http", "1"), within("/b", "http", "2"), graph.Node{ID: id("access"), Spec: eager("1")}),
			graph.New(graph.Node{ID: id("lb"), Spec: last("old")}, graph.Node{ID: id("http"), Within: id("lb"), Spec: last("forward")},
				within("/b", "http", "1"), within("/old", "http", "1")),
			[]string{
				"0 create /a", "1 create access", "2 update /b", "3 update lb behind 0 1 2", "4 update http after 3 behind 0 1 2",
				"5 delete /old",
			},
		},
		{
			"what needs the update does not come before it",
			graph.New(graph.Node{ID: id("http"), Spec: last("404")}, within("/a", "http", "needy"), graph.Node{ID: id("other"), Spec: eager("1")}),
			graph.New(graph.Node{ID: id("http"), Spec: last("forward")}),
			[]string{"0 create other", "1 update http behind 0", "2 create /a after 1"},
		},
		{
			"an update that does not trail is made as soon as it can be",
			graph.New(graph.Node{ID: id("http"), Spec: last("404"), Refs: []graph.ID{id("b")}}, graph.Node{ID: id("b"), Spec: eager("1")}, within("/a", "http", "1")),
			graph.New(graph.Node{ID: id("http"), Spec: last("404")}),
			[]string{"0 create /a", "1 create b", "2 update http after 1"},
		},
	}
	for _, tc := range tests {
		t.Run(tc.reason, func(t *testing.T) {
			p, err := plan.Diff(tc.want, tc.got)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, s := range p.Steps {
				line := fmt.Sprintf("%d %s %s", i, s.Op, s.ID().Name)
				if len(s.After) > 0 {
					line += " after " + strings.Trim(fmt.Sprint(s.After), "[]")
				}
				if len(s.Behind) > 0 {
					line += " behind " + strings.Trim(fmt.Sprint(s.Behind), "[]")
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tc.plan, got); diff != "" {
				t.Errorf("the plan (-want +got): %s", diff)
			}
		})
	}
}
