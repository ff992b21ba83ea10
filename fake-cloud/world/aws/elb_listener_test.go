package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// certificate makes a row of a certificate that is issued, and returns its ARN.
func (a *account) certificate(name string) string {
	a.t.Helper()
	arn := a.arn("acm", "certificate/"+name)
	if err := a.write(func(x *tx) error {
		c := &Certificate{Meta: x.meta(arn, nil, 0)}
		c.Detail.Status = "ISSUED"
		a.certificates.put(x, c)
		return nil
	}); err != nil {
		a.t.Fatal(err)
	}
	return arn
}

func TestCreateListener(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"listeners-per-application-load-balancer": 2} })
	lb, network, cert := a.alb("web"), a.nlb("net"), a.certificate("one")
	with := func(change func(*elb.CreateListenerInput)) *elb.CreateListenerInput {
		in := &elb.CreateListenerInput{LoadBalancerArn: &lb, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps, DefaultActions: []types.Action{forward("")},
			Certificates: []types.Certificate{{CertificateArn: &cert}}}
		change(in)
		return in
	}
	for name, test := range map[string]struct {
		in   *elb.CreateListenerInput
		code string
	}{
		"no load balancer":      {with(func(in *elb.CreateListenerInput) { in.LoadBalancerArn = nil }), "ValidationError"},
		"no ARN":                {with(func(in *elb.CreateListenerInput) { in.LoadBalancerArn = aws.String("x") }), "ValidationError"},
		"unknown load balancer": {with(func(in *elb.CreateListenerInput) { in.LoadBalancerArn = aws.String(lb + "0") }), "LoadBalancerNotFound"},
		"no port":               {with(func(in *elb.CreateListenerInput) { in.Port = nil }), "ValidationError"},
		"port":                  {with(func(in *elb.CreateListenerInput) { in.Port = aws.Int32(0) }), "ValidationError"},
		"no actions":            {with(func(in *elb.CreateListenerInput) { in.DefaultActions = nil }), "ValidationError"},
		"no certificate":        {with(func(in *elb.CreateListenerInput) { in.Certificates = nil }), "ValidationError"},
		"two certificates":      {with(func(in *elb.CreateListenerInput) { in.Certificates = append(in.Certificates, in.Certificates[0]) }), "ValidationError"},
		"unknown certificate":   {with(func(in *elb.CreateListenerInput) { in.Certificates[0].CertificateArn = aws.String("arn:x") }), "CertificateNotFound"},
		"certificate for HTTP":  {with(func(in *elb.CreateListenerInput) { in.Protocol = types.ProtocolEnumHttp }), "ValidationError"},
		"SSL policy":            {with(func(in *elb.CreateListenerInput) { in.SslPolicy = aws.String("none") }), "SSLPolicyNotFound"},
		"ALPN for HTTPS":        {with(func(in *elb.CreateListenerInput) { in.AlpnPolicy = []string{"HTTP2Only"} }), "ValidationError"},
		"ALPN": {with(func(in *elb.CreateListenerInput) {
			in.LoadBalancerArn, in.Protocol, in.AlpnPolicy = &network, types.ProtocolEnumTls, []string{"x"}
		}), "ALPNPolicyNotFound"},
		"verify without a store": {with(func(in *elb.CreateListenerInput) {
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("verify")}
		}), "ValidationError"},
		"unknown trust store": {with(func(in *elb.CreateListenerInput) {
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: aws.String("arn:x")}
		}), "TrustStoreNotFound"},
		"unknown target group": {with(func(in *elb.CreateListenerInput) {
			in.DefaultActions = []types.Action{forward(a.elbARN("targetgroup/x/1"))}
		}), "TargetGroupNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &account{a.Region, t}
			refused(b, test.code, b.CreateListener, test.in)
			if len(b.elbListeners.all()) != 0 {
				t.Error("a listener was made")
			}
		})
	}
	in := with(func(*elb.CreateListenerInput) {})
	first := do(a, a.CreateListener, in).Listeners[0]
	if *first.SslPolicy != "ELBSecurityPolicy-2016-08" || *first.MutualAuthentication.Mode != "off" || len(first.Certificates) != 1 {
		t.Errorf("want the defaults, got %+v", first)
	}
	if again := do(a, a.CreateListener, in).Listeners[0]; *again.ListenerArn != *first.ListenerArn {
		t.Error("an equal create made another listener")
	}
	refused(a, "DuplicateListener", a.CreateListener, with(func(in *elb.CreateListenerInput) { in.SslPolicy = aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06") }))
	a.listener(lb, 80, types.ProtocolEnumHttp, "")
	refused(a, "TooManyListeners", a.CreateListener, with(func(in *elb.CreateListenerInput) { in.Port = aws.Int32(8443) }))
}

func TestModifyListener(t *testing.T) {
	a := accountFor(t, nil)
	lb, one, two := a.alb("web"), a.certificate("one"), a.certificate("two")
	l := a.listener(lb, 80, types.ProtocolEnumHttp, "")
	a.listener(lb, 81, types.ProtocolEnumHttp, "")
	refused(a, "ValidationError", a.ModifyListener, &elb.ModifyListenerInput{ListenerArn: &l, Protocol: types.ProtocolEnumHttps})
	refused(a, "DuplicateListener", a.ModifyListener, &elb.ModifyListenerInput{ListenerArn: &l, Port: aws.Int32(81)})
	got := do(a, a.ModifyListener, &elb.ModifyListenerInput{
		ListenerArn: &l, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), Certificates: []types.Certificate{{CertificateArn: &one}},
	}).Listeners[0]
	if *got.Port != 443 || got.SslPolicy == nil || *got.DefaultActions[0].FixedResponseConfig.StatusCode != "404" {
		t.Errorf("want the changes and the old actions, got %+v", got)
	}
	do(a, a.AddListenerCertificates, &elb.AddListenerCertificatesInput{ListenerArn: &l, Certificates: []types.Certificate{{CertificateArn: &two}}})
	refused(a, "OperationNotPermitted", a.RemoveListenerCertificates,
		&elb.RemoveListenerCertificatesInput{ListenerArn: &l, Certificates: []types.Certificate{{CertificateArn: &one}}})
	// The second becomes the default; the first is gone, as AWS replaces a default certificate.
	do(a, a.ModifyListener, &elb.ModifyListenerInput{ListenerArn: &l, Certificates: []types.Certificate{{CertificateArn: &two}}})
	certs := do(a, a.DescribeListenerCertificates, &elb.DescribeListenerCertificatesInput{ListenerArn: &l}).Certificates
	want := []types.Certificate{{CertificateArn: &two, IsDefault: aws.Bool(true)}}
	if diff := cmp.Diff(want, certs, cmpopts.IgnoreUnexported(types.Certificate{})); diff != "" {
		t.Error(diff)
	}
	attributes := func() int {
		return len(do(a, a.DescribeListenerAttributes, &elb.DescribeListenerAttributesInput{ListenerArn: &l}).Attributes)
	}
	if n := attributes(); n != 19 {
		t.Errorf("want 19 attributes of HTTPS, got %d", n)
	}
	got = do(a, a.ModifyListener, &elb.ModifyListenerInput{ListenerArn: &l, Protocol: types.ProtocolEnumHttp}).Listeners[0]
	if got.SslPolicy != nil || len(got.Certificates) != 0 || got.MutualAuthentication != nil || attributes() != 11 {
		t.Errorf("want nothing of HTTPS left, got %+v with %d attributes", got, attributes())
	}
}

func TestCertificatesOfAListenerAreLimited(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"certificates-per-application-load-balancer": 1} })
	lb, one, two, three := a.alb("web"), a.certificate("one"), a.certificate("two"), a.certificate("three")
	l := *do(a, a.CreateListener, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps, DefaultActions: []types.Action{forward("")},
		Certificates: []types.Certificate{{CertificateArn: &one}},
	}).Listeners[0].ListenerArn
	add := func(arns ...string) *elb.AddListenerCertificatesInput {
		in := &elb.AddListenerCertificatesInput{ListenerArn: &l}
		for i := range arns {
			in.Certificates = append(in.Certificates, types.Certificate{CertificateArn: &arns[i]})
		}
		return in
	}
	refused(a, "TooManyCertificates", a.AddListenerCertificates, add(two, three))
	refused(a, "CertificateNotFound", a.AddListenerCertificates, add("arn:x"))
	do(a, a.AddListenerCertificates, add(two, one))
	do(a, a.RemoveListenerCertificates, &elb.RemoveListenerCertificatesInput{ListenerArn: &l, Certificates: []types.Certificate{{CertificateArn: &two}}})
	do(a, a.AddListenerCertificates, add(three))
}

