package dev

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/files"
)

const gatewayYAML = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: NAME}
spec:
  gatewayClassName: fake
  listeners:
  - {name: http, port: PORT, protocol: HTTP}
`

func gatewayNamed(name, port string) string {
	return strings.NewReplacer("NAME", name, "PORT", port).Replace(gatewayYAML)
}

// recorder is a target that remembers.
type recorder struct {
	has   map[string]client.Object
	calls []string
}

func (r *recorder) Apply(objects ...client.Object) error {
	for _, o := range objects {
		r.has[keyOf(o).String()] = o
		r.calls = append(r.calls, "apply "+keyOf(o).String())
	}
	return nil
}

func (r *recorder) Delete(objects ...client.Object) error {
	for _, o := range objects {
		delete(r.has, keyOf(o).String())
		r.calls = append(r.calls, "delete "+keyOf(o).String())
	}
	return nil
}

func (r *recorder) names() []string {
	names := []string{}
	for name := range r.has {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

type folderTest struct {
	*testing.T
	dir    string
	target *recorder
	source *source
}

func newFolderTest(t *testing.T) *folderTest {
	dir := t.TempDir()
	target := &recorder{has: map[string]client.Object{}}
	return &folderTest{T: t, dir: dir, target: target, source: newSource(newFolder(reconciler.Scheme(), dir), target, defaultClass("fake"))}
}

func (t *folderTest) write(name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(t.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sync reads the files, all of them again, and returns the problems.
func (t *folderTest) sync(changed ...string) []files.Problem {
	t.Helper()
	touched := map[string]bool{}
	for _, c := range changed {
		touched[filepath.Join(t.dir, c)] = true
	}
	problems, err := t.source.sync(touched)
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

func (t *folderTest) port(gateway string) gwv1.PortNumber {
	t.Helper()
	g, ok := t.target.has["Gateway default/"+gateway].(*gwv1.Gateway)
	if !ok {
		t.Fatalf("there is no Gateway %s, but %q", gateway, t.target.names())
	}
	return g.Spec.Listeners[0].Port
}

func TestAFolderIsWhatItsFilesHold(t *testing.T) {
	f := newFolderTest(t)
	f.write("a.yaml", gatewayNamed("a", "80"))
	f.write("b.yaml", gatewayNamed("b", "80")+"---\n"+gatewayNamed("c", "80"))
	f.write(".c.yaml.swp", "{{{")
	if problems := f.sync(); len(problems) != 0 {
		t.Fatalf("problems: %v", problems)
	}
	want := []string{"Gateway default/a", "Gateway default/b", "Gateway default/c", "GatewayClass fake", "Namespace default"}
	if got := f.target.names(); !slices.Equal(got, want) {
		t.Errorf("has %q, want %q", got, want)
	}

	if err := os.Remove(filepath.Join(f.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	f.write("b.yaml", gatewayNamed("c", "81"))
	f.sync("a.yaml", "b.yaml")
	want = []string{"Gateway default/c", "GatewayClass fake", "Namespace default"}
	if got := f.target.names(); !slices.Equal(got, want) {
		t.Errorf("after an edit and a deletion it has %q, want %q", got, want)
	}
	if got := f.port("c"); got != 81 {
		t.Errorf("port = %d, want 81", got)
	}
}

// TestWhatGoesGoesLast: what only gets another name is not missing in between.
func TestWhatGoesGoesLast(t *testing.T) {
	f := newFolderTest(t)
	f.write("a.yaml", gatewayNamed("b", "80"))
	f.sync()
	f.target.calls = nil
	f.write("a.yaml", gatewayNamed("c", "80"))
	f.sync("a.yaml")
	if want := []string{"apply Gateway default/c", "delete Gateway default/b"}; !slices.Equal(f.target.calls, want) {
		t.Errorf("want %q, got %q", want, f.target.calls)
	}
}

func TestABrokenFileKeepsWhatItHad(t *testing.T) {
	f := newFolderTest(t)
	f.write("a.yaml", gatewayNamed("a", "80"))
	f.sync()
	f.write("a.yaml", strings.Replace(gatewayNamed("a", "81"), "protocol: HTTP}", "protocol: HTTP", 1))
	problems := f.sync("a.yaml")
	if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), filepath.Join(f.dir, "a.yaml")+":") {
		t.Errorf("problems = %v, want one that names file and line", problems)
	}
	if got := f.port("a"); got != 80 {
		t.Errorf("port = %d, want 80 as before", got)
	}
	f.write("a.yaml", gatewayNamed("a", "82"))
	if problems := f.sync("a.yaml"); len(problems) != 0 {
		t.Errorf("problems after the repair: %v", problems)
	}
	if got := f.port("a"); got != 82 {
		t.Errorf("port = %d, want 82", got)
	}
}

func TestAnObjectOfTwoFilesIsReported(t *testing.T) {
	f := newFolderTest(t)
	f.write("a.yaml", gatewayNamed("a", "80"))
	f.write("b.yaml", gatewayNamed("a", "81"))
	problems := f.sync()
	if len(problems) != 1 || problems[0].Origin.File != filepath.Join(f.dir, "b.yaml") {
		t.Errorf("problems = %v, want one of b.yaml", problems)
	}
	if got := f.port("a"); got != 80 {
		t.Errorf("port = %d, want that of the first file, 80", got)
	}
}

func TestAClassOfTheUserIsEnough(t *testing.T) {
	f := newFolderTest(t)
	f.write("class.yaml", "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: mine}\nspec: {controllerName: cloudgate.dev/fake}\n")
	f.sync()
	if want, got := []string{"GatewayClass mine"}, f.target.names(); !slices.Equal(got, want) {
		t.Errorf("has %q, want %q", got, want)
	}
}

func TestWatchSeesAFileThatIsReplaced(t *testing.T) {
	dir := t.TempDir()
	w, err := newWatcher([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	tmp, path := filepath.Join(dir, ".a.tmp"), filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(tmp, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
	changed, err := w.next(t.Context(), nil)
	if err != nil || !changed[path] {
		t.Errorf("changed = %v, %v; want %s", changed, err, path)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := w.next(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(dir, "sub", "b.yaml")
	if err := os.WriteFile(inner, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := w.next(t.Context(), nil); err != nil || !changed[inner] {
		t.Errorf("changed = %v, %v; want %s in a new folder", changed, err, inner)
	}
}
