package providertest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Case is a load balancer to try a law on.
type Case struct {
	Name string
	Want *ir.LoadBalancer
}

// Corpus returns load balancers that use every field of the IR.
func Corpus() []Case {
	return []Case{
		{"no listener", &ir.LoadBalancer{Owner: ownerOf("bare")}},
		{"one route", shop(1)},
		{"private with labels", private()},
		{"all actions", actions()},
		{"https", secure("first")},
		{"protocols", protocols()},
		{"traffic", traffic("first")},
		{"many members", crowded(1201)},
		{"twenty routes", shop(20)},
	}
}

// life is a sequence of load balancers of one owner.
type life struct {
	name     string
	stations []*ir.LoadBalancer
}

// lives are short, because convergent lives them once for each call that they take.
func lives([]Case) []life {
	swap := protocols()
	swap.Listeners[0].Protocol, swap.Listeners[0].Servers = ir.ProtocolTCP, swap.Listeners[1].Servers
	swap.Listeners = swap.Listeners[:1]
	return []life{
		{"routes come and go", []*ir.LoadBalancer{shop(2), shop(3), withWeights(shop(2), 9, 1), shop(1)}},
		{"a certificate is rotated", []*ir.LoadBalancer{secure("first"), secure("second")}},
		{"what governs requests comes, changes and goes", []*ir.LoadBalancer{withoutTraffic(), traffic("first"), traffic("second"), withoutTraffic()}},
		{"a port changes its protocol", []*ir.LoadBalancer{protocols(), swap}},
		{"members come in several calls", []*ir.LoadBalancer{crowded(1001), crowded(3)}},
	}
}

// pool returns a pool of n targets.
func pool(name string, n int) ir.Pool {
	p := ir.Pool{Name: name, Protocol: ir.PoolHTTP1, Source: ir.Source{Kind: "Service", Namespace: "shop", Name: name}}
	for i := range n {
		p.Targets = append(p.Targets, target(i))
	}
	return p
}

func target(i int) ir.Target {
	return ir.Target{Address: netip.AddrFrom4([4]byte{127, 96, byte(i / 250), byte(1 + i%250)}), Port: 8080, Weight: 1}
}

func forward(pools ...string) *ir.Forward {
	f := &ir.Forward{}
	for _, name := range pools {
		f.Backends = append(f.Backends, ir.Backend{Weight: 1, Pool: name})
	}
	return f
}

func rule(route string, index int, path string, action ir.Action) ir.Rule {
	return ir.Rule{
		Rank:   fmt.Sprintf("%s/%03d%s", route, index, path),
		Match:  ir.Match{Hostname: "www.example.com", Path: ir.PathMatch{Kind: ir.PathPrefix, Value: path}},
		Action: action,
		Source: ir.Source{Kind: "HTTPRoute", Namespace: "shop", Name: route, Rule: index},
	}
}

func server(name string, rules ...ir.Rule) ir.Server {
	return ir.Server{Name: name, Rules: rules, Source: ir.Source{Kind: "Gateway", Namespace: "shop", Name: "shop", Section: name}}
}

// shop is an HTTP listener with routes, each with two matches, over two pools.
func shop(routes int) *ir.LoadBalancer {
	lb := &ir.LoadBalancer{Owner: ownerOf("shop"), Pools: []ir.Pool{pool("shop/api/80", 2), pool("shop/web/80", 3)}}
	var rules []ir.Rule
	for i := range routes {
		name := fmt.Sprintf("route-%03d", i)
		for _, path := range []string{"/a", "/b"} {
			rules = append(rules, rule(name, 0, fmt.Sprintf("%s%d", path, i), forward("shop/api/80", "shop/web/80")))
		}
	}
	lb.Listeners = []ir.Listener{{Port: 80, Protocol: ir.ProtocolHTTP, Servers: []ir.Server{server("http", rules...)}}}
	return lb
}

// withWeights sets the weights of the first route.
func withWeights(lb *ir.LoadBalancer, a, b uint32) *ir.LoadBalancer {
	rules := lb.Listeners[0].Servers[0].Rules
	for i := range rules {
		if rules[i].Source == rules[0].Source {
			f := forward("shop/api/80", "shop/web/80")
			f.Backends[0].Weight, f.Backends[1].Weight = a, b
			rules[i].Action = f
		}
	}
	return lb
}

func private() *ir.LoadBalancer {
	lb := shop(1)
	lb.Owner = ownerOf("private")
	lb.Reach = ir.ReachPrivate
	lb.Labels = []ir.Label{{Key: "example.com/cost", Value: "42 & more = fine, ü"}, {Key: "team", Value: "shop"}}
	return lb
}

// crowded has a pool with more targets than one call of most clouds takes.
func crowded(targets int) *ir.LoadBalancer {
	lb := shop(1)
	lb.Owner = ownerOf("crowded")
	lb.Pools[1] = pool("shop/web/80", targets)
	lb.Pools[1].Targets[0].Draining = true
	lb.Pools[1].Targets[1].Weight = 7
	return lb
}

