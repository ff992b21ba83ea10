package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Rest is what lies between two looks at what changes slowly.
const Rest = 50 * time.Millisecond

// AWS is an account, asked through its SDKs, as anybody could.
type AWS struct {
	elb *elbv2.Client
	ec2 *ec2.Client
	acm *acm.Client
}

// OpenAWS opens a region of the account that answers at a URL, whoever asks.
func OpenAWS(url, region string) *AWS { return OpenAWSAs(url, region, "visitor", "visitor") }

// OpenAWSAs opens a region of an account that lets in the holders of its access keys.
func OpenAWSAs(url, region, key, secret string) *AWS {
	config := aws.Config{
		Region: region, BaseEndpoint: &url, HTTPClient: cloudClient, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	}
	return &AWS{elb: elbv2.NewFromConfig(config), ec2: ec2.NewFromConfig(config), acm: acm.NewFromConfig(config)}
}

// Resources counts what the account has of its own making, by kind: what each VPC has from the beginning is not counted.
func (a *AWS) Resources() (map[string]int, error) {
	ctx := context.Background()
	balancers, err := a.elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{})
	if err != nil {
		return nil, err
	}
	groups, err := a.groups()
	if err != nil {
		return nil, err
	}
	certificates, err := a.acm.ListCertificates(ctx, &acm.ListCertificatesInput{})
	if err != nil {
		return nil, err
	}
	security, err := a.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{})
	if err != nil {
		return nil, err
	}
	made := 0
	for _, g := range security.SecurityGroups {
		if aws.ToString(g.GroupName) != "default" {
			made++
		}
	}
	return map[string]int{
		"loadbalancers": len(balancers.LoadBalancers), "targetgroups": len(groups),
		"certificates": len(certificates.CertificateSummaryList), "securitygroups": made,
	}, nil
}

// WantEmpty waits until nothing is left in the account.
func (a *AWS) WantEmpty(t testing.TB) {
	t.Helper()
	Within(t, Patience, Rest, "the account to be empty", func() error {
		counts, err := a.Resources()
		if err != nil {
			return err
		}
		for _, n := range counts {
			if n != 0 {
				return fmt.Errorf("it has %v", counts)
			}
		}
		return nil
	})
}

// WantSomething fails when the account has no load balancer: a test of deletion begins with something.
func (a *AWS) WantSomething(t testing.TB) {
	t.Helper()
	counts, err := a.Resources()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"loadbalancers", "targetgroups", "securitygroups"} {
		if counts[kind] == 0 {
			t.Fatalf("the account has %v, no %s", counts, kind)
		}
	}
}

func (a *AWS) groups() ([]types.TargetGroup, error) {
	var all []types.TargetGroup
	for pages := elbv2.NewDescribeTargetGroupsPaginator(a.elb, &elbv2.DescribeTargetGroupsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			return nil, err
		}
		all = append(all, page.TargetGroups...)
	}
	return all, nil
}

// targets returns the states of all targets, by address and port.
func (a *AWS) targets() (map[string]types.TargetHealthStateEnum, error) {
	groups, err := a.groups()
	if err != nil {
		return nil, err
	}
	states := map[string]types.TargetHealthStateEnum{}
	for _, g := range groups {
		health, err := a.elb.DescribeTargetHealth(context.Background(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
		if missing := (*types.TargetGroupNotFoundException)(nil); errors.As(err, &missing) {
			continue // it went meanwhile
		} else if err != nil {
			return nil, err
		}
		for _, d := range health.TargetHealthDescriptions {
			at := net.JoinHostPort(aws.ToString(d.Target.Id), strconv.Itoa(int(aws.ToInt32(d.Target.Port))))
			states[at] = d.TargetHealth.State
		}
	}
	return states, nil
}

// Checked returns nil when no target is about to be checked for the first time.
func (a *AWS) Checked() error {
	states, err := a.targets()
	if err != nil {
		return err
	}
	for at, state := range states {
		if state == types.TargetHealthStateEnumInitial {
			return fmt.Errorf("%s is not checked yet", at)
		}
	}
	return nil
}

// HealthOf returns nil when the account says so of a target, in whatever group.
func (a *AWS) HealthOf(address, want string) error {
	states, err := a.targets()
	if err != nil {
		return err
	}
	if got := states[address]; !strings.EqualFold(string(got), want) {
		return fmt.Errorf("%s is %q, not %s", address, got, want)
	}
	return nil
}

// HealthInterval is how often the targets of the first group are looked at.
func (a *AWS) HealthInterval(t testing.TB) string {
	t.Helper()
	groups, err := a.groups()
	if err != nil || len(groups) == 0 {
		t.Fatalf("no target group: %v, %v", groups, err)
	}
	return fmt.Sprintf("%ds", aws.ToInt32(groups[0].HealthCheckIntervalSeconds))
}
