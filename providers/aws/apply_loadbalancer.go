package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

func (a *applier) createLoadBalancer(ctx context.Context, want graph.Node, spec *LoadBalancer) (graph.Node, error) {
	const op = "CreateLoadBalancer"
	name := cloudName(a.owner, want.ID)
	groups, err := a.groupIDs(op, spec.SecurityGroups)
	if err != nil {
		return graph.Node{}, err
	}
	if err := a.notAdopted(ctx, op, want.ID); err != nil {
		return graph.Node{}, err
	}
	vpc, err := a.vpcID(ctx)
	if err != nil {
		return graph.Node{}, err
	}
	subnets, err := a.findSubnets(ctx, spec.placement(vpc, a.owner.Cluster))
	if err != nil {
		return graph.Node{}, err
	}
	out, err := call(ctx, a.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{
		Name: aws.String(name), Type: elbtypes.LoadBalancerTypeEnum(spec.Type), Scheme: elbtypes.LoadBalancerSchemeEnum(spec.Scheme),
		IpAddressType: elbtypes.IpAddressType(spec.IPAddressType), Subnets: subnets, SecurityGroups: groups, Tags: elbTags(spec.Tags),
	})
	if hasCode(err, codeDuplicateLoadBalancer) {
		return a.adoptLoadBalancer(ctx, op, want, name)
	}
	if err != nil {
		return graph.Node{}, err
	}
	if len(out.LoadBalancers) != 1 || aws.ToString(out.LoadBalancers[0].LoadBalancerArn) == "" {
		return graph.Node{}, badAnswer(op)
	}
	lb := out.LoadBalancers[0]
	arn := aws.ToString(lb.LoadBalancerArn)
	if lb.State == nil || lb.State.Code != elbtypes.LoadBalancerStateEnumProvisioning {
		// It is not new: AWS answers so where one with the same settings is there.
		if err := a.checkOwner(ctx, op, name, arn); err != nil {
			return graph.Node{}, err
		}
	}
	if err := a.setLoadBalancerAttributes(ctx, arn, spec.Attributes); err != nil {
		return graph.Node{}, unfinished(err)
	}
	slices.Sort(subnets)
	return withState(made(want, arn, spec.made(subnets)), lb), nil
}

func (w *LoadBalancer) placement(vpc, cluster string) placement {
	return placement{
		vpc: vpc, cluster: cluster, internal: w.Scheme == string(elbtypes.LoadBalancerSchemeEnumInternal), application: w.Type == TypeApplication,
		dualStack: w.IPAddressType == string(elbtypes.IpAddressTypeDualstack), ids: w.Subnets.IDs, tags: w.Subnets.Tags,
	}
}

// made is the spec of a load balancer that was made so.
func (w *LoadBalancer) made(subnets []string) *LoadBalancer {
	c := *w
	c.Marked = observedMark(w.Tags)
	c.Subnets = Subnets{IDs: subnets}
	return &c
}

func (a *applier) groupIDs(op string, groups []string) ([]string, error) {
	ids := make([]string, 0, len(groups))
	for _, name := range groups {
		id, err := a.resolve(op, KindSecurityGroup, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// adoptLoadBalancer looks at the load balancer that has our name and other settings.
func (a *applier) adoptLoadBalancer(ctx context.Context, op string, want graph.Node, name string) (graph.Node, error) {
	out, err := call(ctx, a.elb.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Names: []string{name}})
	if err != nil {
		return graph.Node{}, err
	}
	if len(out.LoadBalancers) != 1 {
		return graph.Node{}, badAnswer("DescribeLoadBalancers")
	}
	arn := aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
	tags, err := a.tagsOf(ctx, []string{arn})
	if err != nil {
		return graph.Node{}, err
	}
	known := a.known()
	known.add(KindLoadBalancer, arn, name, tags[arn])
	n, err := a.readLoadBalancerAlone(ctx, known, tagged[elbtypes.LoadBalancer]{arn: arn, tags: tags[arn], has: out.LoadBalancers[0]})
	if err != nil {
		return graph.Node{}, err
	}
	return a.adopt(op, "the name "+name, want, n)
}

func (a *applier) setLoadBalancerAttributes(ctx context.Context, arn string, attributes map[string]string) error {
	if len(attributes) == 0 {
		return nil
	}
	in := &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: aws.String(arn)}
	for _, key := range sortedKeys(attributes) {
		in.Attributes = append(in.Attributes, elbtypes.LoadBalancerAttribute{Key: aws.String(key), Value: aws.String(attributes[key])})
	}
	_, err := call(ctx, a.elb.ModifyLoadBalancerAttributes, in)
	return err
}

// attributeChanges returns the attributes that are wanted and are not so.
func attributeChanges(want, got map[string]string) map[string]string {
	changes := make(map[string]string)
	for key, value := range want {
		if had, has := got[key]; !has || had != value {
			changes[key] = value
		}
	}
	return changes
}

func (a *applier) updateLoadBalancer(ctx context.Context, want graph.Node, spec *LoadBalancer, got graph.Node) (graph.Node, error) {
	const op = "ModifyLoadBalancer"
	have, err := gotSpec[LoadBalancer](op, got)
	if err != nil {
		return graph.Node{}, err
	}
	arn := aws.String(got.External)
	subnets := have.Subnets.IDs
	if ids := sortedBy(spec.Subnets.IDs, strings.Compare); len(ids) > 0 && !slices.Equal(ids, subnets) {
		if _, err := call(ctx, a.elb.SetSubnets, &elb.SetSubnetsInput{LoadBalancerArn: arn, Subnets: ids}); err != nil {
			return graph.Node{}, err
		}
		subnets = ids
	}
	if spec.IPAddressType != have.IPAddressType {
		in := &elb.SetIpAddressTypeInput{LoadBalancerArn: arn, IpAddressType: elbtypes.IpAddressType(spec.IPAddressType)}
		if _, err := call(ctx, a.elb.SetIpAddressType, in); err != nil {
			return graph.Node{}, err
		}
	}
	if !slices.Equal(sortedBy(spec.SecurityGroups, strings.Compare), sortedBy(have.SecurityGroups, strings.Compare)) {
		groups, err := a.groupIDs(op, spec.SecurityGroups)
		if err != nil {
			return graph.Node{}, err
		}
		if _, err := call(ctx, a.elb.SetSecurityGroups, &elb.SetSecurityGroupsInput{LoadBalancerArn: arn, SecurityGroups: groups}); err != nil {
			return graph.Node{}, err
		}
	}
	if err := a.setLoadBalancerAttributes(ctx, got.External, attributeChanges(spec.Attributes, have.Attributes)); err != nil {
		return graph.Node{}, err
	}
	if err := a.retag(ctx, got.External, spec.Tags, have.Tags); err != nil {
		return graph.Node{}, err
	}
	n := made(want, got.External, spec.made(subnets))
	n.Addresses, n.Pending = got.Addresses, got.Pending
	return n, nil
}

// deleteLoadBalancer deletes a load balancer with all that is within it. Its protection is the user's: it is told, and never turned off.
func (a *applier) deleteLoadBalancer(ctx context.Context, got graph.Node) error {
	const op = "DeleteLoadBalancer"
	_, err := call(ctx, a.elb.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(got.External)})
	return deletionProtected(op, err)
}
