package elb

import (
	"net/netip"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/elb/check"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// group is a target group at work.
type group struct {
	region  *aws.Region
	view    *aws.TargetGroupView
	targets map[string]*target // by the key of its row
	pools   map[string]*proxy.Pool
	stale   atomic.Bool // pools have to be made anew, and the account to be told
	ramps   bool        // a target's share grows
}

// target is a target that is checked, or draining.
type target struct {
	row     *aws.Target
	address netip.AddrPort // not valid where it does not resolve
	checker *check.Checker // nil where nobody checks it
	// healthy is since when the target is healthy, and ramp whether its share has grown since then, or grows yet; zero while it is not.
	healthy time.Time
	ramp    bool
}

// resolver finds the address of a target; false where there is none now.
type resolver func(g *aws.TargetGroupView, t *aws.Target, port int32) (netip.AddrPort, bool)

// sync checks the targets that are in use. changed is called when a target's health has.
func (g *group) sync(view *aws.TargetGroupView, resolve resolver, changed func()) {
	if g.view != view {
		g.view = view
		g.stale.Store(true)
	}
	mark := func() {
		g.stale.Store(true)
		changed()
	}
	live := make(map[string]bool, len(view.Targets))
	for _, row := range view.Targets {
		live[row.Key] = true
		t := g.targets[row.Key]
		if t == nil {
			t = &target{}
			g.targets[row.Key] = t
		}
		if t.row != nil && t.row.Seq != row.Seq {
			t.stop() // it was registered anew
		}
		t.row = row
		address, ok := resolve(view, row, row.Port)
		if !ok {
			address = netip.AddrPort{}
		}
		if (ok || !row.Draining) && address != t.address {
			t.address = address
			g.stale.Store(true)
		}
		g.watch(t, resolve, mark)
	}
	for key, t := range g.targets {
		if !live[key] {
			t.stop()
			delete(g.targets, key)
		}
	}
}

// watch has a target checked where it has to be.
func (g *group) watch(t *target, resolve resolver, changed func()) {
	spec := &g.view.Spec
	enabled := spec.HealthCheckEnabled == nil || *spec.HealthCheckEnabled
	if len(g.view.LoadBalancers) == 0 || t.row.Draining || !t.address.IsValid() || !enabled || t.row.Reason == types.TargetHealthReasonEnumRegistrationInProgress {
		t.stop()
		return
	}
	at := t.address
	if port := value(spec.HealthCheckPort, "traffic-port"); port != "traffic-port" {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			if other, ok := resolve(g.view, t.row, int32(n)); ok {
				at = other
			}
		}
	}
	if asked := checkSpec(g.view); t.checker == nil {
		t.checker = check.Start(at, asked, changed)
	} else {
		t.checker.Set(at, asked)
	}
}

func (t *target) stop() {
	if t.checker != nil {
		t.checker.Stop()
		t.checker = nil
	}
}

func (g *group) stop() {
	for _, t := range g.targets {
		t.stop()
	}
}

// checkSpec returns what the group's health check asks.
func checkSpec(g *aws.TargetGroupView) check.Spec {
	spec := &g.Spec
	out := check.Spec{
		Protocol: check.TCP, Path: value(spec.HealthCheckPath, "/"),
		Interval: time.Duration(number(spec.HealthCheckIntervalSeconds, 30)) * time.Second,
		Timeout:  time.Duration(number(spec.HealthCheckTimeoutSeconds, 5)) * time.Second,
		Announce: g.Attributes["proxy_protocol_v2.enabled"] == "true",
		Healthy:  int(number(spec.HealthyThresholdCount, 5)), Unhealthy: int(number(spec.UnhealthyThresholdCount, 2)),
	}
	switch spec.HealthCheckProtocol {
	case types.ProtocolEnumHttp:
		out.Protocol = check.HTTP
	case types.ProtocolEnumHttps:
		out.Protocol = check.HTTPS
	default: // TCP is all that is left
		out.Path = ""
		return out
	}
	switch value(spec.ProtocolVersion, "HTTP1") {
	case "HTTP2":
		out.Version = check.HTTP2
	case "GRPC":
		out.Version = check.GRPC
	}
	out.Matcher = "200"
	if isNetwork(spec.Protocol) {
		out.Matcher = "200-399"
	}
	if out.Version == check.GRPC {
		out.Matcher = "12"
	}
	if m := spec.Matcher; m != nil {
		out.Matcher = value(m.HttpCode, value(m.GrpcCode, out.Matcher))
	}
	return out
}

func isNetwork(p types.ProtocolEnum) bool {
	return p != types.ProtocolEnumHttp && p != types.ProtocolEnumHttps
}

func number(p *int32, otherwise int32) int32 {
	if p == nil {
		return otherwise
	}
	return *p
}

// report tells the account what the checks say.
func (g *group) report() {
	enabled := g.view.Spec.HealthCheckEnabled == nil || *g.view.Spec.HealthCheckEnabled
	for _, t := range g.targets {
		if t.row.Draining || len(g.view.LoadBalancers) == 0 {
			continue
		}
		r := aws.TargetReport{Outcome: aws.NotChecked}
		switch {
		case !t.address.IsValid():
			r.Outcome = aws.Failed // nothing is there to connect to
		case t.checker != nil:
			var known bool
			if r, known = reportOf(t.checker.State()); !known {
				continue
			}
		case enabled:
			continue
		}
		g.region.ReportTarget(g.view.Key, t.row.ID, t.row.Port, r)
	}
}

