package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
)

// runQuietly runs a program; what it says is in the error when it fails.
func runQuietly(name string, stdin io.Reader, args ...string) error {
	var said bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

func kubeconfigCommand() *cobra.Command {
	var name string
	var inside bool
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the administrator's kubeconfig: for the host, or inside cluster exec for there",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, _, err := running(name)
			if err != nil {
				return err
			}
			path := at.Kubeconfig()
			if inside {
				path = at.InnerKubeconfig()
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
	cmd.Flags().BoolVar(&inside, "inside", os.Getenv("CLUSTER_INSIDE") != "", "the one that works on the cluster's network")
	return named(cmd, &name)
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the clusters of this checkout",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tree, err := layout.Find()
			if err != nil {
				return err
			}
			names, err := tree.Names()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			_, _ = fmt.Fprintln(table, "NAME\tPHASE\tNODES\tVERSION\tAPI SERVER")
			for _, name := range names {
				at, err := tree.Cluster(name)
				if err != nil {
					return err
				}
				cluster, found, err := state.Read(at)
				if err != nil {
					// One that is broken hides no other.
					_, _ = fmt.Fprintf(table, "%s\tunreadable: %v\n", name, err)
					continue
				}
				if found {
					_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", name, cluster.Phase, len(cluster.Nodes), cluster.Version, cluster.APIServer)
				}
			}
			return table.Flush()
		},
	}
}

func statusCommand() *cobra.Command {
	var name, output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how a cluster is: its parts, their memory, and which of them died",
		Long:  "Say how a cluster is. The exit status is 0 when it runs with all its parts.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, at, err := open(name)
			if err != nil {
				return err
			}
			cluster, found, err := state.Read(at)
			if err != nil {
				return err
			}
			if !found {
				return fmt.Errorf("there is no cluster %q", name)
			}
			if err := measure(&cluster); err != nil {
				return err
			}
			switch output {
			case "":
				err = printStatus(cmd.OutOrStdout(), cluster)
			case "json":
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(cluster)
			default:
				err = fmt.Errorf("-o %s: only json is possible", output)
			}
			if err == nil && cluster.Phase != state.Running {
				err = ExitError(1)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json for all there is")
	return named(cmd, &name)
}

func printStatus(to io.Writer, cluster state.Cluster) error {
	table := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintf(table, "cluster %s: %s, since %s\n", cluster.Name, strings.TrimSpace(string(cluster.Phase)+" "+cluster.Version), cluster.Started.Local().Format(time.DateTime))
	if cluster.Error != "" {
		_, _ = fmt.Fprintln(table, cluster.Error)
	}
	for _, node := range cluster.Nodes {
		_, _ = fmt.Fprintf(table, "node\t%s\t%s\tpods %s\n", node.Name, node.Address, node.Pods)
	}
	for _, part := range cluster.Parts {
		what := "ended"
		if part.Memory > 0 {
			what = fmt.Sprintf("%d MB", part.Memory>>20)
		}
		if part.Exited != "" {
			what = part.Exited
		}
		_, _ = fmt.Fprintf(table, "part\t%s\t%s\t%s\n", part.Name, part.Node, what)
	}
	for _, path := range [][2]string{{"API server", cluster.APIServer}, {"kubeconfig", cluster.Kubeconfig}, {"audit log", cluster.Audit}, {"programs", cluster.Bin}} {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", path[0], path[1])
	}
	return table.Flush()
}

func logsCommand() *cobra.Command {
	var name string
	var node int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs PART",
		Short: "Print the log of a part (kubelet, etcd, ...), of the supervisor, or the API server's audit log",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, at, err := open(name)
			if err != nil {
				return err
			}
			path, err := logFile(at, node, args[0])
			if err != nil {
				return err
			}
			return printLog(cmd.OutOrStdout(), path, follow, at)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the cluster ends")
	cmd.Flags().IntVar(&node, "node", 1, "of this node, for parts that every node has")
	return named(cmd, &name)
}

// logFile finds the log of a part, and names those that there are when there is none.
func logFile(at layout.Cluster, node int, part string) (string, error) {
	if part == "audit" {
		return at.Audit(), nil
	}
	var known []string
	for _, dir := range []string{"", fmt.Sprintf("node-%d", node)} {
		files, err := os.ReadDir(filepath.Join(at.Logs(), dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		for _, file := range files {
			name, isLog := strings.CutSuffix(file.Name(), ".log")
			if isLog && name == part {
				return at.Log(dir, part), nil
			}
			if isLog {
				known = append(known, name)
			}
		}
	}
	if len(known) == 0 {
		return "", fmt.Errorf("cluster %s has no logs", at.Name)
	}
	sort.Strings(known)
	return "", fmt.Errorf("%q has no log; these have: audit, %s (pods: cluster exec -- kubectl logs)", part, strings.Join(known, ", "))
}

func printLog(to io.Writer, path string, follow bool, at layout.Cluster) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there yet", path)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for {
		if _, err := io.Copy(to, file); err != nil || !follow {
			return err
		}
		cluster, found, err := state.Read(at)
		if err != nil {
			return err
		}
		if !found || !cluster.First.Alive() {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}
