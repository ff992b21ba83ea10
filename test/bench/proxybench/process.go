//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that we started. It ends when stop is called, or when this process ends.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Scanner
	output lastBytes     // of its standard error
	ended  chan struct{} // closed when it has
	once   sync.Once
}

// start runs a program, on cpu unless that is negative.
func start(ctx context.Context, cpu int, env []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.output
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 3 * time.Second
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewScanner(stdout)
	// Should this process be killed, the kernel ends that one. It watches the thread that started it, which therefore has to stay.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		err := p.startOn(cpu)
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended shows in its output
			close(p.ended)
		}
	}()
	return p, <-started
}

// startOn starts the program on cpu, by moving the calling thread there, because a process inherits its place.
func (p *process) startOn(cpu int) error {
	if cpu >= 0 {
		if err := pinThread(0, cpu); err != nil {
			return err
		}
	}
	return p.cmd.Start()
}

// addresses reads n lines of "name=address" that the program prints when it is ready.
func (p *process) addresses(n int) (map[string]string, error) {
	found := map[string]string{}
	for len(found) < n && p.stdout.Scan() {
		if name, address, ok := strings.Cut(p.stdout.Text(), "="); ok {
			found[name] = address
		}
	}
	if len(found) < n {
		return nil, fmt.Errorf("%s did not start: %w", p.cmd.Path, p.failure())
	}
	return found, nil
}

// failure is what the program said last.
func (p *process) failure() error {
	select {
	case <-p.ended:
	case <-time.After(2 * time.Second):
	}
	return errors.New(strings.TrimSpace(p.output.String()))
}

func (p *process) stop() {
	p.once.Do(func() {
		_ = p.stdin.Close()
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.ended:
		case <-time.After(3 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
}

// tick is the unit in which the kernel tells CPU time: USER_HZ is 100 on every platform that Go has.
const tick = 10 * time.Millisecond

// cpu returns the time that the process and all below it have used.
func (p *process) cpu() (time.Duration, error) {
	stats, err := readStats()
	if err != nil {
		return 0, err
	}
	if _, there := stats[p.cmd.Process.Pid]; !there {
		return 0, fmt.Errorf("%s has ended: %w", p.cmd.Path, p.failure())
	}
	var sum time.Duration
	for pid, s := range stats {
		if below(stats, pid, p.cmd.Process.Pid) {
			sum += s.cpu
		}
	}
	return sum, nil
}

type stat struct {
	parent int
	cpu    time.Duration
}

// below reports whether pid is root or comes from it.
func below(stats map[int]stat, pid, root int) bool {
	for depth := 0; pid > 0 && depth < 64; depth++ {
		if pid == root {
			return true
		}
		pid = stats[pid].parent
	}
	return false
}

func readStats() (map[int]stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	stats := map[int]stat{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // it ended meanwhile
		}
		if stats[pid], err = parseStat(line); err != nil {
			return nil, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	return stats, nil
}

// parseStat reads a line of /proc/PID/stat; see proc(5). The name in it may hold anything, so the fields are counted from behind it.
func parseStat(line []byte) (stat, error) {
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 13 {
		return stat{}, errors.New("too short")
	}
	var numbers [3]int
	for i, at := range []int{1, 11, 12} { // ppid, utime, stime
		n, err := strconv.Atoi(string(fields[at]))
		if err != nil {
			return stat{}, err
		}
		numbers[i] = n
	}
	return stat{parent: numbers[0], cpu: time.Duration(numbers[1]+numbers[2]) * tick}, nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	mu   sync.Mutex
	data []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data = append(l.data, p...)
	l.data = l.data[max(0, len(l.data)-4096):]
	return len(p), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.data)
}
