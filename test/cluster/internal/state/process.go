package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process names a process of the host for good: a process id alone is given out again.
type Process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // in clock ticks since the boot
	Boot  string `json:"boot"`
	Space string `json:"space"` // the pid namespace in which it has this id
}

// Identify returns the identity of the process that has this id now.
func Identify(pid int) (Process, error) {
	start, err := startTime(pid)
	if err != nil {
		return Process{}, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Process{}, err
	}
	space, err := PIDSpace()
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot)), Space: space}, nil
}

// Alive says whether the process still runs. One that has ended and that nobody has waited for does not.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	now, err := Identify(p.PID)
	return err == nil && now == p
}

// Kill ends the process and waits until it is gone. A process that is gone already is no error.
func (p Process) Kill(ctx context.Context, signal unix.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	defer func() { _ = unix.Close(fd) }()
	// The descriptor stands for one process for good, so what Alive says now holds for it.
	if !p.Alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		ready, err := unix.Poll(fds, 100)
		if ready > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("process %d does not end: %w", p.PID, ctx.Err())
		}
	}
}

// PIDSpace names the pid namespace that the calling process sees in /proc.
func PIDSpace() (string, error) { return os.Readlink("/proc/self/ns/pid") }

func startTime(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field is the name in parentheses and may hold anything.
	_, rest, found := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return "", fmt.Errorf("process %d: cannot read its start time", pid)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return fields[19], nil
}

// Lock takes the exclusive lock on a file, and waits for it; waiting is called once when somebody else has it.
func Lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for told := false; ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(err, file.Close())
		}
		if !told {
			told = true
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Locked says whether somebody holds the lock on a file, whatever namespaces they are in. A file that is not there is held by nobody.
func Locked(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	// Shared, so that two who ask at the same time do not take each other for the holder.
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// lingering is how long the processes of a cluster may take to end after its first one. The kernel ends them at once.
const lingering = 5 * time.Second

// lockedStill is Locked, after a while if it takes one until nobody holds the lock.
func lockedStill(path string, while time.Duration) (bool, error) {
	for deadline := time.Now().Add(while); ; time.Sleep(10 * time.Millisecond) {
		held, err := Locked(path)
		if err != nil || !held || time.Now().After(deadline) {
			return held, err
		}
	}
}

// Hold takes the lock on a file for whoever has the file open: the caller, and those that inherit it.
func Hold(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		// Somebody who asks whether it is held may have it for a moment.
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
