package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// invoke runs the command and returns what it prints, its exit code, and its error.
func invoke(t *testing.T, stdin string, args ...string) (out, warnings string, code int, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := newRootCommand()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err = cmd.ExecuteContext(t.Context())
	var exit exitError
	switch {
	case errors.As(err, &exit):
		code = exit.code
	case err != nil:
		code = 1
	}
	return stdout.String(), stderr.String(), code, err
}

// TestPlanAndStatusAgainstAnAPIServer looks at a cluster before a controller has served it, and after.
func TestPlanAndStatusAgainstAnAPIServer(t *testing.T) {
	api := newAPIServer(t, nil)
	seed(t, api)
	flags := []string{"--kubeconfig", api.kubeconfig(t), "--fake-endpoint", fakeCloud(t)}
	plan := append([]string{"plan", "--detailed-exitcode"}, flags...)

	out, warnings, code, err := invoke(t, "", plan...)
	if code != 2 || !strings.HasPrefix(out, "Gateway default/gw on fake: 4 to create, 0 to update, 0 to delete\n") || warnings != "" {
		t.Errorf("before: exit %d, %v, %s%s", code, err, out, warnings)
	}
	out, _, code, err = invoke(t, "", append([]string{"status", "--gateway", "default/gw"}, flags...)...)
	if code != 0 || !strings.HasPrefix(out, "· Gateway default/gw  class fake\n└─ · listener http  HTTP on port 80\n") {
		t.Errorf("before: exit %d, %v,\n%s", code, err, out)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- execute(ctx, append([]string{"controller", "--metrics-address", "0", "--health-address", "0", "--leader-elect=false", "--log-level", "error"}, flags...)...)
	}()
	lb := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw"}}
	gw := &gwv1.Gateway{}
	until(t, api, "the Gateway is served", done, func() bool {
		return api.client.Get(t.Context(), client.ObjectKeyFromObject(lb), lb) == nil && lb.Status.State == v1alpha1.StateActive &&
			api.client.Get(t.Context(), client.ObjectKeyFromObject(lb), gw) == nil && meta.IsStatusConditionTrue(gw.Status.Conditions, "Programmed")
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	out, _, code, err = invoke(t, "", plan...)
	if code != 0 || out != "Gateway default/gw on fake: nothing to do\n" {
		t.Errorf("after: exit %d, %v, %s", code, err, out)
	}
	out, _, code, err = invoke(t, "", append([]string{"status"}, flags...)...)
	want := "✓ Gateway default/gw  class fake, " + gw.Status.Addresses[0].Value + ", Active\n└─ ✓ listener http  HTTP on port 80\n   └─ ✓ HTTPRoute default/r\n"
	if code != 0 || !strings.HasPrefix(out, want) || !strings.Contains(out, "pool default/web/80/http1") {
		t.Errorf("after: exit %d, %v, want\n%sgot\n%s", code, err, want, out)
	}
	out, warnings, code, err = invoke(t, "", "status", "--kubeconfig", api.kubeconfig(t), "--fake-endpoint", "http://127.0.0.1:1", "-o", "json")
	if code != 0 || !strings.Contains(warnings, "the health of targets is not known: ask the cloud of provider fake: ListRules: the cloud's API cannot be reached: connection refused") ||
		!strings.Contains(out, `"kind": "target"`) {
		t.Errorf("without the cloud: exit %d, %v, %s%s", code, err, out, warnings)
	}
	out, _, _, err = invoke(t, "", append([]string{"__complete", "status"}, append(flags, "--gateway", "def")...)...)
	if err != nil || !strings.HasPrefix(out, "default/gw\n") {
		t.Errorf("completion: %v, %s", err, out)
	}
}

func TestPlanOfStandardInput(t *testing.T) {
	const manifest = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: fake, listeners: [{name: a, port: 80, protocol: HTTP}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
`
	out, warnings, code, err := invoke(t, manifest, "plan", "-f", "-")
	if code != 0 || !strings.Contains(out, "2 to create") || !strings.Contains(warnings, "stdin:7: warning: apps/v1 Deployment is left out") {
		t.Errorf("exit %d, %v, %s%s", code, err, out, warnings)
	}
}

const (
	emptyKubeconfig = `{apiVersion: v1, kind: Config}`
	deadKubeconfig  = `
apiVersion: v1
kind: Config
current-context: dead
contexts: [{name: dead, context: {cluster: dead, user: dead}}]
clusters: [{name: dead, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: dead, user: {}}]
`
)

func kubeconfigOf(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestClusterOfTheEnvironment(t *testing.T) {
	path := kubeconfigOf(t, emptyKubeconfig)
	t.Setenv("KUBECONFIG", path)
	if _, _, _, err := invoke(t, "", "status"); err == nil || !strings.Contains(err.Error(), "the kubeconfig "+path+" has no cluster to use") {
		t.Errorf("%v", err)
	}
}

func TestVersion(t *testing.T) {
	out, _, code, err := invoke(t, "", "--version")
	if want := "cloudgate version " + buildVersion() + "\n"; code != 0 || out != want {
		t.Errorf("exit %d, %v, %q; want %q", code, err, out, want)
	}
}

func TestLookingMistakes(t *testing.T) {
	nowhere := t.TempDir() + "/nowhere"
	deadServer, emptyConfig := kubeconfigOf(t, deadKubeconfig), kubeconfigOf(t, emptyKubeconfig)
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"plan", "--bogus"}, 1, "unknown flag: --bogus (see `cloudgate plan --help`)"},
		{[]string{"plan", "-f", nowhere}, 1, nowhere + ": no such file or directory"},
		{[]string{"plan", "-f", "-", "-o", "xml"}, 1, `output "xml" is not one of text, json, yaml`},
		{[]string{"plan", "-f", "-", "--gateway", "web"}, 1, `--gateway has to be NAMESPACE/NAME, not "web"`},
		{[]string{"plan", "-f", "-", "--gateway", "a/b"}, 1, "there is no Gateway a/b of a class of ours"},
		{[]string{"plan", "--fake-endpoint="}, 1, "set --aws-region or --fake-endpoint, or plan manifests without a cloud with -f"},
		{[]string{"plan", "--fake-endpoint", "nonsense"}, 1, "--fake-endpoint: the endpoint of the fake cloud has to be like http://host:port"},
		{[]string{"status", "--kubeconfig", nowhere}, 1, "read the kubeconfig"},
		{[]string{"status", "--kubeconfig", deadServer}, 1, "the cluster's API server cannot be reached: check the server in the kubeconfig: "},
		{[]string{"plan", "--fake-endpoint", "http://127.0.0.1:1", "--kubeconfig", deadServer}, 1, "check the server in the kubeconfig: "},
		{[]string{"status", "--kubeconfig", emptyConfig}, 1, "the kubeconfig " + emptyConfig + " has no cluster to use"},
		{[]string{"status", "-o", "yaml"}, 2, `output "yaml" is neither text nor json`},
		{[]string{"status", "extra"}, 2, "unexpected argument \"extra\" (see `cloudgate status --help`)"},
		{[]string{"status", "shop/web"}, 2, "did you mean --gateway shop/web?"},
		{[]string{"plan", "inspect"}, 1, "did you mean -f inspect?"},
		{[]string{"drft"}, 2, "unknown command \"drft\" (see `cloudgate --help`)"},
		{[]string{"plan", "-f", nowhere}, 1, "the manifests cannot be read: " + nowhere},
	} {
		_, _, code, err := invoke(t, "", tc.args...)
		if err == nil || code != tc.code || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: exit %d, %v; want %d, %s", tc.args, code, err, tc.code, tc.want)
		}
	}
}
