package aws

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	rgt "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	rgttypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/google/go-cmp/cmp"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

func TestSessions(t *testing.T) {
	a := accountFor(t, nil)
	if got := do(a, a.GetCallerIdentity, &sts.GetCallerIdentityInput{}); *got.Account != DefaultAccountID || *got.Arn != "arn:aws:iam::123456789012:root" {
		t.Errorf("want the account's root, got %+v", got)
	}
	assume := &sts.AssumeRoleInput{RoleArn: ptr("arn:aws:iam::210987654321:role/path/cloudgate"), RoleSessionName: ptr("me"), DurationSeconds: ptr(int32(7200))}
	given := do(a, a.AssumeRole, assume)
	key := *given.Credentials.AccessKeyId
	s, ok := a.Cloud().Session(key)
	if !ok || s.Secret != *given.Credentials.SecretAccessKey || s.Token != *given.Credentials.SessionToken || !strings.HasPrefix(key, "ASIA") || len(key) != 20 {
		t.Errorf("want the session under its key, got %v for %s", ok, key)
	}
	ctx := WithCaller(context.Background(), key)
	who, err := a.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::210987654321:assumed-role/cloudgate/me" || *who.Account != "210987654321" {
		t.Errorf("want the assumed role, got %+v %v", who, err)
	}
	if _, err := a.AssumeRole(ctx, assume); !isFault(err, "ValidationError") {
		t.Errorf("want a chained role for an hour at most, got %v", err)
	}
	a.Cloud().Clock().Advance(2 * time.Hour)
	if s, ok := a.Cloud().Session(key); !ok || a.Cloud().Clock().Now().Before(s.Expires) {
		t.Errorf("want the session to have ended and to be known still, got %v until %s", ok, s.Expires)
	}
	if who, err := a.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil || *who.Arn != "arn:aws:iam::123456789012:root" {
		t.Errorf("want nobody behind a session that has ended, got %+v %v", who, err)
	}
	a.Cloud().Clock().Advance(remembered + time.Minute)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, ok := a.Cloud().Session(key); !ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("want the session to be forgotten in the end")
		}
	}
	for _, in := range []*sts.AssumeRoleInput{
		{RoleArn: ptr("nonsense"), RoleSessionName: ptr("me")},
		{RoleArn: assume.RoleArn, RoleSessionName: ptr("m e")},
		{RoleArn: assume.RoleArn, RoleSessionName: ptr("me"), DurationSeconds: ptr(int32(60))},
	} {
		refused(a, "ValidationError", a.AssumeRole, in)
	}
}

