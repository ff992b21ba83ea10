package awsapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// refusal is an error of the stand-in account.
type refusal struct{ code string }

func (r *refusal) Error() string { return r.code }

// region stands in for a region of the account: it has a few actions, which keep what they were given.
type region struct {
	name string
	mu   sync.Mutex
	got  []any
}

func (r *region) keep(in any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, in)
}

func (r *region) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func (r *region) last() any {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		return nil
	}
	return r.got[len(r.got)-1]
}

func (r *region) CreateLoadBalancer(_ context.Context, in *elbv2.CreateLoadBalancerInput) (*elbv2.CreateLoadBalancerOutput, error) {
	r.keep(in)
	switch aws.ToString(in.Name) {
	case "panic":
		panic("as asked")
	case "error":
		return nil, errors.New("not in the words of the API")
	case "nothing":
		return nil, nil
	case "twice":
		return nil, &refusal{"DuplicateLoadBalancerName"}
	}
	return &elbv2.CreateLoadBalancerOutput{LoadBalancers: []elbtypes.LoadBalancer{{LoadBalancerName: in.Name, VpcId: aws.String(r.name)}}}, nil
}

func (r *region) RegisterTargets(_ context.Context, in *elbv2.RegisterTargetsInput) (*elbv2.RegisterTargetsOutput, error) {
	r.keep(in)
	return &elbv2.RegisterTargetsOutput{}, nil
}

func (r *region) DescribeTags(_ context.Context, in *elbv2.DescribeTagsInput) (*elbv2.DescribeTagsOutput, error) {
	r.keep(in)
	return &elbv2.DescribeTagsOutput{}, nil
}

// EC2DescribeTags is called DescribeTags on the wire.
func (r *region) EC2DescribeTags(_ context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	r.keep(in)
	return &ec2.DescribeTagsOutput{Tags: []ec2types.TagDescription{{Key: aws.String("a"), ResourceId: aws.String(r.name)}}}, nil
}

func (r *region) CreateSecurityGroup(_ context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	r.keep(in)
	return &ec2.CreateSecurityGroupOutput{GroupId: aws.String("sg-1"), Tags: in.TagSpecifications[0].Tags}, nil
}

func (r *region) DescribeCertificate(_ context.Context, in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	r.keep(in)
	return &acm.DescribeCertificateOutput{Certificate: &acmtypes.CertificateDetail{CertificateArn: in.CertificateArn, NotAfter: aws.Time(epoch)}}, nil
}

func (r *region) AssumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	r.keep(in)
	return &sts.AssumeRoleWithWebIdentityOutput{Provider: aws.String(r.name)}, nil
}

// View is no action, and not served.
func (r *region) View() string { return r.name }

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// fake is an API over stand-in regions, with a clock that is the test's, and clients of it.
type fake struct {
	t       *testing.T
	api     *API
	url     string
	clock   world.Clock
	journal *journal.Journal
	mu      sync.Mutex
	regions map[string]*region
}

func start(t *testing.T, change func(*Config)) *fake {
	t.Helper()
	f := &fake{t: t, clock: world.ManualClock(epoch), journal: journal.New(100), regions: map[string]*region{}}
	cfg := Config{
		Region: func(name string) any { return f.region(name) }, RegionType: reflect.TypeFor[*region](),
		Fault: func(err error) (codec.Fault, bool) {
			var r *refusal
			if !errors.As(err, &r) {
				return codec.Fault{}, false
			}
			return codec.Fault{Code: r.code, Message: "as asked", Status: 400}, true
		},
		Clock: f.clock, Now: world.RealClock().Now, Journal: f.journal, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	f.api = New(cfg)
	s := httptest.NewServer(f.api)
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

func (f *fake) region(name string) *region {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.regions[name] == nil {
		f.regions[name] = &region{name: name}
	}
	return f.regions[name]
}

// config is that of the SDK's clients: one try, with a key.
func (f *fake) config(key, secret, token string) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(f.url), Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

func (f *fake) elb() *elbv2.Client { return elbv2.NewFromConfig(f.config("AKID", "secret", "")) }
func (f *fake) ec2() *ec2.Client   { return ec2.NewFromConfig(f.config("AKID", "secret", "")) }
func (f *fake) acm() *acm.Client   { return acm.NewFromConfig(f.config("AKID", "secret", "")) }
