package aws

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
)

// health is a target group's health check in one line.
func health(g types.TargetGroup) string {
	code := ""
	if g.Matcher != nil {
		code = aws.ToString(g.Matcher.HttpCode) + aws.ToString(g.Matcher.GrpcCode)
	}
	return fmt.Sprintf("%t %s %s %s every %d within %d up %d down %d codes %s", *g.HealthCheckEnabled, g.HealthCheckProtocol, aws.ToString(g.HealthCheckPort),
		aws.ToString(g.HealthCheckPath), *g.HealthCheckIntervalSeconds, *g.HealthCheckTimeoutSeconds, *g.HealthyThresholdCount, *g.UnhealthyThresholdCount, code)
}

func TestDefaultHealthChecks(t *testing.T) {
	a := accountFor(t, nil)
	grpc := aws.String("GRPC")
	for _, test := range []struct {
		protocol types.ProtocolEnum
		version  *string
		kind     types.TargetTypeEnum
		want     string
	}{
		{types.ProtocolEnumHttp, nil, types.TargetTypeEnumIp, "true HTTP traffic-port / every 30 within 6 up 5 down 2 codes 200"},
		{types.ProtocolEnumHttps, nil, types.TargetTypeEnumInstance, "true HTTPS traffic-port / every 30 within 10 up 5 down 2 codes 200"},
		{types.ProtocolEnumHttp, grpc, types.TargetTypeEnumIp, "true HTTP traffic-port /AWS.ALB/healthcheck every 30 within 6 up 5 down 2 codes 12"},
		{types.ProtocolEnumTcp, nil, types.TargetTypeEnumIp, "true TCP traffic-port  every 30 within 10 up 5 down 2 codes "},
		{types.ProtocolEnumUdp, nil, types.TargetTypeEnumIp, "true TCP traffic-port  every 30 within 10 up 5 down 2 codes "},
		{types.ProtocolEnumTcp, nil, types.TargetTypeEnumAlb, "true HTTP traffic-port / every 30 within 6 up 5 down 2 codes 200-399"},
		{"", nil, types.TargetTypeEnumLambda, "false   / every 35 within 30 up 5 down 5 codes 200"},
	} {
		in := &elb.CreateTargetGroupInput{
			Name: aws.String("g" + string(test.protocol[:min(3, len(test.protocol))]) + string(test.kind) + aws.ToString(test.version)), Protocol: test.protocol,
			ProtocolVersion: test.version, TargetType: test.kind,
		}
		if test.protocol != "" {
			in.Port, in.VpcId = aws.Int32(80), aws.String(a.vpcID())
		}
		*in.Name = strings.ReplaceAll(*in.Name, "_", "") + fmt.Sprint(len(a.targetGroups.all()))
		got := do(a, a.CreateTargetGroup, in).TargetGroups[0]
		if diff := cmp.Diff(test.want, health(got)); diff != "" {
			t.Errorf("%s %s: %s", test.protocol, test.kind, diff)
		}
	}
}

