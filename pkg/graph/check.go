package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Edges returns the IDs that have to exist before the node: Within first, then Refs in their order.
func (n Node) Edges() []ID {
	if n.Within == (ID{}) {
		return n.Refs
	}
	return append([]ID{n.Within}, n.Refs...)
}

// CycleError says that resources need each other in a circle, so that none of them can be made first.
type CycleError struct {
	IDs []ID // each needs the next, the last needs the first
}

// Error implements error.
func (e *CycleError) Error() string {
	names := make([]string, 0, len(e.IDs)+1)
	for _, id := range e.IDs {
		names = append(names, id.String())
	}
	if len(names) > 0 {
		names = append(names, names[0])
	}
	return "resources need each other in a circle: " + strings.Join(names, " needs ")
}

// DanglingError says that a resource needs one that is not in its graph.
type DanglingError struct {
	From, To ID
}

// Error implements error.
func (e *DanglingError) Error() string {
	return fmt.Sprintf("%s needs %s, which is not in the graph", e.From, e.To)
}

// ClaimError says that two resources of one graph hold the same exclusive claim.
type ClaimError struct {
	Claim string
	A, B  ID
}

// Error implements error.
func (e *ClaimError) Error() string {
	return fmt.Sprintf("%s and %s both hold %s", e.A, e.B, e.Claim)
}

// Check tells whether g can be made: every ID that a node needs is in it (*DanglingError), no node needs itself by any way
// (*CycleError), and no two nodes hold the same claim (*ClaimError). The answer depends on nothing but g.
func (g Graph) Check() error {
	// Whether there is an error does not depend on the order; which one is told does.
	if g.check(g.unsorted()) == nil {
		return nil
	}
	return g.check(g.Sorted())
}

func (g Graph) check(nodes []Node) error {
	holders := make(map[string]ID)
	for _, n := range nodes {
		for _, to := range n.Edges() {
			if _, ok := g[to]; !ok {
				return &DanglingError{From: n.ID, To: to}
			}
		}
		for _, claim := range n.Holds {
			if other, taken := holders[claim]; taken && other != n.ID {
				return &ClaimError{Claim: claim, A: other, B: n.ID}
			}
			holders[claim] = n.ID
		}
	}
	if cycle := findCycle(g, nodes); cycle != nil {
		return &CycleError{IDs: cycle}
	}
	return nil
}

// findCycle walks the graph depth first without recursion, because the depth of a hostile graph is its size.
func findCycle(g Graph, nodes []Node) []ID {
	const open, done = 1, 2
	state := make(map[ID]uint8, len(nodes))
	type frame struct {
		id    ID
		edges []ID
	}
	for _, root := range nodes {
		if state[root.ID] != 0 {
			continue
		}
		state[root.ID] = open
		stack := []frame{{root.ID, root.Edges()}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.edges) == 0 {
				state[top.id] = done
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.edges[0]
			top.edges = top.edges[1:]
			switch state[next] {
			case open:
				start := slices.IndexFunc(stack, func(f frame) bool { return f.id == next })
				cycle := make([]ID, 0, len(stack)-start)
				for _, f := range stack[start:] {
					cycle = append(cycle, f.id)
				}
				return cycle
			case done:
			default:
				n, ok := g[next]
				if !ok {
					continue
				}
				state[next] = open
				stack = append(stack, frame{next, n.Edges()})
			}
		}
	}
	return nil
}

// Drop removes the node and all that is within it, at any depth: what a cloud does when a resource is deleted.
func (g Graph) Drop(id ID) {
	if _, ok := g[id]; !ok {
		return
	}
	gone := map[ID]bool{id: true}
	for grown := true; grown; {
		grown = false
		for _, n := range g {
			if !gone[n.ID] && n.Within != (ID{}) && gone[n.Within] {
				gone[n.ID] = true
				grown = true
			}
		}
	}
	for id := range gone {
		delete(g, id)
	}
}

// Equal tells whether g and other have the same IDs with equal Specs, Refs, Within and Holds. What only the cloud knows
// (External, Pending, Deleting, Addresses) is not compared.
func (g Graph) Equal(other Graph) bool {
	if len(g) != len(other) {
		return false
	}
	for id, n := range g {
		o, ok := other[id]
		if !ok || !n.Same(o) {
			return false
		}
	}
	return true
}

// Same tells whether got needs no change to become n.
func (n Node) Same(got Node) bool {
	return n.Within == got.Within && sameSet(n.Refs, got.Refs) && sameSet(n.Holds, got.Holds) && sameSpec(n.Spec, got.Spec)
}

func sameSpec(want, got Spec) bool {
	if want == nil || got == nil {
		return want == nil && got == nil
	}
	return want.Equal(got)
}

// sameSet compares without order and without regard to repetition. Most lists are equal as they are.
func sameSet[T comparable](a, b []T) bool {
	if slices.Equal(a, b) {
		return true
	}
	return subset(a, b) && subset(b, a)
}

func subset[T comparable](a, b []T) bool {
	if len(a) < 16 || len(b) < 16 {
		for _, v := range a {
			if !slices.Contains(b, v) {
				return false
			}
		}
		return true
	}
	in := make(map[T]struct{}, len(b))
	for _, v := range b {
		in[v] = struct{}{}
	}
	for _, v := range a {
		if _, ok := in[v]; !ok {
			return false
		}
	}
	return true
}
