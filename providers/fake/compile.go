package fake

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Compile implements cloud.Provider.
func (p *Provider) Compile(want *ir.LoadBalancer) (cloud.Compiled, error) {
	g, err := Compile(want)
	return cloud.Compiled{Graph: g}, err
}

// Compile lowers want into resources of the fake cloud. An error means that want is not a valid ir.LoadBalancer. A load balancer
// without listeners is one all the same: its address must not be lost while a user mends the only listener.
func Compile(want *ir.LoadBalancer) (graph.Graph, error) {
	if want == nil {
		return graph.Graph{}, nil
	}
	c := &compiler{marks: newMarks(want), graph: make(graph.Graph)}
	certificates := make(map[string]graph.ID, len(want.Certificates))
	for _, crt := range want.Certificates {
		c.certificate(crt)
		certificates[crt.Name] = certificateID(crt)
	}
	for _, pool := range want.Pools {
		if err := c.pool(pool, certificates); err != nil {
			return nil, err
		}
	}
	if err := c.loadBalancer(want, certificates); err != nil {
		return nil, err
	}
	if err := c.graph.Check(); err != nil {
		return nil, fmt.Errorf("compile %s/%s: %w", want.Owner.Namespace, want.Owner.Name, err)
	}
	return c.graph, nil
}

type compiler struct {
	marks marks
	graph graph.Graph
}

func (c *compiler) add(n graph.Node) { c.graph[n.ID] = n }

// certificate names a certificate by its content, so that a rotated one is made, put to use, and only then the old one deleted.
func (c *compiler) certificate(crt ir.Certificate) {
	c.add(graph.Node{ID: certificateID(crt), Spec: &Certificate{
		Marked: c.marks.mark(certificateID(crt).Name, true, crt.Source),
		Chain:  string(crt.Chain),
		Key:    crt.Key,
	}})
}

func certificateID(crt ir.Certificate) graph.ID {
	return graph.ID{Kind: KindCertificate, Name: crt.Name + "-" + digest(string(crt.Chain), string(crt.Key))}
}

func poolID(name string) graph.ID { return graph.ID{Kind: KindPool, Name: name} }

func (c *compiler) pool(pool ir.Pool, certificates map[string]graph.ID) error {
	protocol, err := poolProtocol(pool.Protocol)
	if err != nil {
		return fmt.Errorf("pool %s: %w", pool.Name, err)
	}
	spec := &Pool{
		Marked:      c.marks.mark(pool.Name, true, pool.Source),
		Protocol:    protocol,
		Algorithm:   algorithm(pool.Algorithm),
		HealthCheck: healthCheck(pool.Health),
		Session:     session(pool.Session),
		RetryBudget: retryBudget(pool.Budget),
		Limits:      limits(pool.Limits),
	}
	node := graph.Node{ID: poolID(pool.Name), Spec: spec}
	if t := pool.TLS; t != nil {
		spec.TLS = &PoolTLS{ServerName: t.ServerName, CAPEM: string(t.CAs), System: t.System}
		for _, san := range t.SANs {
			if san.DNS != "" {
				spec.TLS.DNSNames = append(spec.TLS.DNSNames, san.DNS)
			}
			if san.URI != "" {
				spec.TLS.URIs = append(spec.TLS.URIs, san.URI)
			}
		}
		if t.Client != "" {
			crt, ok := certificates[t.Client]
			if !ok {
				return fmt.Errorf("pool %s: no certificate %s", pool.Name, t.Client)
			}
			spec.TLS.Certificate, node.Refs = crt.Name, []graph.ID{crt}
		}
	}
	for _, t := range pool.Targets {
		spec.Members = append(spec.Members, Member{Address: t.Address, Port: t.Port, Weight: t.Weight, Draining: t.Draining})
	}
	spec.Members = canonicalMembers(spec.Members)
	c.add(node)
	return nil
}