func TestCreateTargetGroupRefuses(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"target-groups": 2} })
	a.group("taken", types.ProtocolEnumHttp)
	with := func(change func(*elb.CreateTargetGroupInput)) elb.CreateTargetGroupInput {
		in := elb.CreateTargetGroupInput{Name: aws.String("g"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(a.vpcID())}
		change(&in)
		return in
	}
	tests := map[string]struct {
		in   elb.CreateTargetGroupInput
		code string
	}{
		"no port":             {with(func(in *elb.CreateTargetGroupInput) { in.Port = nil }), "ValidationError"},
		"port":                {with(func(in *elb.CreateTargetGroupInput) { in.Port = aws.Int32(65536) }), "ValidationError"},
		"no VPC":              {with(func(in *elb.CreateTargetGroupInput) { in.VpcId = nil }), "ValidationError"},
		"unknown VPC":         {with(func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-1") }), "ValidationError"},
		"protocol":            {with(func(in *elb.CreateTargetGroupInput) { in.Protocol = "SCTP" }), "ValidationError"},
		"version":             {with(func(in *elb.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("HTTP3") }), "ValidationError"},
		"TCP health check":    {with(func(in *elb.CreateTargetGroupInput) { in.HealthCheckProtocol = types.ProtocolEnumTcp }), "ValidationError"},
		"interval":            {with(func(in *elb.CreateTargetGroupInput) { in.HealthCheckIntervalSeconds = aws.Int32(4) }), "ValidationError"},
		"timeout":             {with(func(in *elb.CreateTargetGroupInput) { in.HealthCheckTimeoutSeconds = aws.Int32(30) }), "ValidationError"},
		"threshold":           {with(func(in *elb.CreateTargetGroupInput) { in.HealthyThresholdCount = aws.Int32(11) }), "ValidationError"},
		"codes":               {with(func(in *elb.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("200-500")} }), "ValidationError"},
		"gRPC codes for HTTP": {with(func(in *elb.CreateTargetGroupInput) { in.Matcher = &types.Matcher{GrpcCode: aws.String("0")} }), "ValidationError"},
		"path":                {with(func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("health") }), "ValidationError"},
		"health port":         {with(func(in *elb.CreateTargetGroupInput) { in.HealthCheckPort = aws.String("http") }), "ValidationError"},
		"disabled":            {with(func(in *elb.CreateTargetGroupInput) { in.HealthCheckEnabled = aws.Bool(false) }), "ValidationError"},
		"other settings":      {with(func(in *elb.CreateTargetGroupInput) { in.Name = aws.String("taken") }), "DuplicateTargetGroupName"},
	}
	want := everything(t, a.Region)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := &account{a.Region, t}
			refused(b, test.code, b.CreateTargetGroup, &test.in)
			if diff := cmp.Diff(want, everything(t, b.Region)); diff != "" {
				t.Errorf("something changed: %s", diff)
			}
		})
	}
	if a.group("taken", types.ProtocolEnumHttp) != a.targetGroups.all()[0].Key {
		t.Error("an equal create made another")
	}
	a.group("second", types.ProtocolEnumHttp)
	in := with(func(*elb.CreateTargetGroupInput) {})
	refused(a, "TooManyTargetGroups", a.CreateTargetGroup, &in)
}

func TestTargetGroupsBelongToOneLoadBalancer(t *testing.T) {
	a := accountFor(t, nil)
	one, two, network := a.alb("one"), a.alb("two"), a.nlb("net")
	http, tcp := a.group("http", types.ProtocolEnumHttp), a.group("tcp", types.ProtocolEnumTcp)
	listen := func(lb string, protocol types.ProtocolEnum, group string) *elb.CreateListenerInput {
		return &elb.CreateListenerInput{LoadBalancerArn: &lb, Port: aws.Int32(80), Protocol: protocol, DefaultActions: []types.Action{forward(group)}}
	}
	refused(a, "IncompatibleProtocols", a.CreateListener, listen(one, types.ProtocolEnumHttp, tcp))
	refused(a, "IncompatibleProtocols", a.CreateListener, listen(network, types.ProtocolEnumTcp, http))
	refused(a, "ValidationError", a.CreateListener, listen(network, types.ProtocolEnumHttp, http))
	refused(a, "InvalidLoadBalancerAction", a.CreateListener, listen(network, types.ProtocolEnumTcp, ""))
	l := a.listener(one, 80, types.ProtocolEnumHttp, http)
	refused(a, "TargetGroupAssociationLimit", a.CreateListener, listen(two, types.ProtocolEnumHttp, http))
	got := do(a, a.DescribeTargetGroups, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &one}).TargetGroups
	if len(got) != 1 || *got[0].TargetGroupArn != http || cmp.Diff([]string{one}, got[0].LoadBalancerArns) != "" {
		t.Errorf("want the group that the load balancer uses, got %+v", got)
	}
	refused(a, "ResourceInUse", a.DeleteTargetGroup, &elb.DeleteTargetGroupInput{TargetGroupArn: &http})
	do(a, a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: &l})
	a.listener(two, 80, types.ProtocolEnumHttp, http)
}

func target(id string, port int32) types.TargetDescription {
	d := types.TargetDescription{Id: &id}
	if port > 0 {
		d.Port = &port
	}
	return d
}

