package aws

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

func TestARestartKeepsTheNetworkAndCertificates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "aws.db")
	config := func(c *Config) { c.Path, c.NoSync, c.Latency = file, true, world.Realistic }
	a := accountFor(t, config)
	lb := a.alb("front")
	front, back := a.securityGroup("front"), a.securityGroup("back")
	do(a, a.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &back, IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8", "::/0"), {IpProtocol: ptr("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &front}}}},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroupRule, Tags: []types.Tag{{Key: ptr("k"), Value: ptr("v")}}}},
	})
	vpc, _ := a.vpc("10.0.0.0/16", "10.0.1.0/24")
	do(a, a.AssociateVpcCidrBlock, &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc, AmazonProvidedIpv6CidrBlock: ptr(true)})
	if _, err := a.SeedInstance(InstanceSeed{PrivateIPs: addresses("172.31.0.100", "2600::1"), SecurityGroups: []string{back}}); err != nil {
		t.Fatal(err)
	}
	do(a, a.ImportCertificate, imported(t, makePair(t, ecKey(t), nil, nil, "www.example.com")))
	pending := do(a, a.RequestCertificate, &acm.RequestCertificateInput{
		DomainName: ptr("example.com"), ValidationMethod: acmtypes.ValidationMethodDns, KeyAlgorithm: acmtypes.KeyAlgorithmEcPrime256v1,
	}).CertificateArn
	session := do(a, a.AssumeRole, &sts.AssumeRoleInput{RoleArn: ptr("arn:aws:iam::123456789012:role/x"), RoleSessionName: ptr("me")}).Credentials
	acl := do(a, a.CreateWebACL, &wafv2.CreateWebACLInput{
		Name: ptr("wall"), Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: ptr("wall")},
		Rules:            []waftypes.Rule{{Name: ptr("r"), Statement: &waftypes.Statement{ByteMatchStatement: &waftypes.ByteMatchStatement{SearchString: []byte{0, 255}}}}},
	}).Summary
	do(a, a.AssociateWebACL, &wafv2.AssociateWebACLInput{ResourceArn: &lb, WebACLArn: acl.ARN})
	do(a, a.CreateSubscription, &shield.CreateSubscriptionInput{})
	do(a, a.CreateProtection, &shield.CreateProtectionInput{Name: ptr("p"), ResourceArn: &lb})
	want := everything(t, a.Region)
	if err := a.Cloud().Close(); err != nil {
		t.Fatal(err)
	}

	b := accountFor(t, config)
	if diff := cmp.Diff(want, everything(t, b.Region)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	refused(b, "DependencyViolation", b.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &front})
	refused(b, "InvalidPermission.Duplicate", b.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &back, IpPermissions: []types.IpPermission{tcp(80, "::/0")},
	})
	if s, ok := b.Cloud().Session(*session.AccessKeyId); !ok || s.Secret != *session.SecretAccessKey {
		t.Error("want the session to last")
	}
	if got := do(b, b.GetWebACLForResource, &wafv2.GetWebACLForResourceInput{ResourceArn: &lb}).WebACL; got == nil || *got.ARN != *acl.ARN {
		t.Errorf("want the web ACL before its load balancer, got %+v", got)
	}
	b.Cloud().Clock().Advance(time.Minute)
	eventually(t, func() bool {
		return do(b, b.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: pending}).Certificate.Status == acmtypes.CertificateStatusIssued
	})
}
