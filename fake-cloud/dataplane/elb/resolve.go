package elb

import (
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// resolver finds targets by what their group says they are.
func (p *Plane) resolver(v *aws.View) resolver {
	return func(g *aws.TargetGroupView, t *aws.Target, port int32) (netip.AddrPort, bool) {
		switch g.Spec.TargetType {
		case types.TargetTypeEnumIp:
			ip, err := netip.ParseAddr(t.ID)
			return netip.AddrPortFrom(ip, uint16(port)), err == nil
		case types.TargetTypeEnumInstance:
			i := v.Instances[t.ID]
			if i == nil || !i.Running {
				return netip.AddrPort{}, false
			}
			return netip.AddrPortFrom(i.Address, uint16(port)), i.Address.IsValid()
		case types.TargetTypeEnumAlb:
			return p.balancerAt(t.ID, port)
		case types.TargetTypeEnumLambda:
		}
		return netip.AddrPort{}, false
	}
}

// balancerAt returns where a listener of another load balancer is bound.
func (p *Plane) balancerAt(arn string, port int32) (netip.AddrPort, bool) {
	b := p.balancers[arn]
	if b == nil {
		return netip.AddrPort{}, false
	}
	for _, l := range b.view.Listeners {
		if l.Port != port {
			continue
		}
		if bound := b.states[l.Key].Bound; len(bound) > 0 {
			return bound[0], true
		}
	}
	return netip.AddrPort{}, false
}

// Lookup returns the addresses of the load balancer with a DNS name, in whatever case and without a last dot. A name of a Network Load
// Balancer may have the name of one of its zones before it.
func (p *Plane) Lookup(name string) ([]netip.Addr, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	zone, rest, _ := strings.Cut(name, ".")
	for _, b := range p.balancers {
		if !active(b.view.LoadBalancer) {
			continue
		}
		if strings.EqualFold(b.view.DNSName, name) {
			return b.addresses(), true
		}
		if b.view.Type != types.LoadBalancerTypeEnumNetwork || !strings.EqualFold(b.view.DNSName, rest) {
			continue
		}
		for _, z := range b.view.Zones {
			if strings.EqualFold(z.Name, zone) && z.Address.IsValid() {
				return []netip.Addr{z.Address}, true
			}
		}
	}
	return nil, false
}
