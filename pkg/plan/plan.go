// Package plan says what would have to happen for the resources of one owner to become what is wanted. A Plan is a value: it can
// be printed, compared, refused, tested and resumed. The package performs nothing.
package plan

import "github.com/cloudgate-dev/cloudgate/pkg/graph"

// Op is what a step does to its resource.
type Op uint8

const (
	Create Op = iota + 1
	Update
	Delete
)

// String returns the verb in lower case.
func (o Op) String() string {
	switch o {
	case Create:
		return "create"
	case Update:
		return "update"
	case Delete:
		return "delete"
	default:
		return "unknown"
	}
}

// Step is one change to one resource.
type Step struct {
	Op   Op
	Want graph.Node // zero for Delete
	Got  graph.Node // zero for Create
	// Refs are the cloud's state of the resources that Want or Got refers to or is within, by ID, as far as they exist when the
	// step is performed: a provider reads their External from here. Diff leaves it empty; converge fills it just before Apply.
	Refs graph.Graph
	// Why is one stable line for a user: what differs, or why the resource comes or goes.
	Why string
	// After are the indexes of the steps that have to succeed first. They are smaller than the step's own index.
	After []int
	// Behind are the indexes of the steps that have to have ended first, well or not: see graph.Trailing. They are smaller than the step's
	// own index.
	Behind []int
	// Last marks a Delete that no create or update needs. It begins when all creates and updates of resources of its kind within
	// the same container have ended, well or not: what replaces it under another name is then there, and no request is
	// without both. It does not need them to succeed, because under a full quota only a Delete makes room.
	Last bool
}

// ID returns the identity of the resource that the step changes.
func (s Step) ID() graph.ID {
	if s.Op == Delete {
		return s.Got.ID
	}
	return s.Want.ID
}

// Plan is what has to happen, in an order in which it can be done one by one. Steps that are not bound by After, Behind or Last may be
// done at once.
type Plan struct {
	Steps []Step
}

// Empty tells whether nothing has to happen.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }
