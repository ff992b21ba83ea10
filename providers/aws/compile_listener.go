package aws

import (
	"fmt"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// recommendedPolicy is what HTTPS and TLS listeners have where nobody says: TLS 1.3 and 1.2 with ciphers of today, as AWS recommends.
const recommendedPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06"

// Protocols of listeners and target groups.
const (
	protocolHTTP   = "HTTP"
	protocolHTTPS  = "HTTPS"
	protocolTCP    = "TCP"
	protocolUDP    = "UDP"
	protocolTCPUDP = "TCP_UDP"
	protocolTLS    = "TLS"
)

// httpListener adds a listener of the Application Load Balancer with its rules.
func (c *compiler) httpListener(l *ir.Listener) {
	b := &c.application
	if !c.room(b, l) {
		return
	}
	spec := &Listener{Port: l.Port, Protocol: protocolHTTP, Default: notFound()}
	servers := l.Servers
	var refs []graph.ID
	if l.Protocol == ir.ProtocolHTTPS {
		spec.Protocol, spec.SSLPolicy = protocolHTTPS, c.sslPolicy()
		before := b.certificates
		if servers, spec.Certificates, refs = c.certificatesOf(b, l); len(servers) == 0 {
			return
		}
		clients, trust, ok := c.clientTrust(l, servers)
		if !ok {
			b.certificates = before // others have the room
			return
		}
		spec.Clients, refs = clients, append(trust, refs...)
		if spec.Clients != nil && spec.Clients.Mode == clientsVerified {
			c.verifying++
		}
	}
	id := b.listenerID(spec.Protocol, l.Port)
	spec.Attributes = c.listenerAttributes(spec.Protocol)
	spec.Marked = c.marks.mark(id.Name, sourceOf(l))
	c.add(graph.Node{ID: id, Spec: spec, Within: b.id, Refs: refs, Holds: b.claim(l.Port)})
	b.listeners++
	b.ports = append(b.ports, Ingress{Protocol: "tcp", Port: l.Port})
	c.httpRules(id, l.Protocol == ir.ProtocolHTTPS, servers)
}

func sourceOf(l *ir.Listener) ir.Source {
	if len(l.Servers) == 0 {
		return ir.Source{}
	}
	return l.Servers[0].Source
}

// notFound answers what no rule matches.
func notFound() Action { return Action{Fixed: &Fixed{StatusCode: "404", ContentType: "text/plain"}} }

func (c *compiler) sslPolicy() string {
	if c.settings.SSLPolicy != "" {
		return c.settings.SSLPolicy
	}
	return recommendedPolicy
}

// room counts a listener of a load balancer, and refuses it where there are too many.
func (c *compiler) room(b *balancer, l *ir.Listener) bool {
	if b.listeners < mostListeners {
		return true
	}
	c.refuseServers(l.Servers, cloud.Quota, fmt.Sprintf("a load balancer in AWS has at most %d listeners, and the Gateway has %d ports for this one: its own come first, then those of older ListenerSets",
		mostListeners, c.portsFor(b.kind)))
	return false
}

// portsFor counts the ports that a type of load balancer should have a listener at.
func (c *compiler) portsFor(kind string) int {
	ports := make(map[uint16]bool)
	for _, l := range c.want.Listeners {
		if isHTTP := l.Protocol == ir.ProtocolHTTP || l.Protocol == ir.ProtocolHTTPS; isHTTP == (kind == TypeApplication) {
			ports[l.Port] = true
		}
	}
	return len(ports)
}

// refuseServers refuses every server of a listener.
func (c *compiler) refuseServers(servers []ir.Server, kind cloud.Kind, text string) {
	for i := range servers {
		c.refuse(servers[i].Source, kind, text)
	}
}

// certificatesOf returns the servers of a listener for which there is a certificate, the certificates, and what of them is in the graph. The
// default is the first of the server for every hostname, or else of the first server. The others have to have room in the load balancer.
func (c *compiler) certificatesOf(b *balancer, l *ir.Listener) (servers []ir.Server, choices []CertificateChoice, refs []graph.ID) {
	names := make(map[string]bool)
	for _, s := range byGenerality(l.Servers) {
		own := c.choicesOf(s)
		if len(own) == 0 {
			c.refuse(s.Source, cloud.Invalid, "it has no certificate: the GatewayConfig names none in spec.aws.certificates.arns, and without a hostname none can be discovered")
			continue
		}
		more := slices.DeleteFunc(slices.Clone(own), func(o CertificateChoice) bool { return slices.ContainsFunc(choices, o.equal) })
		var room []CertificateChoice // that the load balancer has to have for them
		counted := more
		if len(choices) == 0 {
			counted = more[1:] // without the default one
		}
		for _, choice := range counted {
			if !slices.ContainsFunc(b.certificates, choice.equal) {
				room = append(room, choice)
			}
		}
		if n := len(b.certificates) + len(room); n > mostCertificates {
			c.refuse(s.Source, cloud.Quota, fmt.Sprintf("a load balancer in AWS has at most %d certificates beside the default ones, and with those of this listener there would be %d",
				mostCertificates, n))
			continue
		}
		b.certificates = append(b.certificates, room...)
		choices = append(choices, more...)
		for _, name := range s.Certificates {
			if crt, ok := c.certificates[name]; ok {
				refs = appendOnce(refs, certificateID(crt))
			}
		}
		names[s.Name] = true
	}
	servers = slices.DeleteFunc(slices.Clone(l.Servers), func(s ir.Server) bool { return !names[s.Name] })
	return servers, choices, refs
}

func (w CertificateChoice) equal(o CertificateChoice) bool {
	return w.Node == o.Node && w.ARN == o.ARN && w.Hostname == o.Hostname
}

// byGenerality returns the servers with the one for every hostname first.
func byGenerality(servers []ir.Server) []ir.Server {
	out := slices.Clone(servers)
	slices.SortStableFunc(out, func(a, b ir.Server) int {
		switch {
		case (a.Hostname == "") == (b.Hostname == ""):
			return 0
		case a.Hostname == "":
			return -1
		default:
			return 1
		}
	})
	return out
}

// choicesOf returns the certificates of a server: its own, or one that is discovered; then those that the settings name for all.
func (c *compiler) choicesOf(s ir.Server) []CertificateChoice {
	var choices []CertificateChoice
	for _, name := range s.Certificates {
		if crt, ok := c.certificates[name]; ok {
			choices = append(choices, CertificateChoice{Node: certificateID(crt).Name})
		}
	}
	settings := c.settings.Certificates
	if len(s.Certificates) == 0 && settings.Discover && s.Hostname != "" {
		choices = append(choices, CertificateChoice{Hostname: s.Hostname})
	}
	for _, arn := range settings.ARNs {
		choices = append(choices, CertificateChoice{ARN: arn})
	}
	return choices
}

func appendOnce(ids []graph.ID, id graph.ID) []graph.ID {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}
