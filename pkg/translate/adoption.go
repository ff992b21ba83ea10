package translate

import (
	"slices"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Annotations on a Gateway by which it takes over load balancers that somebody else made.
const (
	// AdoptAnnotation names them as their cloud does, with commas between.
	AdoptAnnotation = "cloudgate.dev/adopt-load-balancer"
	// AdoptPlanAnnotation agrees to a plan of the adoption, by its digest.
	AdoptPlanAnnotation = "cloudgate.dev/adopt-plan"
)

// AllowAdoptionAnnotation on a GatewayClass, with the value AllowAdoption, lets its Gateways take over load balancers. It is done with the rights
// of the controller, and whoever writes a Gateway could name any load balancer of the account.
const (
	AllowAdoptionAnnotation = "cloudgate.dev/adopt-load-balancers"
	AllowAdoption           = "allow"
)

// MayAdopt tells whether Gateways of a class may take over load balancers.
func MayAdopt(class *gwv1.GatewayClass) bool {
	return class != nil && class.Annotations[AllowAdoptionAnnotation] == AllowAdoption
}

// Adoption returns what a Gateway is to take over, sorted, each once, and the digest of the plan that was agreed to.
func Adoption(gw *gwv1.Gateway) (names []string, agreed string) {
	for _, name := range strings.Split(gw.Annotations[AdoptAnnotation], ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), strings.TrimSpace(gw.Annotations[AdoptPlanAnnotation])
}
