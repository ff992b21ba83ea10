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

// members are the addresses of all network interfaces that are in a security group, by the group's id: they are looked for once a View.
type members map[string][]netip.Prefix

// viewIngress returns what old is, where nothing of it has changed, and nil for a load balancer without security groups. The lock is held.
func (r *Region) viewIngress(lb *LoadBalancer, old *Ingress, known members) *Ingress {
	if len(lb.SecurityGroups) == 0 {
		return nil
	}
	v := &Ingress{}
	for _, group := range lb.SecurityGroups {
		for _, rule := range r.securityGroupRules.of(group) {
			if !aws.ToBool(rule.Spec.IsEgress) {
				v.Permissions = append(v.Permissions, Permission{
					Protocol: aws.ToString(rule.Spec.IpProtocol), From: aws.ToInt32(rule.Spec.FromPort), To: aws.ToInt32(rule.Spec.ToPort),
					Sources: r.sourcesOf(rule, known),
				})
			}
		}
	}
	if old != nil && slices.EqualFunc(old.Permissions, v.Permissions, Permission.equal) {
		return old
	}
	return v
}

// sourcesOf returns the networks that a rule of a security group names: one, or those that are in the security group that it names. Of a
// list that AWS keeps nobody here knows what is in it. The lock is held.
func (r *Region) sourcesOf(rule *SecurityGroupRule, known members) []netip.Prefix {
	for _, cidr := range []*string{rule.Spec.CidrIpv4, rule.Spec.CidrIpv6} {
		if p, err := netip.ParsePrefix(aws.ToString(cidr)); err == nil {
			return []netip.Prefix{p.Masked()}
		}
	}
	if rule.Spec.ReferencedGroupInfo == nil {
		return nil
	}
	group := aws.ToString(rule.Spec.ReferencedGroupInfo.GroupId)
	sources, ok := known[group]
	if !ok {
		sources = r.membersOf(group)
		known[group] = sources
	}
	return sources
}

// membersOf returns the addresses of all network interfaces that are in a security group. The lock is held.
func (r *Region) membersOf(group string) []netip.Prefix {
	var all []netip.Prefix
	add := func(ip netip.Addr) {
		if ip.IsValid() {
			all = append(all, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	for _, n := range r.interfaces.all() {
		if !slices.Contains(n.Groups, group) {
			continue
		}
		for _, ip := range n.Addresses {
			add(ip)
		}
		add(n.Public)
		all = append(all, n.Prefixes...)
	}
	return all
}
