package inspect_test

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/tree"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/files"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

const clusterID = "inspected"

// patience bounds the wait for something that is to come.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// live is a cluster in memory whose Gateways were served by a controller that has stopped since.
type live struct {
	store     *memory.Store
	providers inspect.Providers
}

// serve runs a fake cloud until the end of the test.
func serve(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("fake cloud: %v", err)
		}
	})
	return s
}

func open(t *testing.T, path string) *live {
	t.Helper()
	s := serve(t, server.Config{DNSListen: server.Off, AddressPool: netip.MustParsePrefix("127.82.0.0/16")})
	p, err := fake.New(fake.Config{Endpoint: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{store: memory.New(reconciler.Scheme()), providers: inspect.Providers{p.Name(): p}}
	l.apply(t, path)
	l.serve(t, p)
	return l
}

func (l *live) apply(t *testing.T, path string) {
	t.Helper()
	set := files.Load(files.Config{Paths: []string{path}, Scheme: reconciler.Scheme()})
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	for _, o := range set.Objects {
		if err := l.store.Apply(o.Object); err != nil {
			t.Fatal(err)
		}
	}
}

// serve runs a controller until the Gateway is programmed.
func (l *live) serve(t *testing.T, p cloud.Provider) {
	t.Helper()
	mgr, err := l.store.Manager(manager.Options{Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reconciler.Setup(mgr, reconciler.Config{Providers: []cloud.Provider{p}, Cluster: clusterID, AuditInterval: time.Hour}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var gw gwv1.Gateway
		if err := l.store.Client().Get(ctx, client.ObjectKey{Namespace: "shop", Name: "web"}, &gw); err != nil {
			t.Fatal(err)
		}
		if meta.IsStatusConditionTrue(gw.Status.Conditions, string(gwv1.GatewayConditionProgrammed)) {
			return
		}
	}
	t.Fatal("the Gateway was never programmed")
}

func (l *live) scene(t *testing.T) inspect.Scene {
	t.Helper()
	scene, err := inspect.FromCluster(t.Context(), l.store.Client(), clusterID, l.providers)
	if err != nil {
		t.Fatal(err)
	}
	return scene
}

func (l *live) plan(t *testing.T) string {
	t.Helper()
	plans, err := inspect.Plan(t.Context(), l.scene(t), l.providers, inspect.Observed)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := plans.Write(&b, "text", false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLivePlan(t *testing.T) {
	l := open(t, "testdata/shop.yaml")
	if diff := cmp.Diff("Gateway shop/web on fake: nothing to do\n", l.plan(t)); diff != "" {
		t.Errorf("a served Gateway (-want +got):\n%s", diff)
	}
	l.apply(t, "testdata/changed.yaml")
	want := `Gateway shop/web on fake: 0 to create, 2 to update, 0 to delete
  ~ pool/shop/web-v2/80/http1                             member 127.97.0.3:8080 comes
  ~ rule/http-18080/http/HTTPRoute/shop/web/e0ac6d8d4dd3  action.forward.backends[0].weight 3 becomes 1
`
	if diff := cmp.Diff(want, l.plan(t)); diff != "" {
		t.Errorf("a changed Gateway (-want +got):\n%s", diff)
	}
	gw := &gwv1.Gateway{}
	gw.Namespace, gw.Name = "shop", "web"
	if err := l.store.Delete(gw); err != nil { // its finalizer keeps it
		t.Fatal(err)
	}
	if got := l.plan(t); !strings.Contains(got, "0 to create, 0 to update, 3 to delete") || !strings.Contains(got, "- loadbalancer/shop/web") {
		t.Errorf("a Gateway that is being deleted: %s", got)
	}
}

func TestLiveTree(t *testing.T) {
	l := open(t, "testdata/shop.yaml")
	scene, err := l.scene(t).Only(types.NamespacedName{Namespace: "shop", Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	// Nobody listens at the targets, which the cloud finds out in a moment.
	var items []tree.Item
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if items, err = inspect.Trees(t.Context(), scene, l.providers.Health); err != nil {
			t.Fatal(err)
		}
		if raw := text(t, items); strings.Count(raw, "unhealthy") == 2 {
			break
		}
	}
	got := text(t, items)
	for _, want := range []string{
		"✓ Gateway shop/web  class fake, 127.82.0.1, Active\n",
		"└─ ✓ listener http  HTTP on port 18080\n",
		"   └─ ✓ HTTPRoute shop/web  www.example.com\n",
		"      └─ ✗ rule 0  www.example.com/…\n",
		"         ├─ ✗ pool shop/web-v1/80/http1  weight 3 (75%), healthy: 0 of 1\n",
		"         │  └─ ✗ target 127.97.0.1:8080  unhealthy: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	nobody := func(context.Context, *translate.Snapshot) ([]cloud.TargetHealth, error) { return nil, nil }
	if items, err = inspect.Trees(t.Context(), scene, nobody); err != nil {
		t.Fatal(err)
	}
	if got := text(t, items); !strings.Contains(got, "· target 127.97.0.1:8080\n") {
		t.Errorf("without a cloud to ask:\n%s", got)
	}
}

func text(t *testing.T, items []tree.Item) string {
	t.Helper()
	var b strings.Builder
	if err := inspect.WriteTrees(&b, items, "text", false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
