package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cloudgate-dev/cloudgate"

// goPackage is what `go list -json` tells of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// local returns the path within the module: "pkg/ir".
func (p goPackage) local() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Standard,GoFiles,Imports,Deps", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// under tells whether path is prefix or below it.
func under(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

func underAny(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return under(path, p) })
}

// arrow says what the packages of a folder may import.
type arrow struct {
	folder string
	except []string // folders in it with an arrow of their own
	reason string
	// only is what may be imported of this module; nil means anything.
	only []string
	// never is what may not be imported of others, directly or through any package.
	never []string
	// stdlib allows the standard library only.
	stdlib bool
}

var cloudSDKs = []string{"github.com/aws", "cloud.google.com", "google.golang.org/api", "github.com/Azure"}

var arrows = []arrow{
	{
		folder: "pkg/ir", stdlib: true,
		reason: "the IR is in nobody's dialect",
	},
	{
		folder: "pkg", except: []string{"pkg/ir", "pkg/proxy"}, only: []string{"pkg"},
		never:  append([]string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime/pkg/client", "sigs.k8s.io/controller-runtime/pkg/manager"}, cloudSDKs...),
		reason: "pkg is the pure core: no Kubernetes client and no cloud SDK",
	},
	{
		folder: "pkg/proxy", only: []string{"pkg/proxy"}, never: []string{"k8s.io", "sigs.k8s.io"},
		reason: "the data path knows nothing of Kubernetes or of the rest of the house",
	},
	{
		folder: "providers", only: []string{"pkg", "providers"}, never: []string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"},
		reason: "a provider knows its cloud and the contract",
	},
	{
		folder: "reconciler", only: []string{"pkg", "reconciler"}, never: cloudSDKs,
		reason: "the controller knows providers by their contract only",
	},
	{
		folder: "fake-cloud", only: []string{"pkg/proxy", "fake-cloud"}, never: []string{"k8s.io", "sigs.k8s.io"},
		reason: "an emulator that shares our code shares our mistakes",
	},
}

// violations returns what p imports against a.
func (a arrow) violations(p goPackage) []string {
	var found []string
	for _, imported := range p.Imports {
		local, ours := strings.CutPrefix(imported, module+"/")
		switch {
		case a.stdlib && strings.Contains(strings.Split(imported, "/")[0], "."):
			found = append(found, imported)
		case ours && a.only != nil && !underAny(local, a.only):
			found = append(found, imported)
		}
	}
	for _, dep := range p.Deps {
		if underAny(dep, a.never) {
			found = append(found, dep)
		}
	}
	return found
}

func TestArrows(t *testing.T) {
	packages := listPackages(t)
	for _, a := range arrows {
		t.Run(a.folder, func(t *testing.T) {
			seen := 0
			for _, p := range packages {
				if !under(p.local(), a.folder) || underAny(p.local(), a.except) {
					continue
				}
				seen++
				for _, v := range a.violations(p) {
					t.Errorf("%s imports %s: %s", p.local(), v, a.reason)
				}
			}
			if seen == 0 {
				t.Errorf("no package under %s: this arrow holds nothing", a.folder)
			}
		})
	}
}

// TestArrowsCanFail shows that the check finds what it is there to find.
func TestArrowsCanFail(t *testing.T) {
	tests := []struct {
		name    string
		folder  string
		imports []string
		deps    []string
		want    []string
	}{
		{"ir takes the standard library", "pkg/ir", []string{"net/netip", "time"}, nil, nil},
		{"ir takes nothing else", "pkg/ir", []string{"github.com/google/go-cmp/cmp"}, nil, []string{"github.com/google/go-cmp/cmp"}},
		{"pkg does not look up", "pkg", []string{module + "/reconciler"}, nil, []string{module + "/reconciler"}},
		{"pkg has no client, however far", "pkg", nil, []string{"k8s.io/client-go/rest"}, []string{"k8s.io/client-go/rest"}},
		{"Kubernetes types are fine in pkg", "pkg", []string{"k8s.io/api/core/v1"}, []string{"k8s.io/api/core/v1"}, nil},
		{"fake-cloud takes the proxy", "fake-cloud", []string{module + "/pkg/proxy/route"}, nil, nil},
		{"fake-cloud takes nothing else", "fake-cloud", []string{module + "/pkg/ir"}, nil, []string{module + "/pkg/ir"}},
		{"reconciler knows no provider", "reconciler", []string{module + "/providers/fake"}, nil, []string{module + "/providers/fake"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := slices.IndexFunc(arrows, func(a arrow) bool { return a.folder == tt.folder })
			got := arrows[i].violations(goPackage{Imports: tt.imports, Deps: tt.deps})
			if !slices.Equal(got, tt.want) {
				t.Errorf("violations = %q, want %q", got, tt.want)
			}
		})
	}
}
