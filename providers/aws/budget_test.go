package aws_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// site is an HTTP listener with rules that go round robin over pools. No two of the rules can be one in AWS.
func site(owner ir.Owner, groups []string, pools, rules int) *ir.LoadBalancer {
	settings, err := json.Marshal(map[string]any{"securityGroups": groups})
	if err != nil {
		panic(err) // fixed input
	}
	lb := &ir.LoadBalancer{Owner: owner, Settings: settings}
	for i := range pools {
		p := ir.Pool{Name: fmt.Sprintf("shop/svc-%d/80", i), Protocol: ir.PoolHTTP1, Source: ir.Source{Kind: "Service", Namespace: "shop", Name: fmt.Sprintf("svc-%d", i)}}
		for j := range 3 {
			p.Targets = append(p.Targets, ir.Target{Address: netip.AddrFrom4([4]byte{127, 98, byte(i), byte(1 + j)}), Port: 8080, Weight: 1})
		}
		lb.Pools = append(lb.Pools, p)
	}
	server := ir.Server{Name: "http", Source: ir.Source{Kind: "Gateway", Namespace: owner.Namespace, Name: owner.Name, Section: "http"}}
	for i := range rules {
		route := fmt.Sprintf("route-%02d", i)
		server.Rules = append(server.Rules, ir.Rule{
			Rank:  route,
			Match: ir.Match{Hostname: "www.example.com", Path: ir.PathMatch{Kind: ir.PathExact, Value: "/" + route}},
			Action: &ir.Forward{Backends: []ir.Backend{
				{Weight: 1, Pool: lb.Pools[i%pools].Name}, {Weight: uint32(1 + i), Pool: lb.Pools[(i+1)%pools].Name},
			}},
			Source: ir.Source{Kind: "HTTPRoute", Namespace: "shop", Name: route},
		})
	}
	lb.Listeners = []ir.Listener{{Port: 80, Protocol: ir.ProtocolHTTP, Servers: []ir.Server{server}}}
	return lb
}

// defaultGroup returns the security group that the account was born with.
func (a *account) defaultGroup(t *testing.T) string {
	t.Helper()
	out, err := a.region.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-name"), Values: []string{"default"}}},
	})
	check(t, err)
	if len(out.SecurityGroups) == 0 {
		t.Fatal("the account has no default security group")
	}
	return aws.ToString(out.SecurityGroups[0].GroupId)
}

func count(g graph.Graph, kind graph.Kind) int {
	n := 0
	for id := range g {
		if id.Kind == kind {
			n++
		}
	}
	return n
}

