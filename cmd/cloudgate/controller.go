package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// controllerFlags are the flags of `cloudgate controller`.
type controllerFlags struct {
	cluster clusterFlags
	log     logFlags

	clusterID string
	clouds    providerFlags

	metricsAddress string
	healthAddress  string

	leaderElect bool
	lease       leaseFlags

	auditInterval time.Duration
	orphanGrace   time.Duration
	workers       int
	reads, writes float64
	kindsInterval time.Duration
	gates         bool
	services      bool
}

// newControllerCommand returns `cloudgate controller`: the controller in a cluster.
func newControllerCommand() *cobra.Command {
	var f controllerFlags
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Run the controller against a Kubernetes cluster",
		Long: `Run the controller against a Kubernetes cluster.

It serves the Gateways whose GatewayClass has the controllerName cloudgate.dev/<provider>, with the providers that
are configured by flags. Several replicas can run; the elected leader works.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runController(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	f.cluster.register(flags)
	f.log.register(flags)
	flags.StringVar(&f.clusterID, "cluster-id", "", "identity of this cluster in the marks on cloud resources (default: the UID of the kube-system namespace)")
	f.clouds.register(flags)
	flags.StringVar(&f.metricsAddress, "metrics-address", ":8080", `address of the metrics endpoint /metrics, "0" for none`)
	flags.StringVar(&f.healthAddress, "health-address", ":8081", `address of /healthz and /readyz, "0" for none`)
	flags.BoolVar(&f.leaderElect, "leader-elect", true, "work only while elected, so that several replicas can run")
	f.lease.register(flags)
	flags.DurationVar(&f.auditInterval, "audit-interval", 10*time.Minute, "how often each cloud is read in bulk and what others changed is repaired")
	flags.DurationVar(&f.orphanGrace, "orphan-grace", 5*time.Minute, "how long cloud resources may have no Gateway before they are deleted")
	flags.IntVar(&f.workers, "workers", 8, "how many Gateways are worked on at the same time")
	flags.Float64Var(&f.reads, "cloud-reads-per-second", 100, "limit of read calls to each cloud; lower while a cloud throttles")
	flags.Float64Var(&f.writes, "cloud-writes-per-second", 2000, "limit of write calls to each cloud; lower while a cloud throttles")
	flags.BoolVar(&f.gates, "pod-readiness-gates", true, "open the readiness gate cloudgate.dev/load-balancer-ready of pods when load balancers find them healthy")
	flags.BoolVar(&f.services, "gateway-services", false, "make a Service for each Gateway, so that its load balancer has a name in the DNS of the cluster")
	flags.DurationVar(&f.kindsInterval, "kinds-interval", time.Minute, "how often to look whether kinds of the Gateway API that were missing have been installed")
	return cmd
}

// runController runs until ctx ends. It begins anew, in the same process, when the cluster gets kinds that it did not have.
func runController(ctx context.Context, f *controllerFlags) error {
	if err := f.log.install(); err != nil {
		return err
	}
	providers, err := f.clouds.providers(ctx)
	if err != nil {
		return err
	}
	config, err := f.cluster.config()
	if err != nil {
		return err
	}
	for {
		err := f.runManager(ctx, config, providers)
		if !errors.Is(err, errKindsChanged) {
			return err
		}
		ctrl.Log.Info("the cluster serves other kinds of the Gateway API than before: beginning anew")
	}
}

// runManager runs one Manager until ctx ends or the kinds of the cluster change.
func (f *controllerFlags) runManager(ctx context.Context, config *rest.Config, providers []cloud.Provider) error {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	scheme, err := reconciler.SchemeFor(mapper)
	if err != nil {
		return explainUnreachable(err)
	}
	facts, err := readFacts(ctx, config, client.Options{HTTPClient: httpClient, Scheme: scheme, Mapper: mapper}, f.clusterID)
	if err != nil {
		return err
	}
	options := manager.Options{
		Scheme:                 scheme,
		Logger:                 ctrl.Log,
		Metrics:                metricsserver.Options{BindAddress: f.metricsAddress},
		HealthProbeBindAddress: f.healthAddress,
	}
	if f.leaderElect {
		if err := f.lease.set(&options); err != nil {
			return err
		}
	}
	mgr, err := manager.New(config, options)
	if err != nil {
		return f.explain(err)
	}
	if err := addHealth(mgr); err != nil {
		return err
	}
	if _, err := reconciler.Setup(mgr, reconciler.Config{
		Providers: providers, Cluster: facts.cluster, BundleVersion: facts.bundle, StandardChannel: facts.channel == "standard",
		AuditInterval: f.auditInterval, OrphanGrace: f.orphanGrace, Workers: f.workers, PodReadinessGates: f.gates, GatewayServices: f.services,
		Reads:  reconciler.Rate{PerSecond: f.reads, Burst: max(int(f.reads), 1)},
		Writes: reconciler.Rate{PerSecond: f.writes, Burst: max(int(f.writes), 1)},
	}); err != nil {
		return err
	}
	if err := mgr.Add(&kindsWatch{config: config, every: f.kindsInterval, missing: facts.missing}); err != nil {
		return err
	}
	ctrl.Log.Info("starting", "cluster", facts.cluster, "gatewayAPI", facts.bundle)
	return f.explain(mgr.Start(ctx))
}

// explain says which flag to change where an address cannot be listened on.
func (f *controllerFlags) explain(err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return err
	}
	return fmt.Errorf("%w: choose other addresses with --metrics-address (now %s) and --health-address (now %s)", err, f.metricsAddress, f.healthAddress)
}

// addHealth adds /healthz, which says that the process runs, and /readyz, which says that it has read the cluster.
func addHealth(mgr manager.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", func(req *http.Request) error {
		ctx, cancel := context.WithTimeout(req.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled yet")
		}
		return nil
	})
}
