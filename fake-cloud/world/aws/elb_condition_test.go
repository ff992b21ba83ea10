package aws

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func hosts(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String(hostHeader), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: values}}
}

func headers(name string, values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String(httpHeader), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: &name, Values: values}}
}

func paths(patterns ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String(pathPattern), PathPatternConfig: &types.PathPatternConditionConfig{RegexValues: patterns}}
}

func queries(pairs ...string) types.RuleCondition {
	c := types.RuleCondition{Field: aws.String(queryString), QueryStringConfig: &types.QueryStringConditionConfig{}}
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		c.QueryStringConfig.Values = append(c.QueryStringConfig.Values, types.QueryStringKeyValuePair{Key: &key, Value: &value})
	}
	return c
}

func methods(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String(httpMethod), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: values}}
}

func sources(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String(sourceIP), SourceIpConfig: &types.SourceIpConditionConfig{Values: values}}
}

func TestConditions(t *testing.T) {
	both := hosts("a.example.com")
	both.Values = []string{"a.example.com"}
	foreign := path("/a")
	foreign.HostHeaderConfig = &types.HostHeaderConditionConfig{Values: []string{"a.example.com"}}
	tests := map[string]struct {
		conditions []types.RuleCondition
		want       string // part of the message; empty when it is accepted
	}{
		"one of each":                  {[]types.RuleCondition{hosts("a.example.com"), path("/a"), methods("GET"), headers("x-a", "1"), queries("a=1")}, ""},
		"two headers":                  {[]types.RuleCondition{headers("x-a", "1"), headers("x-b", "1")}, ""},
		"five values":                  {[]types.RuleCondition{hosts("a.com", "b.com", "c.com"), path("/a", "/b")}, ""},
		"six values":                   {[]types.RuleCondition{hosts("a.com", "b.com", "c.com"), path("/a", "/b", "/c")}, "can only have '5' condition values"},
		"six wildcards":                {[]types.RuleCondition{hosts("*.a.com"), path("/a*?", "/b*?", "/c*")}, ""},
		"seven wildcards":              {[]types.RuleCondition{hosts("*.a.com"), path("/a*?", "/b*?", "/c*?")}, "can only have '6' condition wildcards"},
		"escaped wildcards are none":   {[]types.RuleCondition{headers("x-a", `\*\*\*\*\*\*\*`)}, ""},
		"two paths":                    {[]types.RuleCondition{path("/a"), path("/b")}, "can only have one 'path-pattern' condition"},
		"regex":                        {[]types.RuleCondition{paths("^/a(/.*)?$")}, ""},
		"regex that is none":           {[]types.RuleCondition{paths("(")}, "is not valid"},
		"regex with lookahead":         {[]types.RuleCondition{paths("a(?=b)")}, "is not valid"},
		"regex with a Unicode class":   {[]types.RuleCondition{paths(`a\p{L}`)}, "is not valid"},
		"regex with a backslash and p": {[]types.RuleCondition{paths(`a\\p`)}, ""},
		"values twice":                 {[]types.RuleCondition{both}, "You cannot provide both Values and 'HostHeaderConfig'"},
		"another field's config":       {[]types.RuleCondition{foreign}, "cannot be specified for a condition with field 'path-pattern'"},
		"no field":                     {[]types.RuleCondition{{}}, "must be one of"},
		"no values":                    {[]types.RuleCondition{hosts()}, "must have values"},
		"empty value":                  {[]types.RuleCondition{path("")}, "is not valid"},
		"host without a dot":           {[]types.RuleCondition{hosts("localhost")}, "is not valid"},
		"wildcard host":                {[]types.RuleCondition{hosts("*.example.com")}, ""},
		"host with a port":             {[]types.RuleCondition{hosts("a.example.com:80")}, "is not valid"},
		"path with a space":            {[]types.RuleCondition{path("/a b")}, "is not valid"},
		"long value":                   {[]types.RuleCondition{path("/" + strings.Repeat("a", 128))}, "is not valid"},
		"host as header":               {[]types.RuleCondition{headers("Host", "a")}, "host header"},
		"header name":                  {[]types.RuleCondition{headers("x a", "1")}, "header name"},
		"method in lower case":         {[]types.RuleCondition{methods("get")}, "is not valid"},
		"query without a key":          {[]types.RuleCondition{queries("=1")}, ""},
		"query without a value":        {[]types.RuleCondition{queries("a=")}, "is not valid"},
		"source":                       {[]types.RuleCondition{sources("10.0.0.0/8", "2001:db8::/32")}, ""},
		"source that is no CIDR block": {[]types.RuleCondition{sources("10.0.0.1")}, "is not a valid CIDR block"},
	}
	a := accountFor(t, nil)
	l := a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, "")
	priority := int32(0)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			priority++
			out, err := a.CreateRule(t.Context(), &elb.CreateRuleInput{
				ListenerArn: &l, Priority: aws.Int32(priority), Conditions: test.conditions, Actions: []types.Action{forward("")},
			})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("want it accepted, got %v", err)
			case test.want == "":
				if n := len(out.Rules[0].Conditions); n != len(test.conditions) {
					t.Errorf("want %d conditions shown, got %d", len(test.conditions), n)
				}
			case !isFault(err, "ValidationError") || !strings.Contains(err.Error(), test.want):
				t.Errorf("want a ValidationError with %q, got %v", test.want, err)
			}
		})
	}
}

