package status

import (
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Outcome is what converge learnt from the cloud.
type Outcome struct {
	// Applied: the plan was carried out to its end, nothing failed and nothing is pending. Where it is false and neither Pending
	// nor Failures say why, the cloud was not asked yet.
	Applied   bool
	Pending   []string  // what the cloud is still doing, in words for a user, in any order
	Failures  []Failure // what the cloud refused or could not do
	Addresses []string  // IPs and host names at which the load balancers answer, in any order
	// Differences are the parts that the cloud has, and that do not do exactly what they should, in any order.
	Differences []cloud.Difference
	// Drift is what somebody else had changed in the cloud, one line for each resource, and what is being repaired.
	Drift []string
	// Adoption is what taking over load balancers of somebody else would do, while that is asked for and not agreed to; nil otherwise.
	// Agreed is the digest of the plan that was agreed to.
	Adoption *cloud.AdoptionPlan
	Agreed   string
	// NotAdopted says of a Gateway that serves why it does without what it was to adopt. It takes nothing from the Gateway.
	NotAdopted string
}

// Failure is one error and what it concerns.
type Failure struct {
	Err    *cloud.Error
	Source ir.Source // the listener, route or Service; zero where it is not known, and the whole Gateway is concerned
	// Refused tells that it was known before the cloud was asked, and that the part is left out. Whatever its kind, it costs that part alone.
	Refused bool
}

// Result is the whole status that every object of a Snapshot is to have. What other controllers wrote is in it, untouched. An
// object whose status need not change is in it as well, with an equal status.
type Result struct {
	Gateway      gwv1.GatewayStatus
	ListenerSets map[types.NamespacedName]gwv1.ListenerSetStatus
	HTTPRoutes   map[types.NamespacedName]gwv1.HTTPRouteStatus
	GRPCRoutes   map[types.NamespacedName]gwv1.GRPCRouteStatus
	TLSRoutes    map[types.NamespacedName]gwv1.TLSRouteStatus
	TCPRoutes    map[types.NamespacedName]gwv1.TCPRouteStatus
	UDPRoutes    map[types.NamespacedName]gwv1.UDPRouteStatus
	Policies     map[translate.Object]gwv1.PolicyStatus // of all kinds
}

// ClassVerdict is what the controller knows about a GatewayClass and the cluster, beyond the class itself.
type ClassVerdict struct {
	// Unsupported says why the controller cannot serve the class at all ("no provider aws in this build"); empty when it can.
	Unsupported string
	// Parameters says why the parameters of the class cannot be used, as translate.ClassParameters does; nil when they can.
	Parameters *translate.Problem
	// BundleVersion is the gateway.networking.k8s.io/bundle-version of the installed CRDs: "v1.6.3". Empty when unknown.
	BundleVersion string
	// Standard tells that the installed CRDs are of the standard channel, whose objects lack the experimental fields.
	Standard bool
	// Missing are the kinds of the Gateway API whose CRDs are not installed: "TCPRoute". Their features are not claimed.
	Missing []string
	// GatewayServices tells that each Gateway gets a Service, which has the labels and annotations of its infrastructure.
	GatewayServices bool
	// Reach is what the last audit of the class's cloud came to. Where there was none yet, what was said before stands.
	Reach Reach
}
