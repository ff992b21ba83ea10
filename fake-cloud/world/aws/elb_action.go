package aws

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// readActions checks actions of a listener or of one of its rules and returns them with all defaults, in their order. was are those
// that they replace, for secrets that are to stay. The lock is held.
func (r *Region) readActions(lb *LoadBalancer, l *Listener, given, was []types.Action) ([]types.Action, error) {
	actions := slices.Clone(given)
	if len(actions) > 3 {
		return nil, faultf("TooManyActions", "The maximum number of actions per rule has been reached")
	}
	if err := order(actions); err != nil {
		return nil, err
	}
	for i := range actions {
		a := &actions[i]
		last := i == len(actions)-1
		routes := a.Type == types.ActionTypeEnumForward || a.Type == types.ActionTypeEnumRedirect || a.Type == types.ActionTypeEnumFixedResponse
		switch {
		case !slices.Contains(a.Type.Values(), a.Type):
			return nil, invalidf("'%s' is not a valid action type", clip(string(a.Type)))
		case routes && !last, !routes && last:
			return nil, faultf("InvalidLoadBalancerAction", "The last action must be one of 'forward', 'redirect', 'fixed-response', and no other action may be")
		case lb.Type == types.LoadBalancerTypeEnumNetwork && a.Type != types.ActionTypeEnumForward:
			return nil, faultf("InvalidLoadBalancerAction", "Action type '%s' is not supported for load balancers with type 'network'", a.Type)
		case !routes && l.Protocol != types.ProtocolEnumHttps:
			return nil, faultf("InvalidLoadBalancerAction", "Action type '%s' is supported only for HTTPS listeners", a.Type)
		}
		if err := r.readAction(lb, l, a, was); err != nil {
			return nil, err
		}
	}
	return actions, nil
}

// order sorts actions by what clients gave as their order, which several must have.
func order(actions []types.Action) error {
	seen := map[int32]bool{}
	for _, a := range actions {
		switch {
		case a.Order == nil && len(actions) > 1:
			return invalidf("You must specify an order for each action when there are several actions")
		case a.Order == nil:
		case *a.Order < 1 || *a.Order > 50000:
			return invalidf("Action order '%d' must be within 1 and 50000", *a.Order)
		case seen[*a.Order]:
			return invalidf("Action order '%d' is specified more than once", *a.Order)
		default:
			seen[*a.Order] = true
		}
	}
	slices.SortStableFunc(actions, func(a, b types.Action) int { return cmp.Compare(aws.ToInt32(a.Order), aws.ToInt32(b.Order)) })
	return nil
}

func (r *Region) readAction(lb *LoadBalancer, l *Listener, a *types.Action, was []types.Action) error {
	given := map[types.ActionTypeEnum]bool{
		types.ActionTypeEnumForward: a.ForwardConfig != nil || a.TargetGroupArn != nil, types.ActionTypeEnumRedirect: a.RedirectConfig != nil,
		types.ActionTypeEnumFixedResponse: a.FixedResponseConfig != nil, types.ActionTypeEnumAuthenticateOidc: a.AuthenticateOidcConfig != nil,
		types.ActionTypeEnumAuthenticateCognito: a.AuthenticateCognitoConfig != nil, types.ActionTypeEnumJwtValidation: a.JwtValidationConfig != nil,
	}
	for _, kind := range a.Type.Values() {
		if given[kind] && kind != a.Type {
			return invalidf("Configuration of an action of type '%s' cannot be specified for an action of type '%s'", kind, a.Type)
		}
	}
	if !given[a.Type] {
		return invalidf("The configuration of an action of type '%s' must be specified", a.Type)
	}
	switch a.Type {
	case types.ActionTypeEnumForward:
		return r.readForward(lb, l, a)
	case types.ActionTypeEnumRedirect:
		return readRedirect(l, a)
	case types.ActionTypeEnumFixedResponse:
		return checkFixedResponse(a.FixedResponseConfig)
	case types.ActionTypeEnumAuthenticateOidc:
		return readOIDC(a, was)
	case types.ActionTypeEnumAuthenticateCognito:
		return checkCognito(a.AuthenticateCognitoConfig)
	case types.ActionTypeEnumJwtValidation:
		return checkJWT(a.JwtValidationConfig)
	}
	return nil
}

