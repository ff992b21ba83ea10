package aws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Compile implements cloud.Provider.
func (p *Provider) Compile(want *ir.LoadBalancer) (cloud.Compiled, error) { return Compile(want) }

// Compile lowers want into resources of AWS. What AWS cannot have is refused by rule, listener or Service; an error means that want is not
// a valid ir.LoadBalancer, or its settings are not those of AWS.
func Compile(want *ir.LoadBalancer) (cloud.Compiled, error) {
	if want == nil {
		return cloud.Compiled{Graph: graph.Graph{}}, nil
	}
	s, err := readSettings(want.Settings)
	if err != nil {
		return cloud.Compiled{}, err
	}
	c := newCompiler(want, s)
	c.listeners()
	c.rules()
	c.fitTargets(&c.application)
	c.fitTargets(&c.transport)
	c.certificateNodes()
	c.network()
	if err := c.out.Graph.Check(); err != nil {
		return cloud.Compiled{}, fmt.Errorf("compile %s/%s: %w", want.Owner.Namespace, want.Owner.Name, err)
	}
	return c.out, nil
}

// compiler holds one compilation.
type compiler struct {
	want         *ir.LoadBalancer
	settings     settings
	marks        marks
	pools        map[string]*ir.Pool // by name; the one without a name has no targets, for backends that are not valid
	certificates map[string]*ir.Certificate

	application, transport balancer    // the two load balancers there can be
	candidates             []candidate // rules of the Application Load Balancer
	verifying              int         // listeners of the Application Load Balancer that verify their clients
	out                    cloud.Compiled
	told                   map[told]bool
}

// balancer is one of the load balancers that a Gateway becomes.
type balancer struct {
	kind      string // TypeApplication or TypeNetwork
	id        graph.ID
	listeners int
	ports     []Ingress // protocol and port of its listeners; the addresses come later
	groups    map[graph.ID]bool
	crowds    []*crowd // of its target groups
	// certificates of all listeners but the default ones, each once.
	certificates []CertificateChoice
}

type told struct {
	source ir.Source
	text   string
}

func newCompiler(want *ir.LoadBalancer, s settings) *compiler {
	c := &compiler{
		want: want, settings: s,
		pools:        make(map[string]*ir.Pool, len(want.Pools)),
		certificates: make(map[string]*ir.Certificate, len(want.Certificates)),
		told:         make(map[told]bool),
	}
	c.out.Graph = make(graph.Graph)
	var badLabels []string
	if c.marks, badLabels = newMarks(want, s); len(badLabels) > 0 {
		c.refuse(c.gateway(), cloud.Invalid, "labels that AWS does not take as tags are left out: "+strings.Join(badLabels, ", "))
	}
	own := 5
	if s.TrustStoreBucket != nil {
		own++ // where the file is
	}
	if n := len(c.marks.tags) + own; n > mostTags {
		c.refuse(c.gateway(), cloud.Quota, fmt.Sprintf("a resource in AWS has at most %d tags, and with %d of Cloudgate's own there are %d", mostTags, own, n))
		c.marks.tags = nil
	}
	if len(want.Addresses) > 0 {
		c.refuse(c.gateway(), cloud.Unsupported, "load balancers in AWS get their addresses from AWS")
	}
	c.pools[""] = &ir.Pool{Name: "invalid", Protocol: ir.PoolHTTP1, Source: c.gateway()}
	for i := range want.Pools {
		c.pools[want.Pools[i].Name] = &want.Pools[i]
	}
	for i := range want.Certificates {
		c.certificates[want.Certificates[i].Name] = &want.Certificates[i]
	}
	c.application = c.balancer(TypeApplication)
	c.transport = c.balancer(TypeNetwork)
	return c
}

// balancer names a load balancer. What cannot change is in the name, and what is within it or belongs to it is named after it: a load
// balancer that has to be another one is made, with all that it needs, before the old one goes.
func (c *compiler) balancer(kind string) balancer {
	name := kind + "-" + digest(8, c.scheme())
	return balancer{kind: kind, id: graph.ID{Kind: KindLoadBalancer, Name: name}, groups: make(map[graph.ID]bool)}
}

// suffix ends the names of what belongs to the load balancer.
func (b *balancer) suffix() string {
	return b.id.Name[:1] + b.id.Name[strings.LastIndexByte(b.id.Name, '-'):]
}

