package elb

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// udpSuffix tells the half of a listener, or of a target group, that is UDP from the other.
const udpSuffix = "/udp"

// inputs are all that a listener is compiled from. What is the same needs no compiling again.
type inputs struct {
	balancer     *aws.LoadBalancer
	listener     *aws.ListenerView
	ingress      *aws.Ingress
	store        *aws.TrustStore
	certificates []*aws.Certificate
}

func (a *inputs) same(b *inputs) bool {
	return a.balancer == b.balancer && a.listener == b.listener && a.ingress == b.ingress && a.store == b.store && slices.Equal(a.certificates, b.certificates)
}

// compiled is a listener ready to serve: one of the proxy's, or two where it is both TCP and UDP.
type compiled struct {
	inputs
	serve  map[string]*serve.Listener
	groups []string // ARNs of the target groups that it forwards to
	err    error    // why a part of it is not served
}

// gather finds what a listener is compiled from.
func gather(v *aws.View, lb *aws.LoadBalancerView, l *aws.ListenerView) inputs {
	in := inputs{balancer: lb.LoadBalancer, listener: l, ingress: lb.Ingress}
	for _, arn := range l.Certificates {
		if c := v.Certificates[arn]; c != nil {
			in.certificates = append(in.certificates, c)
		}
	}
	if l.Mutual != nil {
		in.store = v.TrustStores[value(l.Mutual.TrustStoreArn, "")]
	}
	return in
}

// compileListener makes a listener ready to serve.
func compileListener(in inputs, certificates certificateCache) *compiled {
	c := &compiled{inputs: in, serve: map[string]*serve.Listener{}, groups: groupsOf(in.listener)}
	port := uint16(in.listener.Port)
	name := in.listener.Key
	switch in.listener.Protocol {
	case types.ProtocolEnumHttp, types.ProtocolEnumHttps:
		c.serve[name] = &serve.Listener{Port: port, Serve: c.application(certificates)}
	case types.ProtocolEnumTcp, types.ProtocolEnumTls:
		c.serve[name] = &serve.Listener{Port: port, Serve: c.network(in.listener.Protocol == types.ProtocolEnumTls, false, certificates)}
	case types.ProtocolEnumUdp, types.ProtocolEnumQuic:
		c.serve[name+udpSuffix] = &serve.Listener{Port: port, Serve: c.network(false, true, certificates)}
	case types.ProtocolEnumTcpUdp, types.ProtocolEnumTcpQuic:
		c.serve[name] = &serve.Listener{Port: port, Serve: c.network(false, false, certificates)}
		c.serve[name+udpSuffix] = &serve.Listener{Port: port, Serve: c.network(false, true, certificates)}
	case types.ProtocolEnumGeneve:
		// Nothing here speaks it: appliances get no traffic.
	}
	for _, half := range c.serve {
		protocol := "tcp"
		if half.Serve.Protocol == proxy.UDP {
			protocol = "udp"
		}
		half.Serve.Sources = in.ingress.Admits(protocol, in.listener.Port)
	}
	return c
}

// application returns a listener of an Application Load Balancer.
func (c *compiled) application(certificates certificateCache) proxy.Listener {
	l, lb := c.listener, c.balancer
	var table *proxy.Table
	table, c.err = compileRules(l, compileEdits(l.Attributes))
	out := proxy.Listener{
		Protocol: proxy.HTTP, Servers: []proxy.Server{{Name: "all", Rules: table}},
		HTTP: compileHTTP(lb.Attributes, l.Attributes), Limits: compileLimits(lb.Attributes),
	}
	out.HTTP.NoHTTP2 = out.HTTP.NoHTTP2 || l.Protocol == types.ProtocolEnumHttp // it takes TLS
	if l.Protocol == types.ProtocolEnumHttps {
		out.Protocol = proxy.HTTPS
		out.TLS = compilePolicy(l.SSLPolicy, nil)
		out.Servers[0].Certificates = c.chains(certificates)
		out.Clients = compileClients(l.Mutual, c.store, l.Attributes)
		if lb.Attributes["routing.http.x_amzn_tls_version_and_cipher_suite.enabled"] == "true" {
			out.HTTP.TLSVersion, out.HTTP.TLSSuite = renamed(l, "X-Amzn-Tls-Version"), renamed(l, "X-Amzn-Tls-Cipher-Suite")
		}
	}
	return out
}

// renamed returns what a listener's attributes call a field of requests.
func renamed(l *aws.ListenerView, field string) string {
	if other := l.Attributes[requestName(field)]; other != "" {
		return other
	}
	return field
}

func (c *compiled) chains(certificates certificateCache) []*proxy.Certificate {
	var out []*proxy.Certificate
	for _, row := range c.certificates {
		if chain := certificates.get(row); chain != nil {
			out = append(out, chain)
		}
	}
	return out
}

// udpIdle is how long a Network Load Balancer remembers a flow of UDP.
const udpIdle = 120 * time.Second

