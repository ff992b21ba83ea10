package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/image"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/kube"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/parts"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/supervisor"
)

// Pods have 10.244.N.0/24 on node N, and the LAN's addresses end at .255 here.
const maxNodes = 20

type upOptions struct {
	name         string
	nodes        int
	controlPlane bool
	install      bool
}

func upCommand() *cobra.Command {
	var options upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a cluster up, building what it consists of unless the cache has it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return up(ctx, options, &printer{out: cmd.OutOrStdout()})
		},
	}
	cmd.Flags().IntVar(&options.nodes, "nodes", 1, "how many nodes; the first has the control plane, too")
	cmd.Flags().BoolVar(&options.controlPlane, "control-plane", false, "etcd and the API server alone, on loopback; needs no root")
	cmd.Flags().BoolVar(&options.install, "install", false, "install with apt-get what the machine lacks, and raise limits that are too low")
	return named(cmd, &options.name)
}

func buildCommand() *cobra.Command {
	var options upOptions
	var program string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build what a cluster consists of into the cache, and run nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			tree, err := layout.Find()
			if err != nil {
				return err
			}
			print := &printer{out: cmd.OutOrStdout()}
			if program != "" {
				print.out = cmd.ErrOrStderr()
			}
			set, err := build(ctx, tree, options, print)
			if err != nil || program == "" {
				return err
			}
			path, err := set.Program(program)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().BoolVar(&options.controlPlane, "control-plane", false, "what a control plane alone needs")
	cmd.Flags().BoolVar(&options.install, "install", false, "install with apt-get what the machine lacks")
	cmd.Flags().StringVar(&program, "print", "", "print the path of this program (kube, kubectl, containerd, ...) on standard output, and all else on standard error")
	return cmd
}

// printer tells what was done and how long it took.
type printer struct{ out io.Writer }

func (p *printer) say(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format+"\n", args...) }

func (p *printer) step(name, note string, took time.Duration) {
	p.say("  %-15s %-52s %6.1f s", name, note, took.Seconds())
}

func up(ctx context.Context, options upOptions, print *printer) error {
	tree, at, err := open(options.name)
	if err != nil {
		return err
	}
	if options.nodes < 1 || options.nodes > maxNodes {
		return fmt.Errorf("--nodes is %d: 1 to %d are possible", options.nodes, maxNodes)
	}
	if !options.controlPlane && os.Geteuid() != 0 {
		return errors.New("nodes need root; --control-plane does not")
	}
	began := time.Now()
	unlock, err := lockCluster(ctx, at, print)
	if err != nil {
		return err
	}
	defer unlock()
	if done, err := already(ctx, at, options, print); done || err != nil {
		return err
	}
	print.say("cluster %s: %s", at.Name, describe(options))
	wanted, err := build(ctx, tree, options, print)
	if err != nil {
		return err
	}
	if !options.controlPlane {
		if err := requireInotify(options.nodes, options.install, print); err != nil {
			return err
		}
	}
	if err := launch(ctx, tree, at, options, wanted, print); err != nil {
		return err
	}
	print.say("up after %.1f s; the kubeconfig of the host: %s", time.Since(began).Seconds(), at.Kubeconfig())
	return nil
}

func describe(options upOptions) string {
	if options.controlPlane {
		return "control plane alone"
	}
	if options.nodes == 1 {
		return "one node"
	}
	return strconv.Itoa(options.nodes) + " nodes"
}

func lockCluster(ctx context.Context, at layout.Cluster, print *printer) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(at.Dir), 0o755); err != nil {
		return nil, err
	}
	return state.Lock(ctx, at.Lock(), func() { print.say("waiting for another command that works on cluster %s", at.Name) })
}

