package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Adoption is what a Gateway would take over.
type Adoption struct {
	cloud.AdoptionPlan
	Agreed bool `json:"agreed"` // to this plan
	// Refused says why it cannot be; then nothing happens for the Gateway, unless it Serves: what it asks for else is planned as ever.
	Refused string `json:"refused,omitempty"`
	Serves  bool   `json:"serves,omitempty"`
}

// adopts returns what a Gateway has yet to take over, and the plan that was agreed to.
func (s Scene) adopts(snapshot *translate.Snapshot) (names []string, agreed string) {
	names, agreed = translate.Adoption(snapshot.Gateway)
	done := s.LoadBalancers[client.ObjectKeyFromObject(snapshot.Gateway)].Adopted
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(done, name) }), agreed
}

// adoption plans what a Gateway would take over. It is nil where all is the Gateway's already.
func (s Scene) adoption(ctx context.Context, p cloud.Provider, owner ir.Owner, want, got graph.Graph, snapshot *translate.Snapshot) (*Adoption, error) {
	names, agreed := s.adopts(snapshot)
	refused := func(text string) (*Adoption, error) {
		return &Adoption{AdoptionPlan: cloud.AdoptionPlan{Names: names}, Refused: text}, nil
	}
	if len(names) == 0 {
		return nil, nil
	}
	adopter, can := p.(cloud.Adopter)
	switch {
	case s.LoadBalancers == nil: // before what the provider can: without a cloud none can
		return refused("what is there is not known without a cluster and its cloud: plan without -f")
	case !translate.MayAdopt(snapshot.Class): // before anything is read
		return refused(fmt.Sprintf("its class does not let Gateways adopt load balancers: it lacks the annotation %s: %s",
			translate.AllowAdoptionAnnotation, translate.AllowAdoption))
	case !can:
		return refused("the provider cannot adopt load balancers")
	}
	foreign, err := adopter.Foreign(ctx, owner, want, names)
	if err == nil && len(foreign.Unmarked) == 0 {
		return nil, nil
	}
	var plan cloud.AdoptionPlan
	if err == nil {
		plan, err = cloud.PlanAdoption(p, want, got, names, foreign)
	}
	var known *cloud.Error
	if errors.As(err, &known) && known.Kind == cloud.Invalid {
		return refused(known.Err.Error())
	}
	if err != nil {
		return nil, fmt.Errorf("read what is to be adopted: %w", err)
	}
	return &Adoption{AdoptionPlan: plan, Agreed: plan.Digest == agreed}, nil
}

// headline says how far the adoption is.
func (a *Adoption) headline() string {
	what := strings.Join(a.Names, ", ")
	switch {
	case a.Serves:
		return fmt.Sprintf("%s cannot be adopted: %s", what, a.Refused)
	case a.Refused != "":
		return fmt.Sprintf("nothing is changed, because %s cannot be adopted: %s", what, a.Refused)
	case a.Agreed:
		return fmt.Sprintf("the adoption of %s was agreed to: %s", what, a.Summary())
	default:
		return fmt.Sprintf("nothing is changed before somebody agrees to the adoption of %s: %s", what, a.Summary())
	}
}

// writeAround writes what the steps do not tell: before them what gets the mark, after them what stays, and how to agree.
func (a *Adoption) writeAround(b *strings.Builder, gateway, steps string) {
	for _, mark := range a.Marks {
		fmt.Fprintf(b, "  = %s\n", mark)
	}
	b.WriteString(steps)
	for _, note := range a.Notes {
		fmt.Fprintf(b, "  * %s\n", note)
	}
	if a.Refused != "" || a.Agreed {
		return
	}
	namespace, name, _ := strings.Cut(gateway, "/")
	fmt.Fprintf(b, "To agree: kubectl annotate --overwrite gateway -n %s %s %s=%s\n", namespace, name, translate.AdoptPlanAnnotation, a.Digest)
}
