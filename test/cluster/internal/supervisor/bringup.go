package supervisor

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
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/kube"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/namespaces"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/node"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/program"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
)

// Port of the API server on the cluster's network.
const apiPort = 6443

func (s *supervisor) controlPlane() program.ControlPlane {
	if s.plan.Nodes == 0 {
		return program.ControlPlane{
			// The API server refuses a loopback address for the service "kubernetes", which nobody uses here: one for documentation does.
			At: s.plan.At, Bind: "127.0.0.1", Advertise: "192.0.2.1",
			APIPort: s.plan.HostPort, EtcdPort: s.plan.EtcdPort, PeerPort: s.plan.PeerPort,
		}
	}
	return program.ControlPlane{
		At: s.plan.At, Bind: "0.0.0.0", Advertise: network.NodeAddress(1), APIPort: apiPort, EtcdPort: 2379, PeerPort: 2380, Nodes: true,
	}
}

// bringUp starts everything in order. Where the order does not matter, things happen at the same time.
func (s *supervisor) bringUp(ctx context.Context) error {
	if err := s.step("certificates", "", s.certificates); err != nil {
		return err
	}
	first := ""
	if s.plan.Nodes > 0 {
		first = NodeName(1)
		if err := s.step("network", fmt.Sprintf("LAN %s, %d node(s)", network.LAN, s.plan.Nodes), s.network); err != nil {
			return err
		}
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	plane := s.controlPlane()
	images := make(chan error, 1)
	go func() { images <- s.containers(ctx) }()
	err = s.step("control plane", s.cluster.APIServer, func() error {
		if err := errors.Join(s.run(first, plane.Etcd()), s.run(first, plane.APIServer())); err != nil {
			return err
		}
		return kube.Until(ctx, client.Ready)
	})
	if err != nil {
		return err
	}
	version, err := client.Version(ctx)
	if err != nil {
		return err
	}
	if err := s.update(func(cluster *state.Cluster) { cluster.Version = version }); err != nil {
		return err
	}
	if s.plan.Nodes == 0 {
		return <-images
	}
	return s.nodes(ctx, client, plane, images)
}

// nodes starts what runs once there is an API server, and waits until pods can run.
func (s *supervisor) nodes(ctx context.Context, client *kube.Client, plane program.ControlPlane, images <-chan error) error {
	if err := s.forwardHost(); err != nil {
		return err
	}
	if err := openVolumes(s.plan.At.Volumes()); err != nil {
		return err
	}
	errs := []error{s.run(NodeName(1), plane.ControllerManager()), s.run(NodeName(1), plane.Scheduler())}
	for number := 1; number <= s.plan.Nodes; number++ {
		name := NodeName(number)
		errs = append(errs, s.run(name, program.Kubelet(s.plan.At, name, network.NodeAddress(number))), s.run(name, program.Proxy(s.plan.At, name)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := client.Apply(ctx); err != nil {
		return err
	}
	if err := <-images; err != nil {
		return err
	}
	err := s.step("nodes Ready", "", func() error {
		for number := 1; number <= s.plan.Nodes; number++ {
			name := NodeName(number)
			if err := kube.Until(ctx, func(ctx context.Context) error { return client.NodeReady(ctx, name) }); err != nil {
				return err
			}
			if err := client.DescribeNode(ctx, name, network.NodePods(number), number == 1); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.step("DNS", "CoreDNS at "+network.DNS, func() error { return kube.Until(ctx, client.DNSReady) })
}

// network makes the namespaces of the nodes and connects them. The LAN is there already.
func (s *supervisor) network() error {
	var pids []int
	for number := 1; number <= s.plan.Nodes; number++ {
		pid, err := s.holdNode(number)
		if err != nil {
			return err
		}
		if err := network.Connect(number, pid); err != nil {
			return err
		}
		pids = append(pids, pid)
	}
	if err := network.Join(pids); err != nil {
		return err
	}
	for number := 1; number <= s.plan.Nodes; number++ {
		// Read back from the file: the rules are the node's configuration like the rest.
		if err := s.runOnce(NodeName(number), nil, "nft", "-f", "/etc/kubernetes/masquerade.nft"); err != nil {
			return err
		}
	}
	return nil
}

// holdNode starts the process that makes a node's namespaces and then holds them.
func (s *supervisor) holdNode(number int) (pid int, err error) {
	executable, err := os.Executable()
	if err != nil {
		return 0, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command(executable, NodeCommand, s.plan.At.Plan(), strconv.Itoa(number))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return 0, err
	}
	// It closes the pipe when all is made, or says there what went wrong.
	trouble, err := io.ReadAll(read)
	if err != nil {
		return 0, err
	}
	name := NodeName(number)
	if len(trouble) > 0 {
		return 0, fmt.Errorf("%s: %s", name, trouble)
	}
	space, err := namespaces.Open(cmd.Process.Pid)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	s.mu.Lock()
	s.spaces[name] = space
	s.mu.Unlock()
	entry := state.Node{Name: name, Address: network.NodeAddress(number), Pods: network.NodePods(number), PID: cmd.Process.Pid}
	return cmd.Process.Pid, s.update(func(cluster *state.Cluster) { cluster.Nodes = append(cluster.Nodes, entry) })
}

// HoldNode is the process that holdNode starts: it makes the namespaces that it is in a node's, and becomes the smallest program that waits.
func HoldNode(plan Plan, number int) {
	pipe := os.NewFile(3, "pipe")
	unix.CloseOnExec(3)
	err := node.Node{
		Name: NodeName(number), Number: number, Tree: plan.Tree, At: plan.At, Bin: plan.Bin, Pause: kube.PauseImage,
	}.Enter()
	if err == nil {
		err = unix.Exec(filepath.Join(plan.Bin, "pause"), []string{NodeName(number)}, os.Environ())
	}
	fmt.Fprint(pipe, err)
	os.Exit(1)
}

// containers starts containerd on every node and loads the images that a node needs before it can run its first pod.
func (s *supervisor) containers(ctx context.Context) error {
	if s.plan.Nodes == 0 {
		return nil
	}
	return s.step("containers", "containerd, the images of pause and CoreDNS", func() error {
		errs := make([]error, s.plan.Nodes)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				name := NodeName(i + 1)
				if errs[i] = s.run(name, program.Containerd()); errs[i] != nil {
					return
				}
				errs[i] = kube.Until(ctx, func(context.Context) error {
					return s.runOnce(name, nil, filepath.Join(s.plan.Bin, "ctr"), "--connect-timeout=2s", "version")
				})
				for image, file := range s.plan.Images {
					if errs[i] == nil {
						errs[i] = s.load(name, image, file)
					}
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
}

func (s *supervisor) load(name, image, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	args, err := ImportCommand(s.plan, name)
	if err != nil {
		return err
	}
	if err := s.runOnce(name, file, args[0], args[1:]...); err != nil {
		return fmt.Errorf("loading %s: %w", image, err)
	}
	return nil
}

// ImportCommand is the command that loads an image into a node from its standard input.
func ImportCommand(plan Plan, node string) ([]string, error) {
	snapshotter, err := os.ReadFile(plan.At.Snapshotter(node))
	if err != nil {
		return nil, err
	}
	return []string{
		filepath.Join(plan.Bin, "ctr"), "--namespace=k8s.io", "images", "import", "--local", "--snapshotter=" + string(snapshotter), "-",
	}, nil
}

// runOnce runs a command on a node to its end.
func (s *supervisor) runOnce(node string, stdin *os.File, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	output, err := os.CreateTemp(s.plan.At.Logs(), ".run-*")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(output.Close(), os.Remove(output.Name())) }()
	cmd.Stdout, cmd.Stderr, cmd.Dir = output, output, "/"
	if err := s.startCommand(node, cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, lastLines(output.Name()))
	}
	return nil
}

// forwardHost serves the inherited listener.
func (s *supervisor) forwardHost() error {
	file := os.NewFile(listenerFD, "listener")
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("the listener on the host: %w", err)
	}
	if err := file.Close(); err != nil {
		return err
	}
	go forward(listener, net.JoinHostPort(network.NodeAddress(1), strconv.Itoa(apiPort)))
	return nil
}
