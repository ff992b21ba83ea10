package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Name is what the provider is called: in the registry, in metrics, and as the GatewayClass that names it.
const Name = "aws"

// Config is the account, the region and the network in which load balancers are made.
type Config struct {
	// Region is where load balancers are made: "eu-west-1". It has to be set.
	Region string
	// VPC is the network that load balancers are in. Empty stands for the only VPC of the region.
	VPC string
	// Endpoint answers in place of AWS for every service: "http://127.0.0.1:4566". Empty is AWS.
	Endpoint string
	// Credentials prove who asks. Nil is the default chain of the SDK: environment, files, IRSA, Pod Identity, instance.
	Credentials aws.CredentialsProvider
	// Unmetered lets calls go out as fast as they come. It is for an Endpoint that has no limits; AWS's own have to be kept.
	Unmetered bool
	// CallRate is how many times as many calls may go out as by the rates that AWS grants an account by default. It is for accounts whose
	// limits AWS raised. 0 stands for 1.
	CallRate float64
}

// Provider implements cloud.Provider, cloud.Placer, cloud.Networker, cloud.Configured, cloud.HealthReader and cloud.Adopter. It is safe for
// concurrent use. It keeps nothing of what is in the cloud but the name of its VPC.
type Provider struct {
	elb     *elb.Client
	ec2     *ec2.Client
	acm     *acm.Client
	tagging *tagging.Client
	s3      *s3.Client

	region string

	vpcMu sync.Mutex
	vpc   string // empty until it is known
}

var (
	_ cloud.Provider     = (*Provider)(nil)
	_ cloud.Placer       = (*Provider)(nil)
	_ cloud.Networker    = (*Provider)(nil)
	_ cloud.Configured   = (*Provider)(nil)
	_ cloud.HealthReader = (*Provider)(nil)
	_ cloud.Adopter      = (*Provider)(nil)
)

// New returns the provider of a region. It reads the SDK's configuration, and asks AWS nothing.
func New(ctx context.Context, c Config) (*Provider, error) {
	if c.Region == "" {
		return nil, errors.New("the AWS region has to be set, such as eu-west-1")
	}
	if c.CallRate < 0 || math.IsNaN(c.CallRate) {
		return nil, errors.New("the call rate has to be a positive number")
	}
	if err := checkEndpoint(c.Endpoint); err != nil {
		return nil, err
	}
	options := []func(*config.LoadOptions) error{
		config.WithRegion(c.Region),
		config.WithHTTPClient(httpClient()),
		config.WithAppID("cloudgate"),
		config.WithLogger(logging.Nop{}), // what matters is in the error of the call
	}
	if c.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(c.Credentials))
	}
	if c.Endpoint != "" {
		options = append(append(options, config.WithBaseEndpoint(c.Endpoint)), stsAt(c.Endpoint)...)
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	// What follows is for the provider's own calls, and not for those that fetch credentials.
	// The controller retries: it knows what else there is to do meanwhile, and a write whose answer was lost is looked for first.
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), newMeter(c.callRate()).install, renew(cfg.Credentials).install)
	cfg.Credentials = tellingCredentials{cfg.Credentials}
	cfg.HTTPClient = plainBodies{cfg.HTTPClient}
	return &Provider{
		elb:     elb.NewFromConfig(cfg),
		ec2:     ec2.NewFromConfig(cfg),
		acm:     acm.NewFromConfig(cfg),
		tagging: tagging.NewFromConfig(cfg),
		// What answers in place of AWS has no host for each bucket.
		s3:     s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = c.Endpoint != "" }),
		region: c.Region,
		vpc:    c.VPC,
	}, nil
}

// callRate returns by how much the budgets of calls are multiplied.
func (c Config) callRate() float64 {
	if c.Unmetered {
		return math.Inf(1)
	}
	return cmp.Or(c.CallRate, 1)
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the AWS endpoint has to be like http://host:port")
	}
	return nil
}

const callTimeout = 30 * time.Second

// httpClient has limits on all that an endpoint can make it wait for or hold. It is the SDK's own, which takes the certificates that
// AWS_CA_BUNDLE names and follows no redirect that would change the call.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(callTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = 5 * time.Second
			t.ResponseHeaderTimeout = callTimeout
			t.MaxIdleConnsPerHost = 32
			t.MaxConnsPerHost = 64
			t.IdleConnTimeout = 60 * time.Second
			t.MaxResponseHeaderBytes = 64 << 10
		})
}

// plainBodies lets a request's body be read and nothing else. The SDK closes it as soon as there is an answer; its WriteTo then fails, where
// Read would tell of the end. An answer that is faster than the last look at the body would cost its connection before it is read.
type plainBodies struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}

// Name implements cloud.Provider.
func (p *Provider) Name() string { return Name }

// Features implements cloud.Provider.
func (p *Provider) Features() ir.Features { return Features() }
