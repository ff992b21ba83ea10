package elb

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// defaultRank comes after all priorities.
const defaultRank = "default"

// compileRules returns the table of a listener of an Application Load Balancer. The error names a rule that cannot be served, which is
// left out; the others are in the table.
func compileRules(l *aws.ListenerView, edits proxy.HeaderEdit) (*proxy.Table, error) {
	var none *proxy.Table
	e := none.Edit()
	var failed error
	put := func(r route.Route[*proxy.Rule]) {
		if err := e.Put(r); err != nil {
			failed = fmt.Errorf("rule %s: %w", r.ID, err)
		}
	}
	for _, r := range l.Rules {
		put(route.Route[*proxy.Rule]{
			ID: r.Key, Rank: fmt.Sprintf("%05d", r.Priority), Match: compileConditions(r.Conditions),
			Value: &proxy.Rule{Name: fmt.Sprint(r.Priority), Action: compileActions(r.Actions, r.Transforms, edits)},
		})
	}
	put(route.Route[*proxy.Rule]{
		ID: l.Key, Rank: defaultRank, Value: &proxy.Rule{Name: defaultRank, Action: compileActions(l.Actions, nil, edits)},
	})
	return e.Commit(), failed
}

// compileConditions returns a match for which all conditions hold.
func compileConditions(conditions []types.RuleCondition) route.Match {
	var m route.Match
	for i := range conditions {
		c := &conditions[i]
		if single(c, &m) {
			continue
		}
		m.All = append(m.All, compileCondition(c))
	}
	return m
}

// single says a condition with one plain path in the words that the table finds fastest, and reports whether it could.
func single(c *types.RuleCondition, m *route.Match) bool {
	values := c.Values
	switch field(c) {
	case "path-pattern":
		if c.PathPatternConfig != nil {
			if len(c.PathPatternConfig.RegexValues) > 0 {
				return false
			}
			values = c.PathPatternConfig.Values
		}
		if len(c.RegexValues) > 0 || len(values) != 1 || strings.ContainsAny(values[0], `*?\`) {
			return false
		}
		m.Path = route.Path{Kind: route.PathExact, Value: values[0]}
		return true
	case "host-header":
		if c.HostHeaderConfig != nil {
			if len(c.HostHeaderConfig.RegexValues) > 0 {
				return false
			}
			values = c.HostHeaderConfig.Values
		}
		if len(c.RegexValues) > 0 || len(values) != 1 || strings.ContainsAny(values[0], `*?\`) {
			return false
		}
		m.Host = strings.ToLower(values[0])
		return true
	}
	return false
}

func field(c *types.RuleCondition) string {
	if c.Field == nil {
		return ""
	}
	return *c.Field
}

// compileCondition returns a condition that never holds for one that is not understood.
func compileCondition(c *types.RuleCondition) route.Condition {
	values, expressions := c.Values, c.RegexValues
	switch field(c) {
	case "host-header":
		if h := c.HostHeaderConfig; h != nil {
			values, expressions = h.Values, h.RegexValues
		}
		return route.Condition{Subject: route.SubjectHost, Values: patterns(values, expressions, true)}
	case "path-pattern":
		if p := c.PathPatternConfig; p != nil {
			values, expressions = p.Values, p.RegexValues
		}
		return route.Condition{Subject: route.SubjectPath, Values: patterns(values, expressions, false)}
	case "http-header":
		h := c.HttpHeaderConfig
		if h == nil || h.HttpHeaderName == nil {
			break
		}
		return route.Condition{
			Subject: route.SubjectHeader, Name: strings.ToLower(*h.HttpHeaderName), Values: patterns(h.Values, h.RegexValues, true),
		}
	case "http-request-method":
		if h := c.HttpRequestMethodConfig; h != nil {
			values = h.Values
		}
		return route.Condition{Subject: route.SubjectMethod, Values: exactly(values)}
	case "query-string":
		if q := c.QueryStringConfig; q != nil {
			return route.Condition{Subject: route.SubjectQuery, Values: queryPatterns(q.Values)}
		}
	case "source-ip":
		if s := c.SourceIpConfig; s != nil {
			values = s.Values
		}
		return route.Condition{Subject: route.SubjectSource, Sources: sources(values)}
	}
	return route.Condition{Subject: route.SubjectHost}
}

// patterns are globs and expressions. An expression looks for a part of the subject; what it wants at the ends it says itself.
func patterns(globs, expressions []string, fold bool) []route.Pattern {
	out := make([]route.Pattern, 0, len(globs)+len(expressions))
	for _, v := range globs {
		out = append(out, route.Pattern{Kind: route.PatternGlob, Fold: fold, Value: v})
	}
	for _, v := range expressions {
		out = append(out, route.Pattern{Kind: route.PatternRegex, Value: anywhere(v)})
	}
	return out
}

// anywhere returns an expression that matches a whole text where v matches a part of it. One that is none by itself stays as it is, and
// is refused as such.
func anywhere(v string) string {
	if _, err := regexp.Compile(v); err != nil {
		return v
	}
	return "(?s:.*)(?:" + v + ")(?s:.*)"
}

// exactly are methods: they have a case and no wildcards.
func exactly(values []string) []route.Pattern {
	escape := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)
	out := make([]route.Pattern, 0, len(values))
	for _, v := range values {
		out = append(out, route.Pattern{Value: escape.Replace(v)})
	}
	return out
}

func queryPatterns(pairs []types.QueryStringKeyValuePair) []route.Pattern {
	out := make([]route.Pattern, 0, len(pairs))
	for _, p := range pairs {
		pattern := route.Pattern{Fold: true, Key: p.Key}
		if p.Value != nil {
			pattern.Value = *p.Value
		}
		out = append(out, pattern)
	}
	return out
}

func sources(cidrs []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(cidrs))
	for _, c := range cidrs {
		if p, err := netip.ParsePrefix(c); err == nil { // the account has looked at it
			out = append(out, p.Masked())
		}
	}
	return out
}
