package aws

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// CreateTargetGroup implements the action of that name. It is idempotent for equal input.
func (r *Region) CreateTargetGroup(_ context.Context, in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	if err := checkName("Target group", in.Name); err != nil {
		return nil, err
	}
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	want, err := wantTargetGroup(in)
	if err != nil {
		return nil, err
	}
	out := &elb.CreateTargetGroupOutput{}
	return out, r.write(func(x *tx) error {
		if id := aws.ToString(want.VpcId); id != "" {
			if _, ok := r.vpcs.get(id); !ok {
				return invalidf("The VPC ID '%s' is not found", clip(id))
			}
		}
		if old, ok := r.targetGroups.first(func(g *TargetGroup) bool { return g.Name == *in.Name }); ok {
			same := old.Spec
			same.TargetGroupArn = nil
			if !reflect.DeepEqual(same, *want) || !maps.Equal(old.Tags, tags) {
				return faultf("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", *in.Name)
			}
			out.TargetGroups = []types.TargetGroup{r.outputTargetGroup(old)}
			return nil
		}
		if len(r.targetGroups.all()) >= r.quota("target-groups") {
			return faultf("TooManyTargetGroups", "The maximum number of target groups has been reached")
		}
		g := &TargetGroup{Meta: x.meta(r.elbARN("targetgroup/"+*in.Name+"/"+x.hex()), tags, 0), Name: *in.Name, Spec: *want}
		g.Spec.TargetGroupArn = aws.String(g.Key)
		g.Attributes = initials(targetGroupAttributes(&g.Spec))
		r.targetGroups.put(x, g)
		out.TargetGroups = []types.TargetGroup{r.outputTargetGroup(g)}
		return nil
	})
}

// wantTargetGroup reads what does not depend on the region, with all defaults.
func wantTargetGroup(in *elb.CreateTargetGroupInput) (*types.TargetGroup, error) {
	g := &types.TargetGroup{
		TargetGroupName: in.Name, TargetType: cmp.Or(in.TargetType, types.TargetTypeEnumInstance), Protocol: in.Protocol, Port: in.Port, VpcId: in.VpcId,
		TargetControlPort: in.TargetControlPort, IpAddressType: cmp.Or(in.IpAddressType, types.TargetGroupIpAddressTypeEnumIpv4),
	}
	if !slices.Contains(g.TargetType.Values(), g.TargetType) {
		return nil, invalidf("'%s' is not a valid target type", clip(string(g.TargetType)))
	}
	if !slices.Contains(g.IpAddressType.Values(), g.IpAddressType) {
		return nil, invalidf("'%s' is not a valid IP address type", clip(string(g.IpAddressType)))
	}
	if g.TargetType == types.TargetTypeEnumLambda {
		if in.Protocol != "" || in.Port != nil || in.VpcId != nil || in.ProtocolVersion != nil {
			return nil, invalidf("Protocol, port, protocol version and VPC cannot be specified for target groups with target type 'lambda'")
		}
	} else if err := checkTraffic(g, in.ProtocolVersion); err != nil {
		return nil, err
	}
	defaultHealthCheck(g)
	if err := changeHealthCheck(g, &elb.ModifyTargetGroupInput{
		HealthCheckEnabled: in.HealthCheckEnabled, HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds, HealthCheckPath: in.HealthCheckPath,
		HealthCheckPort: in.HealthCheckPort, HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckTimeoutSeconds: in.HealthCheckTimeoutSeconds,
		HealthyThresholdCount: in.HealthyThresholdCount, Matcher: in.Matcher, UnhealthyThresholdCount: in.UnhealthyThresholdCount,
	}); err != nil {
		return nil, err
	}
	return g, nil
}

// checkTraffic refuses protocols, ports and VPCs that a target group of its type cannot have, and sets its protocol version.
func checkTraffic(g *types.TargetGroup, version *string) error {
	switch {
	case g.Protocol == "":
		return invalidf("A protocol must be specified")
	case !slices.Contains(g.Protocol.Values(), g.Protocol):
		return invalidf("'%s' is not a valid protocol", clip(string(g.Protocol)))
	case g.Protocol == types.ProtocolEnumGeneve:
		return faultf("InvalidConfigurationRequest", "Target groups with protocol 'GENEVE' are not supported in this region")
	case g.Port == nil:
		return invalidf("A port must be specified")
	case *g.Port < 1 || *g.Port > 65535:
		return invalidf("Port '%d' is not valid: 1 to 65535", *g.Port)
	case aws.ToString(g.VpcId) == "":
		return invalidf("A VPC ID must be specified")
	case g.TargetControlPort != nil && (*g.TargetControlPort < 1 || *g.TargetControlPort > 65535):
		return invalidf("Target control port '%d' is not valid: 1 to 65535", *g.TargetControlPort)
	case g.TargetType == types.TargetTypeEnumAlb && g.Protocol != types.ProtocolEnumTcp:
		return invalidf("Target groups with target type 'alb' must have protocol 'TCP'")
	case version != nil && !isHTTP(g.Protocol):
		return invalidf("Protocol version cannot be specified for target groups with protocol '%s'", g.Protocol)
	case version != nil && !slices.Contains([]string{"HTTP1", "HTTP2", "GRPC"}, *version):
		return invalidf("Protocol version '%s' must be one of: 'GRPC', 'HTTP1', 'HTTP2'", clip(*version))
	}
	if isHTTP(g.Protocol) {
		g.ProtocolVersion = aws.String(cmp.Or(aws.ToString(version), "HTTP1"))
	}
	return nil
}

