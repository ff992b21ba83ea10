package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeKind puts programs in PATH that write down how they are called; kind lists the clusters. What was called is returned line by line.
func fakeKind(t *testing.T, clusters ...string) func() []string {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := `#!/bin/sh
echo "$(basename "$0") $*" >> "` + log + `"
case "$*" in "get clusters") printf '%s\n' ` + strings.Join(clusters, " ") + `;; esac
`
	for _, name := range []string{"kind", "docker", "kubectl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(content)), "\n")
	}
}

func TestKind(t *testing.T) {
	w := workshop{root: t.TempDir(), dir: t.TempDir()}
	config := filepath.Join(w.dir, "kubeconfig")
	for _, c := range []struct {
		name     string
		clusters []string
		do       func(context.Context, kindPlace, *task) error
		want     []string
	}{
		{"a cluster of the user's own is left alone", []string{"demo", "other"}, func(ctx context.Context, p kindPlace, t *task) error { return p.up(ctx, t) },
			[]string{"kind get clusters", "kind create cluster --wait 3m --kubeconfig " + config + " --name cloudgate-demo"}},
		{"the demo's own is used again once its nodes are ready", []string{"demo", "cloudgate-demo"},
			func(ctx context.Context, p kindPlace, t *task) error { return p.up(ctx, t) },
			[]string{"kind get clusters", "kind export kubeconfig --kubeconfig " + config + " --name cloudgate-demo",
				"kubectl wait --for=condition=Ready nodes --all --timeout=3m"}},
		{"images", nil, func(ctx context.Context, p kindPlace, t *task) error { return p.load(ctx, t, "echo.tar") },
			[]string{"kind load image-archive echo.tar --name cloudgate-demo"}},
		{"down takes the demo's own alone", []string{"demo", "cloudgate-demo"}, func(ctx context.Context, p kindPlace, t *task) error { return p.down(ctx, t) },
			[]string{"kind delete cluster --kubeconfig " + config + " --name cloudgate-demo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			called := fakeKind(t, c.clusters...)
			if err := c.do(t.Context(), kindPlace{w}, &task{log: io.Discard}); err != nil {
				t.Fatal(err)
			}
			if got := called(); !slices.Equal(got, c.want) {
				t.Errorf("called %q, want %q", got, c.want)
			}
		})
	}
}

// TestAutoPrefersKind where Docker and kind work, and remembers for down what was chosen.
func TestAutoPrefersKind(t *testing.T) {
	w := workshop{root: t.TempDir(), dir: t.TempDir()}
	fakeKind(t)
	p, err := choosePlace(t.Context(), w, "auto")
	if _, kind := p.(kindPlace); err != nil || !kind {
		t.Fatalf("got %v, %v, want kind", p, err)
	}
	if used := usedPlaces(w); len(used) != 1 || used[0] != p {
		t.Errorf("used places: got %v, want %v", used, p)
	}
	want := "KUBECONFIG=" + filepath.Join(w.dir, "kubeconfig")
	if cmd := p.outside(t.Context(), "kubectl", "get", "pods"); !slices.Contains(cmd.Env, want) {
		t.Errorf("a command outside the cluster does not have %s", want)
	}
}
