package inspect

import (
	"context"
	"fmt"
	"io"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/tree"
)

// Trees draws every Gateway of a Scene as it is. Health returns how the targets of a Gateway are, and nil where nobody can tell.
func Trees(ctx context.Context, scene Scene, health func(context.Context, *translate.Snapshot) ([]cloud.TargetHealth, error)) ([]tree.Item, error) {
	var out []tree.Item
	for _, s := range scene.Snapshots {
		targets, err := health(ctx, s)
		if err != nil {
			return nil, err
		}
		want, report := translate.Translate(s)
		in := tree.Input{Snapshot: s, Want: scene.providers.served(s, want), Report: report, Statuses: tree.Statuses(s), Health: targets}
		if lb, ok := scene.LoadBalancers[client.ObjectKeyFromObject(s.Gateway)]; ok {
			in.LoadBalancer = &lb
		}
		out = append(out, tree.Build(in))
	}
	return out, nil
}

// served returns a load balancer without the rules that its cloud cannot have. Why it cannot stands in the statuses.
func (p Providers) served(s *translate.Snapshot, want *ir.LoadBalancer) *ir.LoadBalancer {
	provider, ok := p.of(s.ControllerName)
	if !ok {
		return want
	}
	compiled, err := provider.Compile(want)
	if err != nil {
		return want // the statuses say that too
	}
	refused := make(map[ir.Source]bool)
	for _, f := range status.Refusals(want, compiled) {
		refused[f.Source] = true
	}
	if len(refused) == 0 {
		return want
	}
	out := *want
	out.Listeners = slices.Clone(want.Listeners)
	for i := range out.Listeners {
		l := &out.Listeners[i]
		l.Servers = slices.Clone(l.Servers)
		for j := range l.Servers {
			l.Servers[j].Rules = slices.DeleteFunc(slices.Clone(l.Servers[j].Rules), func(r ir.Rule) bool { return refused[r.Source] })
		}
	}
	return &out
}

// Health asks the provider of a Gateway how its targets are.
func (p Providers) Health(ctx context.Context, s *translate.Snapshot) ([]cloud.TargetHealth, error) {
	provider, ok := p.of(s.ControllerName)
	if !ok {
		return nil, nil
	}
	reader, ok := provider.(cloud.HealthReader)
	if !ok {
		return nil, nil
	}
	got, err := Observed(ctx, provider, s)
	if err != nil {
		return nil, err
	}
	targets, err := reader.Health(ctx, got)
	if err != nil {
		return nil, fmt.Errorf("ask the cloud of provider %s: %w", provider.Name(), err)
	}
	if targets == nil {
		targets = []cloud.TargetHealth{} // it was told: there is none
	}
	return targets, nil
}

// WriteTrees writes trees as "text" or "json".
func WriteTrees(w io.Writer, trees []tree.Item, format string, colour bool) error {
	if format == "json" {
		return writeJSON(w, map[string][]tree.Item{"gateways": trees})
	}
	if len(trees) == 0 {
		_, err := fmt.Fprintln(w, "There is no Gateway of a class that Cloudgate serves.")
		return err
	}
	for _, t := range trees {
		if err := t.WriteText(w, colour); err != nil {
			return err
		}
	}
	return nil
}
