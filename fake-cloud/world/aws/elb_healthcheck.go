package aws

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// defaultHealthCheck sets what AWS checks where a client says nothing.
func defaultHealthCheck(g *types.TargetGroup) {
	g.HealthCheckEnabled = aws.Bool(true)
	g.HealthCheckIntervalSeconds, g.HealthCheckTimeoutSeconds = aws.Int32(30), aws.Int32(10)
	g.HealthyThresholdCount, g.UnhealthyThresholdCount = aws.Int32(5), aws.Int32(2)
	g.HealthCheckPort = aws.String("traffic-port")
	switch {
	case g.TargetType == types.TargetTypeEnumLambda:
		g.HealthCheckEnabled = aws.Bool(false)
		g.HealthCheckIntervalSeconds, g.HealthCheckTimeoutSeconds = aws.Int32(35), aws.Int32(30)
		g.UnhealthyThresholdCount = aws.Int32(5)
		g.HealthCheckPort = nil
		g.HealthCheckPath, g.Matcher = aws.String("/"), &types.Matcher{HttpCode: aws.String("200")}
	case isHTTP(g.Protocol):
		g.HealthCheckProtocol = types.ProtocolEnumHttp
		if g.Protocol == types.ProtocolEnumHttp {
			g.HealthCheckTimeoutSeconds = aws.Int32(6)
		}
		if g.Protocol == types.ProtocolEnumHttps {
			g.HealthCheckProtocol = types.ProtocolEnumHttps
		}
	case g.TargetType == types.TargetTypeEnumAlb:
		g.HealthCheckProtocol, g.HealthCheckTimeoutSeconds = types.ProtocolEnumHttp, aws.Int32(6)
	default:
		g.HealthCheckProtocol = types.ProtocolEnumTcp
	}
	fillHealthCheck(g)
}

// fillHealthCheck sets the path and the codes that a check over HTTP has, and takes them from one that is not.
func fillHealthCheck(g *types.TargetGroup) {
	if g.TargetType == types.TargetTypeEnumLambda {
		return
	}
	if !isHTTP(g.HealthCheckProtocol) {
		g.HealthCheckPath, g.Matcher = nil, nil
		return
	}
	grpc := aws.ToString(g.ProtocolVersion) == "GRPC"
	if g.HealthCheckPath == nil {
		g.HealthCheckPath = aws.String("/")
		if grpc {
			g.HealthCheckPath = aws.String("/AWS.ALB/healthcheck")
		}
	}
	if g.Matcher == nil {
		switch {
		case grpc:
			g.Matcher = &types.Matcher{GrpcCode: aws.String("12")}
		case isHTTP(g.Protocol):
			g.Matcher = &types.Matcher{HttpCode: aws.String("200")}
		default:
			g.Matcher = &types.Matcher{HttpCode: aws.String("200-399")}
		}
	}
}

// changeHealthCheck sets in g what is given, and refuses what does not go together.
func changeHealthCheck(g *types.TargetGroup, in *elb.ModifyTargetGroupInput) error {
	lambda := g.TargetType == types.TargetTypeEnumLambda
	if in.HealthCheckEnabled != nil {
		if !*in.HealthCheckEnabled && !lambda {
			return invalidf("Health checks cannot be disabled for target groups with target type '%s'", g.TargetType)
		}
		g.HealthCheckEnabled = in.HealthCheckEnabled
	}
	if p := in.HealthCheckProtocol; p != "" {
		if err := checkHealthProtocol(g, p); err != nil {
			return err
		}
		g.HealthCheckProtocol = p
	}
	if in.HealthCheckPath != nil && in.HealthCheckProtocol == "" && !isHTTP(g.HealthCheckProtocol) && !lambda {
		return invalidf("Health check path cannot be specified for health checks with protocol '%s'", g.HealthCheckProtocol)
	}
	fillHealthCheck(g)
	if err := checkHealthNumbers(in); err != nil {
		return err
	}
	if err := changeWhatIsChecked(g, in, lambda); err != nil {
		return err
	}
	set := func(to **int32, v *int32) {
		if v != nil {
			*to = v
		}
	}
	set(&g.HealthCheckIntervalSeconds, in.HealthCheckIntervalSeconds)
	set(&g.HealthCheckTimeoutSeconds, in.HealthCheckTimeoutSeconds)
	set(&g.HealthyThresholdCount, in.HealthyThresholdCount)
	set(&g.UnhealthyThresholdCount, in.UnhealthyThresholdCount)
	if *g.HealthCheckTimeoutSeconds >= *g.HealthCheckIntervalSeconds && (lambda || isHTTP(g.Protocol)) {
		return invalidf("Health check timeout '%d' must be smaller than the interval '%d'", *g.HealthCheckTimeoutSeconds, *g.HealthCheckIntervalSeconds)
	}
	return nil
}

