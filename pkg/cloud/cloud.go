// Package cloud is the contract between the controller and the plugins that teach it one cloud each.
package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// Provider teaches the controller one cloud. It keeps nothing between calls; calls may be concurrent.
type Provider interface {
	// Name is the registry key and the metric label: "aws".
	Name() string
	// Features says what this cloud can express.
	Features() ir.Features
	// Compile lowers want into this cloud's resources. Pure: equal inputs give equal results. A nil want gives an empty graph. What the
	// cloud cannot have is refused alone, in the result; an error is for what makes the whole impossible.
	Compile(want *ir.LoadBalancer) (Compiled, error)
	// Observe returns the resources that bear the mark of the owners in scope. It writes nothing. An owner without resources
	// is absent from the result. In an observation of a whole cluster a node may have a nil Spec: it is there, as External says, and
	// its content was not read; then what is within such nodes may be absent, and only nodes that are within nothing are complete.
	Observe(ctx context.Context, scope Scope) (map[ir.OwnerKey]graph.Graph, error)
	// Apply performs one step and does not wait: unfinished work comes back as Node.Pending. Steps may be repeated: a
	// second create adopts the first's resource by its mark, a second delete succeeds. A Delete returns a zero Node when the
	// resource is gone, and a Node that is Pending while it is going. owner is the mark.
	Apply(ctx context.Context, owner ir.Owner, step plan.Step) (graph.Node, error)
}

// Compiled is what a load balancer is in one cloud.
type Compiled struct {
	Graph graph.Graph
	// Refused are the parts of the load balancer that the cloud cannot have: they are not in Graph, and all else is. In the order of the
	// load balancer.
	Refused []Refusal
	// Differences are the parts that are in Graph and do not do exactly what they should. There are none unless
	// ir.LoadBalancer.Approximate allows them. In the order of the load balancer.
	Differences []Difference
}

// Refusal says why a part of a load balancer is left out.
type Refusal struct {
	Source ir.Source // the rule, the listener or the Service that it costs
	Kind   Kind      // Unsupported, Invalid or Quota
	Text   string    // one stable clause, with the numbers where a limit is the reason
}

// Difference says what a part of a load balancer does otherwise than it should.
type Difference struct {
	Source ir.Source
	Text   string // one stable clause
}

// Placer is a Provider of a cloud where some values in a resource depend on what is there already: the numbers of rules that leave
// room for others between them.
type Placer interface {
	// Place returns want with these values filled in, in the way that takes the fewest changes from got. It is pure, changes neither
	// argument, and fills in the same where got is what came of an earlier placement of the same want. Graphs that are compared or
	// digested to tell whether something has to be done at all are not placed.
	Place(want, got graph.Graph) graph.Graph
}

// Diff is plan.Diff of what p wants to be there and what is, with want placed where p is a Placer.
func Diff(p Provider, want, got graph.Graph) (plan.Plan, error) {
	if placer, ok := p.(Placer); ok {
		want = placer.Place(want, got)
	}
	return plan.Diff(want, got)
}

// Configured is a Provider of a cloud that can express more, or less, as the settings of a class are. Provider.Features says what it can with
// the best of settings: Compile judges what a Gateway's own allow.
type Configured interface {
	// FeaturesWith returns what the cloud can express with settings, in the form of ir.LoadBalancer.Settings.
	FeaturesWith(settings json.RawMessage) ir.Features
}

// Networker is a Provider that knows which addresses its load balancers reach.
type Networker interface {
	// Networks returns the prefixes, sorted. Where it is empty nothing is known.
	Networks(ctx context.Context) ([]netip.Prefix, error)
}

// HealthReader is a Provider that can tell how the targets of an owner's pools are.
type HealthReader interface {
	// Health returns the state of each target in got, a graph that Observe or Apply returned, in a stable order.
	Health(ctx context.Context, got graph.Graph) ([]TargetHealth, error)
}

// TargetHealth is the state of one target as the cloud sees it.
type TargetHealth struct {
	Pool    string // ir.Pool.Name
	Address string // "10.0.0.1:8080"
	Healthy bool
	State   string // the cloud's word: "healthy", "initial", "unhealthy", "draining"
	Reason  string // why it is not healthy, in words for a user
}

// Sourced is a graph.Spec that can tell which Kubernetes object its resource comes from, so that a failure finds its way to the
// right status. Only wanted resources know; of one that was observed the Source is zero.
type Sourced interface {
	Source() ir.Source
}

// Scope says whose resources are observed: those of one owner, or, where UID is empty, of every owner of the cluster.
type Scope struct {
	Cluster string
	UID     string
}

// Kind is what an error means for what happens next.
type Kind uint8

const (
	Unknown     Kind = iota // retried with backoff
	Invalid                 // the cloud rejects the request: wait for an edit
	Unsupported             // the cloud cannot express it: wait for an edit
	Denied                  // missing permission: one event, wait for the audit
	Quota                   // a limit of the account: one event, wait for the audit
	Throttled               // retried at After
	Unavailable             // retried with backoff
	Conflict                // somebody else changed it: observe again at once
	NotFound                // it is gone: observe again at once; success for a delete
)

// String returns the name of the kind as metrics label it.
func (k Kind) String() string {
	names := [...]string{"unknown", "invalid", "unsupported", "denied", "quota", "throttled", "unavailable", "conflict", "notfound"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Error is the only error that a Provider's Observe and Apply return.
type Error struct {
	Kind  Kind
	Op    string        // the cloud's name of the call: "CreateRule"
	Node  graph.ID      // the resource that was worked on; zero for Observe
	After time.Duration // wait at least so long; zero lets the controller choose
	Err   error         // stable text: no request ids, no times
}

// Error implements error.
func (e *Error) Error() string {
	if e.Node == (graph.ID{}) {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.Node, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AddressError is the cause (Error.Err) when an address that a Gateway asks for cannot be had: somebody else has it, or it does not
// belong to the account. It becomes the reason AddressNotUsable in the status of the Gateway.
type AddressError struct {
	Address string
	Err     error
}

// Error implements error.
func (e *AddressError) Error() string { return fmt.Sprintf("address %s: %v", e.Address, e.Err) }

// Unwrap returns the cause.
func (e *AddressError) Unwrap() error { return e.Err }

// KindOf returns the Kind of the first *Error in err's tree, or Unknown.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}
