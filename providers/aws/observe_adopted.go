package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// An adopted load balancer keeps the name that somebody else gave it, so that it is not found by its name.

func (p *Provider) allLoadBalancers(ctx context.Context) ([]elbtypes.LoadBalancer, error) {
	return collect(ctx, elb.NewDescribeLoadBalancersPaginator(p.elb, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(pageSize)}),
		func(o *elb.DescribeLoadBalancersOutput) []elbtypes.LoadBalancer { return o.LoadBalancers })
}

// candidates returns of all load balancers those that can be in the scope: by their names, and the others by what the tagging API has of
// them, which is a call for 100 adopted ones. Nothing is asked where all bear names of the scope.
func (p *Provider) candidates(ctx context.Context, scope cloud.Scope, all []elbtypes.LoadBalancer) ([]elbtypes.LoadBalancer, error) {
	prefix := scopePrefix(scope)
	named := func(lb elbtypes.LoadBalancer) bool {
		return strings.HasPrefix(aws.ToString(lb.LoadBalancerName), prefix)
	}
	if !slices.ContainsFunc(all, func(lb elbtypes.LoadBalancer) bool { return !named(lb) }) {
		return all, nil
	}
	marked, err := collect(ctx, tagging.NewGetResourcesPaginator(p.tagging, &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer"}, TagFilters: scopeFilters(scope), ResourcesPerPage: aws.Int32(tagPageSize),
	}), func(o *tagging.GetResourcesOutput) []taggingtypes.ResourceTagMapping { return o.ResourceTagMappingList })
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(marked))
	for _, r := range marked {
		known[aws.ToString(r.ResourceARN)] = true
	}
	return slices.DeleteFunc(all, func(lb elbtypes.LoadBalancer) bool { return !named(lb) && !known[aws.ToString(lb.LoadBalancerArn)] }), nil
}

// scopeFilters are markFilters for the tagging API.
func scopeFilters(scope cloud.Scope) []taggingtypes.TagFilter {
	filters := []taggingtypes.TagFilter{{Key: aws.String(tagCluster), Values: []string{scope.Cluster}}}
	if scope.UID != "" {
		filters = append(filters, taggingtypes.TagFilter{Key: aws.String(tagOwner), Values: []string{scope.UID}})
	}
	return filters
}

// notAdopted holds, before a load balancer is made, that none was adopted in its place: the tagging API tells of tags some time after they
// were put, and two load balancers would be one too many, of which the wrong one could go. Here those are asked for their tags that nobody
// of us can have named.
func (a *applier) notAdopted(ctx context.Context, op string, want graph.ID) error {
	all, err := a.allLoadBalancers(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(lb elbtypes.LoadBalancer) bool {
		return strings.HasPrefix(aws.ToString(lb.LoadBalancerName), namePrefix)
	})
	if len(all) == 0 {
		return nil
	}
	arns := arnsOf(all, func(lb elbtypes.LoadBalancer) *string { return lb.LoadBalancerArn })
	tags, err := a.tagsOf(ctx, arns)
	if err != nil {
		return err
	}
	for _, arn := range arns {
		if t := tags[arn]; ownerOf(t) == a.owner && t[tagName] == want.Name {
			return conflict(op, "%s was adopted in its place", arn)
		}
	}
	return nil
}