// already looks for a cluster of that name: one that runs is left as it is, the rest of one that does not is removed.
func already(ctx context.Context, at layout.Cluster, options upOptions, print *printer) (bool, error) {
	cluster, found, err := state.Read(at)
	if err != nil {
		print.say("the state of an earlier cluster %s cannot be read (%v): removing it", at.Name, err)
		return false, remove(ctx, at, cluster)
	}
	if !found {
		return false, nil
	}
	switch cluster.Phase {
	case state.Running:
		if cluster.ControlPlane != options.controlPlane || (!options.controlPlane && len(cluster.Nodes) != options.nodes) {
			return false, fmt.Errorf("cluster %s runs, but not as %s: cluster down --name %s first", at.Name, describe(options), at.Name)
		}
		print.say("cluster %s runs already (%s, since %s)", at.Name, describe(options), cluster.Started.Local().Format(time.TimeOnly))
		return true, nil
	case state.Degraded:
		return false, fmt.Errorf("cluster %s runs, but a part of it has died: see cluster status, then cluster down", at.Name)
	case state.Starting:
		// Whoever began this is gone, or the lock would be held.
		print.say("an earlier start of cluster %s was interrupted: removing it", at.Name)
	case state.Failed, state.Dead:
		print.say("removing what is left of an earlier cluster %s", at.Name)
	}
	return false, remove(ctx, at, cluster)
}

// build makes sure that the cache has every part, and says what the machine lacks.
func build(ctx context.Context, tree layout.Tree, options upOptions, print *printer) (parts.Set, error) {
	began := time.Now()
	wanted, err := parts.Want(tree, options.controlPlane)
	if err != nil {
		return parts.Set{}, err
	}
	if !wanted.Linked() {
		return buildMissing(ctx, tree, options, print)
	}
	// Without a lock: whoever may read the cache may use it, even where only root can write.
	if err := require(parts.Requirements(!options.controlPlane, false), options.install, print); err != nil {
		return parts.Set{}, err
	}
	print.step("parts", "from the cache ("+wanted.Set().Key+")", time.Since(began))
	return wanted.Set(), nil
}

