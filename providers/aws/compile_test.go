package aws_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

// httpWith is a load balancer with one listener of one server with these rules.
func httpWith(rules ...ir.Rule) *ir.LoadBalancer {
	for i := range rules {
		if rules[i].Rank == "" {
			rules[i].Rank = fmt.Sprintf("%05d", i)
		}
		if rules[i].Action == nil {
			rules[i].Action = to("p0")
		}
	}
	lb := &ir.LoadBalancer{
		Owner:     ir.Owner{Cluster: "c", UID: "u", Namespace: "shop", Name: "web"},
		Listeners: []ir.Listener{{Port: 80, Protocol: ir.ProtocolHTTP, Servers: []ir.Server{{Name: "http", Rules: rules}}}},
	}
	for i := range 120 {
		lb.Pools = append(lb.Pools, ir.Pool{Name: fmt.Sprint("p", i), Protocol: ir.PoolHTTP1})
	}
	return lb
}

func to(pools ...string) *ir.Forward {
	f := &ir.Forward{}
	for _, p := range pools {
		f.Backends = append(f.Backends, ir.Backend{Pool: p, Weight: 1})
	}
	return f
}

func exact(path string) ir.PathMatch  { return ir.PathMatch{Kind: ir.PathExact, Value: path} }
func prefix(path string) ir.PathMatch { return ir.PathMatch{Kind: ir.PathPrefix, Value: path} }

func route(name string) ir.Source { return ir.Source{Kind: "HTTPRoute", Namespace: "shop", Name: name} }

func compile(t *testing.T, lb *ir.LoadBalancer) cloud.Compiled {
	t.Helper()
	c, err := aws.Compile(lb)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func rulesOf(g graph.Graph) []*aws.Rule {
	var out []*aws.Rule
	for _, n := range g.Sorted() {
		if r, ok := n.Spec.(*aws.Rule); ok {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *aws.Rule) int { return strings.Compare(a.Rank, b.Rank) })
	return out
}

func specs[T any](g graph.Graph) []T {
	var out []T
	for _, n := range g.Sorted() {
		if s, ok := n.Spec.(T); ok {
			out = append(out, s)
		}
	}
	return out
}

// TestMerge counts the rules that a route of hosts and paths becomes.
func TestMerge(t *testing.T) {
	for _, c := range []struct {
		reason string
		hosts  int
		paths  []ir.PathMatch
		want   int
	}{
		{"3 hosts and 4 exact paths", 3, []ir.PathMatch{exact("/a"), exact("/b"), exact("/c"), exact("/d")}, 2},
		{"5 hosts for all paths", 5, []ir.PathMatch{prefix("/")}, 1},
		{"6 hosts for all paths", 6, []ir.PathMatch{prefix("/")}, 2},
		{"1 host and 4 exact paths", 1, []ir.PathMatch{exact("/a"), exact("/b"), exact("/c"), exact("/d")}, 1},
		{"a prefix takes two values", 3, []ir.PathMatch{prefix("/a"), prefix("/b")}, 2},
		{"expressions and patterns cannot be mixed", 1, []ir.PathMatch{exact("/a"), exact("/b*")}, 2},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var rules []ir.Rule
			for h := range c.hosts {
				for _, p := range c.paths {
					rules = append(rules, ir.Rule{Match: ir.Match{Hostname: fmt.Sprintf("h%d.example.com", h), Path: p}, Source: route("r")})
				}
			}
			got := compile(t, httpWith(rules...))
			if n := len(rulesOf(got.Graph)); n != c.want || len(got.Refused) > 0 {
				t.Errorf("want %d rules, got %d: %s", c.want, n, encoded(t, got))
			}
		})
	}
}

