package aws_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// legacy is a load balancer that somebody made by hand: port 80 forwards to a target group, with a rule for a path that site has too and one
// for a path that it has not; port 8080 does the same.
type legacy struct {
	lb, group, rule string // ARNs; rule is the one that site has too
	securityGroup   string
}

func (a *account) legacy(t *testing.T, change func(*elb.CreateLoadBalancerInput)) legacy {
	t.Helper()
	ctx := context.Background()
	sg, err := a.region.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("legacy"), Description: aws.String("of old"), VpcId: a.vpc(t),
	})
	check(t, err)
	in := &elb.CreateLoadBalancerInput{
		Name: aws.String("legacy"), Subnets: a.subnetIDs(t), SecurityGroups: []string{aws.ToString(sg.GroupId)},
		Tags: []elbtypes.Tag{{Key: aws.String("team"), Value: aws.String("edge")}},
	}
	if change != nil {
		change(in)
	}
	lb, err := a.region.CreateLoadBalancer(ctx, in)
	check(t, err)
	out := legacy{lb: aws.ToString(lb.LoadBalancers[0].LoadBalancerArn), securityGroup: aws.ToString(sg.GroupId)}
	protocol := elbtypes.ProtocolEnumHttp
	if lb.LoadBalancers[0].Type == elbtypes.LoadBalancerTypeEnumNetwork {
		protocol = elbtypes.ProtocolEnumTcp
	}
	group, err := a.region.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("legacy-web"), Protocol: protocol, Port: aws.Int32(80), VpcId: a.vpc(t), TargetType: elbtypes.TargetTypeEnumIp,
	})
	check(t, err)
	out.group = aws.ToString(group.TargetGroups[0].TargetGroupArn)
	forward := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(out.group)}}
	for _, port := range []int32{80, 8080} {
		l, err := a.region.CreateListener(ctx, &elb.CreateListenerInput{
			LoadBalancerArn: aws.String(out.lb), Port: aws.Int32(port), Protocol: protocol, DefaultActions: forward,
		})
		check(t, err)
		if protocol != elbtypes.ProtocolEnumHttp {
			continue
		}
		for i, path := range []string{"/route-00", "/of-old"} {
			r, err := a.region.CreateRule(ctx, &elb.CreateRuleInput{
				ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(int32(10 + i)), Actions: forward,
				Conditions: []elbtypes.RuleCondition{
					{Field: aws.String("host-header"), HostHeaderConfig: &elbtypes.HostHeaderConditionConfig{Values: []string{"www.example.com"}}},
					{Field: aws.String("path-pattern"), PathPatternConfig: &elbtypes.PathPatternConditionConfig{Values: []string{path}}},
				},
			})
			check(t, err)
			if port == 80 && i == 0 {
				out.rule = aws.ToString(r.Rules[0].RuleArn)
			}
		}
	}
	return out
}

func (a *account) subnetIDs(t *testing.T) []string {
	t.Helper()
	var ids []string
	for _, s := range a.subnets(t) {
		ids = append(ids, aws.ToString(s.SubnetId))
	}
	return ids
}

// shop is site in security groups of its own.
func shop(rules int) *ir.LoadBalancer {
	lb := site(testOwner, nil, 2, rules)
	lb.Settings = nil
	return lb
}

func compiled(t *testing.T, want *ir.LoadBalancer) graph.Graph {
	t.Helper()
	c, err := provider.Compile(want)
	check(t, err)
	return c.Graph
}

func TestAdoptionPlan(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	want := compiled(t, shop(2))
	before := len(a.Calls(t))
	foreign, err := a.provider.Foreign(t.Context(), testOwner, want, []string{old.lb})
	check(t, err)
	p, err := cloud.PlanAdoption(a.provider, want, graph.Graph{}, []string{old.lb}, foreign)
	check(t, err)
	if mutating, _ := a.calls(t, before); len(mutating) > 0 {
		t.Errorf("want nothing changed, got %v", mutating)
	}
	if len(p.Marks) != 7 || len(foreign.Unmarked) != 7 || foreign.Unmarked[6].Kind != provider.KindLoadBalancer {
		t.Errorf("want 7 marks, that of the load balancer last, got %v and %v", p.Marks, foreign.Unmarked)
	}
	var got []string
	for _, line := range p.Lines() {
		got = append(got, strings.ReplaceAll(strings.ReplaceAll(line, old.securityGroup, "sg-legacy"), old.group, "legacy-web"))
	}
	wanted := []string{
		"- listener/adopted-http-8080-a-03d763e8: HTTP on port 8080 → legacy-web: it is no longer wanted",
		"- rule/adopted-80-11: www.example.com /of-old → legacy-web: it is no longer wanted",
		`~ rule/http-80-a-03d763e8/HTTPRoute/shop/route-00/72e1280ec65b: action.forward.targetGroups[0].targetGroup changes, ` +
			`action.forward.targetGroups[1].targetGroup becomes "shop/svc-1/80-44b22fbb", action.forward.targetGroups[1].weight becomes 1; ` +
			`refers to targetgroup/shop/svc-0/80-44b22fbb, targetgroup/shop/svc-1/80-44b22fbb`,
		`~ listener/http-80-a-03d763e8: default.fixed.contentType becomes "text/plain", default.fixed.statusCode becomes "404", ` +
			`default.forward.targetGroups[0].targetGroup changes, default.forward.targetGroups[0].weight 1 goes`,
		`~ loadbalancer/application-03d763e8: securityGroups[0] "sg-legacy" becomes "frontend", tags.team "edge" goes; refers to securitygroup/frontend`,
	}
	if diff := cmp.Diff(wanted, got[:len(wanted)]); diff != "" {
		t.Errorf("the lines (-want +got): %s", diff)
	}
	notes := []string{
		"load balancer legacy is deleted with the Gateway, as one that Cloudgate made",
		"security group " + old.securityGroup + " stays, and load balancer legacy leaves it: targets that let that group in do not let in the new one by it",
		"target group legacy-web stays, with its targets",
	}
	if diff := cmp.Diff(notes, p.Notes); diff != "" {
		t.Errorf("the notes (-want +got): %s", diff)
	}
}