func TestConditionsAreShownInBothPlaces(t *testing.T) {
	a := accountFor(t, nil)
	l := a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, "")
	want := types.RuleCondition{
		Field: aws.String(pathPattern), Values: []string{"/b", "/a"}, PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/b", "/a"}},
	}
	long := types.RuleCondition{Field: aws.String(pathPattern), PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/b", "/a"}}}
	for i, given := range []types.RuleCondition{path("/b", "/a"), long} {
		got := do(a, a.CreateRule, &elb.CreateRuleInput{
			ListenerArn: &l, Priority: aws.Int32(int32(i) + 1), Conditions: []types.RuleCondition{given}, Actions: []types.Action{forward("")},
		}).Rules[0].Conditions[0]
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.RuleCondition{}, types.PathPatternConditionConfig{})); diff != "" {
			t.Error(diff)
		}
	}
	// Those of regular expressions, too, at which clients have stumbled: https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/4744
	got := do(a, a.CreateRule, &elb.CreateRuleInput{
		ListenerArn: &l, Priority: aws.Int32(9), Conditions: []types.RuleCondition{paths("^/a$")}, Actions: []types.Action{forward("")},
	}).Rules[0].Conditions[0]
	if diff := cmp.Diff([]string{"^/a$"}, got.RegexValues); diff != "" {
		t.Error(diff)
	}
}

func TestTransforms(t *testing.T) {
	rewrite := func(regex, replace string) types.RuleTransform {
		return types.RuleTransform{Type: types.TransformTypeEnumUrlRewrite, UrlRewriteConfig: &types.UrlRewriteConfig{
			Rewrites: []types.RewriteConfig{{Regex: &regex, Replace: &replace}},
		}}
	}
	a := accountFor(t, nil)
	l := a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, "")
	in := &elb.CreateRuleInput{
		ListenerArn: &l, Priority: aws.Int32(1), Conditions: []types.RuleCondition{path("/a")}, Actions: []types.Action{forward("")},
	}
	for _, wrong := range [][]types.RuleTransform{
		{rewrite("(", "")}, {rewrite("a", "b"), rewrite("a", "b")}, {rewrite("a", strings.Repeat("b", 1025))}, {{Type: types.TransformTypeEnumUrlRewrite}},
		{{Type: "other"}}, {rewrite("", "b")},
	} {
		in.Transforms = wrong
		refused(a, "ValidationError", a.CreateRule, in)
	}
	in.Transforms = []types.RuleTransform{rewrite("^/a(.*)$", "/b$1")}
	rule := do(a, a.CreateRule, in).Rules[0].RuleArn
	transforms := func() int {
		return len(do(a, a.DescribeRules, &elb.DescribeRulesInput{RuleArns: []string{*rule}}).Rules[0].Transforms)
	}
	do(a, a.ModifyRule, &elb.ModifyRuleInput{RuleArn: rule, Conditions: []types.RuleCondition{path("/c")}, Transforms: []types.RuleTransform{}})
	if transforms() != 1 {
		t.Error("an empty list of transforms changed them")
	}
	do(a, a.ModifyRule, &elb.ModifyRuleInput{RuleArn: rule, ResetTransforms: aws.Bool(true)})
	if transforms() != 0 {
		t.Error("transforms were not reset")
	}
	refused(a, "ValidationError", a.ModifyRule, &elb.ModifyRuleInput{RuleArn: rule, ResetTransforms: aws.Bool(true), Transforms: in.Transforms})
	refused(a, "ValidationError", a.ModifyRule, &elb.ModifyRuleInput{RuleArn: rule})
}
