package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// awsFlags are what the user says of the AWS account.
type awsFlags struct {
	listen, account, vpcCIDR, keyFile string
	identityFile                      string
	throttle                          bool
	rates                             []string
	lag                               time.Duration
}

func (f *awsFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.listen, "aws-listen", "127.0.0.1:4566", `address of the API of AWS, for clients' AWS_ENDPOINT_URL, or "off"`)
	fs.StringVar(&f.account, "aws-account", aws.DefaultAccountID, "id of the AWS account")
	fs.StringVar(&f.vpcCIDR, "aws-vpc-cidr", aws.DefaultVPCCIDR, "IPv4 prefix of the default VPC of each region: targets by address have to be in it, or be said to be in any zone")
	fs.StringVar(&f.keyFile, "aws-key-file", "", "file of access keys and their secrets, ACCESSKEY SECRET on each line; their signatures are verified; without it everybody is let in")
	fs.StringVar(&f.identityFile, "aws-identity-file", "", "file of the issuers whose tokens of web identities STS takes, a JSON list as the admin API has them; with --aws-key-file no others are taken")
	fs.BoolVar(&f.throttle, "aws-throttle", true, "hold calls to AWS's rates")
	fs.StringSliceVar(&f.rates, "aws-rate", nil, "calls a second and burst for a class of AWS's calls, instead of AWS's own, as in ec2:read=20:100; classes: "+strings.Join(awsapi.Classes, ", "))
	fs.DurationVar(&f.lag, "aws-lag", 0, "how long what was just made in AWS may stay unseen by other calls")
}

// config checks the flags. The error names the flag.
func (f *awsFlags) config() (server.AWS, error) {
	cfg := server.AWS{Listen: f.listen, AccountID: f.account, Lag: f.lag}
	var err error
	if cfg.VPCCIDR, err = netip.ParsePrefix(f.vpcCIDR); err != nil {
		return cfg, fmt.Errorf("--aws-vpc-cidr: %q is not a prefix such as %s", f.vpcCIDR, aws.DefaultVPCCIDR)
	}
	if cfg.Keys, err = readKeys(f.keyFile); err != nil {
		return cfg, fmt.Errorf("--aws-key-file: %w", err)
	}
	if cfg.IdentityProviders, err = readIdentityProviders(f.identityFile); err != nil {
		return cfg, fmt.Errorf("--aws-identity-file: %w", err)
	}
	if f.lag < 0 || f.lag > time.Hour {
		return cfg, fmt.Errorf("--aws-lag: %s is not a duration of up to an hour", f.lag)
	}
	cfg.Rates = map[string]throttle.Rate{}
	if f.throttle {
		cfg.Rates = awsapi.DefaultRates()
	}
	own, err := parseThrottle(f.rates)
	if err != nil {
		return cfg, fmt.Errorf("--aws-rate: %w", err)
	}
	for class, rate := range own {
		cfg.Rates[class] = rate
	}
	return cfg, nil
}

// readKeys reads a file of an access key and its secret a line; empty lines and those that begin with # are left out. The errors do not
// say what is in the file.
func readKeys(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	keys := map[string]string{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d of %s is not an access key and its secret", n, path)
		}
		keys[fields[0]] = fields[1]
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	return keys, nil
}

// readIdentityProviders reads a file of a JSON list. Whether each is as it has to be, the account says.
func readIdentityProviders(path string) ([]aws.IdentityProvider, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var all []aws.IdentityProvider
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s is not a list of identity providers: %w", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there is more after the list", path)
	}
	return all, nil
}
