package charts

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what is rendered into testdata, and the tables of values into the READMEs")

// names are the charts. A release is called as its chart is.
var names = []string{"cloudgate", "fake-cloud"}

const namespace = "cloudgate-system"

// aClass asks for a class as a user would.
var aClass = []string{"--set", "gatewayClasses[0].name=fake", "--set", "gatewayClasses[0].provider=fake"}

// tryHelm runs Helm, with a home of its own, and returns what it printed.
func tryHelm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := filepath.Abs("../bin/helm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("bin/helm is not there: run `make bin/helm`")
		}
		t.Skip("bin/helm is not there: run `make bin/helm`")
	}
	home := t.TempDir()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=/dev/null")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func helm(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, err := tryHelm(t, args...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, errs)
	}
	return out
}

// render returns what the chart makes of the values that args give.
func render(t *testing.T, chart string, args ...string) string {
	t.Helper()
	return helm(t, append([]string{"template", chart, chart, "--namespace", namespace}, args...)...)
}

// documents are the documents in text, without their comments.
func documents(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for part := range strings.SplitSeq("\n"+text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(part), &u.Object); err != nil {
			t.Fatalf("%v in:\n%s", err, part)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
	return out
}

// objects are what the chart makes, decoded strictly: a field that Kubernetes does not know is an error.
func objects(t *testing.T, chart string, args ...string) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, gwv1.Install} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var out []runtime.Object
	for _, u := range documents(t, render(t, chart, args...)) {
		if u.GetKind() == "ServiceMonitor" {
			continue // is not a kind of Kubernetes; its golden file is read by eye
		}
		text, err := yaml.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		obj, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Errorf("%s %s: %v", u.GetKind(), u.GetName(), err)
			continue
		}
		out = append(out, obj)
	}
	return out
}

// only returns the objects of type T.
func only[T runtime.Object](all []runtime.Object) []T {
	var out []T
	for _, o := range all {
		if typed, ok := o.(T); ok {
			out = append(out, typed)
		}
	}
	return out
}
