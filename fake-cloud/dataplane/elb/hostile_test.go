package elb

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// asked is a request for a path of a host.
type asked struct{ host, path string }

func (r asked) Host() string                 { return r.host }
func (r asked) Path() string                 { return r.path }
func (r asked) Method() string               { return "GET" }
func (r asked) Header(string) (string, bool) { return "", false }
func (r asked) Query(string) (string, bool)  { return "", false }

// FuzzRules has no value of a rule break a listener: whatever it is, the default action is there for what the rule does not match.
func FuzzRules(f *testing.F) {
	f.Add("path-pattern", "/a*", "^/(", "", "$1")
	f.Add("host-header", "*.test", "a)|(b", "x", "")
	f.Add("http-header", "", "", "X-A", "")
	f.Add("query-string", `\`, `\`, "k", "")
	f.Add("source-ip", "not an address", "", "", "")
	f.Add("http-request-method", "*", "", "", "")
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, field, value, regex, name, replace string) {
		var conditions []types.RuleCondition
		for _, filled := range []bool{true, false} {
			c := types.RuleCondition{Field: &field, Values: []string{value}}
			if filled {
				c.HostHeaderConfig = &types.HostHeaderConditionConfig{Values: []string{value}, RegexValues: []string{regex}}
				c.PathPatternConfig = &types.PathPatternConditionConfig{RegexValues: []string{regex}}
				c.HttpHeaderConfig = &types.HttpHeaderConditionConfig{HttpHeaderName: &name, Values: []string{value}}
				c.QueryStringConfig = &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: &name, Value: &value}, {}}}
				c.SourceIpConfig = &types.SourceIpConditionConfig{Values: []string{value}}
			}
			conditions = append(conditions, c)
		}
		actions := []types.Action{
			{Type: types.ActionTypeEnumForward}, {Type: types.ActionTypeEnumRedirect}, {Type: types.ActionTypeEnumFixedResponse}, {},
			{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{}, {Weight: sdk.Int32(-1)}}}},
		}
		l := &aws.ListenerView{Listener: &aws.Listener{Meta: aws.Meta{Key: "listener"}}}
		for i := range actions {
			l.Rules = append(l.Rules, &aws.Rule{
				Meta: aws.Meta{Key: field + string(rune('a'+i))}, Priority: int32(i), Conditions: conditions[i%2 : i%2+1], Actions: actions[i : i+1],
				Transforms: []types.RuleTransform{
					{Type: types.TransformTypeEnumUrlRewrite, UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: []types.RewriteConfig{{Regex: &regex, Replace: &replace}, {}}}},
					{Type: types.TransformTypeEnumHostHeaderRewrite},
				},
			})
		}
		table, _ := compileRules(l, proxy.HeaderEdit{})
		if rule, found := table.Lookup(asked{"host.test", "/path"}); !found || rule.Value.Action == nil {
			t.Errorf("nothing answers: %+v", rule)
		}
	})
}

// TestAConditionThatIsNotUnderstoodNeverHolds leaves its requests to other rules.
func TestAConditionThatIsNotUnderstoodNeverHolds(t *testing.T) {
	for _, c := range []types.RuleCondition{
		{}, {Field: sdk.String("phase-of-moon"), Values: []string{"full"}}, {Field: sdk.String("http-header")}, {Field: sdk.String("query-string")},
		{Field: sdk.String("path-pattern")}, {Field: sdk.String("source-ip")},
	} {
		l := &aws.ListenerView{Listener: &aws.Listener{Meta: aws.Meta{Key: "listener"}, Actions: []types.Action{fixed("404", "")}}}
		l.Rules = []*aws.Rule{{Meta: aws.Meta{Key: "rule"}, Priority: 1, Conditions: []types.RuleCondition{c}, Actions: []types.Action{fixed("200", "")}}}
		table, err := compileRules(l, proxy.HeaderEdit{})
		if err != nil {
			t.Fatal(err)
		}
		if rule, _ := table.Lookup(asked{"host.test", "/path"}); rule.Value.Name != defaultRank {
			t.Errorf("%+v holds", c)
		}
	}
}
