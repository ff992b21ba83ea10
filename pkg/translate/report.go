package translate

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Report is the verdict on everything in a Snapshot that has a status. Every listener and every parent reference of a route
// that names this Gateway or one of its ListenerSets has exactly one verdict.
type Report struct {
	Gateway      GatewayReport
	ListenerSets []ListenerSetReport // in order of precedence: oldest first, then by namespace and name
	Routes       []RouteReport       // by kind, namespace, name
	Policies     []PolicyReport      // policies that target a backend of this Gateway, by kind, namespace and name
}

// Verdict is one condition in the making.
type Verdict struct {
	OK       bool
	Reason   string    // a Gateway API reason
	Problems []Problem // sorted; may be set where OK is true: what was left out, or what is approximate
}

// GatewayReport is the verdict on the Gateway itself.
type GatewayReport struct {
	Accepted     Verdict
	Resolved     Verdict // references of the Gateway and, in sum, of its listeners
	Addresses    Verdict // addresses that were asked for and are none; the cloud may refuse others later
	Listeners    []ListenerReport
	AttachedSets int32
	Parameters   Parameters // in effect; the zero value where they cannot be read
	Frozen       bool       // see Report.Frozen

	// InsecureClients tells that a port serves clients that do not prove who they are, although it asks for it.
	InsecureClients bool
}

// ListenerSetReport is the verdict on one ListenerSet.
type ListenerSetReport struct {
	Name      types.NamespacedName
	Accepted  Verdict
	Listeners []ListenerReport // in the order of the spec
}

// ListenerReport is the verdict on one listener.
type ListenerReport struct {
	Name           gwv1.SectionName
	Port           int32
	Protocol       gwv1.ProtocolType
	SupportedKinds []gwv1.RouteGroupKind
	AttachedRoutes int32
	Accepted       Verdict
	Resolved       Verdict
	Conflicted     Verdict // OK means that there is no conflict
	OverlappingTLS Verdict // OK means that there is no overlap
	Programmed     bool    // it is in the load balancer: as soon as the cloud has that, it is programmed
	Source         ir.Source
}

// RouteReport is the verdict on one route, for each of its parents of this Gateway.
type RouteReport struct {
	Kind    string // "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"
	Name    types.NamespacedName
	Parents []ParentReport // in the order of spec.parentRefs; references to other parents are left out
}

// ParentReport is the verdict on a route as the child of one parent.
type ParentReport struct {
	Ref      gwv1.ParentReference // as the route wrote it
	Accepted Verdict
	Resolved Verdict
	Partial  Verdict  // OK means that no rule was dropped, or that the route is not accepted at all
	Servers  []string // the listeners that serve the route: "listener", or "namespace/set/listener" for one of a ListenerSet
}

// PolicyReport is the verdict on one policy for this Gateway.
type PolicyReport struct {
	Kind     string // "BackendTLSPolicy", "XBackendTrafficPolicy", "BackendPolicy"
	Name     types.NamespacedName
	Accepted Verdict
	Resolved Verdict // the zero Verdict for a kind that refers to nothing but its targets
}

// Frozen tells that the Gateway was rejected as a whole because of what stands in its spec beside the listeners. Nothing may then
// be created, changed or deleted for it: a mistake in an edit must not cost a load balancer that serves, nor its address.
func (r *Report) Frozen() bool { return r.Gateway.Frozen }

// Object names a Kubernetes object.
type Object struct {
	Kind      string
	Namespace string
	Name      string
}

// String returns "Kind namespace/name", or "Kind name" where there is no namespace.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Problem says in data what is wrong with one thing. Package status turns it into a sentence.
type Problem struct {
	Code    Code
	Where   string     // the field, from the object that the verdict is on: "rules[1].backendRefs[0]"
	Object  Object     // the object that is referred to or that is in the way, where there is one
	Value   string     // the value that is at fault
	Detail  string     // more of it: what would be allowed, the error of a parser
	Feature ir.Feature // for CodeFeatureImpossible, CodeFeatureRefused and CodeFeatureApproximate
}

func (p Problem) compare(o Problem) int {
	return cmp.Or(
		CompareFields(p.Where, o.Where),
		cmp.Compare(p.Code, o.Code),
		cmp.Compare(p.Object.Kind, o.Object.Kind),
		cmp.Compare(p.Object.Namespace, o.Object.Namespace),
		cmp.Compare(p.Object.Name, o.Object.Name),
		cmp.Compare(p.Value, o.Value),
		cmp.Compare(p.Detail, o.Detail),
		cmp.Compare(p.Feature, o.Feature),
	)
}

// CompareFields orders the fields of an object as its indexes go: "rules[2]" comes before "rules[10]".
func CompareFields(a, b string) int {
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			x, restA := leadingDigits(a)
			y, restB := leadingDigits(b)
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func leadingDigits(s string) (digits, rest string) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	return s[:end], s[end:]
}

func ok[R ~string](reason R) Verdict { return Verdict{OK: true, Reason: string(reason)} }

func bad[R ~string](reason R, problems ...Problem) Verdict {
	return Verdict{Reason: string(reason), Problems: sortedProblems(problems)}
}

func sortedProblems(problems []Problem) []Problem {
	if len(problems) < 2 {
		return problems
	}
	sorted := slices.Clone(problems)
	slices.SortFunc(sorted, Problem.compare)
	return slices.Compact(sorted)
}