// changeWhatIsChecked sets port, path and codes.
func changeWhatIsChecked(g *types.TargetGroup, in *elb.ModifyTargetGroupInput, lambda bool) error {
	if in.HealthCheckPort != nil {
		if *in.HealthCheckPort != "traffic-port" && !between(1, 65535)(*in.HealthCheckPort) {
			return invalidf("Health check port '%s' must be 'traffic-port' or a number from 1 to 65535", clip(*in.HealthCheckPort))
		}
		g.HealthCheckPort = in.HealthCheckPort
	}
	if in.HealthCheckPath != nil {
		if err := checkHealthPath(g, *in.HealthCheckPath, lambda); err != nil {
			return err
		}
		g.HealthCheckPath = in.HealthCheckPath
	}
	if in.Matcher != nil {
		if err := checkMatcher(g, in.Matcher, lambda); err != nil {
			return err
		}
		g.Matcher = in.Matcher
	}
	return nil
}

func checkHealthProtocol(g *types.TargetGroup, p types.ProtocolEnum) error {
	switch {
	case !slices.Contains(p.Values(), p):
		return invalidf("'%s' is not a valid health check protocol", clip(string(p)))
	case !isHTTP(p) && p != types.ProtocolEnumTcp:
		return invalidf("Health check protocol '%s' must be one of: 'HTTP', 'HTTPS', 'TCP'", p)
	case p == types.ProtocolEnumTcp && isHTTP(g.Protocol):
		return invalidf("Health check protocol 'TCP' is not supported for target groups with protocol '%s'", g.Protocol)
	case p == types.ProtocolEnumTcp && g.TargetType == types.TargetTypeEnumAlb:
		return invalidf("Health check protocol 'TCP' is not supported for target groups with target type 'alb'")
	}
	return nil
}

func checkHealthNumbers(in *elb.ModifyTargetGroupInput) error {
	for _, n := range []struct {
		name      string
		v         *int32
		low, high int32
	}{
		{"Health check interval", in.HealthCheckIntervalSeconds, 5, 300},
		{"Health check timeout", in.HealthCheckTimeoutSeconds, 2, 120},
		{"Health check healthy threshold count", in.HealthyThresholdCount, 2, 10},
		{"Health check unhealthy threshold count", in.UnhealthyThresholdCount, 2, 10},
	} {
		if n.v != nil && (*n.v < n.low || *n.v > n.high) {
			return invalidf("%s '%d' must be within %d and %d inclusive", n.name, *n.v, n.low, n.high)
		}
	}
	return nil
}

func checkHealthPath(g *types.TargetGroup, path string, lambda bool) error {
	switch {
	case !isHTTP(g.HealthCheckProtocol) && !lambda:
		return invalidf("Health check path cannot be specified for health checks with protocol '%s'", g.HealthCheckProtocol)
	case !strings.HasPrefix(path, "/") || len(path) > 1024:
		return invalidf("Health check path '%s' must begin with '/' and have at most 1024 characters", clip(path))
	case strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c > '~' }):
		return invalidf("Health check path '%s' has characters that are not valid in a path", clip(path))
	}
	return nil
}

func checkMatcher(g *types.TargetGroup, m *types.Matcher, lambda bool) error {
	grpc := aws.ToString(g.ProtocolVersion) == "GRPC"
	switch {
	case !isHTTP(g.HealthCheckProtocol) && !lambda:
		return invalidf("A matcher cannot be specified for health checks with protocol '%s'", g.HealthCheckProtocol)
	case m.GrpcCode != nil && m.HttpCode != nil:
		return invalidf("GRPC codes and HTTP codes cannot be specified at the same time")
	case grpc && m.GrpcCode == nil:
		return invalidf("GRPC codes must be specified for target groups with protocol version 'GRPC'")
	case !grpc && m.HttpCode == nil:
		return invalidf("HTTP codes must be specified for target groups with protocol version other than 'GRPC'")
	case grpc:
		return checkCodes(*m.GrpcCode, 0, 99)
	case lambda || isHTTP(g.Protocol):
		return checkCodes(*m.HttpCode, 200, 499)
	}
	return checkCodes(*m.HttpCode, 200, 599)
}

// checkCodes refuses what is not like "200,204" or "200-299", or has other codes than those.
func checkCodes(codes string, low, high int) error {
	for part := range strings.SplitSeq(codes, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < low || to > high || from > to {
			return invalidf("Health check matcher '%s' must be codes within %d and %d, such as '%d' or '%d-%d'", clip(codes), low, high, low, low, high)
		}
	}
	return nil
}
