package fake

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// Health implements cloud.HealthReader, with one call for each pool. The result is by pool, then address. A pool that is gone
// meanwhile has no targets.
func (p *Provider) Health(ctx context.Context, got graph.Graph) ([]cloud.TargetHealth, error) {
	var out []cloud.TargetHealth
	for _, n := range got.Sorted() {
		if n.ID.Kind != KindPool || n.External == "" {
			continue
		}
		path := collection{path: "/v1/pools"}.one(n.External) + "/members"
		members, err := list[memberHealth](ctx, p.client, "ListMembers", path, url.Values{})
		if cloud.KindOf(err) == cloud.NotFound {
			continue
		}
		if err != nil {
			return nil, on(n.ID, err)
		}
		slices.SortFunc(members, func(a, b memberHealth) int { return compareMembers(a.Member, b.Member) })
		for _, m := range members {
			out = append(out, cloud.TargetHealth{
				Pool:    n.ID.Name,
				Address: m.String(),
				Healthy: m.Health == "healthy",
				State:   cmp.Or(m.Health, "initial"),
				Reason:  cleanMessage(m.Reason),
			})
		}
	}
	return out, nil
}
