package aws

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

func (a *applier) createTargetGroup(ctx context.Context, want graph.Node, spec *TargetGroup) (graph.Node, error) {
	const op = "CreateTargetGroup"
	name := cloudName(a.owner, want.ID)
	vpc, err := a.vpcID(ctx)
	if err != nil {
		return graph.Node{}, err
	}
	check := spec.HealthCheck
	out, err := call(ctx, a.elb.CreateTargetGroup, &elb.CreateTargetGroupInput{
		Name: aws.String(name), VpcId: aws.String(vpc), Protocol: elbtypes.ProtocolEnum(spec.Protocol), ProtocolVersion: text(spec.ProtocolVersion),
		TargetType: elbtypes.TargetTypeEnum(spec.TargetType), IpAddressType: elbtypes.TargetGroupIpAddressTypeEnum(spec.IPAddressType),
		Port: aws.Int32(int32(spec.Port)), HealthCheckEnabled: aws.Bool(true), HealthCheckProtocol: elbtypes.ProtocolEnum(check.Protocol),
		HealthCheckPort: text(check.Port), HealthCheckPath: text(check.Path), Matcher: wireMatcher(spec),
		HealthCheckIntervalSeconds: aws.Int32(check.Interval), HealthCheckTimeoutSeconds: aws.Int32(check.Timeout),
		HealthyThresholdCount: aws.Int32(check.Healthy), UnhealthyThresholdCount: aws.Int32(check.Unhealthy), Tags: elbTags(spec.Tags),
	})
	if hasCode(err, codeDuplicateTargetGroup) {
		return a.adoptTargetGroup(ctx, op, want, name)
	}
	if err != nil {
		return graph.Node{}, err
	}
	if len(out.TargetGroups) != 1 || aws.ToString(out.TargetGroups[0].TargetGroupArn) == "" {
		return graph.Node{}, badAnswer(op)
	}
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	// AWS answers so too where one with the same settings is there.
	if err := a.checkOwner(ctx, op, name, arn); err != nil {
		return graph.Node{}, err
	}
	if err := a.setTargetGroupAttributes(ctx, arn, spec.NonDefault()); err != nil {
		return graph.Node{}, unfinished(err)
	}
	if err := a.setTargets(ctx, arn, spec, spec.Targets, nil); err != nil {
		return graph.Node{}, unfinished(err)
	}
	return made(want, arn, spec.made()), nil
}

// made is the spec of a target group that was made so.
func (w *TargetGroup) made() *TargetGroup {
	c := *w
	c.Marked = observedMark(w.Tags)
	return &c
}

func wireMatcher(spec *TargetGroup) *elbtypes.Matcher {
	switch {
	case spec.HealthCheck.Matcher == "":
		return nil
	case spec.ProtocolVersion == "GRPC":
		return &elbtypes.Matcher{GrpcCode: aws.String(spec.HealthCheck.Matcher)}
	default:
		return &elbtypes.Matcher{HttpCode: aws.String(spec.HealthCheck.Matcher)}
	}
}

// adoptTargetGroup looks at the target group that has our name and other settings.
func (a *applier) adoptTargetGroup(ctx context.Context, op string, want graph.Node, name string) (graph.Node, error) {
	out, err := call(ctx, a.elb.DescribeTargetGroups, &elb.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil {
		return graph.Node{}, err
	}
	if len(out.TargetGroups) != 1 {
		return graph.Node{}, badAnswer("DescribeTargetGroups")
	}
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	tags, err := a.tagsOf(ctx, []string{arn})
	if err != nil {
		return graph.Node{}, err
	}
	known := a.known()
	known.add(KindTargetGroup, arn, name, tags[arn])
	nodes, err := a.readTargetGroup(ctx, known, tagged[elbtypes.TargetGroup]{arn: arn, tags: tags[arn], has: out.TargetGroups[0]})
	if err != nil {
		return graph.Node{}, err
	}
	return a.adopt(op, "the name "+name, want, nodes[0])
}

func (a *applier) setTargetGroupAttributes(ctx context.Context, arn string, attributes map[string]string) error {
	if len(attributes) == 0 {
		return nil
	}
	in := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: aws.String(arn)}
	for _, key := range sortedKeys(attributes) {
		in.Attributes = append(in.Attributes, elbtypes.TargetGroupAttribute{Key: aws.String(key), Value: aws.String(attributes[key])})
	}
	_, err := call(ctx, a.elb.ModifyTargetGroupAttributes, in)
	return err
}