// TestCallBudget holds the provider to what its changes may cost in calls that change something: what an account is throttled by.
func TestCallBudget(t *testing.T) {
	const pools, rules = 5, 20
	a := openAccount(t, nil)
	groups := []string{a.defaultGroup(t)}
	s := providertest.NewSession(a.provider, testOwner)
	spent := func(want *ir.LoadBalancer) []string {
		before := len(a.Calls(t))
		if err := s.Converge(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		mutating, _ := a.calls(t, before)
		return mutating
	}
	want := site(testOwner, groups, pools, rules)
	compiled, err := provider.Compile(want)
	check(t, err)
	if len(compiled.Refused) > 0 || count(compiled.Graph, provider.KindRule) != rules || count(compiled.Graph, provider.KindTargetGroup) != pools {
		t.Fatalf("the site is not what the budget is for: %v", compiled.Refused)
	}

	if got := spent(want); len(got) != 2*pools+rules+2 {
		t.Errorf("a load balancer with %d target groups and %d rules: want %d calls, got %d: %v", pools, rules, 2*pools+rules+2, len(got), got)
	}
	for _, tc := range []struct {
		reason string
		change func(*ir.LoadBalancer)
		want   []string
	}{
		{"nothing changes", func(*ir.LoadBalancer) {}, nil},
		{"a route comes, to backends that are there", func(lb *ir.LoadBalancer) { *lb = *site(testOwner, groups, pools, rules+1) }, []string{"CreateRule"}},
		{"a route comes first of all", func(lb *ir.LoadBalancer) {
			servers := &lb.Listeners[0].Servers[0]
			first := servers.Rules[0]
			first.Rank, first.Match.Path.Value, first.Source.Name = "a-first", "/first", "first"
			servers.Rules = append([]ir.Rule{first}, servers.Rules...)
		}, []string{"CreateRule"}},
		{"a weight changes", func(lb *ir.LoadBalancer) {
			f := *lb.Listeners[0].Servers[0].Rules[3].Action.(*ir.Forward)
			f.Backends = []ir.Backend{{Weight: 80, Pool: f.Backends[0].Pool}, {Weight: 20, Pool: f.Backends[1].Pool}}
			lb.Listeners[0].Servers[0].Rules[3].Action = &f
		}, []string{"ModifyRule"}},
		{"a Deployment is scaled up by 40 pods", func(lb *ir.LoadBalancer) {
			for j := range 40 {
				lb.Pools[0].Targets = append(lb.Pools[0].Targets, ir.Target{Address: netip.AddrFrom4([4]byte{127, 98, 100, byte(1 + j)}), Port: 8080, Weight: 1})
			}
		}, []string{"RegisterTargets"}},
		{"a Deployment is scaled down by 2 pods", func(lb *ir.LoadBalancer) { lb.Pools[0].Targets = lb.Pools[0].Targets[:1] }, []string{"DeregisterTargets"}},
		{"a Deployment is rolled", func(lb *ir.LoadBalancer) { lb.Pools[0].Targets[0].Address = netip.MustParseAddr("127.98.200.1") },
			[]string{"RegisterTargets", "DeregisterTargets"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			base := site(testOwner, groups, pools, rules)
			spent(base)
			tc.change(base)
			if got := spent(base); !slices.Equal(got, tc.want) {
				t.Errorf("want %v, got %v", tc.want, got)
			}
		})
	}
}

// TestRestartBudget reads what 200 Gateways have, as a controller does that has just started: by pages, and not by Gateway.
func TestRestartBudget(t *testing.T) {
	const gateways = 200
	a := openAccount(t, func(c *fakeaws.Config) { c.Quotas = map[string]int{"application-load-balancers": 2 * gateways} })
	groups := []string{a.defaultGroup(t)}
	for i := range gateways {
		owner := ir.Owner{Cluster: "test", UID: fmt.Sprintf("uid-%d", i), Namespace: "shop", Name: fmt.Sprintf("gw-%d", i)}
		s := providertest.NewSession(a.provider, owner)
		s.Got, s.Known = graph.Graph{}, true
		check(t, s.Converge(t.Context(), site(owner, groups, 2, 1)))
	}
	before := len(a.Calls(t))
	all, err := a.provider.Observe(t.Context(), cloud.Scope{Cluster: "test"})
	check(t, err)
	mutating, reads := a.calls(t, before)
	if len(mutating) != 0 {
		t.Errorf("want no changing call, got %v", mutating)
	}
	// A page of load balancers, one of target groups, one each of groups, permissions, certificates and trust stores, and the tags of 200 and 400, 20 a call.
	if want := 6 + gateways/20 + 2*gateways/20; len(reads) > want {
		t.Errorf("want at most %d reads, got %d: %v", want, len(reads), reads)
	}
	if len(all) != gateways {
		t.Errorf("want %d owners, got %d", gateways, len(all))
	}
	for owner, g := range all {
		if count(g, provider.KindLoadBalancer) != 1 || count(g, provider.KindTargetGroup) != 2 || len(g) != 3 {
			t.Fatalf("%v: want a load balancer and two target groups, got %v", owner, g.Sorted())
		}
		for _, n := range g {
			if n.Spec != nil || n.External == "" {
				t.Fatalf("%v: want an external name and no content, got %+v", owner, n)
			}
		}
	}
}

// TestNothingIsThrottled makes and deletes a load balancer of an ordinary size in an account with AWS's rates: not one call is refused.
func TestNothingIsThrottled(t *testing.T) {
	a := openAccount(t, nil)
	j := journal.New(1000)
	_, url := serve(t, a.cloud, func(c *awsapi.Config) { c.Journal, c.Rates = j, awsapi.DefaultRates() })
	p := providerAt(t, url, false)
	s := providertest.NewSession(p, testOwner)
	check(t, s.Converge(t.Context(), site(testOwner, []string{a.defaultGroup(t)}, 4, 12)))
	check(t, s.Converge(t.Context(), nil))
	if len(s.Errors) > 0 {
		t.Errorf("want no error, got %v", s.Errors)
	}
	entries, _ := j.Since(0)
	for _, e := range entries {
		if e.Status != 200 {
			t.Errorf("%s was answered with %d", e.Op, e.Status)
		}
	}
}