// TestAdoptionPlanKeepsHeaders: what a CDN proves itself by is in nothing that a Gateway's status or events tell, and yet in what is agreed to.
func TestAdoptionPlanKeepsHeaders(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	listener := old.rule[:strings.LastIndexByte(old.rule, '/')]
	listener = strings.Replace(listener, ":listener-rule/", ":listener/", 1)
	rule := &elb.CreateRuleInput{
		ListenerArn: aws.String(listener), Priority: aws.Int32(5),
		Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(old.group)}},
	}
	header := func(value string) []elbtypes.RuleCondition {
		return []elbtypes.RuleCondition{{Field: aws.String("http-header"), HttpHeaderConfig: &elbtypes.HttpHeaderConditionConfig{
			HttpHeaderName: aws.String("X-Origin-Verify"), Values: []string{value},
		}}}
	}
	rule.Conditions = header("hunter2")
	made, err := a.region.CreateRule(t.Context(), rule)
	check(t, err)
	plan := func() cloud.AdoptionPlan {
		want := compiled(t, shop(2))
		foreign, err := a.provider.Foreign(t.Context(), testOwner, want, []string{old.lb})
		check(t, err)
		p, err := cloud.PlanAdoption(a.provider, want, graph.Graph{}, []string{old.lb}, foreign)
		check(t, err)
		return p
	}
	first := plan()
	if lines := strings.Join(first.Lines(), "\n"); strings.Contains(lines, "hunter2") || !strings.Contains(lines, "[X-Origin-Verify] → ") {
		t.Errorf("want the header without its value, got:\n%s", lines)
	}
	_, err = a.region.ModifyRule(t.Context(), &elb.ModifyRuleInput{RuleArn: made.Rules[0].RuleArn, Conditions: header("hunter3")})
	check(t, err)
	if second := plan(); second.Digest == first.Digest {
		t.Errorf("want another plan for another value, got %s again", second.Digest)
	}
}

// TestAdoptionOfManyRules: where old and new rules do not fit side by side, the plan says what that costs, and it comes to the same.
func TestAdoptionOfManyRules(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	want := shop(99) // of which one is there, beside three others
	foreign, err := a.provider.Foreign(t.Context(), testOwner, compiled(t, want), []string{old.lb})
	check(t, err)
	told := slices.ContainsFunc(foreign.Notes, func(note string) bool { return strings.Contains(note, "would have 102, and AWS allows 100") })
	if !told {
		t.Errorf("want it told, got %q", foreign.Notes)
	}
}

// adoptWhole plans, agrees, and converges. It returns the first error that is not of those that pass.
func adoptWhole(ctx context.Context, s *providertest.Session, want *ir.LoadBalancer, names ...string) error {
	p, ok := s.Provider.(cloud.Adopter)
	if !ok {
		return errors.New("it is no Adopter")
	}
	c, err := s.Provider.Compile(want)
	if err != nil {
		return err
	}
	digest := ""
	for range 20 {
		f, err := p.Foreign(ctx, s.Owner, c.Graph, names)
		switch {
		case err == nil && len(f.Unmarked) == 0:
			return s.Converge(ctx, want)
		case err == nil:
			plan, err := cloud.PlanAdoption(s.Provider, c.Graph, graph.Graph{}, names, f)
			if err != nil {
				return err
			}
			if digest != "" && plan.Digest != digest {
				return fmt.Errorf("the plan was %s, and is %s after a part of the marks", digest, plan.Digest)
			}
			digest = plan.Digest
			err = p.Adopt(ctx, s.Owner, f)
			if err == nil {
				continue
			}
			s.Errors = append(s.Errors, err)
		}
		if kind := cloud.KindOf(err); kind == cloud.Invalid || kind == cloud.Denied {
			return err
		}
	}
	return errors.New("not adopted after 20 tries")
}

