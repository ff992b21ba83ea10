package aws

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// This file reads what AWS says into specs. apply_wire.go is the other way.

// readActions reads the actions of a rule or a listener. What this provider never makes becomes no action at all, which equals nothing
// that can be wanted.
func readActions(known namer, actions []elbtypes.Action) Action {
	if len(actions) != 1 {
		return Action{}
	}
	a := actions[0]
	switch a.Type {
	case elbtypes.ActionTypeEnumForward:
		return Action{Forward: readForward(known, a)}
	case elbtypes.ActionTypeEnumRedirect:
		return Action{Redirect: readRedirect(a.RedirectConfig)}
	case elbtypes.ActionTypeEnumFixedResponse:
		return Action{Fixed: readFixed(a.FixedResponseConfig)}
	case elbtypes.ActionTypeEnumAuthenticateOidc, elbtypes.ActionTypeEnumAuthenticateCognito, elbtypes.ActionTypeEnumJwtValidation:
	}
	return Action{}
}

func readForward(known namer, a elbtypes.Action) *Forward {
	f := &Forward{}
	if a.ForwardConfig == nil {
		if arn := aws.ToString(a.TargetGroupArn); arn != "" {
			f.TargetGroups = []WeightedTargetGroup{{TargetGroup: known.name(arn), Weight: 1}}
		}
		return f
	}
	for _, g := range a.ForwardConfig.TargetGroups {
		weight := int32(1)
		if g.Weight != nil {
			weight = *g.Weight
		}
		f.TargetGroups = append(f.TargetGroups, WeightedTargetGroup{TargetGroup: known.name(aws.ToString(g.TargetGroupArn)), Weight: weight})
	}
	if s := a.ForwardConfig.TargetGroupStickinessConfig; s != nil && aws.ToBool(s.Enabled) {
		f.Stickiness = aws.ToInt32(s.DurationSeconds)
	}
	return f
}

func readRedirect(r *elbtypes.RedirectActionConfig) *Redirect {
	if r == nil {
		return nil
	}
	or := func(s *string, keep string) string {
		if s == nil {
			return keep
		}
		return *s
	}
	return &Redirect{
		Protocol: or(r.Protocol, "#{protocol}"), Host: or(r.Host, "#{host}"), Port: or(r.Port, "#{port}"), Path: or(r.Path, "/#{path}"),
		Query: or(r.Query, "#{query}"), StatusCode: string(r.StatusCode),
	}
}

func readFixed(f *elbtypes.FixedResponseActionConfig) *Fixed {
	if f == nil {
		return nil
	}
	return &Fixed{StatusCode: aws.ToString(f.StatusCode), ContentType: aws.ToString(f.ContentType), Body: aws.ToString(f.MessageBody)}
}

func readConditions(conditions []elbtypes.RuleCondition) []Condition {
	list := make([]Condition, 0, len(conditions))
	for _, c := range conditions {
		list = append(list, readCondition(c))
	}
	return list
}

// readCondition reads the part that is for the field, and where a client used the older way to say it, that.
func readCondition(c elbtypes.RuleCondition) Condition {
	out := Condition{Field: aws.ToString(c.Field)}
	switch {
	case c.HostHeaderConfig != nil:
		out.Values, out.Regex = some(c.HostHeaderConfig.Values), some(c.HostHeaderConfig.RegexValues)
	case c.PathPatternConfig != nil:
		out.Values, out.Regex = some(c.PathPatternConfig.Values), some(c.PathPatternConfig.RegexValues)
	case c.HttpRequestMethodConfig != nil:
		out.Values = some(c.HttpRequestMethodConfig.Values)
	case c.HttpHeaderConfig != nil:
		out.Header = aws.ToString(c.HttpHeaderConfig.HttpHeaderName)
		out.Values, out.Regex = some(c.HttpHeaderConfig.Values), some(c.HttpHeaderConfig.RegexValues)
	case c.QueryStringConfig != nil:
		for _, q := range c.QueryStringConfig.Values {
			out.Query = append(out.Query, QueryPair{Key: aws.ToString(q.Key), Value: aws.ToString(q.Value)})
		}
	case c.SourceIpConfig != nil:
		out.Values = some(c.SourceIpConfig.Values)
	default:
		out.Values, out.Regex = some(c.Values), some(c.RegexValues)
	}
	return out
}

// some is a list, or nil where it is empty: on the wire they are the same.
func some[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func readTransforms(transforms []elbtypes.RuleTransform) (host, url *Rewrite) {
	for _, t := range transforms {
		switch {
		case t.HostHeaderRewriteConfig != nil:
			host = readRewrite(t.HostHeaderRewriteConfig.Rewrites)
		case t.UrlRewriteConfig != nil:
			url = readRewrite(t.UrlRewriteConfig.Rewrites)
		}
	}
	return host, url
}

func readRewrite(rewrites []elbtypes.RewriteConfig) *Rewrite {
	if len(rewrites) != 1 {
		return &Rewrite{}
	}
	return &Rewrite{Regex: aws.ToString(rewrites[0].Regex), Replace: aws.ToString(rewrites[0].Replace)}
}

func readClients(known namer, m *elbtypes.MutualAuthenticationAttributes) *MutualAuthentication {
	if m == nil || aws.ToString(m.Mode) == "" || aws.ToString(m.Mode) == clientsOff {
		return nil
	}
	return &MutualAuthentication{
		Mode: aws.ToString(m.Mode), TrustStore: known.name(aws.ToString(m.TrustStoreArn)), IgnoreExpiry: aws.ToBool(m.IgnoreClientCertificateExpiry),
		AdvertiseCANames: m.AdvertiseTrustStoreCaNames == elbtypes.AdvertiseTrustStoreCaNamesEnumOn,
	}
}

// clientsOff is how AWS says that clients prove nothing.
const clientsOff = "off"
