package aws

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

func groupNode(known namer, g tagged[ec2types.SecurityGroup]) graph.Node {
	return node(known[g.arn], g.arn, &SecurityGroup{Marked: observedMark(g.tags), Ingress: readIngress(g.has.IpPermissions)})
}

// readIngress lists what a security group lets in. What somebody else added and an Ingress cannot say is told in its Protocol: it
// equals nothing that can be wanted.
func readIngress(permissions []ec2types.IpPermission) []Ingress {
	var list []Ingress
	for _, p := range permissions {
		protocol, from, to := aws.ToString(p.IpProtocol), aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort)
		port := uint16(from)
		if (protocol != "tcp" && protocol != "udp") || from != to || from < 1 || from > 65535 {
			protocol, port = fmt.Sprintf("%s from %d to %d", protocol, from, to), 0
		}
		for _, r := range p.IpRanges {
			list = append(list, Ingress{protocol, port, cleanCIDR(aws.ToString(r.CidrIp))})
		}
		for _, r := range p.Ipv6Ranges {
			list = append(list, Ingress{protocol, port, cleanCIDR(aws.ToString(r.CidrIpv6))})
		}
		for _, r := range p.PrefixListIds {
			list = append(list, Ingress{protocol, port, aws.ToString(r.PrefixListId)})
		}
		for _, r := range p.UserIdGroupPairs {
			list = append(list, Ingress{protocol, port, aws.ToString(r.GroupId)})
		}
	}
	slices.SortFunc(list, Ingress.compare)
	return list
}

// cleanCIDR writes a range as a wanted one is written.
func cleanCIDR(s string) string {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return prefix.Masked().String()
	}
	return s
}

// permission is one rule in somebody else's security group that lets one of ours in.
type permission struct {
	group, source string
	ports         PortRange
}

func readPermission(r ec2types.SecurityGroupRule) permission {
	p := permission{
		group: aws.ToString(r.GroupId),
		ports: PortRange{Protocol: aws.ToString(r.IpProtocol), From: uint16(aws.ToInt32(r.FromPort)), To: uint16(aws.ToInt32(r.ToPort))},
	}
	if r.ReferencedGroupInfo != nil {
		p.source = aws.ToString(r.ReferencedGroupInfo.GroupId)
	}
	return p
}

// nodeAccessOf puts permissions together by the resource that their tags name: all its groups let all its sources in at all its ports.
func nodeAccessOf(rules []tagged[ec2types.SecurityGroupRule], known namer) []graph.Node {
	byName := make(map[string][]tagged[ec2types.SecurityGroupRule])
	for _, r := range rules {
		name := cmp.Or(r.tags[tagName], "unnamed")
		byName[name] = append(byName[name], r)
	}
	var nodes []graph.Node
	for _, name := range sortedKeys(byName) {
		own := byName[name]
		var ids []string
		for _, r := range own {
			ids = append(ids, r.arn)
		}
		slices.Sort(ids)
		nodes = append(nodes, node(graph.ID{Kind: KindNodeAccess, Name: name}, strings.Join(ids, ","), readNodeAccess(own, known)))
	}
	return nodes
}

func readNodeAccess(rules []tagged[ec2types.SecurityGroupRule], known namer) *NodeAccess {
	there := make(map[permission]bool, len(rules))
	groups, sources, ports := make(map[string]bool), make(map[string]bool), make(map[PortRange]bool)
	for _, r := range rules {
		p := readPermission(r.has)
		there[p] = true
		groups[p.group], sources[p.source], ports[p.ports] = true, true, true
	}
	spec := &NodeAccess{Marked: observedMark(commonTags(rules)), Groups: sortedKeys(groups)}
	for _, source := range sortedKeys(sources) {
		spec.Sources = append(spec.Sources, known.name(source))
	}
	slices.Sort(spec.Sources)
	for port := range ports {
		count := 0
		for p := range there {
			if p.ports == port {
				count++
			}
		}
		if count < len(groups)*len(sources) {
			// It equals nothing that can be wanted: what is missing has to be added, or the rest taken away.
			port.Protocol += " in part"
		}
		spec.Ports = append(spec.Ports, port)
	}
	slices.SortFunc(spec.Ports, PortRange.compare)
	return spec
}

// commonTags are those that all rules carry.
func commonTags(rules []tagged[ec2types.SecurityGroupRule]) map[string]string {
	tags := make(map[string]string)
	for key, value := range rules[0].tags {
		if !slices.ContainsFunc(rules, func(r tagged[ec2types.SecurityGroupRule]) bool { return r.tags[key] != value }) {
			tags[key] = value
		}
	}
	return tags
}
