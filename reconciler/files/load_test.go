package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler/files"
)

const service = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  ports:
  - port: 80
`

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, gwv1.Install} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}

// load reads a stream and lists what was taken, with its place, and what was not.
func load(t *testing.T, text string) (objects, problems []string, set files.Set) {
	t.Helper()
	set = files.Load(files.Config{Paths: []string{files.Stdin}, Stdin: strings.NewReader(text), Scheme: scheme()})
	for _, o := range set.Objects {
		kind := o.GetObjectKind().GroupVersionKind().Kind
		objects = append(objects, fmt.Sprintf("%s %s/%s %s", kind, o.GetNamespace(), o.GetName(), o.Origin))
	}
	for _, p := range set.Problems {
		problems = append(problems, p.String())
	}
	return objects, problems, set
}

func TestLoad(t *testing.T) {
	tests := []struct {
		reason, text      string
		objects, problems []string
	}{
		{"an empty stream has nothing", "", nil, nil},
		{"comments and empty documents are nothing", "# hello\n---\n---\n# x\n", nil, nil},
		{
			"documents are told apart, and namespaces come with their objects", service + "---\n# two\napiVersion: v1\nkind: Service\nmetadata:\n  name: api\n",
			[]string{"Service shop/web stdin:1", "Service default/api stdin:9", "Namespace /shop stdin:1", "Namespace /default stdin:9"}, nil,
		},
		{
			"a list holds objects", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: b}\n",
			[]string{"Namespace /a stdin:4", "Namespace /b stdin:7"}, nil,
		},
		{"JSON is YAML", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}`, []string{"Namespace /a stdin:1"}, nil},
		{
			"an older version is read as the present one", "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: GatewayClass\nmetadata: {name: fake}\n",
			[]string{"GatewayClass /fake stdin:1"}, nil,
		},
		{
			"an unknown kind is left out with a warning", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n", nil,
			[]string{"stdin:1: warning: apps/v1 Deployment is left out: Cloudgate does not read this kind"},
		},
		{
			"an unknown field is told with its line", "---\n" + strings.Replace(service, "  - port: 80\n", "  - port: 80\n    prot: TCP\n", 1), nil,
			[]string{`stdin:8: Service web: unknown field "spec.ports[0].prot"`},
		},
		{
			"a field that stands twice is told with its line", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  name: b\n", nil,
			[]string{`stdin:5: key "name" already set in map`},
		},
		{
			"a value of the wrong type is told", strings.Replace(service, "80", "http", 1), nil,
			[]string{"stdin:5: spec.ports.port: a string cannot stand here"},
		},
		{
			"broken YAML is told with its line, and the next document is taken", "a: b\n  c: [\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
			[]string{"Namespace /a stdin:4"}, []string{"stdin:2: mapping values are not allowed in this context"},
		},
		{"something else is told", "hello\n---\n[1, 2]\n---\na: b\n", nil, []string{
			"stdin:1: not a Kubernetes object", "stdin:3: not a Kubernetes object", "stdin:5: not a Kubernetes object: apiVersion and kind are required",
		}},
		{
			"of two with one name the first is taken", service + "---\n" + service, []string{"Service shop/web stdin:1", "Namespace /shop stdin:1"},
			[]string{"stdin:8: Service shop/web is defined twice: the first is at stdin:1"},
		},
		{
			"names are checked", "apiVersion: v1\nkind: Service\nmetadata:\n  name: A_b\n---\napiVersion: v1\nkind: Service\nmetadata: {}\n", nil,
			[]string{
				`stdin:4: Service: the name "A_b" is not allowed: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
				"stdin:6: Service without a name",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			objects, problems, _ := load(t, test.text)
			if diff := cmp.Diff(test.objects, objects); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadDoesWhatAnAPIServerDoes(t *testing.T) {
	_, _, set := load(t, service+`---
apiVersion: v1
kind: Secret
metadata: {name: s, uid: abc, resourceVersion: "7", managedFields: [{manager: me}]}
stringData: {a: hello}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: fake, listeners: []}
status: {nonsense: true}
`)
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	for _, o := range set.Objects {
		switch obj := o.Object.(type) {
		case *corev1.Service:
			if p := obj.Spec.Ports[0]; p.TargetPort.IntValue() != 80 || p.Protocol != corev1.ProtocolTCP {
				t.Errorf("port %+v", p)
			}
		case *corev1.Secret:
			if string(obj.Data["a"]) != "hello" || obj.StringData != nil || obj.UID != "" || obj.ResourceVersion != "" {
				t.Errorf("secret %s %q %q", obj.Data["a"], obj.UID, obj.ResourceVersion)
			}
		case *corev1.Namespace:
			if obj.Labels["kubernetes.io/metadata.name"] != obj.Name {
				t.Errorf("labels of namespace %s: %v", obj.Name, obj.Labels)
			}
		case *gwv1.Gateway:
			if len(obj.Status.Conditions) != 0 {
				t.Errorf("status %v", obj.Status)
			}
		}
	}
}

func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n", "a.json": `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}`,
		"sub/c.yml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: c}\n", ".hidden/d.yaml": "nonsense", "README.md": "nonsense", ".e.yaml": "nonsense",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again := filepath.Join(dir, "sub", "..", "b.yaml") // named twice, read once
	set := files.Load(files.Config{Paths: []string{dir, again, filepath.Join(dir, "missing")}, Scheme: scheme()})
	var names []string
	for _, o := range set.Objects {
		names = append(names, o.GetName())
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	if err := set.Err(); err == nil || !strings.HasSuffix(err.Error(), "missing: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(service)
	f.Add("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Namespace, metadata: {name: a}}]\n")
	f.Add("---\n&a [*a]\n")
	known := scheme()
	f.Fuzz(func(t *testing.T, text string) {
		set := files.Load(files.Config{Paths: []string{files.Stdin}, Stdin: strings.NewReader(text), Scheme: known})
		for _, o := range set.Objects {
			if o.GetName() == "" {
				t.Error("an object without a name")
			}
		}
		_ = set.Err()
	})
}
