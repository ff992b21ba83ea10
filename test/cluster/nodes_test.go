package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// workload is a pod of every kind of connection that the cluster promises, from the image that is there already: CoreDNS.
const workload = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: corefile}
data:
  Corefile: |
    .:5353 {
      log
      errors
      hosts {
        192.0.2.77 answer.test
      }
    }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: answer}
spec:
  selector: {matchLabels: {app: answer}}
  template:
    metadata: {labels: {app: answer}}
    spec:
      securityContext: {runAsUser: 65532, runAsNonRoot: true}
      containers:
      - name: answer
        image: docker.io/cloudgate-dev/cluster-coredns:dev
        imagePullPolicy: Never
        args: [-conf, /config/Corefile]
        ports:
        - {containerPort: 5353, protocol: TCP, hostPort: 5300}
        volumeMounts:
        - {name: config, mountPath: /config}
        - {name: data, mountPath: /data}
      volumes:
      - {name: config, configMap: {name: corefile}}
      - {name: data, persistentVolumeClaim: {claimName: claim}}
---
apiVersion: v1
kind: Service
metadata: {name: answer}
spec:
  type: NodePort
  selector: {app: answer}
  ports: [{port: 53, targetPort: 5353, nodePort: 30053, protocol: TCP}]
`

// reaches says whether a TCP connection from the LAN, or from a node, is taken.
func (c cluster) reaches(node, address string, port int) error {
	args := []string{"--", "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%d", address, port)}
	if node != "" {
		args = append([]string{"--node", node}, args...)
	}
	if _, errs, status := c.run("exec", args...); status != 0 {
		return fmt.Errorf("%s:%d from %q: exit status %d: %s", address, port, node, status, errs)
	}
	return nil
}

func TestTwoNodes(t *testing.T) {
	settings := machineSettings(t)
	c := newCluster(t, name("two"), "--nodes", "2")

	t.Run("up again is a no-op that says so", func(t *testing.T) {
		c := c.on(t)
		wantContains(t, "up", c.must("up", "--nodes", "2"), "runs already")
	})
	t.Run("up as something else is refused", func(t *testing.T) {
		c := c.on(t)
		if _, errs, status := c.run("up", "--nodes", "1"); status == 0 {
			t.Errorf("got success, want a refusal: %s", errs)
		}
	})
	t.Run("exec passes everything on", func(t *testing.T) { testExec(t, c.on(t)) })
	t.Run("inside the cluster its commands know it", func(t *testing.T) { testInside(t, c.on(t)) })
	t.Run("kubeconfig works on the host", func(t *testing.T) {
		c := c.on(t)
		file := filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(file, []byte(c.must("kubeconfig")), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(filepath.Join(c.status().Bin, "kubectl"), "--kubeconfig", file, "get", "nodes", "-o", "name").CombinedOutput()
		if err != nil {
			t.Fatalf("kubectl: %v\n%s", err, out)
		}
		want(t, "nodes", strings.TrimSpace(string(out)), "node/node-1\nnode/node-2")
	})
	t.Run("pods", func(t *testing.T) { testPods(t, c.on(t)) })
	t.Run("parts say their memory, and requests are audited", func(t *testing.T) {
		c := c.on(t)
		status := c.status()
		want(t, "phase", status.Phase, "Running")
		for _, part := range status.Parts {
			if part.Memory == 0 || part.Exited != "" {
				t.Errorf("part %s on %s: got memory %d, exited %q, want one that runs", part.Name, part.Node, part.Memory, part.Exited)
			}
		}
		wantContains(t, "audit log", c.must("logs", "audit"), `"user":{"username":"cluster-admin"`)
		wantContains(t, "kubelet's log of node 2", c.must("logs", "kubelet", "--node", "2"), "node-2")
	})
	t.Run("the machine's own settings are untouched", func(t *testing.T) { testSettings(t, c.on(t), settings) })
	// The last one: it breaks the cluster.
	t.Run("a part that dies is said", func(t *testing.T) { testDeath(t, c.on(t)) })
}

func testExec(t *testing.T, c cluster) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	want(t, "working directory", c.exec("pwd"), dir)
	want(t, "interface of node 2", strings.TrimSpace(c.must("exec", "--node", "2", "--", "cat", "/etc/hostname")), "node-2")
	if _, _, status := c.run("exec", "--", "sh", "-c", "exit 7"); status != 7 {
		t.Errorf("exit status: got %d, want 7", status)
	}
	if _, _, status := c.run("exec", "--", "sh", "-c", "kill -TERM $$"); status != 143 {
		t.Errorf("exit status of a killed command: got %d, want 143", status)
	}
	if _, _, status := c.run("exec", "--", "no-such-program"); status != 127 {
		t.Errorf("exit status of what is not there: got %d, want 127", status)
	}
	t.Run("a proxy of the host's is not passed on", func(t *testing.T) {
		t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
		t.Setenv("http_proxy", "http://127.0.0.1:9")
		c.on(t).exec("kubectl", "get", "nodes")
		want(t, "proxies", c.on(t).exec("sh", "-c", "env | grep -ci _proxy= || true"), "0")
	})
	t.Run("it stops with its command", func(t *testing.T) { testStop(t, c.on(t)) })
	cmd := exec.Command(c.program, "exec", "--name", c.name, "--", "sh", "-c", `trap "echo bye; exit 9" TERM; echo hello; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 64)
	count, err := out.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "standard output", string(buffer[:count]), "hello\n")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	count, err = out.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "after the signal", string(buffer[:count]), "bye\n")
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 9 {
		t.Errorf("exit: got %v, want status 9", err)
	}
}

