package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"golang.org/x/sync/errgroup"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// What bounds calls of the API.
const (
	pageSize      = 400 // the most that elbv2 lists at once
	tagsAtOnce    = 20  // resources in one DescribeTags
	targetsAtOnce = 200 // targets in one RegisterTargets or DeregisterTargets
	readsAtOnce   = 8   // reads under way at the same time; the meter decides how many a second
	tagPageSize   = 100 // the most that the tagging API lists at once
	rulesPageSize = 400
)

// tagged is a resource of AWS with its tags.
type tagged[T any] struct {
	arn  string // or id
	tags map[string]string
	has  T
}

// inventory is what bears the mark of the owners in a scope, but for what is within load balancers.
type inventory struct {
	loadBalancers []tagged[elbtypes.LoadBalancer]
	targetGroups  []tagged[elbtypes.TargetGroup]
	groups        []tagged[ec2types.SecurityGroup]
	permissions   []tagged[ec2types.SecurityGroupRule]
	certificates  []tagged[string]
	trustStores   []tagged[elbtypes.TrustStore]
}

// list reads an inventory, by pages whatever the number of owners.
func (p *Provider) list(ctx context.Context, scope cloud.Scope) (*inventory, error) {
	var inv inventory
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { inv.loadBalancers, err = p.listLoadBalancers(ctx, scope); return })
	g.Go(func() (err error) { inv.targetGroups, err = p.listTargetGroups(ctx, scope); return })
	g.Go(func() (err error) { inv.groups, err = p.listGroups(ctx, scope); return })
	g.Go(func() (err error) { inv.permissions, err = p.listPermissions(ctx, scope); return })
	g.Go(func() (err error) { inv.certificates, err = p.listCertificates(ctx, scope); return })
	g.Go(func() (err error) { inv.trustStores, err = p.listTrustStores(ctx, scope); return })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &inv, nil
}

// inScope tells whether tags are the mark of an owner in the scope. AWS filters too, but what a filter lets through by mistake would be
// deleted.
func inScope(scope cloud.Scope, tags map[string]string) bool {
	owner := ownerOf(tags)
	return owner.Cluster == scope.Cluster && owner.UID != "" && (scope.UID == "" || owner.UID == scope.UID)
}

// scopePrefix begins the names of what is in a scope.
func scopePrefix(scope cloud.Scope) string {
	if scope.UID == "" {
		return clusterPrefix(scope.Cluster)
	}
	return ownerPrefix(ownerKey(scope))
}

func (p *Provider) listLoadBalancers(ctx context.Context, scope cloud.Scope) ([]tagged[elbtypes.LoadBalancer], error) {
	all, err := p.allLoadBalancers(ctx)
	if err != nil {
		return nil, err
	}
	if all, err = p.candidates(ctx, scope, all); err != nil {
		return nil, err
	}
	return marked(ctx, p, scope, all, func(lb elbtypes.LoadBalancer) string { return aws.ToString(lb.LoadBalancerArn) })
}

func (p *Provider) listTargetGroups(ctx context.Context, scope cloud.Scope) ([]tagged[elbtypes.TargetGroup], error) {
	all, err := collect(ctx, elb.NewDescribeTargetGroupsPaginator(p.elb, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(pageSize)}),
		func(o *elb.DescribeTargetGroupsOutput) []elbtypes.TargetGroup { return o.TargetGroups })
	if err != nil {
		return nil, err
	}
	prefix := scopePrefix(scope)
	all = slices.DeleteFunc(all, func(g elbtypes.TargetGroup) bool { return !strings.HasPrefix(aws.ToString(g.TargetGroupName), prefix) })
	return marked(ctx, p, scope, all, func(g elbtypes.TargetGroup) string { return aws.ToString(g.TargetGroupArn) })
}

// marked returns those of all that bear the mark, with their tags.
func marked[T any](ctx context.Context, p *Provider, scope cloud.Scope, all []T, arn func(T) string) ([]tagged[T], error) {
	arns := make([]string, 0, len(all))
	for _, v := range all {
		arns = append(arns, arn(v))
	}
	tags, err := p.tagsOf(ctx, arns)
	if err != nil {
		return nil, err
	}
	var ours []tagged[T]
	for _, v := range all {
		if t := tags[arn(v)]; inScope(scope, t) {
			ours = append(ours, tagged[T]{arn: arn(v), tags: t, has: v})
		}
	}
	return ours, nil
}

