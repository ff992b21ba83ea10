package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// chart is the folder of a chart of this tree.
func chart(name string) string { return filepath.Join("..", "..", "..", "charts", name) }

// TestLifecycle takes the charts through their life. It takes them away from whoever else uses the cluster, so it runs by itself.
func TestLifecycle(t *testing.T) {
	if os.Getenv("CLOUDGATE_E2E_LIFECYCLE") == "" {
		t.Skip("CLOUDGATE_E2E_LIFECYCLE is not set: this uninstalls the charts that the other stories run on")
	}
	w, v := startApp(t, app{name: "app", replicas: 2})
	t.Run("upgrade and rollback", func(t *testing.T) { w.For(t).upgradeAndRollback(v.For(t)) })
	t.Run("evictions", func(t *testing.T) { w.For(t).evictions(v.For(t)) })
	t.Run("uninstall and install", func(t *testing.T) { w.For(t).uninstallAndInstall(v.For(t)) })
}

// For returns the same world whose complaints go to a subtest.
func (w *world) For(t *testing.T) *world {
	return &world{T: t, environment: w.environment, ctx: w.ctx, ns: w.ns}
}

// upgradeAndRollback changes values of a release that serves. With KUBE_FEATURE_WatchListClient=false the controller lists what it watches, as
// it has to where an API server does not stream lists yet, so that this shows too that it may.
func (w *world) upgradeAndRollback(v *traffic.Visitor) {
	for _, release := range []string{"fake-cloud", "cloudgate"} {
		w.helm("test", release, "--timeout", "100s")
	}
	asking := v.Ask(urlOfApp, 4, 50)
	asking.More(100)
	began := time.Now()
	w.helm("upgrade", "cloudgate", chart("cloudgate"), "--reuse-values", "--wait", "--timeout", "100s",
		"--set", "controller.logLevel=debug", "--set", "controller.extraEnv[0].name=KUBE_FEATURE_WatchListClient", "--set-string", "controller.extraEnv[0].value=false")
	traffic.Measured(w, "helm upgrade took %.1f s", time.Since(began).Seconds())
	w.apply(traffic.HTTPRoute("upgraded", "{name: web}", "upgraded.example.com", toApp))
	w.serves(v, "http://upgraded.example.com/", 200, "")
	began = time.Now()
	w.helm("rollback", "cloudgate", "--wait", "--timeout", "100s")
	traffic.Measured(w, "helm rollback took %.1f s", time.Since(began).Seconds())
	w.apply(traffic.HTTPRoute("rolled", "{name: web}", "rolled.example.com", toApp))
	w.serves(v, "http://rolled.example.com/", 200, "")
	asking.End()
}

// evictions asks for both replicas to go, as a drain does. The budget lets one go at a time, and in the end both have gone.
func (w *world) evictions(v *traffic.Visitor) {
	asking := v.Ask(urlOfApp, 4, 50)
	asking.More(100)
	var refused int
	pods := w.pods(system, "app.kubernetes.io/name", "cloudgate")
	if len(pods) != 2 {
		w.Fatalf("%d pods, want 2", len(pods))
	}
	for _, pod := range pods {
		w.eventually("the budget to let "+pod.Name+" go", func() error {
			err := w.client.SubResource("eviction").Create(w.ctx, &pod, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: system}})
			if apierrors.IsTooManyRequests(err) {
				refused++
			}
			return client.IgnoreNotFound(err)
		})
	}
	if refused == 0 {
		w.Error("the budget let both replicas go at once")
	}
	traffic.Measured(w, "the budget refused %d evictions until the first replica had a successor", refused)
	w.kubectl("rollout", "status", "-n", system, "deployment/cloudgate", "--timeout=100s")
	w.apply(traffic.HTTPRoute("drained", "{name: web}", "drained.example.com", toApp))
	w.serves(v, "http://drained.example.com/", 200, "")
	asking.End()
}

