package aws_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// tagged gives tags: a key, its value, the next key ...
func tagged(pairs ...string) func(*elb.CreateLoadBalancerInput) {
	return func(in *elb.CreateLoadBalancerInput) {
		for pair := range slices.Chunk(pairs, 2) {
			in.Tags = append(in.Tags, elbtypes.Tag{Key: aws.String(pair[0]), Value: aws.String(pair[1])})
		}
	}
}

// TestAdoptionIsRefused: who may not be adopted is told why, with both sides, and nothing is changed.
func TestAdoptionIsRefused(t *testing.T) {
	private := func(in *elb.CreateLoadBalancerInput) { in.Scheme = elbtypes.LoadBalancerSchemeEnumInternal }
	network := func(in *elb.CreateLoadBalancerInput) { in.Type = elbtypes.LoadBalancerTypeEnumNetwork }
	bare := func(in *elb.CreateLoadBalancerInput) {
		in.Type, in.SecurityGroups = elbtypes.LoadBalancerTypeEnumNetwork, nil
	}
	stream := shop(1)
	stream.Listeners = []ir.Listener{{Port: 80, Protocol: ir.ProtocolTCP, Servers: []ir.Server{{Name: "tcp"}}}}
	const arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/"
	tests := []struct {
		reason string
		change func(*elb.CreateLoadBalancerInput)
		want   *ir.LoadBalancer
		names  []string // in place of what is there
		words  []string
	}{
		{"it is not there", nil, nil, []string{arn + "app/gone/0123456789abcdef"}, []string{"there is no load balancer " + arn}},
		{"it is no ARN", nil, nil, []string{"legacy"}, []string{`"legacy" is not the ARN of a load balancer`}},
		{"it is of no end", nil, nil, []string{arn + "app/" + strings.Repeat("x", 100_000)}, []string{"is not the ARN of a load balancer"}},
		{"it is in another region", nil, nil, []string{strings.Replace(arn, "eu-west-1", "eu-north-1", 1) + "app/x/1"}, []string{"eu-north-1", "eu-west-1"}},
		{"it is of another sort", nil, nil, []string{arn + "gwy/x/1"}, []string{"neither an Application nor a Network Load Balancer"}},
		{"two of one type", nil, nil, []string{arn + "app/x/1", arn + "app/y/1"}, []string{"both of type application", "app/x/1", "app/y/1"}},
		{"a type that nobody needs", network, nil, nil, []string{"of type network", "no listener that needs one"}},
		{"another scheme", private, nil, nil, []string{"legacy is internal", "the Gateway wants internet-facing", "reach"}},
		{"a Network Load Balancer without groups", bare, stream, nil, []string{"made without security groups"}},
		{"another Gateway's", tagged("cloudgate.dev/cluster", "blue"), nil, nil, []string{"legacy bears a mark of Cloudgate already"}},
		{"another Gateway's, named", tagged("cloudgate.dev/cluster", "mine", "cloudgate.dev/namespace", "blue", "cloudgate.dev/gateway", "secret-gw"), nil, nil,
			[]string{"legacy bears a mark of Cloudgate already"}},
		{"the AWS Load Balancer Controller's", tagged("elbv2.k8s.aws/cluster", "blue"), nil, nil, []string{"the AWS Load Balancer Controller", "elbv2.k8s.aws/cluster"}},
		{"an Ingress's", tagged("ingress.k8s.aws/stack", "blue/web"), nil, nil, []string{"the AWS Load Balancer Controller", "a tag of ingress.k8s.aws"}},
		{"a Service's", tagged("service.k8s.aws/stack", "blue/web"), nil, nil, []string{"a tag of service.k8s.aws"}},
		{"another controller's Gateway's", tagged("gateway.k8s.aws.alb/stack", "blue/web"), nil, nil, []string{"a tag of gateway.k8s.aws.alb"}},
		{"a cluster's", tagged("kubernetes.io/cluster/blue", "owned"), nil, nil, []string{"a Kubernetes cluster"}},
		{"an EKS cluster's", tagged("eks:eks-cluster-name", "blue"), nil, nil, []string{"an EKS cluster"}},
	}
	for _, tc := range tests {
		t.Run(tc.reason, func(t *testing.T) {
			a := openAccount(t, nil)
			old := a.legacy(t, tc.change)
			want := tc.want
			if want == nil {
				want = shop(1)
			}
			names := tc.names
			if names == nil {
				names = []string{old.lb}
			}
			_, err := a.provider.Foreign(t.Context(), testOwner, compiled(t, want), names)
			if cloud.KindOf(err) != cloud.Invalid {
				t.Fatalf("want it refused, got %v", err)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("want a sentence, got %d characters", len(err.Error()))
			}
			for _, word := range tc.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("want %q in %q", word, err)
				}
			}
			for _, others := range []string{"blue", "secret-gw"} {
				if strings.Contains(err.Error(), others) {
					t.Errorf("want nothing said of what others have, got %q in %q", others, err)
				}
			}
			if mutating, _ := a.calls(t, 0); len(mutating) > 0 {
				t.Errorf("want nothing changed, got %v", mutating)
			}
		})
	}
}

