package inspect_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
)

func offline(t *testing.T) inspect.Providers {
	t.Helper()
	p, err := fake.New(fake.Config{Endpoint: "http://fake.invalid"})
	if err != nil {
		t.Fatal(err)
	}
	return inspect.Providers{p.Name(): p}
}

func planFiles(t *testing.T, format string, paths ...string) (string, inspect.Scene) {
	t.Helper()
	providers := offline(t)
	scene, err := inspect.FromFiles(paths, nil, providers)
	if err != nil {
		t.Fatal(err)
	}
	plans, err := inspect.Plan(t.Context(), scene, providers, inspect.Nothing)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := plans.Write(&b, format, false); err != nil {
		t.Fatal(err)
	}
	return b.String(), scene
}

func TestPlanOfFiles(t *testing.T) {
	got, _ := planFiles(t, "text", "testdata/shop.yaml", "testdata/broken.yaml")
	want := `Gateway shop/web on fake: 5 to create, 0 to update, 0 to delete
  + loadbalancer/shop/web                                 internet
  + listener/http-18080                                   HTTP on port 18080
  + pool/shop/web-v1/80/http1                             HTTP1, 1 member
  + pool/shop/web-v2/80/http1                             HTTP1, 1 member
  + rule/http-18080/http/HTTPRoute/shop/web/e0ac6d8d4dd3  www.example.com/… → shop/web-v1/80/http1 (3), shop/web-v2/80/http1 (1)
Problems:
  ! HTTPRoute shop/lost: Accepted=False, NoMatchingParent: Gateway shop/web has no listener with name https. Correct sectionName or port.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEveryExample plans what users copy: all of it has to be readable, and to become something.
func TestEveryExample(t *testing.T) {
	dirs, err := filepath.Glob("../../../examples/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			raw, scene := planFiles(t, "json", dir)
			var plans struct {
				Gateways []struct {
					Gateway string
					Plan    struct {
						Counts struct{ Create, Update, Delete int }
					}
				}
			}
			if err := json.Unmarshal([]byte(raw), &plans); err != nil {
				t.Fatal(err)
			}
			foreign := slices.DeleteFunc(slices.Clone(scene.Warnings), func(w string) bool {
				return strings.Contains(w, "backends.yaml:") // pods are a cluster's
			})
			if len(plans.Gateways) == 0 || len(foreign) > 0 {
				t.Errorf("%d Gateways, warnings: %v", len(plans.Gateways), foreign)
			}
			for _, g := range plans.Gateways {
				if g.Plan.Counts.Create < 2 || g.Plan.Counts.Update+g.Plan.Counts.Delete > 0 {
					t.Errorf("%s: %+v", g.Gateway, g.Plan.Counts)
				}
			}
		})
	}
}

func TestNoPlanTellsAKey(t *testing.T) {
	for _, format := range []string{"text", "json", "yaml"} {
		got, _ := planFiles(t, format, "../../../pkg/translate/testdata/https/in.yaml")
		if !strings.Contains(got, "certificate/") {
			t.Errorf("%s: there is no certificate in the plan", format)
		}
		if strings.Contains(got, "PRIVATE KEY") || strings.Contains(got, "tls.key") {
			t.Errorf("%s: a key is told", format)
		}
	}
}

func TestSceneOfFiles(t *testing.T) {
	providers := offline(t)
	in := strings.NewReader(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ours}
spec: {gatewayClassName: fake, listeners: [{name: a, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: other}
spec: {controllerName: example.com/other}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: theirs}
spec: {gatewayClassName: other, listeners: [{name: a, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: nobodys}
spec: {gatewayClassName: missing, listeners: [{name: a, port: 80, protocol: HTTP}]}
`)
	scene, err := inspect.FromFiles([]string{"-"}, in, providers)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"default/ours"}, scene.Names()); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"Gateway default/nobodys is left out: there is no GatewayClass missing",
		"Gateway default/theirs is left out: its GatewayClass other belongs to example.com/other",
	}
	if diff := cmp.Diff(want, scene.Warnings); diff != "" {
		t.Error(diff)
	}
	if _, err := scene.Only(types.NamespacedName{Namespace: "default", Name: "theirs"}); err == nil {
		t.Error("a Gateway that is left out can be chosen")
	}
	if _, err := inspect.FromFiles([]string{"-"}, strings.NewReader("kind: Gateway\n"), providers); err == nil || !strings.Contains(err.Error(), "stdin:1: not a Kubernetes object") {
		t.Errorf("got %v", err)
	}
}
