package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/consts"

	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// clusterFlags say which cluster.
type clusterFlags struct {
	kubeconfig string
	context    string
}

func (f *clusterFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, else the pod's service account, else ~/.kube/config)")
	flags.StringVar(&f.context, "context", "", "context in the kubeconfig (default: its current context)")
}

// config returns how to reach the cluster.
func (f *clusterFlags) config() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.context}).ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, noCluster(rules)
	case err != nil:
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	// The API server has its own fairness; a client-side limit would only delay statuses.
	config.QPS = -1
	return config, nil
}

// noCluster says why rules lead to no cluster.
func noCluster(rules *clientcmd.ClientConfigLoadingRules) error {
	named := rules.ExplicitPath
	if named == "" {
		named = os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	}
	if named == "" {
		return errors.New("no cluster is configured: set --kubeconfig or $KUBECONFIG, or run in a pod")
	}
	return fmt.Errorf("the kubeconfig %s has no cluster to use: it needs clusters, contexts and a current-context (or --context)", named)
}

// explainUnreachable says where the address of a cluster comes from when nothing can be asked there.
func explainUnreachable(err error) error {
	var network *url.Error
	if !errors.As(err, &network) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("the cluster's API server cannot be reached: check the server in the kubeconfig: %w", err)
}

// facts are what has to be known of a cluster before the reconcilers start.
type facts struct {
	cluster string   // the identity in marks
	bundle  string   // the version of the Gateway API CRDs, where they say
	channel string   // "standard" or "experimental", where they say
	missing []string // the kinds that the cluster does not serve
}

// readFacts asks the cluster. clusterID overrides its identity.
func readFacts(ctx context.Context, config *rest.Config, o client.Options, clusterID string) (facts, error) {
	c, err := client.New(config, o)
	if err != nil {
		return facts{}, err
	}
	out := facts{cluster: clusterID}
	if out.cluster == "" {
		var system corev1.Namespace
		if err := c.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, &system); err != nil {
			return facts{}, fmt.Errorf("read the namespace %s, whose UID is the identity of the cluster (or set --cluster-id): %w", metav1.NamespaceSystem, explainUnreachable(err))
		}
		out.cluster = string(system.UID)
	}
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	switch err := c.Get(ctx, client.ObjectKey{Name: "gatewayclasses." + gwv1.GroupName}, crd); {
	case err == nil:
		out.bundle, out.channel = crd.Annotations[consts.BundleVersionAnnotation], crd.Annotations[consts.ChannelAnnotation]
	case !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err):
		return facts{}, fmt.Errorf("read the version of the Gateway API: %w", err)
	}
	out.missing, err = reconciler.Missing(o.Mapper)
	return out, err
}

// errKindsChanged says that kinds of the Gateway API have come to the cluster.
var errKindsChanged = errors.New("the kinds of the Gateway API changed")

// kindsWatch looks from time to time whether the cluster has got kinds that it did not have.
type kindsWatch struct {
	config  *rest.Config
	every   time.Duration
	missing []string
}

// NeedLeaderElection tells the Manager that every replica looks for itself.
func (k *kindsWatch) NeedLeaderElection() bool { return false }

// Start ends with errKindsChanged when a missing kind has come. Without missing kinds it has nothing to do.
func (k *kindsWatch) Start(ctx context.Context) error {
	if len(k.missing) == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(k.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		missing, err := k.look()
		// A cluster that cannot be asked now is asked again; the rest of the process says so if it stays away.
		if err == nil && !slices.Equal(missing, k.missing) {
			return errKindsChanged
		}
	}
}

func (k *kindsWatch) look() ([]string, error) {
	httpClient, err := rest.HTTPClientFor(k.config)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(k.config, httpClient)
	if err != nil {
		return nil, err
	}
	return reconciler.Missing(mapper)
}
