package aws

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// This file writes specs as AWS wants to be told. observe_wire.go is the other way.

// actions returns the one action of a rule or a listener.
func (a *applier) actions(op string, action Action) ([]elbtypes.Action, error) {
	switch {
	case action.Forward != nil:
		forward, err := a.forward(op, action.Forward)
		return []elbtypes.Action{forward}, err
	case action.Redirect != nil:
		r := action.Redirect
		return []elbtypes.Action{{Type: elbtypes.ActionTypeEnumRedirect, RedirectConfig: &elbtypes.RedirectActionConfig{
			Protocol: aws.String(r.Protocol), Host: aws.String(r.Host), Port: aws.String(r.Port), Path: aws.String(r.Path), Query: aws.String(r.Query),
			StatusCode: elbtypes.RedirectActionStatusCodeEnum(r.StatusCode),
		}}}, nil
	case action.Fixed != nil:
		f := action.Fixed
		return []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
			StatusCode: aws.String(f.StatusCode), ContentType: text(f.ContentType), MessageBody: text(f.Body),
		}}}, nil
	default:
		return nil, invalid(op, "it has no action")
	}
}

func (a *applier) forward(op string, f *Forward) (elbtypes.Action, error) {
	config := &elbtypes.ForwardActionConfig{}
	for _, g := range f.TargetGroups {
		arn, err := a.resolve(op, KindTargetGroup, g.TargetGroup)
		if err != nil {
			return elbtypes.Action{}, err
		}
		config.TargetGroups = append(config.TargetGroups, elbtypes.TargetGroupTuple{TargetGroupArn: aws.String(arn), Weight: aws.Int32(g.Weight)})
	}
	if f.Stickiness > 0 {
		config.TargetGroupStickinessConfig = &elbtypes.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(f.Stickiness)}
	}
	if len(config.TargetGroups) == 1 && f.Stickiness == 0 {
		// The short form is all that older kinds of listeners take, and says the same.
		return elbtypes.Action{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: config.TargetGroups[0].TargetGroupArn}, nil
	}
	return elbtypes.Action{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: config}, nil
}

// text is a string on the wire, or nothing where it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}

func wireConditions(conditions []Condition) []elbtypes.RuleCondition {
	list := make([]elbtypes.RuleCondition, 0, len(conditions))
	for _, c := range conditions {
		out := elbtypes.RuleCondition{Field: aws.String(c.Field)}
		switch c.Field {
		case FieldHost:
			out.HostHeaderConfig = &elbtypes.HostHeaderConditionConfig{Values: c.Values, RegexValues: c.Regex}
		case FieldPath:
			out.PathPatternConfig = &elbtypes.PathPatternConditionConfig{Values: c.Values, RegexValues: c.Regex}
		case FieldMethod:
			out.HttpRequestMethodConfig = &elbtypes.HttpRequestMethodConditionConfig{Values: c.Values}
		case FieldHeader:
			out.HttpHeaderConfig = &elbtypes.HttpHeaderConditionConfig{HttpHeaderName: aws.String(c.Header), Values: c.Values, RegexValues: c.Regex}
		case FieldQuery:
			out.QueryStringConfig = &elbtypes.QueryStringConditionConfig{}
			for _, q := range c.Query {
				out.QueryStringConfig.Values = append(out.QueryStringConfig.Values,
					elbtypes.QueryStringKeyValuePair{Key: text(q.Key), Value: aws.String(q.Value)})
			}
		}
		list = append(list, out)
	}
	return list
}

func wireTransforms(r *Rule) []elbtypes.RuleTransform {
	var list []elbtypes.RuleTransform
	rewrites := func(w *Rewrite) []elbtypes.RewriteConfig {
		return []elbtypes.RewriteConfig{{Regex: aws.String(w.Regex), Replace: aws.String(w.Replace)}}
	}
	if r.HostRewrite != nil {
		list = append(list, elbtypes.RuleTransform{Type: elbtypes.TransformTypeEnumHostHeaderRewrite,
			HostHeaderRewriteConfig: &elbtypes.HostHeaderRewriteConfig{Rewrites: rewrites(r.HostRewrite)}})
	}
	if r.URLRewrite != nil {
		list = append(list, elbtypes.RuleTransform{Type: elbtypes.TransformTypeEnumUrlRewrite,
			UrlRewriteConfig: &elbtypes.UrlRewriteConfig{Rewrites: rewrites(r.URLRewrite)}})
	}
	return list
}

func (a *applier) clients(op string, m *MutualAuthentication) (*elbtypes.MutualAuthenticationAttributes, error) {
	if m == nil {
		return &elbtypes.MutualAuthenticationAttributes{Mode: aws.String(clientsOff)}, nil
	}
	out := &elbtypes.MutualAuthenticationAttributes{Mode: aws.String(m.Mode)}
	if m.TrustStore != "" {
		arn, err := a.resolve(op, KindTrustStore, m.TrustStore)
		if err != nil {
			return nil, err
		}
		out.TrustStoreArn = aws.String(arn)
		out.IgnoreClientCertificateExpiry = aws.Bool(m.IgnoreExpiry)
		out.AdvertiseTrustStoreCaNames = elbtypes.AdvertiseTrustStoreCaNamesEnumOff
		if m.AdvertiseCANames {
			out.AdvertiseTrustStoreCaNames = elbtypes.AdvertiseTrustStoreCaNamesEnumOn
		}
	}
	return out, nil
}

func wireALPN(policy string) []string {
	if policy == "" {
		return []string{alpnNone}
	}
	return []string{policy}
}
