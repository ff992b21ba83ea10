package aws

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// Health implements cloud.HealthReader, with one call for each target group. The result is by pool, then address. A target group that is
// gone meanwhile has no targets.
func (p *Provider) Health(ctx context.Context, got graph.Graph) ([]cloud.TargetHealth, error) {
	var groups []graph.Node
	for _, n := range got.Sorted() {
		if n.ID.Kind == KindTargetGroup && n.External != "" {
			groups = append(groups, n)
		}
	}
	answers := make([][]cloud.TargetHealth, len(groups))
	err := each(ctx, len(groups), func(ctx context.Context, i int) error {
		out, err := call(ctx, p.elb.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(groups[i].External)})
		if isGone(err) {
			return nil
		}
		if err != nil {
			return on(groups[i].ID, err)
		}
		answers[i] = readHealth(poolOf(groups[i].ID), out.TargetHealthDescriptions)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := slices.Concat(answers...)
	slices.SortStableFunc(all, func(a, b cloud.TargetHealth) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Address, b.Address))
	})
	return all, nil
}

func readHealth(pool string, targets []elbtypes.TargetHealthDescription) []cloud.TargetHealth {
	var list []cloud.TargetHealth
	for _, t := range targets {
		if t.Target == nil || t.TargetHealth == nil {
			continue
		}
		list = append(list, cloud.TargetHealth{
			Pool:    pool,
			Address: net.JoinHostPort(aws.ToString(t.Target.Id), strconv.Itoa(int(aws.ToInt32(t.Target.Port)))),
			Healthy: t.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy,
			State:   string(t.TargetHealth.State),
			Reason:  reasonOf(t.TargetHealth),
		})
	}
	return list
}

// reasonOf is why a target is not healthy: in AWS's words, or where it has none the code.
func reasonOf(h *elbtypes.TargetHealth) string {
	return cmp.Or(cleanMessage(aws.ToString(h.Description)), cleanMessage(string(h.Reason)))
}
