package elb

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// compileActions returns what the last of the actions does; edits are what the listener does to every answer. The actions before it ask
// who the client is (OIDC, Cognito, a token), which nobody here can answer: a rule with one answers 500, as if that had failed.
func compileActions(actions []types.Action, transforms []types.RuleTransform, edits proxy.HeaderEdit) proxy.Action {
	last, failed := lastAction(actions)
	if last == nil || failed {
		return broken(edits)
	}
	switch last.Type {
	case types.ActionTypeEnumRedirect:
		return compileRedirect(last.RedirectConfig, edits)
	case types.ActionTypeEnumFixedResponse:
		return compileFixed(last.FixedResponseConfig, edits)
	case types.ActionTypeEnumForward:
		return compileForward(last, transforms, edits)
	default: // lastAction returns no others
	}
	return broken(edits)
}

// lastAction returns the action that answers, and whether one before it fails for sure.
func lastAction(actions []types.Action) (last *types.Action, failed bool) {
	for i := range actions {
		switch a := &actions[i]; a.Type {
		case types.ActionTypeEnumForward, types.ActionTypeEnumRedirect, types.ActionTypeEnumFixedResponse:
			last = a
		default:
			failed = true
		}
	}
	return last, failed
}

// broken is what is answered for a rule that cannot be carried out.
func broken(edits proxy.HeaderEdit) proxy.Action {
	return &proxy.Respond{Status: 500, ContentType: pageType, Body: page(500), ResponseHeaders: edits}
}

func compileFixed(c *types.FixedResponseActionConfig, edits proxy.HeaderEdit) proxy.Action {
	out := &proxy.Respond{Status: 500, ResponseHeaders: edits}
	if c == nil {
		return out
	}
	if status, err := strconv.Atoi(value(c.StatusCode, "")); err == nil {
		out.Status = status
	}
	out.Body = value(c.MessageBody, "")
	out.ContentType = value(c.ContentType, "text/plain")
	if out.ContentType == "text/plain" || out.ContentType == "text/html" {
		out.ContentType += "; charset=utf-8"
	}
	return out
}

func compileRedirect(c *types.RedirectActionConfig, edits proxy.HeaderEdit) proxy.Action {
	if c == nil {
		return broken(edits)
	}
	out := &proxy.Redirect{Status: 302, ResponseHeaders: edits}
	if c.StatusCode == types.RedirectActionStatusCodeEnumHttp301 {
		out.Status = 301
	}
	out.Template = &proxy.LocationTemplate{
		Protocol: lowerProtocol(value(c.Protocol, "#{protocol}")), Host: value(c.Host, "#{host}"), Port: value(c.Port, "#{port}"),
		Path: value(c.Path, "/#{path}"), Query: value(c.Query, "#{query}"),
	}
	return out
}

func lowerProtocol(p string) string {
	if strings.HasPrefix(p, "#{") {
		return p
	}
	return strings.ToLower(p)
}

func compileForward(a *types.Action, transforms []types.RuleTransform, edits proxy.HeaderEdit) proxy.Action {
	out := &proxy.Forward{ResponseHeaders: edits}
	tuples, sticky := tuples(a)
	for _, t := range tuples {
		out.Backends = append(out.Backends, proxy.Backend{Pool: value(t.TargetGroupArn, ""), Weight: weight(t, len(tuples))})
	}
	if sticky != nil && sticky.Enabled != nil && *sticky.Enabled && len(tuples) > 1 {
		seconds := int32(3600)
		if sticky.DurationSeconds != nil {
			seconds = *sticky.DurationSeconds
		}
		out.BackendSession = cookie("AWSALBTG", seconds)
	}
	for i := range transforms {
		t := &transforms[i]
		switch t.Type {
		case types.TransformTypeEnumHostHeaderRewrite:
			if c := t.HostHeaderRewriteConfig; c != nil {
				out.HostPatterns = append(out.HostPatterns, rewrites(c.Rewrites)...)
			}
		case types.TransformTypeEnumUrlRewrite:
			if c := t.UrlRewriteConfig; c != nil {
				out.URLPatterns = append(out.URLPatterns, rewrites(c.Rewrites)...)
			}
		}
	}
	return out
}

// tuples returns the target groups of a forward action however it names them.
func tuples(a *types.Action) ([]types.TargetGroupTuple, *types.TargetGroupStickinessConfig) {
	if c := a.ForwardConfig; c != nil && len(c.TargetGroups) > 0 {
		return c.TargetGroups, c.TargetGroupStickinessConfig
	}
	if a.TargetGroupArn != nil {
		return []types.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn}}, nil
	}
	return nil, nil
}

// weight of one of n target groups: one that is alone gets all.
func weight(t types.TargetGroupTuple, n int) uint32 {
	if n == 1 || t.Weight == nil {
		return 1
	}
	return uint32(max(*t.Weight, 0))
}

func rewrites(list []types.RewriteConfig) []proxy.RegexEdit {
	var out []proxy.RegexEdit
	for _, r := range list {
		out = append(out, proxy.RegexEdit{Regex: value(r.Regex, ""), Replace: value(r.Replace, "")})
	}
	return out
}

// cookie is a session as the load balancer's own cookies have it: with a second one for requests from other sites.
func cookie(name string, seconds int32) *proxy.Session {
	return &proxy.Session{
		Name: name, Cross: name + "CORS", Lifetime: time.Duration(seconds) * time.Second, Permanent: true, Renew: true, Plain: true,
	}
}

func value(p *string, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return *p
}