func (a *applier) updateTargetGroup(ctx context.Context, want graph.Node, spec *TargetGroup, got graph.Node) (graph.Node, error) {
	const op = "ModifyTargetGroup"
	have, err := gotSpec[TargetGroup](op, got)
	if err != nil {
		return graph.Node{}, err
	}
	if spec.HealthCheck != have.HealthCheck {
		if _, err := call(ctx, a.elb.ModifyTargetGroup, healthCheckChanges(got.External, spec, have)); err != nil {
			return graph.Node{}, err
		}
	}
	if err := a.setTargetGroupAttributes(ctx, got.External, targetGroupChanges(spec.Attributes, have.Attributes)); err != nil {
		return graph.Node{}, err
	}
	if err := a.setTargets(ctx, got.External, spec, spec.Targets, have.Targets); err != nil {
		return graph.Node{}, err
	}
	if err := a.retag(ctx, got.External, spec.Tags, have.Tags); err != nil {
		return graph.Node{}, err
	}
	return made(want, got.External, spec.made()), nil
}

// weightedRandom is the algorithm without which AWS has no anomalies mitigated.
const weightedRandom = "weighted_random"

// targetGroupChanges returns the attributes to change. Where settings no longer ask for weighted random, AWS would refuse the other algorithm
// for as long as the mitigation that they asked for with it is on.
func targetGroupChanges(want, have map[string]string) map[string]string {
	changes := attributeChanges(want, have)
	_, asked := want[attrAnomalies]
	if next, changed := changes[attrAlgorithm]; changed && next != weightedRandom && have[attrAlgorithm] == weightedRandom && !asked {
		changes[attrAnomalies] = "off"
	}
	return changes
}

// healthCheckChanges puts what differs into one call.
func healthCheckChanges(arn string, spec, have *TargetGroup) *elb.ModifyTargetGroupInput {
	in := &elb.ModifyTargetGroupInput{TargetGroupArn: aws.String(arn)}
	w, h := spec.HealthCheck, have.HealthCheck
	if w.Protocol != h.Protocol {
		in.HealthCheckProtocol = elbtypes.ProtocolEnum(w.Protocol)
	}
	if w.Port != h.Port {
		in.HealthCheckPort = text(w.Port)
	}
	if w.Path != h.Path {
		in.HealthCheckPath = text(w.Path)
	}
	if w.Matcher != h.Matcher {
		in.Matcher = wireMatcher(spec)
	}
	number := func(want, got int32) *int32 {
		if want == got {
			return nil
		}
		return aws.Int32(want)
	}
	in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = number(w.Interval, h.Interval), number(w.Timeout, h.Timeout)
	in.HealthyThresholdCount, in.UnhealthyThresholdCount = number(w.Healthy, h.Healthy), number(w.Unhealthy, h.Unhealthy)
	return in
}

// setTargets makes the targets of a group those that are wanted. What comes is registered before what goes is deregistered, so that a group
// that has targets always has some; but where there is no room for both, what goes makes room.
func (a *applier) setTargets(ctx context.Context, arn string, spec *TargetGroup, want, got []Target) error {
	come, leave := targetChanges(want, got)
	for chunk := range slices.Chunk(come, targetsAtOnce) {
		err := a.register(ctx, arn, spec, chunk)
		if cloud.KindOf(err) == cloud.Quota && len(leave) > 0 {
			if err := a.deregister(ctx, arn, leave); err != nil {
				return err
			}
			leave = nil
			err = a.register(ctx, arn, spec, chunk)
		}
		if err != nil {
			return err
		}
	}
	return a.deregister(ctx, arn, leave)
}

func (a *applier) deregister(ctx context.Context, arn string, targets []Target) error {
	for chunk := range slices.Chunk(targets, targetsAtOnce) {
		in := &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: wireTargets(chunk)}
		if _, err := call(ctx, a.elb.DeregisterTargets, in); err != nil {
			return err
		}
	}
	return nil
}

func wireTargets(targets []Target) []elbtypes.TargetDescription {
	list := make([]elbtypes.TargetDescription, 0, len(targets))
	for _, t := range targets {
		list = append(list, elbtypes.TargetDescription{Id: aws.String(t.ID), Port: aws.Int32(int32(t.Port))})
	}
	return list
}

// register registers targets. Addresses outside the VPC have to say that they are of no zone; because that is rare, it is looked at only
// where AWS refuses.
func (a *applier) register(ctx context.Context, arn string, spec *TargetGroup, targets []Target) error {
	in := &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: wireTargets(targets)}
	_, err := call(ctx, a.elb.RegisterTargets, in)
	if cloud.KindOf(err) != cloud.Invalid || spec.TargetType != string(elbtypes.TargetTypeEnumIp) {
		return err
	}
	networks, networksErr := a.Networks(ctx)
	if networksErr != nil {
		return networksErr
	}
	outside := false
	for i, t := range in.Targets {
		ip, parseErr := netip.ParseAddr(aws.ToString(t.Id))
		if parseErr == nil && !slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			in.Targets[i].AvailabilityZone, outside = aws.String("all"), true
		}
	}
	if !outside {
		return err
	}
	_, err = call(ctx, a.elb.RegisterTargets, in)
	return err
}
