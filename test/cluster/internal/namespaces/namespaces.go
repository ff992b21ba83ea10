// Package namespaces starts programs in namespaces that exist already. It is the one place that calls setns, and it does so on threads
// that are never used for anything else.
package namespaces

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Of the namespaces in the order in which they are entered. The mount namespace is last: after it, /proc is another one.
var order = []struct {
	name string
	flag int
}{{"net", unix.CLONE_NEWNET}, {"uts", unix.CLONE_NEWUTS}, {"ipc", unix.CLONE_NEWIPC}, {"pid", unix.CLONE_NEWPID}, {"mnt", unix.CLONE_NEWNS}}

// Set is open namespaces of one process.
type Set struct{ files []*os.File }

// Open opens the namespaces of a process, so that they can be entered even when /proc has changed.
func Open(pid int) (*Set, error) {
	set := &Set{}
	for _, kind := range order {
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind.name))
		if err != nil {
			return nil, errors.Join(err, set.Close())
		}
		set.files = append(set.files, file)
	}
	return set, nil
}

// Close closes the namespaces. Who is in them stays there.
func (s *Set) Close() error {
	var errs []error
	for _, file := range s.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// Enter moves the calling thread, which must be locked and must not be used for anything else afterwards, into the namespaces. A pid
// namespace takes effect for the children alone.
func (s *Set) Enter() error {
	// A thread may change its mount namespace only while it shares root and working directory with no other.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for i, kind := range order {
		if err := unix.Setns(int(s.files[i].Fd()), kind.flag); err != nil {
			return fmt.Errorf("entering the %s namespace: %w", kind.name, err)
		}
	}
	return nil
}

// Start starts the command in the namespaces. The caller waits for it.
func (s *Set) Start(cmd *exec.Cmd) error {
	failed := make(chan error)
	go func() {
		// The thread is not unlocked, so it ends with the goroutine.
		runtime.LockOSThread()
		if err := s.Enter(); err != nil {
			failed <- err
			return
		}
		failed <- cmd.Start()
	}()
	return <-failed
}