// TestTheDefaultCertificateOnTheList: AWS lists it twice once it has been added, and clients that want it there would add it for ever otherwise.
func TestTheDefaultCertificateOnTheList(t *testing.T) {
	a := accountFor(t, nil)
	lb, one := a.alb("web"), a.certificate("one")
	l := *do(a, a.CreateListener, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps, DefaultActions: []types.Action{forward("")},
		Certificates: []types.Certificate{{CertificateArn: &one}},
	}).Listeners[0].ListenerArn
	listed := func() (defaults []bool) {
		for _, c := range do(a, a.DescribeListenerCertificates, &elb.DescribeListenerCertificatesInput{ListenerArn: &l}).Certificates {
			if *c.CertificateArn != one {
				t.Errorf("got %s", *c.CertificateArn)
			}
			defaults = append(defaults, *c.IsDefault)
		}
		return defaults
	}
	certificates := []types.Certificate{{CertificateArn: &one}}
	for range 2 {
		do(a, a.AddListenerCertificates, &elb.AddListenerCertificatesInput{ListenerArn: &l, Certificates: certificates})
	}
	if diff := cmp.Diff([]bool{true, false}, listed()); diff != "" {
		t.Error("after it was added:", diff)
	}
	do(a, a.RemoveListenerCertificates, &elb.RemoveListenerCertificatesInput{ListenerArn: &l, Certificates: certificates})
	if diff := cmp.Diff([]bool{true}, listed()); diff != "" {
		t.Error("after it was removed:", diff)
	}
	refused(a, "OperationNotPermitted", a.RemoveListenerCertificates, &elb.RemoveListenerCertificatesInput{ListenerArn: &l, Certificates: certificates})
}

