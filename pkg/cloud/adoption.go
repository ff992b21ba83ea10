package cloud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// Adopter is a Provider that can take over load balancers that somebody else made. What it takes over is decided by others, after a plan:
// see PlanAdoption.
type Adopter interface {
	// Foreign reads load balancers that somebody else made, by the cloud's own names for them, as what they would be as the owner's. It
	// writes nothing. The error is Invalid, with the reason, where one of them cannot be adopted for want.
	Foreign(ctx context.Context, owner ir.Owner, want graph.Graph, names []string) (Foreign, error)
	// Adopt puts the owner's mark on what Foreign returned, and changes nothing else. It may be repeated, and goes on where it ended. A load
	// balancer gets the mark after all that is within it: where it bears it, it is adopted whole.
	Adopt(ctx context.Context, owner ir.Owner, f Foreign) error
}

// Foreign is what somebody else made.
type Foreign struct {
	// Graph is what Observe would return of it if it bore the owner's mark. What can become a wanted resource in place has its name.
	Graph graph.Graph
	// Unmarked are those in Graph that do not bear the mark yet, in the order in which they get it. Where there are none all is adopted.
	Unmarked []graph.ID
	// Notes are what a user has to know of that no step tells: what stays, what follows. Stable lines, in a stable order.
	Notes []string
}

// AdoptionPlan is what adoption would do.
type AdoptionPlan struct {
	Names []string  `json:"names"` // the cloud's own, sorted
	Marks []string  `json:"marks"` // what gets the mark: "listener/http-80 is ARN"
	Notes []string  `json:"notes"` // as in Foreign
	Plan  plan.Plan `json:"-"`     // what happens then
	// Digest names all of it but what is to come in new resources, and but what happens to resources that are the owner's already: who agrees
	// to it agrees to what is taken over, changed and deleted.
	Digest string `json:"digest"`
}

// PlanAdoption says what would happen if what is foreign were the owner's, who has got and wants want. The error is an *Error of Kind
// Invalid where the owner has another resource in its place.
func PlanAdoption(p Provider, want, got graph.Graph, names []string, f Foreign) (AdoptionPlan, error) {
	out := AdoptionPlan{Names: slices.Compact(slices.Sorted(slices.Values(names))), Notes: f.Notes, Marks: []string{}}
	all, err := Adopted(got, f)
	if err != nil {
		return AdoptionPlan{}, err
	}
	for _, n := range f.Graph.Sorted() {
		out.Marks = append(out.Marks, n.ID.String()+" is "+n.External)
	}
	if out.Plan, err = Diff(p, want, all); err != nil {
		return AdoptionPlan{}, &Error{Kind: Invalid, Op: "plan", Err: err}
	}
	out.Digest, err = out.digest(f.Graph)
	return out, err
}

// Adopted returns what an owner has that has adopted what is foreign. Neither argument changes.
func Adopted(got graph.Graph, f Foreign) (graph.Graph, error) {
	all := make(graph.Graph, len(got)+len(f.Graph))
	for id, n := range got {
		all[id] = n
	}
	for _, n := range f.Graph.Sorted() {
		if own, has := got[n.ID]; has && own.External != n.External {
			return nil, &Error{Kind: Invalid, Op: "adopt", Node: n.ID, Err: fmt.Errorf(
				"the Gateway has %s already, which is %s: take the annotation away, or make a Gateway for what is to be adopted", n.ID, own.External)}
		}
		all[n.ID] = n
	}
	return all, nil
}

// Serves tells whether an owner answers, and has all that others of want are within: its load balancers. What becomes of an adoption must not
// keep such a one from following its routes and endpoints.
func Serves(want, got graph.Graph) bool {
	for _, n := range want {
		if holder, within := want[n.Within]; within && holder.Within == (graph.ID{}) {
			if _, has := got[holder.ID]; !has {
				return false
			}
		}
	}
	for _, n := range got {
		if len(n.Addresses) > 0 {
			return true
		}
	}
	return false
}

// agreedStep is what the digest sees of a step.
type agreedStep struct {
	Op, ID, Why, External string
	Got                   graph.Spec
}

func (a *AdoptionPlan) digest(foreign graph.Graph) (string, error) {
	steps := []agreedStep{}
	for _, s := range a.Plan.Steps {
		_, theirs := foreign[s.ID()]
		switch {
		case theirs && s.Op != plan.Create:
			steps = append(steps, agreedStep{s.Op.String(), s.ID().String(), s.Why, s.Got.External, s.Got.Spec})
		case s.Op != plan.Update:
			steps = append(steps, agreedStep{Op: s.Op.String(), ID: s.ID().String()})
		}
	}
	raw, err := json.Marshal([]any{a.Names, a.Marks, a.Notes, steps})
	if err != nil {
		return "", fmt.Errorf("the digest of the plan: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16]), nil
}

// Lines returns a line for each step, the most dangerous first: what is gone before something takes its place, what is deleted, what is
// changed, what is made.
func (a *AdoptionPlan) Lines() []string {
	steps := slices.Clone(a.Plan.Steps)
	slices.SortStableFunc(steps, func(x, y plan.Step) int { return danger(y) - danger(x) })
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = s.Line()
	}
	return lines
}

func danger(s plan.Step) int {
	switch {
	case s.Op == plan.Delete && !s.Last:
		return 3
	case s.Op == plan.Delete:
		return 2
	case s.Op == plan.Update:
		return 1
	default:
		return 0
	}
}

// Summary returns how much would happen: "1 mark, 2 to create, 1 to update, 0 to delete".
func (a *AdoptionPlan) Summary() string {
	noun := "marks"
	if len(a.Marks) == 1 {
		noun = "mark"
	}
	return strings.Join([]string{fmt.Sprintf("%d %s", len(a.Marks), noun), a.Plan.Counts().String()}, ", ")
}
