package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// WhyNew is Step.Why of what is wanted and was never there.
const WhyNew = "it does not exist yet"

// Diff returns the steps by which got becomes want. Equal graphs give an empty plan, and equal arguments give equal plans.
//
// A resource is created after what it refers to and is within, updated after what it refers to is there, and deleted after
// everything that used it has been changed or deleted. What is within a deleted resource goes with it and has no step.
// New comes before old, so that a replacement is no outage, with these exceptions, which Why names: a claim in Holds that passes
// from one resource to another, a resource that is being deleted and is wanted, and one that moves to another container under
// the same ID. They are deleted first, and so is what refers to them and cannot be made to let go.
//
// A Delete that comes back pending has not succeeded: what is After it waits.
//
// The error is a *graph.CycleError, a *graph.DanglingError or a *graph.ClaimError: want cannot be made, or got cannot be
// taken apart, in any order.
func Diff(want, got graph.Graph) (Plan, error) {
	if settled(want, got) {
		return Plan{}, nil
	}
	if err := want.Check(); err != nil {
		return Plan{}, fmt.Errorf("the wanted resources: %w", err)
	}
	d := newDiffer(want, got)
	for {
		if err := d.findDoomed(); err != nil {
			return Plan{}, fmt.Errorf("the existing resources: %w", err)
		}
		d.makeSteps()
		d.bind()
		d.bindTrailing()
		p, cycle := d.order()
		if cycle == nil {
			return p, nil
		}
		// A circle that goes through an update can be cut: that resource is deleted and made again.
		victim, ok := d.cut(cycle)
		if !ok {
			return Plan{}, &graph.CycleError{IDs: d.ids(cycle)}
		}
		d.forced[victim] = "it stands between the old and the new of what it refers to or holds"
	}
}

// settled is the short way through the most frequent case.
func settled(want, got graph.Graph) bool {
	if !want.Equal(got) {
		return false
	}
	for _, n := range got {
		if n.Deleting {
			return false
		}
	}
	return true
}

// differ holds one computation of Diff.
type differ struct {
	want, got           graph.Graph
	wantNodes, gotNodes []graph.Node
	children, users     map[graph.ID][]graph.ID // in got: what is within, and what refers to, a resource

	forced map[graph.ID]string // doomed to cut a circle
	doomed map[graph.ID]string // resources of got that go away, with the reason
	steps  []Step
	after  [][]int
	behind [][]int
	first  []bool           // by step: a delete that a create or update waits for, directly or through other steps
	makes  map[graph.ID]int // the create or update of a wanted resource
	remove map[graph.ID]int // the delete by which a doomed resource goes away: its own or that of what it is within
}

func newDiffer(want, got graph.Graph) *differ {
	d := &differ{
		want: want, got: got,
		wantNodes: want.Sorted(), gotNodes: got.Sorted(),
		children: make(map[graph.ID][]graph.ID),
		users:    make(map[graph.ID][]graph.ID),
		forced:   make(map[graph.ID]string),
	}
	for _, n := range d.gotNodes {
		if n.Within != (graph.ID{}) {
			d.children[n.Within] = append(d.children[n.Within], n.ID)
		}
		for _, to := range n.Refs {
			d.users[to] = append(d.users[to], n.ID)
		}
	}
	return d
}

// findDoomed collects what of got goes away, and everything that has to go away for it.
func (d *differ) findDoomed() error {
	d.doomed = make(map[graph.ID]string)
	var queue []graph.ID
	doom := func(id graph.ID, why string) {
		if _, already := d.doomed[id]; !already {
			d.doomed[id] = why
			queue = append(queue, id)
		}
	}
	for _, n := range d.gotNodes {
		if why := d.reasonToGo(n); why != "" {
			doom(n.ID, why)
		}
	}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		for _, child := range d.children[id] {
			doom(child, "it goes with "+id.String())
		}
		if _, again := d.want[id]; !again {
			continue
		}
		for _, user := range d.users[id] {
			if w, wanted := d.want[user]; wanted && slices.Contains(w.Refs, id) {
				doom(user, "it refers to "+id.String()+", which has to be made again")
			}
		}
	}
	return d.checkContainers()
}

// reasonToGo says why n cannot stay, apart from others' reasons; empty if it can.
func (d *differ) reasonToGo(n graph.Node) string {
	w, wanted := d.want[n.ID]
	_, contained := d.got[n.Within]
	switch {
	case !wanted:
		return "it is no longer wanted"
	case n.Deleting:
		return "the cloud is deleting it"
	case n.Within != w.Within:
		return fmt.Sprintf("it has to move from %s to %s", name(n.Within), name(w.Within))
	case n.Within != (graph.ID{}) && !contained:
		return n.Within.String() + ", which it was within, is missing"
	default:
		return d.forced[n.ID]
	}
}

func name(id graph.ID) string {
	if id == (graph.ID{}) {
		return "no container"
	}
	return id.String()
}

