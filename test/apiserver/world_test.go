package apiserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// home is the namespace of the controllers.
const home = "cloudgate-system"

// built holds the programs, built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cloudgate-apiserver")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "../../cmd/cloudgate", "../../cmd/fakecloud")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// world is an API server, a fake cloud, and the controllers between them.
type world struct {
	*server
	client.WithWatch // as an administrator
	cloud            string
	account          string // kubeconfig of the controllers
	replicas         []*replica
}

// replica is one process of the controller.
type replica struct {
	*process
	metrics string
}

// newWorld starts everything but the controllers. latency is the fake cloud's. Where kinds are named, by their resources, only these are
// installed of the channel.
func newWorld(t *testing.T, channel, latency string, kinds ...string) *world {
	t.Helper()
	w := &world{server: newServer(t)}
	scheme := reconciler.Scheme()
	for _, add := range []func() error{
		func() error { return rbacv1.AddToScheme(scheme) },
		func() error { return coordinationv1.AddToScheme(scheme) },
		func() error { return authenticationv1.AddToScheme(scheme) },
	} {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	w.install("../../charts/cloudgate/files/crds")
	w.install(filepath.Join(gatewayAPI(t), channel), kinds...)
	var err error
	if w.WithWatch, err = client.NewWithWatch(w.config(w.token), client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	w.permissions()
	w.cloud = "http://" + freeAddress(t)
	clouds := run(t, "fakecloud", program(t, "fakecloud"), "--listen", strings.TrimPrefix(w.cloud, "http://"), "--dns-listen", "off", "--aws-listen", "off", "--state", "memory",
		"--address-pool", strings.TrimSuffix(loopback(), "1")+"128/25", "--latency", latency)
	until(t, "the fake cloud answers", func() bool {
		if !clouds.runs() {
			t.Fatal("fakecloud ended")
		}
		res, err := http.Get(w.cloud + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	w.create(&gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "fake"}, Spec: gwv1.GatewayClassSpec{ControllerName: "cloudgate.dev/fake"}})
	return w
}

// gatewayAPI returns the folder of the CRDs of the Gateway API, from the module itself.
func gatewayAPI(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "config", "crd")
}

// install applies the CRDs in a folder, or those of them that are named, and waits until they are served.
func (w *world) install(dir string, kinds ...string) {
	w.t.Helper()
	c, err := client.New(w.config(w.token), client.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.*_*.yaml")) // not kustomization.yaml
	if err != nil || len(files) == 0 {
		w.t.Fatalf("no CRDs in %s: %v", dir, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		crd := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(data, crd); err != nil {
			w.t.Fatal(err)
		}
		resource, _, _ := strings.Cut(crd.GetName(), ".")
		if crd.GetKind() != "CustomResourceDefinition" || len(kinds) > 0 && !slices.Contains(kinds, resource) {
			continue
		}
		if err := c.Patch(w.t.Context(), crd, client.Apply, client.FieldOwner("test"), client.ForceOwnership); err != nil { //nolint:staticcheck // an unstructured object has no apply configuration
			w.t.Fatal(err)
		}
		until(w.t, crd.GetName(), func() bool {
			if err := c.Get(w.t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil {
				w.t.Fatal(err)
			}
			conds, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
			return slices.ContainsFunc(conds, func(c any) bool {
				m := c.(map[string]any)
				return m["type"] == "Established" && m["status"] == "True"
			})
		})
	}
}

// permissions makes the service account of the controllers with what the chart grants: the lease in its namespace, the rest everywhere.
func (w *world) permissions() {
	w.t.Helper()
	data, err := os.ReadFile("../../charts/cloudgate/files/rbac/role.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	var all rbacv1.ClusterRole
	if err := yaml.Unmarshal(data, &all); err != nil {
		w.t.Fatal(err)
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "cloudgate"}}
	cluster := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "cloudgate"}}
	for _, rule := range all.Rules {
		if slices.Contains(rule.APIGroups, "coordination.k8s.io") {
			role.Rules = append(role.Rules, rule)
		} else {
			cluster.Rules = append(cluster.Rules, rule)
		}
	}
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: home, Name: "cloudgate"}}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "cloudgate"}}
	until(w.t, "the namespaces", func() bool {
		return w.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &corev1.Namespace{}) == nil
	})
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}}, sa, role, cluster,
		&rbacv1.RoleBinding{ObjectMeta: role.ObjectMeta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: cluster.ObjectMeta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: cluster.Name}})
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"https://kubernetes.default.svc"}}}
	if err := w.SubResource("token").Create(w.t.Context(), sa, token); err != nil {
		w.t.Fatal(err)
	}
	w.account = w.kubeconfig(token.Status.Token)
}

