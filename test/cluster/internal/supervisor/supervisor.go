package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/namespaces"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/program"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
)

// Bringing a cluster up takes seconds. This is for a machine that is very busy.
const startTimeout = 5 * time.Minute

// supervisor holds what is known about the running cluster. All that is shown to others goes through update.
type supervisor struct {
	plan  Plan
	began time.Time
	died  chan error // the first part that ends

	mu      sync.Mutex
	cluster state.Cluster
	spaces  map[string]*namespaces.Set // by node
}

// Supervise brings the cluster up, says how far it is in the state file, and then watches until it is told to end.
func Supervise(plan Plan) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	keepOwn(plan)
	unix.Umask(0o022)
	if plan.Nodes == 0 {
		if err := awaitKnown(); err != nil {
			return err
		}
	}
	s := &supervisor{plan: plan, began: time.Now(), died: make(chan error, 1), spaces: map[string]*namespaces.Set{}}
	s.cluster = s.initial()
	if err := s.update(func(*state.Cluster) {}); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return errors.Join(err, s.update(func(cluster *state.Cluster) { cluster.Phase, cluster.Error = state.Failed, err.Error() }))
	}
	if err := s.update(func(cluster *state.Cluster) { cluster.Phase = state.Running }); err != nil {
		return err
	}
	return s.untilEnd(ctx)
}

// untilEnd returns when the cluster is told to end, or when its folder is gone (make clean): nobody could end it then.
func (s *supervisor) untilEnd(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
		if _, err := os.Stat(s.plan.At.Plan()); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is gone, and the cluster with it", s.plan.At.Dir)
		}
	}
}

func (s *supervisor) initial() state.Cluster {
	plan := s.plan
	cluster := state.Cluster{
		Name: plan.At.Name, Phase: state.Starting, ControlPlane: plan.Nodes == 0, Started: s.began.UTC(), Audit: plan.At.Audit(), Bin: plan.Bin,
		APIServer: "https://127.0.0.1:" + strconv.Itoa(plan.HostPort), Kubeconfig: plan.At.Kubeconfig(), InnerConfig: plan.At.InnerKubeconfig(),
	}
	cluster.Inner = cluster.APIServer
	if plan.Nodes > 0 {
		if space, err := state.PIDSpace(); err == nil {
			cluster.PIDSpace = space
		}
		cluster.Inner = "https://" + network.NodeAddress(1) + ":6443"
		cluster.Cgroup = plan.At.Cgroup()
	}
	return cluster
}

// update changes the state and writes it down.
func (s *supervisor) update(change func(*state.Cluster)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.cluster)
	return state.Write(s.plan.At, s.cluster)
}

// start runs bringUp until it is done, a part dies, or the time is up.
func (s *supervisor) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not up after %v", startTimeout))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	done := make(chan struct{})
	var result error
	go func() {
		defer close(done)
		result = s.bringUp(ctx)
	}()
	select {
	case <-done:
		return result
	case err := <-s.died:
		fail(err)
		<-done // with an error that only follows from this one
		return err
	}
}

// step runs one thing that bringing the cluster up takes, and writes down how long it took.
func (s *supervisor) step(name, note string, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return s.update(func(cluster *state.Cluster) {
		cluster.Steps = append(cluster.Steps, state.Step{Name: name, Note: note, Took: time.Since(began)})
	})
}

// run starts a part on a node, or next to the supervisor when node is empty, and watches it.
func (s *supervisor) run(node string, part program.Program) error {
	path := s.plan.At.Log(node, part.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.plan.Bin, part.Name), part.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if s.plan.ParentDeaths {
		cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	}
	if err := s.startCommand(node, cmd); err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w", part.Name, err), log.Close())
	}
	entry := state.Part{Name: part.Name, Node: node, PID: cmd.Process.Pid, Log: path}
	go s.watch(cmd, entry, log)
	return s.update(func(cluster *state.Cluster) { cluster.Parts = append(cluster.Parts, entry) })
}

func (s *supervisor) startCommand(node string, cmd *exec.Cmd) error {
	if node == "" {
		return cmd.Start()
	}
	s.mu.Lock()
	space := s.spaces[node]
	s.mu.Unlock()
	return space.Start(cmd)
}

// watch waits for the end of a part and says so wherever somebody may look.
func (s *supervisor) watch(cmd *exec.Cmd, part state.Part, log *os.File) {
	_ = cmd.Wait() // how it ended is in ProcessState
	line := fmt.Sprintf("%s ended at %s: %v", part.Name, time.Now().UTC().Format(time.RFC3339), cmd.ProcessState)
	fmt.Fprintln(os.Stderr, line)
	fmt.Fprintln(log, line)
	_ = log.Close()
	err := s.update(func(cluster *state.Cluster) {
		for i := range cluster.Parts {
			if cluster.Parts[i].PID == part.PID {
				cluster.Parts[i].Exited = line
			}
		}
		if cluster.Phase == state.Running {
			cluster.Phase = state.Degraded
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "writing the state:", err)
	}
	select {
	case s.died <- fmt.Errorf("%s\n%s", line, lastLines(part.Log)):
	default:
	}
}

// lastLines are the last lines of a log, for an error that somebody reads.
func lastLines(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) > 10 {
		lines = lines[len(lines)-10:]
	}
	return "  " + strings.Join(lines, "\n  ")
}

// forward carries connections from the host's loopback interface to the API server. The listener was opened on the host and is inherited.
func forward(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "forwarding:", err)
			time.Sleep(time.Second)
			continue
		}
		go func() {
			defer func() { _ = client.Close() }()
			server, err := net.DialTimeout("tcp", target, 10*time.Second)
			if err != nil {
				fmt.Fprintln(os.Stderr, "forwarding:", err)
				return
			}
			defer func() { _ = server.Close() }()
			done := make(chan struct{}, 2)
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from) // either end may leave at any time
				if half, ok := to.(*net.TCPConn); ok {
					_ = half.CloseWrite()
				}
				done <- struct{}{}
			}
			go pipe(server, client)
			go pipe(client, server)
			<-done
			<-done
		}()
	}
}
