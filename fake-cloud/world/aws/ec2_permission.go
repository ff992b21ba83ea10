package aws

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// permission is one rule of a security group in its canonical form: one protocol, one range of ports, one peer.
type permission struct {
	protocol string // tcp, udp, icmp, icmpv6, a number, or -1 for all
	from, to int32  // ports, or type and code; -1 for all
	peer     peer
	// description is no part of what makes two permissions the same.
	description *string
}

// peer is who is on the other side: exactly one of the first four.
type peer struct {
	v4, v6, group, prefixList string
	owner                     string // the account that has the group
}

// same is permission without its description: what tells two rules apart.
type samePermission struct {
	protocol string
	from, to int32
	peer     peer
}

func (p permission) same() samePermission { return samePermission{p.protocol, p.from, p.to, p.peer} }

// flatten makes one permission for each peer of each entry. findGroup resolves a reference to another group.
func flatten(entries []types.IpPermission, findGroup func(types.UserIdGroupPair) (peer, error)) ([]permission, error) {
	var out []permission
	seen := map[samePermission]bool{}
	add := func(p permission) error {
		if seen[p.same()] {
			return faultf("InvalidParameterValue", "The same permission must not appear multiple times")
		}
		if err := checkRuleDescription(p.description); err != nil {
			return err
		}
		seen[p.same()] = true
		out = append(out, p)
		return nil
	}
	for _, e := range entries {
		peers, err := peersOf(e, findGroup)
		if err != nil {
			return nil, err
		}
		if len(peers) == 0 {
			return nil, faultf("InvalidParameterValue", "The permission must name a CIDR block, a prefix list or a security group")
		}
		for _, described := range peers {
			p, err := canonical(awssdk.ToString(e.IpProtocol), e.FromPort, e.ToPort, described.peer)
			if err != nil {
				return nil, err
			}
			p.description = described.description
			if err := add(p); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

type describedPeer struct {
	peer        peer
	description *string
}

func peersOf(e types.IpPermission, findGroup func(types.UserIdGroupPair) (peer, error)) ([]describedPeer, error) {
	var out []describedPeer
	for _, r := range e.IpRanges {
		cidr, err := canonicalCIDR(awssdk.ToString(r.CidrIp), false)
		if err != nil {
			return nil, err
		}
		out = append(out, describedPeer{peer{v4: cidr}, r.Description})
	}
	for _, r := range e.Ipv6Ranges {
		cidr, err := canonicalCIDR(awssdk.ToString(r.CidrIpv6), true)
		if err != nil {
			return nil, err
		}
		out = append(out, describedPeer{peer{v6: cidr}, r.Description})
	}
	for _, pair := range e.UserIdGroupPairs {
		who, err := findGroup(pair)
		if err != nil {
			return nil, err
		}
		out = append(out, describedPeer{who, pair.Description})
	}
	for _, l := range e.PrefixListIds {
		id := awssdk.ToString(l.PrefixListId)
		if _, ok := managedPrefixLists[id]; !ok {
			return nil, absentPrefixList(id)
		}
		out = append(out, describedPeer{peer{prefixList: id}, l.Description})
	}
	return out, nil
}

// canonicalCIDR clears the bits beyond the prefix, as AWS does.
func canonicalCIDR(s string, v6 bool) (string, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4() == v6 || prefix.Addr().Is4In6() {
		return "", faultf("InvalidParameterValue", "CIDR block %s is malformed", s)
	}
	return prefix.Masked().String(), nil
}

var protocolNames = map[string]string{
	"all": "-1", "-1": "-1", "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp", "icmp": "icmp", "1": "icmp", "icmpv6": "icmpv6", "58": "icmpv6",
}

// canonical checks one permission.
func canonical(protocol string, from, to *int32, who peer) (permission, error) {
	if protocol == "" {
		return permission{}, faultf("MissingParameter", "The request must contain the parameter IpProtocol")
	}
	name, known := protocolNames[strings.ToLower(protocol)]
	if !known {
		n, err := strconv.ParseUint(protocol, 10, 8)
		if err != nil {
			return permission{}, faultf("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
		}
		name = strconv.FormatUint(n, 10)
	}
	p := permission{protocol: name, from: -1, to: -1, peer: who}
	var err error
	switch name {
	case "tcp", "udp":
		p.from, p.to, err = portRange(from, to)
	case "icmp", "icmpv6":
		p.from, p.to, err = icmpRange(from, to)
	}
	return p, err
}

func portRange(from, to *int32) (int32, int32, error) {
	if from == nil || to == nil {
		return 0, 0, faultf("InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
	}
	if *from == -1 && *to == -1 {
		return 0, 65535, nil // all ports
	}
	for _, port := range []int32{*from, *to} {
		if port < 0 || port > 65535 {
			return 0, 0, faultf("InvalidParameterValue", "TCP/UDP port (%d) out of range", port)
		}
	}
	if *from > *to {
		return 0, 0, faultf("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", *from, *to)
	}
	return *from, *to, nil
}

func icmpRange(kind, code *int32) (int32, int32, error) {
	from, to := int32(-1), int32(-1)
	if kind != nil {
		from = *kind
	}
	if code != nil {
		to = *code
	}
	if from < -1 || from > 255 {
		return 0, 0, faultf("InvalidParameterValue", "ICMP type (%d) out of range", from)
	}
	if to < -1 || to > 255 || from == -1 && to != -1 {
		return 0, 0, faultf("InvalidParameterValue", "ICMP code (%d) out of range", to)
	}
	return from, to, nil
}

// String words a permission as errors do.
func (p permission) String() string {
	var sort string
	switch p.protocol {
	case "-1":
		sort = "ALL"
	case "tcp", "udp":
		sort = fmt.Sprintf("%s, from port: %d, to port: %d", strings.ToUpper(p.protocol), p.from, p.to)
	case "icmp", "icmpv6":
		sort = fmt.Sprintf("%s, type: %s, code: %s", strings.ToUpper(p.protocol), orAll(p.from), orAll(p.to))
	default:
		sort = "protocol: " + p.protocol
	}
	return fmt.Sprintf("peer: %s, %s, ALLOW", p.peer, sort)
}

func orAll(n int32) string {
	if n == -1 {
		return "ALL"
	}
	return strconv.Itoa(int(n))
}

// String returns what names the peer.
func (p peer) String() string { return p.v4 + p.v6 + p.group + p.prefixList }

// weight is how many rules the peer counts as for addresses of each version.
func (p peer) weight() (v4, v6 int) {
	switch {
	case p.v4 != "":
		return 1, 0
	case p.v6 != "":
		return 0, 1
	case p.prefixList != "":
		w := managedPrefixLists[p.prefixList].weight
		return w, w
	}
	return 1, 1
}

// permissionOf reads a rule back.
func permissionOf(r *types.SecurityGroupRule) permission {
	p := permission{
		protocol: awssdk.ToString(r.IpProtocol), from: awssdk.ToInt32(r.FromPort), to: awssdk.ToInt32(r.ToPort),
		peer:        peer{v4: awssdk.ToString(r.CidrIpv4), v6: awssdk.ToString(r.CidrIpv6), prefixList: awssdk.ToString(r.PrefixListId)},
		description: r.Description,
	}
	if g := r.ReferencedGroupInfo; g != nil {
		p.peer.group, p.peer.owner = awssdk.ToString(g.GroupId), awssdk.ToString(g.UserId)
	}
	return p
}

// into writes a permission into a rule, and leaves what names the rule.
func (p permission) into(r *types.SecurityGroupRule) {
	r.IpProtocol, r.FromPort, r.ToPort, r.Description = &p.protocol, &p.from, &p.to, p.description
	r.CidrIpv4, r.CidrIpv6, r.PrefixListId, r.ReferencedGroupInfo = nonEmpty(p.peer.v4), nonEmpty(p.peer.v6), nonEmpty(p.peer.prefixList), nil
	if p.peer.group != "" {
		r.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &p.peer.group, UserId: &p.peer.owner}
	}
}

// entriesOf gathers rules as DescribeSecurityGroups shows them: one entry for each protocol and range of ports.
func entriesOf(rules []types.SecurityGroupRule, egress bool) []types.IpPermission {
	type portsOf struct {
		protocol string
		from, to int32
	}
	out := []types.IpPermission{}
	at := map[portsOf]int{}
	for i := range rules {
		if awssdk.ToBool(rules[i].IsEgress) != egress {
			continue
		}
		p := permissionOf(&rules[i])
		k := portsOf{p.protocol, p.from, p.to}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			e := types.IpPermission{
				IpProtocol: &p.protocol, IpRanges: []types.IpRange{}, Ipv6Ranges: []types.Ipv6Range{},
				PrefixListIds: []types.PrefixListId{}, UserIdGroupPairs: []types.UserIdGroupPair{},
			}
			if _, named := protocolNames[p.protocol]; named && p.protocol != "-1" {
				e.FromPort, e.ToPort = &p.from, &p.to
			}
			out = append(out, e)
		}
		e := &out[n]
		switch {
		case p.peer.v4 != "":
			e.IpRanges = append(e.IpRanges, types.IpRange{CidrIp: &p.peer.v4, Description: p.description})
		case p.peer.v6 != "":
			e.Ipv6Ranges = append(e.Ipv6Ranges, types.Ipv6Range{CidrIpv6: &p.peer.v6, Description: p.description})
		case p.peer.prefixList != "":
			e.PrefixListIds = append(e.PrefixListIds, types.PrefixListId{PrefixListId: &p.peer.prefixList, Description: p.description})
		default:
			e.UserIdGroupPairs = append(e.UserIdGroupPairs, types.UserIdGroupPair{GroupId: &p.peer.group, UserId: &p.peer.owner, Description: p.description})
		}
	}
	return out
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
