package awscontroller

import (
	"context"
	"fmt"
	"slices"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// story is something that users of the controller do: they apply manifests, and edit them later. That all of it goes with its namespace is
// the end of each.
type story struct {
	name  string
	apply func(*world)
	edit  func(*world)
}

var stories = []story{
	{"shop", (*world).openShop, (*world).editShop},
	{"group", (*world).openGroup, (*world).editGroup},
	{"front", (*world).openFront, (*world).editFront},
	{"service", (*world).openService, (*world).editService},
	{"nodes", (*world).openNodes, (*world).editNodes},
	{"gateway", (*world).openGateway, (*world).editGateway},
	{"streams", (*world).openStreams, (*world).editStreams},
}

// TestController tells the stories: what is applied serves, costs no call that changes anything while it stays as it is, can be edited, and
// leaves nothing behind.
func TestController(t *testing.T) {
	if cluster == "" {
		t.Skip("no cluster: run make e2e-aws-controller")
	}
	a, err := openAccount(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.install(false); err != nil {
		t.Fatal(err)
	}
	leave(t) // an earlier run may have been cut short
	a.certify(t)
	a.guard(t)
	worlds := map[string]*world{}
	for _, s := range stories {
		worlds[s.name] = settle(t, a, s.name)
	}
	each := func(t *testing.T, act func(story) func(*world)) {
		for _, s := range stories {
			t.Run(s.name, func(t *testing.T) { act(s)(worlds[s.name].on(t)) })
		}
	}
	t.Run("apply", func(t *testing.T) { each(t, func(s story) func(*world) { return s.apply }) })
	t.Run("steady", func(t *testing.T) { a.wantSteady(t) })
	t.Run("edit", func(t *testing.T) { each(t, func(s story) func(*world) { return s.edit }) })
	t.Run("steady after edits", func(t *testing.T) { a.wantSteady(t) })
	t.Run("restart with addons", func(t *testing.T) { worlds["shop"].on(t).protect() })
	t.Run("steady with addons", func(t *testing.T) { a.wantSteady(t) })
	t.Run("delete", func(t *testing.T) {
		leave(t)
		want := []string{"security group nodes with 0 permissions"} // which was there before
		within(t, "the account to be as it was", func() error {
			if got := a.belongings(t); !slices.Equal(want, got) {
				return fmt.Errorf("it has %q, want %q", got, want)
			}
			return nil
		})
	})
}

// wantSteady waits until nothing changes any more, and wants no call that changes anything while the controller looks at every load balancer
// anew, several times.
func (a *account) wantSteady(t *testing.T) {
	t.Helper()
	const looks = 3
	var since int
	var seen map[string]int
	within(t, "the controller to leave things as they are", func() error {
		entries, last := a.journal(t, since)
		if changes := traffic.Mutations(entries); len(changes) > 0 || since == 0 {
			since = last
			return fmt.Errorf("it made %v", changes)
		}
		if seen = reads(entries); seen["elasticloadbalancing:DescribeLoadBalancerAttributes"] < looks*len(stories) {
			return fmt.Errorf("it only read %v", seen)
		}
		return nil
	})
	t.Logf("no call changed anything while it read %v", seen)
}

func reads(entries []traffic.JournalEntry) map[string]int {
	counts := map[string]int{}
	for _, e := range entries {
		if !e.Mutating {
			counts[e.Op]++
		}
	}
	return counts
}

// belongings names all that the account has of its own making, by kind.
func (a *account) belongings(t *testing.T) []string {
	t.Helper()
	ctx := context.Background()
	var all []string
	balancers, err := a.elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balancers.LoadBalancers {
		all = append(all, "load balancer "+*b.LoadBalancerName)
	}
	groups, err := a.elb.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.TargetGroups {
		all = append(all, "target group "+*g.TargetGroupName)
	}
	return append(all, a.security(t)...)
}
