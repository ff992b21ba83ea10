// Package parts builds the programs that a cluster consists of, from the modules in test/cluster/parts, and keeps what it built in a cache
// that is keyed by everything that the result depends on. It knows nothing about how the programs are run.
package parts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"
	"syscall"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
)

// A part is one Go module and what is built from it.
type part struct {
	name     string
	dir      string   // the module
	packages []string // to build there
	files    []string // that come out
	sources  []string // what of the module the result depends on, relative to dir
	flags    []string
	symbols  map[string]string // set by the linker
	cgo      bool
	links    map[string]string // further names of files
}

var moduleFiles = []string{"go.mod", "go.sum"}

// kubePrograms are the names that the binary with all of Kubernetes answers to.
var kubePrograms = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}

func all(tree layout.Tree) ([]part, error) {
	kubeLinks := map[string]string{}
	for _, name := range kubePrograms {
		kubeLinks[name] = "kube"
	}
	version, err := kubeVersion(filepath.Join(tree.Parts(), "kube", "go.mod"))
	if err != nil {
		return nil, err
	}
	module := func(name string) string { return filepath.Join(tree.Parts(), name) }
	withMain := append([]string{"main.go"}, moduleFiles...)
	return []part{
		{name: "runc", dir: module("runc"), packages: []string{"github.com/opencontainers/runc"}, files: []string{"runc"},
			sources: moduleFiles, flags: []string{"-tags=seccomp"}, cgo: true},
		{name: "containerd", dir: module("containerd"), packages: []string{"tool"},
			files:   []string{"containerd", "containerd-shim-runc-v2", "ctr", "host-local", "bridge", "ptp", "loopback", "portmap"},
			sources: moduleFiles, flags: []string{"-tags=no_btrfs,no_devmapper,no_zfs"}},
		{name: "pause", dir: tree.Module(), packages: []string{"./cmd/pause"}, files: []string{"pause"}, sources: []string{"cmd/pause/main.go"}},
		{name: "coredns", dir: module("coredns"), packages: []string{"."}, files: []string{"coredns"}, sources: withMain},
		{name: "kube", dir: module("kube"), packages: []string{"."}, files: []string{"kube"}, sources: withMain, links: kubeLinks,
			symbols: version},
	}, nil
}