// TestMergeMethods makes one rule of what differs in the method alone, and only of that.
func TestMergeMethods(t *testing.T) {
	match := func(method, path string) ir.Match {
		return ir.Match{Hostname: "a.example.com", Method: method, Path: exact(path)}
	}
	rules := func(between ...ir.Rule) []ir.Rule {
		all := []ir.Rule{{Match: match("GET", "/a"), Source: route("r")}}
		all = append(all, between...)
		return append(all, ir.Rule{Match: match("POST", "/a"), Source: route("r")})
	}
	got := rulesOf(compile(t, httpWith(rules()...)).Graph)
	want := []aws.Condition{
		{Field: aws.FieldHost, Values: []string{"a.example.com"}}, {Field: aws.FieldPath, Values: []string{"/a"}},
		{Field: aws.FieldMethod, Values: []string{"GET", "POST"}},
	}
	if len(got) != 1 || !cmp.Equal(want, got[0].Conditions) {
		t.Errorf("want one rule, got %s", encoded(t, got))
	}
	other := ir.Rule{Match: ir.Match{Path: prefix("/")}, Source: route("other"), Action: to("p1")}
	if n := len(rulesOf(compile(t, httpWith(rules(other)...)).Graph)); n != 3 {
		t.Errorf("a rule stands between that decides otherwise: want 3 rules, got %d", n)
	}
}

// TestRefusals says of a rule what a Application Load Balancer cannot do, and what of that a class may allow.
func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 130)
	header := func(value string) ir.Match { return ir.Match{Headers: []ir.FieldMatch{{Name: "env", Value: value}}} }
	for _, c := range []struct {
		reason  string
		rule    ir.Rule
		allowed bool   // the class opts in
		want    string // of the refusal, or of the difference where allowed
	}{
		{"letters in a header", ir.Rule{Match: header("prod")}, false, "the case of letters in the header env makes no difference, and its class does not allow that"},
		{"and where it may differ", ir.Rule{Match: header("prod")}, true, "the case of letters in the header env makes no difference"},
		{"a header without letters", ir.Rule{Match: header("42")}, false, ""},
		{"a header of a wildcard", ir.Rule{Match: header("4*")}, false, ""},
		{"a long path", ir.Rule{Match: ir.Match{Path: exact("/" + long)}}, true,
			"the path /" + long + " would take a value of 131 characters, and a rule compares with up to 128 visible ASCII ones"},
		{"a long hostname", ir.Rule{Match: ir.Match{Hostname: long + ".com"}}, true,
			"the hostname " + long + ".com has more than the 128 characters that a rule can compare"},
		{"classes of Unicode", ir.Rule{Match: ir.Match{Path: ir.PathMatch{Kind: ir.PathRegex, Value: `/\pL`}}}, true,
			`Application Load Balancers have no classes of Unicode in regular expressions (/\pL)`},
		{"a query by expression", ir.Rule{Match: ir.Match{Query: []ir.FieldMatch{{Name: "q", Kind: ir.FieldRegex, Value: "1|2"}}}}, true,
			"Application Load Balancers have no regular expressions for query parameters"},
		{"too many values", ir.Rule{Match: ir.Match{Hostname: "a.example.com", Path: prefix("/a"), Method: "GET", Headers: []ir.FieldMatch{
			{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Value: "3"},
		}}}, true, "its conditions have 6 values, and a rule of an Application Load Balancer has at most 5"},
		{"a prefix in one value where two are too many", ir.Rule{Match: ir.Match{Hostname: "a.example.com", Path: prefix("/a"), Method: "GET", Headers: []ir.FieldMatch{
			{Name: "a", Value: "1"}, {Name: "b", Value: "2"},
		}}}, false, ""},
		{"308", ir.Rule{Action: &ir.Redirect{Status: 308, Hostname: "a.example.com"}}, true, "Application Load Balancers redirect with status 301 and 302, not with 308"},
		{"a redirect of a prefix", ir.Rule{Match: ir.Match{Path: prefix("/old")}, Action: &ir.Redirect{Status: 301, Path: &ir.PathEdit{Kind: ir.ReplacePrefixMatch, Value: "/new"}}},
			true, "redirects of Application Load Balancers keep the path or replace all of it, and cannot replace the prefix /old of it"},
		{"a redirect to itself", ir.Rule{Action: &ir.Redirect{Status: 301}}, true, "it redirects to where the request came from"},
		{"timeouts", ir.Rule{Action: &ir.Forward{Backends: to("p0").Backends, Timeouts: ir.Timeouts{Request: 1}}}, true, "an Application Load Balancer has no timeouts of a rule"},
		{"headers of a backend", ir.Rule{Action: &ir.Forward{Backends: []ir.Backend{{Pool: "p0", Weight: 1, RequestHeaders: ir.HeaderEdit{Remove: []string{"x"}}}}}}, true,
			"an Application Load Balancer does not change headers by rule"},
		{"six backends", ir.Rule{Action: to("p0", "p1", "p2", "p3", "p4", "p5")}, true, "it has 6 backends, and a rule in AWS has at most 5"},
		{"gRPC over HTTP", ir.Rule{Source: ir.Source{Kind: "GRPCRoute"}}, true, "Application Load Balancers speak HTTP/2 and gRPC to backends only where the listener is HTTPS"},
		{"a dollar sign", ir.Rule{Action: &ir.Forward{Backends: to("p0").Backends, Rewrite: &ir.Rewrite{Path: &ir.PathEdit{Value: "/a$1"}}}}, true,
			`it rewrites to /a$1, and AWS says of $ and \ only that they stand for something else`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			lb := httpWith(c.rule, ir.Rule{Source: route("other")})
			lb.Approximate = c.allowed
			got := compile(t, lb)
			var texts []string
			for _, r := range got.Refused {
				texts = append(texts, r.Text)
			}
			for _, d := range got.Differences {
				texts = append(texts, d.Text)
			}
			if text := strings.Join(texts, "; "); text != c.want {
				t.Errorf("want %q, got %q", c.want, text)
			}
			made := 1
			if len(got.Refused) == 0 {
				made = 2
			}
			if n := len(rulesOf(got.Graph)); n != made {
				t.Errorf("want %d rules, got %d: a refusal costs its rule alone", made, n)
			}
		})
	}
}

