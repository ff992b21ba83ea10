package aws

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Attributes that one type of load balancer alone has begin with these.
var (
	applicationAttributes = []string{
		"idle_timeout.", "client_keep_alive.", "connection_logs.", "health_check_logs.", "routing.", "waf.", "zonal_shift.",
		"load_balancing.algorithm.", "slow_start.", "stickiness.app_cookie.", "stickiness.lb_cookie.", "lambda.",
	}
	networkAttributes = []string{
		"dns_record.", "secondary_ips.", "tcp.", "proxy_protocol_v2.", "preserve_client_ip.",
		"deregistration_delay.connection_termination.", "target_health_state.",
	}
)

// belongs tells whether a load balancer of a type, or what is within it, has an attribute.
func belongs(key, kind string) bool {
	others := networkAttributes
	if kind == TypeNetwork {
		others = applicationAttributes
	}
	for _, prefix := range others {
		if strings.HasPrefix(key, prefix) {
			return false
		}
	}
	return true
}

// loadBalancerAttributes are those that the settings say something about. What they do not name is left to whoever set it.
func (c *compiler) loadBalancerAttributes(kind string) map[string]string {
	s := c.settings
	out := make(map[string]string)
	if s.IdleTimeout != nil && kind == TypeApplication {
		out["idle_timeout.timeout_seconds"] = strconv.Itoa(int(seconds(time.Duration(*s.IdleTimeout), 1, 4000)))
	}
	if s.DeletionProtection != nil {
		out["deletion_protection.enabled"] = strconv.FormatBool(*s.DeletionProtection)
	}
	if s.AccessLogs != nil {
		out["access_logs.s3.enabled"] = "true"
		out["access_logs.s3.bucket"] = s.AccessLogs.Bucket
		out["access_logs.s3.prefix"] = s.AccessLogs.Prefix
	}
	for key, value := range s.LoadBalancerAttributes {
		if belongs(key, kind) {
			out[key] = value
		}
	}
	return orNil(out)
}

// listenerAttributes are those of the settings that a listener of a protocol has.
func (c *compiler) listenerAttributes(protocol string) map[string]string {
	kind := TypeNetwork
	if protocol == protocolHTTP || protocol == protocolHTTPS {
		kind = TypeApplication
	}
	out := make(map[string]string)
	for key, value := range c.settings.ListenerAttributes {
		if belongs(key, kind) && (protocol == protocolTCP || protocol == protocolTCPUDP || !strings.HasPrefix(key, "tcp.")) {
			out[key] = value
		}
	}
	return orNil(out)
}

// maskedCIDR returns a range as AWS keeps it, or as it is where it is none: then AWS says so.
func maskedCIDR(text string) string {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return text
	}
	return prefix.Masked().String()
}
