package dev

import (
	"cmp"
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/credentials"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// AWSRegion is where load balancers of the class aws are made.
const AWSRegion = "us-east-1"

// awsNetwork is the range of the VPC: that of the backends, which are on this machine.
var awsNetwork = netip.MustParsePrefix("127.0.0.0/8")

func (c Config) hasAWS() bool { return c.Endpoint == "" && c.AWSListen != server.Off }

// awsAccount is the fake AWS. Nobody is held back, as whoever waits sits at a terminal.
func awsAccount(listen string) server.AWS {
	return server.AWS{Listen: cmp.Or(listen, "127.0.0.1:0"), VPCCIDR: awsNetwork, Rates: map[string]throttle.Rate{}}
}

// openProviders makes the providers of the clouds that are there.
func (d *Dev) openProviders() ([]cloud.Provider, error) {
	native, err := fake.New(fake.Config{Endpoint: d.url})
	if err != nil {
		return nil, err
	}
	out := []cloud.Provider{native}
	if url := d.AWS(); url != "" {
		amazon, err := aws.New(context.Background(), aws.Config{
			Region: AWSRegion, Endpoint: url, Unmetered: true,
			Credentials: credentials.NewStaticCredentialsProvider("cloudgate-dev", "cloudgate-dev", ""), // the fake AWS lets everybody in
		})
		if err != nil {
			return nil, err
		}
		out = append(out, amazon)
	}
	d.providers = make(inspect.Providers, len(out))
	for _, p := range out {
		d.providers[p.Name()] = p
	}
	return out, nil
}

// AWS returns the URL of the fake AWS, "" where there is none.
func (d *Dev) AWS() string {
	if d.cloud == nil {
		return ""
	}
	return d.cloud.AWSURL()
}

// awsWords say where the fake AWS answers.
func (d *Dev) awsWords() string {
	if url := d.AWS(); url != "" {
		return "   Fake AWS: " + url
	}
	return ""
}

// serves tells whether a controller is one of ours.
func (d *Dev) serves(controller gwv1.GatewayController) bool {
	for name := range d.providers {
		if controller == gwv1.GatewayController(reconciler.Domain+name) {
			return true
		}
	}
	return false
}