// network returns a listener of a Network Load Balancer, or its half that is UDP.
func (c *compiled) network(encrypted, udp bool, certificates certificateCache) proxy.Listener {
	l := c.listener
	forward := &proxy.Forward{Choose: proxy.FlowHash}
	if action, _ := lastAction(l.Actions); action != nil {
		tuples, sticky := tuples(action)
		for _, t := range tuples {
			name := value(t.TargetGroupArn, "")
			if udp {
				name += udpSuffix
			}
			forward.Backends = append(forward.Backends, proxy.Backend{Pool: name, Weight: weight(t, len(tuples))})
		}
		if sticky != nil && sticky.Enabled != nil && *sticky.Enabled {
			forward.Choose = proxy.SourceHash
		}
	}
	var none *proxy.Table
	var table *proxy.Table
	table, c.err = none.With(route.Route[*proxy.Rule]{
		ID: l.Key, Rank: defaultRank, Value: &proxy.Rule{Name: defaultRank, Action: forward},
	})
	out := proxy.Listener{
		Protocol: proxy.TCP, Servers: []proxy.Server{{Name: "all", Rules: table}},
		Limits: &proxy.Limitations{TunnelIdle: seconds(l.Attributes, "tcp.idle_timeout.seconds", 350), UDPIdle: udpIdle},
	}
	switch {
	case udp:
		out.Protocol = proxy.UDP
	case encrypted:
		out.Protocol = proxy.TLS
		out.TLS = compilePolicy(l.SSLPolicy, l.ALPN)
		out.Servers[0].Certificates = c.chains(certificates)
	}
	return out
}

// groupsOf returns the target groups that a listener and its rules forward to.
func groupsOf(l *aws.ListenerView) []string {
	var arns []string
	add := func(actions []types.Action) {
		for i := range actions {
			all, _ := tuples(&actions[i])
			for _, t := range all {
				if arn := value(t.TargetGroupArn, ""); !slices.Contains(arns, arn) {
					arns = append(arns, arn)
				}
			}
		}
	}
	add(l.Actions)
	for _, r := range l.Rules {
		add(r.Actions)
	}
	return arns
}

// What a load balancer takes of a request and of a response. AWS says nothing of how many fields there may be.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const (
	maxForwarded    = 30 // addresses in X-Forwarded-For
	maxHead         = 64 << 10
	maxLine         = 16 << 10
	maxResponseHead = 32 << 10
	maxFields       = 4096
)

// compileHTTP returns how an Application Load Balancer treats HTTP.
func compileHTTP(balancer, listener map[string]string) *proxy.HTTPPolicy {
	p := &proxy.HTTPPolicy{
		Forwarded: proxy.ForwardedAppend, TraceField: "X-Amzn-Trace-Id", Server: serverName, Pages: pages,
		Unreached: proxy.UnreachedPolicy{Refused: 502, Silent: 504}, MaxForwarded: maxForwarded, Incompatible: 464,
		Phrases: phrases, RedirectPages: true, NoTrace: true, MaxResponseHead: maxResponseHead,
		Strict:     balancer["routing.http.desync_mitigation_mode"] == "strictest",
		ClientPort: balancer["routing.http.xff_client_port.enabled"] == "true",
		HostPort:   balancer["routing.http.preserve_host_header.enabled"] != "true",
		DropFields: balancer["routing.http.drop_invalid_header_fields.enabled"] == "true",
		NoHTTP2:    balancer["routing.http2.enabled"] == "false",
	}
	switch balancer["routing.http.xff_header_processing.mode"] {
	case "preserve":
		p.Forwarded = proxy.ForwardedPreserve
	case "remove":
		p.Forwarded = proxy.ForwardedRemove
	}
	if listener["routing.http.response.server.enabled"] == "false" {
		p.Server = ""
	}
	return p
}

// compileLimits returns the limits of an Application Load Balancer: its idle timeout is of clients and of targets, before a request, within
// its head, and between two.
func compileLimits(attributes map[string]string) *proxy.Limitations {
	idle := seconds(attributes, "idle_timeout.timeout_seconds", 60)
	return &proxy.Limitations{
		MaxHead: maxHead, MaxLine: maxLine, MaxFields: maxFields,
		HeadTimeout: idle, IdleTimeout: idle, ResponseTimeout: idle, StreamTimeout: idle, TunnelIdle: idle,
		ClientLifetime: seconds(attributes, "client_keep_alive.seconds", 3600),
	}
}

// responsePrefix begins the names of the attributes that set a field of every answer.
const responsePrefix = "routing.http.response."

// compileEdits returns what a listener's attributes do to every answer.
func compileEdits(attributes map[string]string) proxy.HeaderEdit {
	var edits proxy.HeaderEdit
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		rest, ok := strings.CutPrefix(key, responsePrefix)
		if !ok || attributes[key] == "" {
			continue
		}
		if name, ok := strings.CutSuffix(rest, ".header_value"); ok {
			edits.Set = append(edits.Set, proxy.Header{Name: strings.ReplaceAll(name, "_", "-"), Value: attributes[key]})
		}
	}
	if attributes[responsePrefix+"server.enabled"] == "false" {
		edits.Remove = []string{"Server"}
	}
	return edits
}

func seconds(attributes map[string]string, key string, otherwise int) time.Duration {
	n, err := strconv.Atoi(attributes[key])
	if err != nil {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}