// readForward echoes the shorthand as a configuration and the other way round, as AWS does.
func (r *Region) readForward(lb *LoadBalancer, l *Listener, a *types.Action) error {
	config := types.ForwardActionConfig{}
	if a.ForwardConfig != nil {
		config = *a.ForwardConfig
	}
	if len(config.TargetGroups) == 0 {
		if a.TargetGroupArn == nil {
			return invalidf("A target group ARN must be specified")
		}
		config.TargetGroups = []types.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn}}
	}
	if a.TargetGroupArn != nil && (len(config.TargetGroups) != 1 || aws.ToString(config.TargetGroups[0].TargetGroupArn) != *a.TargetGroupArn) {
		return invalidf("You can only specify one target group, and the same, with both TargetGroupArn and ForwardConfig")
	}
	quota := "target-groups-per-action-on-application-load-balancer"
	if lb.Type == types.LoadBalancerTypeEnumNetwork {
		quota = "target-groups-per-action-on-network-load-balancer"
	}
	if n := r.quota(quota); len(config.TargetGroups) > n {
		return invalidf("The maximum number of target groups per action is '%d', but '%d' were specified", n, len(config.TargetGroups))
	}
	groups := slices.Clone(config.TargetGroups)
	seen := map[string]bool{}
	for i := range groups {
		g, err := r.needTargetGroup(groups[i].TargetGroupArn)
		if err != nil {
			return err
		}
		if seen[g.Key] {
			return invalidf("Target group '%s' is specified more than once", g.Key)
		}
		seen[g.Key] = true
		if groups[i].Weight == nil {
			groups[i].Weight = aws.Int32(1)
		}
		if w := *groups[i].Weight; w < 0 || w > 999 {
			return invalidf("Weight '%d' must be within 0 and 999 inclusive", w)
		}
		if err := r.fits(lb, l, g); err != nil {
			return err
		}
	}
	config.TargetGroups = groups
	stickiness, err := readStickiness(config.TargetGroupStickinessConfig)
	if err != nil {
		return err
	}
	if lb.Type == types.LoadBalancerTypeEnumNetwork {
		if stickiness.Enabled != nil && *stickiness.Enabled {
			return invalidf("Target group stickiness is not supported for load balancers with type 'network'")
		}
	} else {
		config.TargetGroupStickinessConfig = stickiness
	}
	a.ForwardConfig, a.TargetGroupArn = &config, nil
	if len(groups) == 1 {
		a.TargetGroupArn = groups[0].TargetGroupArn
	}
	return nil
}

func readStickiness(given *types.TargetGroupStickinessConfig) (*types.TargetGroupStickinessConfig, error) {
	s := &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)}
	if given == nil {
		return s, nil
	}
	s.Enabled, s.DurationSeconds = aws.Bool(aws.ToBool(given.Enabled)), given.DurationSeconds
	switch {
	case s.DurationSeconds == nil && *s.Enabled:
		return nil, invalidf("A duration must be specified when target group stickiness is enabled")
	case s.DurationSeconds != nil && (*s.DurationSeconds < 1 || *s.DurationSeconds > 604800):
		return nil, invalidf("Target group stickiness duration '%d' must be within 1 and 604800 inclusive", *s.DurationSeconds)
	}
	return s, nil
}

// carriers are the protocols that a target group may have for a listener's.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html
var carriers = map[types.ProtocolEnum][]types.ProtocolEnum{
	types.ProtocolEnumHttp:    {types.ProtocolEnumHttp, types.ProtocolEnumHttps},
	types.ProtocolEnumHttps:   {types.ProtocolEnumHttp, types.ProtocolEnumHttps},
	types.ProtocolEnumTcp:     {types.ProtocolEnumTcp, types.ProtocolEnumTcpUdp},
	types.ProtocolEnumTls:     {types.ProtocolEnumTcp, types.ProtocolEnumTls},
	types.ProtocolEnumUdp:     {types.ProtocolEnumUdp, types.ProtocolEnumTcpUdp},
	types.ProtocolEnumTcpUdp:  {types.ProtocolEnumTcpUdp},
	types.ProtocolEnumQuic:    {types.ProtocolEnumQuic, types.ProtocolEnumTcpQuic},
	types.ProtocolEnumTcpQuic: {types.ProtocolEnumTcpQuic},
}

// fits refuses a target group that a listener cannot forward to. The lock is held.
func (r *Region) fits(lb *LoadBalancer, l *Listener, g *TargetGroup) error {
	version := aws.ToString(g.Spec.ProtocolVersion)
	switch {
	case g.Spec.TargetType == types.TargetTypeEnumLambda:
		if lb.Type != types.LoadBalancerTypeEnumApplication {
			return faultf("IncompatibleProtocols", "Listener protocol '%s' is not supported with a target group with target-type 'lambda'", l.Protocol)
		}
		return nil
	case !slices.Contains(carriers[l.Protocol], g.Spec.Protocol):
		return faultf("IncompatibleProtocols", "The listener and its associated target group '%s' have incompatible protocols: '%s' and '%s'",
			g.Key, l.Protocol, g.Spec.Protocol)
	case l.Protocol == types.ProtocolEnumHttp && (version == "GRPC" || version == "HTTP2"):
		return faultf("InvalidLoadBalancerAction", "Listener protocol 'HTTP' is not supported with a target group with the protocol-version '%s'", version)
	case g.Spec.TargetType == types.TargetTypeEnumAlb && l.Protocol != types.ProtocolEnumTcp:
		return faultf("IncompatibleProtocols", "Listener protocol '%s' is not supported with a target group with target-type 'alb'", l.Protocol)
	case aws.ToString(g.Spec.VpcId) != lb.VPC:
		return faultf("InvalidConfigurationRequest", "The following target groups are not in the VPC '%s' of the load balancer: '%s'", lb.VPC, g.Key)
	case g.Spec.IpAddressType == types.TargetGroupIpAddressTypeEnumIpv6 && lb.IPAddressType == types.IpAddressTypeIpv4:
		return faultf("InvalidConfigurationRequest", "Target group '%s' with IP address type 'ipv6' needs a dualstack load balancer", g.Key)
	}
	for _, user := range r.loadBalancersOf(g.Key) {
		if user != lb.Key {
			return faultf("TargetGroupAssociationLimit", "The following target groups cannot be associated with more than one load balancer: %s", g.Key)
		}
	}
	return nil
}

