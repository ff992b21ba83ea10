// Package cluster_test runs bin/cluster as its users do. CLUSTER_PROGRAM names the binary (make test-cluster builds it and sets it).
package cluster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is the binary under test. Without one, and without what it needs, a test is skipped with the reason; in CI that is an error.
func program(t *testing.T, needsRoot bool) string {
	t.Helper()
	skip := t.Skip
	if os.Getenv("CI") != "" {
		skip = t.Fatal
	}
	path := os.Getenv("CLUSTER_PROGRAM")
	if path == "" {
		t.Skip("CLUSTER_PROGRAM names no bin/cluster: run make test-cluster")
	}
	if needsRoot && os.Geteuid() != 0 {
		skip("nodes need root")
	}
	return path
}

// a cluster of a test.
type cluster struct {
	t       *testing.T
	program string
	name    string
}

// newCluster brings a cluster up, and takes it down after the test.
func newCluster(t *testing.T, name string, args ...string) cluster {
	t.Helper()
	c := cluster{t: t, program: program(t, !contains(args, "--control-plane")), name: name}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command(c.program, "status", "--name", name).CombinedOutput()
			t.Logf("status: %s", out)
		}
		c.must("down")
		c.leavesNothing()
	})
	t.Logf("%s", c.must("up", args...))
	return c
}

// on is the cluster in a part of the test.
func (c cluster) on(t *testing.T) cluster {
	c.t = t
	return c
}

func contains(list []string, want string) bool {
	for _, one := range list {
		if one == want {
			return true
		}
	}
	return false
}

// run runs a subcommand and returns what it printed and its exit status.
func (c cluster) run(command string, args ...string) (stdout, stderr string, status int) {
	c.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(c.program, append([]string{command, "--name", c.name}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs a subcommand that has to succeed.
func (c cluster) must(command string, args ...string) string {
	c.t.Helper()
	out, errs, status := c.run(command, args...)
	if status != 0 {
		c.t.Fatalf("cluster %s %v: exit status %d\n%s%s", command, args, status, out, errs)
	}
	return out
}

// exec runs a command on the LAN.
func (c cluster) exec(args ...string) string {
	c.t.Helper()
	return strings.TrimSpace(c.must("exec", append([]string{"--"}, args...)...))
}

func (c cluster) status() (status struct {
	Phase  string
	Cgroup string
	Bin    string
	Audit  string `json:"auditLog"`
	Parts  []struct {
		Name, Node, Exited string
		PID                int
		Memory             int64 `json:"memoryBytes"`
	}
	Process struct{ PID int }
}) {
	c.t.Helper()
	out, errs, _ := c.run("status", "-o", "json")
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		c.t.Fatalf("status: %v\n%s%s", err, out, errs)
	}
	return status
}

// leavesNothing looks for what a cluster that is down must not leave: state, cgroups, mounts, and processes that have its name in their
// command lines.
func (c cluster) leavesNothing() {
	c.t.Helper()
	marker := filepath.Join(".cache", "clusters", c.name) + "/"
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, file := range commands {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(marker)) {
			c.t.Errorf("left: process %s: %q", file, data)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		c.t.Fatal(err)
	}
	if bytes.Contains(mounts, []byte(marker)) {
		c.t.Errorf("left: a mount of cluster %s", c.name)
	}
	cgroups, err := filepath.Glob("/sys/fs/cgroup/*/cluster-" + c.name + "-*")
	if err != nil {
		c.t.Fatal(err)
	}
	top, err := filepath.Glob("/sys/fs/cgroup/cluster-" + c.name + "-*")
	if err != nil {
		c.t.Fatal(err)
	}
	if left := append(cgroups, top...); len(left) > 0 {
		c.t.Errorf("left: cgroups %v", left)
	}
	if out, _, status := c.run("status"); status == 0 {
		c.t.Errorf("left: state: %s", out)
	}
}

// eventually polls until check returns no error.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func wantContains(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s: got %q, want it to contain %q", what, got, part)
	}
}

// name is a cluster's name that no other run of the tests uses.
func name(kind string) string { return fmt.Sprintf("t-%s-%d", kind, os.Getpid()) }

// runPlain runs the program without naming a cluster.
func runPlain(t *testing.T, program string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
