package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kindPlace runs the cluster with kind. Docker's network reaches from the machine to the nodes, so this machine is outside enough. On
// Linux only: elsewhere Docker runs in a virtual machine, whose network the machine does not see.
type kindPlace struct{ workshop }

// kindName is not plain "demo": kind's clusters are the user's on the whole machine, and one of that name need not be this demo's.
const kindName = "cloudgate-demo"

func (kindPlace) String() string { return fmt.Sprintf("called %q in kind", kindName) }

func kindWorks(ctx context.Context) bool {
	return exec.CommandContext(ctx, "kind", "version").Run() == nil && exec.CommandContext(ctx, "docker", "info").Run() == nil
}

func (kindPlace) prepare(_ context.Context, t *task) error {
	for _, program := range []string{"docker", "kind", "kubectl"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("install %s, or use the cluster without Docker: bin/demo-cluster -on own up", program)
		}
	}
	t.note = "nothing is missing"
	return nil
}

func (kindPlace) build() []string { return []string{"bin/helm"} }

func (p kindPlace) kubeconfig() string { return filepath.Join(p.dir, "kubeconfig") }

func (p kindPlace) kind(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "kind", append(args, "--name", kindName)...)
}

func (p kindPlace) up(ctx context.Context, t *task) error {
	clusters, err := t.output(exec.CommandContext(ctx, "kind", "get", "clusters"))
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(clusters)) {
		if name == kindName {
			t.note = "is up already"
			if err := t.run(p.kind(ctx, "export", "kubeconfig", "--kubeconfig", p.kubeconfig())); err != nil {
				return err
			}
			// Whoever interrupts kind leaves a cluster that it lists all the same.
			return t.run(p.outside(ctx, "kubectl", "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=3m"))
		}
	}
	return t.show(p.kind(ctx, "create", "cluster", "--wait", "3m", "--kubeconfig", p.kubeconfig()))
}

func (p kindPlace) load(ctx context.Context, t *task, tar string) error {
	return t.run(p.kind(ctx, "load", "image-archive", tar))
}

func (p kindPlace) outside(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig(), "KUBECACHEDIR="+filepath.Join(filepath.Dir(p.kubeconfig()), "kube-cache"))
	return cmd
}

func (p kindPlace) down(ctx context.Context, t *task) error {
	return t.show(p.kind(ctx, "delete", "cluster", "--kubeconfig", p.kubeconfig()))
}

func (p kindPlace) knows(workshop) bool {
	_, err := os.Stat(p.kubeconfig())
	return err == nil
}

func (p kindPlace) goOn() string {
	return "  export KUBECONFIG=" + p.kubeconfig() + "\n  kubectl get gateways,httproutes -A    # the load balancers answer on Docker's network, here\n"
}
