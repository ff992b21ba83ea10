package parts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
)

func TestKey(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "go.mod")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(source, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(p part) string {
		t.Helper()
		key, err := p.key()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	one := part{name: "one", dir: dir, sources: []string{"go.mod"}, flags: []string{"-tags=a"}}
	write("module one")
	before := key(one)
	if got := key(one); got != before {
		t.Errorf("the same sources: got %s, want %s", got, before)
	}
	write("module other")
	if got := key(one); got == before {
		t.Error("other sources: the same key")
	}
	write("module one")
	flagged := one
	flagged.flags = []string{"-tags=b"}
	if got := key(flagged); got == before {
		t.Error("other flags: the same key")
	}
	one.sources = []string{"not-there"}
	if _, err := one.key(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a source that is not there: got %v, want an error", err)
	}
}

func TestKubeVersion(t *testing.T) {
	symbols, err := kubeVersion(filepath.Join("..", "..", "parts", "kube", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if got := symbols["k8s.io/component-base/version.gitMajor"]; got != "1" {
		t.Errorf("major version: got %q, want 1", got)
	}
	empty := filepath.Join(t.TempDir(), "go.mod")
	if err := os.WriteFile(empty, []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kubeVersion(empty); err == nil {
		t.Error("a module without Kubernetes: got no error")
	}
}

// TestLinked: the set is complete only with every file and every name that leads to one.
func TestLinked(t *testing.T) {
	tree := layout.Tree{Root: t.TempDir()}
	wanted := &Wanted{tree: tree, key: "set", parts: []part{{name: "one", files: []string{"one"}, links: map[string]string{"uno": "one"}}}}
	if err := os.MkdirAll(wanted.Set().Bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "uno"} {
		if wanted.Linked() {
			t.Errorf("without %s: got complete", name)
		}
		if err := os.WriteFile(filepath.Join(wanted.Set().Bin, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !wanted.Linked() {
		t.Error("with everything: got incomplete")
	}
	if _, err := wanted.Set().Program("dos"); err == nil {
		t.Error("a program that is not there: got no error")
	}
}
