package aws

import (
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ignoreSerde = cmpopts.IgnoreUnexported(types.IpPermission{}, types.IpRange{}, types.Ipv6Range{}, types.UserIdGroupPair{}, types.PrefixListId{}, types.Tag{})

func (a *account) securityGroup(name string) string {
	a.t.Helper()
	return *do(a, a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: ptr("of a test")}).GroupId
}

func tcp(port int32, cidrs ...string) types.IpPermission {
	p := types.IpPermission{IpProtocol: ptr("tcp"), FromPort: &port, ToPort: &port}
	for _, c := range cidrs {
		if strings.Contains(c, ":") {
			p.Ipv6Ranges = append(p.Ipv6Ranges, types.Ipv6Range{CidrIpv6: ptr(c)})
		} else {
			p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: ptr(c)})
		}
	}
	return p
}

func (a *account) groupShown(id string) types.SecurityGroup {
	a.t.Helper()
	return do(a, a.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}}).SecurityGroups[0]
}

func TestSecurityGroupLife(t *testing.T) {
	a := accountFor(t, nil)
	out := do(a, a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{
		GroupName: ptr("front"), Description: ptr("of a test"), VpcId: ptr(a.vpcID()),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: []types.Tag{{Key: ptr("b"), Value: ptr("2")}, {Key: ptr("a"), Value: ptr("1")}}}},
	})
	id := *out.GroupId
	if !groupID.MatchString(id) || *out.SecurityGroupArn != "arn:aws:ec2:eu-west-1:123456789012:security-group/"+id {
		t.Errorf("want an id and an ARN as of EC2, got %s and %s", id, *out.SecurityGroupArn)
	}
	made := do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &id, IpPermissions: []types.IpPermission{tcp(80, "0.0.0.0/0", "::/0"), tcp(443, "10.1.2.3/8")},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroupRule, Tags: []types.Tag{{Key: ptr("owner"), Value: ptr("us")}}}},
	}).SecurityGroupRules
	if len(made) != 3 || !ruleID.MatchString(*made[0].SecurityGroupRuleId) || len(made[0].Tags) != 1 {
		t.Fatalf("want three rules with ids and tags, got %+v", made)
	}
	shown := a.groupShown(id)
	if diff := cmp.Diff([]types.IpPermission{tcp(80, "0.0.0.0/0", "::/0"), tcp(443, "10.0.0.0/8")}, shown.IpPermissions, ignoreSerde, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]types.Tag{{Key: ptr("a"), Value: ptr("1")}, {Key: ptr("b"), Value: ptr("2")}}, shown.Tags, ignoreSerde); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	tagged := do(a, a.DescribeSecurityGroupRules, &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{filter("tag:owner", "us"), filter("group-id", id)}})
	if len(tagged.SecurityGroupRules) != 3 {
		t.Errorf("want three rules by their tag, got %d", len(tagged.SecurityGroupRules))
	}
	do(a, a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, SecurityGroupRuleIds: []string{*made[0].SecurityGroupRuleId}})
	do(a, a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []types.IpPermission{tcp(443, "10.9.9.9/8")}})
	if diff := cmp.Diff([]types.IpPermission{tcp(80, "::/0")}, a.groupShown(id).IpPermissions, ignoreSerde, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rules after revoking (-want +got):\n%s", diff)
	}
	do(a, a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &id})
	refused(a, "InvalidGroup.NotFound", a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &id})
	if left := len(a.securityGroupRules.of(id)); left != 0 {
		t.Errorf("want no rule left of a deleted group, got %d", left)
	}
}

