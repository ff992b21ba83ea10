package aws

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// attribute is a key that load balancers, target groups or listeners have, with its first value and those that it may have.
type attribute struct {
	key, initial string
	valid        func(string) bool
	fixed        bool // it cannot have another value
}

func boolean(v string) bool { return v == "true" || v == "false" }

func anything(v string) bool { return len(v) <= 1024 && printable(v) }

func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func between(low, high int) func(string) bool {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && n >= low && n <= high && v == strconv.Itoa(n)
	}
}

func either(a, b func(string) bool) func(string) bool {
	return func(v string) bool { return a(v) || b(v) }
}

// loadBalancerAttributes returns all attributes that a load balancer of the type has.
func loadBalancerAttributes(kind types.LoadBalancerTypeEnum, scheme types.LoadBalancerSchemeEnum) []attribute {
	application := kind == types.LoadBalancerTypeEnumApplication
	attributes := []attribute{
		{key: "access_logs.s3.enabled", initial: "false", valid: boolean},
		{key: "access_logs.s3.bucket", valid: anything},
		{key: "access_logs.s3.prefix", valid: anything},
		{key: "deletion_protection.enabled", initial: "false", valid: boolean},
		{key: "ipv6.deny_all_igw_traffic", initial: strconv.FormatBool(scheme == types.LoadBalancerSchemeEnumInternal), valid: boolean},
		{key: "load_balancing.cross_zone.enabled", initial: strconv.FormatBool(application), valid: boolean, fixed: application},
		{key: "zonal_shift.config.enabled", initial: "false", valid: boolean},
	}
	if !application {
		return append(attributes,
			attribute{key: "dns_record.client_routing_policy", initial: "any_availability_zone",
				valid: oneOf("availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone")},
			attribute{key: "secondary_ips.auto_assigned.per_subnet", initial: "0", valid: between(0, 7)},
		)
	}
	return append(attributes,
		attribute{key: "idle_timeout.timeout_seconds", initial: "60", valid: between(1, 4000)},
		attribute{key: "client_keep_alive.seconds", initial: "3600", valid: between(60, 604800)},
		attribute{key: "connection_logs.s3.enabled", initial: "false", valid: boolean},
		attribute{key: "connection_logs.s3.bucket", valid: anything},
		attribute{key: "connection_logs.s3.prefix", valid: anything},
		attribute{key: "health_check_logs.s3.enabled", initial: "false", valid: boolean},
		attribute{key: "health_check_logs.s3.bucket", valid: anything},
		attribute{key: "health_check_logs.s3.prefix", valid: anything},
		attribute{key: "routing.http.desync_mitigation_mode", initial: "defensive", valid: oneOf("monitor", "defensive", "strictest")},
		attribute{key: "routing.http.drop_invalid_header_fields.enabled", initial: "false", valid: boolean},
		attribute{key: "routing.http.preserve_host_header.enabled", initial: "false", valid: boolean},
		attribute{key: "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", initial: "false", valid: boolean},
		attribute{key: "routing.http.xff_client_port.enabled", initial: "false", valid: boolean},
		attribute{key: "routing.http.xff_header_processing.mode", initial: "append", valid: oneOf("append", "preserve", "remove")},
		attribute{key: "routing.http2.enabled", initial: "true", valid: boolean},
		attribute{key: "waf.fail_open.enabled", initial: "false", valid: boolean},
	)
}

