package aws

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

func TestWholeLoadBalancerLifecycle(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Latency = world.Realistic; c.Reported = true })
	lb, group := a.alb("web"), a.group("pods", types.ProtocolEnumHttp)
	listener := a.listener(lb, 80, types.ProtocolEnumHttp, "")
	rule := a.rule(listener, 10, "/api/*", group)
	do(a, a.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String("172.31.5.5")}}})

	state := func() types.LoadBalancerStateEnum {
		return do(a, a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Names: []string{"web"}}).LoadBalancers[0].State.Code
	}
	health := func() *types.TargetHealth {
		return do(a, a.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions[0].TargetHealth
	}
	if got := state(); got != types.LoadBalancerStateEnumProvisioning {
		t.Errorf("want provisioning at first, got %s", got)
	}
	if got := health(); got.Reason != types.TargetHealthReasonEnumRegistrationInProgress {
		t.Errorf("want a target in registration, got %s", got.Reason)
	}
	a.Cloud().Clock().Advance(5 * time.Minute)
	eventually(t, func() bool { return state() == types.LoadBalancerStateEnumActive })
	eventually(t, func() bool { return health().Reason == types.TargetHealthReasonEnumInitialHealthChecking })
	a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: WrongCode, Code: "502"})
	if got := health(); got.State != types.TargetHealthStateEnumUnhealthy || *got.Description != "Health checks failed with these codes: [502]" {
		t.Errorf("want what was reported, got %s %q", got.State, aws.ToString(got.Description))
	}
	a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: Healthy})
	if got := health(); got.State != types.TargetHealthStateEnumHealthy || got.Description != nil || got.Reason != "" {
		t.Errorf("want healthy without a reason, got %+v", got)
	}

	v := a.View()
	if len(v.LoadBalancers) != 1 || len(v.LoadBalancers[0].Addresses) != 3 || len(v.LoadBalancers[0].Listeners[0].Rules) != 1 {
		t.Fatalf("want all of it in the view, got %+v", v.LoadBalancers)
	}
	if got := v.TargetGroups[group]; len(got.Targets) != 1 || len(got.LoadBalancers) != 1 || got.LoadBalancers[0] != lb {
		t.Errorf("want the group with its target and its user, got %+v", got)
	}

	do(a, a.DeregisterTargets, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String("172.31.5.5")}}})
	if got := health(); got.State != types.TargetHealthStateEnumDraining {
		t.Errorf("want a draining target, got %s", got.State)
	}
	a.Cloud().Clock().Advance(301 * time.Second)
	eventually(t, func() bool { return len(a.View().TargetGroups[group].Targets) == 0 })

	refused(a, "ResourceInUse", a.DeleteTargetGroup, &elb.DeleteTargetGroupInput{TargetGroupArn: &group})
	do(a, a.DeleteRule, &elb.DeleteRuleInput{RuleArn: &rule})
	do(a, a.DeleteTargetGroup, &elb.DeleteTargetGroupInput{TargetGroupArn: &group})
	do(a, a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	refused(a, "LoadBalancerNotFound", a.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}})
	refused(a, "ListenerNotFound", a.DescribeRules, &elb.DescribeRulesInput{ListenerArn: &listener})
	if n := len(a.interfaces.all()); n != 3 {
		t.Errorf("want the network interfaces to stay for a while, got %d", n)
	}
	a.Cloud().Clock().Advance(5 * time.Minute)
	eventually(t, func() bool {
		n := 0
		_ = a.read(func() error { n = len(a.interfaces.all()); return nil })
		return n == 0
	})
}

// eventually fails the test when is does not come true: alarms of a clock run on goroutines of their own.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatal("it does not come true")
		}
		time.Sleep(time.Millisecond)
	}
}