// TestOlderRulesStay has more rules than there is room for: a route that comes never takes the room of one that is there.
func TestOlderRulesStay(t *testing.T) {
	lb := func(routes int) *ir.LoadBalancer {
		var rules []ir.Rule
		for i := range routes {
			rules = append(rules, ir.Rule{
				Rank: fmt.Sprintf("%05d", 99999-i), Since: int64(i), Source: route(fmt.Sprint("r", i)), Match: ir.Match{Path: exact(fmt.Sprint("/", i))},
			})
		}
		slices.Reverse(rules)
		return httpWith(rules...)
	}
	before, after := compile(t, lb(100)), compile(t, lb(103))
	if len(before.Refused) > 0 || len(rulesOf(before.Graph)) != 100 {
		t.Fatalf("want 100 rules to fit, got %d and %v", len(rulesOf(before.Graph)), before.Refused)
	}
	if diff := cmp.Diff(encoded(t, before.Graph), encoded(t, after.Graph)); diff != "" {
		t.Errorf("the 100 older rules changed:\n%s", diff)
	}
	const text = "an Application Load Balancer has at most 100 rules, and those of the Gateway are 103: the rules of older routes have them; remove some, or use another Gateway"
	var want []cloud.Refusal
	for _, name := range []string{"r102", "r101", "r100"} {
		want = append(want, cloud.Refusal{Source: route(name), Kind: cloud.Quota, Text: text})
	}
	if diff := cmp.Diff(want, after.Refused); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// TestServersAreKeptApart has a rule for what a server leaves over, where a less specific one could have it, and only there.
func TestServersAreKeptApart(t *testing.T) {
	server := func(hostname string, match ir.Match, pools ...string) ir.Server {
		return ir.Server{Name: "s" + hostname, Hostname: hostname, Source: ir.Source{Kind: "Gateway", Section: "s" + hostname},
			Rules: []ir.Rule{{Rank: "0", Match: match, Action: to(pools...), Source: route("r" + hostname)}}}
	}
	some, all := ir.Match{Path: exact("/a")}, ir.Match{Path: prefix("/")}
	for _, c := range []struct {
		reason  string
		servers []ir.Server
		want    string // what the rules answer, in their order
	}{
		{"something is left over", []ir.Server{server("a.example.com", some, "p0"), server("", all, "p0")}, "to 404 to"},
		{"nothing is", []ir.Server{server("a.example.com", all, "p0"), server("", all, "p0")}, "to to"},
		{"nobody else could have it", []ir.Server{server("a.example.com", some, "p0"), server("b.example.com", all, "p0")}, "to to"},
		{"the rule that leaves nothing is refused", []ir.Server{server("a.example.com", all, "p0", "p1", "p2", "p3", "p4", "p5"), server("", all, "p0")}, "404 to"},
	} {
		lb := httpWith()
		lb.Listeners[0].Servers = c.servers
		var got []string
		for _, r := range rulesOf(compile(t, lb).Graph) {
			if r.Action.Fixed != nil {
				got = append(got, r.Action.Fixed.StatusCode)
			} else {
				got = append(got, "to")
			}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: want %s, got %s", c.reason, c.want, text)
		}
	}
}

func TestTargetGroupQuota(t *testing.T) {
	var rules []ir.Rule
	for i := range 30 {
		pools := []string{}
		for p := range 4 {
			pools = append(pools, fmt.Sprint("p", i*4+p))
		}
		rules = append(rules, ir.Rule{Since: int64(i), Source: route(fmt.Sprint("r", i)), Match: ir.Match{Path: exact(fmt.Sprint("/", i))}, Action: to(pools...)})
	}
	got := compile(t, httpWith(rules...))
	if n := len(specs[*aws.TargetGroup](got.Graph)); n != 100 {
		t.Errorf("want 100 target groups, got %d", n)
	}
	if len(got.Refused) != 5 || got.Refused[0].Kind != cloud.Quota || got.Refused[0].Source != route("r25") {
		t.Errorf("want the rules of 5 routes refused from r25 on, got %v", got.Refused)
	}
}

func TestWeights(t *testing.T) {
	for _, c := range []struct {
		weights []uint32
		want    []int32
	}{
		{[]uint32{3, 1}, []int32{3, 1}},
		{[]uint32{0, 1}, []int32{0, 1}},
		{[]uint32{1_000_000, 1}, []int32{999, 1}},
		{[]uint32{2000, 1000}, []int32{999, 500}},
		{[]uint32{1000, 999}, []int32{999, 998}},
	} {
		f := &ir.Forward{}
		for i, w := range c.weights {
			f.Backends = append(f.Backends, ir.Backend{Pool: fmt.Sprint("p", i), Weight: w})
		}
		var got []int32
		for _, g := range rulesOf(compile(t, httpWith(ir.Rule{Action: f})).Graph)[0].Action.Forward.TargetGroups {
			got = append(got, g.Weight)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", c.weights, diff)
		}
	}
}

// TestReachMakesAllAnew: another scheme is another load balancer, and nothing of the old one is in its way.
func TestReachMakesAllAnew(t *testing.T) {
	public := httpWith(ir.Rule{})
	private := httpWith(ir.Rule{})
	private.Reach = ir.ReachPrivate
	before, after := compile(t, public).Graph, compile(t, private).Graph
	for id := range after {
		if _, both := before[id]; both && id.Kind != aws.KindSecurityGroup {
			t.Errorf("%s is in both", id)
		}
	}
}

func TestTargets(t *testing.T) {
	at := func(ip string, port uint16, node string) ir.Target {
		return ir.Target{Address: netip.MustParseAddr(ip), Port: port, Node: node}
	}
	draining := at("10.0.0.9", 80, "")
	draining.Draining = true
	for _, c := range []struct {
		reason string
		pool   ir.Pool
		want   string
	}{
		{"pods", ir.Pool{Targets: []ir.Target{at("10.0.0.2", 80, ""), at("10.0.0.1", 80, ""), draining}}, "ip ipv4 [10.0.0.1:80 10.0.0.2:80]"},
		{"nodes", ir.Pool{Nodes: true, Targets: []ir.Target{at("10.0.0.1", 30080, "aws:///eu-west-1a/i-1")}}, "instance ipv4 [i-1:30080]"},
		{"nodes of elsewhere", ir.Pool{Nodes: true, Targets: []ir.Target{at("10.0.0.1", 30080, "kind://docker/x")}}, "ip ipv4 [10.0.0.1:30080]"},
		{"IPv6", ir.Pool{Targets: []ir.Target{at("fd00::1", 80, "")}}, "ip ipv6 [[fd00::1]:80]"},
		{"both families", ir.Pool{Targets: []ir.Target{at("10.0.0.1", 80, ""), at("fd00::1", 80, "")}}, "ip ipv4 [10.0.0.1:80]"},
	} {
		lb := httpWith(ir.Rule{})
		lb.Settings = json.RawMessage(`{"ipAddressType":"DualStack"}`)
		c.pool.Name, c.pool.Protocol = "p0", ir.PoolHTTP1
		lb.Pools[0] = c.pool
		group := specs[*aws.TargetGroup](compile(t, lb).Graph)[0]
		if got := fmt.Sprint(group.TargetType, " ", group.IPAddressType, " ", group.Targets); got != c.want {
			t.Errorf("%s: want %s, got %s", c.reason, c.want, got)
		}
	}
}

// TestIPv6NeedsDualStack: AWS gives a load balancer of IPv4 no targets of IPv6. That costs the Service, and no rule.
func TestIPv6NeedsDualStack(t *testing.T) {
	lb := httpWith(ir.Rule{Source: route("six")})
	lb.Pools[0].Source = ir.Source{Kind: "Service", Name: "six"}
	lb.Pools[0].Targets = []ir.Target{{Address: netip.MustParseAddr("fd00::1"), Port: 80}}
	got := compile(t, lb)
	if len(got.Refused) != 1 || got.Refused[0].Source != lb.Pools[0].Source || len(rulesOf(got.Graph)) != 1 {
		t.Errorf("want the endpoints refused, got %v", got.Refused)
	}
	if group := specs[*aws.TargetGroup](got.Graph)[0]; len(group.Targets) != 0 || group.IPAddressType != "ipv4" {
		t.Errorf("want a group of IPv4 without targets, got %+v", group)
	}
}

func health(protocol, path, matcher string, interval, timeout, healthy, unhealthy int32) aws.HealthCheck {
	return aws.HealthCheck{
		Protocol: protocol, Port: "traffic-port", Path: path, Matcher: matcher,
		Interval: interval, Timeout: timeout, Healthy: healthy, Unhealthy: unhealthy,
	}
}

func TestHealthChecks(t *testing.T) {
	second := time.Second
	asked := &ir.HealthCheck{Kind: ir.HealthHTTP, Path: "/ready", Interval: 7 * second, Timeout: 3 * second, HealthyThreshold: 4, UnhealthyThreshold: 5}
	quick := &ir.HealthCheck{Interval: second, Timeout: second, HealthyThreshold: 1, UnhealthyThreshold: 1}
	slow := &ir.HealthCheck{Interval: time.Hour, Timeout: time.Hour, HealthyThreshold: 99, UnhealthyThreshold: 99}
	for _, c := range []struct {
		reason string
		pool   ir.Pool
		kind   string // of the route
		want   aws.HealthCheck
	}{
		{"as asked", ir.Pool{Health: asked}, "HTTPRoute", health("HTTP", "/ready", "200-399", 7, 3, 4, 5)},
		{"over TLS", ir.Pool{Health: asked, TLS: &ir.BackendTLS{}}, "HTTPRoute", health("HTTPS", "/ready", "200-399", 7, 3, 4, 5)},
		{"not more often than AWS does", ir.Pool{Health: quick}, "HTTPRoute", health("HTTP", "/", "200-499", 5, 2, 2, 2)},
		{"not less often than AWS does", ir.Pool{Health: slow}, "HTTPRoute", health("HTTP", "/", "200-499", 300, 120, 10, 10)},
		{"nothing asked", ir.Pool{}, "HTTPRoute", health("HTTP", "/", "200-499", 15, 5, 2, 2)},
		{"gRPC", ir.Pool{Protocol: ir.PoolHTTP2, Health: asked}, "GRPCRoute", health("HTTP", "/AWS.ALB/healthcheck", "0-99", 7, 3, 4, 5)},
	} {
		lb := httpWith(ir.Rule{Source: ir.Source{Kind: c.kind}})
		lb.Listeners[0].Protocol = ir.ProtocolHTTPS
		lb.Listeners[0].Servers[0].Certificates = []string{"crt"}
		lb.Certificates = []ir.Certificate{{Name: "crt"}}
		c.pool.Name = "p0"
		lb.Pools[0] = c.pool
		if diff := cmp.Diff(c.want, specs[*aws.TargetGroup](compile(t, lb).Graph)[0].HealthCheck); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

// TestHostIsKept asks for the attribute that lets Host through as it is exactly where an Application Load Balancer would change it.
func TestHostIsKept(t *testing.T) {
	for _, c := range []struct {
		port uint16
		want map[string]string
	}{{80, nil}, {443, nil}, {8080, map[string]string{"routing.http.preserve_host_header.enabled": "true"}}} {
		lb := httpWith(ir.Rule{})
		lb.Listeners[0].Port = c.port
		if diff := cmp.Diff(c.want, specs[*aws.LoadBalancer](compile(t, lb).Graph)[0].Attributes); diff != "" {
			t.Errorf("port %d (-want +got):\n%s", c.port, diff)
		}
	}
}

func TestSettings(t *testing.T) {
	lb := httpWith(ir.Rule{})
	lb.Settings = json.RawMessage(`{"sourceRanges":["10.1.2.3/8"],"tags":{"team":"shop"},"idleTimeout":"90s","accessLogs":{"bucket":"logs"},
		"loadBalancerAttributes":{"dns_record.client_routing_policy":"any_availability_zone","waf.fail_open.enabled":"true"},
		"targetGroupAttributes":{"slow_start.duration_seconds":"30","preserve_client_ip.enabled":"true"},
		"backendSecurityGroups":{"manage":true,"ids":["sg-2"]}}`)
	lb.Pools[0].Targets = []ir.Target{{Address: netip.MustParseAddr("10.0.0.1"), Port: 8080}, {Address: netip.MustParseAddr("10.0.0.1"), Port: 9090}}
	g := compile(t, lb).Graph
	balancer := specs[*aws.LoadBalancer](g)[0]
	want := map[string]string{
		"idle_timeout.timeout_seconds": "90", "waf.fail_open.enabled": "true",
		"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs", "access_logs.s3.prefix": "",
	}
	if diff := cmp.Diff(want, balancer.Attributes); diff != "" {
		t.Errorf("attributes of the load balancer (-want +got):\n%s", diff)
	}
	if balancer.Tags["team"] != "shop" || balancer.Tags["cloudgate.dev/owner"] != "u" {
		t.Errorf("tags: got %v", balancer.Tags)
	}
	if got := specs[*aws.SecurityGroup](g)[0].Ingress; !slices.Equal(got, []aws.Ingress{{Protocol: "tcp", Port: 80, CIDR: "10.0.0.0/8"}}) {
		t.Errorf("ingress: got %v", got)
	}
	access := specs[*aws.NodeAccess](g)[0]
	if got := fmt.Sprint(access.Groups, access.Sources, access.Ports); got != "[sg-2] [frontend] [{tcp 8080 9090}]" {
		t.Errorf("node access: got %s", got)
	}
	group := specs[*aws.TargetGroup](g)[0]
	if diff := cmp.Diff(map[string]string{"slow_start.duration_seconds": "30"}, group.NonDefault()); diff != "" {
		t.Errorf("attributes that a new target group is told (-want +got):\n%s", diff)
	}
	lb.Settings = json.RawMessage(`{"tipo":1}`)
	if _, err := aws.Compile(lb); err == nil {
		t.Error("want an error for settings that are not known")
	}
}

// TestIngressQuota leaves out what a security group has no room for: it rather keeps somebody out than lets nobody in.
func TestIngressQuota(t *testing.T) {
	var ranges []string
	for i := range 70 {
		ranges = append(ranges, fmt.Sprintf(`"10.%d.0.0/16"`, i))
	}
	lb := httpWith(ir.Rule{})
	lb.Settings = json.RawMessage(`{"sourceRanges":[` + strings.Join(ranges, ",") + `]}`)
	got := compile(t, lb)
	if n := len(specs[*aws.SecurityGroup](got.Graph)[0].Ingress); n != 60 || len(got.Refused) != 1 || got.Refused[0].Kind != cloud.Quota {
		t.Errorf("want 60 rules and a refusal, got %d and %v", n, got.Refused)
	}
}

// TestCompileManyRules bounds the work for a listener of many hosts and paths by its size: it has to end.
func TestCompileManyRules(t *testing.T) {
	var rules []ir.Rule
	for h := range 100 {
		for p := range 30 {
			rules = append(rules, ir.Rule{
				Source: route(fmt.Sprint("r", h/10)), Match: ir.Match{Hostname: fmt.Sprintf("h%d.example.com", h), Path: prefix(fmt.Sprint("/", p))},
			})
		}
	}
	got := compile(t, httpWith(rules...))
	measured(t, "%d rules of the IR become %d, and %d routes are refused some", len(rules), len(rulesOf(got.Graph)), len(got.Refused))
	if len(rulesOf(got.Graph)) != 100 {
		t.Errorf("want the quota's 100 rules, got %d", len(rulesOf(got.Graph)))
	}
}
