package aws

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// networkListener adds a listener of the Network Load Balancer. It has one action for all that comes in at its port: it does not look at the
// host name that a TLS client asks for.
func (c *compiler) networkListener(l *ir.Listener) {
	b := &c.transport
	if l.Protocol == ir.ProtocolUDP && c.portTaken(l) || !c.room(b, l) {
		return
	}
	l = c.oneMode(l)
	spec := &Listener{Port: l.Port, Protocol: c.networkProtocol(l)}
	servers := l.Servers
	var refs []graph.ID
	if spec.Protocol == protocolTLS {
		if l.Clients != nil {
			c.refuseServers(l.Servers, cloud.Unsupported, "Network Load Balancers do not ask TLS clients for certificates")
			return
		}
		spec.SSLPolicy = c.sslPolicy()
		if servers, spec.Certificates, refs = c.certificatesOf(&c.transport, l); len(servers) == 0 {
			return
		}
	}
	source, action, groups, ok := c.onlyForward(servers, spec.Protocol)
	if !ok {
		return
	}
	id := b.listenerID(spec.Protocol, l.Port)
	spec.Default = action
	spec.Marked = c.marks.mark(id.Name, source)
	spec.Attributes = c.listenerAttributes(spec.Protocol)
	c.add(graph.Node{ID: id, Spec: spec, Within: b.id, Refs: append(refs, groups...), Holds: b.claim(l.Port)})
	b.listeners++
	for _, protocol := range securityProtocols(spec.Protocol) {
		b.ports = append(b.ports, Ingress{Protocol: protocol, Port: l.Port})
	}
}

// oneMode returns a listener with those servers alone that treat TLS as its first one does. The others are refused: a port of a Network Load
// Balancer either ends TLS or passes it through.
func (c *compiler) oneMode(l *ir.Listener) *ir.Listener {
	out := *l
	out.Servers = nil
	for _, s := range l.Servers {
		if s.TLS != l.Servers[0].TLS {
			c.refuse(s.Source, cloud.Unsupported, "a port of a Network Load Balancer either ends TLS for every host name, or passes it through")
			continue
		}
		out.Servers = append(out.Servers, s)
	}
	return &out
}

// securityProtocols are what a security group has to let in.
func securityProtocols(protocol string) []string {
	switch protocol {
	case protocolUDP:
		return []string{"udp"}
	case protocolTCPUDP:
		return []string{"tcp", "udp"}
	default:
		return []string{"tcp"}
	}
}

// portTaken tells whether a listener of TCP has the port of one of UDP: one for both where both go to the same targets, else the one of UDP is
// refused.
func (c *compiler) portTaken(l *ir.Listener) bool {
	for _, n := range c.out.Graph {
		spec, ok := n.Spec.(*Listener)
		if !ok || n.Within != c.transport.id || spec.Port != l.Port {
			continue
		}
		if spec.Protocol != protocolTCPUDP {
			c.refuseServers(l.Servers, cloud.Unsupported,
				fmt.Sprintf("port %d of a Network Load Balancer is for TCP and UDP at once only where both go to the same backends, and that of TCP has it", l.Port))
		}
		return true
	}
	return false
}

// networkProtocol returns the protocol of a listener.
func (c *compiler) networkProtocol(l *ir.Listener) string {
	switch {
	case l.Protocol == ir.ProtocolUDP:
		return protocolUDP
	case l.Protocol == ir.ProtocolTLS && len(l.Servers) > 0 && l.Servers[0].TLS == ir.TLSTerminate:
		return protocolTLS
	case l.Protocol == ir.ProtocolTCP && slices.ContainsFunc(c.want.Listeners, func(o ir.Listener) bool {
		return o.Port == l.Port && o.Protocol == ir.ProtocolUDP && c.sameTargets(l, &o)
	}):
		return protocolTCPUDP
	default:
		return protocolTCP
	}
}