// testStop stops a command as a terminal does: the shell that waits for it waits for this program.
func testStop(t *testing.T, c cluster) {
	cmd := exec.Command(c.program, "exec", "--name", c.name, "--", "sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	state := func(want string) {
		t.Helper()
		eventually(t, "state", func() error {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
			if err != nil {
				return err
			}
			if got := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])[0]; !strings.Contains(want, got) {
				return fmt.Errorf("got %s, want one of %s", got, want)
			}
			return nil
		})
	}
	// Before there is a command, a signal is this program's own.
	eventually(t, "the command", func() error {
		children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid))
		if err != nil {
			return err
		}
		for _, file := range children {
			if data, err := os.ReadFile(file); err == nil && len(data) > 0 {
				return nil
			}
		}
		return errors.New("not there")
	})
	for _, step := range []struct {
		signal syscall.Signal
		want   string
	}{{syscall.SIGTSTP, "T"}, {syscall.SIGCONT, "SR"}} {
		if err := cmd.Process.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		state(step.want)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("after all: got %v, want exit status 143", err)
	}
}

func testInside(t *testing.T, c cluster) {
	wantContains(t, "status inside", c.exec(c.program, "status"), "cluster "+c.name+": Running")
	wantContains(t, "kubeconfig inside", c.exec(c.program, "kubeconfig"), "https://172.30.0.2:6443")
	want(t, "exec inside exec", c.exec(c.program, "exec", "--node", "2", "--", "cat", "/etc/hostname"), "node-2")
	wantContains(t, "up inside", c.exec(c.program, "up", "--nodes", "2"), "runs already")
	if _, errs, status := c.run("exec", "--", c.program, "down"); status == 0 || !strings.Contains(errs, "from inside") {
		t.Errorf("down inside: got status %d, %q, want a refusal", status, errs)
	}
}

