package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/consts"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/files"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

const (
	// cluster is the identity in the marks. Every `cloudgate dev` has a cloud of its own, so one name does.
	cluster = "dev"
	// orphanGrace is short: nobody else's resources are in this cloud.
	orphanGrace = 5 * time.Second
	// grace is how long requests may go on at the end: whoever ends it is waiting at a terminal.
	grace = time.Second
	// tryAgain is when an object is applied again that could not be because its predecessor was still going.
	tryAgain = 50 * time.Millisecond
	// lookAtCloud is how often is looked whether the cloud can keep its state.
	lookAtCloud = 500 * time.Millisecond
	// restBetweenStates bounds how often a State is read while much changes.
	restBetweenStates = 25 * time.Millisecond
)

// Config says what to run. Paths is required.
type Config struct {
	Paths     []string // folders and files
	StateDir  string   // where the fake cloud keeps its state; empty keeps it in memory
	Listen    string   // of the fake cloud's API; empty is a free port on 127.0.0.1
	AWSListen string   // of the fake AWS; empty is a free port on 127.0.0.1, server.Off leaves it out
	// Pool is where load balancers get their addresses. Without it a range is taken that no other `cloudgate dev` of this machine has;
	// with StateDir the fake cloud's default, because addresses are to stay.
	Pool       netip.Prefix
	PortOffset int
	// Endpoint is the API of a fake cloud that runs already, in place of the embedded one. There is no AWS then.
	Endpoint string
	Log      *slog.Logger // nil logs nothing
	// Show is called with each State that differs from the one before, from one goroutine. An error ends Run.
	Show Display
	// Refresh is how often Show is called in any case; zero is never.
	Refresh time.Duration
}

// Dev is a Cloudgate and its cloud.
type Dev struct {
	cfg       Config
	log       logr.Logger
	claim     net.Listener   // on the pool; nil where none had to be claimed
	cloud     *server.Server // nil where Config.Endpoint is set
	url       string
	store     *memory.Store
	source    *source
	watcher   *watcher
	manager   manager.Manager
	providers inspect.Providers

	changed chan struct{}
	mu      sync.Mutex
	files   []files.Problem
}

// New takes what Run needs: it reads the files, and binds the address of the fake cloud's API. The error is one line for the user.
// A Dev that is not Run has to be closed.
func New(cfg Config) (*Dev, error) {
	for _, path := range cfg.Paths {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dev{
		cfg: cfg, log: logr.FromSlogHandler(cfg.Log.Handler()), changed: make(chan struct{}, 1), url: cfg.Endpoint,
	}
	scheme := reconciler.Scheme()
	d.store = memory.NewWithOptions(scheme, memory.Options{UID: stableUID})
	classes := []*gwv1.GatewayClass{defaultClass(fake.Name)}
	if cfg.hasAWS() {
		classes = append(classes, defaultClass(aws.Name))
	}
	d.source = newSource(newFolder(scheme, cleaned(cfg.Paths)...), storeTarget{d.store}, classes...)
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dev) open() error {
	var err error
	// The watch comes before the first look, so that nothing is missed between them.
	if d.watcher, err = newWatcher(cleaned(d.cfg.Paths)); err != nil {
		return err
	}
	if d.files, err = d.source.sync(nil); err != nil {
		return err
	}
	if d.url == "" {
		if err := d.openCloud(); err != nil {
			return err
		}
	}
	providers, err := d.openProviders()
	if err != nil {
		return err
	}
	shutdown := time.Second
	d.manager, err = d.store.Manager(manager.Options{
		Logger:                  d.log,
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		GracefulShutdownTimeout: &shutdown,
	})
	if err != nil {
		return err
	}
	_, err = reconciler.Setup(d.manager, reconciler.Config{
		Providers: providers, Cluster: cluster, BundleVersion: consts.BundleVersion, OrphanGrace: orphanGrace,
	})
	return err
}

func (d *Dev) openCloud() error {
	pool := d.cfg.Pool
	if !pool.IsValid() && d.cfg.StateDir == "" {
		pool, d.claim = claimPool(context.Background())
	}
	config := server.Config{
		Listen: d.cfg.Listen, DNSListen: server.Off, AddressPool: pool, PortOffset: d.cfg.PortOffset, Grace: grace, Log: d.cfg.Log,
	}
	if d.cfg.hasAWS() {
		config.AWS = awsAccount(d.cfg.AWSListen)
	}
	if d.cfg.StateDir != "" {
		if err := os.MkdirAll(d.cfg.StateDir, 0o700); err != nil {
			return fmt.Errorf("state folder: %w: mend that, or choose another with --state-dir", err)
		}
		config.StatePath = filepath.Join(d.cfg.StateDir, "fakecloud.db")
	}
	var err error
	if d.cloud, err = server.New(config); err == nil {
		d.url = d.cloud.URL()
	}
	return err
}

// Cloud returns the URL of the fake cloud's API.
func (d *Dev) Cloud() string { return d.url }

// Close gives back what New took.
func (d *Dev) Close() error {
	var errs []error
	if d.watcher != nil {
		errs = append(errs, d.watcher.close())
	}
	if d.cloud != nil {
		errs = append(errs, d.cloud.Close())
	}
	if d.claim != nil {
		errs = append(errs, d.claim.Close())
		d.claim = nil
	}
	return errors.Join(errs...)
}

// Run works until ctx is done, and closes d.
func (d *Dev) Run(ctx context.Context) error {
	// The cloud outlives the controller, so that the last calls are answered.
	cloudCtx, stopCloud := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCloud()
	cloudDone := make(chan error, 1)
	if d.cloud != nil {
		go func() { cloudDone <- d.cloud.Run(cloudCtx) }()
	} else {
		cloudDone <- nil
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.manager.Start(ctx) })
	g.Go(func() error { return d.followFiles(ctx) })
	g.Go(func() error { return d.followStates(ctx) })
	if d.cloud != nil {
		g.Go(func() error { return d.followCloud(ctx) })
		g.Go(func() error { // a cloud that fails by itself ends everything
			select {
			case err := <-cloudDone:
				cloudDone <- nil
				return err
			case <-ctx.Done():
				return nil
			}
		})
	}
	err := g.Wait()
	stopCloud()
	return errors.Join(err, <-cloudDone, d.Close())
}

// followFiles brings every change of the files into the store.
func (d *Dev) followFiles(ctx context.Context) error {
	for {
		var again <-chan time.Time
		if d.source.waiting {
			again = time.After(tryAgain)
		}
		touched, err := d.watcher.next(ctx, again)
		if err != nil || ctx.Err() != nil {
			return err
		}
		problems, err := d.source.sync(touched)
		if err != nil {
			// Somebody may be moving the folder: it is not the end, and the next change is looked at again.
			problems = []files.Problem{{Text: err.Error()}}
		}
		d.mu.Lock()
		d.files = problems
		d.mu.Unlock()
		d.wake()
	}
}

// wake has the State read again.
func (d *Dev) wake() {
	select {
	case d.changed <- struct{}{}:
	default: // it will be
	}
}

// watched are the kinds that a State is made of.
func watched() []client.Object {
	return []client.Object{
		&gwv1.GatewayClass{}, &gwv1.Gateway{}, &gwv1.ListenerSet{},
		&gwv1.HTTPRoute{}, &gwv1.GRPCRoute{}, &gwv1.TLSRoute{}, &gwv1.TCPRoute{}, &gwv1.UDPRoute{},
	}
}
