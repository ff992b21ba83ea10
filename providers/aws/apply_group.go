package aws

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

func (a *applier) createGroup(ctx context.Context, want graph.Node, spec *SecurityGroup) (graph.Node, error) {
	const op = "CreateSecurityGroup"
	name := cloudName(a.owner, want.ID)
	vpc, err := a.vpcID(ctx)
	if err != nil {
		return graph.Node{}, err
	}
	out, err := call(ctx, a.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(name), VpcId: aws.String(vpc), Description: aws.String("Who may reach the load balancers of a Gateway"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: ec2Tags(spec.Tags)}},
	})
	if hasCode(err, codeDuplicateGroup) {
		return a.adoptGroup(ctx, op, want, vpc, name)
	}
	if err != nil {
		return graph.Node{}, err
	}
	id := aws.ToString(out.GroupId)
	if id == "" {
		return graph.Node{}, badAnswer(op)
	}
	if err := a.allow(ctx, id, spec.Ingress); err != nil {
		return graph.Node{}, unfinished(err)
	}
	return made(want, id, spec.made()), nil
}

// made is the spec of a security group that was made so.
func (w *SecurityGroup) made() *SecurityGroup {
	c := *w
	c.Marked = observedMark(w.Tags)
	return &c
}

func (a *applier) adoptGroup(ctx context.Context, op string, want graph.Node, vpc, name string) (graph.Node, error) {
	groups, err := a.securityGroups(ctx, filter("vpc-id", vpc), filter("group-name", name))
	if err != nil {
		return graph.Node{}, err
	}
	if len(groups) != 1 {
		return graph.Node{}, conflict(op, "the name %s is taken, and no group has it", name)
	}
	id, tags := aws.ToString(groups[0].GroupId), tagMap(groups[0].Tags)
	known := a.known()
	known.add(KindSecurityGroup, id, name, tags)
	return a.adopt(op, "the name "+name, want, groupNode(known, tagged[ec2types.SecurityGroup]{arn: id, tags: tags, has: groups[0]}))
}

// wireIngress puts what is let in at one port into one permission.
func wireIngress(list []Ingress) []ec2types.IpPermission {
	var permissions []ec2types.IpPermission
	for _, in := range sortedBy(list, Ingress.compare) {
		last := len(permissions) - 1
		if last < 0 || aws.ToString(permissions[last].IpProtocol) != in.Protocol || aws.ToInt32(permissions[last].FromPort) != int32(in.Port) {
			port := aws.Int32(int32(in.Port))
			permissions = append(permissions, ec2types.IpPermission{IpProtocol: aws.String(in.Protocol), FromPort: port, ToPort: port})
			last++
		}
		p := &permissions[last]
		if strings.Contains(in.CIDR, ":") {
			p.Ipv6Ranges = append(p.Ipv6Ranges, ec2types.Ipv6Range{CidrIpv6: aws.String(in.CIDR)})
		} else {
			p.IpRanges = append(p.IpRanges, ec2types.IpRange{CidrIp: aws.String(in.CIDR)})
		}
	}
	return permissions
}

// allow lets in at a group. What is let in already is as it should be: then each permission is asked for by itself, because AWS refuses all
// of a call for one that is there.
func (a *applier) allow(ctx context.Context, group string, list []Ingress) error {
	if len(list) == 0 {
		return nil
	}
	_, err := call(ctx, a.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(group), IpPermissions: wireIngress(list),
	})
	if !hasCode(err, codeDuplicatePermission) || len(list) == 1 {
		return unlessCode(err, codeDuplicatePermission)
	}
	for _, in := range list {
		if err := a.allow(ctx, group, []Ingress{in}); err != nil {
			return err
		}
	}
	return nil
}

// unlessCode returns err but where it has the code.
func unlessCode(err error, codes ...string) error {
	if hasCode(err, codes...) {
		return nil
	}
	return err
}

// updateGroup reads the group, because what somebody else put into it can be more than a spec tells.
func (a *applier) updateGroup(ctx context.Context, want graph.Node, spec *SecurityGroup, got graph.Node) (graph.Node, error) {
	const op = "DescribeSecurityGroups"
	have, err := gotSpec[SecurityGroup](op, got)
	if err != nil {
		return graph.Node{}, err
	}
	if !slices.Equal(spec.content().Ingress, have.content().Ingress) {
		rules, err := collect(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(a.ec2, &ec2.DescribeSecurityGroupRulesInput{
			Filters: []ec2types.Filter{filter("group-id", got.External)},
		}), func(o *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
			return o.SecurityGroupRules
		})
		if err != nil {
			return graph.Node{}, err
		}
		come, leave := ingressChanges(spec.Ingress, rules)
		if err := a.allow(ctx, got.External, come); err != nil {
			return graph.Node{}, err
		}
		if err := a.revoke(ctx, got.External, leave); err != nil {
			return graph.Node{}, err
		}
	}
	if err := a.retagEC2(ctx, []string{got.External}, spec.Tags, have.Tags); err != nil {
		return graph.Node{}, err
	}
	return made(want, got.External, spec.made()), nil
}

