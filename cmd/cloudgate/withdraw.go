package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	appsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// withdrawFlags are the flags of `cloudgate withdraw`.
type withdrawFlags struct {
	cluster   clusterFlags
	log       logFlags
	clouds    providerFlags
	lease     leaseFlags
	clusterID string

	scaleDown string
	keep      bool
	timeout   time.Duration
}

// newWithdrawCommand returns `cloudgate withdraw`.
func newWithdrawCommand() *cobra.Command {
	var f withdrawFlags
	cmd := &cobra.Command{
		Use:   "withdraw",
		Short: "Delete all that Cloudgate made, in the clouds and in the cluster",
		Long: `Delete all that Cloudgate made, in the clouds and in the cluster: load balancers, LoadBalancer objects, finalizers,
and what statuses say. Gateways and routes stay, as if no controller had seen them. Run it before Cloudgate is uninstalled.

It works only while no controller does: it takes part in their election. --scale-down ends them first.
It can be run again, and goes on where it stopped.`,
		Example: `  cloudgate withdraw --scale-down cloudgate-system/cloudgate --leader-election-namespace cloudgate-system \
    --fake-endpoint http://127.0.0.1:7070`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	f.cluster.register(flags)
	f.log.register(flags)
	f.clouds.register(flags)
	f.lease.register(flags)
	flags.StringVar(&f.clusterID, "cluster-id", "", "identity of the cluster in the marks on cloud resources, if the controller was given one")
	flags.StringVar(&f.scaleDown, "scale-down", "", "the controllers' Deployment, NAMESPACE/NAME: it is scaled to 0 first, and stays so")
	flags.BoolVar(&f.keep, "keep-load-balancers", false, "leave the clouds and statuses alone: what serves goes on serving, and is found again by a controller that is installed later")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long to try")
	return cmd
}

func (f *withdrawFlags) run(ctx context.Context, out io.Writer) error {
	if err := f.log.install(); err != nil {
		return err
	}
	providers, err := f.clouds.providers(ctx)
	if err != nil {
		return err
	}
	deployment, err := f.deployment()
	if err != nil {
		return err
	}
	config, err := f.cluster.config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	options, facts, err := f.options(ctx, config)
	if err != nil {
		return err
	}
	mgr, err := manager.New(config, options)
	if err != nil {
		return err
	}
	if deployment.Name != "" {
		if err := scaleDown(ctx, config, deployment); err != nil {
			return err
		}
		fmt.Fprintf(out, "Deployment %s: scaled to 0\n", deployment)
	}
	err = reconciler.Withdraw(ctx, mgr, reconciler.Config{Providers: providers, Cluster: facts.cluster, BundleVersion: facts.bundle},
		reconciler.WithdrawOptions{KeepLoadBalancers: f.keep, Report: func(line string) { fmt.Fprintln(out, line) }})
	// The time may be up, but not for these few words.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	switch {
	case errors.Is(err, reconciler.ErrNotElected):
		return f.explainElection(last, config, options.LeaderElectionNamespace, err)
	case err != nil:
		return fmt.Errorf("not all is withdrawn (run it again to go on): %w", err)
	}
	if err := f.lease.remove(last, config, options.LeaderElectionNamespace); err != nil {
		return fmt.Errorf("all is withdrawn, but the lease stays: %w", err)
	}
	fmt.Fprintln(out, "nothing is left")
	return nil
}

// deployment reads --scale-down.
func (f *withdrawFlags) deployment() (types.NamespacedName, error) {
	if f.scaleDown == "" {
		return types.NamespacedName{}, nil
	}
	namespace, name, ok := strings.Cut(f.scaleDown, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fmt.Errorf("--scale-down has to be NAMESPACE/NAME, not %q", f.scaleDown)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// options asks the cluster what a Manager has to know of it.
func (f *withdrawFlags) options(ctx context.Context, config *rest.Config) (manager.Options, facts, error) {
	none := manager.Options{}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return none, facts{}, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return none, facts{}, fmt.Errorf("reach the cluster: %w", err)
	}
	scheme, err := reconciler.SchemeFor(mapper)
	if err != nil {
		return none, facts{}, explainUnreachable(err)
	}
	known, err := readFacts(ctx, config, client.Options{HTTPClient: httpClient, Scheme: scheme, Mapper: mapper}, f.clusterID)
	if err != nil {
		return none, facts{}, err
	}
	o := manager.Options{Scheme: scheme, Logger: ctrl.Log, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"}
	if f.lease.namespace == "" {
		if f.lease.namespace, err = podNamespace(); err != nil {
			return none, facts{}, err
		}
	}
	return o, known, f.lease.set(&o)
}

// podNamespaceFile is where a pod finds its namespace.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func podNamespace() (string, error) {
	data, err := os.ReadFile(podNamespaceFile)
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("the namespace of the controllers' lease is not known: set --leader-election-namespace")
	}
	return strings.TrimSpace(string(data)), err
}

// scaleDown asks for no replicas of a Deployment, by nothing but its scale.
func scaleDown(ctx context.Context, config *rest.Config, name types.NamespacedName) error {
	c, err := appsv1.NewForConfig(config)
	if err != nil {
		return err
	}
	err = c.RESTClient().Patch(types.MergePatchType).Namespace(name.Namespace).Resource("deployments").Name(name.Name).SubResource("scale").
		Body([]byte(`{"spec":{"replicas":0}}`)).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("scale Deployment %s to 0: %w", name, err)
	}
	return nil
}

// explainElection says who is at work.
func (f *withdrawFlags) explainElection(ctx context.Context, config *rest.Config, namespace string, err error) error {
	who, problem := f.lease.holder(ctx, config, namespace)
	if problem != nil || who == "" {
		return err
	}
	return fmt.Errorf("%w: %s holds the lease %s/%s; end the controllers, or have them ended with --scale-down", err, who, namespace, f.lease.name)
}