func TestSecurityGroupRefusals(t *testing.T) {
	a := accountFor(t, nil)
	id := a.securityGroup("one")
	create := func(name, description string) *ec2.CreateSecurityGroupInput {
		return &ec2.CreateSecurityGroupInput{GroupName: nonEmpty(name), Description: nonEmpty(description)}
	}
	for _, c := range []struct {
		code string
		in   *ec2.CreateSecurityGroupInput
	}{
		{"InvalidGroup.Duplicate", create("ONE", "d")}, {"InvalidParameterValue", create("default", "d")}, {"InvalidParameterValue", create("sg-x", "d")},
		{"MissingParameter", create("", "d")}, {"MissingParameter", create("x", "")}, {"InvalidParameterValue", create("x", "ü")},
		{"InvalidParameterValue", create(strings.Repeat("x", 256), "d")},
		{"InvalidVpcID.NotFound", &ec2.CreateSecurityGroupInput{GroupName: ptr("x"), Description: ptr("d"), VpcId: ptr("vpc-0123456789abcdef0")}},
	} {
		refused(a, c.code, a.CreateSecurityGroup, c.in)
	}
	allow := func(p ...types.IpPermission) *ec2.AuthorizeSecurityGroupIngressInput {
		return &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: p}
	}
	do(a, a.AuthorizeSecurityGroupIngress, allow(tcp(80, "10.0.0.0/8")))
	noPorts := tcp(1, "10.0.0.0/8")
	noPorts.FromPort = nil
	backwards := tcp(80, "10.0.0.0/8")
	backwards.ToPort = ptr(int32(79))
	unknown := tcp(80, "10.0.0.0/8")
	unknown.IpProtocol = ptr("sctp?")
	for _, c := range []struct {
		code string
		in   *ec2.AuthorizeSecurityGroupIngressInput
	}{
		{"InvalidPermission.Duplicate", allow(tcp(80, "10.255.0.0/8"))}, {"InvalidParameterValue", allow(tcp(81, "10.0.0.0/8", "10.1.0.0/8"))},
		{"InvalidParameterValue", allow(tcp(80, "10.0.0.0/33"))}, {"InvalidParameterValue", allow(tcp(80, "here"))}, {"InvalidParameterValue", allow(tcp(65536, "10.0.0.0/8"))},
		{"InvalidParameterValue", allow(noPorts)}, {"InvalidParameterValue", allow(backwards)}, {"InvalidParameterValue", allow(unknown)},
		{"InvalidParameterValue", allow(tcp(80))}, {"MissingParameter", allow()},
		{"InvalidGroup.NotFound", allow(types.IpPermission{IpProtocol: ptr("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: ptr("sg-0123456789abcdef0")}}})},
		{"InvalidGroupId.Malformed", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: ptr("front")}},
		{"InvalidPrefixListID.NotFound", allow(types.IpPermission{IpProtocol: ptr("-1"), PrefixListIds: []types.PrefixListId{{PrefixListId: ptr("pl-1")}}})},
	} {
		refused(a, c.code, a.AuthorizeSecurityGroupIngress, c.in)
	}
	_, err := a.AuthorizeSecurityGroupIngress(t.Context(), allow(tcp(80, "10.0.0.0/8")))
	if want := `the specified rule "peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW" already exists`; !isFault(err, "InvalidPermission.Duplicate") || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("want %q, got %v", want, err)
	}
	refused(a, "MissingParameter", a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id})
	refused(a, "InvalidSecurityGroupRuleId.NotFound", a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: &id, SecurityGroupRuleIds: []string{"sgr-0123456789abcdef0"},
	})
	foreign := a.securityGroupRules.of(a.securityGroups.all()[0].Key)[0]
	refused(a, "InvalidSecurityGroupRuleId.NotFound", a.RevokeSecurityGroupEgress, &ec2.RevokeSecurityGroupEgressInput{
		GroupId: &id, SecurityGroupRuleIds: []string{foreign.Key},
	})
	other := do(a, a.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []types.IpPermission{tcp(99, "10.0.0.0/8")}})
	if len(other.UnknownIpPermissions) != 1 || len(other.RevokedSecurityGroupRules) != 0 {
		t.Errorf("want what is not there told in a default VPC, got %+v", other)
	}
	refused(a, "CannotDelete", a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupName: ptr("default")})
}

func TestSecurityGroupInUse(t *testing.T) {
	a := accountFor(t, nil)
	front, back := a.securityGroup("front"), a.securityGroup("back")
	do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &back, IpPermissions: []types.IpPermission{{
		IpProtocol: ptr("tcp"), FromPort: ptr(int32(0)), ToPort: ptr(int32(65535)), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &front}},
	}}})
	self := types.IpPermission{IpProtocol: ptr("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &back}}}
	do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &back, IpPermissions: []types.IpPermission{self}})
	refused(a, "DependencyViolation", a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &front})
	do(a, a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &back}) // what names itself is not in use
	do(a, a.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &front})
}

