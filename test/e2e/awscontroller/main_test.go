package awscontroller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const (
	region = "us-east-1"
	// system is the namespace of the fake cloud and of the controller.
	system = "cloudgate-system"
	// resync is how often the controller looks at everything anew.
	resync = 20 * time.Second
	// patience bounds every wait. It is generous: a slow machine is no failure.
	patience = 2 * time.Minute
	// between is what lies between two looks.
	between = 250 * time.Millisecond
)

// cluster is the name of the cluster under test, as the controller and tags in AWS have it. It is empty where there is none.
var cluster = os.Getenv("AWSCONTROLLER_CLUSTER")

// world is a namespace of the cluster, and the account.
type world struct {
	*testing.T
	*account
	ns string
}

// settle takes a namespace for a story.
func settle(t *testing.T, a *account, story string) *world {
	t.Helper()
	w := &world{T: t, account: a, ns: namespaceOf(story)}
	w.kubectl("", "create", "namespace", w.ns)
	return w
}

// on is the same world in another test.
func (w *world) on(t *testing.T) *world {
	w.T = t
	t.Cleanup(func() {
		if t.Failed() {
			w.dump()
		}
	})
	return w
}

// leave deletes the namespaces of all stories, with all that is in them, and waits until they are gone.
func leave(t *testing.T) {
	t.Helper()
	args := []string{"delete", "namespace", "--ignore-not-found", "--timeout=4m"}
	for _, s := range stories {
		args = append(args, namespaceOf(s.name))
	}
	if _, err := command("", "kubectl", args...); err != nil {
		t.Fatal(err)
	}
}

func namespaceOf(story string) string { return "story-" + story }

// command runs a program of the cluster's PATH, with an input, and returns what it printed.
func command(input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, failure bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &failure
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, failure.String())
	}
	return out.String(), nil
}

// kubectl runs kubectl, which has to succeed.
func (w *world) kubectl(input string, args ...string) string {
	w.Helper()
	out, err := command(input, "kubectl", args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) apply(manifests string) {
	w.Helper()
	w.kubectl(manifests, "apply", "-n", w.ns, "-f", "-")
}

// serve applies apps, and waits for their pods.
func (w *world) serve(apps ...app) {
	w.Helper()
	for _, a := range apps {
		w.apply(a.manifest())
	}
	for _, a := range apps {
		w.kubectl("", "rollout", "status", "-n", w.ns, "deployment/"+a.name, "--timeout=3m")
	}
}

// get reads one field of an object, by a JSONPath.
func (w *world) get(kind, name, path string) (string, error) {
	return command("", "kubectl", "get", kind, name, "-n", w.ns, "-o", "jsonpath={"+path+"}")
}

// hostname waits until an object's status names a load balancer, and returns the name.
func (w *world) hostname(kind, name, path string) string {
	w.Helper()
	var host string
	w.eventually(kind+" "+name+" to have a load balancer", func() (err error) {
		if host, err = w.get(kind, name, path); err == nil && host == "" {
			err = errors.New("its status names none")
		}
		return err
	})
	return host
}

func (w *world) eventually(what string, try func() error) {
	w.Helper()
	within(w, what, try)
}

func within(t testing.TB, what string, try func() error) {
	t.Helper()
	traffic.Within(t, patience, between, what, try)
}

// visit makes a visitor of a load balancer, whose name the DNS of the account answers for.
func (w *world) visit(host string) *traffic.Visitor {
	return traffic.Visit(w, func(port string) (string, error) {
		address, err := w.lookup(host)
		return net.JoinHostPort(address, port), err
	}, w.certificate.Pool())
}

// serves waits until a URL answers as wanted: load balancers check their targets before they send them anything.
func (w *world) serves(v *traffic.Visitor, url string, status int, backend string) {
	w.Helper()
	w.eventually(url+" to be answered", func() error { return v.Answers(url, status, backend) })
}

// dump logs what a reader of a failure asks for.
func (w *world) dump() {
	for _, args := range [][]string{
		{"get", "-n", w.ns, "pods,services,ingresses,gateways,httproutes,targetgroupbindings", "-o", "wide"},
		{"get", "events", "-n", w.ns, "--sort-by=.lastTimestamp"},
		{"logs", "-n", system, "-l", "app.kubernetes.io/name=aws-load-balancer-controller", "--tail=60"},
		{"logs", "-n", system, "-l", "app.kubernetes.io/name=fake-cloud", "--tail=40"},
	} {
		out, err := command("", "kubectl", args...)
		w.Logf("kubectl %s\n%s%v", strings.Join(args, " "), out, err)
	}
}

// app is a Deployment of the test's backend, and a Service in front of it.
type app struct {
	name     string
	replicas int
	service  string // more of the Service's spec, a line of YAML
}

func (a app) manifest() string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers:
      - name: echo
        image: cloudgate-dev/echo:dev
        lifecycle: {preStop: {sleep: {seconds: 5}}} # until load balancers know
        readinessProbe: {httpGet: {path: /readyz, port: 8081}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: https, port: 443, targetPort: 8443}
  - {name: lines, port: 7000, targetPort: 7000}
  - {name: datagrams, port: 7001, targetPort: 7001, protocol: UDP}
%[3]s`, a.name, max(a.replicas, 1), a.service)
}