var (
	placeholder = regexp.MustCompile(`#\{[^}]*\}`)
	statusCode  = regexp.MustCompile(`^[245][0-9][0-9]$`)
)

// readRedirect fills in what a redirect leaves as it is, as AWS shows it.
func readRedirect(l *Listener, a *types.Action) error {
	c := *a.RedirectConfig
	fill := func(v **string, initial string) string {
		if *v == nil {
			*v = aws.String(initial)
		}
		return **v
	}
	protocol, port := fill(&c.Protocol, "#{protocol}"), fill(&c.Port, "#{port}")
	host, path, query := fill(&c.Host, "#{host}"), fill(&c.Path, "/#{path}"), fill(&c.Query, "#{query}")
	switch {
	case !slices.Contains(c.StatusCode.Values(), c.StatusCode):
		return invalidf("Redirect status code '%s' must be one of 'HTTP_301', 'HTTP_302'", clip(string(c.StatusCode)))
	case !slices.Contains([]string{"HTTP", "HTTPS", "#{protocol}"}, protocol):
		return invalidf("Redirect protocol '%s' must be one of 'HTTP', 'HTTPS', '#{protocol}'", clip(protocol))
	case protocol == "HTTP" && l.Protocol == types.ProtocolEnumHttps:
		return faultf("InvalidLoadBalancerAction", "You cannot redirect HTTPS to HTTP")
	case port != "#{port}" && !between(1, 65535)(port):
		return invalidf("Redirect port '%s' must be '#{port}' or within 1 and 65535", clip(port))
	case host == "" || len(host) > 128:
		return invalidf("Redirect host '%s' must have 1 to 128 characters", clip(host))
	case !strings.HasPrefix(path, "/") || len(path) > 128:
		return invalidf("Redirect path '%s' must begin with '/' and have at most 128 characters", clip(path))
	case len(query) > 128:
		return invalidf("Redirect query '%s' must have at most 128 characters", clip(query))
	case protocol == "#{protocol}" && port == "#{port}" && host == "#{host}" && path == "/#{path}":
		return invalidf("The redirect must change at least one of protocol, port, host and path, or it does not end")
	}
	if err := checkPlaceholders(&c); err != nil {
		return err
	}
	a.RedirectConfig = &c
	return nil
}

// checkPlaceholders refuses reserved keywords where they cannot be.
func checkPlaceholders(c *types.RedirectActionConfig) error {
	for _, part := range []struct {
		text    string
		allowed []string
	}{
		{*c.Host, []string{"#{host}"}},
		{*c.Path, []string{"#{host}", "#{path}", "#{port}"}},
		{*c.Query, []string{"#{protocol}", "#{host}", "#{port}", "#{path}", "#{query}"}},
	} {
		for _, p := range placeholder.FindAllString(part.text, -1) {
			if !slices.Contains(part.allowed, p) {
				return invalidf("'%s' is not valid in '%s' of a redirect", clip(p), clip(part.text))
			}
		}
	}
	return nil
}

func checkFixedResponse(c *types.FixedResponseActionConfig) error {
	switch {
	case !statusCode.MatchString(aws.ToString(c.StatusCode)):
		return invalidf("Fixed response status code '%s' must be 2XX, 4XX or 5XX", clip(aws.ToString(c.StatusCode)))
	case len(aws.ToString(c.MessageBody)) > 1024 || !utf8.ValidString(aws.ToString(c.MessageBody)):
		return invalidf("The message body of a fixed response must have at most 1024 characters, in UTF-8")
	case c.ContentType != nil && !slices.Contains([]string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}, *c.ContentType):
		return invalidf("Content type '%s' of a fixed response must be one of 'text/plain', 'text/css', 'text/html', 'application/javascript', 'application/json'", clip(*c.ContentType))
	}
	return nil
}

// shown returns actions as the API shows them: without secrets.
func shown(actions []types.Action) []types.Action {
	out := slices.Clone(actions)
	for i := range out {
		if c := out[i].AuthenticateOidcConfig; c != nil {
			public := *c
			public.ClientSecret = nil
			out[i].AuthenticateOidcConfig = &public
		}
	}
	return out
}

// roomForActions refuses more target groups and targets than a load balancer may have. The lock is held, and what is new is in place.
func (r *Region) roomForActions(lb *LoadBalancer) error {
	if lb.Type == types.LoadBalancerTypeEnumApplication && len(r.targetGroupsUsedBy(lb.Key)) > r.quota("target-groups-per-application-load-balancer") {
		return faultf("TooManyUniqueTargetGroupsPerLoadBalancer", "The maximum number of unique target groups on load balancer '%s' has been reached", lb.Key)
	}
	return r.roomForLoadBalancerTargets(lb.Key)
}