// replica starts one more controller.
func (w *world) replica(flags ...string) *replica {
	w.t.Helper()
	r := &replica{metrics: freeAddress(w.t)}
	r.process = run(w.t, fmt.Sprintf("controller-%d", len(w.replicas)), program(w.t, "cloudgate"), append([]string{"controller",
		"--kubeconfig", w.account, "--fake-endpoint", w.cloud, "--metrics-address", r.metrics, "--health-address", "0",
		"--leader-election-namespace", home, "--log-format", "console"}, flags...)...)
	w.replicas = append(w.replicas, r)
	return r
}

// leader returns the replica that is elected: the one that reconciles. Its identity in the lease is of the host, so the metrics say it.
func (w *world) leader() *replica {
	w.t.Helper()
	var found *replica
	until(w.t, "a leader", func() bool {
		for _, r := range w.replicas {
			if r.runs() && r.gauge("leader_election_master_status") == 1 {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

// gauge returns the sum of a metric over its labels that hold the words, 0 where it cannot be read.
func (r *replica) gauge(name string, words ...string) (sum float64) {
	res, err := http.Get("http://" + r.metrics + "/metrics")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return parseMetric(res.Body, name, words)
}

func (w *world) create(objs ...client.Object) {
	w.t.Helper()
	for _, o := range objs {
		if err := w.Create(w.t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// edit changes an object as a user does: read, change, write, and again when somebody was faster.
func edit[T client.Object](w *world, obj T, change func(T)) {
	w.t.Helper()
	for {
		err := w.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj)
		if err == nil {
			change(obj)
			err = w.Update(w.t.Context(), obj)
		}
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			w.t.Fatal(err)
		}
	}
}

// programmed waits until a Gateway is programmed in its present generation, and returns its address with its first port.
func (w *world) programmed(name string) string {
	w.t.Helper()
	g := gateway(name)
	until(w.t, "Gateway "+name+" is programmed", func() bool {
		if err := w.Get(w.t.Context(), client.ObjectKeyFromObject(g), g); err != nil {
			return false
		}
		c := meta.FindStatusCondition(g.Status.Conditions, "Programmed")
		return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == g.Generation && len(g.Status.Addresses) > 0
	})
	return net.JoinHostPort(g.Status.Addresses[0].Value, fmt.Sprint(g.Spec.Listeners[0].Port))
}

// active waits until the LoadBalancer of a Gateway is as it should be.
func (w *world) active(name string) *v1alpha1.LoadBalancer {
	w.t.Helper()
	lb := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	until(w.t, "LoadBalancer "+name+" is active", func() bool {
		return w.Get(w.t.Context(), client.ObjectKeyFromObject(lb), lb) == nil && lb.Status.State == v1alpha1.StateActive
	})
	return lb
}

var redirects = &http.Client{
	Timeout:       5 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask returns the host to which a load balancer redirects another, "" where it does not.
func ask(address, host string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return ""
	}
	req.Host = host
	res, err := redirects.Do(req)
	if err != nil {
		return ""
	}
	res.Body.Close()
	to, err := res.Location()
	if err != nil {
		return ""
	}
	return to.Hostname()
}

// measured prints a figure that is not asserted, and keeps it for the end of `make test`.
func measured(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log("MEASURED " + line)
	if path := os.Getenv("E2E_MEASURED"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprintf(f, "%s: %s\n", t.Name(), line)
	}
}
