package main

// actions are those of EC2 whose names the table has: all that concern the network of load balancers and their targets.
var actions = []string{
	"AllocateAddress", "AssociateRouteTable", "AssociateSubnetCidrBlock", "AssociateVpcCidrBlock", "AttachInternetGateway",
	"AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateInternetGateway", "CreateRoute", "CreateRouteTable",
	"CreateSecurityGroup", "CreateSubnet", "CreateTags", "CreateVpc", "DeleteInternetGateway", "DeleteRoute", "DeleteRouteTable",
	"DeleteSecurityGroup", "DeleteSubnet", "DeleteTags", "DeleteVpc", "DescribeAccountAttributes", "DescribeAddresses",
	"DescribeAvailabilityZones", "DescribeCoipPools", "DescribeInstanceStatus", "DescribeInstances", "DescribeInternetGateways",
	"DescribeIpamPools", "DescribeManagedPrefixLists", "DescribeNatGateways", "DescribeNetworkAcls", "DescribeNetworkInterfaces",
	"DescribePrefixLists", "DescribeRegions", "DescribeRouteTables", "DescribeSecurityGroupRules", "DescribeSecurityGroups",
	"DescribeSubnets", "DescribeTags", "DescribeVpcAttribute", "DescribeVpcPeeringConnections", "DescribeVpcs", "DetachInternetGateway",
	"DisassociateRouteTable", "DisassociateSubnetCidrBlock", "DisassociateVpcCidrBlock", "GetManagedPrefixListEntries",
	"GetSecurityGroupsForVpc", "ModifySecurityGroupRules", "ModifySubnetAttribute", "ModifyVpcAttribute", "RebootInstances",
	"ReleaseAddress", "ReplaceRoute", "ReplaceRouteTableAssociation", "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress",
	"StartInstances", "StopInstances", "TerminateInstances", "UpdateSecurityGroupRuleDescriptionsEgress",
	"UpdateSecurityGroupRuleDescriptionsIngress",
}
