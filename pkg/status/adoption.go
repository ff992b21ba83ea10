package status

import (
	"fmt"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// ReasonAdoptionPlanned is used with Programmed while a Gateway is to take over load balancers that somebody else made, and nobody has agreed
// to the plan of it that holds now.
const ReasonAdoptionPlanned gwv1.GatewayConditionReason = "AdoptionPlanned"

// How much of a plan a status tells. `cloudgate plan` prints all.
const (
	mostAdopted   = 2 // names
	mostPlanLines = 8
	mostNotes     = 6
)

// AdoptionMessage says what adoption would do, the most dangerous first, and how to agree to it. agreed is the plan that was agreed to.
func AdoptionMessage(gw *gwv1.Gateway, a *cloud.AdoptionPlan, agreed string) string {
	var b strings.Builder
	if agreed != "" {
		fmt.Fprintf(&b, "The plan %s does not hold any more, or never did. ", shorten(agreed, maxDetail))
	}
	fmt.Fprintf(&b, "Nothing is changed yet. To adopt %s takes: %s.", some(a.Names, mostAdopted, ", "), a.Summary())
	// Before what may be so long that it is cut off.
	fmt.Fprintf(&b, " `cloudgate plan --gateway %s/%s` prints all of it. To agree, annotate the Gateway with %s: %s.",
		gw.Namespace, gw.Name, translate.AdoptPlanAnnotation, a.Digest)
	if lines := a.Lines(); len(lines) > 0 {
		fmt.Fprintf(&b, " It begins with the worst: %s.", some(lines, mostPlanLines, "; "))
	}
	if len(a.Notes) > 0 {
		fmt.Fprintf(&b, " Besides: %s.", some(a.Notes, mostNotes, "; "))
	}
	return b.String()
}

// NotAdoptedMessage says why a Gateway that serves has not adopted what it names.
func NotAdoptedMessage(err *cloud.Error) string {
	return fmt.Sprintf("What the annotation %s names is not adopted (%s).", translate.AdoptAnnotation, failureText(err))
}

// some lists the first few, and counts the others.
func some(list []string, most int, between string) string {
	var parts []string
	for i, s := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		parts = append(parts, shorten(s, maxDetail))
	}
	return strings.Join(parts, between)
}
