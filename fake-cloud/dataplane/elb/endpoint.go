package elb

import (
	"net/netip"
	"strings"
)

// Endpoint returns where a listener of the load balancer with a DNS name really answers, which can be on another port than its own, and false
// while it does not. udp tells the half of a TCP_UDP listener. It is for people: the AWS API does not say.
func (p *Plane) Endpoint(name string, port int32, udp bool) (netip.AddrPort, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.balancers {
		if !strings.EqualFold(b.view.DNSName, name) {
			continue
		}
		for _, l := range b.view.Listeners {
			key := l.Key
			if udp {
				key += udpSuffix
			}
			if bound := b.states[key].Bound; l.Port == port && len(bound) > 0 {
				return bound[0], true
			}
		}
	}
	return netip.AddrPort{}, false
}