func testPods(t *testing.T, c cluster) {
	file := filepath.Join(t.TempDir(), "workload.yaml")
	if err := os.WriteFile(file, []byte(workload), 0o600); err != nil {
		t.Fatal(err)
	}
	c.exec("kubectl", "apply", "-f", file)
	c.exec("kubectl", "rollout", "status", "daemonset/answer", "--timeout=120s")
	for _, target := range []struct {
		node, address string
		port          int
	}{
		{"", "172.30.0.2", 30053}, {"", "172.30.0.3", 30053}, // NodePorts
		{"", "172.30.0.2", 5300}, {"", "172.30.0.3", 5300}, // host ports
		{"", "answer.default.svc.cluster.local", 53}, // the name and the ClusterIP
		{"2", "10.96.0.1", 443},                      // the API server as pods see it
	} {
		eventually(t, "connection", func() error { return c.reaches(target.node, target.address, target.port) })
	}
	// Every pod from every node, so from the other node, too.
	addresses := strings.Fields(c.exec("kubectl", "get", "pods", "-l", "app=answer", "-o", "jsonpath={.items[*].status.podIP}"))
	if len(addresses) != 2 {
		t.Fatalf("pods: got %v, want 2", addresses)
	}
	for _, address := range addresses {
		for _, node := range []string{"1", "2"} {
			eventually(t, "pod", func() error { return c.reaches(node, address, 5353) })
		}
	}
	pod := strings.Fields(c.exec("kubectl", "get", "pods", "-l", "app=answer", "-o", "name"))[0]
	wantContains(t, "kubectl logs", c.exec("kubectl", "logs", pod), "CoreDNS")
	wantContains(t, "kubectl exec", c.exec("kubectl", "exec", pod, "--", "/coredns", "-plugins"), "hosts")
	c.exec("bash", "-c", `kubectl port-forward `+pod+` 15353:5353 > /dev/null & forward=$!
		for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/15353) 2> /dev/null && ok=1 && break; sleep 0.1; done
		kill $forward; [ -n "$ok" ]`)
	want(t, "volume", c.exec("kubectl", "get", "pvc", "claim", "-o", "jsonpath={.status.phase}"), "Bound")
	eventually(t, "a volume that pods of every user can write to", func() error {
		if mode := strings.TrimSpace(c.must("exec", "--node", "2", "--", "sh", "-c", "stat -c %a /tmp/hostpath_pv/*")); mode != "777" {
			return fmt.Errorf("mode: got %s, want 777", mode)
		}
		return nil
	})
	if out, _, status := c.run("exec", "--", "kubectl", "auth", "can-i", "list", "secrets", "--as=system:serviceaccount:default:default"); status == 0 {
		t.Errorf("RBAC: a service account may list secrets: %s", out)
	}
}

func testDeath(t *testing.T, c cluster) {
	for _, part := range c.status().Parts {
		if part.Name == "kube-scheduler" {
			c.exec("kill", "-9", fmt.Sprint(part.PID))
		}
	}
	eventually(t, "status", func() error {
		if phase := c.status().Phase; phase != "Degraded" {
			return fmt.Errorf("phase: got %s, want Degraded", phase)
		}
		return nil
	})
	out, _, status := c.run("status")
	if status == 0 {
		t.Error("status: got exit status 0, want another")
	}
	wantContains(t, "status", out, "kube-scheduler ended at")
	wantContains(t, "log", c.must("logs", "kube-scheduler"), "kube-scheduler ended at")
	// The others go on.
	c.exec("kubectl", "get", "nodes")
}

// TestKilled kills the first process of one of two clusters with the same addresses: the other does not notice, and up cleans and starts anew.
func TestKilled(t *testing.T) {
	one := newCluster(t, name("one"))
	other := newCluster(t, name("other"))
	one.exec("kubectl", "create", "namespace", "mark")
	if _, _, status := other.run("exec", "--", "kubectl", "get", "namespace", "mark"); status == 0 {
		t.Error("two clusters: the second has what was made in the first")
	}
	// From one of them, the other's processes cannot be seen: it must not be taken for dead, and its folder not be removed.
	if _, errs, status := one.run("exec", "--", one.program, "down", "--name", other.name); status == 0 || !strings.Contains(errs, "cannot be seen") {
		t.Errorf("down of another cluster inside: got status %d, %q, want a refusal", status, errs)
	}
	wantContains(t, "status of another cluster inside", one.exec(one.program, "status", "--name", other.name), ": Running")
	if err := syscall.Kill(one.status().Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "status", func() error {
		if phase := one.status().Phase; phase != "Dead" {
			return fmt.Errorf("phase: got %s, want Dead", phase)
		}
		return nil
	})
	if _, errs, status := one.run("exec", "--", "true"); status == 0 || !strings.Contains(errs, "Dead") {
		t.Errorf("exec in a dead cluster: got status %d, %q, want a refusal", status, errs)
	}
	other.exec("kubectl", "get", "nodes")
	wantContains(t, "up", one.must("up"), "removing what is left")
	if _, _, status := one.run("exec", "--", "kubectl", "get", "namespace", "mark"); status == 0 {
		t.Error("the cluster that came up anew has old state")
	}
}
