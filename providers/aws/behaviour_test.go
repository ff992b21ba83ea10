package aws_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// pass performs one plan from what is observed, and returns its errors.
func pass(t *testing.T, p cloud.Provider, want graph.Graph) error {
	t.Helper()
	_, err := providertest.NewSession(p, testOwner).Pass(t.Context(), want)
	return err
}

// mustFail holds that err is of a kind and says what is wrong.
func mustFail(t *testing.T, err error, kind cloud.Kind, text string) {
	t.Helper()
	if cloud.KindOf(err) != kind || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("want %v %q, got %v %v", kind, text, cloud.KindOf(err), err)
	}
}

// TestForeignTargetGroupIsNotTouched takes our mark away from a target group: it is somebody else's then.
func TestForeignTargetGroupIsNotTouched(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, drawn())
	arn := got[webID].External
	_, err := a.region.AddTags(t.Context(), &elb.AddTagsInput{
		ResourceArns: []string{arn}, Tags: []elbtypes.Tag{{Key: aws.String("cloudgate.dev/owner"), Value: aws.String("somebody")}},
	})
	check(t, err)
	mustFail(t, pass(t, a.provider, drawn()), cloud.Invalid, "does not belong to this Gateway")
	out, err := a.region.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: []string{arn}})
	check(t, err)
	for _, tag := range out.TagDescriptions[0].Tags {
		if aws.ToString(tag.Key) == "cloudgate.dev/owner" && aws.ToString(tag.Value) != "somebody" {
			t.Errorf("the foreign target group was taken: %v", aws.ToString(tag.Value))
		}
	}
}

// TestForeignRuleIsLeftAlone adds a rule to our listener as somebody else would.
func TestForeignRuleIsLeftAlone(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, drawn())
	out, err := a.region.CreateRule(t.Context(), &elb.CreateRuleInput{
		ListenerArn: aws.String(got[listenerID].External), Priority: aws.Int32(7),
		Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/mine"}}},
		Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse,
			FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("200")}}},
	})
	check(t, err)
	converge(t, a.provider, drawn())
	if _, err := a.region.DescribeRules(t.Context(), &elb.DescribeRulesInput{RuleArns: []string{aws.ToString(out.Rules[0].RuleArn)}}); err != nil {
		t.Errorf("the rule of somebody else is gone: %v", err)
	}
	// It is in the way of ours: that is said, and nothing is taken.
	taken := edit(ruleID, func(r *provider.Rule) { r.Priority = 7 })[ruleID]
	s := providertest.NewSession(a.provider, testOwner)
	s.Got, s.Known = got, true
	_, err = s.Perform(t.Context(), plan.Step{Op: plan.Create, Want: taken})
	mustFail(t, err, cloud.Invalid, "priority 7 is taken by a resource that does not belong to this Gateway")
}

// TestDriftIsRepaired changes things behind the provider's back.
func TestDriftIsRepaired(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, drawn())
	ctx := context.Background()
	_, err := a.region.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: aws.String(got[ruleID].External), Actions: []elbtypes.Action{{
		Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("200")}}}})
	check(t, err)
	_, err = a.region.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(got[webID].External),
		Targets: []elbtypes.TargetDescription{{Id: aws.String("127.96.0.3"), Port: aws.Int32(8080)}}})
	check(t, err)
	s := providertest.NewSession(a.provider, testOwner)
	check(t, s.Observe(t.Context()))
	left, err := cloud.Diff(a.provider, drawn(), s.Got)
	check(t, err)
	var why []string
	for _, step := range left.Steps {
		why = append(why, step.Op.String()+" "+string(step.ID().Kind)+": "+step.Why)
	}
	if len(why) != 2 || !strings.Contains(why[0], "action.fixed.statusCode") || !strings.Contains(why[1], "target 127.96.0.3:8080 comes") {
		t.Errorf("got %s", strings.Join(why, "\n"))
	}
	converge(t, a.provider, drawn())
}

// TestLoadBalancerDeletedBehindOurBack ends in what is wanted, made again.
func TestLoadBalancerDeletedBehindOurBack(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, drawn())
	_, err := a.region.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(got[balancerID].External)})
	check(t, err)
	// Who does not know it yet is told.
	s := providertest.NewSession(a.provider, testOwner)
	s.Got, s.Known = got, true
	changed := edit(ruleID, func(r *provider.Rule) { r.URLRewrite = nil })
	_, err = s.Pass(t.Context(), changed)
	mustFail(t, err, cloud.NotFound, "")
	again := converge(t, a.provider, changed)
	if again[balancerID].External == got[balancerID].External {
		t.Error("the load balancer was not made again")
	}
}

