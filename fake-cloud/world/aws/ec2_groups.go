package aws

import (
	"context"
	"regexp"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// defaultGroup is the name of the security group that every VPC has, and that cannot be deleted.
const defaultGroup = "default"

var groupText = regexp.MustCompile(`^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*$`)

// CreateSecurityGroup makes a security group that lets everything out and nothing in.
func (r *Region) CreateSecurityGroup(_ context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	name, description := strings.TrimSpace(awssdk.ToString(in.GroupName)), awssdk.ToString(in.Description)
	if err := checkGroupTexts(name, description); err != nil {
		return nil, err
	}
	tags, err := ec2TagsAtCreation(in.TagSpecifications, types.ResourceTypeSecurityGroup)
	if err != nil {
		return nil, err
	}
	var made *SecurityGroup
	err = r.write(func(x *tx) error {
		vpc, err := r.vpcOrDefault(in.VpcId)
		if err != nil {
			return err
		}
		others := r.securityGroups.of(vpc.Key)
		for _, g := range others {
			if strings.EqualFold(g.Name, name) {
				return faultf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc.Key)
			}
		}
		if len(others) >= r.quota("security-groups-per-vpc") {
			return faultf("SecurityGroupLimitExceeded", "The maximum number of security groups for VPC '%s' has been reached.", vpc.Key)
		}
		made = r.newSecurityGroup(x, vpc.Key, name, description, tags)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateSecurityGroupOutput{GroupId: &made.Key, SecurityGroupArn: made.Spec.SecurityGroupArn, Tags: ec2TagSet(tags)}, nil
}

func checkGroupTexts(name, description string) error {
	switch {
	case name == "":
		return faultf("MissingParameter", "The request must contain the parameter GroupName")
	case description == "":
		return faultf("MissingParameter", "The request must contain the parameter GroupDescription")
	case strings.EqualFold(name, defaultGroup):
		return faultf("InvalidParameterValue", "Cannot use reserved security group name: %s", name)
	case len(name) > 255 || !groupText.MatchString(name):
		return faultf("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case strings.HasPrefix(name, "sg-"):
		return faultf("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", name)
	case len(description) > 255 || !groupText.MatchString(description):
		return faultf("InvalidParameterValue", "Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	return nil
}

// newSecurityGroup makes a group with the rule that each has at first.
func (r *Region) newSecurityGroup(x *tx, vpc, name, description string, tags map[string]string) *SecurityGroup {
	id := x.id("sg")
	g := &SecurityGroup{Meta: x.meta(id, tags, 0), VPC: vpc, Name: name, Spec: types.SecurityGroup{
		GroupId: &id, GroupName: &name, Description: &description, VpcId: &vpc, OwnerId: r.owner(),
		SecurityGroupArn: ptr(r.arn("ec2", "security-group/"+id)),
	}}
	r.securityGroups.put(x, g)
	out := []permission{{protocol: "-1", from: -1, to: -1, peer: peer{v4: "0.0.0.0/0"}}}
	if v, ok := r.vpcs.get(vpc); ok && len(v.Spec.Ipv6CidrBlockAssociationSet) > 0 {
		out = append(out, permission{protocol: "-1", from: -1, to: -1, peer: peer{v6: "::/0"}})
	}
	r.addRules(x, g, true, out, nil)
	return g
}

// DeleteSecurityGroup deletes a group that nothing is in and no other group's rules name.
func (r *Region) DeleteSecurityGroup(_ context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	var id string
	err := r.write(func(x *tx) error {
		g, err := r.findGroup(in.GroupId, in.GroupName)
		if err != nil {
			return err
		}
		if id = g.Key; g.Name == defaultGroup {
			return faultf("CannotDelete", "the specified group: \"%s\" name: \"%s\" cannot be deleted by a user", id, g.Name)
		}
		if len(r.usersOf(id)) > 0 {
			return faultf("DependencyViolation", "resource %s has a dependent object", id)
		}
		r.dropGroup(x, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteSecurityGroupOutput{GroupId: &id, Return: ptr(true)}, nil
}

func (r *Region) dropGroup(x *tx, id string) {
	for _, rule := range r.securityGroupRules.of(id) {
		r.securityGroupRules.drop(x, rule.Key)
	}
	r.securityGroups.drop(x, id)
}

// DescribeSecurityGroups lists security groups with their rules.
func (r *Region) DescribeSecurityGroups(_ context.Context, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	out := &ec2.DescribeSecurityGroupsOutput{}
	err := r.read(func() error {
		ids := append([]string(nil), in.GroupIds...)
		for _, name := range in.GroupNames {
			g, err := r.findGroup(nil, &name)
			if err != nil {
				return err
			}
			ids = append(ids, g.Key)
		}
		var err error
		out.SecurityGroups, out.NextToken, err = ec2Query[*SecurityGroup, types.SecurityGroup]{
			region: r, table: r.securityGroups, ids: ids, param: "groupId", absent: absentGroup, show: r.showGroup,
			fields: securityGroupFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *Region) showGroup(g *SecurityGroup) types.SecurityGroup {
	s := g.Spec
	rules := r.rulesOf(g.Key)
	s.IpPermissions, s.IpPermissionsEgress = entriesOf(rules, false), entriesOf(rules, true)
	s.Tags = ec2TagSet(g.Tags)
	return s
}

// rulesOf returns the rules of a group, oldest first, without their tags.
func (r *Region) rulesOf(group string) []types.SecurityGroupRule {
	rows := r.securityGroupRules.of(group)
	rules := make([]types.SecurityGroupRule, len(rows))
	for i, row := range rows {
		rules[i] = row.Spec
	}
	return rules
}

// findGroup finds a group by its id, or by its name in the default VPC.
func (r *Region) findGroup(id, name *string) (*SecurityGroup, error) {
	if id != nil && *id != "" {
		if g, ok := r.securityGroups.get(*id); ok {
			return g, nil
		}
		return nil, absentGroup(*id)
	}
	if name == nil || *name == "" {
		return nil, faultf("MissingParameter", "The request must contain the parameter GroupName or GroupId")
	}
	vpc, err := r.vpcOrDefault(nil)
	if err != nil {
		return nil, err
	}
	for _, g := range r.securityGroups.of(vpc.Key) {
		if g.Name == *name {
			return g, nil
		}
	}
	return nil, faultf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", *name, vpc.Key)
}

var groupID = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)

func absentGroup(id string) error {
	if !groupID.MatchString(id) {
		return faultf("InvalidGroupId.Malformed", "Invalid id: \"%s\" (expecting \"sg-...\")", id)
	}
	return faultf("InvalidGroup.NotFound", "The security group '%s' does not exist", id)
}

// vpcOrDefault finds a VPC; where none is named, the default one.
func (r *Region) vpcOrDefault(id *string) (*VPC, error) {
	if id != nil && *id != "" {
		if v, ok := r.vpcs.get(*id); ok {
			return v, nil
		}
		return nil, absentVPC(*id)
	}
	if v, ok := r.vpcs.first(func(v *VPC) bool { return awssdk.ToBool(v.Spec.IsDefault) }); ok {
		return v, nil
	}
	return nil, faultf("VPCIdNotSpecified", "No default VPC for this user")
}

func absentVPC(id string) error {
	return faultf("InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", id)
}

// rulesIn returns the values that a filter on rules has: of each rule in the direction.
func rulesIn(egress bool, get func(types.IpPermission) []string) func(*types.SecurityGroup) []string {
	return func(g *types.SecurityGroup) []string {
		entries := g.IpPermissions
		if egress {
			entries = g.IpPermissionsEgress
		}
		var out []string
		for _, e := range entries {
			out = append(out, get(e)...)
		}
		return out
	}
}

var securityGroupFields = filterTable[types.SecurityGroup]{
	tags: func(g *types.SecurityGroup) []types.Tag { return g.Tags },
	fields: withRuleFields(map[string]func(*types.SecurityGroup) []string{
		"description": func(g *types.SecurityGroup) []string { return ofString(g.Description) },
		"group-id":    func(g *types.SecurityGroup) []string { return ofString(g.GroupId) },
		"group-name":  func(g *types.SecurityGroup) []string { return ofString(g.GroupName) },
		"owner-id":    func(g *types.SecurityGroup) []string { return ofString(g.OwnerId) },
		"vpc-id":      func(g *types.SecurityGroup) []string { return ofString(g.VpcId) },
	}),
}

// withRuleFields adds the filters on rules, which have the same names for both directions but for a prefix.
func withRuleFields(fields map[string]func(*types.SecurityGroup) []string) map[string]func(*types.SecurityGroup) []string {
	of := map[string]func(types.IpPermission) []string{
		"cidr": func(e types.IpPermission) []string {
			return each(e.IpRanges, func(v types.IpRange) string { return awssdk.ToString(v.CidrIp) })
		},
		"ipv6-cidr": func(e types.IpPermission) []string {
			return each(e.Ipv6Ranges, func(v types.Ipv6Range) string { return awssdk.ToString(v.CidrIpv6) })
		},
		"prefix-list-id": func(e types.IpPermission) []string {
			return each(e.PrefixListIds, func(v types.PrefixListId) string { return awssdk.ToString(v.PrefixListId) })
		},
		"group-id": func(e types.IpPermission) []string {
			return each(e.UserIdGroupPairs, func(v types.UserIdGroupPair) string { return awssdk.ToString(v.GroupId) })
		},
		"group-name": func(e types.IpPermission) []string {
			return each(e.UserIdGroupPairs, func(v types.UserIdGroupPair) string { return awssdk.ToString(v.GroupName) })
		},
		"user-id": func(e types.IpPermission) []string {
			return each(e.UserIdGroupPairs, func(v types.UserIdGroupPair) string { return awssdk.ToString(v.UserId) })
		},
		"from-port": func(e types.IpPermission) []string { return ofInt(e.FromPort) },
		"to-port":   func(e types.IpPermission) []string { return ofInt(e.ToPort) },
		"protocol":  func(e types.IpPermission) []string { return ofString(e.IpProtocol) },
	}
	for name, get := range of {
		fields["ip-permission."+name] = rulesIn(false, get)
		fields["egress.ip-permission."+name] = rulesIn(true, get)
	}
	return fields
}
