package elb

import (
	"net/http"
	"strconv"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func host(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: sdk.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: values}}
}

func header(name string, values ...string) types.RuleCondition {
	return types.RuleCondition{
		Field: sdk.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: &name, Values: values},
	}
}

// query takes "key=value" or, for any key, "value".
func query(pairs ...types.QueryStringKeyValuePair) types.RuleCondition {
	return types.RuleCondition{Field: sdk.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: pairs}}
}

func pair(key, value string) types.QueryStringKeyValuePair {
	p := types.QueryStringKeyValuePair{Value: &value}
	if key != "" {
		p.Key = &key
	}
	return p
}

func method(values ...string) types.RuleCondition {
	return types.RuleCondition{
		Field: sdk.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: values},
	}
}

func source(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: sdk.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: values}}
}

func pathRegex(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: sdk.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{RegexValues: values}}
}

func hostRegex(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: sdk.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{RegexValues: values}}
}

// TestConditions has one listener with a rule for each kind of condition; each answers with the number of its priority.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, fixed("404", "default"), nil)
	rules := map[int32][]types.RuleCondition{
		10:  {path("/first/*")},
		20:  {path("/first/second", "/exact", "/mark/?")},
		30:  {host("*.example.com"), path("/host")},
		40:  {host("www.example.org", "a?.example.org")},
		50:  {header("X-Team", "blue*", "green"), path("/header")},
		60:  {query(pair("version", "v2*"), pair("", "beta")), path("/query")},
		70:  {query(pair("a", "1")), query(pair("b", "2")), path("/both")},
		80:  {method("POST", "PUT"), path("/method")},
		90:  {source("127.0.0.0/8"), path("/source")},
		95:  {source("10.0.0.0/8"), path("/elsewhere")},
		100: {pathRegex(`^/r/[0-9]+$`)},
		110: {hostRegex(`^v[0-9]\.test$`), path("/host")},
		120: {header("X-A", "1"), header("X-B", "2"), path("/headers")},
		130: {query(pair("star", `\*`)), path("/escaped")},
	}
	for priority, conditions := range rules {
		s.rule(ls, priority, fixed("200", strconv.Itoa(int(priority))), conditions...)
	}
	at := s.at(lb, 8080)
	answers(t, at, "/first/x", 200, "10")
	tests := []struct {
		reason, target, want string
		fields               []string
	}{
		{"the lowest priority wins", "/first/second", "10", nil},
		{"no wildcard", "/exact", "20", nil},
		{"paths have a case", "/EXACT", "default", nil},
		{"a query is no part of the path", "/exact?a=b", "20", nil},
		{"a prefix is none", "/exact/", "default", nil},
		{"one character", "/mark/x", "20", nil},
		{"not none", "/mark/", "default", nil},
		{"not two", "/mark/xy", "default", nil},
		{"a star is any characters", "/first/a/b/c", "10", nil},
		{"and none", "/first/", "10", nil},
		{"a wildcard host", "/host", "30", []string{"Host: a.b.example.com"}},
		{"hosts have no case", "/host", "30", []string{"Host: WWW.Example.COM"}},
		{"a port is no part of the host", "/host", "30", []string{"Host: www.example.com:8080"}},
		{"not the domain itself", "/host", "default", []string{"Host: example.com"}},
		{"one of several hosts", "/any", "40", []string{"Host: ab.example.org"}},
		{"a header", "/header", "50", []string{"X-Team: GREEN"}},
		{"with a star", "/header", "50", []string{"x-team: blueish"}},
		{"one of several fields", "/header", "50", []string{"X-Team: red", "X-Team: blue"}},
		{"another value", "/header", "default", []string{"X-Team: red"}},
		{"no such header", "/header", "default", nil},
		{"a parameter", "/query?version=v2.1", "60", nil},
		{"without case", "/query?Version=V2", "60", nil},
		{"of whatever name", "/query?x=y&z=beta", "60", nil},
		{"another value of a parameter", "/query?version=v1", "default", nil},
		{"two conditions", "/both?b=2&a=1", "70", nil},
		{"one of two conditions", "/both?a=1", "default", nil},
		{"a source", "/source", "90", nil},
		{"another source", "/elsewhere", "default", nil},
		{"an expression", "/r/42", "100", nil},
		{"that does not match", "/r/x42", "default", nil},
		{"an expression on the host", "/host", "110", []string{"Host: v1.test"}},
		{"two headers", "/headers", "120", []string{"X-A: 1", "X-B: 2"}},
		{"one of two", "/headers", "default", []string{"X-A: 1"}},
		{"a star that is one", "/escaped?star=*", "130", nil},
		{"and stands for nothing else", "/escaped?star=x", "default", nil},
	}
	for _, tt := range tests {
		got, err := get(at, tt.target, tt.fields...)
		if err != nil || got.body != tt.want {
			t.Errorf("%s: %s %q: want %s, got %+v, %v", tt.reason, tt.target, tt.fields, tt.want, got, err)
		}
	}
	for m, want := range map[string]string{http.MethodPost: "80", http.MethodPut: "80", http.MethodGet: "default"} {
		if got, err := ask(client(), m, "http://"+at+"/method"); err != nil || got.body != want {
			t.Errorf("%s: want %s, got %+v, %v", m, want, got, err)
		}
	}
}