func TestRedirectsAndForwardsAreShownWhole(t *testing.T) {
	a := accountFor(t, nil)
	lb, one, two := a.alb("web"), a.group("one", types.ProtocolEnumHttp), a.group("two", types.ProtocolEnumHttp)
	l := a.listener(lb, 80, types.ProtocolEnumHttp, one)
	got := do(a, a.DescribeListeners, &elb.DescribeListenersInput{ListenerArns: []string{l}}).Listeners[0].DefaultActions[0]
	want := types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &one, ForwardConfig: &types.ForwardActionConfig{
		TargetGroups:                []types.TargetGroupTuple{{TargetGroupArn: &one, Weight: aws.Int32(1)}},
		TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)},
	}}
	opts := cmpopts.IgnoreUnexported(types.Action{}, types.ForwardActionConfig{}, types.TargetGroupTuple{}, types.TargetGroupStickinessConfig{}, types.RedirectActionConfig{})
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Error(diff)
	}
	modify := func(action types.Action) *elb.ModifyListenerInput {
		return &elb.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{action}}
	}
	redirect := func(c types.RedirectActionConfig) types.Action {
		return types.Action{Type: types.ActionTypeEnumRedirect, RedirectConfig: &c}
	}
	got = do(a, a.ModifyListener, modify(redirect(types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp301, Protocol: aws.String("HTTPS")}))).Listeners[0].DefaultActions[0]
	want = redirect(types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp301, Protocol: aws.String("HTTPS"), Port: aws.String("#{port}"),
		Host: aws.String("#{host}"), Path: aws.String("/#{path}"), Query: aws.String("#{query}")})
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Error(diff)
	}
	weighted := func(weights ...int32) types.Action {
		c := &types.ForwardActionConfig{}
		for i, w := range weights {
			c.TargetGroups = append(c.TargetGroups, types.TargetGroupTuple{TargetGroupArn: []*string{&one, &two}[i%2], Weight: &w})
		}
		return types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: c}
	}
	do(a, a.ModifyListener, modify(weighted(1, 0)))
	for name, action := range map[string]types.Action{
		"weight":              weighted(1, 1000),
		"a group twice":       weighted(1, 1, 1),
		"loop":                redirect(types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp301}),
		"redirect status":     redirect(types.RedirectActionConfig{StatusCode: "HTTP_308", Protocol: aws.String("HTTPS")}),
		"redirect path":       redirect(types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp301, Path: aws.String("a")}),
		"redirect keyword":    redirect(types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp301, Path: aws.String("/#{query}")}),
		"fixed status":        {Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("301")}},
		"fixed content type":  {Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), ContentType: aws.String("x/y")}},
		"another's config":    {Type: types.ActionTypeEnumRedirect, TargetGroupArn: &one},
		"no config":           {Type: types.ActionTypeEnumFixedResponse},
		"no type":             {},
		"both groups at once": {Type: types.ActionTypeEnumForward, TargetGroupArn: &one, ForwardConfig: weighted(1, 1).ForwardConfig},
	} {
		t.Run(name, func(t *testing.T) {
			b := &account{a.Region, t}
			refused(b, "ValidationError", b.ModifyListener, modify(action))
		})
	}
}