// uninstallAndInstall takes both charts away while a Gateway is there, looks for what is left, and installs them anew.
func (w *world) uninstallAndInstall(v *traffic.Visitor) {
	g := w.programmed("web", 4)
	values := map[string]string{}
	for _, release := range []string{"cloudgate", "fake-cloud"} {
		values[release] = filepath.Join(w.TempDir(), release+".yaml")
		if err := os.WriteFile(values[release], []byte(w.helm("get", "values", release, "-o", "yaml")), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	if local, err := w.onNode(g.address); err != nil || !local {
		w.Fatalf("before, a node has the address %s: %t, %v", g.address, local, err)
	}
	began := time.Now()
	w.helm("uninstall", "cloudgate", "--wait", "--timeout", "100s")
	traffic.Measured(w, "helm uninstall took %.1f s", time.Since(began).Seconds())
	w.cloud.WantEmpty(w)
	w.helm("uninstall", "fake-cloud", "--wait", "--timeout", "100s")
	w.nothingLeft(g)

	w.helm("install", "fake-cloud", chart("fake-cloud"), "--wait", "--timeout", "100s", "-f", values["fake-cloud"])
	w.helm("install", "cloudgate", chart("cloudgate"), "--wait", "--timeout", "100s", "-f", values["cloudgate"])
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	fresh, err := connect(ctx)
	if err != nil {
		w.Fatal(err)
	}
	w.cloud = fresh.cloud
	again := w.visit(w.programmed("web", 4), nil)
	w.serves(again, urlOfApp, 200, "")
}

// nothingLeft looks in all places that Cloudgate and its charts write to.
func (w *world) nothingLeft(g gateway) {
	w.Helper()
	w.eventually("the charts' objects to be gone", func() error {
		var left []error
		for _, kinds := range []string{"deployments,statefulsets,pods,services,serviceaccounts,secrets,configmaps,jobs,leases,persistentvolumeclaims,poddisruptionbudgets,networkpolicies,roles,rolebindings",
			"clusterroles,clusterrolebindings,persistentvolumes,gatewayclasses,customresourcedefinitions"} {
			out := w.kubectl("get", kinds, "-n", system, "-o", "name")
			for line := range strings.Lines(out) {
				if line = strings.TrimSpace(line); strings.Contains(line, "cloudgate") || strings.Contains(line, "fake") {
					left = append(left, errors.New(line))
				}
			}
		}
		return errors.Join(left...)
	})
	out := w.kubectl("get", "gateways,httproutes,services", "-A", "-o", `jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.finalizers} {.status}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "cloudgate.dev") {
			w.Errorf("it bears what Cloudgate wrote: %s", line)
		}
	}
	addresses := w.kubectl("get", "gateways", "-A", "-o", `jsonpath={range .items[*]}{.status.addresses}{.status.conditions[?(@.type=="Programmed")].status}{end}`)
	if strings.Contains(addresses, g.address) || strings.Contains(addresses, "True") {
		w.Errorf("a Gateway still says that it is served: %s", addresses)
	}
	if local, err := w.onNode(g.address); err != nil || local {
		w.Errorf("a node still has the address %s: %t, %v", g.address, local, err)
	}
	if conn, err := net.DialTimeout("tcp", g.at(80), time.Second); err == nil {
		conn.Close()
		w.Errorf("%s still answers", g.at(80))
	}
}

// onNode tells whether a node has an address, from the kernel's table of the network that its kubelet is in.
func (w *world) onNode(address string) (bool, error) {
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return false, err
	}
	kubelets := 0
	for _, file := range commands {
		command, err := os.ReadFile(file)
		if err != nil || !isKubelet(string(command)) {
			continue // it may have ended
		}
		kubelets++
		table, err := os.ReadFile(filepath.Join(filepath.Dir(file), "net", "fib_trie"))
		if err != nil {
			return false, err
		}
		if strings.Contains(string(table), " "+address+"\n") {
			return true, nil
		}
	}
	var nodes corev1.NodeList
	if err := w.client.List(w.ctx, &nodes); err != nil {
		return false, err
	}
	if kubelets < len(nodes.Items) {
		return false, fmt.Errorf("%d kubelets are seen, of %d nodes", kubelets, len(nodes.Items))
	}
	return false, nil
}

func isKubelet(command string) bool {
	words := strings.SplitN(command, "\x00", 3)
	return filepath.Base(words[0]) == "kubelet" || len(words) > 1 && words[1] == "kubelet"
}
