package aws

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Ingress is who may connect to a load balancer, as its security groups say.
type Ingress struct {
	Permissions []Permission
}

// Permission lets sources in at some ports.
type Permission struct {
	Protocol string // "tcp", "udp", "-1" for all, or a number
	From, To int32  // the first and the last port
	Sources  []netip.Prefix
}

// Admits returns who may connect at a port by a protocol, "tcp" or "udp". Nil is everybody, which is only where no security group is.
func (i *Ingress) Admits(protocol string, port int32) []netip.Prefix {
	if i == nil {
		return nil
	}
	sources := []netip.Prefix{}
	for _, p := range i.Permissions {
		if p.Protocol == "-1" || p.Protocol == protocol && p.From <= port && port <= p.To {
			sources = append(sources, p.Sources...)
		}
	}
	return sources
}

func (p Permission) equal(q Permission) bool {
	return p.Protocol == q.Protocol && p.From == q.From && p.To == q.To && slices.Equal(p.Sources, q.Sources)
}

// viewIngress returns what old is, where nothing of it has changed, and nil for a load balancer without security groups. The lock is held.
func (r *Region) viewIngress(lb *LoadBalancer, old *Ingress) *Ingress {
	if len(lb.SecurityGroups) == 0 {
		return nil
	}
	v := &Ingress{}
	for _, group := range lb.SecurityGroups {
		for _, rule := range r.securityGroupRules.of(group) {
			if !aws.ToBool(rule.Spec.IsEgress) {
				v.Permissions = append(v.Permissions, Permission{
					Protocol: aws.ToString(rule.Spec.IpProtocol), From: aws.ToInt32(rule.Spec.FromPort), To: aws.ToInt32(rule.Spec.ToPort),
					Sources: r.sourcesOf(rule),
				})
			}
		}
	}
	if old != nil && slices.EqualFunc(old.Permissions, v.Permissions, Permission.equal) {
		return old
	}
	return v
}

// sourcesOf returns the networks that a rule of a security group names: one, or the addresses of all network interfaces that are in the
// security group that it names. Of a list that AWS keeps nobody here knows what is in it. The lock is held.
func (r *Region) sourcesOf(rule *SecurityGroupRule) []netip.Prefix {
	for _, cidr := range []*string{rule.Spec.CidrIpv4, rule.Spec.CidrIpv6} {
		if p, err := netip.ParsePrefix(aws.ToString(cidr)); err == nil {
			return []netip.Prefix{p.Masked()}
		}
	}
	g := rule.Spec.ReferencedGroupInfo
	if g == nil {
		return nil
	}
	var sources []netip.Prefix
	add := func(ip netip.Addr) {
		if ip.IsValid() {
			sources = append(sources, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	for _, n := range r.interfaces.all() {
		if !slices.Contains(n.Groups, aws.ToString(g.GroupId)) {
			continue
		}
		for _, ip := range n.Addresses {
			add(ip)
		}
		add(n.Public)
		sources = append(sources, n.Prefixes...)
	}
	return sources
}
