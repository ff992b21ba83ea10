package aws

import (
	"context"
	"regexp"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// AuthorizeSecurityGroupIngress adds rules for what comes in.
func (r *Region) AuthorizeSecurityGroupIngress(_ context.Context, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	entries := singleEntry(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId)
	rules, err := r.authorize(in.GroupId, in.GroupName, false, entries, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: ptr(true), SecurityGroupRules: rules}, nil
}

// AuthorizeSecurityGroupEgress adds rules for what goes out.
func (r *Region) AuthorizeSecurityGroupEgress(_ context.Context, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	rules, err := r.authorize(in.GroupId, nil, true, in.IpPermissions, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: ptr(true), SecurityGroupRules: rules}, nil
}

// singleEntry reads the older way to say one rule, which stands in the call itself.
func singleEntry(entries []types.IpPermission, protocol *string, from, to *int32, cidr, group, owner *string) []types.IpPermission {
	if len(entries) > 0 || protocol == nil && cidr == nil && group == nil {
		return entries
	}
	e := types.IpPermission{IpProtocol: protocol, FromPort: from, ToPort: to}
	if cidr != nil {
		e.IpRanges = []types.IpRange{{CidrIp: cidr}}
	}
	if group != nil {
		e.UserIdGroupPairs = []types.UserIdGroupPair{{GroupName: group, UserId: owner}}
		if protocol == nil {
			e.IpProtocol = ptr("-1")
		}
	}
	return []types.IpPermission{e}
}

func (r *Region) authorize(id, name *string, egress bool, entries []types.IpPermission, tagSpecs []types.TagSpecification) ([]types.SecurityGroupRule, error) {
	tags, err := ec2TagsAtCreation(tagSpecs, types.ResourceTypeSecurityGroupRule)
	if err != nil {
		return nil, err
	}
	var made []types.SecurityGroupRule
	err = r.write(func(x *tx) error {
		g, err := r.findGroup(id, name)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return faultf("MissingParameter", "The request must contain the parameter ipPermissions")
		}
		wanted, err := flatten(entries, r.groupPeer(g))
		if err != nil {
			return err
		}
		has := r.permissionsOf(g.Key, egress)
		for _, p := range wanted {
			if _, ok := has[p.same()]; ok {
				return faultf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", p)
			}
		}
		if err := r.roomForRules(has, wanted); err != nil {
			return err
		}
		made = r.addRules(x, g, egress, wanted, tags)
		return nil
	})
	return made, err
}

// permissionsOf returns the ids of a group's rules in one direction, by what they permit.
func (r *Region) permissionsOf(group string, egress bool) map[samePermission]string {
	has := map[samePermission]string{}
	for _, rule := range r.securityGroupRules.of(group) {
		if awssdk.ToBool(rule.Spec.IsEgress) == egress {
			has[permissionOf(&rule.Spec).same()] = rule.Key
		}
	}
	return has
}