// targetGroupAttributes returns all attributes that a target group has.
func targetGroupAttributes(g *types.TargetGroup) []attribute {
	attributes := []attribute{
		{key: "target_group_health.dns_failover.minimum_healthy_targets.count", initial: "1", valid: either(oneOf("off"), between(1, 1000))},
		{key: "target_group_health.dns_failover.minimum_healthy_targets.percentage", initial: "off", valid: either(oneOf("off"), between(1, 100))},
		{key: "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", initial: "1", valid: between(1, 1000)},
		{key: "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", initial: "off",
			valid: either(oneOf("off"), between(1, 100))},
		{key: "load_balancing.cross_zone.enabled", initial: "use_load_balancer_configuration",
			valid: oneOf("true", "false", "use_load_balancer_configuration")},
		{key: "stickiness.enabled", initial: "false", valid: boolean},
	}
	switch {
	case g.TargetType == types.TargetTypeEnumLambda:
		return append(attributes,
			attribute{key: "lambda.multi_value_headers.enabled", initial: "false", valid: boolean},
			attribute{key: "stickiness.type", initial: "lb_cookie", valid: oneOf("lb_cookie", "app_cookie")},
			attribute{key: "stickiness.lb_cookie.duration_seconds", initial: "86400", valid: between(1, 604800)},
		)
	case isHTTP(g.Protocol):
		return append(attributes,
			attribute{key: "deregistration_delay.timeout_seconds", initial: "300", valid: between(0, 3600)},
			attribute{key: "stickiness.type", initial: "lb_cookie", valid: oneOf("lb_cookie", "app_cookie")},
			attribute{key: "stickiness.lb_cookie.duration_seconds", initial: "86400", valid: between(1, 604800)},
			attribute{key: "stickiness.app_cookie.cookie_name", valid: appCookie},
			attribute{key: "stickiness.app_cookie.duration_seconds", initial: "86400", valid: between(1, 604800)},
			attribute{key: "load_balancing.algorithm.type", initial: "round_robin",
				valid: oneOf("round_robin", "least_outstanding_requests", "weighted_random")},
			attribute{key: "load_balancing.algorithm.anomaly_mitigation", initial: "off", valid: oneOf("on", "off")},
			attribute{key: "slow_start.duration_seconds", initial: "0", valid: either(oneOf("0"), between(30, 900))},
		)
	}
	datagrams := carriesDatagrams(g.Protocol)
	preserve := g.TargetType != types.TargetTypeEnumIp || datagrams
	return append(attributes,
		attribute{key: "deregistration_delay.timeout_seconds", initial: "300", valid: between(0, 3600)},
		attribute{key: "deregistration_delay.connection_termination.enabled", initial: strconv.FormatBool(datagrams), valid: boolean},
		attribute{key: "stickiness.type", initial: "source_ip", valid: oneOf("source_ip"), fixed: true},
		attribute{key: "preserve_client_ip.enabled", initial: strconv.FormatBool(preserve), valid: boolean,
			fixed: datagrams || g.TargetType == types.TargetTypeEnumAlb},
		attribute{key: "proxy_protocol_v2.enabled", initial: "false", valid: boolean},
		attribute{key: "target_health_state.unhealthy.connection_termination.enabled", initial: strconv.FormatBool(!datagrams), valid: boolean,
			fixed: datagrams},
		attribute{key: "target_health_state.unhealthy.draining_interval_seconds", initial: "0", valid: between(0, 360000)},
	)
}

func appCookie(name string) bool {
	for _, reserved := range []string{"AWSALB", "AWSALBAPP", "AWSALBTG"} {
		if strings.HasPrefix(name, reserved) {
			return false
		}
	}
	return len(name) <= 255 && !strings.ContainsAny(name, " \t\r\n;,=\"")
}

// headerNames are the header fields that HTTPS listeners tell targets of clients' certificates and TLS in, by what is before
// ".header_name" in the attribute that renames them.
var headerNames = []struct{ key, name string }{
	{"routing.http.request.x_amzn_mtls_clientcert_serial_number", "X-Amzn-Mtls-Clientcert-Serial-Number"},
	{"routing.http.request.x_amzn_mtls_clientcert_issuer", "X-Amzn-Mtls-Clientcert-Issuer"},
	{"routing.http.request.x_amzn_mtls_clientcert_subject", "X-Amzn-Mtls-Clientcert-Subject"},
	{"routing.http.request.x_amzn_mtls_clientcert_validity", "X-Amzn-Mtls-Clientcert-Validity"},
	{"routing.http.request.x_amzn_mtls_clientcert_leaf", "X-Amzn-Mtls-Clientcert-Leaf"},
	{"routing.http.request.x_amzn_mtls_clientcert", "X-Amzn-Mtls-Clientcert"},
	{"routing.http.request.x_amzn_tls_version", "X-Amzn-Tls-Version"},
	{"routing.http.request.x_amzn_tls_cipher_suite", "X-Amzn-Tls-Cipher-Suite"},
}