// TestPrioritiesChange swaps two rules in one call.
func TestPrioritiesChange(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, fixed("404", "default"), nil)
	a := s.rule(ls, 1, fixed("200", "a"), path("/*"))
	b := s.rule(ls, 2, fixed("200", "b"), path("/x"))
	at := s.at(lb, 8080)
	answers(t, at, "/x", 200, "a")
	do(s, s.SetRulePriorities, &api.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
		{RuleArn: &a, Priority: sdk.Int32(2)}, {RuleArn: &b, Priority: sdk.Int32(1)},
	}})
	answers(t, at, "/x", 200, "b")
	answers(t, at, "/y", 200, "a")
}

// TestTransforms rewrites what targets see, not what rules do.
func TestTransforms(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	echo := s.group(nil, backend(t, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Host + r.RequestURI))
	}))
	ls := s.listener(lb, 8080, fixed("404", "default"), nil)
	add := func(priority int32, condition types.RuleCondition, transforms ...types.RuleTransform) {
		t.Helper()
		do(s, s.CreateRule, &api.CreateRuleInput{
			ListenerArn: &ls, Priority: &priority, Conditions: []types.RuleCondition{condition}, Actions: []types.Action{forward(echo)},
			Transforms: transforms,
		})
	}
	url := func(regex, replace string) types.RuleTransform {
		return types.RuleTransform{Type: types.TransformTypeEnumUrlRewrite, UrlRewriteConfig: &types.UrlRewriteConfig{
			Rewrites: []types.RewriteConfig{{Regex: &regex, Replace: &replace}}}}
	}
	name := func(regex, replace string) types.RuleTransform {
		return types.RuleTransform{Type: types.TransformTypeEnumHostHeaderRewrite, HostHeaderRewriteConfig: &types.HostHeaderRewriteConfig{
			Rewrites: []types.RewriteConfig{{Regex: &regex, Replace: &replace}}}}
	}
	add(1, path("/prefix/*"), url("^/prefix/(.*)$", "/$1"))
	add(2, path("/host"), name("^web-(.+)\\.test$", "internal.$1.test"))
	add(3, path("/both/*"), url("^/both", "/other"), name(".*", "fixed.test"))
	add(4, path("/none/*"), url("^/never", "/x"))
	add(5, path("/bad/*"), url("^/bad/", ""))
	at := s.at(lb, 8080)
	answers(t, at, "/prefix/a?q=1", 200, "example.test:8080/a?q=1", "Host: example.test")
	tests := []struct{ target, host, want string }{
		{"/host", "web-a.test", "internal.a.test:8080/host"},
		{"/host", "other.test", "other.test:8080/host"},
		{"/both/x?y", "a.test", "fixed.test:8080/other/x?y"},
		{"/none/x", "a.test", "a.test:8080/none/x"},
	}
	for _, tt := range tests {
		if got, err := get(at, tt.target, "Host: "+tt.host); err != nil || got.status != 200 || got.body != tt.want {
			t.Errorf("%s%s: want %s, got %+v, %v", tt.host, tt.target, tt.want, got, err)
		}
	}
	if got, err := get(at, "/bad/x"); err != nil || got.status != 500 || got.body != page(500) {
		t.Errorf("a transform that fails: got %+v, %v", got, err)
	}
}
