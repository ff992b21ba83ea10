package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Of returns the statuses that the objects of s are to have, where r is the Report that translate made of s and o what became of it
// in the cloud. now is the time of every transition.
func Of(s *translate.Snapshot, r *translate.Report, o Outcome, now metav1.Time) Result {
	return Result{Gateway: *s.Gateway.Status.DeepCopy()}
}

// Class returns the status that a GatewayClass of ours is to have. f is what its cloud can express.
func Class(c *gwv1.GatewayClass, v ClassVerdict, f ir.Features, now metav1.Time) gwv1.GatewayClassStatus {
	return *c.Status.DeepCopy()
}
