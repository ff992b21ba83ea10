package aws_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

var testOwner = ir.Owner{Cluster: "test", UID: "uid-1", Namespace: "shop", Name: "web"}

func mark(name string) provider.Marked {
	return provider.Marked{Tags: map[string]string{
		"cloudgate.dev/cluster": testOwner.Cluster, "cloudgate.dev/owner": testOwner.UID, "cloudgate.dev/gateway-namespace": testOwner.Namespace,
		"cloudgate.dev/gateway-name": testOwner.Name, "cloudgate.dev/name": name,
	}}
}

func id(kind graph.Kind, name string) graph.ID { return graph.ID{Kind: kind, Name: name} }

var (
	groupID    = id(provider.KindSecurityGroup, "frontend")
	balancerID = id(provider.KindLoadBalancer, "application-1")
	listenerID = id(provider.KindListener, "http-80-a-1")
	ruleID     = id(provider.KindRule, "http-80-a-1/r")
	apiID      = id(provider.KindTargetGroup, "api-1")
	webID      = id(provider.KindTargetGroup, "web-1")
)

func targetGroup(name string, targets ...provider.Target) *provider.TargetGroup {
	return &provider.TargetGroup{
		Marked: mark(name), Protocol: "HTTP", ProtocolVersion: "HTTP1", TargetType: "ip", IPAddressType: "ipv4", Port: 80,
		HealthCheck: provider.HealthCheck{
			Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200-399", Interval: 15, Timeout: 5, Healthy: 3, Unhealthy: 2,
		},
		Targets: targets,
	}
}

// drawn is a load balancer with one listener, one rule and two target groups.
func drawn() graph.Graph {
	return graph.New(
		graph.Node{ID: groupID, Spec: &provider.SecurityGroup{Marked: mark("frontend"), Ingress: []provider.Ingress{{Protocol: "tcp", Port: 80, CIDR: "0.0.0.0/0"}}}},
		graph.Node{ID: apiID, Spec: targetGroup("api-1", provider.Target{ID: "127.96.0.1", Port: 8080}, provider.Target{ID: "127.96.0.2", Port: 8080})},
		graph.Node{ID: webID, Spec: targetGroup("web-1", provider.Target{ID: "127.96.0.3", Port: 8080})},
		graph.Node{ID: balancerID, Refs: []graph.ID{groupID}, Spec: &provider.LoadBalancer{
			Marked: mark("application-1"), Type: provider.TypeApplication, Scheme: "internet-facing", IPAddressType: "ipv4", SecurityGroups: []string{"frontend"},
		}},
		graph.Node{ID: listenerID, Within: balancerID, Holds: []string{"application-1 port 80"}, Spec: &provider.Listener{
			Marked: mark(listenerID.Name), Port: 80, Protocol: "HTTP",
			Default: provider.Action{Fixed: &provider.Fixed{StatusCode: "404", ContentType: "text/plain"}},
		}},
		graph.Node{ID: ruleID, Within: listenerID, Refs: []graph.ID{apiID, webID}, Spec: &provider.Rule{
			Marked: mark(ruleID.Name), Rank: "1", Priority: 1000,
			Conditions: []provider.Condition{
				{Field: provider.FieldHost, Values: []string{"www.example.com"}},
				{Field: provider.FieldPath, Values: []string{"/a", "/a/*"}},
				{Field: provider.FieldHeader, Header: "x-env", Values: []string{"test"}},
			},
			Action:     provider.Action{Forward: &provider.Forward{TargetGroups: []provider.WeightedTargetGroup{{TargetGroup: "api-1", Weight: 9}, {TargetGroup: "web-1", Weight: 1}}}},
			URLRewrite: &provider.Rewrite{Regex: "^/a/?(.*)$", Replace: "/$1"},
		}},
	)
}