func TestRegisterTargets(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"targets-per-target-group": 3} })
	group := a.group("pods", types.ProtocolEnumHttp)
	register := func(targets ...types.TargetDescription) *elb.RegisterTargetsInput {
		return &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets}
	}
	outside, inside := target("10.1.2.3", 0), target("172.31.5.5", 0)
	outside.AvailabilityZone = aws.String("all")
	inside.AvailabilityZone = aws.String("all")
	for name, test := range map[string]struct {
		in   *elb.RegisterTargetsInput
		code string
	}{
		"none":                    {register(), "ValidationError"},
		"no id":                   {register(types.TargetDescription{}), "ValidationError"},
		"no address":              {register(target("i-1", 0)), "ValidationError"},
		"public address":          {register(target("8.8.8.8", 0)), "ValidationError"},
		"outside without a zone":  {register(target("10.1.2.3", 0)), "ValidationError"},
		"another zone inside":     {register(inside), "ValidationError"},
		"port":                    {register(target("172.31.5.5", 70000)), "ValidationError"},
		"four, and three allowed": {register(target("172.31.5.5", 1), target("172.31.5.5", 2), target("172.31.5.5", 3), target("172.31.5.5", 4)), "TooManyTargets"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &account{a.Region, t}
			refused(b, test.code, b.RegisterTargets, test.in)
			if n := b.registered(group); n != 0 {
				t.Errorf("%d targets were registered", n)
			}
		})
	}
	do(a, a.RegisterTargets, register(outside, target("172.31.5.5", 0), target("172.31.5.5", 0), target("172.31.5.5", 81)))
	var got []string
	for _, d := range do(a, a.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions {
		got = append(got, fmt.Sprintf("%s:%d in %s %s %s", *d.Target.Id, *d.Target.Port, aws.ToString(d.Target.AvailabilityZone), d.TargetHealth.State, d.TargetHealth.Reason))
	}
	want := []string{
		"10.1.2.3:80 in all unused Target.NotInUse", "172.31.5.5:80 in eu-west-1a unused Target.NotInUse", "172.31.5.5:81 in eu-west-1a unused Target.NotInUse",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Of a group that is not used, a target goes at once; without a port, all of the id are meant.
	do(a, a.DeregisterTargets, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{target("172.31.5.5", 0)}})
	if n := len(a.targets.of(group)); n != 1 {
		t.Errorf("want one target left, got %d", n)
	}
	asked := do(a, a.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []types.TargetDescription{target("172.31.9.9", 0)}})
	if h := asked.TargetHealthDescriptions[0].TargetHealth; h.State != types.TargetHealthStateEnumUnused || h.Reason != types.TargetHealthReasonEnumNotRegistered {
		t.Errorf("want an unregistered target, got %+v", h)
	}
}

func TestATargetThatDrainsCanComeBack(t *testing.T) {
	a := accountFor(t, nil)
	group := a.group("pods", types.ProtocolEnumHttp)
	a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, group)
	one := []types.TargetDescription{target("172.31.5.5", 80)}
	state := func() types.TargetHealthStateEnum {
		return do(a, a.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions[0].TargetHealth.State
	}
	do(a, a.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: one})
	if got := state(); got != types.TargetHealthStateEnumHealthy {
		t.Errorf("nobody reports: want healthy at once, got %s", got)
	}
	do(a, a.DeregisterTargets, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: one})
	if got := state(); got != types.TargetHealthStateEnumDraining {
		t.Errorf("want draining, got %s", got)
	}
	a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: Healthy})
	if got := state(); got != types.TargetHealthStateEnumDraining {
		t.Errorf("a report ended draining: %s", got)
	}
	do(a, a.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: one})
	a.cloud.Clock().Advance(time.Hour)
	if got := state(); got != types.TargetHealthStateEnumHealthy {
		t.Errorf("want it back, got %s", got)
	}
}

