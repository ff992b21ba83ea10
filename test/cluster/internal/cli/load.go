package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/supervisor"
)

func loadCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "load IMAGE.tar [IMAGE.tar ...]",
		Short: "Load images into every node, from files as docker save and ko write them",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			print := &printer{out: cmd.OutOrStdout()}
			at, cluster, err := running(name)
			if err != nil {
				return err
			}
			if cluster.ControlPlane {
				return fmt.Errorf("cluster %s has no node to load an image into", name)
			}
			plan, err := supervisor.Read(at.Plan())
			if err != nil {
				return err
			}
			for _, path := range args {
				for number := range cluster.Nodes {
					began := time.Now()
					if err := loadInto(plan, number+1, name, path); err != nil {
						return fmt.Errorf("%s into %s: %w", path, supervisor.NodeName(number+1), err)
					}
					print.step(supervisor.NodeName(number+1), path, time.Since(began))
				}
			}
			return nil
		},
	}
	return named(cmd, &name)
}

// loadInto loads one image into one node. The file is given as standard input: the node may not see it by its name.
func loadInto(plan supervisor.Plan, number int, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	command, err := supervisor.ImportCommand(plan, supervisor.NodeName(number))
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{"exec", "--name", name, "--node", fmt.Sprint(number), "--"}, command...)
	// Through this program again: a process that has entered a cluster does nothing else afterwards.
	return runQuietly(executable, file, args...)
}