var kubeRequirement = regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)`)

// kubeVersion are the variables that tell Kubernetes its own version, which charts and clients ask for.
func kubeVersion(goMod string) (map[string]string, error) {
	data, err := os.ReadFile(goMod)
	if err != nil {
		return nil, err
	}
	found := kubeRequirement.FindSubmatch(data)
	if found == nil {
		return nil, fmt.Errorf("%s requires no k8s.io/kubernetes", goMod)
	}
	symbols := map[string]string{}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		symbols[pkg+".gitVersion"] = string(found[1])
		symbols[pkg+".gitMajor"] = string(found[2])
		symbols[pkg+".gitMinor"] = string(found[3])
		symbols[pkg+".gitTreeState"] = "clean"
	}
	return symbols, nil
}

// controlPlane are the parts that a cluster without nodes needs.
func controlPlane(name string) bool { return name == "kube" }

// Set is a choice of parts, built.
type Set struct {
	Key string // of all parts together
	Bin string // the folder with all the programs
}

// Program is the path of one of the programs. An error names those that there are.
func (s Set) Program(name string) (string, error) {
	entries, err := os.ReadDir(s.Bin)
	if err != nil {
		return "", err
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() == name {
			return filepath.Join(s.Bin, name), nil
		}
		names = append(names, entry.Name())
	}
	return "", fmt.Errorf("no program is called %q; these are there: %s", name, strings.Join(names, ", "))
}

// Built says where one part came from.
type Built struct {
	Part   string
	Cached bool
}

// Wanted are the parts that a cluster needs, and whether the cache has them.
type Wanted struct {
	tree    layout.Tree
	parts   []part
	keys    []string
	key     string
	missing []part
}

// Want looks at the sources and the cache. It builds nothing.
func Want(tree layout.Tree, controlPlaneOnly bool) (*Wanted, error) {
	want := &Wanted{tree: tree}
	var names []string
	known, err := all(tree)
	if err != nil {
		return nil, err
	}
	for _, part := range known {
		if controlPlaneOnly && !controlPlane(part.name) {
			continue
		}
		key, err := part.key()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		want.parts = append(want.parts, part)
		want.keys = append(want.keys, key)
		names = append(names, part.name+" "+key)
		if !part.built(want.store(part, key)) {
			want.missing = append(want.missing, part)
		}
	}
	sort.Strings(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	want.key = hex.EncodeToString(sum[:6])
	return want, nil
}

// Missing names the parts that have to be built.
func (w *Wanted) Missing() []string {
	var names []string
	for _, part := range w.missing {
		names = append(names, part.name)
	}
	return names
}

// Linked says whether the folder of the set has everything, so that there is nothing to do.
func (w *Wanted) Linked() bool {
	bin := w.Set().Bin
	for _, part := range w.parts {
		if !part.built(bin) {
			return false
		}
		for name := range part.links {
			if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
				return false
			}
		}
	}
	return true
}

// NeedsC says whether a part has to be built that is partly C.
func (w *Wanted) NeedsC() bool {
	for _, part := range w.missing {
		if part.cgo {
			return true
		}
	}
	return false
}

// Set is where the programs are once Build has returned.
func (w *Wanted) Set() Set {
	return Set{Key: w.key, Bin: filepath.Join(w.tree.Cache(), w.key, "bin")}
}

func (w *Wanted) store(part part, key string) string {
	return filepath.Join(w.tree.Cache(), "parts", part.name+"-"+key)
}

// Build builds what is missing and links everything into the folder of the set. What go says goes to log, and to the error if it fails.
// Only one process at a time may build in one tree: the caller holds the cache's lock.
func (w *Wanted) Build(ctx context.Context, log io.Writer, done func(Built)) (Set, error) {
	set := w.Set()
	if err := os.MkdirAll(set.Bin, 0o755); err != nil {
		return Set{}, err
	}
	for i, part := range w.parts {
		store := w.store(part, w.keys[i])
		cached := part.built(store)
		if !cached {
			if err := part.build(ctx, store, log); err != nil {
				return Set{}, err
			}
		}
		if err := part.link(store, set.Bin); err != nil {
			return Set{}, err
		}
		done(Built{Part: part.name, Cached: cached})
	}
	return set, nil
}

// key is a hash of all that the part's result depends on.
func (p part) key() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, "v1", p.name, p.packages, p.files, p.flags, p.defines(), p.cgo, runtime.Version(), runtime.GOARCH)
	for _, source := range p.sources {
		data, err := os.ReadFile(filepath.Join(p.dir, source))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", source, len(data), data)
	}
	return hex.EncodeToString(hash.Sum(nil)[:6]), nil
}

// defines are the linker's flags for the symbols.
func (p part) defines() string {
	flags := ""
	for _, name := range slices.Sorted(maps.Keys(p.symbols)) {
		flags += " -X " + name + "=" + p.symbols[name]
	}
	return flags
}

func (p part) built(store string) bool {
	for _, file := range p.files {
		if _, err := os.Stat(filepath.Join(store, file)); err != nil {
			return false
		}
	}
	return true
}

func (p part) build(ctx context.Context, store string, log io.Writer) (err error) {
	temp := store + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w" + p.defines()}
	args = append(args, p.flags...)
	args = append(append(args, "-o", temp+"/"), p.packages...)
	compiler := Find("go")
	if compiler == "" {
		return fmt.Errorf("building %s: there is no go in PATH (sudo leaves PATH out, sudo env \"PATH=$PATH\" does not)", p.name)
	}
	cmd := exec.CommandContext(ctx, compiler, args...)
	// Whoever builds next must not find this one still at it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if p.cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	tail := &tail{}
	cmd.Stdout = io.MultiWriter(log, tail)
	cmd.Stderr = cmd.Stdout
	if err := cmd.Run(); err != nil {
		return errors.Join(fmt.Errorf("building %s: go %s: %w\n%s", p.name, strings.Join(args, " "), err, tail), os.RemoveAll(temp))
	}
	if !p.built(temp) {
		return fmt.Errorf("building %s: go made something else than %v", p.name, p.files)
	}
	if err := os.RemoveAll(store); err != nil {
		return err
	}
	return os.Rename(temp, store)
}

// link puts the part's files into bin under all their names.
func (p part) link(store, bin string) error {
	for _, file := range p.files {
		if err := replace(filepath.Join(bin, file), func(path string) error { return os.Link(filepath.Join(store, file), path) }); err != nil {
			return err
		}
	}
	for name, file := range p.links {
		if err := replace(filepath.Join(bin, name), func(path string) error { return os.Symlink(file, path) }); err != nil {
			return err
		}
	}
	return nil
}

// replace makes path anew unless it is there: a cluster that runs from it must not see it vanish.
func replace(path string, create func(string) error) error {
	err := create(path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(data []byte) (int, error) {
	t.data = append(t.data, data...)
	if len(t.data) > 8192 {
		t.data = append([]byte(nil), t.data[len(t.data)-4096:]...)
	}
	return len(data), nil
}

func (t *tail) String() string { return string(t.data) }
