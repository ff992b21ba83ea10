package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/disk"
)

// everything returns all rows of a region, as they are written.
func everything(t *testing.T, r *Region) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := r.read(func() error {
		for _, table := range r.list() {
			table.each(func(got row) {
				raw, err := json.Marshal(got)
				if err != nil {
					t.Error(err)
				}
				all[table.name()+" "+got.meta().Key] = string(raw)
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fill makes some of everything that Elastic Load Balancing has.
func (a *account) fill() (lb, group string) {
	a.t.Helper()
	lb, group = a.alb("web"), a.group("pods", types.ProtocolEnumHttp)
	l := a.listener(lb, 80, types.ProtocolEnumHttp, group)
	a.rule(l, 10, "/a", group)
	a.rule(l, 20, "/b", "")
	a.listener(a.nlb("net"), 5432, types.ProtocolEnumTcp, a.group("db", types.ProtocolEnumTcp))
	do(a, a.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String("172.31.5.5")}}})
	do(a, a.AddTags, &elb.AddTagsInput{ResourceArns: []string{lb, group}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	return lb, group
}

func TestARestartKeepsAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "aws.db")
	config := func(c *Config) { c.Path, c.NoSync, c.Latency = file, true, world.Realistic }
	a := accountFor(t, config)
	lb, _ := a.fill()
	want, wantView := everything(t, a.Region), a.View()
	if err := a.Cloud().Close(); err != nil {
		t.Fatal(err)
	}
	b := accountFor(t, config)
	if diff := cmp.Diff(want, everything(t, b.Region)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantView.LoadBalancers[0].Addresses, b.View().LoadBalancers[0].Addresses, cmp.Comparer(func(a, b fmt.Stringer) bool { return a.String() == b.String() })); diff != "" {
		t.Error(diff)
	}
	// What was under way goes on.
	b.Cloud().Clock().Advance(10 * time.Minute)
	eventually(t, func() bool {
		return do(b, b.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}}).LoadBalancers[0].State.Code == types.LoadBalancerStateEnumActive
	})
	if other := b.alb("another"); b.View().LoadBalancers[2].Addresses[0] == wantView.LoadBalancers[0].Addresses[0] {
		t.Errorf("%s got an address that is taken", other)
	}
}

func TestADamagedFileIsMovedAside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "aws.db")
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cloudFor(t, func(c *Config) { c.Path = file })
	if c.MovedAside() == "" {
		t.Error("the file was taken for sound")
	}
}

func TestWhatIsNotOnDiskHasNotHappened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "aws.db")
	a := accountFor(t, func(c *Config) { c.Path, c.NoSync = file, true })
	a.fill()
	want := everything(t, a.Region)
	full := errors.New("no space left")
	commit := a.cloud.store.commit
	a.cloud.mu.Lock()
	a.cloud.store.commit = func(disk.Batch) error { return full }
	a.cloud.mu.Unlock()
	_, err := a.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{Name: aws.String("lost"), Subnets: a.subnetIDs()})
	if !isFault(err, "ServiceUnavailable") {
		t.Fatalf("want a refusal, got %v", err)
	}
	if diff := cmp.Diff(want, everything(t, a.Region)); diff != "" {
		t.Errorf("something of the lost change is there: %s", diff)
	}
	if a.cloud.Health() == nil {
		t.Error("want the refusal in the health")
	}
	a.cloud.mu.Lock()
	a.cloud.store.commit = commit
	a.cloud.mu.Unlock()
	a.cloud.Clock().Advance(2 * refusalTime)
	a.alb("kept")
	if err := a.cloud.Health(); err != nil {
		t.Error(err)
	}
}

func TestChangesOfManyShareWrites(t *testing.T) {
	a := accountFor(t, func(c *Config) {
		c.Path, c.NoSync = filepath.Join(t.TempDir(), "aws.db"), true
		c.Quotas = map[string]int{"target-groups": 1000}
	})
	const calls = 200
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { a.group(fmt.Sprint("g", i), types.ProtocolEnumHttp) })
	}
	all.Go(func() {
		for range calls {
			a.View()
			do(a, a.DescribeTargetGroups, &elb.DescribeTargetGroupsInput{})
		}
	})
	all.Wait()
	if got := len(do(a, a.DescribeTargetGroups, &elb.DescribeTargetGroupsInput{}).TargetGroups); got != calls {
		t.Errorf("want %d target groups, got %d", calls, got)
	}
}

func TestResetMakesARegionNew(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Path, c.NoSync = filepath.Join(t.TempDir(), "aws.db"), true })
	a.fill()
	if err := a.cloud.Reset(); err != nil {
		t.Fatal(err)
	}
	if v := a.View(); len(v.LoadBalancers)+len(v.TargetGroups) != 0 || len(a.subnetIDs()) != 3 {
		t.Errorf("want a new region, got %d load balancers, %d target groups, %d subnets", len(v.LoadBalancers), len(v.TargetGroups), len(a.subnetIDs()))
	}
	a.alb("web")
}

func TestTheStateOfAnotherAccountIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "aws.db")
	a := accountFor(t, func(c *Config) { c.Path = file })
	if err := a.cloud.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := a.cloud.cfg
	cfg.AccountID = "210987654321"
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), DefaultAccountID) {
		t.Errorf("want a refusal that names the account, got %v", err)
	}
	for _, wrong := range []func(*Config){
		func(c *Config) { c.AccountID = "1" },
		func(c *Config) { c.VPCCIDR = netip.MustParsePrefix("10.0.0.0/25") },
		func(c *Config) { c.VPCCIDR = netip.MustParsePrefix("2001:db8::/32") },
	} {
		cfg := a.cloud.cfg
		wrong(&cfg)
		if _, err := New(cfg); err == nil {
			t.Error("a wrong configuration was taken")
		}
	}
}