func (p *Provider) groupRules(ctx context.Context, group string) ([]ec2types.SecurityGroupRule, error) {
	return collect(ctx,
		ec2.NewDescribeSecurityGroupRulesPaginator(p.ec2, &ec2.DescribeSecurityGroupRulesInput{Filters: []ec2types.Filter{filter("group-id", group)}}),
		func(o *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
			return o.SecurityGroupRules
		})
}

// ingressChanges returns what is wanted and no rule says, and the ids of the rules that are not wanted.
func ingressChanges(want []Ingress, rules []ec2types.SecurityGroupRule) (come []Ingress, leave []string) {
	there := make(map[Ingress]bool)
	for _, r := range rules {
		if aws.ToBool(r.IsEgress) {
			continue
		}
		in := Ingress{Protocol: aws.ToString(r.IpProtocol), Port: uint16(aws.ToInt32(r.FromPort)), CIDR: cleanCIDR(aws.ToString(r.CidrIpv4))}
		if in.CIDR == "" {
			in.CIDR = cleanCIDR(aws.ToString(r.CidrIpv6))
		}
		if aws.ToInt32(r.FromPort) == aws.ToInt32(r.ToPort) && slices.Contains(want, in) {
			there[in] = true
		} else {
			leave = append(leave, aws.ToString(r.SecurityGroupRuleId))
		}
	}
	for _, in := range want {
		if !there[in] {
			come = append(come, in)
		}
	}
	return come, leave
}

// revoke takes rules out of a group. Those that are gone are as they should be.
func (a *applier) revoke(ctx context.Context, group string, rules []string) error {
	if len(rules) == 0 {
		return nil
	}
	_, err := call(ctx, a.ec2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(group), SecurityGroupRuleIds: rules})
	if !hasCode(err, codeNoSuchPermission, codeNoSuchGroupRule) || len(rules) == 1 {
		return unlessCode(err, codeNoSuchPermission, codeNoSuchGroupRule)
	}
	for _, rule := range rules {
		if err := a.revoke(ctx, group, []string{rule}); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) retagEC2(ctx context.Context, ids []string, want, got map[string]string) error {
	set, remove := tagChanges(want, got)
	if len(set) > 0 {
		if _, err := call(ctx, a.ec2.CreateTags, &ec2.CreateTagsInput{Resources: ids, Tags: ec2Tags(set)}); err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		in := &ec2.DeleteTagsInput{Resources: ids}
		for _, key := range remove {
			in.Tags = append(in.Tags, ec2types.Tag{Key: aws.String(key)})
		}
		if _, err := call(ctx, a.ec2.DeleteTags, in); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) deleteGroup(ctx context.Context, got graph.Node) error {
	_, err := call(ctx, a.ec2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(got.External)})
	return err
}

func (a *applier) createNodeAccess(ctx context.Context, want graph.Node, spec *NodeAccess) (graph.Node, error) {
	return a.setNodeAccess(ctx, want, spec)
}

func (a *applier) updateNodeAccess(ctx context.Context, want graph.Node, spec *NodeAccess, _ graph.Node) (graph.Node, error) {
	return a.setNodeAccess(ctx, want, spec)
}