func poolProtocol(p ir.PoolProtocol) (string, error) {
	switch p {
	case ir.PoolHTTP1:
		return "HTTP1", nil
	case ir.PoolHTTP2:
		return "HTTP2", nil
	case ir.PoolTCP:
		return "TCP", nil
	case ir.PoolUDP:
		return "UDP", nil
	}
	return "", fmt.Errorf("unknown protocol %d", p)
}

func algorithm(a ir.Algorithm) string {
	if a == ir.LeastRequest {
		return "LeastRequest"
	}
	return "RoundRobin"
}

func healthCheck(h *ir.HealthCheck) *HealthCheck {
	if h == nil {
		return nil
	}
	check := &HealthCheck{
		Type:               "TCP",
		Interval:           Duration(h.Interval),
		Timeout:            Duration(h.Timeout),
		HealthyThreshold:   int(h.HealthyThreshold),
		UnhealthyThreshold: int(h.UnhealthyThreshold),
	}
	if h.Kind == ir.HealthHTTP {
		check.Type, check.Path = "HTTP", h.Path
	}
	return check
}

// loadBalancer adds the load balancer and what is in it. There is one, and all of it but its name can change in place.
func (c *compiler) loadBalancer(want *ir.LoadBalancer, certificates map[string]graph.ID) error {
	spec := &LoadBalancer{Scheme: "internet"}
	if want.Reach == ir.ReachPrivate {
		spec.Scheme = "private"
	}
	for _, a := range want.Addresses {
		if !a.IP.IsValid() {
			return fmt.Errorf("the fake cloud cannot give the host name %s to a load balancer", a.Hostname)
		}
		spec.Addresses = append(spec.Addresses, a.IP)
	}
	id := graph.ID{Kind: KindLoadBalancer, Name: want.Owner.Namespace + "/" + want.Owner.Name}
	spec.Marked = c.marks.mark(id.Name, true, ir.Source{Kind: "Gateway", Namespace: want.Owner.Namespace, Name: want.Owner.Name})
	c.add(graph.Node{ID: id, Spec: spec})
	for _, l := range want.Listeners {
		if err := c.listener(l, id, certificates); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) listener(l ir.Listener, lb graph.ID, certificates map[string]graph.ID) error {
	protocol, family, err := listenerProtocol(l.Protocol)
	if err != nil {
		return fmt.Errorf("listener on port %d: %w", l.Port, err)
	}
	id := graph.ID{Kind: KindListener, Name: fmt.Sprintf("%s-%d", strings.ToLower(protocol), l.Port)}
	spec := &Listener{Port: l.Port, Protocol: protocol, Clients: clientValidation(l.Clients)}
	// Another protocol on the same port is another listener, and a port belongs to one.
	node := graph.Node{ID: id, Spec: spec, Within: lb, Holds: []string{fmt.Sprintf("port %d/%s", l.Port, family)}}
	for _, s := range l.Servers {
		server := Server{Name: s.Name, Hostname: s.Hostname, TLS: tlsMode(s.TLS)}
		for _, name := range s.Certificates {
			crt, ok := certificates[name]
			if !ok {
				return fmt.Errorf("%s: server %s: no certificate %s", id, s.Name, name)
			}
			server.Certificates = append(server.Certificates, crt.Name)
			node.Refs = appendOnce(node.Refs, crt)
		}
		spec.Servers = append(spec.Servers, server)
		if err := c.rules(id, s); err != nil {
			return fmt.Errorf("%s: server %s: %w", id, s.Name, err)
		}
	}
	source := ir.Source{}
	if len(l.Servers) > 0 {
		source = l.Servers[0].Source
	}
	spec.Marked = c.marks.mark(id.Name, false, source)
	c.add(node)
	return nil
}

func appendOnce(ids []graph.ID, id graph.ID) []graph.ID {
	for _, known := range ids {
		if known == id {
			return ids
		}
	}
	return append(ids, id)
}

func listenerProtocol(p ir.Protocol) (protocol, family string, err error) {
	switch p {
	case ir.ProtocolHTTP:
		return "HTTP", "tcp", nil
	case ir.ProtocolHTTPS:
		return "HTTPS", "tcp", nil
	case ir.ProtocolTLS:
		return "TLS", "tcp", nil
	case ir.ProtocolTCP:
		return "TCP", "tcp", nil
	case ir.ProtocolUDP:
		return "UDP", "udp", nil
	}
	return "", "", fmt.Errorf("unknown protocol %d", p)
}

func tlsMode(m ir.TLSMode) string {
	switch m {
	case ir.TLSTerminate:
		return "terminate"
	case ir.TLSPassthrough:
		return "passthrough"
	case ir.TLSNone:
	}
	return ""
}

// rules groups the rules of a server that come from one rule of one route and do the same: they differ in what they match, and the
// cloud's rules can match several things. So a route's rule costs one call.
//
// A rule is named by its route and by what it matches. Its action and its rank change in place, in one call; what it matches never
// does. A change of that makes another rule, and the old one goes after it has come: whatever is moved, swapped or inserted, no request
// that was and is answered finds no rule meanwhile. The place of a rule in its route is not in the name, or rules would trade places
// by updates, with requests falling in between.
func (c *compiler) rules(listener graph.ID, s ir.Server) error {
	type group struct {
		source ir.Source
		does   string
	}
	groups := make(map[group]*groupedRule)
	var order []*groupedRule
	for _, r := range s.Rules {
		action, refs := ruleAction(r.Action)
		if action == (Action{}) {
			return fmt.Errorf("rule %s has no action", r.Rank)
		}
		g := &groupedRule{source: r.Source, refs: refs, spec: &Rule{Server: s.Name, CORS: cors(r.CORS), Action: action}}
		key, err := json.Marshal(g.spec)
		if err != nil {
			return fmt.Errorf("rule %s: %w", r.Rank, err)
		}
		match, err := ruleMatch(r)
		if err != nil {
			return err
		}
		if known := groups[group{r.Source, string(key)}]; known != nil {
			g = known
		} else {
			groups[group{r.Source, string(key)}] = g
			order = append(order, g)
		}
		g.spec.Matches = append(g.spec.Matches, match)
	}
	return c.addRules(listener, s.Name, order)
}

// groupedRule is a rule that has no name yet.
type groupedRule struct {
	source ir.Source
	refs   []graph.ID
	spec   *Rule
}

func (c *compiler) addRules(listener graph.ID, server string, rules []*groupedRule) error {
	for _, r := range rules {
		name, err := ruleName(listener, server, r.source, r.spec.Matches)
		if err != nil {
			return err
		}
		// Rules of a route that match the same are counted in their order. Only the first of them ever decides.
		id := graph.ID{Kind: KindRule, Name: name}
		for n := 1; ; n++ {
			if _, taken := c.graph[id]; !taken {
				break
			}
			id.Name = fmt.Sprintf("%s+%d", name, n)
		}
		r.spec.Marked = c.marks.mark(id.Name, false, r.source)
		c.add(graph.Node{ID: id, Spec: r.spec, Within: listener, Refs: r.refs})
	}
	return nil
}

// ruleName names a rule by its route and what it matches, whatever the order. Of what it is made, only server names can contain
// slashes, and the parts after them are counted.
func ruleName(listener graph.ID, server string, s ir.Source, matches []Match) (string, error) {
	texts := make([]string, 0, len(matches))
	for _, m := range matches {
		m.Rank = ""
		text, err := json.Marshal(m)
		if err != nil {
			return "", fmt.Errorf("match of %s %s/%s: %w", s.Kind, s.Namespace, s.Name, err)
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return fmt.Sprintf("%s/%s/%s/%s/%s/%s", listener.Name, server, s.Kind, s.Namespace, s.Name, digest(texts...)), nil
}

// addresses returns the textual form of ips.
func addresses(ips []netip.Addr) []string {
	out := make([]string, 0, len(ips))
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}