// goesWithContainer tells whether a doomed node needs no delete of its own.
func (d *differ) goesWithContainer(n graph.Node) bool {
	if n.Within == (graph.ID{}) {
		return false
	}
	_, there := d.got[n.Within]
	_, goes := d.doomed[n.Within]
	return there && goes
}

// checkContainers refuses resources that are within themselves, whose removal has no beginning.
func (d *differ) checkContainers() error {
	known := make(map[graph.ID]bool, len(d.gotNodes))
	for _, n := range d.gotNodes {
		var path []graph.ID
		for at := n; !known[at.ID]; {
			if i := slices.Index(path, at.ID); i >= 0 {
				return &graph.CycleError{IDs: path[i:]}
			}
			path = append(path, at.ID)
			next, ok := d.got[at.Within]
			if !ok {
				break
			}
			at = next
		}
		for _, id := range path {
			known[id] = true
		}
	}
	return nil
}

// makeSteps fills steps without their order.
func (d *differ) makeSteps() {
	d.steps = make([]Step, 0, max(len(d.wantNodes), len(d.gotNodes)))
	d.makes = make(map[graph.ID]int)
	d.remove = make(map[graph.ID]int, len(d.doomed))
	for _, n := range d.wantNodes {
		g, there := d.got[n.ID]
		reason, goes := d.doomed[n.ID]
		switch {
		case !there:
			d.add(Step{Op: Create, Want: n, Why: WhyNew})
		case goes:
			d.add(Step{Op: Create, Want: n, Why: "it is made again: " + reason})
		default:
			if why := d.explain(n, g); why != "" {
				d.add(Step{Op: Update, Want: n, Got: g, Why: why})
			}
		}
	}
	for _, n := range d.gotNodes {
		if reason, goes := d.doomed[n.ID]; goes && !d.goesWithContainer(n) {
			d.remove[n.ID] = len(d.steps)
			d.steps = append(d.steps, Step{Op: Delete, Got: n, Why: reason})
		}
	}
	for _, n := range d.gotNodes {
		if _, goes := d.doomed[n.ID]; goes {
			d.remove[n.ID] = d.removal(n)
		}
	}
}

func (d *differ) add(s Step) {
	d.makes[s.Want.ID] = len(d.steps)
	d.steps = append(d.steps, s)
}

// removal returns the step by which a doomed node goes away.
func (d *differ) removal(n graph.Node) int {
	for {
		if step, ok := d.remove[n.ID]; ok {
			return step
		}
		n = d.got[n.Within]
	}
}

// explain says what an existing resource lacks; empty if nothing.
func (d *differ) explain(want, got graph.Node) string {
	var why []string
	if !want.Same(got) {
		if want.Spec != nil && got.Spec != nil && !want.Spec.Equal(got.Spec) {
			why = append(why, want.Spec.Explain(got.Spec))
		}
		why = append(why, listChange("refers to", ids(want.Refs), ids(got.Refs))...)
		why = append(why, listChange("holds", want.Holds, got.Holds)...)
		if len(why) == 0 {
			why = append(why, "its content differs")
		}
	}
	for _, dep := range want.Refs {
		_, there := d.got[dep]
		_, goes := d.doomed[dep]
		if (!there || goes) && slices.Contains(got.Refs, dep) {
			why = append(why, dep.String()+" is made again")
		}
	}
	return strings.Join(why, "; ")
}

func ids(list []graph.ID) []string {
	names := make([]string, 0, len(list))
	for _, id := range list {
		names = append(names, id.String())
	}
	return names
}

func listChange(verb string, want, got []string) []string {
	var why []string
	if more := without(want, got); len(more) > 0 {
		why = append(why, verb+" "+strings.Join(more, ", "))
	}
	if less := without(got, want); len(less) > 0 {
		why = append(why, "no longer "+verb+" "+strings.Join(less, ", "))
	}
	return why
}

// without returns what is in list and not in other, sorted, each once.
func without(list, other []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(other, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// cut chooses the resource that is deleted and made again to open a circle of steps.
func (d *differ) cut(cycle []int) (graph.ID, bool) {
	var updates []graph.ID
	for _, i := range cycle {
		if d.steps[i].Op == Update {
			updates = append(updates, d.steps[i].ID())
		}
	}
	if len(updates) == 0 {
		return graph.ID{}, false
	}
	return slices.MinFunc(updates, graph.ID.Compare), true
}

func (d *differ) ids(steps []int) []graph.ID {
	out := make([]graph.ID, 0, len(steps))
	for _, i := range steps {
		out = append(out, d.steps[i].ID())
	}
	return out
}

// less is the order of steps that nothing binds: creates, updates, deletes that those wait for, other deletes; then by ID. As the
// other deletes are what nothing but such deletes waits for, they are the last of the plan.
func (d *differ) less(a, b int) int {
	rank := func(i int) int {
		r := int(d.steps[i].Op) * 2
		if d.first[i] {
			r--
		}
		return r
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), d.steps[a].ID().Compare(d.steps[b].ID()))
}