func TestRulesPerSecurityGroup(t *testing.T) {
	a := accountFor(t, nil)
	id := a.securityGroup("full")
	var v4 []types.IpPermission
	for i := range 60 {
		v4 = append(v4, tcp(int32(1000+i), "10.0.0.0/8"))
	}
	do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: v4})
	refused(a, "RulesPerSecurityGroupLimitExceeded", a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &id, IpPermissions: []types.IpPermission{tcp(1, "10.0.0.0/8")},
	})
	do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []types.IpPermission{tcp(1, "::/0")}})
	refused(a, "RulesPerSecurityGroupLimitExceeded", a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &id, IpPermissions: []types.IpPermission{{IpProtocol: ptr("tcp"), FromPort: ptr(int32(1)), ToPort: ptr(int32(1)), PrefixListIds: []types.PrefixListId{{PrefixListId: ptr("pl-3b927c52")}}}},
	})
	lists := do(a, a.DescribeManagedPrefixLists, &ec2.DescribeManagedPrefixListsInput{Filters: []types.Filter{filter("prefix-list-name", "*.cloudfront.origin-facing")}}).PrefixLists
	if len(lists) != 1 || *lists[0].PrefixListId != "pl-3b927c52" {
		t.Errorf("want the list that a rule can name, got %+v", lists)
	}
	a.Cloud().SetQuota("security-groups-per-vpc", 2)
	refused(a, "SecurityGroupLimitExceeded", a.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: ptr("x"), Description: ptr("d")})
}

func TestModifyRules(t *testing.T) {
	a := accountFor(t, nil)
	id := a.securityGroup("front")
	made := do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &id, IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8"), tcp(81, "10.0.0.0/8")},
	}).SecurityGroupRules
	modify := func(rule *string, port int32, cidr string) *ec2.ModifySecurityGroupRulesInput {
		return &ec2.ModifySecurityGroupRulesInput{GroupId: &id, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
			SecurityGroupRuleId: rule, SecurityGroupRule: &types.SecurityGroupRuleRequest{IpProtocol: ptr("tcp"), FromPort: &port, ToPort: &port, CidrIpv4: &cidr},
		}}}
	}
	do(a, a.ModifySecurityGroupRules, modify(made[0].SecurityGroupRuleId, 82, "192.168.0.0/16"))
	refused(a, "InvalidPermission.Duplicate", a.ModifySecurityGroupRules, modify(made[0].SecurityGroupRuleId, 81, "10.0.0.0/8"))
	a.Cloud().SetQuota("rules-per-security-group", 2)
	do(a, a.ModifySecurityGroupRules, modify(made[1].SecurityGroupRuleId, 83, "10.0.0.0/8")) // one in the place of another, in a full group
	do(a, a.UpdateSecurityGroupRuleDescriptionsIngress, &ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{
		GroupId: &id, SecurityGroupRuleDescriptions: []types.SecurityGroupRuleDescription{{SecurityGroupRuleId: made[0].SecurityGroupRuleId, Description: ptr("why")}},
	})
	got := do(a, a.DescribeSecurityGroupRules, &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{*made[0].SecurityGroupRuleId}}).SecurityGroupRules[0]
	if have := fmt.Sprintf("%d %s %s", *got.FromPort, *got.CidrIpv4, awssdk.ToString(got.Description)); have != "82 192.168.0.0/16 why" {
		t.Errorf("want the rule with its new content, got %s", have)
	}
}

func TestPermissionWords(t *testing.T) {
	for want, p := range map[string]permission{
		"peer: 0.0.0.0/0, ALL, ALLOW":                        {"-1", -1, -1, peer{v4: "0.0.0.0/0"}, nil},
		"peer: ::/0, UDP, from port: 53, to port: 54, ALLOW": {"udp", 53, 54, peer{v6: "::/0"}, nil},
		"peer: sg-1, ICMP, type: 8, code: ALL, ALLOW":        {"icmp", 8, -1, peer{group: "sg-1"}, nil},
		"peer: pl-1, protocol: 50, ALLOW":                    {"50", -1, -1, peer{prefixList: "pl-1"}, nil},
	} {
		if got := p.String(); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
	for given, want := range map[string]string{"TCP": "tcp", "6": "tcp", "17": "udp", "all": "-1", "58": "icmpv6", "50": "50", "0": "0"} {
		got, err := canonical(given, ptr(int32(-1)), ptr(int32(-1)), peer{v4: "10.0.0.0/8"})
		if err != nil || got.protocol != want {
			t.Errorf("protocol %s: want %s, got %s %v", given, want, got.protocol, err)
		}
	}
}