// sameTargets tells whether two listeners send to the same targets with the same weights.
func (c *compiler) sameTargets(a, b *ir.Listener) bool {
	forwardsA, forwardsB := c.networkShares(a.Servers), c.networkShares(b.Servers)
	return len(forwardsA) > 0 && slices.EqualFunc(forwardsA, forwardsB, func(x, y poolShare) bool {
		p, q := c.pools[x.pool], c.pools[y.pool]
		kind := c.targetKind(p)
		return x.weight == y.weight && kind == c.targetKind(q) && slices.Equal(targets(p, kind), targets(q, kind))
	})
}

// networkShares returns the backends of the first rule, or none.
func (c *compiler) networkShares(servers []ir.Server) []poolShare {
	i := slices.IndexFunc(servers, func(s ir.Server) bool { return len(s.Rules) > 0 })
	if i < 0 {
		return nil
	}
	f, ok := servers[i].Rules[0].Action.(*ir.Forward)
	if !ok {
		return nil
	}
	var out []poolShare
	for _, b := range f.Backends {
		if c.pools[b.Pool] != nil {
			out = append(out, poolShare{pool: b.Pool, weight: uint64(b.Weight)})
		}
	}
	return out
}

// place is a rule of a listener with its server.
type place struct {
	server *ir.Server
	rule   *ir.Rule
}

// hostname is what the place is for.
func (p place) hostname() string {
	if p.rule.Match.Hostname != "" {
		return p.rule.Match.Hostname
	}
	return p.server.Hostname
}

// onlyForward returns what a listener does: the action of the rule whose route is the oldest, so that a new route never takes the port from
// another. Rules that would do something else for another hostname are refused; that a hostname is not looked at is told.
func (c *compiler) onlyForward(servers []ir.Server, protocol string) (source ir.Source, action Action, groups []graph.ID, ok bool) {
	var places []place
	for i := range servers {
		for j := range servers[i].Rules {
			places = append(places, place{&servers[i], &servers[i].Rules[j]})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.rule.Since, b.rule.Since) })
	var first place
	for _, p := range places {
		switch {
		case !ok:
			if action, groups, ok = c.networkForward(p, protocol); ok {
				first, source = p, p.server.Source
			}
		case reflect.DeepEqual(p.rule.Action, first.rule.Action):
			c.hostnameIgnored(p)
		case p.hostname() != first.hostname():
			c.refuse(p.rule.Source, cloud.Unsupported, "a Network Load Balancer does not look at host names, and the port goes to the backends of another rule")
		}
		// Another rule for the same hostname never decides: the older one does.
	}
	return source, action, groups, ok
}

// hostnameIgnored tells that a hostname is not looked at, and whether the class allows that.
func (c *compiler) hostnameIgnored(p place) bool {
	var v verdict
	if p.hostname() != "" {
		v.differ("connections that ask for other host names, or for none, get to the backends too")
	}
	return lowering{compiler: c}.judge(p.rule.Source, v)
}

// networkForward lowers the one action of a listener.
func (c *compiler) networkForward(p place, protocol string) (Action, []graph.ID, bool) {
	f, isForward := p.rule.Action.(*ir.Forward)
	if !isForward {
		c.refuse(p.rule.Source, cloud.Unsupported, "a Network Load Balancer cannot refuse connections: it has no backend to send them to")
		return Action{}, nil, false
	}
	var v verdict
	var shares []poolShare
	for _, b := range f.Backends {
		pool := c.pools[b.Pool]
		switch {
		case pool == nil:
			v.refuse(cloud.Invalid, "there is no pool %s", b.Pool)
			continue
		case pool.Session != nil:
			v.refuse(cloud.Unsupported, "a Network Load Balancer keeps no sessions by cookie or header")
		case b.Pool == "" && b.Weight == 0:
			continue
		}
		// A share for backends that are not valid goes to a target group without targets, where connections fail.
		share := poolShare{pool: b.Pool, weight: uint64(b.Weight), protocol: protocol}
		if protocol == protocolTLS && pool.TLS == nil {
			share.protocol = protocolTCP
		}
		shares = append(shares, share)
	}
	if fits := (lowering{compiler: c}).judge(p.rule.Source, v); !c.hostnameIgnored(p) || !fits {
		return Action{}, nil, false
	}
	action := Action{Forward: &Forward{}}
	ids, ok := c.targetGroups(&c.transport, p.rule.Source, action.Forward, shares)
	return action, ids, ok
}
