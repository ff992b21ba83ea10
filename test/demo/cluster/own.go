package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// ownPlace runs the cluster with bin/cluster: namespaces on this machine, no Docker.
type ownPlace struct{ workshop }

// clusterName is what bin/cluster calls it, among the clusters of this source tree.
const clusterName = "demo"

func (ownPlace) String() string {
	return fmt.Sprintf("called %q in namespaces of this machine", clusterName)
}

// needs are programs that a build or a node of the cluster calls, and the Debian packages that have them.
var needs = []struct{ program, pack string }{
	{"nft", "nftables"},
	{"ip", "iproute2"},
	{"pkg-config", "pkg-config"},
	{"gcc", "gcc"},
}

func (p ownPlace) prepare(ctx context.Context, t *task) error {
	missing := p.missing(ctx)
	if len(missing) == 0 {
		t.note = "nothing is missing"
		return nil
	}
	fmt.Printf("    missing: %s\n", strings.Join(missing, " "))
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("not a Debian or Ubuntu: install these yourself (names of Debian's packages): %s", strings.Join(missing, " "))
	}
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := t.run(cmd); err != nil {
			return err
		}
	}
	if still := p.missing(ctx); len(still) > 0 {
		return fmt.Errorf("still missing: %s", strings.Join(still, " "))
	}
	t.note = "installed " + strings.Join(missing, " ")
	return nil
}

// missing are the packages to install.
func (ownPlace) missing(ctx context.Context) []string {
	var packs []string
	for _, n := range needs {
		if !installed(n.program) {
			packs = append(packs, n.pack)
		}
	}
	if exec.CommandContext(ctx, "pkg-config", "--exists", "libseccomp").Run() != nil {
		packs = append(packs, "libseccomp-dev", "libc6-dev")
	}
	return packs
}

// installed looks in the administrator's folders, too: the PATH of a root who came by su has none of them.
func installed(program string) bool {
	for _, path := range []string{program, "/usr/local/sbin/" + program, "/usr/sbin/" + program, "/sbin/" + program} {
		if _, err := exec.LookPath(path); err == nil {
			return true
		}
	}
	return false
}

func (ownPlace) build() []string { return []string{"bin/cluster", "bin/helm"} }

func (p ownPlace) cluster(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{args[0], "--name", clusterName}, args[1:]...)
	return exec.CommandContext(ctx, p.path("bin", "cluster"), args...)
}

func (p ownPlace) up(ctx context.Context, t *task) error { return t.show(p.cluster(ctx, "up")) }

func (p ownPlace) load(ctx context.Context, t *task, tar string) error {
	return t.run(p.cluster(ctx, "load", tar))
}

func (p ownPlace) outside(ctx context.Context, program string, args ...string) *exec.Cmd {
	return p.cluster(ctx, append([]string{"exec", "--", program}, args...)...)
}

func (p ownPlace) down(ctx context.Context, t *task) error {
	if _, err := os.Stat(p.path("bin", "cluster")); errors.Is(err, os.ErrNotExist) {
		if err := t.run(exec.CommandContext(ctx, "make", "bin/cluster")); err != nil {
			return err
		}
	}
	return t.show(p.cluster(ctx, "down"))
}

func (p ownPlace) knows(w workshop) bool {
	_, err := os.Stat(w.path("bin", "cluster"))
	return err == nil
}

func (p ownPlace) goOn() string {
	return fmt.Sprintf(`  bin/cluster shell --name demo                       # a shell beside the cluster, with kubectl: the load balancers answer there
  bin/cluster exec --name demo -- kubectl get gateways,httproutes -A
  export KUBECONFIG='%s'     # for a kubectl of your own on this machine
  bin/cluster logs --name demo kubelet                # and the other parts
`, p.path(".cache", "clusters", clusterName, "kubeconfig"))
}