// whole tells what is wrong with an account in which legacy was adopted.
func (a *account) whole(t *testing.T, old legacy, want *ir.LoadBalancer) {
	t.Helper()
	ctx := context.Background()
	out, err := a.region.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	check(t, err)
	if len(out.LoadBalancers) != 1 || aws.ToString(out.LoadBalancers[0].LoadBalancerArn) != old.lb {
		t.Fatalf("want the one load balancer %s, got %v", old.lb, out.LoadBalancers)
	}
	s := providertest.NewSession(a.witness, testOwner)
	check(t, s.Observe(ctx))
	left, err := cloud.Diff(a.witness, compiled(t, want), s.Got)
	check(t, err)
	if !left.Empty() {
		t.Errorf("still to do: %v", left.Steps)
	}
	all, err := a.witness.Observe(ctx, cloud.Scope{Cluster: testOwner.Cluster})
	check(t, err)
	if len(all) != 1 || count(all[testOwner.Key()], provider.KindLoadBalancer) != 1 {
		t.Errorf("a look at the cluster shows %v", all)
	}
}

// remains holds that what was somebody else's is there, and nothing more.
func (a *account) remains(t *testing.T, old legacy) {
	t.Helper()
	ctx := context.Background()
	groups, err := a.region.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{})
	check(t, err)
	if len(groups.TargetGroups) != 1 || aws.ToString(groups.TargetGroups[0].TargetGroupArn) != old.group {
		t.Errorf("want the target group %s alone, got %v", old.group, groups.TargetGroups)
	}
	if sgs := a.securityGroups(t); len(sgs) != 1 || aws.ToString(sgs[0].GroupId) != old.securityGroup {
		t.Errorf("want the security group %s alone, got %v", old.securityGroup, sgs)
	}
	if n := a.Resources(t); n != 2 {
		t.Errorf("want 2 resources left, got %d", n)
	}
}

func TestAdoption(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	want := shop(3)
	s := providertest.NewSession(a.provider, testOwner)
	check(t, adoptWhole(t.Context(), s, want, old.lb))
	a.whole(t, old, want)
	rule, err := a.region.DescribeRules(t.Context(), &elb.DescribeRulesInput{RuleArns: []string{old.rule}})
	check(t, err)
	if len(rule.Rules) != 1 || aws.ToString(rule.Rules[0].Actions[0].TargetGroupArn) == old.group {
		t.Errorf("want the rule of the same conditions changed in place, got %v", rule.Rules)
	}
	// From now on it is as any other.
	before := len(a.Calls(t))
	check(t, s.Converge(t.Context(), shop(4)))
	if mutating, _ := a.calls(t, before); !slices.Equal(mutating, []string{"CreateRule"}) {
		t.Errorf("want one call for a rule more, got %v", mutating)
	}
	a.whole(t, old, shop(4))
	check(t, s.Converge(t.Context(), nil))
	a.remains(t, old)
}

// TestAdoptionUnderFaults: a fault or a lost answer at any call, and it comes to the same.
func TestAdoptionUnderFaults(t *testing.T) {
	for _, effect := range []string{"error", "drop-reply"} {
		t.Run(effect, func(t *testing.T) {
			for nth := 1; ; nth += faultStride {
				a := openAccount(t, nil)
				old := a.legacy(t, nil)
				s := providertest.NewSession(a.provider, testOwner)
				a.Fault(t, nth, effect)
				if err := adoptWhole(t.Context(), s, shop(2), old.lb); err != nil {
					t.Fatalf("at call %d: %v", nth, err)
				}
				struck := a.Heal(t)
				a.whole(t, old, shop(2))
				check(t, s.Converge(t.Context(), nil))
				a.remains(t, old)
				if !struck {
					t.Logf("fewer than %d calls", nth)
					return
				}
			}
		})
	}
}

// TestNoSecondLoadBalancer: where an adopted load balancer is not seen, because AWS tells of tags later, none is made in its place.
func TestNoSecondLoadBalancer(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	check(t, adoptWhole(t.Context(), providertest.NewSession(a.provider, testOwner), shop(1), old.lb))
	blind := providertest.NewSession(a.provider, testOwner)
	blind.Got, blind.Known = graph.Graph{}, true
	if _, err := blind.Pass(t.Context(), compiled(t, shop(1))); !strings.Contains(fmt.Sprint(err), "was adopted in its place") {
		t.Errorf("want it found, got %v", err)
	}
	check(t, blind.Converge(t.Context(), shop(1)))
	a.whole(t, old, shop(1))
}
