package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
)

// providerFlags say which clouds there are and how they are reached.
type providerFlags struct {
	fakeEndpoint  string
	fakeTokenFile string

	aws         bool
	awsRegion   string
	awsVPC      string
	awsEndpoint string
	awsCallRate float64
}

func (f *providerFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.fakeEndpoint, "fake-endpoint", os.Getenv("CLOUDGATE_FAKE_ENDPOINT"), "URL of a fake cloud; enables the provider fake (env CLOUDGATE_FAKE_ENDPOINT)")
	flags.StringVar(&f.fakeTokenFile, "fake-token-file", "", "file with the bearer token for the fake cloud")
	flags.BoolVar(&f.aws, "aws", false, "enable the provider aws, in the region that AWS_REGION names where --aws-region does not")
	flags.StringVar(&f.awsRegion, "aws-region", "", "region of AWS in which load balancers are made; enables the provider aws")
	flags.StringVar(&f.awsVPC, "aws-vpc-id", "", "VPC in which load balancers are made (default: the only one of the region)")
	flags.StringVar(&f.awsEndpoint, "aws-endpoint", os.Getenv("CLOUDGATE_AWS_ENDPOINT"), "URL that answers in place of AWS, such as that of a fake cloud (env CLOUDGATE_AWS_ENDPOINT)")
	flags.Float64Var(&f.awsCallRate, "aws-call-rate", 1, "how many times as many calls of AWS may be made as by the limits that an account has by default, where AWS raised them")
}

// configured tells whether any cloud can be reached.
func (f *providerFlags) configured() bool { return f.fakeEndpoint != "" || f.usesAWS() }

// usesAWS tells whether the provider aws is asked for. The environment alone does not: a pod may have AWS_REGION for any reason.
func (f *providerFlags) usesAWS() bool { return f.aws || f.awsRegion != "" }

// region returns the region of AWS.
func (f *providerFlags) region() string {
	return cmp.Or(f.awsRegion, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
}

// providers makes the providers that are configured.
func (f *providerFlags) providers(ctx context.Context) ([]cloud.Provider, error) {
	var out []cloud.Provider
	if f.fakeEndpoint != "" {
		p, err := f.fakeProvider()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	switch {
	case f.usesAWS():
		p, err := f.awsProvider(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	case f.awsVPC != "":
		return nil, errors.New("--aws-vpc-id is for the provider aws: enable it with --aws-region")
	}
	if len(out) == 0 {
		return nil, errors.New("no provider is configured: set --aws-region for AWS, or --fake-endpoint for a fake cloud")
	}
	return out, nil
}

func (f *providerFlags) fakeProvider() (cloud.Provider, error) {
	token := ""
	if f.fakeTokenFile != "" {
		data, err := os.ReadFile(f.fakeTokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the token for the fake cloud: %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	p, err := fake.New(fake.Config{Endpoint: f.fakeEndpoint, Token: token})
	if err != nil {
		return nil, fmt.Errorf("--fake-endpoint: %w", err)
	}
	return p, nil
}

func (f *providerFlags) awsProvider(ctx context.Context) (cloud.Provider, error) {
	region := f.region()
	if region == "" {
		return nil, errors.New("the region of AWS is not known: set --aws-region or AWS_REGION")
	}
	if f.awsCallRate <= 0 {
		return nil, errors.New("--aws-call-rate has to be more than 0")
	}
	p, err := aws.New(ctx, aws.Config{Region: region, VPC: f.awsVPC, Endpoint: f.awsEndpoint, CallRate: f.awsCallRate})
	if err != nil {
		return nil, fmt.Errorf("provider aws: %w", err)
	}
	return p, nil
}

// unreachable makes every provider there is, for what needs no cloud: what it can express and how it compiles.
func unreachable(context.Context) ([]cloud.Provider, error) {
	p, err := fake.New(fake.Config{Endpoint: "http://fake.invalid"})
	if err != nil {
		return nil, err
	}
	amazon := new(aws.Provider)
	return []cloud.Provider{pure{p}, purePlacer{pure{amazon}, amazon}}, nil
}

// pure is a provider that nothing is asked of but what it can express and how it compiles.
type pure struct{ cloud.Provider }

// purePlacer is pure for a provider that places values.
type purePlacer struct {
	pure
	cloud.Placer
}
