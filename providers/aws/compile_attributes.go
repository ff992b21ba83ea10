package aws

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
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

// attrPreserveHost has backends get the header Host as the client sent it.
const attrPreserveHost = "routing.http.preserve_host_header.enabled"

// namesPort tells whether an Application Load Balancer would add the listener's port to a Host that has none, which it does at other ports than
// those that HTTP and HTTPS have without saying so.
func namesPort(l ir.Listener) bool {
	return (l.Protocol == ir.ProtocolHTTP || l.Protocol == ir.ProtocolHTTPS) && l.Port != 80 && l.Port != 443
}

// loadBalancerAttributes are those that the listeners or the settings say something about. What they do not name is left to whoever set it.
func (c *compiler) loadBalancerAttributes(kind string) map[string]string {
	s := c.settings
	out := make(map[string]string)
	if kind == TypeApplication && slices.ContainsFunc(c.want.Listeners, namesPort) {
		out[attrPreserveHost] = "true"
	}
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
