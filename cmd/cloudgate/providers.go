package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
)

// providerFlags say which clouds there are and how they are reached.
type providerFlags struct {
	fakeEndpoint  string
	fakeTokenFile string
}

func (f *providerFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.fakeEndpoint, "fake-endpoint", os.Getenv("CLOUDGATE_FAKE_ENDPOINT"), "URL of a fake cloud; enables the provider fake (env CLOUDGATE_FAKE_ENDPOINT)")
	flags.StringVar(&f.fakeTokenFile, "fake-token-file", "", "file with the bearer token for the fake cloud")
}

// configured tells whether any cloud can be reached.
func (f *providerFlags) configured() bool { return f.fakeEndpoint != "" }

// providers makes the providers that are configured.
func (f *providerFlags) providers() ([]cloud.Provider, error) {
	if f.fakeEndpoint == "" {
		return nil, errors.New("no provider is configured: set --fake-endpoint")
	}
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
	return []cloud.Provider{p}, nil
}

// unreachable makes every provider there is, for what needs no cloud: what it can express and how it compiles.
func unreachable() ([]cloud.Provider, error) {
	p, err := fake.New(fake.Config{Endpoint: "http://fake.invalid"})
	if err != nil {
		return nil, err
	}
	return []cloud.Provider{p}, nil
}
