package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestControlPlane(t *testing.T) {
	c := newCluster(t, name("plane"), "--control-plane")
	if out, _, status := c.run("exec", "--", "kubectl", "auth", "can-i", "list", "pods", "--as=somebody"); status == 0 {
		t.Errorf("RBAC: anybody may list pods: %s", out)
	}
	c.exec("kubectl", "create", "namespace", "there")
	wantContains(t, "namespaces", c.exec("kubectl", "get", "namespaces", "-o", "name"), "namespace/there")
	wantContains(t, "audit log", c.must("logs", "audit"), `"verb":"create"`)

	if _, _, status := c.run("load", "image.tar"); status == 0 {
		t.Error("load: got success without a node")
	}
	// What the supervisor leaves when it is killed goes with it.
	if err := syscall.Kill(c.status().Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the cluster", func() error { // a process that has others below it ends after them
		if phase := c.status().Phase; phase != "Dead" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	wantContains(t, "up", c.must("up", "--control-plane"), "removing what is left")
	if strings.Contains(c.exec("kubectl", "get", "namespaces", "-o", "name"), "there") {
		t.Error("the control plane that came up anew has old state")
	}
}

// TestFolderRemoved removes what a cluster has in the tree, as make clean does: it must not go on where nobody can end it.
func TestFolderRemoved(t *testing.T) {
	c := newCluster(t, name("gone"), "--control-plane")
	process, folder := c.status().Process.PID, filepath.Dir(filepath.Dir(c.status().Audit))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the cluster", func() error {
		if err := syscall.Kill(process, 0); err == nil {
			return fmt.Errorf("process %d is there", process)
		}
		return nil
	})
}

// TestInterruptedEarly kills `up` at every moment of its first milliseconds. Down has to find what was begun, and nothing may go on that
// nobody finds.
func TestInterruptedEarly(t *testing.T) {
	c := cluster{t: t, program: program(t, false), name: name("early")}
	args := []string{"up", "--name", c.name}
	if os.Geteuid() != 0 {
		args = append(args, "--control-plane")
	}
	for delay := 4 * time.Millisecond; delay < 60*time.Millisecond; delay += 4 * time.Millisecond {
		up := exec.Command(c.program, args...)
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		if err := up.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = up.Wait() // killed
		c.must("down")
		c.leavesNothing()
	}
}

// TestTogether brings the same cluster up twice at once: one does the work, the other waits and finds it done.
func TestTogether(t *testing.T) {
	c := cluster{t: t, program: program(t, false), name: name("both")}
	t.Cleanup(func() { c.must("down"); c.leavesNothing() })
	var said [2]string
	var both sync.WaitGroup
	for i := range said {
		both.Go(func() { said[i], _, _ = c.run("up", "--control-plane") })
	}
	both.Wait()
	all := said[0] + said[1]
	if strings.Count(all, "up after") != 1 || strings.Count(all, "runs already") != 1 {
		t.Errorf("two at once: got %q and %q, want one that works and one that finds it done", said[0], said[1])
	}
	list, _, _ := runPlain(t, c.program, "list")
	wantContains(t, "list", list, c.name)
}

// TestBuildPrint asks for the path of a program, as a script does that wants to run it.
func TestBuildPrint(t *testing.T) {
	path := program(t, false)
	out, errs, status := runPlain(t, path, "build", "--control-plane", "--print", "kube")
	kube := strings.TrimSuffix(out, "\n")
	if info, err := os.Stat(kube); status != 0 || err != nil || !filepath.IsAbs(kube) || info.Mode()&0o111 == 0 {
		t.Errorf("build --print kube: got status %d, %q (%v), want the path of a program and nothing else\n%s", status, out, err, errs)
	}
	for _, name := range []string{"no-such-program", "../bin/kube"} {
		out, errs, status := runPlain(t, path, "build", "--control-plane", "--print", name)
		if status == 0 || out != "" || !strings.Contains(errs, "kubectl") {
			t.Errorf("build --print %s: got status %d, %q, %q, want a refusal that names the programs", name, status, out, errs)
		}
	}
}

func TestRefusals(t *testing.T) {
	path := program(t, false)
	for _, args := range [][]string{
		{"up", "--name", "../up"}, {"up", "--name", "No"}, {"up", "--nodes", "0"}, {"up", "--nodes", "500"}, {"exec", "--name", "nobody", "--", "true"},
		{"exec"}, {"kubeconfig", "--name", "nobody"}, {"status", "--name", "nobody"}, {"logs", "--name", "nobody", "etcd"}, {"no-such-command"},
	} {
		if out, _, status := runPlain(t, path, args...); status == 0 {
			t.Errorf("cluster %v: got success, want a refusal: %s", args, out)
		}
	}
	if out, _, status := runPlain(t, path, "down", "--name", "nobody"); status != 0 || !strings.Contains(out, "there is no cluster") {
		t.Errorf("down of what is not there: got status %d, %q", status, out)
	}
}
