package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/tree"
)

// GatewayPlan is what would happen in the cloud for one Gateway, and what would not because something is wrong.
type GatewayPlan struct {
	Gateway  string         `json:"gateway"`
	Class    string         `json:"class"`
	Provider string         `json:"provider"`
	Frozen   bool           `json:"frozen,omitempty"` // the Gateway is refused as a whole: what the cloud has stays
	Adoption *Adoption      `json:"adoption,omitempty"`
	Plan     plan.Plan      `json:"plan"`
	Problems []tree.Problem `json:"problems,omitempty"`
}

// Plans is what would happen for several Gateways.
type Plans []GatewayPlan

// Got returns what the cloud of a provider has of a Gateway.
type Got func(ctx context.Context, p cloud.Provider, s *translate.Snapshot) (graph.Graph, error)

// Nothing is the Got of a cloud that has nothing yet.
func Nothing(context.Context, cloud.Provider, *translate.Snapshot) (graph.Graph, error) {
	return nil, nil
}

// Observed asks the cloud.
func Observed(ctx context.Context, p cloud.Provider, s *translate.Snapshot) (graph.Graph, error) {
	owner := cloud.Scope{Cluster: s.Cluster, UID: string(s.Gateway.UID)}
	all, err := p.Observe(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("ask the cloud of provider %s: %w", p.Name(), err)
	}
	for _, g := range all {
		return g, nil // the scope is one owner
	}
	return nil, nil
}

// Plan says what would happen for each Gateway of a Scene.
func Plan(ctx context.Context, scene Scene, providers Providers, got Got) (Plans, error) {
	plans := Plans{}
	for _, s := range scene.Snapshots {
		provider, ok := providers.of(s.ControllerName)
		if !ok {
			return nil, fmt.Errorf("no provider for %s", s.ControllerName)
		}
		p, err := planOne(ctx, scene, s, provider, got)
		if err != nil {
			return nil, fmt.Errorf("plan Gateway %s/%s: %w", s.Gateway.Namespace, s.Gateway.Name, err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func planOne(ctx context.Context, scene Scene, s *translate.Snapshot, provider cloud.Provider, got Got) (GatewayPlan, error) {
	out := GatewayPlan{
		Gateway: s.Gateway.Namespace + "/" + s.Gateway.Name, Class: string(s.Gateway.Spec.GatewayClassName), Provider: provider.Name(),
	}
	there, err := got(ctx, provider, s)
	if err != nil {
		return out, err
	}
	want := graph.Graph{}
	if s.Gateway.DeletionTimestamp == nil {
		wanted, report := translate.Translate(s)
		outcome := status.Outcome{Applied: true}
		var compiled cloud.Compiled
		if out.Frozen = report.Frozen(); !out.Frozen {
			if compiled, err = provider.Compile(wanted); err != nil {
				return out, err
			}
			outcome.Failures, outcome.Differences = status.Refusals(wanted, compiled), status.Differences(wanted, compiled)
		}
		out.Problems = tree.Problems(s, report, status.Of(s, report, outcome, metav1.Time{}))
		if out.Frozen {
			return out, nil
		}
		want = compiled.Graph
		if out.Adoption, err = scene.adoption(ctx, provider, wanted.Owner, want, there, s); err != nil {
			return out, err
		}
		if out.Adoption != nil {
			out.Adoption.Serves = out.Adoption.Refused != "" && cloud.Serves(want, there)
		}
		if out.Adoption != nil && !out.Adoption.Serves {
			out.Plan = out.Adoption.Plan
			return out, nil
		}
	}
	out.Plan, err = cloud.Diff(provider, want, there)
	return out, err
}

// Empty tells whether nothing would happen.
func (p Plans) Empty() bool {
	for _, g := range p {
		if !g.Plan.Empty() || g.Adoption != nil && len(g.Adoption.Marks) > 0 {
			return false
		}
	}
	return true
}

// Write writes plans as "text", "json" or "yaml".
func (p Plans) Write(w io.Writer, format string, colour bool) error {
	switch format {
	case "json":
		return writeJSON(w, map[string]Plans{"gateways": p})
	case "yaml":
		raw, err := yaml.Marshal(map[string]Plans{"gateways": p})
		if err != nil {
			return err
		}
		_, err = w.Write(raw)
		return err
	default:
		return p.writeText(w, colour)
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (p Plans) writeText(w io.Writer, colour bool) error {
	if len(p) == 0 {
		_, err := fmt.Fprintln(w, "There is no Gateway of a class that Cloudgate serves.")
		return err
	}
	for i, g := range p {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := g.writeText(w, colour); err != nil {
			return err
		}
	}
	return nil
}

func (g GatewayPlan) writeText(w io.Writer, colour bool) error {
	var steps strings.Builder
	if err := g.Plan.WriteText(&steps, colour); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Gateway %s on %s: ", g.Gateway, g.Provider)
	switch {
	case g.Frozen:
		b.WriteString("it is not accepted, so nothing is created, changed or deleted for it\n")
	case g.Adoption != nil:
		b.WriteString(g.Adoption.headline())
		if g.Adoption.Serves {
			fmt.Fprintf(&b, "; it serves without: %s", g.Plan.Counts())
		}
		b.WriteString("\n")
	default:
		fmt.Fprintf(&b, "%s\n", g.Plan.Counts())
	}
	var lines strings.Builder
	for line := range strings.Lines(steps.String()) {
		lines.WriteString("  " + line)
	}
	if g.Adoption != nil {
		g.Adoption.writeAround(&b, g.Gateway, lines.String())
	} else {
		b.WriteString(lines.String())
	}
	if len(g.Problems) > 0 {
		b.WriteString("Problems:\n")
	}
	for _, problem := range g.Problems {
		fmt.Fprintf(&b, "  ! %s: %s\n", problem.Object, problem.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
