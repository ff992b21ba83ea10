package aws

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// TestTagsOfWhatIsGone: AWS refuses to tell the tags of twenty resources where one is gone.
func TestTagsOfWhatIsGone(t *testing.T) {
	p := providerOf(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if r.Form.Get("ResourceArns.member.2") != "" || r.Form.Get("ResourceArns.member.1") == "arn:gone" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(queryError("LoadBalancerNotFound", "One or more load balancers not found")))
			return
		}
		_, _ = w.Write([]byte(`<DescribeTagsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeTagsResult><TagDescriptions>` +
			`<member><ResourceArn>` + r.Form.Get("ResourceArns.member.1") + `</ResourceArn><Tags><member><Key>k</Key><Value>v</Value></member></Tags></member>` +
			`</TagDescriptions></DescribeTagsResult></DescribeTagsResponse>`))
	})
	got, err := p.tagsOf(t.Context(), []string{"arn:here", "arn:gone"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]map[string]string{"arn:here": {"k": "v"}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestActionsOfOthers are nothing that can be wanted.
func TestActionsOfOthers(t *testing.T) {
	forward := elbtypes.Action{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String("arn:tg")}
	for _, tc := range []struct {
		reason  string
		actions []elbtypes.Action
		want    Action
	}{
		{"the short form", []elbtypes.Action{forward}, Action{Forward: &Forward{TargetGroups: []WeightedTargetGroup{{TargetGroup: "web", Weight: 1}}}}},
		{"a login before", []elbtypes.Action{{Type: elbtypes.ActionTypeEnumAuthenticateOidc}, forward}, Action{}},
		{"none", nil, Action{}},
		{"a redirect with all defaults", []elbtypes.Action{{Type: elbtypes.ActionTypeEnumRedirect, RedirectConfig: &elbtypes.RedirectActionConfig{
			StatusCode: elbtypes.RedirectActionStatusCodeEnumHttp301, Query: aws.String("")}}},
			Action{Redirect: &Redirect{Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", StatusCode: "HTTP_301"}}},
	} {
		got := readActions(namer{"arn:tg": graph.ID{Kind: KindTargetGroup, Name: "web"}}, tc.actions)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.reason, diff)
		}
	}
}

// TestIngressOfOthers equals nothing that can be wanted.
func TestIngressOfOthers(t *testing.T) {
	got := readIngress([]types.IpPermission{
		{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(90), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-2")}}},
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("2001:DB8::1/32")}}},
	})
	want := []Ingress{{"-1 from 0 to 0", 0, "0.0.0.0/0"}, {"tcp", 443, "2001:db8::/32"}, {"tcp from 80 to 90", 0, "sg-2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatesOfLoadBalancers(t *testing.T) {
	for state, want := range map[elbtypes.LoadBalancerStateEnum]string{
		elbtypes.LoadBalancerStateEnumProvisioning:   "load balancer lb is being created",
		elbtypes.LoadBalancerStateEnumActive:         "",
		elbtypes.LoadBalancerStateEnumActiveImpaired: "",
		elbtypes.LoadBalancerStateEnumFailed:         "load balancer lb does not work: no capacity",
	} {
		n := withState(graph.Node{ID: graph.ID{Kind: KindLoadBalancer, Name: "lb"}}, elbtypes.LoadBalancer{
			DNSName: aws.String("Web-1.eu-west-1.elb.amazonaws.com"), State: &elbtypes.LoadBalancerState{Code: state, Reason: aws.String("no\ncapacity")},
		})
		if n.Pending != want {
			t.Errorf("%s: want %q, got %q", state, want, n.Pending)
		}
		if diff := cmp.Diff([]string{"web-1.eu-west-1.elb.amazonaws.com"}, n.Addresses); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPermissionsInPart(t *testing.T) {
	rule := func(id, group string, from int32) tagged[types.SecurityGroupRule] {
		return tagged[types.SecurityGroupRule]{arn: id, tags: map[string]string{tagName: "backend", "same": "1", "id": id}, has: types.SecurityGroupRule{
			GroupId: aws.String(group), IpProtocol: aws.String("tcp"), FromPort: aws.Int32(from), ToPort: aws.Int32(from),
			ReferencedGroupInfo: &types.ReferencedSecurityGroup{GroupId: aws.String("sg-lb")},
		}}
	}
	nodes := nodeAccessOf([]tagged[types.SecurityGroupRule]{rule("sgr-1", "sg-1", 80), rule("sgr-2", "sg-2", 80), rule("sgr-3", "sg-1", 81)},
		namer{"sg-lb": graph.ID{Kind: KindSecurityGroup, Name: "frontend"}})
	if len(nodes) != 1 {
		t.Fatalf("want one node, got %v", nodes)
	}
	want := &NodeAccess{
		Marked: Marked{Tags: map[string]string{tagName: "backend", "same": "1"}}, Groups: []string{"sg-1", "sg-2"}, Sources: []string{"frontend"},
		Ports: []PortRange{{Protocol: "tcp", From: 80, To: 80}, {Protocol: "tcp in part", From: 81, To: 81}},
	}
	if diff := cmp.Diff(want, nodes[0].Spec, cmp.AllowUnexported(Marked{})); diff != "" {
		t.Error(diff)
	}
	if nodes[0].External != "sgr-1,sgr-2,sgr-3" {
		t.Errorf("got %q", nodes[0].External)
	}
}

func TestEndpointsThatAreNone(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4566", "ftp://x", "http://user:secret@x", "http://x?y=1", "://"} {
		if _, err := New(t.Context(), Config{Region: "eu-west-1", Endpoint: endpoint}); err == nil {
			t.Errorf("%s was taken", endpoint)
		} else if u, parseErr := url.Parse(endpoint); parseErr == nil && u.User != nil && err.Error() != "the AWS endpoint has to be like http://host:port" {
			t.Errorf("%s is in the error: %v", endpoint, err)
		}
	}
	if _, err := New(t.Context(), Config{}); err == nil {
		t.Error("no region was taken")
	}
}
