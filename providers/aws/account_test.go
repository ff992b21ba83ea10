package aws_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

const testRegion = "eu-west-1"

// account is an account of the fake AWS of its own, behind its API, with the provider that speaks to it.
type account struct {
	url      string
	cloud    *fakeaws.Cloud
	region   *fakeaws.Region
	api      *awsapi.API
	journal  *journal.Journal
	provider *provider.Provider
	witness  *provider.Provider // sees the same account, without faults and journal
}

// openAccount starts a fake AWS in memory, which ends with the test. The targets of the tests' load balancers are in its VPC.
func openAccount(t *testing.T, change func(*fakeaws.Config)) *account {
	t.Helper()
	cfg := fakeaws.Config{
		Clock: world.RealClock(), Dice: world.NewDice(1), Log: slog.New(slog.DiscardHandler), VPCCIDR: netip.MustParsePrefix("127.0.0.0/8"),
		Latency: world.Instant,
	}
	if change != nil {
		change(&cfg)
	}
	cloud, err := fakeaws.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{cloud: cloud, region: cloud.Region(testRegion), journal: journal.New(200_000)}
	makeBucket(t, a.region, testBucket)
	a.api, a.url = serve(t, cloud, func(c *awsapi.Config) { c.Journal = a.journal })
	_, quiet := serve(t, cloud, func(*awsapi.Config) {})
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Errorf("fake AWS: %v", err)
		}
	})
	a.provider, a.witness = providerAt(t, a.url, true), providerAt(t, quiet, true)
	return a
}

// serve starts an API of an account, which ends with the test.
func serve(t *testing.T, cloud *fakeaws.Cloud, change func(*awsapi.Config)) (api *awsapi.API, url string) {
	t.Helper()
	cfg := awsapi.Config{
		Region: func(name string) any { return cloud.Region(name) }, RegionType: reflect.TypeFor[*fakeaws.Region](), Fault: asFault,
		Clock: cloud.Clock(), Now: world.RealClock().Now, Journal: journal.New(1), Rates: map[string]throttle.Rate{}, Log: slog.New(slog.DiscardHandler),
	}
	change(&cfg)
	api = awsapi.New(cfg)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return api, server.URL
}

func providerAt(t *testing.T, url string, unmetered bool) *provider.Provider {
	t.Helper()
	p, err := provider.New(t.Context(), provider.Config{
		Region: testRegion, Endpoint: url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), Unmetered: unmetered,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func asFault(err error) (codec.Fault, bool) {
	var f *fakeaws.Fault
	if !errors.As(err, &f) {
		return codec.Fault{}, false
	}
	return codec.Fault{Code: f.Code, Message: f.Message, Status: f.Status, About: f.About, Value: f.Value}, true
}

// Provider implements providertest.Account.
func (a *account) Provider() cloud.Provider { return a.provider }

// Witness implements providertest.Witnessed.
func (a *account) Witness() cloud.Provider { return a.witness }

// Calls implements providertest.Account.
func (a *account) Calls(*testing.T) []providertest.Call {
	entries, _ := a.journal.Since(0)
	calls := make([]providertest.Call, 0, len(entries))
	for _, e := range entries {
		calls = append(calls, providertest.Call{Op: e.Op, Mutating: e.Mutating})
	}
	return calls
}

// Fault implements providertest.Account.
func (a *account) Fault(t *testing.T, nth int, effect string) {
	t.Helper()
	a.api.Faults().Clear()
	if _, err := a.api.Faults().Add(fault.Rule{Op: "*", Nth: nth, Times: 1, Effect: fault.Effect(effect)}); err != nil {
		t.Fatal(err)
	}
}

// Heal implements providertest.Account.
func (a *account) Heal(*testing.T) bool {
	rules := a.api.Faults().Rules()
	a.api.Faults().Clear()
	for _, r := range rules {
		if r.Hits > 0 {
			return true
		}
	}
	return false
}

// Resources implements providertest.Account: what the provider can make, whosoever it is.
func (a *account) Resources(t *testing.T) int {
	t.Helper()
	ctx := context.Background()
	total := 0
	balancers, err := a.region.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	check(t, err)
	for _, lb := range balancers.LoadBalancers {
		total++
		listeners, err := a.region.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: lb.LoadBalancerArn})
		check(t, err)
		for _, l := range listeners.Listeners {
			total++
			rules, err := a.region.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
			check(t, err)
			for _, r := range rules.Rules {
				if !aws.ToBool(r.IsDefault) {
					total++
				}
			}
		}
	}
	groups, err := a.region.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{})
	check(t, err)
	certificates, err := a.region.ListCertificates(ctx, &acm.ListCertificatesInput{
		Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()},
	})
	check(t, err)
	total += len(a.trustStores(t)) + len(a.files(t))
	return total + len(groups.TargetGroups) + len(certificates.CertificateSummaryList) + len(a.securityGroups(t))
}

// securityGroups are those that the account was not born with.
func (a *account) securityGroups(t *testing.T) []ec2types.SecurityGroup {
	t.Helper()
	out, err := a.region.DescribeSecurityGroups(context.Background(), &ec2.DescribeSecurityGroupsInput{})
	check(t, err)
	var groups []ec2types.SecurityGroup
	for _, g := range out.SecurityGroups {
		if aws.ToString(g.GroupName) != "default" {
			groups = append(groups, g)
		}
	}
	return groups
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

// calls returns the names of the calls after the first n, without their service.
func (a *account) calls(t *testing.T, n int) (mutating, reads []string) {
	t.Helper()
	for _, c := range a.Calls(t)[n:] {
		_, name, _ := strings.Cut(c.Op, ":")
		if c.Mutating {
			mutating = append(mutating, name)
		} else {
			reads = append(reads, name)
		}
	}
	return mutating, reads
}