func buildMissing(ctx context.Context, tree layout.Tree, options upOptions, print *printer) (parts.Set, error) {
	began := time.Now()
	if err := os.MkdirAll(filepath.Join(tree.Cache(), "parts"), 0o755); err != nil {
		return parts.Set{}, err
	}
	unlock, err := state.Lock(ctx, filepath.Join(tree.Cache(), ".lock"), func() { print.say("waiting for another command that builds") })
	if err != nil {
		return parts.Set{}, err
	}
	defer unlock()
	wanted, err := parts.Want(tree, options.controlPlane)
	if err != nil {
		return parts.Set{}, err
	}
	if err := require(parts.Requirements(!options.controlPlane, wanted.NeedsC()), options.install, print); err != nil {
		return parts.Set{}, err
	}
	if missing := wanted.Missing(); len(missing) > 0 {
		print.say("  building %s: from nothing this takes about 8 minutes and downloads 500 MB of sources", strings.Join(missing, ", "))
	}
	log, err := os.OpenFile(filepath.Join(tree.Cache(), "build.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return parts.Set{}, err
	}
	defer func() { _ = log.Close() }()
	cached, last := 0, time.Now()
	set, err := wanted.Build(ctx, log, func(built parts.Built) {
		if built.Cached {
			cached++
		} else {
			print.step(built.Part, "built", time.Since(last))
		}
		last = time.Now()
	})
	if err != nil {
		return parts.Set{}, err
	}
	print.step("parts", fmt.Sprintf("%d from the cache (%s)", cached, set.Key), time.Since(began))
	return set, nil
}

func require(lacks []parts.Requirement, install bool, print *printer) error {
	if len(lacks) == 0 {
		return nil
	}
	var names []string
	for _, lack := range lacks {
		names = append(names, lack.What)
	}
	if !install {
		return fmt.Errorf("this machine lacks %s. As root: %s (or: cluster up --install)", strings.Join(names, ", "), parts.AptLine(lacks))
	}
	began := time.Now()
	if err := parts.Install(lacks, os.Stderr); err != nil {
		return err
	}
	print.step("packages", strings.Join(names, ", "), time.Since(began))
	return nil
}

// images writes the images that a node needs before its first pod. They are kept with the parts that they are made of.
func images(set parts.Set) (map[string]string, error) {
	dir := filepath.Join(filepath.Dir(set.Bin), "images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, one := range []image.Image{
		{Name: kube.PauseImage, Program: filepath.Join(set.Bin, "pause"), Path: "/pause", User: "65535:65535"},
		{Name: kube.CoreDNSImage, Program: filepath.Join(set.Bin, "coredns"), Path: "/coredns", User: "65532:65532"},
	} {
		file := filepath.Join(dir, filepath.Base(one.Program)+".tar")
		files[one.Name] = file
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := one.Write(file); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// launch starts the cluster's first process and follows it until the cluster is up. What does not come up is ended.
func launch(ctx context.Context, tree layout.Tree, at layout.Cluster, options upOptions, set parts.Set, print *printer) (err error) {
	if err := os.MkdirAll(at.Dir, 0o700); err != nil {
		return err
	}
	plan := supervisor.Plan{Tree: tree, At: at, Bin: set.Bin, Nodes: options.nodes}
	var listener *os.File
	if options.controlPlane {
		plan.Nodes, plan.ParentDeaths = 0, true
		if plan.HostPort, plan.EtcdPort, plan.PeerPort, err = freePorts(); err != nil {
			return err
		}
	} else {
		if plan.Images, err = images(set); err != nil {
			return err
		}
		if listener, plan.HostPort, err = listen(); err != nil {
			return err
		}
		defer func() { _ = listener.Close() }()
	}
	first, err := supervisor.Launch(plan, listener)
	if err != nil {
		return errors.Join(err, end(at, state.Cluster{}))
	}
	if err := follow(ctx, at, first, print); err != nil {
		cluster, _, readErr := state.Read(at)
		if ctx.Err() != nil {
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
			defer cancel()
			return errors.Join(errors.New("interrupted"), remove(clean, at, cluster))
		}
		// The logs stay, for whoever wants to know why; the next up or down removes them.
		return errors.Join(err, readErr, end(at, cluster))
	}
	return nil
}

// follow prints the steps as they are done, until the cluster runs or has failed.
func follow(ctx context.Context, at layout.Cluster, first *exec.Cmd, print *printer) error {
	ended := make(chan struct{})
	go func() {
		_ = first.Wait() // how it ended is in the supervisor's log
		close(ended)
	}()
	printed := 0
	for over := false; ; {
		cluster, _, err := state.Read(at)
		if err != nil {
			return err
		}
		for ; printed < len(cluster.Steps); printed++ {
			step := cluster.Steps[printed]
			print.step(step.Name, step.Note, step.Took)
		}
		switch {
		case cluster.Phase == state.Running:
			return nil
		case cluster.Phase == state.Failed:
			return fmt.Errorf("cluster %s does not come up: %s\nits logs: %s", at.Name, cluster.Error, at.Logs())
		case over:
			return fmt.Errorf("cluster %s does not come up: its first process ended; see %s", at.Name, at.Log("", "supervisor"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			over = true // and look at the state once more
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// listen opens the listener on the host's loopback interface that the cluster's first process inherits.
func listen() (*os.File, int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = listener.Close() }()
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, 0, errors.New("a TCP listener is no TCP listener")
	}
	file, err := tcp.File()
	if err != nil {
		return nil, 0, err
	}
	address, err := net.ResolveTCPAddr("tcp", listener.Addr().String())
	return file, address.Port, err
}

// end ends the processes of a cluster and gives back what is left of it outside its folder.
func end(at layout.Cluster, cluster state.Cluster) error {
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	if cluster.Inside {
		return fmt.Errorf("cluster %s cannot be ended from inside", at.Name)
	}
	if err := cluster.First.Kill(ctx, unix.SIGKILL); err != nil {
		return err
	}
	if err := awaitRelease(ctx, at); err != nil {
		return err
	}
	return removeCgroups(ctx, at)
}

// awaitRelease waits until no process of the cluster holds its lock. One whose start was interrupted ends by itself within a moment.
func awaitRelease(ctx context.Context, at layout.Cluster) error {
	for deadline := time.Now().Add(releaseTimeout); ; time.Sleep(20 * time.Millisecond) {
		held, err := state.Locked(at.Held())
		if err != nil || !held {
			return err
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("cluster %s runs, but its processes cannot be seen from here: is this inside another one (cluster exec)?", at.Name)
		}
	}
}
