package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/namespaces"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/supervisor"
)

const enterName = "__enter"

func execCommand() *cobra.Command {
	var name string
	var node int
	cmd := &cobra.Command{
		Use:   "exec [--name NAME] [--node N] -- COMMAND [ARG ...]",
		Short: "Run a command outside the cluster but on its network, or on a node",
		Long: `Run a command on the cluster's LAN, as a machine next to the nodes: it sees the host's files, the cluster's processes, and the
cluster's network; KUBECONFIG and PATH (kubectl) are set, names are resolved by CoreDNS. With --node N it runs on that node.
Standard streams, signals and the exit status are passed on.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return execute(name, node, args) },
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().IntVar(&node, "node", 0, "run on this node rather than on the LAN")
	return named(cmd, &name)
}

func shellCommand() *cobra.Command {
	var name string
	var node int
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "Open a shell outside the cluster but on its network, or on a node",
		Args:  cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			shell := os.Getenv("SHELL")
			if shell == "" {
				shell = "/bin/sh"
			}
			return execute(name, node, []string{shell})
		},
	}
	cmd.Flags().IntVar(&node, "node", 0, "on this node rather than on the LAN")
	return named(cmd, &name)
}

// execute runs a command in a cluster and returns how it ended.
func execute(name string, node int, args []string) error {
	at, cluster, err := running(name)
	if err != nil {
		return err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	cmd, err := entering(at, cluster, node, cwd, args)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return run(cmd, cluster)
}

// entering is the command that runs args in the cluster, once it is started in the namespaces of its first process.
func entering(at layout.Cluster, cluster state.Cluster, node int, dir string, args []string) (*exec.Cmd, error) {
	tree, err := layout.Find()
	if err != nil {
		return nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	pid := 0
	if node != 0 {
		if node < 0 || node > len(cluster.Nodes) {
			return nil, fmt.Errorf("there is no node %d: cluster %s has %d", node, at.Name, len(cluster.Nodes))
		}
		pid = cluster.Nodes[node-1].PID
	}
	cmd := exec.Command(executable, append([]string{enterName, strconv.Itoa(pid), dir, "--"}, args...)...)
	cmd.Dir = "/"
	cmd.Env = os.Environ()
	if !cluster.ControlPlane {
		cmd.Env = slices.DeleteFunc(cmd.Env, isProxy)
	}
	// What kubectl and helm remember of a cluster goes with it, and is not left in the home of whoever runs them.
	cmd.Env = append(cmd.Env, "KUBECONFIG="+cluster.InnerConfig, "KUBECACHEDIR="+at.KubeCache(), "CLUSTER_NAME="+at.Name, "CLUSTER_INSIDE=1",
		"PATH="+strings.Join([]string{cluster.Bin, tree.Bin(), os.Getenv("PATH"), "/usr/sbin", "/sbin"}, ":"))
	if node != 0 {
		cmd.Env = append(cmd.Env, "CLUSTER_NODE="+supervisor.NodeName(node))
	}
	return cmd, nil
}

// isProxy says whether a variable names a proxy of the host's network, which the LAN has no way to.
func isProxy(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"http_proxy", "https_proxy", "all_proxy"}, strings.ToLower(name))
}

// run starts the command in the cluster's namespaces, passes signals on, and returns its exit status as an ExitError.
func run(cmd *exec.Cmd, cluster state.Cluster) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals)
	// The thread stays in the cluster's namespaces, and the command ends with it: this process does nothing else.
	runtime.LockOSThread()
	if !cluster.ControlPlane {
		set, err := namespaces.Open(cluster.First.PID)
		if err != nil {
			return err
		}
		if err := set.Enter(); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go passOn(signals, cmd.Process)
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(interface {
		Signaled() bool
		Signal() unix.Signal
	}); ok && status.Signaled() {
		return ExitError(128 + int(status.Signal()))
	}
	return ExitError(exit.ExitCode())
}

// passOn sends the signals that this process gets to the command. What a terminal sends, it sends to both already.
func passOn(signals <-chan os.Signal, process *os.Process) {
	for got := range signals {
		switch got {
		case unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE:
		case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH, unix.SIGTTIN, unix.SIGTTOU, unix.SIGCONT:
			if !foreground() {
				_ = process.Signal(got)
			}
		default:
			_ = process.Signal(got)
		}
		switch got {
		case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			// The command has stopped, and the shell that waits for both has to see this one stop.
			_ = unix.Kill(unix.Getpid(), unix.SIGSTOP)
		}
	}
}

// foreground says whether this process is in the foreground of its terminal, wherever its standard input comes from.
func foreground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer func() { _ = terminal.Close() }()
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// enterCommand runs inside the cluster's namespaces, goes on to a node's when one is asked for, and becomes the command.
func enterCommand() *cobra.Command {
	cmd := hidden(enterName, 0, nil)
	cmd.Args = cobra.MinimumNArgs(3)
	cmd.Flags().SetInterspersed(false)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		runtime.LockOSThread()
		// Whoever ends `cluster exec` ends the command.
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return err
		}
		node, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		if node != 0 {
			set, err := namespaces.Open(node)
			if err != nil {
				return err
			}
			if err := set.Enter(); err != nil {
				return err
			}
		}
		dir, command := args[1], args[2:]
		if command[0] == "--" {
			command = command[1:]
		}
		// A node does not have all of the host's folders.
		if err := unix.Chdir(dir); err != nil {
			if node == 0 {
				return fmt.Errorf("%s: %w", dir, err)
			}
			dir = "/"
			if err := unix.Chdir(dir); err != nil {
				return err
			}
		}
		path, err := exec.LookPath(command[0])
		if errors.Is(err, exec.ErrDot) {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
			return ExitError(127)
		}
		return fmt.Errorf("%s: %w", path, unix.Exec(path, command, append(os.Environ(), "PWD="+dir)))
	}
	return cmd
}
