package aws

import (
	"context"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// cloudFor returns a Cloud on a clock that stands, as change has made its Config.
func cloudFor(t testing.TB, change func(*Config)) *Cloud {
	t.Helper()
	cfg := Config{Clock: world.ManualClock(start), Dice: world.NewDice(1), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// account is one region with the names of what a test has made.
type account struct {
	*Region
	t testing.TB
}

func accountFor(t testing.TB, change func(*Config)) *account {
	t.Helper()
	return &account{Region: cloudFor(t, change).Region("eu-west-1"), t: t}
}

// do returns what an action returns, which has to succeed.
func do[In, Out any](a *account, action func(context.Context, *In) (*Out, error), in *In) *Out {
	a.t.Helper()
	out, err := action(context.Background(), in)
	if err != nil {
		a.t.Fatalf("%T: %v", in, err)
	}
	return out
}

// refused fails the test unless the action fails with the code.
func refused[In, Out any](a *account, code string, action func(context.Context, *In) (*Out, error), in *In) {
	a.t.Helper()
	_, err := action(context.Background(), in)
	if !isFault(err, code) {
		a.t.Errorf("%T: want %s, got %v", in, code, err)
	}
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

// subnetIDs returns the default subnets.
func (a *account) subnetIDs() []string {
	var ids []string
	for _, s := range a.subnets.all() {
		ids = append(ids, s.Key)
	}
	return ids
}

func (a *account) vpcID() string { return a.vpcs.all()[0].Key }

// alb makes an Application Load Balancer and returns its ARN.
func (a *account) alb(name string) string {
	a.t.Helper()
	return *do(a, a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: &name, Subnets: a.subnetIDs()}).LoadBalancers[0].LoadBalancerArn
}

// nlb makes a Network Load Balancer and returns its ARN.
func (a *account) nlb(name string) string {
	a.t.Helper()
	return *do(a, a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{
		Name: &name, Subnets: a.subnetIDs(), Type: types.LoadBalancerTypeEnumNetwork,
	}).LoadBalancers[0].LoadBalancerArn
}

// group makes a target group of addresses and returns its ARN.
func (a *account) group(name string, protocol types.ProtocolEnum) string {
	a.t.Helper()
	return *do(a, a.CreateTargetGroup, &elb.CreateTargetGroupInput{
		Name: &name, Protocol: protocol, Port: aws.Int32(80), VpcId: aws.String(a.vpcID()), TargetType: types.TargetTypeEnumIp,
	}).TargetGroups[0].TargetGroupArn
}

// listener makes a listener that forwards to the group, or answers 404 where there is none, and returns its ARN.
func (a *account) listener(lb string, port int32, protocol types.ProtocolEnum, group string) string {
	a.t.Helper()
	return *do(a, a.CreateListener, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: &port, Protocol: protocol, DefaultActions: []types.Action{forward(group)},
	}).Listeners[0].ListenerArn
}

func forward(group string) types.Action {
	if group == "" {
		return types.Action{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("404")}}
	}
	return types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}
}

func path(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String(pathPattern), Values: values}
}

// rule makes a rule for a path and returns its ARN.
func (a *account) rule(listener string, priority int32, pattern, group string) string {
	a.t.Helper()
	return *do(a, a.CreateRule, &elb.CreateRuleInput{
		ListenerArn: &listener, Priority: &priority, Conditions: []types.RuleCondition{path(pattern)}, Actions: []types.Action{forward(group)},
	}).Rules[0].RuleArn
}
