package aws

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/files"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

const region = "eu-west-1"

// patience bounds the wait for something that is to come.
const patience = time.Minute

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// world is a cluster in memory, a fake AWS, and the controller between them.
type world struct {
	*testing.T
	cloud *server.Server
	store *memory.Store
}

// newWorld starts a controller on the manifests of a text, which ends with the test. change is told the fake cloud before it starts.
func newWorld(t *testing.T, pool string, before func(*world)) *world {
	t.Helper()
	s, err := server.New(server.Config{
		DNSListen: server.Off, AddressPool: netip.MustParsePrefix(pool),
		AWS: server.AWS{Listen: "127.0.0.1:0", VPCCIDR: netip.MustParsePrefix("127.0.0.0/8"), Rates: map[string]throttle.Rate{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, cloud: s, store: memory.New(reconciler.Scheme())}
	w.run("fake cloud", s.Run)
	if before != nil {
		before(w)
	}
	p, err := provider.New(t.Context(), provider.Config{
		Region: region, Endpoint: s.AWSURL(), Unmetered: true, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := w.store.Manager(manager.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Controller: ctrlconfig.Controller{RecoverPanic: new(false)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reconciler.Setup(mgr, reconciler.Config{
		Providers: []cloud.Provider{p}, Cluster: "test", AuditInterval: auditInterval, AuditDelay: auditInterval, RetryMax: time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	w.apply(manifest)
	w.run("controller", mgr.Start)
	return w
}

// auditInterval is short: what waits for the audit is waited for here.
const auditInterval = 500 * time.Millisecond

// run runs something until the end of the test.
func (w *world) run(what string, f func(context.Context) error) {
	w.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	w.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.Errorf("%s: %v", what, err)
		}
	})
}

const manifest = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: aws}
spec: {controllerName: cloudgate.dev/aws}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: aws
  listeners: [{name: http, port: 18080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app}
spec:
  parentRefs: [{name: web}]
  rules: [{matches: [{path: {value: /app}}], backendRefs: [{name: app, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{name: http, port: 80, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: app-1, labels: {kubernetes.io/service-name: app}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1]}]
`

func (w *world) apply(text string) {
	w.Helper()
	set := files.Load(files.Config{Paths: []string{"-"}, Stdin: bytes.NewBufferString(text), Scheme: reconciler.Scheme()})
	if err := set.Err(); err != nil {
		w.Fatal(err)
	}
	for _, o := range set.Objects {
		if err := w.store.Apply(o.Object); err != nil {
			w.Fatal(err)
		}
	}
}

// programmed returns the Programmed condition of the Gateway.
func (w *world) programmed() metav1.Condition {
	w.Helper()
	var gw gwv1.Gateway
	if err := w.store.Client().Get(w.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &gw); err != nil {
		w.Fatal(err)
	}
	if c := meta.FindStatusCondition(gw.Status.Conditions, string(gwv1.GatewayConditionProgrammed)); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// until waits for the reason of Programmed, and returns the condition.
func (w *world) until(reason string) metav1.Condition {
	w.Helper()
	var last metav1.Condition
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if last = w.programmed(); last.Reason == reason {
			return last
		}
	}
	w.Fatalf("Programmed is %s: %s; want %s", last.Reason, last.Message, reason)
	return last
}

// admin makes a call of the administration of the fake AWS.
func (w *world) admin(method, path, body string) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.cloud.URL()+"/admin/v1/aws/"+path, bytes.NewBufferString(body))
	if err != nil {
		w.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		var said bytes.Buffer
		_, _ = said.ReadFrom(answer.Body)
		w.Fatalf("%s %s: %s %s", method, path, answer.Status, said.String())
	}
}

// fails has every call of an action of Elastic Load Balancing end with a code of AWS.
func (w *world) fails(action, code string) {
	w.Helper()
	w.admin(http.MethodPost, "faults", fmt.Sprintf(`{"op": %q, "effect": "error", "code": %q}`, "elasticloadbalancing:"+action, code))
}

// changes returns how many calls were made since it was last called that were to change something.
func (w *world) changes() int {
	n := 0
	entries, _ := w.cloud.AWSJournal().Since(0)
	for _, e := range entries {
		if e.Mutating {
			n++
		}
	}
	w.cloud.AWSJournal().Clear()
	return n
}