func (c *compiler) scheme() string {
	if c.want.Reach == ir.ReachPrivate {
		return "internal"
	}
	return "internet-facing"
}

func (c *compiler) gateway() ir.Source {
	return ir.Source{Kind: "Gateway", Namespace: c.want.Owner.Namespace, Name: c.want.Owner.Name}
}

func (c *compiler) add(n graph.Node) { c.out.Graph[n.ID] = n }

// refuse tells that a part is left out, once.
func (c *compiler) refuse(source ir.Source, kind cloud.Kind, text string) {
	if t := (told{source, text}); !c.told[t] {
		c.told[t] = true
		c.out.Refused = append(c.out.Refused, cloud.Refusal{Source: source, Kind: kind, Text: text})
	}
}

// differ tells what a part does otherwise, once.
func (c *compiler) differ(source ir.Source, text string) {
	if t := (told{source, text}); !c.told[t] {
		c.told[t] = true
		c.out.Differences = append(c.out.Differences, cloud.Difference{Source: source, Text: text})
	}
}

// listeners compiles the listeners, each for the load balancer that can have it, in the turn in which they get their room. Those of UDP come
// after those of TCP on their port, which they may share.
func (c *compiler) listeners() {
	inTurn := make([]*ir.Listener, len(c.want.Listeners))
	for i := range inTurn {
		inTurn[i] = &c.want.Listeners[i]
	}
	slices.SortStableFunc(inTurn, func(a, b *ir.Listener) int { return cmp.Compare(turnOf(a), turnOf(b)) })
	for _, l := range inTurn {
		switch l.Protocol {
		case ir.ProtocolHTTP, ir.ProtocolHTTPS:
			c.httpListener(l)
		case ir.ProtocolTLS, ir.ProtocolTCP:
			c.networkListener(l)
		case ir.ProtocolUDP:
		}
	}
	for _, l := range inTurn {
		if l.Protocol == ir.ProtocolUDP {
			c.networkListener(l)
		}
	}
}

// turnOf is that of the first of a port's servers.
func turnOf(l *ir.Listener) int {
	if len(l.Servers) == 0 {
		return 0
	}
	return slices.MinFunc(l.Servers, func(a, b ir.Server) int { return cmp.Compare(a.Turn, b.Turn) }).Turn
}

// network adds what listeners need around them: the load balancers, their security group, and what lets them reach the nodes. There is a
// load balancer for listeners that are refused too, so that a user who mends the only listener does not lose its address.
func (c *compiler) network() {
	groups, refs := c.frontendGroups(slices.Concat(c.application.ports, c.transport.ports))
	isHTTP := func(l ir.Listener) bool { return l.Protocol == ir.ProtocolHTTP || l.Protocol == ir.ProtocolHTTPS }
	isOther := func(l ir.Listener) bool { return !isHTTP(l) }
	if len(c.want.Listeners) == 0 || slices.ContainsFunc(c.want.Listeners, isHTTP) {
		c.loadBalancer(&c.application, groups, refs)
	}
	if slices.ContainsFunc(c.want.Listeners, isOther) {
		c.loadBalancer(&c.transport, groups, refs)
	}
	c.nodeAccess(groups, refs)
}

// frontendGroups returns the security groups of the load balancers, and what of them is in the graph.
func (c *compiler) frontendGroups(ports []Ingress) ([]string, []graph.ID) {
	if len(c.settings.SecurityGroups) > 0 {
		return slices.Sorted(slices.Values(c.settings.SecurityGroups)), nil
	}
	ranges := c.settings.SourceRanges
	if len(ranges) == 0 {
		ranges = []string{"0.0.0.0/0"}
		if c.dualStack() {
			ranges = append(ranges, "::/0")
		}
	}
	var ingress []Ingress
	for _, p := range ports {
		for _, cidr := range ranges {
			ingress = append(ingress, Ingress{Protocol: p.Protocol, Port: p.Port, CIDR: maskedCIDR(cidr)})
		}
	}
	ingress = slices.Compact(sortedBy(ingress, Ingress.compare))
	if len(ingress) > mostIngress {
		c.refuse(c.gateway(), cloud.Quota, fmt.Sprintf("a security group in AWS has at most %d rules, and the ports and source ranges make %d: the last are left out",
			mostIngress, len(ingress)))
		ingress = ingress[:mostIngress]
	}
	id := graph.ID{Kind: KindSecurityGroup, Name: "frontend"}
	c.add(graph.Node{ID: id, Spec: &SecurityGroup{Marked: c.marks.mark(id.Name, c.gateway()), Ingress: ingress}})
	return []string{id.Name}, []graph.ID{id}
}