// TestDeletionProtection is respected, and told.
func TestDeletionProtection(t *testing.T) {
	a := openAccount(t, nil)
	protected := edit(balancerID, func(l *provider.LoadBalancer) {
		l.Attributes = map[string]string{"deletion_protection.enabled": "true"}
	})
	converge(t, a.provider, protected)
	mustFail(t, pass(t, a.provider, graph.Graph{}), cloud.Denied, "deletion protection is on")
	converge(t, a.provider, edit(balancerID, func(l *provider.LoadBalancer) {
		l.Attributes = map[string]string{"deletion_protection.enabled": "false"}
	}))
	converge(t, a.provider, graph.Graph{})
	if n := a.Resources(t); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

// TestSlowCloud goes through states that pass: what is pending is said, and waited for.
func TestSlowCloud(t *testing.T) {
	a := openAccount(t, func(c *fakeaws.Config) { c.Latency = world.Fast })
	s := providertest.NewSession(a.provider, testOwner)
	if _, err := s.Pass(t.Context(), drawn()); err != nil {
		t.Fatal(err)
	}
	if want := "load balancer application-1 is being created"; s.Got[balancerID].Pending != want {
		t.Errorf("want %q, got %q", want, s.Got[balancerID].Pending)
	}
	if len(s.Got[balancerID].Addresses) != 1 {
		t.Errorf("a load balancer has its name from the beginning, got %v", s.Got[balancerID].Addresses)
	}
	eventually(t, "the load balancer is there", func() bool {
		check(t, s.Observe(t.Context()))
		return s.Got[balancerID].Pending == ""
	})
	converge(t, a.provider, drawn())
	// The security group is used by the load balancer's interfaces for a while after it is gone.
	eventually(t, "all is gone", func() bool {
		if err := pass(t, a.provider, graph.Graph{}); err != nil {
			t.Fatal(err)
		}
		return a.Resources(t) == 0
	})
}

// TestEventualConsistency has AWS show what was made only after a moment.
func TestEventualConsistency(t *testing.T) {
	a := openAccount(t, func(c *fakeaws.Config) { c.Lag = 30e6 })
	for _, want := range []graph.Graph{drawn(), {}} {
		eventually(t, "it is as wanted", func() bool {
			s := providertest.NewSession(a.provider, testOwner)
			done, err := s.Pass(t.Context(), want)
			switch cloud.KindOf(err) {
			case cloud.Conflict, cloud.NotFound, cloud.Unknown, cloud.Unavailable:
			default:
				t.Fatal(err)
			}
			return done && err == nil
		})
	}
	eventually(t, "all is gone", func() bool { return a.Resources(t) == 0 })
}

// TestUnfinishedCreate has AWS refuse the second call of a create. What was made by the first is known then: the rest is an update.
func TestUnfinishedCreate(t *testing.T) {
	a := openAccount(t, nil)
	bad := edit(balancerID, func(l *provider.LoadBalancer) { l.Attributes = map[string]string{"no.such.attribute": "1"} })
	mustFail(t, pass(t, a.provider, bad), cloud.Conflict, "ModifyLoadBalancerAttributes")
	s := providertest.NewSession(a.provider, testOwner)
	_, err := s.Pass(t.Context(), bad)
	mustFail(t, err, cloud.Invalid, "ModifyLoadBalancerAttributes")
	if s.Got[balancerID].External == "" {
		t.Error("the load balancer that was made is not known")
	}
	converge(t, a.provider, graph.Graph{})
	if n := a.Resources(t); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

// TestTroubleEndsWithItsCause lets AWS refuse every call of one name, and then no more.
func TestTroubleEndsWithItsCause(t *testing.T) {
	for _, tc := range []struct {
		op, code string
		kind     cloud.Kind
		text     string
	}{
		{"elasticloadbalancing:CreateRule", "AccessDenied", cloud.Denied, "may not call elasticloadbalancing:CreateRule"},
		{"elasticloadbalancing:CreateRule", "TooManyRules", cloud.Quota, "CreateRule"},
		{"elasticloadbalancing:CreateLoadBalancer", "InvalidSubnet", cloud.Invalid, "CreateLoadBalancer"},
		{"elasticloadbalancing:RegisterTargets", "Throttling", cloud.Throttled, "RegisterTargets"},
		{"elasticloadbalancing:DescribeTargetGroups", "Throttling", cloud.Throttled, "DescribeTargetGroups"},
		{"ec2:CreateSecurityGroup", "SecurityGroupLimitExceeded", cloud.Quota, "CreateSecurityGroup"},
		{"ec2:AuthorizeSecurityGroupIngress", "UnauthorizedOperation", cloud.Denied, "may not call ec2:AuthorizeSecurityGroupIngress"},
		{"ec2:DescribeSubnets", "RequestLimitExceeded", cloud.Throttled, "DescribeSubnets"},
	} {
		t.Run(tc.op+" "+tc.code, func(t *testing.T) {
			a := openAccount(t, nil)
			if _, err := a.api.Faults().Add(fault.Rule{Op: tc.op, Effect: fault.Error, Code: tc.code}); err != nil {
				t.Fatal(err)
			}
			first := pass(t, a.provider, drawn())
			if cloud.KindOf(first) == cloud.Conflict { // it was made, and has to be looked at before the rest is tried
				first = pass(t, a.provider, drawn())
			}
			mustFail(t, first, tc.kind, tc.text)
			// The text is the same each time, or every pass would write a status.
			if second := pass(t, a.provider, drawn()); second == nil || cloud.KindOf(second) != tc.kind {
				t.Errorf("the second time: %v", second)
			}
			a.api.Faults().Clear()
			for range 5 {
				if err := pass(t, a.provider, drawn()); err != nil && cloud.KindOf(err) != cloud.Conflict {
					t.Fatal(err)
				}
			}
			converge(t, a.provider, drawn())
		})
	}
}

// TestDeniedCredentials has AWS verify signatures, and the provider sign with a key that it does not know, or with another secret.
func TestDeniedCredentials(t *testing.T) {
	a := openAccount(t, nil)
	for reason, keys := range map[string]map[string]string{"unknown key": {"other": "secret"}, "wrong secret": {"test": "secret"}} {
		_, url := serve(t, a.cloud, func(c *awsapi.Config) { c.Keys = keys })
		first, second := pass(t, providerAt(t, url, true), drawn()), pass(t, providerAt(t, url, true), drawn())
		mustFail(t, first, cloud.Denied, "AWS does not accept the controller's credentials")
		mustFail(t, second, cloud.Denied, "AWS does not accept the controller's credentials")
		if text := first.Error(); strings.ContainsAny(text, "0123456789=") {
			t.Errorf("%s: want a text that is the same each time, got %q", reason, text)
		}
	}
	_, url := serve(t, a.cloud, func(c *awsapi.Config) { c.Keys = map[string]string{"test": "test"} })
	converge(t, providerAt(t, url, true), drawn())
}

// TestRoleOfAServiceAccount has no credentials but a token of Kubernetes and the name of a role, as IRSA gives them to a pod.
func TestRoleOfAServiceAccount(t *testing.T) {
	a := openAccount(t, nil)
	token := filepath.Join(t.TempDir(), "token")
	header, claims := `{"alg":"RS256","typ":"JWT"}`, `{"iss":"https://oidc.example.com","sub":"system:serviceaccount:cloudgate-system:cloudgate","aud":["sts.amazonaws.com"],"exp":4102444800}`
	encode := base64.RawURLEncoding.EncodeToString
	check(t, os.WriteFile(token, []byte(encode([]byte(header))+"."+encode([]byte(claims))+"."+encode([]byte("signature"))), 0o600))
	for name, value := range map[string]string{
		"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/cloudgate", "AWS_ROLE_SESSION_NAME": "test",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	p, err := provider.New(t.Context(), provider.Config{Region: testRegion, Endpoint: a.url, Unmetered: true})
	check(t, err)
	converge(t, p, drawn())
	_, reads := a.calls(t, 0)
	if !slices.Contains(reads, "AssumeRoleWithWebIdentity") {
		t.Errorf("want the role to be taken, got %v", reads)
	}
}

func TestHealth(t *testing.T) {
	a := openAccount(t, nil)
	want := site(testOwner, []string{a.defaultGroup(t)}, 2, 1)
	s := providertest.NewSession(a.provider, testOwner)
	check(t, s.Converge(t.Context(), want))
	health, err := a.provider.Health(t.Context(), s.Got)
	check(t, err)
	var got []string
	for _, h := range health {
		got = append(got, h.Pool+" "+h.Address)
		if h.State == "" || (!h.Healthy && h.Reason == "") {
			t.Errorf("%s: state %q, reason %q", h.Address, h.State, h.Reason)
		}
	}
	wanted := []string{
		"shop/svc-0/80 127.98.0.1:8080", "shop/svc-0/80 127.98.0.2:8080", "shop/svc-0/80 127.98.0.3:8080",
		"shop/svc-1/80 127.98.1.1:8080", "shop/svc-1/80 127.98.1.2:8080", "shop/svc-1/80 127.98.1.3:8080",
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}