func reportOf(s check.State) (r aws.TargetReport, known bool) {
	switch s.Verdict {
	case check.Initial:
		return r, false
	case check.Healthy:
		return aws.TargetReport{Outcome: aws.Healthy}, true
	case check.Unhealthy:
	}
	switch s.Cause {
	case check.CodeMismatch:
		return aws.TargetReport{Outcome: aws.WrongCode, Code: strconv.Itoa(s.Code)}, true
	case check.TimedOut:
		return aws.TargetReport{Outcome: aws.TimedOut}, true
	case check.Failed, check.None:
	}
	return aws.TargetReport{Outcome: aws.Failed}, true
}

// compile makes the group's pools anew where something has changed, tells the account, and reports whether a pool differs from before.
func (g *group) compile(now time.Time) (changed bool) {
	stale := g.stale.Swap(false)
	if !stale && !g.ramps {
		return false
	}
	if stale {
		g.report()
	}
	endpoints := g.endpoints(now)
	next := map[string]*proxy.Pool{}
	for name, protocol := range poolNames(g.view) {
		pool := compilePool(g.view, protocol)
		pool.Endpoints = endpoints
		if old := g.pools[name]; old != nil && reflect.DeepEqual(old, pool) {
			pool = old
		} else {
			changed = true
		}
		next[name] = pool
	}
	changed = changed || len(next) != len(g.pools)
	g.pools = next
	return changed
}

// poolNames are the pools of a group, with what their targets speak.
func poolNames(g *aws.TargetGroupView) map[string]proxy.PoolProtocol {
	switch g.Spec.Protocol {
	case types.ProtocolEnumHttp, types.ProtocolEnumHttps:
		if value(g.Spec.ProtocolVersion, "HTTP1") != "HTTP1" {
			return map[string]proxy.PoolProtocol{g.Key: proxy.PoolHTTP2}
		}
		return map[string]proxy.PoolProtocol{g.Key: proxy.PoolHTTP1}
	case types.ProtocolEnumTcp, types.ProtocolEnumTls:
		return map[string]proxy.PoolProtocol{g.Key: proxy.PoolTCP}
	case types.ProtocolEnumUdp, types.ProtocolEnumQuic:
		return map[string]proxy.PoolProtocol{g.Key + udpSuffix: proxy.PoolUDP}
	case types.ProtocolEnumTcpUdp, types.ProtocolEnumTcpQuic:
		return map[string]proxy.PoolProtocol{g.Key: proxy.PoolTCP, g.Key + udpSuffix: proxy.PoolUDP}
	case types.ProtocolEnumGeneve:
		return nil
	}
	return map[string]proxy.PoolProtocol{g.Key: proxy.PoolHTTP1} // of functions, which nobody here runs: it stays empty
}

// compilePool returns a pool without its endpoints.
func compilePool(g *aws.TargetGroupView, protocol proxy.PoolProtocol) *proxy.Pool {
	a := g.Attributes
	out := &proxy.Pool{Protocol: protocol}
	if p := g.Spec.Protocol; p == types.ProtocolEnumHttps || p == types.ProtocolEnumTls {
		out.TLS = &proxy.BackendTLS{Insecure: true}
	}
	sticky := a["stickiness.enabled"] == "true"
	if protocol == proxy.PoolTCP || protocol == proxy.PoolUDP {
		out.Algorithm = proxy.FlowHash
		if sticky {
			out.Algorithm = proxy.SourceHash
		}
		out.ProxyProtocol = protocol == proxy.PoolTCP && a["proxy_protocol_v2.enabled"] == "true"
		out.PreserveClient = a["preserve_client_ip.enabled"] == "true"
		out.Limits.Drain = forever
		return out
	}
	out.Limits.Drain = deregistrationDelay(a)
	out.GRPC = value(g.Spec.ProtocolVersion, "") == "GRPC"
	if a["load_balancing.algorithm.type"] == "least_outstanding_requests" {
		out.Algorithm = proxy.LeastRequest
	}
	if sticky {
		out.Session = compileStickiness(a)
	}
	return out
}

// atOnce and forever are how long connections may go on that are cut, and that are not: no flow is idle for so long.
const (
	atOnce  = time.Millisecond
	forever = 24 * time.Hour
)

// deregistrationDelay is how long what a target has may go on after it was deregistered.
func deregistrationDelay(attributes map[string]string) time.Duration {
	return max(seconds(attributes, "deregistration_delay.timeout_seconds", 300), atOnce)
}

const day = 86400

func compileStickiness(a map[string]string) *proxy.Session {
	switch a["stickiness.type"] {
	case "lb_cookie":
		return cookie("AWSALB", int32(seconds(a, "stickiness.lb_cookie.duration_seconds", day)/time.Second))
	case "app_cookie":
		return &proxy.Session{
			Name: "AWSALBAPP-0", Application: a["stickiness.app_cookie.cookie_name"], Plain: true, Renew: true, Permanent: true,
			Lifetime: seconds(a, "stickiness.app_cookie.duration_seconds", day),
		}
	}
	return nil
}