// TestAdoptionByTwoClusters: whose mark is gone after it was put does not take the load balancer for its own, and leaves it alone.
func TestAdoptionByTwoClusters(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	late := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.api.ServeHTTP(w, r)
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") == "AddTags" && slices.Contains(slices.Concat(slices.Collect(maps.Values(form))...), old.lb) {
			late = true
			_, err := a.region.AddTags(context.Background(), &elb.AddTagsInput{ResourceArns: []string{old.lb}, Tags: []elbtypes.Tag{
				{Key: aws.String("cloudgate.dev/cluster"), Value: aws.String("another")},
			}})
			if err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(server.Close)
	p, want := providerAt(t, server.URL, true), compiled(t, shop(1))
	f, err := p.Foreign(t.Context(), testOwner, want, []string{old.lb})
	check(t, err)
	if err := p.Adopt(t.Context(), testOwner, f); cloud.KindOf(err) != cloud.Conflict || !late {
		t.Errorf("want a conflict, got %v", err)
	}
	before := len(a.Calls(t))
	if _, err := p.Foreign(t.Context(), testOwner, want, []string{old.lb}); cloud.KindOf(err) != cloud.Invalid {
		t.Errorf("want it refused from now on, got %v", err)
	}
	all, err := p.Observe(t.Context(), cloud.Scope{Cluster: testOwner.Cluster, UID: testOwner.UID})
	check(t, err)
	for id := range all[testOwner.Key()] {
		t.Errorf("want nothing of it seen as the Gateway's, got %s", id)
	}
	if mutating, _ := a.calls(t, before); len(mutating) > 0 {
		t.Errorf("want it left alone, got %v", mutating)
	}
}

// TestAdoptionFromAnotherVPC: targets are in the controller's.
func TestAdoptionFromAnotherVPC(t *testing.T) {
	a := openAccount(t, nil)
	old := a.legacy(t, nil)
	vpc, err := a.region.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	check(t, err)
	p, err := provider.New(t.Context(), provider.Config{
		Region: testRegion, VPC: aws.ToString(vpc.Vpc.VpcId), Endpoint: a.url, Unmetered: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	check(t, err)
	_, err = p.Foreign(t.Context(), testOwner, compiled(t, shop(1)), []string{old.lb})
	for _, word := range []string{aws.ToString(vpc.Vpc.VpcId), aws.ToString(a.vpc(t))} {
		if cloud.KindOf(err) != cloud.Invalid || !strings.Contains(err.Error(), word) {
			t.Errorf("want %s in what refuses it, got %v", word, err)
		}
	}
}

// TestAdoptionOfBothHalves: a Gateway with both sorts of listeners takes over one of each; the listener of a Network Load Balancer is changed in
// place, too.
func TestAdoptionOfBothHalves(t *testing.T) {
	a := openAccount(t, nil)
	application := a.legacy(t, nil)
	ctx := context.Background()
	network, err := a.region.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: aws.String("streams"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Subnets: a.subnetIDs(t), SecurityGroups: []string{application.securityGroup},
	})
	check(t, err)
	group, err := a.region.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("streams"), Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(9000), VpcId: a.vpc(t), TargetType: elbtypes.TargetTypeEnumIp,
	})
	check(t, err)
	listener, err := a.region.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: network.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(9000), Protocol: elbtypes.ProtocolEnumTcp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}},
	})
	check(t, err)
	want := shop(2)
	want.Pools = append(want.Pools, ir.Pool{Name: "shop/tcp/9000", Protocol: ir.PoolTCP, Targets: want.Pools[0].Targets, Source: want.Pools[0].Source})
	want.Listeners = append(want.Listeners, ir.Listener{Port: 9000, Protocol: ir.ProtocolTCP, Servers: []ir.Server{{
		Name: "tcp", Source: ir.Source{Kind: "Gateway", Namespace: "shop", Name: "web", Section: "tcp"},
		Rules: []ir.Rule{{Rank: "tcp", Source: ir.Source{Kind: "TCPRoute", Namespace: "shop", Name: "tcp"},
			Action: &ir.Forward{Backends: []ir.Backend{{Weight: 1, Pool: "shop/tcp/9000"}}}}},
	}}})
	s := providertest.NewSession(a.provider, testOwner)
	check(t, adoptWhole(ctx, s, want, application.lb, aws.ToString(network.LoadBalancers[0].LoadBalancerArn)))
	lbs, err := a.region.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	check(t, err)
	if len(lbs.LoadBalancers) != 2 {
		t.Errorf("want 2 load balancers, got %d", len(lbs.LoadBalancers))
	}
	after, err := a.region.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{aws.ToString(listener.Listeners[0].ListenerArn)}})
	check(t, err)
	if got := after.Listeners[0].DefaultActions[0].TargetGroupArn; aws.ToString(got) == aws.ToString(group.TargetGroups[0].TargetGroupArn) {
		t.Errorf("want the listener changed in place, got %s", aws.ToString(got))
	}
	fresh := providertest.NewSession(a.witness, testOwner)
	check(t, fresh.Observe(ctx))
	left, err := cloud.Diff(a.witness, compiled(t, want), fresh.Got)
	check(t, err)
	if !left.Empty() {
		t.Errorf("still to do: %v", left.Steps)
	}
	check(t, s.Converge(ctx, nil))
	_, err = a.region.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: group.TargetGroups[0].TargetGroupArn})
	check(t, err)
	a.remains(t, application)
}