// listenerAttributes returns all attributes that a listener of the protocol has.
func listenerAttributes(protocol types.ProtocolEnum) []attribute {
	switch {
	case protocol == types.ProtocolEnumTcp:
		return []attribute{{key: "tcp.idle_timeout.seconds", initial: "350", valid: between(60, 6000)}}
	case protocol == types.ProtocolEnumTls:
		return []attribute{{key: "tcp.idle_timeout.seconds", initial: "350", valid: between(60, 6000), fixed: true}}
	case !isHTTP(protocol):
		return nil
	}
	attributes := []attribute{{key: "routing.http.response.server.enabled", initial: "true", valid: boolean}}
	for _, header := range []string{
		"strict_transport_security", "access_control_allow_origin", "access_control_allow_methods", "access_control_allow_headers",
		"access_control_allow_credentials", "access_control_expose_headers", "access_control_max_age", "content_security_policy",
		"x_content_type_options", "x_frame_options",
	} {
		attributes = append(attributes, attribute{key: "routing.http.response." + header + ".header_value", valid: headerValue})
	}
	if protocol == types.ProtocolEnumHttps {
		for _, h := range headerNames {
			attributes = append(attributes, attribute{key: h.key + ".header_name", initial: h.name, valid: headerName})
		}
	}
	return attributes
}

func headerValue(v string) bool {
	return len(v) <= 1024 && !strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' })
}

func headerName(v string) bool {
	return v != "" && len(v) <= 40 && !strings.ContainsFunc(v, func(c rune) bool { return !tokenChar(c) })
}

// tokenChar reports whether c may be in the name of a header field, as RFC 7230 says.
func tokenChar(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c < 128 && strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

func isHTTP(p types.ProtocolEnum) bool {
	return p == types.ProtocolEnumHttp || p == types.ProtocolEnumHttps
}

func carriesDatagrams(p types.ProtocolEnum) bool {
	switch p {
	case types.ProtocolEnumUdp, types.ProtocolEnumTcpUdp, types.ProtocolEnumQuic, types.ProtocolEnumTcpQuic:
		return true
	default:
		return false
	}
}

// initials returns the first values of attributes.
func initials(attributes []attribute) map[string]string {
	values := make(map[string]string, len(attributes))
	for _, a := range attributes {
		values[a.key] = a.initial
	}
	return values
}

// merged returns values with the changes in them. what is "Load balancer", "Target group" or "Listener".
func merged(what string, attributes []attribute, values map[string]string, changes [][2]string) (map[string]string, error) {
	next := make(map[string]string, len(attributes))
	for _, a := range attributes {
		if v, ok := values[a.key]; ok {
			next[a.key] = v
		} else {
			next[a.key] = a.initial
		}
	}
	seen := map[string]bool{}
	for _, c := range changes {
		key, value := c[0], c[1]
		i := slices.IndexFunc(attributes, func(a attribute) bool { return a.key == key })
		switch {
		case key == "":
			return nil, invalidf("%s attribute key must be specified", what)
		case i < 0:
			return nil, invalidf("%s attribute key '%s' is not recognized", what, clip(key))
		case seen[key]:
			return nil, invalidf("%s attribute key '%s' is specified more than once", what, key)
		case !attributes[i].valid(value):
			return nil, invalidf("%s attribute value '%s' of key '%s' is not valid", what, clip(value), key)
		case attributes[i].fixed && value != attributes[i].initial:
			return nil, faultf("InvalidConfigurationRequest", "%s attribute '%s' cannot be changed to '%s'", what, key, clip(value))
		}
		seen[key] = true
		next[key] = value
	}
	return next, nil
}

// clip shortens what a client sent, for messages.
func clip(s string) string {
	if len(s) > 256 {
		s = s[:256] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