func (c *compiler) dualStack() bool { return c.settings.IPAddressType == "DualStack" }

func (c *compiler) loadBalancer(b *balancer, groups []string, refs []graph.ID) {
	spec := &LoadBalancer{
		Marked:         c.marks.mark(b.id.Name, c.gateway()),
		Type:           b.kind,
		Scheme:         c.scheme(),
		IPAddressType:  "ipv4",
		Subnets:        Subnets{IDs: sortedBy(c.settings.Subnets.IDs, strings.Compare), Tags: orNil(c.settings.Subnets.Tags)},
		SecurityGroups: groups,
		Attributes:     c.loadBalancerAttributes(b.kind),
	}
	if c.dualStack() {
		spec.IPAddressType = "dualstack"
	}
	c.add(graph.Node{ID: b.id, Spec: spec, Refs: refs})
}

// nodeAccess lets the load balancers in at the ports of their targets, where the settings ask for it.
func (c *compiler) nodeAccess(groups []string, refs []graph.ID) {
	b := c.settings.BackendSecurityGroups
	ports := c.targetPorts()
	if !b.Manage || len(ports) == 0 {
		return
	}
	id := graph.ID{Kind: KindNodeAccess, Name: "backend"}
	c.add(graph.Node{ID: id, Refs: refs, Spec: &NodeAccess{
		Marked:  c.marks.mark(id.Name, c.gateway()),
		Groups:  sortedBy(b.IDs, strings.Compare),
		Cluster: b.ClusterName,
		Sources: groups,
		Ports:   ports,
	}})
}

// targetPorts are the ports of all targets, as one range for each protocol: so they change seldom.
func (c *compiler) targetPorts() []PortRange {
	ranges := make(map[string]PortRange)
	widen := func(protocol string, port uint16) {
		r, has := ranges[protocol]
		if !has {
			r = PortRange{Protocol: protocol, From: port, To: port}
		}
		r.From, r.To = min(r.From, port), max(r.To, port)
		ranges[protocol] = r
	}
	for _, n := range c.out.Graph {
		g, ok := n.Spec.(*TargetGroup)
		if !ok {
			continue
		}
		for _, t := range g.Targets {
			if g.Protocol != protocolUDP {
				widen("tcp", t.Port)
			}
			if g.Protocol == protocolUDP || g.Protocol == protocolTCPUDP {
				widen("udp", t.Port)
				widen("tcp", t.Port) // checks of health
			}
		}
	}
	var out []PortRange
	for _, key := range sortedKeys(ranges) {
		out = append(out, ranges[key])
	}
	return out
}

// certificateNodes adds the certificates that a listener has. A certificate is named by its content, so that a rotated one is made, put to
// use, and only then the old one deleted.
func (c *compiler) certificateNodes() {
	used := make(map[graph.ID]bool)
	for _, n := range c.out.Graph {
		for _, ref := range n.Refs {
			used[ref] = used[ref] || ref.Kind == KindCertificate
		}
	}
	for i := range c.want.Certificates {
		crt := &c.want.Certificates[i]
		if id := certificateID(crt); used[id] {
			c.add(graph.Node{ID: id, Spec: &Certificate{Marked: c.marks.mark(id.Name, crt.Source), Chain: string(crt.Chain), Key: crt.Key}})
		}
	}
}

func certificateID(crt *ir.Certificate) graph.ID {
	return graph.ID{Kind: KindCertificate, Name: digest(20, string(crt.Chain), string(crt.Key))}
}

// listenerID names a listener within its load balancer.
func (b *balancer) listenerID(protocol string, port uint16) graph.ID {
	return graph.ID{Kind: KindListener, Name: fmt.Sprintf("%s-%d-%s", strings.ToLower(strings.ReplaceAll(protocol, "_", "-")), port, b.suffix())}
}

// claim is what a listener holds: a port of a load balancer belongs to one.
func (b *balancer) claim(port uint16) []string {
	return []string{fmt.Sprintf("%s port %d", b.id.Name, port)}
}
