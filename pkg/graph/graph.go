// Package graph holds resources as one cloud sees them, wanted or got. It knows that resources have names, refer to each other
// and live inside each other; what is in them only their provider knows.
package graph

import (
	"cmp"
	"slices"
)

// Kind is a provider's word for a sort of resource: "loadbalancer", "rule".
type Kind string

// ID identifies a resource among those of one owner. What cannot change in place is hashed into Name by the provider, so that a
// replacement is create, repoint, delete.
type ID struct {
	Kind Kind
	Name string
}

// String returns kind/name.
func (id ID) String() string { return string(id.Kind) + "/" + id.Name }

// Compare orders by kind, then name.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Kind, other.Kind), cmp.Compare(id.Name, other.Name))
}

// Spec is the content of a resource, in its provider's own struct.
type Spec interface {
	// Equal tells whether got, a Spec of the same kind, needs no change to become this one.
	Equal(got Spec) bool
	// Explain says in one stable line what differs: sorted, without ids, times or secrets.
	Explain(got Spec) string
}

// Node is one resource.
type Node struct {
	ID   ID
	Spec Spec
	// Refs are the resources that have to exist before this one and that cannot be deleted before it.
	Refs []ID
	// Within is the resource that contains this one: it has to exist before, and when it is deleted this one is
	// deleted with it, at no further call. Zero where there is none.
	Within ID
	// Holds are exclusive claims ("address/port") for which an old resource has to go before its successor can come.
	Holds []string
	// External is the cloud's own name for it (an id, an ARN, a self link). Set in got only.
	External string
	// Pending says what the cloud is still doing, in words for a user; empty when the resource is ready. Set in got only.
	Pending string
	// Deleting tells that the cloud is deleting the resource: it is there until it is gone, and cannot be used again. Set in got only.
	Deleting bool
	// Addresses are the IPs and host names at which the resource answers, where it is one that does. Set in got only.
	Addresses []string
	// Endpoints are the "address:port" at which a port of it really answers, where that can differ from the address and the
	// port that were asked for (a fake cloud that may not bind port 80). For people and tests. Set in got only.
	Endpoints []string
}

// Dependent is a Spec that can tell when its resource need not wait for the update of one that it refers to or is within. A Spec
// that does not implement it always waits.
type Dependent interface {
	// Fits tells whether the resource can be created or updated while dep is still as got.
	Fits(dep ID, got Spec) bool
}

// Trailing is a Spec that can tell when an update of its resource takes something away that others make up for: what answers where no
// rule does, or the way by which targets are reached. A Spec that does not implement it is updated as soon as it can be.
type Trailing interface {
	// Trails tells whether the update from got has to come when all creates and updates have ended that do not need it.
	Trails(got Spec) bool
}

// Describer is a Spec that can say in a few words what it is, for people: "HTTP on port 80".
type Describer interface{ Describe() string }

// Graph is a set of resources of one owner.
type Graph map[ID]Node

// New makes a graph of nodes. A later node replaces an earlier one of the same ID.
func New(nodes ...Node) Graph {
	g := make(Graph, len(nodes))
	for _, n := range nodes {
		g[n.ID] = n
	}
	return g
}

// Sorted returns the nodes by ID.
func (g Graph) Sorted() []Node {
	ids := make([]ID, 0, len(g)) // smaller than nodes, which are not moved so
	for id := range g {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	nodes := make([]Node, len(ids))
	for i, id := range ids {
		nodes[i] = g[id]
	}
	return nodes
}

func (g Graph) unsorted() []Node {
	nodes := make([]Node, 0, len(g))
	for _, n := range g {
		nodes = append(nodes, n)
	}
	return nodes
}
