package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// UpdateSecurityGroupRuleDescriptionsIngress changes or removes the descriptions of rules for what comes in.
func (r *Region) UpdateSecurityGroupRuleDescriptionsIngress(_ context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	if err := r.updateDescriptions(in.GroupId, in.GroupName, false, in.IpPermissions, in.SecurityGroupRuleDescriptions); err != nil {
		return nil, err
	}
	return &ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: ptr(true)}, nil
}

// UpdateSecurityGroupRuleDescriptionsEgress changes or removes the descriptions of rules for what goes out.
func (r *Region) UpdateSecurityGroupRuleDescriptionsEgress(_ context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	if err := r.updateDescriptions(in.GroupId, in.GroupName, true, in.IpPermissions, in.SecurityGroupRuleDescriptions); err != nil {
		return nil, err
	}
	return &ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: ptr(true)}, nil
}

func (r *Region) updateDescriptions(id, name *string, egress bool, entries []types.IpPermission, byID []types.SecurityGroupRuleDescription) error {
	return r.write(func(x *tx) error {
		g, err := r.findGroup(id, name)
		if err != nil {
			return err
		}
		if len(entries) == 0 && len(byID) == 0 {
			return faultf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.")
		}
		descriptions := map[string]*string{}
		wanted, err := flatten(entries, r.groupPeer(g))
		if err != nil {
			return err
		}
		has := r.permissionsOf(g.Key, egress)
		for _, p := range wanted {
			key, ok := has[p.same()]
			if !ok {
				return faultf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			descriptions[key] = p.description
		}
		for _, d := range byID {
			if err := checkRuleDescription(d.Description); err != nil {
				return err
			}
			keys, err := r.rulesByID(g.Key, egress, []string{*orEmpty(d.SecurityGroupRuleId)})
			if err != nil {
				return err
			}
			descriptions[keys[0]] = d.Description
		}
		for key, d := range descriptions {
			r.securityGroupRules.edit(x, key, func(s *SecurityGroupRule) { s.Spec.Description = d })
		}
		return nil
	})
}

func orEmpty(s *string) *string {
	if s == nil {
		return new(string)
	}
	return s
}
