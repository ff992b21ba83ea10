package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/admin"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/elb"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// AWS says how the AWS account is that a fake cloud serves beside its own API.
type AWS struct {
	Listen    string                   // of the API of all services; empty or Off leaves AWS out
	AccountID string                   // twelve digits; empty is aws.DefaultAccountID
	VPCCIDR   netip.Prefix             // of the default VPC of each region; zero is aws.DefaultVPCCIDR
	Keys      map[string]string        // secrets by access key; none lets everybody in
	Rates     map[string]throttle.Rate // of awsapi.Classes; nil is awsapi.DefaultRates, empty holds nobody back
	Lag       time.Duration            // how long what was just made may stay unseen
	Quotas    map[string]int           // those that are not as in aws.DefaultQuotas

	// IdentityProviders are whose tokens STS takes, beside those that the admin API registers. Where there are Keys, no others are taken.
	IdentityProviders []aws.IdentityProvider
}

func (a AWS) on() bool { return a.Listen != "" && a.Listen != Off }

// amazon is the AWS side of a Server.
type amazon struct {
	cloud    *aws.Cloud
	plane    *elb.Plane
	journal  *journal.Journal
	api      *awsapi.API
	admin    *admin.Admin
	listener net.Listener
	http     *http.Server
}

// openAWS opens the account and takes its port. Load balancers get their addresses from the pool of the others.
func (s *Server) openAWS(dice *world.Dice) error {
	cfg := s.cfg
	a := &amazon{journal: journal.New(cfg.JournalSize)}
	s.aws = a
	var err error
	a.cloud, err = aws.New(aws.Config{
		Path: awsPath(cfg.StatePath), NoSync: cfg.NoSync, Clock: cfg.Clock, Dice: dice, Log: cfg.Log, AccountID: cfg.AWS.AccountID,
		VPCCIDR: cfg.AWS.VPCCIDR, Addresses: s.world, Latency: cfg.Latency, Lag: cfg.AWS.Lag, Quotas: cfg.AWS.Quotas,
		Reported: true, IdentityProviders: cfg.AWS.IdentityProviders, OnlyKnownIdentities: len(cfg.AWS.Keys) > 0, Now: world.RealClock().Now,
	})
	if err != nil {
		return fmt.Errorf("AWS: %w", err)
	}
	a.listener, err = net.Listen("tcp", cfg.AWS.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("AWS address %s is in use by another program: stop it, or choose another with --aws-listen", cfg.AWS.Listen)
	case err != nil:
		return fmt.Errorf("AWS address %s cannot be used: %w", cfg.AWS.Listen, err)
	}
	cfg.Log.Info("fake AWS", "endpoint", "http://"+a.listener.Addr().String(), "account", a.cloud.AccountID())
	return nil
}

// awsPath is the file of the account, beside that of the world.
func awsPath(path string) string {
	if path == "" {
		return ""
	}
	end := filepath.Ext(path)
	return strings.TrimSuffix(path, end) + "-aws" + end
}

// serveAWS makes the API, and adds its admin API to that of the fake cloud.
func (s *Server) serveAWS(mux *http.ServeMux, m *metrics) {
	rates := s.cfg.AWS.Rates
	if rates == nil {
		rates = awsapi.DefaultRates()
	}
	s.aws.api = awsapi.New(awsapi.Config{
		Region:     func(name string) any { return s.aws.cloud.Region(name) },
		RegionType: reflect.TypeFor[*aws.Region](), Fault: awsFault,
		Clock: s.cfg.Clock, Now: world.RealClock().Now, Chance: s.world.Dice().Float, Journal: s.aws.journal,
		Keys: s.cfg.AWS.Keys, Session: s.aws.session, WithCaller: aws.WithCaller, Rates: rates, Crash: s.cfg.Crash, Served: m.served, Log: s.cfg.Log,
	})
	s.aws.http = s.newHTTP(s.aws.api)
	s.aws.admin = admin.New(admin.Config{
		Cloud: s.aws.cloud, API: s.aws.api, Journal: s.aws.journal, Latency: s.cfg.Latency, Lag: s.cfg.AWS.Lag,
		Crashes: s.cfg.Crash != nil, Token: s.cfg.AdminToken, Log: s.cfg.Log,
	})
	mux.Handle(admin.Prefix, s.aws.admin)
}

// resetAWS empties the account, if there is one.
func (s *Server) resetAWS() error {
	if s.aws == nil {
		return nil
	}
	return s.aws.admin.Reset()
}

// session returns a key that the account gave out for a time.
func (a *amazon) session(accessKey string) (awsapi.Session, bool) {
	s, ok := a.cloud.Session(accessKey)
	return awsapi.Session{Secret: s.Secret, Token: s.Token, Expires: s.Expires}, ok
}

// awsFault is how the account words its errors.
func awsFault(err error) (codec.Fault, bool) {
	var f *aws.Fault
	if !errors.As(err, &f) {
		return codec.Fault{}, false
	}
	return codec.Fault{Code: f.Code, Message: f.Message, Status: cmp.Or(f.Status, http.StatusBadRequest), About: f.About, Value: f.Value}, true
}

// run serves until ctx is done.
func (a *amazon) run(ctx context.Context, g *errgroup.Group, grace time.Duration) {
	serve(ctx, g, "AWS API", a.http, netutil.LimitListener(a.listener, maxConnections), grace)
}

func (a *amazon) close() []error {
	var errs []error
	if a.listener != nil {
		errs = append(errs, a.listener.Close())
	}
	if a.cloud != nil {
		errs = append(errs, a.cloud.Close())
	}
	return errs
}

// AWSURL returns the address of the API of AWS, for clients' AWS_ENDPOINT_URL: "http://127.0.0.1:4566". It is empty without AWS.
func (s *Server) AWSURL() string {
	if s.aws == nil {
		return ""
	}
	return "http://" + s.aws.listener.Addr().String()
}

// AWS returns the account, for who embeds the server and wants to look. It is nil without AWS.
func (s *Server) AWS() *aws.Cloud {
	if s.aws == nil {
		return nil
	}
	return s.aws.cloud
}

// AWSJournal returns the calls that the account was sent. It is nil without AWS.
func (s *Server) AWSJournal() *journal.Journal {
	if s.aws == nil {
		return nil
	}
	return s.aws.journal
}