// converge performs the plan from what is observed to want, and holds that nothing is left to do.
func converge(t *testing.T, p cloud.Provider, want graph.Graph) graph.Graph {
	t.Helper()
	s := providertest.NewSession(p, testOwner)
	for range 20 {
		done, err := s.Pass(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
		s.Known = false
	}
	if err := s.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := cloud.Diff(p, want, s.Got)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range left.Steps {
		t.Errorf("still to do: %s %s: %s", step.Op, step.ID(), step.Why)
	}
	return s.Got
}

func TestCreateObserveDelete(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, drawn())
	if n := a.Resources(t); n != len(drawn()) {
		t.Errorf("want %d resources, got %d", len(drawn()), n)
	}
	for id, n := range got {
		if n.External == "" || n.Pending != "" {
			t.Errorf("%s: external %q, pending %q", id, n.External, n.Pending)
		}
	}
	addresses := got[balancerID].Addresses
	if len(addresses) != 1 || addresses[0] != strings.ToLower(addresses[0]) || !strings.HasSuffix(addresses[0], ".elb.amazonaws.com") {
		t.Errorf("want one host name in lower case, got %v", addresses)
	}
	if mutating, _ := a.calls(t, 0); len(mutating) != 2+2*2+1+1+1 {
		t.Errorf("want 9 changing calls, got %v", mutating)
	}
	converge(t, a.provider, graph.Graph{})
	if n := a.Resources(t); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

// edit returns the drawn graph with one node's spec changed.
func edit[T any](id graph.ID, change func(*T)) graph.Graph {
	g := drawn()
	n := g[id]
	spec := *any(n.Spec).(*T)
	change(&spec)
	n.Spec = any(&spec).(graph.Spec)
	g[id] = n
	return g
}

func TestUpdates(t *testing.T) {
	tagged := func(m *provider.Marked) { m.Tags = maps.Clone(m.Tags); m.Tags["team"] = "shop" }
	for _, tc := range []struct {
		reason string
		want   graph.Graph
		calls  []string
	}{
		{"a weight is one call", edit(ruleID, func(r *provider.Rule) {
			r.Action = provider.Action{Forward: &provider.Forward{TargetGroups: []provider.WeightedTargetGroup{{TargetGroup: "api-1", Weight: 1}, {TargetGroup: "web-1", Weight: 1}}}}
		}), []string{"ModifyRule"}},
		{"conditions", edit(ruleID, func(r *provider.Rule) { r.Conditions = r.Conditions[1:] }), []string{"ModifyRule"}},
		{"a transform goes", edit(ruleID, func(r *provider.Rule) { r.URLRewrite = nil }), []string{"ModifyRule"}},
		{"a transform comes", edit(ruleID, func(r *provider.Rule) { r.HostRewrite = &provider.Rewrite{Regex: ".*", Replace: "inner"} }), []string{"ModifyRule"}},
		{"a rule's tags", edit(ruleID, func(r *provider.Rule) { tagged(&r.Marked) }), []string{"AddTags"}},
		{"sticky groups", edit(ruleID, func(r *provider.Rule) {
			f := *r.Action.Forward
			f.Stickiness = 60
			r.Action.Forward = &f
		}), []string{"ModifyRule"}},
		{"the default action", edit(listenerID, func(l *provider.Listener) {
			l.Default = provider.Action{Fixed: &provider.Fixed{StatusCode: "503", ContentType: "text/plain"}}
		}), []string{"ModifyListener"}},
		{"a listener's attribute", edit(listenerID, func(l *provider.Listener) {
			l.Attributes = map[string]string{"routing.http.response.server.enabled": "false"}
		}), []string{"ModifyListenerAttributes"}},
		{"a listener's tags", edit(listenerID, func(l *provider.Listener) { tagged(&l.Marked) }), []string{"AddTags"}},
		{"a load balancer's attribute", edit(balancerID, func(l *provider.LoadBalancer) {
			l.Attributes = map[string]string{"idle_timeout.timeout_seconds": "90"}
		}), []string{"ModifyLoadBalancerAttributes"}},
		{"a load balancer's tags", edit(balancerID, func(l *provider.LoadBalancer) { tagged(&l.Marked) }), []string{"AddTags"}},
		{"a target comes", edit(webID, func(g *provider.TargetGroup) {
			g.Targets = append(slices.Clone(g.Targets), provider.Target{ID: "127.96.0.9", Port: 80})
		}),
			[]string{"RegisterTargets"}},
		{"targets go", edit(apiID, func(g *provider.TargetGroup) { g.Targets = g.Targets[:1] }), []string{"DeregisterTargets"}},
		{"a health check", edit(apiID, func(g *provider.TargetGroup) { g.HealthCheck.Path, g.HealthCheck.Interval = "/healthz", 20 }), []string{"ModifyTargetGroup"}},
		{"a target group's attribute", edit(apiID, func(g *provider.TargetGroup) {
			g.Attributes = map[string]string{"deregistration_delay.timeout_seconds": "30"}
		}), []string{"ModifyTargetGroupAttributes"}},
		{"a target group's tags", edit(apiID, func(g *provider.TargetGroup) { tagged(&g.Marked) }), []string{"AddTags"}},
		{"who may reach a port", edit(groupID, func(g *provider.SecurityGroup) {
			g.Ingress = []provider.Ingress{{Protocol: "tcp", Port: 80, CIDR: "10.0.0.0/8"}, {Protocol: "tcp", Port: 80, CIDR: "2001:db8::/32"}}
		}), []string{"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"}},
		{"a security group's tags", edit(groupID, func(g *provider.SecurityGroup) { tagged(&g.Marked) }), []string{"CreateTags"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			a := openAccount(t, nil)
			got := converge(t, a.provider, drawn())
			before := len(a.Calls(t))
			s := providertest.NewSession(a.provider, testOwner)
			s.Got, s.Known = got, true
			if done, err := s.Pass(t.Context(), tc.want); done || err != nil {
				t.Fatalf("want an update, got done %v, %v", done, err)
			}
			mutating, _ := a.calls(t, before)
			if diff := cmp.Diff(tc.calls, mutating); diff != "" {
				t.Errorf("calls: %s", diff)
			}
			converge(t, a.provider, tc.want)
			converge(t, a.provider, drawn())
		})
	}
}

// TestTagsOfOthersGo puts a tag on a load balancer behind the provider's back.
func TestTagsOfOthersGo(t *testing.T) {
	a := openAccount(t, nil)
	want := edit(apiID, func(g *provider.TargetGroup) { g.Tags = maps.Clone(g.Tags); g.Tags["mine"] = "1" })
	converge(t, a.provider, want)
	before := len(a.Calls(t))
	converge(t, a.provider, drawn())
	if mutating, _ := a.calls(t, before); !slices.Equal(mutating, []string{"RemoveTags"}) {
		t.Errorf("want RemoveTags, got %v", mutating)
	}
}

// TestRepeatedCreates sends every create twice: the second adopts.
func TestRepeatedCreates(t *testing.T) {
	a := openAccount(t, nil)
	got := converge(t, a.provider, drawn())
	for _, n := range provider.Place(drawn(), got).Sorted() {
		s := providertest.NewSession(a.provider, testOwner)
		s.Got, s.Known = maps.Clone(got), true
		if _, err := s.Perform(t.Context(), plan.Step{Op: plan.Create, Want: n}); err != nil {
			t.Errorf("a second create of %s: %v", n.ID, err)
		}
		if again := s.Got[n.ID].External; again != got[n.ID].External {
			t.Errorf("a second create of %s made another: %s, then %s", n.ID, got[n.ID].External, again)
		}
	}
	if n := a.Resources(t); n != len(drawn()) {
		t.Errorf("want %d resources, got %d", len(drawn()), n)
	}
}

// TestManyTargets crosses the limit of a call.
func TestManyTargets(t *testing.T) {
	a := openAccount(t, nil)
	want := edit(apiID, func(g *provider.TargetGroup) {
		g.Targets = nil
		for i := range 450 {
			g.Targets = append(g.Targets, provider.Target{ID: fmt.Sprintf("127.97.%d.%d", i/200, 1+i%200), Port: 80})
		}
	})
	converge(t, a.provider, want)
	mutating, _ := a.calls(t, 0)
	if n := len(slices.DeleteFunc(mutating, func(c string) bool { return c != "RegisterTargets" })); n != 3+1 {
		t.Errorf("want 3 calls for 450 targets and 1 for the other group, got %d", n)
	}
	before := len(a.Calls(t))
	converge(t, a.provider, drawn())
	mutating, _ = a.calls(t, before)
	if want := []string{"RegisterTargets", "DeregisterTargets", "DeregisterTargets", "DeregisterTargets"}; !slices.Equal(mutating, want) {
		t.Errorf("want %v, got %v", want, mutating)
	}
}