// roomForRules holds a group to its quota, which counts for each IP version and each direction on its own.
func (r *Region) roomForRules(has map[samePermission]string, more []permission) error {
	v4, v6 := 0, 0
	count := func(p peer) {
		w4, w6 := p.weight()
		v4, v6 = v4+w4, v6+w6
	}
	for p := range has {
		count(p.peer)
	}
	for _, p := range more {
		count(p.peer)
	}
	if limit := r.quota("rules-per-security-group"); v4 > limit || v6 > limit {
		return faultf("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	return nil
}

// groupPeer resolves what a rule of g says of another group.
func (r *Region) groupPeer(g *SecurityGroup) func(types.UserIdGroupPair) (peer, error) {
	return func(pair types.UserIdGroupPair) (peer, error) {
		other, err := r.findGroup(pair.GroupId, pair.GroupName)
		if err != nil {
			return peer{}, err
		}
		if owner := awssdk.ToString(pair.UserId); owner != "" && owner != *r.owner() {
			return peer{}, faultf("InvalidGroup.NotFound", "The security group '%s' does not exist in the account '%s'", other.Key, owner)
		}
		if other.VPC != g.VPC {
			return peer{}, faultf("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
		}
		return peer{group: other.Key, owner: *r.owner()}, nil
	}
}

// addRules makes a rule for each permission, and shows them.
func (r *Region) addRules(x *tx, g *SecurityGroup, egress bool, permissions []permission, tags map[string]string) []types.SecurityGroupRule {
	shown := make([]types.SecurityGroupRule, 0, len(permissions))
	for _, p := range permissions {
		id := x.id("sgr")
		row := &SecurityGroupRule{Meta: x.meta(id, tags, 0), Group: g.Key, Spec: types.SecurityGroupRule{
			SecurityGroupRuleId: &id, SecurityGroupRuleArn: ptr(r.arn("ec2", "security-group-rule/"+id)),
			GroupId: &g.Key, GroupOwnerId: r.owner(), IsEgress: &egress,
		}}
		p.into(&row.Spec)
		r.securityGroupRules.put(x, row)
		shown = append(shown, showRule(row))
	}
	return shown
}

func showRule(row *SecurityGroupRule) types.SecurityGroupRule {
	s := row.Spec
	s.Tags = ec2TagSet(row.Tags)
	return s
}

// RevokeSecurityGroupIngress removes rules for what comes in.
func (r *Region) RevokeSecurityGroupIngress(_ context.Context, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	entries := singleEntry(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId)
	revoked, unknown, err := r.revoke(in.GroupId, in.GroupName, false, in.SecurityGroupRuleIds, entries)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressOutput{Return: ptr(true), RevokedSecurityGroupRules: revoked, UnknownIpPermissions: unknown}, nil
}

// RevokeSecurityGroupEgress removes rules for what goes out.
func (r *Region) RevokeSecurityGroupEgress(_ context.Context, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	revoked, unknown, err := r.revoke(in.GroupId, nil, true, in.SecurityGroupRuleIds, in.IpPermissions)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressOutput{Return: ptr(true), RevokedSecurityGroupRules: revoked, UnknownIpPermissions: unknown}, nil
}

func (r *Region) revoke(id, name *string, egress bool, ids []string, entries []types.IpPermission) (revoked []types.RevokedSecurityGroupRule, unknown []types.IpPermission, err error) {
	err = r.write(func(x *tx) error {
		g, err := r.findGroup(id, name)
		if err != nil {
			return err
		}
		var going []string
		switch {
		case len(ids) > 0 && len(entries) > 0:
			return faultf("InvalidParameterCombination", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided, not both.")
		case len(ids) > 0:
			going, err = r.rulesByID(g.Key, egress, ids)
		case len(entries) > 0:
			going, unknown, err = r.rulesByContent(g, egress, entries)
		default:
			return faultf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
		}
		if err != nil {
			return err
		}
		for _, key := range going {
			row, ok := r.securityGroupRules.get(key)
			if !ok {
				continue // named twice
			}
			revoked = append(revoked, showRevoked(&row.Spec))
			r.securityGroupRules.drop(x, key)
		}
		return nil
	})
	return revoked, unknown, err
}

func (r *Region) rulesByID(group string, egress bool, ids []string) ([]string, error) {
	for _, id := range ids {
		row, ok := r.securityGroupRules.get(id)
		if !ok || row.Group != group || awssdk.ToBool(row.Spec.IsEgress) != egress {
			return nil, absentRule(id)
		}
	}
	return ids, nil
}

// rulesByContent finds the rules that permit what the entries say. What is not there fails the call, but in a default VPC, where it is
// returned.
func (r *Region) rulesByContent(g *SecurityGroup, egress bool, entries []types.IpPermission) (going []string, unknown []types.IpPermission, err error) {
	wanted, err := flatten(entries, r.groupPeer(g))
	if err != nil {
		return nil, nil, err
	}
	has := r.permissionsOf(g.Key, egress)
	var missing []types.SecurityGroupRule
	for _, p := range wanted {
		if key, ok := has[p.same()]; ok {
			going = append(going, key)
			continue
		}
		var rule types.SecurityGroupRule
		p.into(&rule)
		missing = append(missing, rule)
	}
	if len(missing) == 0 {
		return going, nil, nil
	}
	if vpc, ok := r.vpcs.get(g.VPC); !ok || !awssdk.ToBool(vpc.Spec.IsDefault) {
		return nil, nil, faultf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
	}
	return going, entriesOf(missing, false), nil
}

func showRevoked(s *types.SecurityGroupRule) types.RevokedSecurityGroupRule {
	out := types.RevokedSecurityGroupRule{
		CidrIpv4: s.CidrIpv4, CidrIpv6: s.CidrIpv6, Description: s.Description, FromPort: s.FromPort, ToPort: s.ToPort,
		GroupId: s.GroupId, IpProtocol: s.IpProtocol, IsEgress: s.IsEgress, PrefixListId: s.PrefixListId, SecurityGroupRuleId: s.SecurityGroupRuleId,
	}
	if s.ReferencedGroupInfo != nil {
		out.ReferencedGroupId = s.ReferencedGroupInfo.GroupId
	}
	return out
}

var ruleID = regexp.MustCompile(`^sgr-[0-9a-f]{8,17}$`)

func absentRule(id string) error {
	if !ruleID.MatchString(id) {
		return faultf("InvalidSecurityGroupRuleId.Malformed", "The security group rule ID '%s' is malformed", id)
	}
	return faultf("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
}

// ModifySecurityGroupRules replaces what rules permit; they keep their ids and tags.
func (r *Region) ModifySecurityGroupRules(_ context.Context, in *ec2.ModifySecurityGroupRulesInput) (*ec2.ModifySecurityGroupRulesOutput, error) {
	if len(in.SecurityGroupRules) == 0 {
		return nil, faultf("MissingParameter", "The request must contain the parameter SecurityGroupRule")
	}
	err := r.write(func(x *tx) error {
		g, err := r.findGroup(in.GroupId, nil)
		if err != nil {
			return err
		}
		for _, u := range in.SecurityGroupRules {
			if err := r.modifyRule(x, g, u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifySecurityGroupRulesOutput{Return: ptr(true)}, nil
}

func (r *Region) modifyRule(x *tx, g *SecurityGroup, u types.SecurityGroupRuleUpdate) error {
	id := awssdk.ToString(u.SecurityGroupRuleId)
	row, ok := r.securityGroupRules.get(id)
	if !ok || row.Group != g.Key {
		return absentRule(id)
	}
	if u.SecurityGroupRule == nil {
		return faultf("MissingParameter", "The request must contain the parameter SecurityGroupRule")
	}
	wanted, err := flatten([]types.IpPermission{entryOf(u.SecurityGroupRule)}, r.groupPeer(g))
	if err != nil {
		return err
	}
	if len(wanted) > 1 {
		return faultf("InvalidParameterCombination", "Only one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId may be specified for a rule")
	}
	has := r.permissionsOf(g.Key, awssdk.ToBool(row.Spec.IsEgress))
	if other, ok := has[wanted[0].same()]; ok && other != id {
		return faultf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", wanted[0])
	}
	delete(has, permissionOf(&row.Spec).same())
	if err := r.roomForRules(has, wanted); err != nil {
		return err
	}
	r.securityGroupRules.edit(x, id, func(s *SecurityGroupRule) { wanted[0].into(&s.Spec) })
	return nil
}

func entryOf(q *types.SecurityGroupRuleRequest) types.IpPermission {
	e := types.IpPermission{IpProtocol: q.IpProtocol, FromPort: q.FromPort, ToPort: q.ToPort}
	if q.CidrIpv4 != nil {
		e.IpRanges = []types.IpRange{{CidrIp: q.CidrIpv4, Description: q.Description}}
	}
	if q.CidrIpv6 != nil {
		e.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: q.CidrIpv6, Description: q.Description}}
	}
	if q.PrefixListId != nil {
		e.PrefixListIds = []types.PrefixListId{{PrefixListId: q.PrefixListId, Description: q.Description}}
	}
	if q.ReferencedGroupId != nil {
		e.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: q.ReferencedGroupId, Description: q.Description}}
	}
	return e
}

// DescribeSecurityGroupRules lists rules one by one, with their tags.
func (r *Region) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	err := r.read(func() (err error) {
		out.SecurityGroupRules, out.NextToken, err = ec2Query[*SecurityGroupRule, types.SecurityGroupRule]{
			region: r, table: r.securityGroupRules, ids: in.SecurityGroupRuleIds, param: "securityGroupRuleId", absent: absentRule, show: showRule,
			fields: securityGroupRuleFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

var securityGroupRuleFields = filterTable[types.SecurityGroupRule]{
	tags: func(s *types.SecurityGroupRule) []types.Tag { return s.Tags },
	fields: map[string]func(*types.SecurityGroupRule) []string{
		"group-id":               func(s *types.SecurityGroupRule) []string { return ofString(s.GroupId) },
		"security-group-rule-id": func(s *types.SecurityGroupRule) []string { return ofString(s.SecurityGroupRuleId) },
	},
}

var ruleDescription = regexp.MustCompile(`^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}$`)

func checkRuleDescription(d *string) error {
	if d != nil && !ruleDescription.MatchString(*d) {
		return faultf("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	return nil
}