// actions has every action, match and edit.
func actions() *ir.LoadBalancer {
	edit := ir.HeaderEdit{
		Set: []ir.Header{{Name: "X-Set", Value: "a; b"}}, Add: []ir.Header{{Name: "X-Add", Value: `"ü" <&>`}}, Remove: []string{"X-Gone"},
	}
	full := forward("shop/api/80", "")
	full.Backends[1].Status = 500
	full.Backends[0].RequestHeaders, full.Backends[0].ResponseHeaders = edit, edit
	full.RequestHeaders, full.ResponseHeaders = edit, edit
	full.Rewrite = &ir.Rewrite{Hostname: "inner.example.com", Path: &ir.PathEdit{Kind: ir.ReplacePrefixMatch, Value: "/v2"}}
	full.Timeouts = ir.Timeouts{Request: 5 * time.Second, Backend: 1500 * time.Millisecond}
	every := rule("all", 0, "/all", full)
	every.Match.Method = "POST"
	every.Match.Headers = []ir.FieldMatch{{Name: "x-env", Value: "a b"}, {Name: "x-version", Kind: ir.FieldRegex, Value: "v[0-9]+"}}
	every.Match.Query = []ir.FieldMatch{{Name: "q", Kind: ir.FieldRegex, Value: ".+"}, {Name: "z", Value: ""}}
	regex := rule("all", 1, "", &ir.Redirect{
		Scheme: "https", Hostname: "example.org", Port: 8443, Status: 301, ResponseHeaders: edit,
		Path: &ir.PathEdit{Kind: ir.ReplaceFullPath, Value: "/moved"},
	})
	regex.Match.Path = ir.PathMatch{Kind: ir.PathRegex, Value: "/r/[a-z]+"}
	exact := rule("all", 2, "", &ir.Respond{Status: 500, ResponseHeaders: edit})
	exact.Match.Path = ir.PathMatch{Kind: ir.PathExact, Value: "/exact"}
	anything := rule("all", 3, "", forward("shop/web/80"))
	anything.Match = ir.Match{}
	// One rule of a route that does two things: they are two of the cloud's.
	two := rule("two", 0, "/one", &ir.Redirect{Status: 302, Hostname: "one.example.com"})
	three := rule("two", 0, "/two", &ir.Redirect{Status: 302, Hostname: "two.example.com"})
	other := server("wild", rule("wild", 0, "/", forward("shop/api/80")))
	other.Hostname, other.Rules[0].Match.Hostname = "*.example.net", "*.example.net"

	web := pool("shop/web/80", 1)
	web.Algorithm = ir.LeastRequest
	web.Health = &ir.HealthCheck{
		Kind: ir.HealthHTTP, Path: "/healthz", Interval: 5 * time.Second, Timeout: time.Second, HealthyThreshold: 2, UnhealthyThreshold: 3,
	}
	api := pool("shop/api/80", 0)
	api.Protocol = ir.PoolHTTP2
	api.TLS = &ir.BackendTLS{ServerName: "api.internal", System: true, SANs: []ir.SAN{{DNS: "api.internal"}, {URI: "spiffe://x/api"}}}
	api.Health = &ir.HealthCheck{Kind: ir.HealthTCP, Interval: time.Second, Timeout: time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1}
	return &ir.LoadBalancer{
		Owner: ownerOf("actions"), Pools: []ir.Pool{api, web},
		Listeners: []ir.Listener{{
			Port: 8080, Protocol: ir.ProtocolHTTP, Servers: []ir.Server{other, server("http", every, regex, exact, anything, two, three)},
		}},
	}
}

// secure is an HTTPS listener with two servers and a certificate that depends on seed.
func secure(seed string) *ir.LoadBalancer {
	lb := shop(1)
	lb.Owner = ownerOf("secure")
	lb.Certificates = []ir.Certificate{certificate("other.example.com", "other"), certificate("www.example.com", seed)}
	l := &lb.Listeners[0]
	l.Port, l.Protocol = 443, ir.ProtocolHTTPS
	l.Servers[0].TLS, l.Servers[0].Certificates = ir.TLSTerminate, []string{lb.Certificates[1].Name, lb.Certificates[0].Name}
	other := server("other", rule("other", 0, "/", forward("shop/web/80")))
	other.Hostname, other.TLS, other.Certificates = "other.example.com", ir.TLSTerminate, []string{lb.Certificates[0].Name}
	other.Rules[0].Match.Hostname = "other.example.com"
	l.Servers = []ir.Server{other, l.Servers[0]}
	return lb
}

// protocols has TCP, UDP on the same port, and TLS of both kinds.
func protocols() *ir.LoadBalancer {
	stream := func(kind, route string) ir.Rule {
		return ir.Rule{Rank: route, Action: forward("shop/" + route), Source: ir.Source{Kind: kind, Namespace: "shop", Name: route}}
	}
	tcp, udp := pool("shop/tcp", 1), pool("shop/udp", 1)
	tcp.Protocol, udp.Protocol = ir.PoolTCP, ir.PoolUDP
	crt := certificate("tls.example.com", "tls")
	pass, end := server("pass", stream("TLSRoute", "tcp")), server("end", stream("TLSRoute", "tcp"))
	pass.Hostname, pass.TLS = "pass.example.com", ir.TLSPassthrough
	pass.Rules[0].Match.Hostname = "pass.example.com"
	end.Hostname, end.TLS, end.Certificates = "tls.example.com", ir.TLSTerminate, []string{crt.Name}
	return &ir.LoadBalancer{
		Owner: ownerOf("protocols"), Pools: []ir.Pool{tcp, udp}, Certificates: []ir.Certificate{crt},
		Listeners: []ir.Listener{
			{Port: 443, Protocol: ir.ProtocolTLS, Servers: []ir.Server{pass, end}},
			{Port: 5353, Protocol: ir.ProtocolTCP, Servers: []ir.Server{server("tcp", stream("TCPRoute", "tcp"))}},
			{Port: 5353, Protocol: ir.ProtocolUDP, Servers: []ir.Server{server("udp", stream("UDPRoute", "udp"))}},
		},
	}
}