// setNodeAccess makes the permissions at the nodes' groups those that are wanted. It reads which are there, because some of them may be,
// and because only that tells their ids.
func (a *applier) setNodeAccess(ctx context.Context, want graph.Node, spec *NodeAccess) (graph.Node, error) {
	const op = "AuthorizeSecurityGroupIngress"
	sources, err := a.groupIDs(op, spec.Sources)
	if err != nil {
		return graph.Node{}, err
	}
	groups := spec.Groups
	if spec.Cluster != "" {
		vpc, err := a.vpcID(ctx)
		if err != nil {
			return graph.Node{}, err
		}
		if groups, err = a.nodeGroups(ctx, vpc, spec.Cluster); err != nil {
			return graph.Node{}, err
		}
	}
	there, err := a.permissionsOf(ctx, want.ID)
	if err != nil {
		return graph.Node{}, err
	}
	wanted := make(map[permission]bool)
	for _, group := range groups {
		for _, source := range sources {
			for _, ports := range spec.Ports {
				wanted[permission{group, source, ports}] = true
			}
		}
	}
	stale := make(map[string][]string)
	var now []tagged[ec2types.SecurityGroupRule]
	for _, r := range there {
		p := readPermission(r.has)
		if !wanted[p] {
			stale[p.group] = append(stale[p.group], r.arn)
			continue
		}
		delete(wanted, p)
		if err := a.retagEC2(ctx, []string{r.arn}, spec.Tags, r.tags); err != nil {
			return graph.Node{}, err
		}
		r.tags = spec.Tags
		now = append(now, r)
	}
	for _, group := range groups {
		admitted, err := a.admit(ctx, group, wanted, spec.Tags)
		if err != nil {
			return graph.Node{}, unfinished(err)
		}
		now = append(now, admitted...)
	}
	for _, group := range sortedKeys(stale) {
		if err := a.revoke(ctx, group, stale[group]); err != nil {
			return graph.Node{}, err
		}
	}
	if len(now) == 0 {
		return graph.Node{}, invalid(op, "it lets nobody in anywhere")
	}
	sortTagged(now)
	return nodeAccessOf(now, a.known())[0], nil
}

// permissionsOf lists the rules of one NodeAccess.
func (a *applier) permissionsOf(ctx context.Context, id graph.ID) ([]tagged[ec2types.SecurityGroupRule], error) {
	all, err := a.listPermissions(ctx, cloud.Scope{Cluster: a.owner.Cluster, UID: a.owner.UID})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r tagged[ec2types.SecurityGroupRule]) bool { return r.tags[tagName] != id.Name })
	sortTagged(all)
	return all, nil
}

// admit adds those of the permissions that are for a group, in one call, and returns the rules that they became.
func (a *applier) admit(
	ctx context.Context, group string, wanted map[permission]bool, tags map[string]string,
) ([]tagged[ec2types.SecurityGroupRule], error) {
	const op = "AuthorizeSecurityGroupIngress"
	var list []permission
	for p := range wanted {
		if p.group == group {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortFunc(list, func(x, y permission) int {
		return cmp.Or(x.ports.compare(y.ports), strings.Compare(x.source, y.source))
	})
	in := &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId:           aws.String(group),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroupRule, Tags: ec2Tags(tags)}},
	}
	for _, p := range list {
		in.IpPermissions = append(in.IpPermissions, ec2types.IpPermission{
			IpProtocol: aws.String(p.ports.Protocol), FromPort: aws.Int32(int32(p.ports.From)), ToPort: aws.Int32(int32(p.ports.To)),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(p.source)}},
		})
	}
	out, err := call(ctx, a.ec2.AuthorizeSecurityGroupIngress, in)
	if hasCode(err, codeDuplicatePermission) {
		return nil, a.explainDuplicate(ctx, op, group, list)
	}
	if err != nil {
		return nil, err
	}
	var rules []tagged[ec2types.SecurityGroupRule]
	for _, r := range out.SecurityGroupRules {
		rules = append(rules, tagged[ec2types.SecurityGroupRule]{arn: aws.ToString(r.SecurityGroupRuleId), tags: tags, has: r})
	}
	if len(rules) != len(list) {
		return nil, badAnswer(op)
	}
	return rules, nil
}

// explainDuplicate tells whose rule is in the way: one of ours that was not listed yet, or somebody else's.
func (a *applier) explainDuplicate(ctx context.Context, op, group string, list []permission) error {
	rules, err := a.groupRules(ctx, group)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if slices.Contains(list, readPermission(r)) && ownerOf(tagMap(r.Tags)) != a.owner {
			return invalid(op, "security group %s lets the load balancers in already by a rule that does not belong to this Gateway: delete the rule", group)
		}
	}
	return conflict(op, "security group %s lets the load balancers in already", group)
}

func (a *applier) deleteNodeAccess(ctx context.Context, got graph.Node) error {
	rules, err := a.permissionsOf(ctx, got.ID)
	if err != nil {
		return err
	}
	byGroup := make(map[string][]string)
	for _, r := range rules {
		group := aws.ToString(r.has.GroupId)
		byGroup[group] = append(byGroup[group], r.arn)
	}
	for _, group := range sortedKeys(byGroup) {
		if err := a.revoke(ctx, group, byGroup[group]); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}