// outputTargetGroup returns a target group as the API shows it. The lock is held.
func (r *Region) outputTargetGroup(g *TargetGroup) types.TargetGroup {
	out := g.Spec
	out.LoadBalancerArns = r.loadBalancersOf(g.Key)
	if out.LoadBalancerArns == nil {
		out.LoadBalancerArns = []string{}
	}
	return out
}

// DescribeTargetGroups implements the action of that name.
func (r *Region) DescribeTargetGroups(_ context.Context, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	ways := 0
	for _, given := range []bool{in.LoadBalancerArn != nil, len(in.Names) > 0, len(in.TargetGroupArns) > 0} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return nil, invalidf("Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time")
	}
	if len(in.TargetGroupArns) > 20 || len(in.Names) > 20 {
		return nil, invalidf("Cannot have more than 20 resources described")
	}
	out := &elb.DescribeTargetGroupsOutput{}
	return out, r.read(func() error {
		groups, err := r.askedTargetGroups(in)
		if err != nil {
			return err
		}
		groups, out.NextMarker, err = elbPage(groups, seqOf, in.Marker, in.PageSize, 400)
		for _, g := range groups {
			out.TargetGroups = append(out.TargetGroups, r.outputTargetGroup(g))
		}
		return err
	})
}

func (r *Region) askedTargetGroups(in *elb.DescribeTargetGroupsInput) ([]*TargetGroup, error) {
	if in.LoadBalancerArn != nil {
		if _, err := r.needLoadBalancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	every := in.LoadBalancerArn == nil && len(in.Names)+len(in.TargetGroupArns) == 0
	var asked []*TargetGroup
	for _, g := range r.targetGroups.all() {
		if !r.unseen(&g.Meta) && (every || slices.Contains(in.Names, g.Name) || slices.Contains(in.TargetGroupArns, g.Key) ||
			in.LoadBalancerArn != nil && slices.Contains(r.loadBalancersOf(g.Key), *in.LoadBalancerArn)) {
			asked = append(asked, g)
		}
	}
	for _, arn := range in.TargetGroupArns {
		if !isARN(arn, "targetgroup") {
			return nil, invalidf("'%s' is not a valid target group ARN", clip(arn))
		}
		if !slices.ContainsFunc(asked, func(g *TargetGroup) bool { return g.Key == arn }) {
			return nil, faultf("TargetGroupNotFound", "One or more target groups not found")
		}
	}
	for _, name := range in.Names {
		if !slices.ContainsFunc(asked, func(g *TargetGroup) bool { return g.Name == name }) {
			return nil, faultf("TargetGroupNotFound", "One or more target groups not found")
		}
	}
	return asked, nil
}

// ModifyTargetGroup implements the action of that name. What is not given stays.
func (r *Region) ModifyTargetGroup(_ context.Context, in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	out := &elb.ModifyTargetGroupOutput{}
	return out, r.write(func(x *tx) error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		spec := g.Spec
		if err := changeHealthCheck(&spec, in); err != nil {
			return err
		}
		g = r.targetGroups.edit(x, g.Key, func(g *TargetGroup) { g.Spec = spec })
		out.TargetGroups = []types.TargetGroup{r.outputTargetGroup(g)}
		return nil
	})
}

// DeleteTargetGroup implements the action of that name. One that is not there is deleted already.
func (r *Region) DeleteTargetGroup(_ context.Context, in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	return &elb.DeleteTargetGroupOutput{}, r.write(func(x *tx) error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if isFault(err, "TargetGroupNotFound") {
			return nil
		}
		if err != nil {
			return err
		}
		if len(r.loadBalancersOf(g.Key)) > 0 {
			return faultf("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", g.Key)
		}
		for _, t := range r.targets.of(g.Key) {
			r.targets.drop(x, t.Key)
		}
		r.targetGroups.drop(x, g.Key)
		return nil
	})
}
