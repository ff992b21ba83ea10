package reconciler_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// deadline bounds how long a test waits for something that is to come.
const deadline = 2 * time.Minute

// world is a cluster in memory, a cloud, and the controller that may run between them.
type world struct {
	t     testing.TB
	store *memory.Store
	cloud *testCloud
	ctl   *reconciler.Controller
	stop  func()

	mu     sync.Mutex
	events []memory.Event
}

func newWorld(t testing.TB) *world {
	return newWorldOf(t, reconciler.Scheme(), memory.Options{})
}

// newWorldOf makes a world whose API serves the kinds of a scheme.
func newWorldOf(t testing.TB, scheme *runtime.Scheme, o memory.Options) *world {
	w := &world{t: t, cloud: newTestCloud()}
	o.OnEvent = func(e memory.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}
	w.store = memory.NewWithOptions(scheme, o)
	w.apply(namespace("default"), class("fake"))
	t.Cleanup(func() { w.halt() })
	return w
}

// start runs a controller until halt or the end of the test.
func (w *world) start(change ...func(*reconciler.Config)) {
	w.t.Helper()
	cfg := reconciler.Config{
		Providers: []cloud.Provider{w.cloud}, Cluster: "test", AuditInterval: time.Hour, AuditDelay: time.Hour,
		RetryMin: 2 * time.Millisecond, RetryMax: 20 * time.Millisecond, PollMin: time.Millisecond, PollMax: 5 * time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	mgr, err := w.store.Manager(manager.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Logger: w.logger(),
		Controller: ctrlconfig.Controller{RecoverPanic: new(false)}, // a pass that panics is tried again, and nobody would know
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.ctl, err = reconciler.Setup(mgr, cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the manager ended: %v", err)
		}
	}
}

func (w *world) logger() logr.Logger {
	if !testing.Verbose() {
		return logr.Discard()
	}
	return testr.NewWithInterface(quiet{w.t}, testr.Options{})
}

// quiet logs only while the test runs: a manager that is ending may still write a line.
type quiet struct{ testing.TB }

func (q quiet) Log(args ...any) {
	if q.Context().Err() == nil {
		q.TB.Log(args...)
	}
}

// halt stops the controller, as the end of its process would.
func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

func (w *world) apply(objs ...client.Object) {
	w.t.Helper()
	if err := w.store.Apply(objs...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(objs ...client.Object) {
	w.t.Helper()
	if err := w.store.Delete(objs...); err != nil {
		w.t.Fatal(err)
	}
}

// get reads an object from the store, and tells whether it is there.
func (w *world) get(obj client.Object) bool {
	w.t.Helper()
	err := w.store.Client().Get(context.Background(), client.ObjectKeyFromObject(obj), obj)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

// until waits for a condition. One that takes long to look at is looked at less often, or it would slow down what it waits for.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(deadline); ; {
		began := time.Now()
		if ok() {
			return
		}
		if began.After(end) {
			w.t.Fatalf("%s: did not come within %s", what, deadline)
		}
		time.Sleep(max(time.Millisecond, 4*time.Since(began)))
	}
}

// settle waits until nothing is written to the store or asked of the cloud any more.
func (w *world) settle() {
	w.t.Helper()
	last, same := "", 0
	w.until("rest", func() bool {
		w.cloud.mu.Lock()
		now := fmt.Sprint(len(w.cloud.applied), len(w.cloud.observed), w.writes())
		w.cloud.mu.Unlock()
		if now != last {
			last, same = now, 0
		}
		same++
		return same > 40
	})
}

func (w *world) writes() int {
	n := 0
	for _, count := range w.store.WriteCount() {
		n += count
	}
	return n
}

// statusWrites returns how often the status of each object has been written.
func (w *world) statusWrites() map[string]int {
	counts := make(map[string]int)
	for k, n := range w.store.WriteCount() {
		if k.Status {
			counts[k.Kind+" "+k.Name.String()] = n
		}
	}
	return counts
}

// gateway returns the Gateway of that name as it is in the store.
func (w *world) gateway(name string) *gwv1.Gateway {
	w.t.Helper()
	g := &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if !w.get(g) {
		return nil
	}
	return g
}

// programmed waits until the Gateway is programmed in its present generation.
func (w *world) programmed(name string) {
	w.t.Helper()
	w.until("Gateway "+name+" programmed", func() bool {
		g := w.gateway(name)
		if g == nil {
			return false
		}
		c := meta.FindStatusCondition(g.Status.Conditions, string(gwv1.GatewayConditionProgrammed))
		return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == g.Generation
	})
}

func (w *world) loadBalancer(name string) *v1alpha1.LoadBalancer {
	w.t.Helper()
	lb := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if !w.get(lb) {
		return nil
	}
	return lb
}

// eventCount returns how many events of a reason were recorded.
func (w *world) eventCount(reason string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Reason == reason {
			n++
		}
	}
	return n
}

// steps renders steps for comparison, without their order.
func steps(list []plan.Step) map[string]int {
	out := make(map[string]int)
	for _, s := range list {
		out[s.Op.String()+" "+string(s.ID().Kind)]++
	}
	return out
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func class(name string) *gwv1.GatewayClass {
	return &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: gwv1.GatewayClassSpec{ControllerName: gwv1.GatewayController("cloudgate.dev/" + name)}}
}

func gateway(name string) *gwv1.Gateway {
	return &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: gwv1.GatewaySpec{GatewayClassName: "fake", Listeners: []gwv1.Listener{{
			Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType,
		}}},
	}
}

// route returns a route of a Gateway that sends a host to a Service.
func route(name, gw, service string) *gwv1.HTTPRoute {
	port := gwv1.PortNumber(80)
	return &gwv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: gwv1.HTTPRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: gwv1.ObjectName(gw)}}},
			Hostnames:       []gwv1.Hostname{gwv1.Hostname(name + ".example.com")},
			Rules: []gwv1.HTTPRouteRule{{BackendRefs: []gwv1.HTTPBackendRef{{BackendRef: gwv1.BackendRef{
				BackendObjectReference: gwv1.BackendObjectReference{Name: gwv1.ObjectName(service), Port: &port},
			}}}}},
		},
	}
}

// service returns a Service and its endpoints.
func service(name string, addresses ...string) []client.Object {
	portName, port, ready := "", int32(8080), true
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
	}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready}})
	}
	return []client.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		s,
	}
}

// passed waits until a pass over each of these Gateways has run since now. It changes a label, which no pass acts on.
func (w *world) passed(names ...string) {
	w.t.Helper()
	before := w.passes()
	for _, name := range names {
		g := w.gateway(name)
		g.Labels = map[string]string{"touched": fmt.Sprint(before)}
		if err := w.store.Client().Update(context.Background(), g); err != nil {
			w.t.Fatal(err)
		}
	}
	w.until("a pass", func() bool { return w.passes() >= before+len(names) })
}

// passes returns how many passes over Gateways have ended in this process.
func (w *world) passes() int {
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0.0
	for _, f := range families {
		if f.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "controller" && l.GetValue() == "gateway" {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return int(n)
}

// observations returns how many times a histogram of this process was observed, for all labels.
func (w *world) observations(histogram string) int {
	w.t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	var n uint64
	for _, f := range families {
		if f.GetName() == histogram {
			for _, m := range f.GetMetric() {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return int(n)
}
