package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// command runs a program of the cluster's PATH and returns what it printed.
func (w *world) command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, failure.String())
	}
	return out.String(), nil
}

// kubectl runs kubectl, which has to succeed.
func (w *world) kubectl(args ...string) string {
	w.Helper()
	out, err := w.command("kubectl", args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// helm runs Helm in the namespace of the charts. It has to succeed.
func (w *world) helm(args ...string) string {
	w.Helper()
	out, err := w.command("helm", append([]string{"--namespace", system}, args...)...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// app is a Deployment of the test's backend and a Service in front of it.
type app struct {
	name     string
	replicas int
	preStop  int    // seconds that a pod serves on after it has been asked to go
	gate     bool   // ready only once load balancers send it traffic
	node     string // where its pods run, empty for anywhere
	service  string // more of the Service's spec, a line of YAML
	protocol string // appProtocol of the port
	tls      string // a Secret: the Service's port speaks TLS with its certificate
}

// manifest is the Deployment and the Service.
func (a app) manifest() string {
	var pod strings.Builder
	if a.gate {
		pod.WriteString("      readinessGates: [{conditionType: cloudgate.dev/load-balancer-ready}]\n")
	}
	if a.node != "" {
		fmt.Fprintf(&pod, "      nodeName: %s\n", a.node)
	}
	port, args, mounts := 8080, "", ""
	if a.tls != "" {
		port, args, mounts = 8443, "        args: [-tls-cert=/tls/tls.crt, -tls-key=/tls/tls.key]\n", "        volumeMounts: [{name: tls, mountPath: /tls}]\n"
		fmt.Fprintf(&pod, "      volumes: [{name: tls, secret: {secretName: %s}}]\n", a.tls)
	}
	hook := ""
	if a.preStop > 0 {
		hook = fmt.Sprintf("        lifecycle: {preStop: {sleep: {seconds: %d}}}\n", a.preStop)
	}
	protocol := ""
	if a.protocol != "" {
		protocol = ", appProtocol: " + a.protocol
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
%[3]s      containers:
      - name: echo
        image: cloudgate-dev/echo:dev
        ports: [{name: http, containerPort: %[7]d}]
        readinessProbe: {httpGet: {path: /readyz, port: 8081}, periodSeconds: 1}
%[4]s---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{name: http, port: 80, targetPort: %[7]d%[5]s}]
%[6]s`, a.name, a.replicas, pod.String(), hook+args+mounts, protocol, a.service, port)
}

// serve applies apps of one pod each, and waits for them.
func (w *world) serve(names ...string) {
	w.Helper()
	for _, name := range names {
		w.apply(app{name: name, replicas: 1}.manifest())
	}
	w.ready(names...)
}

// ready waits until all pods of Deployments are available, and no other pods of theirs are left.
func (w *world) ready(deployments ...string) {
	w.Helper()
	for _, name := range deployments {
		w.eventually("Deployment "+name+" to be available", func() error {
			var d appsv1.Deployment
			if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: name}, &d); err != nil {
				return err
			}
			s := d.Status
			if n := *d.Spec.Replicas; s.ObservedGeneration < d.Generation || s.UpdatedReplicas != n || s.AvailableReplicas != n || s.Replicas != n {
				return fmt.Errorf("of %d replicas %d are updated, %d available, %d there", n, s.UpdatedReplicas, s.AvailableReplicas, s.Replicas)
			}
			return nil
		})
	}
}

// scale sets the replicas of a Deployment.
func (w *world) scale(deployment string, replicas int) {
	w.Helper()
	w.kubectl("scale", "-n", w.ns, "deployment/"+deployment, "--replicas="+strconv.Itoa(replicas))
}

// pods returns the pods with a label of a namespace that have not been told to go.
func (w *world) pods(namespace, key, value string) []corev1.Pod {
	w.Helper()
	var list corev1.PodList
	if err := w.client.List(w.ctx, &list, client.InNamespace(namespace), client.MatchingLabels{key: value}); err != nil {
		w.Fatal(err)
	}
	var there []corev1.Pod
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			there = append(there, p)
		}
	}
	return there
}

// signal sends a signal to the programs of a pod's containers, as a crash or an administrator on the node would.
func (w *world) signal(pod corev1.Pod, s syscall.Signal) {
	w.Helper()
	pids := w.processes(pod)
	if len(pids) == 0 {
		w.Fatalf("pod %s has no process", pod.Name)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil {
			w.Fatal(err)
		}
	}
}

// processes returns the processes of a pod, all but the one that holds its network.
func (w *world) processes(pod corev1.Pod) []int {
	w.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		w.Fatal(err)
	}
	var pids []int
	for _, file := range found {
		groups, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(groups), string(pod.UID)) {
			continue // it may have ended
		}
		folder := filepath.Dir(file)
		name, err := os.ReadFile(filepath.Join(folder, "comm"))
		if err != nil || strings.TrimSpace(string(name)) == "pause" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			w.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// memory returns the resident memory of each pod of a namespace in MiB. The kubelets' figures are older, by up to a quarter of a minute.
func (w *world) memory(namespace string) map[string]int {
	w.Helper()
	var list corev1.PodList
	if err := w.client.List(w.ctx, &list, client.InNamespace(namespace)); err != nil {
		w.Fatal(err)
	}
	used := map[string]int{}
	for _, pod := range list.Items {
		for _, pid := range w.processes(pod) {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				w.Fatal(err)
			}
			for line := range strings.Lines(string(status)) {
				if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
					kib, err := strconv.Atoi(strings.Fields(value)[0])
					if err != nil {
						w.Fatal(err)
					}
					used[pod.Name] += kib >> 10
				}
			}
		}
		if used[pod.Name] == 0 {
			w.Errorf("the memory of pod %s is not known", pod.Name)
		}
	}
	return used
}

// dump logs what a reader of a failure asks for: the objects of the test and the end of the logs of the system's pods.
func (w *world) dump() {
	for _, args := range [][]string{
		{"get", "-n", w.ns, "pods,services,endpointslices", "-o", "wide"},
		{"get", "-n", w.ns, "gateways,httproutes,loadbalancers.cloudgate.dev", "-o", "yaml"},
		{"get", "events", "-n", w.ns, "--sort-by=.lastTimestamp"},
		{"get", "-n", system, "pods", "-o", "wide"},
		{"logs", "-n", system, "-l", "app.kubernetes.io/name=cloudgate", "--all-containers", "--prefix", "--tail=60"},
		{"logs", "-n", system, "-l", "app.kubernetes.io/name=fake-cloud", "--all-containers", "--prefix", "--tail=60"},
	} {
		out, err := w.command("kubectl", args...)
		w.Logf("kubectl %s\n%s%v", strings.Join(args, " "), out, err)
	}
}
