// Package cli is what people and scripts see of the cluster: its commands, and what they print.
package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/supervisor"
)

// ExitError is the exit status of a command that ran in the cluster.
type ExitError int

func (e ExitError) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// What ends by a signal has a moment to be gone.
const (
	killTimeout    = 30 * time.Second
	releaseTimeout = 5 * time.Second
)

// Root is the command with all its subcommands.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:   "cluster",
		Short: "A real Kubernetes without Docker, in namespaces of its own",
		Long: `A real Kubernetes without Docker: etcd, API server, controllers, scheduler, containerd, kubelet and kube-proxy,
built from source and run in namespaces of their own. Ending its first process ends all of it.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(upCommand(), downCommand(), execCommand(), shellCommand(), kubeconfigCommand(), loadCommand(), statusCommand(),
		logsCommand(), listCommand(), buildCommand(), initCommand(), superviseCommand(), nodeCommand(), enterCommand())
	return root
}

// named adds the flag for the cluster's name.
func named(cmd *cobra.Command, name *string) *cobra.Command {
	fallback := os.Getenv("CLUSTER_NAME")
	if fallback == "" {
		fallback = "cloudgate"
	}
	cmd.Flags().StringVar(name, "name", fallback, "the cluster; several run side by side")
	return cmd
}

// open finds the cluster that is called name.
func open(name string) (layout.Tree, layout.Cluster, error) {
	tree, err := layout.Find()
	if err != nil {
		return layout.Tree{}, layout.Cluster{}, err
	}
	at, err := tree.Cluster(name)
	return tree, at, err
}

// running returns the state of a cluster that has to be running.
func running(name string) (layout.Cluster, state.Cluster, error) {
	_, at, err := open(name)
	if err != nil {
		return at, state.Cluster{}, err
	}
	cluster, found, err := state.Read(at)
	if err != nil {
		return at, cluster, err
	}
	if !found {
		return at, cluster, fmt.Errorf("there is no cluster %q: cluster up --name %s", name, name)
	}
	if cluster.Phase != state.Running && cluster.Phase != state.Degraded {
		return at, cluster, fmt.Errorf("cluster %q is %s: cluster status --name %s says more", name, cluster.Phase, name)
	}
	if cluster.First.PID == 0 {
		return at, cluster, fmt.Errorf("cluster %q runs, but on the other side: this is inside another one (cluster exec)", name)
	}
	return at, cluster, nil
}

// interruptible ends with a signal.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
}

func hidden(use string, args int, run func(args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Hidden: true, Args: cobra.ExactArgs(args), RunE: func(_ *cobra.Command, args []string) error { return run(args) }}
}

func initCommand() *cobra.Command {
	return hidden(supervisor.InitCommand, 1, func(args []string) error {
		plan, err := supervisor.Read(args[0])
		if err != nil {
			return err
		}
		return supervisor.Init(plan)
	})
}

func superviseCommand() *cobra.Command {
	return hidden(supervisor.SuperviseCommand, 1, func(args []string) error {
		plan, err := supervisor.Read(args[0])
		if err != nil {
			return err
		}
		return supervisor.Supervise(plan)
	})
}

func nodeCommand() *cobra.Command {
	return hidden(supervisor.NodeCommand, 2, func(args []string) error {
		plan, err := supervisor.Read(args[0])
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		supervisor.HoldNode(plan, number)
		return nil
	})
}