func TestTargetGroupAttributes(t *testing.T) {
	a := accountFor(t, nil)
	group, tcp := a.group("pods", types.ProtocolEnumHttp), a.group("tcp", types.ProtocolEnumTcp)
	set := func(group string, pairs ...string) *elb.ModifyTargetGroupAttributesInput {
		in := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &group}
		for i := 0; i < len(pairs); i += 2 {
			in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		return in
	}
	if n := len(do(a, a.DescribeTargetGroupAttributes, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &group}).Attributes); n != 14 {
		t.Errorf("want 14 attributes, got %d", n)
	}
	got := do(a, a.ModifyTargetGroupAttributes, set(group, "stickiness.enabled", "true", "deregistration_delay.timeout_seconds", "0"))
	if len(got.Attributes) != 14 || a.View().TargetGroups[group].Attributes["deregistration_delay.timeout_seconds"] != "0" {
		t.Errorf("want all attributes with the changes, got %d", len(got.Attributes))
	}
	refused(a, "ValidationError", a.ModifyTargetGroupAttributes, set(group))
	refused(a, "ValidationError", a.ModifyTargetGroupAttributes, set(group, "nonsense", "true"))
	refused(a, "ValidationError", a.ModifyTargetGroupAttributes, set(group, "deregistration_delay.timeout_seconds", "3601"))
	refused(a, "ValidationError", a.ModifyTargetGroupAttributes, set(group, "proxy_protocol_v2.enabled", "true"))
	refused(a, "ValidationError", a.ModifyTargetGroupAttributes, set(group, "stickiness.app_cookie.cookie_name", "AWSALB"))
	refused(a, "InvalidConfigurationRequest", a.ModifyTargetGroupAttributes, set(group, "stickiness.type", "app_cookie"))
	refused(a, "InvalidConfigurationRequest", a.ModifyTargetGroupAttributes,
		set(group, "slow_start.duration_seconds", "30", "load_balancing.algorithm.type", "least_outstanding_requests"))
	do(a, a.ModifyTargetGroupAttributes, set(tcp, "proxy_protocol_v2.enabled", "true", "preserve_client_ip.enabled", "true"))
}

func TestTargetsAreCheckedAnewWhenTheirGroupIsUsedAgain(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Reported = true })
	group := a.group("pods", types.ProtocolEnumHttp)
	l := a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, "")
	do(a, a.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{target("172.31.5.5", 80)}})
	reason := func() string {
		h := do(a, a.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions[0].TargetHealth
		return string(h.State) + " " + string(h.Reason)
	}
	a.rule(l, 1, "/a", group)
	a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: Healthy})
	a.rule(l, 2, "/b", group)
	if got := reason(); got != "healthy " {
		t.Errorf("another rule changed the health: %s", got)
	}
	do(a, a.ModifyListener, &elb.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{forward("")}})
	for _, r := range do(a, a.DescribeRules, &elb.DescribeRulesInput{ListenerArn: &l}).Rules[:2] {
		do(a, a.DeleteRule, &elb.DeleteRuleInput{RuleArn: r.RuleArn})
	}
	if got := reason(); got != "unused Target.NotInUse" {
		t.Errorf("want unused, got %s", got)
	}
	a.rule(l, 1, "/a", group)
	if got := reason(); got != "initial Elb.InitialHealthChecking" {
		t.Errorf("want it checked anew, got %s", got)
	}
}

func TestTargetsOfALoadBalancerAreLimited(t *testing.T) {
	a := accountFor(t, func(c *Config) {
		c.Quotas = map[string]int{"targets-per-application-load-balancer": 3, "target-id-registrations-per-application-load-balancer": 2}
	})
	one, two := a.group("one", types.ProtocolEnumHttp), a.group("two", types.ProtocolEnumHttp)
	l := a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, one)
	register := func(group string, targets ...types.TargetDescription) *elb.RegisterTargetsInput {
		return &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets}
	}
	refused(a, "TooManyRegistrationsForTargetId", a.RegisterTargets, register(one, target("172.31.5.5", 1), target("172.31.5.5", 2), target("172.31.5.5", 3)))
	do(a, a.RegisterTargets, register(one, target("172.31.5.5", 1), target("172.31.5.5", 2)))
	do(a, a.RegisterTargets, register(two, target("172.31.5.6", 1), target("172.31.5.7", 1))) // no load balancer has them
	refused(a, "TooManyTargets", a.CreateRule, &elb.CreateRuleInput{
		ListenerArn: &l, Priority: aws.Int32(1), Conditions: []types.RuleCondition{path("/b")}, Actions: []types.Action{forward(two)},
	})
	refused(a, "TooManyTargets", a.RegisterTargets, register(one, target("172.31.5.8", 1), target("172.31.5.9", 1)))
}
