// Package supervisor is what runs as long as a cluster does: the first process of its namespaces, and below it the one that brings the
// parts up, watches them, and lets the host reach the API server. When the first process ends, everything does. No part is ever started
// again: a part that dies is a finding, and is said in the cluster's state and logs.
package supervisor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/cgroups"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
)

// Plan is what is to be brought up.
type Plan struct {
	Tree         layout.Tree
	At           layout.Cluster
	Bin          string
	Images       map[string]string // image files by name
	Nodes        int               // 0 for a control plane alone
	HostPort     int               // of the host's loopback interface, for the API server
	EtcdPort     int
	PeerPort     int
	ParentDeaths bool // the supervisor's end ends the parts by a signal rather than with their namespace
}

// Read reads the plan that Launch wrote.
func Read(path string) (Plan, error) {
	var plan Plan
	err := state.ReadJSON(path, &plan)
	return plan, err
}

// The cgroup of the parts, next to those of the nodes with the pods.
const partsCgroup = "parts"

// NodeName is the name of the node with this number, from 1.
func NodeName(number int) string { return fmt.Sprintf("node-%d", number) }

// Hidden subcommands of this program.
const (
	InitCommand      = "__init"
	SuperviseCommand = "__supervise"
	NodeCommand      = "__node"
)

// Descriptors that are inherited: the lock that says that the cluster lives, the listener on the host's loopback interface, and the pipe by
// which the first process hears that its id was written down.
const (
	heldFD     = 3
	listenerFD = 4
	knownFD    = 5
)

// awaitKnown returns when the id of this process was written down. Whoever started it may be killed before that, and then nobody could
// find it any more: it must not go on.
func awaitKnown() error {
	pipe := os.NewFile(knownFD, "pipe")
	_, err := io.ReadFull(pipe, make([]byte, 1))
	if err != nil {
		err = fmt.Errorf("whoever began this is gone: %w", err)
	}
	return errors.Join(err, pipe.Close())
}

// keepOwn keeps what is inherited from the parts.
func keepOwn(plan Plan) {
	unix.CloseOnExec(heldFD)
	if plan.Nodes > 0 {
		unix.CloseOnExec(listenerFD)
	}
}

// Launch starts the cluster's first process in namespaces of its own, or without any for a control plane alone, and returns when it runs.
// The caller waits for the process, or leaves it alone: it does not end with the caller.
func Launch(plan Plan, listener *os.File) (*exec.Cmd, error) {
	if err := state.WriteJSON(plan.At.Plan(), plan); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(plan.At.Logs(), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(plan.At.Log("", "supervisor"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := SuperviseCommand
	attributes := &syscall.SysProcAttr{Setsid: true}
	if plan.Nodes > 0 {
		command = InitCommand
		attributes.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
		var nodes []string
		for number := range plan.Nodes {
			nodes = append(nodes, NodeName(number+1))
		}
		if err := cgroups.Create(plan.At.Cgroup(), append(nodes, partsCgroup)...); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(executable, command, plan.At.Plan())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes
	cmd.Dir = "/"
	cmd.Env = environment(plan)
	held, err := state.Hold(plan.At.Held())
	if err != nil {
		return nil, err
	}
	defer func() { _ = held.Close() }()
	known, say, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = say.Close() }()
	cmd.ExtraFiles = []*os.File{held, listener, known} // a listener that is nil is a descriptor that is closed
	err = cmd.Start()
	_ = known.Close()
	if err != nil {
		return nil, fmt.Errorf("starting the cluster's first process: %w", err)
	}
	process, err := state.Identify(cmd.Process.Pid)
	if err == nil {
		err = state.WriteJSON(plan.At.Process(), process)
	}
	if err == nil {
		_, err = say.Write([]byte{1})
	}
	if err != nil {
		// Nobody could find it any more.
		return nil, errors.Join(err, cmd.Process.Kill(), ignoreExit(cmd.Wait()))
	}
	return cmd, nil
}

// ignoreExit leaves out that a process was killed.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// environment is the same whoever starts the cluster: nothing of the caller's gets in, a proxy's address least of all.
func environment(plan Plan) []string {
	return []string{
		"PATH=" + plan.Bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8", "CLUSTER_TREE=" + plan.Tree.Root,
	}
}
