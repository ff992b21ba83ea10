package aws

import (
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestUnhealthyTargetsDrain: with an interval for it, a target that fails is first one that keeps its connections.
func TestUnhealthyTargetsDrain(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Reported = true })
	group := a.group("tcp", types.ProtocolEnumTcp)
	a.listener(a.nlb("net"), 80, types.ProtocolEnumTcp, group)
	do(a, a.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{target("172.31.5.5", 80)}})
	report := func(o Outcome) { a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: o}) }
	health := func() string {
		h := do(a, a.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions[0].TargetHealth
		return string(h.State) + " " + string(h.Reason)
	}
	wants := func(when, want string) {
		t.Helper()
		if got := health(); got != want {
			t.Errorf("%s: want %s, got %s", when, want, got)
		}
	}
	report(Healthy)
	report(Failed)
	wants("without an interval", "unhealthy Target.FailedHealthChecks")
	do(a, a.ModifyTargetGroupAttributes, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []types.TargetGroupAttribute{
		{Key: ptr("target_health_state.unhealthy.connection_termination.enabled"), Value: ptr("false")},
		{Key: ptr("target_health_state.unhealthy.draining_interval_seconds"), Value: ptr("60")},
	}})
	report(TimedOut)
	wants("one that was unhealthy before", "unhealthy Target.Timeout")
	report(Healthy)
	report(Failed)
	wants("with an interval", "unhealthy.draining Target.FailedHealthChecks")
	a.cloud.Clock().Advance(40 * time.Second)
	report(TimedOut)
	wants("another reason within it", "unhealthy.draining Target.Timeout")
	a.cloud.Clock().Advance(21 * time.Second) // of the first report
	eventually(t, func() bool { return health() == "unhealthy Target.Timeout" })
	report(Healthy)
	report(Failed)
	report(Healthy)
	wants("well again within it", "healthy ")
	a.cloud.Clock().Advance(time.Hour)
	wants("and no longer", "healthy ")
}