func TestRules(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"rules-per-application-load-balancer": 3} })
	lb := a.alb("web")
	l := a.listener(lb, 80, types.ProtocolEnumHttp, "")
	one, two := a.rule(l, 20, "/a", ""), a.rule(l, 10, "/b", "")
	in := &elb.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(20), Conditions: []types.RuleCondition{path("/c")}, Actions: []types.Action{forward("")}}
	refused(a, "PriorityInUse", a.CreateRule, in)
	in.Priority = aws.Int32(50001)
	refused(a, "ValidationError", a.CreateRule, in)
	three := a.rule(l, 30, "/c", "")
	in.Priority = aws.Int32(40)
	refused(a, "TooManyRules", a.CreateRule, in)

	order := func() []string {
		var got []string
		in := &elb.DescribeRulesInput{ListenerArn: &l, PageSize: aws.Int32(2)}
		for {
			out := do(a, a.DescribeRules, in)
			for _, r := range out.Rules {
				got = append(got, *r.Priority)
			}
			if in.Marker = out.NextMarker; in.Marker == nil {
				return got
			}
		}
	}
	if diff := cmp.Diff([]string{"10", "20", "30", "default"}, order()); diff != "" {
		t.Error(diff)
	}
	set := func(pairs ...any) *elb.SetRulePrioritiesInput {
		in := &elb.SetRulePrioritiesInput{}
		for i := 0; i < len(pairs); i += 2 {
			in.RulePriorities = append(in.RulePriorities, types.RulePriorityPair{RuleArn: aws.String(pairs[i].(string)), Priority: aws.Int32(int32(pairs[i+1].(int)))})
		}
		return in
	}
	refused(a, "PriorityInUse", a.SetRulePriorities, set(one, 11, two, 30))
	refused(a, "ValidationError", a.SetRulePriorities, set(one, 11, two, 11))
	refused(a, "RuleNotFound", a.SetRulePriorities, set(one, 11, two+"0", 12))
	if diff := cmp.Diff([]string{"10", "20", "30", "default"}, order()); diff != "" {
		t.Errorf("some priorities were set: %s", diff)
	}
	do(a, a.SetRulePriorities, set(one, 30, two, 20, three, 10)) // swapped at once
	got := do(a, a.DescribeRules, &elb.DescribeRulesInput{RuleArns: []string{three, one}}).Rules
	if *got[0].Priority != "10" || *got[1].Priority != "30" {
		t.Errorf("want 10 and 30, got %s and %s", *got[0].Priority, *got[1].Priority)
	}

	all := do(a, a.DescribeRules, &elb.DescribeRulesInput{ListenerArn: &l}).Rules
	byDefault := all[len(all)-1].RuleArn
	refused(a, "OperationNotPermitted", a.DeleteRule, &elb.DeleteRuleInput{RuleArn: byDefault})
	refused(a, "OperationNotPermitted", a.ModifyRule, &elb.ModifyRuleInput{RuleArn: byDefault, Actions: []types.Action{forward("")}})
	do(a, a.AddTags, &elb.AddTagsInput{ResourceArns: []string{*byDefault}, Tags: manyTags(1)})
	tags := do(a, a.DescribeTags, &elb.DescribeTagsInput{ResourceArns: []string{*byDefault, l}}).TagDescriptions
	if len(tags[0].Tags) != 1 || len(tags[1].Tags) != 0 {
		t.Errorf("want a tag on the default rule alone, got %+v", tags)
	}
	do(a, a.DeleteRule, &elb.DeleteRuleInput{RuleArn: &one})
	refused(a, "RuleNotFound", a.DeleteRule, &elb.DeleteRuleInput{RuleArn: &one})
	do(a, a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: &l})
	refused(a, "RuleNotFound", a.DescribeRules, &elb.DescribeRulesInput{RuleArns: []string{two}})
	refused(a, "ListenerNotFound", a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: &l})
}

func TestUniqueTargetGroupsOfALoadBalancerAreLimited(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"target-groups-per-application-load-balancer": 1} })
	lb, one, two := a.alb("web"), a.group("one", types.ProtocolEnumHttp), a.group("two", types.ProtocolEnumHttp)
	l := a.listener(lb, 80, types.ProtocolEnumHttp, one)
	a.rule(l, 1, "/a", one)
	refused(a, "TooManyUniqueTargetGroupsPerLoadBalancer", a.CreateRule, &elb.CreateRuleInput{
		ListenerArn: &l, Priority: aws.Int32(2), Conditions: []types.RuleCondition{path("/b")}, Actions: []types.Action{forward(two)},
	})
	if n := len(a.rules.all()); n != 1 {
		t.Errorf("want one rule, got %d", n)
	}
}
