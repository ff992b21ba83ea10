package reconciler

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

func node(kind, name string) graph.Node {
	return graph.Node{ID: graph.ID{Kind: graph.Kind(kind), Name: name}}
}

// replacing is a plan by which rule new replaces rule old of one listener, beside a pool that comes.
func replacing() (plan.Plan, graph.Graph) {
	ls := node("listener", "http")
	created, deleted := node("rule", "new"), node("rule", "old")
	created.Within, deleted.Within = ls.ID, ls.ID
	p := plan.Plan{Steps: []plan.Step{
		{Op: plan.Create, Want: node("pool", "other")},
		{Op: plan.Create, Want: created},
		{Op: plan.Delete, Got: deleted, Last: true},
	}}
	return p, graph.New(ls, deleted)
}

func TestWhenTheOldGoes(t *testing.T) {
	fail := func(k cloud.Kind) *cloud.Error { return &cloud.Error{Kind: k, Err: errors.New("no")} }
	for _, tc := range []struct {
		reason  string
		fails   map[string]*cloud.Error // by name of the resource
		pending map[string]bool         // what is created and not ready
		earlier bool                    // something of the listener, made before, is not ready
		hasty   bool
		want    []string // resources that are there in the end
	}{
		{reason: "the new is there", want: []string{"http", "new", "other"}},
		{reason: "the new may still come", fails: map[string]*cloud.Error{"new": fail(cloud.Unavailable)}, want: []string{"http", "old", "other"}},
		{reason: "the cloud is asked too often for the new", fails: map[string]*cloud.Error{"new": fail(cloud.Throttled)}, want: []string{"http", "old", "other"}},
		{reason: "the new has not come for long", fails: map[string]*cloud.Error{"new": fail(cloud.Unavailable)}, hasty: true, want: []string{"http", "other"}},
		{reason: "only a delete makes room for the new", fails: map[string]*cloud.Error{"new": fail(cloud.Quota)}, want: []string{"http", "other"}},
		{reason: "the new is refused for good", fails: map[string]*cloud.Error{"new": fail(cloud.Invalid)}, want: []string{"http", "other"}},
		{reason: "what is no peer has no say", fails: map[string]*cloud.Error{"other": fail(cloud.Unavailable)}, want: []string{"http", "new"}},
		{reason: "the new does not serve yet", pending: map[string]bool{"new": true}, want: []string{"http", "new", "old", "other"}},
		{reason: "the new does not serve for long", pending: map[string]bool{"new": true}, hasty: true, want: []string{"http", "new", "other"}},
		{reason: "what an earlier pass made does not serve yet", earlier: true, want: []string{"earlier", "http", "new", "old", "other"}},
	} {
		for _, atOnce := range []int{1, 8} {
			x := newExecutor(t, atOnce, func(s plan.Step) (graph.Node, error) {
				name := s.ID().Name
				if err := tc.fails[name]; err != nil {
					return graph.Node{}, err
				}
				n := s.Want
				if s.Op == plan.Delete {
					return graph.Node{}, nil
				}
				n.External = "id"
				if tc.pending[name] {
					n.Pending = "being created"
				}
				return n, nil
			})
			p, got := replacing()
			if tc.earlier {
				n := node("rule", "earlier")
				n.Within, n.Pending = graph.ID{Kind: "listener", Name: "http"}, "being created"
				got[n.ID] = n
			}
			progress := x.run(t.Context(), job{plan: p, got: got, hold: never, patient: !tc.hasty})
			var left []string
			for _, n := range progress.got.Sorted() {
				left = append(left, n.ID.Name)
			}
			if diff := cmp.Diff(sortedNames(tc.want), sortedNames(left)); diff != "" {
				t.Errorf("%s, %d at once (-want +got):\n%s", tc.reason, atOnce, diff)
			}
		}
	}
}

func sortedNames(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// The delete comes after the create has ended, however many may run at once.
func TestTheOldGoesAfterTheNew(t *testing.T) {
	var order []string
	began := make(chan struct{})
	x := newExecutor(t, 8, func(s plan.Step) (graph.Node, error) {
		switch s.ID().Name {
		case "other":
			close(began)
		case "new":
			<-began // everything that may run has been started
			order = append(order, "new")
		case "old":
			order = append(order, "old")
		}
		return graph.Node{External: "id"}, nil
	})
	p, got := replacing()
	x.run(t.Context(), job{plan: p, got: got, hold: never})
	if diff := cmp.Diff([]string{"new", "old"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
