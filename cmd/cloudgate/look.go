package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// lookFlags are the flags of commands that look at a cluster and its clouds.
type lookFlags struct {
	kube      clusterFlags
	clouds    providerFlags
	clusterID string
	gateway   string
}

func (f *lookFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.kube.register(flags)
	f.clouds.register(flags)
	flags.StringVar(&f.clusterID, "cluster-id", "", "identity of the cluster in the marks on cloud resources (default: the UID of the kube-system namespace)")
	flags.StringVar(&f.gateway, "gateway", "", "only this Gateway: NAMESPACE/NAME (default: all that are served)")
	complete(cmd, "gateway", f.completeGateways)
}

// gatewayName reads --gateway. It is zero where the flag is not set.
func (f *lookFlags) gatewayName() (types.NamespacedName, error) {
	if f.gateway == "" {
		return types.NamespacedName{}, nil
	}
	namespace, name, ok := strings.Cut(f.gateway, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fmt.Errorf("--gateway has to be NAMESPACE/NAME, not %q", f.gateway)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// compilers returns the providers: those that are configured, and for want of any those that can only compile.
func (f *lookFlags) compilers(ctx context.Context) (inspect.Providers, error) {
	list := unreachable
	if f.clouds.configured() {
		list = f.clouds.providers
	}
	providers, err := list(ctx)
	if err != nil {
		return nil, err
	}
	out := make(inspect.Providers, len(providers))
	for _, p := range providers {
		out[p.Name()] = p
	}
	return out, nil
}

// cluster reads the cluster.
func (f *lookFlags) cluster(ctx context.Context, providers inspect.Providers) (inspect.Scene, error) {
	config, err := f.kube.config()
	if err != nil {
		return inspect.Scene{}, err
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return inspect.Scene{}, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return inspect.Scene{}, fmt.Errorf("reach the cluster: %w", err)
	}
	scheme, err := reconciler.SchemeFor(mapper)
	if err != nil {
		return inspect.Scene{}, explainUnreachable(err)
	}
	options := client.Options{HTTPClient: httpClient, Scheme: scheme, Mapper: mapper}
	facts, err := readFacts(ctx, config, options, f.clusterID)
	if err != nil {
		return inspect.Scene{}, err
	}
	c, err := client.New(config, options)
	if err != nil {
		return inspect.Scene{}, err
	}
	return inspect.FromCluster(ctx, c, facts.cluster, providers)
}

// completionPatience is how long a shell waits for names.
const completionPatience = 2 * time.Second

// completeGateways offers the Gateways of the files that were named, or else of the cluster.
func (f *lookFlags) completeGateways(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	providers, err := f.compilers(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var scene inspect.Scene
	if paths, err := cmd.Flags().GetStringSlice("filename"); err == nil && len(paths) > 0 {
		scene, err = inspect.FromFiles(paths, nil, providers)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
	} else if scene, err = f.cluster(ctx, providers); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, name := range scene.Names() {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// complete has a flag completed. It panics where there is no such flag.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

func completeWords(cmd *cobra.Command, flag string, words ...string) {
	complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// colours tells whether out is a terminal whose user wants colours (https://no-color.org).
func colours(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

func warn(w io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(w, "cloudgate: %s\n", line)
	}
}
