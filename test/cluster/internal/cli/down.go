package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/cgroups"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
)

func downCommand() *cobra.Command {
	var name string
	var all bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End a cluster and remove everything of it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			print := &printer{out: cmd.OutOrStdout()}
			if !all {
				_, at, err := open(name)
				if err != nil {
					return err
				}
				return down(ctx, at, print)
			}
			tree, err := layout.Find()
			if err != nil {
				return err
			}
			names, err := tree.Names()
			for _, name := range names {
				at, nameErr := tree.Cluster(name)
				if nameErr == nil {
					nameErr = down(ctx, at, print)
				}
				err = errors.Join(err, nameErr)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every cluster of this checkout")
	return named(cmd, &name)
}

func down(ctx context.Context, at layout.Cluster, print *printer) error {
	unlock, err := lockCluster(ctx, at, print)
	if err != nil {
		return err
	}
	defer unlock()
	began := time.Now()
	cluster, found, err := state.Read(at)
	if err != nil {
		print.say("the state of cluster %s cannot be read (%v): removing what is found", at.Name, err)
	}
	leftover, err := cgroups.Leftover(at.Cgroup())
	if err != nil {
		return err
	}
	if !found && len(leftover) == 0 {
		print.say("there is no cluster %s", at.Name)
		return nil
	}
	if err := remove(ctx, at, cluster); err != nil {
		return err
	}
	print.say("cluster %s is gone after %.1f s", at.Name, time.Since(began).Seconds())
	return nil
}

// remove ends a cluster and removes everything of it. It works on whatever is left.
func remove(ctx context.Context, at layout.Cluster, cluster state.Cluster) error {
	if cluster.First.PID == 0 {
		// The rest of the state could not be read.
		if err := state.ReadJSON(at.Process(), &cluster.First); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("which process holds the cluster: %w", err)
		}
	}
	if err := end(at, cluster); err != nil {
		return err
	}
	// What is mounted in the cluster's namespaces goes with their last process, which may take a moment longer than the first.
	for try := 0; ; try++ {
		err := os.RemoveAll(at.Dir)
		if err == nil || try == 50 || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func removeCgroups(ctx context.Context, at layout.Cluster) error {
	leftover, err := cgroups.Leftover(at.Cgroup())
	if err != nil || len(leftover) == 0 {
		return err
	}
	return cgroups.Remove(ctx, at.Cgroup())
}
