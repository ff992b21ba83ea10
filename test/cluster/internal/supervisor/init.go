package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/cgroups"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
)

// Init is the first process of a cluster's namespaces: it makes them the LAN's, starts the supervisor, and buries every process that
// has lost its parent. It ends with the supervisor, and everything ends with it.
func Init(plan Plan) error {
	if os.Getpid() != 1 {
		return errors.New("not the first process of a namespace")
	}
	keepOwn(plan)
	unix.Umask(0o022)
	if err := awaitKnown(); err != nil {
		return err
	}
	if err := cgroups.Join(filepath.Join(plan.At.Cgroup(), partsCgroup)); err != nil {
		return err
	}
	if err := makeLAN(plan); err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(executable, SuperviseCommand, plan.At.Plan())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(heldFD, "held"), os.NewFile(listenerFD, "listener")}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for range signals {
			_ = cmd.Process.Signal(unix.SIGTERM)
		}
	}()
	return reap(cmd.Process.Pid)
}

// reap waits for every child until the one with this id ends.
func reap(supervisor int) error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("waiting for children: %w", err)
		}
		if pid != supervisor {
			continue
		}
		if status.Exited() && status.ExitStatus() == 0 {
			return nil
		}
		if status.Signaled() {
			return fmt.Errorf("the supervisor was killed by %v: everything ends", status.Signal())
		}
		return fmt.Errorf("the supervisor ended with exit status %d: everything ends", status.ExitStatus())
	}
}

// makeLAN gives the world outside the cluster its own /proc, /run and resolv.conf. All else is the host's, so that whatever runs on the
// host runs here.
func makeLAN(plan Plan) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	resolv, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		return fmt.Errorf("the machine has no /etc/resolv.conf: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	content := "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver " + network.DNS + "\n"
	if err := os.WriteFile(plan.At.Resolv(), []byte(content), 0o644); err != nil {
		return err
	}
	// The file may be a link into /run, which is empty now.
	if err := os.MkdirAll(filepath.Dir(resolv), 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(resolv); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(resolv, nil, 0o644); err != nil {
			return err
		}
	}
	if err := unix.Mount(plan.At.Resolv(), resolv, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", resolv, err)
	}
	return network.MakeLAN()
}