// tagsOf returns the tags of resources of elbv2 by their ARN. One that is gone has none.
func (p *Provider) tagsOf(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	chunks := slices.Collect(slices.Chunk(arns, tagsAtOnce))
	answers := make([]map[string]map[string]string, len(chunks))
	err := each(ctx, len(chunks), func(ctx context.Context, i int) (err error) {
		answers[i], err = p.tagsOfChunk(ctx, chunks[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]map[string]string, len(arns))
	for _, answer := range answers {
		for arn, tags := range answer {
			all[arn] = tags
		}
	}
	return all, nil
}

// tagsOfChunk asks once for all, and where one is gone meanwhile, which AWS answers by refusing the whole, for each by itself.
func (p *Provider) tagsOfChunk(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	out, err := call(ctx, p.elb.DescribeTags, &elb.DescribeTagsInput{ResourceArns: arns})
	if err != nil {
		if !isGone(err) {
			return nil, err
		}
		all := make(map[string]map[string]string)
		if len(arns) == 1 {
			return all, nil
		}
		for _, arn := range arns {
			one, err := p.tagsOfChunk(ctx, []string{arn})
			if err != nil {
				return nil, err
			}
			for arn, tags := range one {
				all[arn] = tags
			}
		}
		return all, nil
	}
	all := make(map[string]map[string]string, len(out.TagDescriptions))
	for _, d := range out.TagDescriptions {
		tags := make(map[string]string, len(d.Tags))
		for _, t := range d.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		all[aws.ToString(d.ResourceArn)] = tags
	}
	return all, nil
}

// each calls f for 0 to n-1, several at once, and returns the first error.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for i := range n {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}

func markFilters(scope cloud.Scope) []ec2types.Filter {
	filters := []ec2types.Filter{filter("tag:"+tagCluster, scope.Cluster)}
	if scope.UID != "" {
		filters = append(filters, filter("tag:"+tagOwner, scope.UID))
	}
	return filters
}

func tagMap(tags []ec2types.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

func (p *Provider) listGroups(ctx context.Context, scope cloud.Scope) ([]tagged[ec2types.SecurityGroup], error) {
	all, err := p.securityGroups(ctx, markFilters(scope)...)
	if err != nil {
		return nil, err
	}
	var ours []tagged[ec2types.SecurityGroup]
	for _, g := range all {
		if tags := tagMap(g.Tags); inScope(scope, tags) {
			ours = append(ours, tagged[ec2types.SecurityGroup]{arn: aws.ToString(g.GroupId), tags: tags, has: g})
		}
	}
	return ours, nil
}

// listPermissions lists what lets load balancers in at others' security groups.
func (p *Provider) listPermissions(ctx context.Context, scope cloud.Scope) ([]tagged[ec2types.SecurityGroupRule], error) {
	all, err := collect(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(p.ec2, &ec2.DescribeSecurityGroupRulesInput{Filters: markFilters(scope)}),
		func(o *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
			return o.SecurityGroupRules
		})
	if err != nil {
		return nil, err
	}
	var ours []tagged[ec2types.SecurityGroupRule]
	for _, r := range all {
		if tags := tagMap(r.Tags); inScope(scope, tags) && !aws.ToBool(r.IsEgress) {
			ours = append(ours, tagged[ec2types.SecurityGroupRule]{arn: aws.ToString(r.SecurityGroupRuleId), tags: tags, has: r})
		}
	}
	return ours, nil
}

// listCertificates asks the tagging API, because ACM tells the tags of one certificate at a time.
func (p *Provider) listCertificates(ctx context.Context, scope cloud.Scope) ([]tagged[string], error) {
	all, err := collect(ctx, tagging.NewGetResourcesPaginator(p.tagging, &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"acm:certificate"}, TagFilters: scopeFilters(scope), ResourcesPerPage: aws.Int32(tagPageSize),
	}), func(o *tagging.GetResourcesOutput) []taggingtypes.ResourceTagMapping { return o.ResourceTagMappingList })
	if err != nil {
		return nil, err
	}
	var ours []tagged[string]
	for _, r := range all {
		tags := make(map[string]string, len(r.Tags))
		for _, t := range r.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if arn := aws.ToString(r.ResourceARN); inScope(scope, tags) {
			ours = append(ours, tagged[string]{arn: arn, tags: tags, has: arn})
		}
	}
	return ours, nil
}