func TestGetResources(t *testing.T) {
	a := accountFor(t, nil)
	lb, group, subnet := a.alb("front"), a.group("pool", "HTTP"), a.subnetIDs()[0]
	do(a, a.CreateTags, &ec2.CreateTagsInput{Resources: []string{subnet}, Tags: []ec2types.Tag{{Key: ptr("team"), Value: ptr("a")}}})
	subnetARN := "arn:aws:ec2:eu-west-1:123456789012:subnet/" + subnet
	failed := do(a, a.TagResources, &rgt.TagResourcesInput{ResourceARNList: []string{lb, group, "arn:aws:x"}, Tags: map[string]string{"team": "b", "name": "n"}})
	if len(failed.FailedResourcesMap) != 1 {
		t.Errorf("want the one that is not there to fail, got %+v", failed)
	}
	list := func(in rgt.GetResourcesInput) []string {
		var arns []string
		for {
			out := do(a, a.GetResources, &in)
			for _, m := range out.ResourceTagMappingList {
				arns = append(arns, *m.ResourceARN)
			}
			if in.PaginationToken = out.PaginationToken; *in.PaginationToken == "" {
				slices.Sort(arns)
				return arns
			}
		}
	}
	sorted := func(arns ...string) []string { return slices.Sorted(slices.Values(arns)) }
	tags := func(key string, values ...string) []rgttypes.TagFilter {
		return []rgttypes.TagFilter{{Key: &key, Values: values}}
	}
	for _, c := range []struct {
		name string
		in   rgt.GetResourcesInput
		want []string
	}{
		{"all, in pages", rgt.GetResourcesInput{ResourcesPerPage: ptr(int32(1))}, sorted(lb, group, subnetARN)},
		{"by key", rgt.GetResourcesInput{TagFilters: tags("name")}, sorted(lb, group)},
		{"by values", rgt.GetResourcesInput{TagFilters: tags("team", "a", "c")}, sorted(subnetARN)},
		{"by type", rgt.GetResourcesInput{ResourceTypeFilters: []string{"elasticloadbalancing:targetgroup", "ec2"}}, sorted(group, subnetARN)},
		{"by sort of load balancer", rgt.GetResourcesInput{ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer/app"}}, sorted(lb)},
		{"by ARN", rgt.GetResourcesInput{ResourceARNList: []string{lb}}, sorted(lb)},
	} {
		if diff := cmp.Diff(c.want, list(c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	refused(a, "InvalidParameterException", a.GetResources, &rgt.GetResourcesInput{ResourceARNList: []string{lb}, TagFilters: tags("a")})
	do(a, a.UntagResources, &rgt.UntagResourcesInput{ResourceARNList: []string{lb, group}, TagKeys: []string{"team", "name"}})
	if diff := cmp.Diff([]string{"a"}, do(a, a.GetTagValues, &rgt.GetTagValuesInput{Key: ptr("team")}).TagValues); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"team"}, do(a, a.GetTagKeys, &rgt.GetTagKeysInput{}).TagKeys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestWebACLs(t *testing.T) {
	a := accountFor(t, nil)
	lb := a.alb("front")
	in := &wafv2.CreateWebACLInput{
		Name: ptr("wall"), Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: ptr("wall")},
	}
	acl := do(a, a.CreateWebACL, in).Summary
	refused(a, "WAFDuplicateItemException", a.CreateWebACL, in)
	none := do(a, a.GetWebACLForResource, &wafv2.GetWebACLForResourceInput{ResourceArn: &lb})
	if none.WebACL != nil {
		t.Errorf("want no web ACL at first, got %+v", none.WebACL)
	}
	do(a, a.AssociateWebACL, &wafv2.AssociateWebACLInput{ResourceArn: &lb, WebACLArn: acl.ARN})
	if got := do(a, a.GetWebACLForResource, &wafv2.GetWebACLForResourceInput{ResourceArn: &lb}).WebACL; got == nil || *got.ARN != *acl.ARN {
		t.Errorf("want the web ACL, got %+v", got)
	}
	if got := do(a, a.ListResourcesForWebACL, &wafv2.ListResourcesForWebACLInput{WebACLArn: acl.ARN}).ResourceArns; !slices.Equal(got, []string{lb}) {
		t.Errorf("want the load balancer, got %v", got)
	}
	remove := &wafv2.DeleteWebACLInput{Name: ptr("wall"), Id: acl.Id, Scope: waftypes.ScopeRegional, LockToken: acl.LockToken}
	refused(a, "WAFAssociatedItemException", a.DeleteWebACL, remove)
	do(a, a.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	refused(a, "WAFNonexistentItemException", a.GetWebACLForResource, &wafv2.GetWebACLForResourceInput{ResourceArn: &lb})
	refused(a, "WAFInvalidParameterException", a.GetWebACLForResource, &wafv2.GetWebACLForResourceInput{ResourceArn: ptr("x")})
	do(a, a.DeleteWebACL, remove)
	if got := do(a, a.ListWebACLs, &wafv2.ListWebACLsInput{Scope: waftypes.ScopeRegional}).WebACLs; len(got) != 0 {
		t.Errorf("want none left, got %+v", got)
	}
}

func TestShield(t *testing.T) {
	a := accountFor(t, nil)
	lb := a.alb("front")
	if got := do(a, a.GetSubscriptionState, &shield.GetSubscriptionStateInput{}).SubscriptionState; got != shieldtypes.SubscriptionStateInactive {
		t.Errorf("want a new account not subscribed, got %s", got)
	}
	protect := &shield.CreateProtectionInput{Name: ptr("front"), ResourceArn: &lb}
	refused(a, "ResourceNotFoundException", a.CreateProtection, protect)
	do(a, a.CreateSubscription, &shield.CreateSubscriptionInput{})
	id := do(a, a.CreateProtection, protect).ProtectionId
	refused(a, "ResourceAlreadyExistsException", a.CreateProtection, protect)
	if got := do(a, a.DescribeProtection, &shield.DescribeProtectionInput{ResourceArn: &lb}).Protection; *got.Id != *id || *got.Name != "front" {
		t.Errorf("want the protection, got %+v", got)
	}
	do(a, a.DeleteProtection, &shield.DeleteProtectionInput{ProtectionId: id})
	refused(a, "ResourceNotFoundException", a.DescribeProtection, &shield.DescribeProtectionInput{ResourceArn: &lb})
}
