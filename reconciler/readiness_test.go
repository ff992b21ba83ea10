package reconciler_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// healthCloud is a testCloud that tells the health of targets.
type healthCloud struct {
	*testCloud
	mu      sync.Mutex
	healthy map[string]bool // by address
	asked   int
	fail    *cloud.Error
}

func (h *healthCloud) Health(_ context.Context, got graph.Graph) ([]cloud.TargetHealth, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.fail != nil {
		return nil, h.fail
	}
	var out []cloud.TargetHealth
	for id, n := range got {
		for address, ok := range h.healthy {
			ip, port, _ := strings.Cut(address, ":")
			if strings.Contains(n.Spec.(spec).text, ip+" "+port) {
				out = append(out, cloud.TargetHealth{Pool: id.Name, Address: address, Healthy: ok})
			}
		}
	}
	return out, nil
}

func (h *healthCloud) set(address string, healthy bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.healthy[address] = healthy
}

func (h *healthCloud) refuse(err *cloud.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = err
}

func (h *healthCloud) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// gates starts a controller with readiness gates and a cloud that tells health.
func (w *world) gates(change ...func(*reconciler.Config)) *healthCloud {
	h := &healthCloud{testCloud: w.cloud, healthy: make(map[string]bool)}
	w.start(append([]func(*reconciler.Config){func(c *reconciler.Config) {
		c.Providers, c.PodReadinessGates = []cloud.Provider{h}, true
	}}, change...)...)
	return h
}

// gatedPod returns a pod of Service app whose containers are ready since a time, and whose only missing readiness is our gate.
func gatedPod(name, ip string, since time.Time) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "app"}},
		Spec:       corev1.PodSpec{ReadinessGates: []corev1.PodReadinessGate{{ConditionType: status.ConditionLoadBalancerReady}}},
		Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: ip}}, Conditions: []corev1.PodCondition{
			{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)},
			{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ReadinessGatesNotReady", LastTransitionTime: metav1.NewTime(since)},
		}},
	}
}

// appWith returns Service app and its endpoints: addresses that are ready, and the pods that are not.
func appWith(pods map[string]string, ready ...string) []client.Object {
	objs := service("app", ready...)
	objs[0].(*corev1.Service).Spec.Selector = map[string]string{"app": "app"}
	no := false
	slice := objs[1].(*discoveryv1.EndpointSlice)
	for name, ip := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &no, Serving: &no},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: name},
		})
	}
	return objs
}

// gate returns the condition of a pod as "Status Reason".
func (w *world) gate(name string) string {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if !w.get(p) {
		return "gone"
	}
	for _, c := range p.Status.Conditions {
		if c.Type == status.ConditionLoadBalancerReady {
			return string(c.Status) + " " + c.Reason
		}
	}
	return ""
}

func (w *world) untilGate(name, want string) {
	w.t.Helper()
	w.until("gate of "+name+" "+want, func() bool { return w.gate(name) == want })
}

func TestGateOpensWhenTheLoadBalancerFindsThePodHealthy(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	w.apply(appWith(nil, "10.0.0.1")...)
	h := w.gates()
	w.programmed("web")
	if h.count() != 0 {
		t.Errorf("health was asked for %d times while no pod waits", h.count())
	}

	w.apply(gatedPod("new", "10.0.0.2", time.Now()))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	w.until("the pod is a target before it is ready", func() bool { return w.cloud.hasLike("pool", "10.0.0.2 8080") })
	asked := h.count()
	w.until("health is asked for again and again", func() bool { return h.count() > asked+2 })
	if got := w.gate("new"); got != "" {
		t.Fatalf("gate is %q before the load balancer finds the pod healthy", got)
	}
	h.set("10.0.0.2:8080", false)
	asked = h.count()
	w.until("another look", func() bool { return h.count() > asked+1 })
	if got := w.gate("new"); got != "" {
		t.Fatalf("gate is %q while the load balancer finds the pod unhealthy", got)
	}
	h.set("10.0.0.2:8080", true)
	w.untilGate("new", "True Healthy")
	if !w.cloud.hasLike("pool", "10.0.0.2 8080") {
		t.Error("the pod was taken out as soon as its gate opened")
	}
	w.settle()
	asked = h.count()
	w.passed("web")
	w.settle()
	if h.count() != asked {
		t.Errorf("health was asked for %d times after the gate opened", h.count()-asked)
	}
	if n := w.statusWrites()["Pod default/new"]; n != 1 {
		t.Errorf("the status of the pod was written %d times, want 1", n)
	}
}

func TestGateOfAPodThatNothingUses(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"))
	w.apply(appWith(nil)...)
	h := w.gates()
	w.apply(gatedPod("new", "10.0.0.2", time.Now()))
	w.untilGate("new", "True NotUsed")
	if h.count() != 0 {
		t.Errorf("health was asked for %d times", h.count())
	}
}

func TestGateWaitsForEveryGateway(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("one"), gateway("two"), route("a", "one", "app"), route("b", "two", "app"), gatedPod("new", "10.0.0.2", time.Now()))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	h := w.gates()
	w.programmed("one")
	w.programmed("two")
	h.set("10.0.0.2:8080", true)
	w.untilGate("new", "True Healthy")
	if n := w.statusWrites()["Pod default/new"]; n != 1 {
		t.Errorf("the status of the pod was written %d times, want 1", n)
	}
}

func TestGateFailsOpen(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	w.apply(appWith(map[string]string{"late": "10.0.0.2", "old": "10.0.0.3"}, "10.0.0.1")...)
	w.apply(gatedPod("late", "10.0.0.2", time.Now().Add(-time.Minute)), gatedPod("old", "10.0.0.3", time.Now().Add(-11*time.Minute)))
	var ahead atomic.Int64
	h := w.gates(func(c *reconciler.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	h.refuse(&cloud.Error{Kind: cloud.Throttled, Op: "Health", Err: fmt.Errorf("slow down")})
	w.untilGate("late", "False Waiting")
	w.untilGate("old", "False Waiting") // it has waited for long, but not for this controller
	ahead.Store(int64(2 * time.Minute))
	w.untilGate("old", "True FailedOpen")
	w.until("an event", func() bool { return w.eventCount("ReadinessGateOpened") == 1 })
	if got, n := w.gate("late"), w.statusWrites()["Pod default/late"]; got != "False Waiting" || n != 1 {
		t.Errorf("the pod that waits is %q and its status was written %d times, want False Waiting and 1", got, n)
	}
}

// A pod of a lost node is not ready, though its containers were when they were last heard of, and its gate is open.
func TestPodOfALostNodeIsNoTarget(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	pod := gatedPod("lost", "10.0.0.2", time.Now())
	w.apply(pod)
	w.apply(appWith(map[string]string{"lost": "10.0.0.2"}, "10.0.0.1")...)
	h := w.gates()
	h.set("10.0.0.2:8080", true)
	w.untilGate("lost", "True Healthy")
	ready := func(status corev1.ConditionStatus, reason string) {
		if !w.get(pod) {
			t.Fatal("the pod is gone")
		}
		for i := range pod.Status.Conditions {
			if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
				c.Status, c.Reason = status, reason
			}
		}
		if err := w.store.Client().Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	ready(corev1.ConditionTrue, "")
	w.apply(appWith(nil, "10.0.0.1", "10.0.0.2")...)
	w.settle()
	ready(corev1.ConditionFalse, "")
	w.apply(appWith(map[string]string{"lost": "10.0.0.2"}, "10.0.0.1")...)
	w.until("the pod is no target", func() bool { return !w.cloud.hasLike("pool", "10.0.0.2 8080") })
}

// A pod behind a Gateway of another Cloudgate waits for that one's load balancer. To the first it looks as if nobody used it.
func TestGateIsLeftToTheCloudgateThatServes(t *testing.T) {
	w := newWorld(t)
	w.apply(class("second"), ofClass("theirs", "second"), route("app", "theirs", "app"))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	other := &world{t: t, store: w.store, cloud: newTestCloud()}
	other.cloud.name = "second"
	theirs := other.gates()
	t.Cleanup(other.halt)
	w.programmed("theirs")
	w.gates()
	w.settle()
	w.apply(gatedPod("new", "10.0.0.2", time.Now()))
	w.until("health is asked for again and again", func() bool { return theirs.count() > 4 })
	if got := w.gate("new"); got != "" {
		t.Fatalf("gate is %q before the load balancer finds the pod healthy", got)
	}
	theirs.set("10.0.0.2:8080", true)
	w.untilGate("new", "True Healthy")
}

func TestGateOfAGatewayThatNeverServed(t *testing.T) {
	w := newWorld(t)
	refused := gateway("web")
	refused.Spec.DefaultScope = "All"
	w.apply(refused, route("app", "web", "app"), gatedPod("new", "10.0.0.2", time.Now()))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"})...)
	w.gates()
	w.untilGate("new", "True NotUsed")
}

func TestGateOfAGatewayThatServesAndIsRefusedNow(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	w.apply(appWith(nil, "10.0.0.1")...)
	w.gates()
	w.programmed("web")
	refused := gateway("web")
	refused.Spec.DefaultScope = "All"
	w.apply(refused)
	w.until("refused", func() bool {
		return condition(w.gateway("web").Status.Conditions, "Accepted").Status == metav1.ConditionFalse
	})
	w.apply(gatedPod("new", "10.0.0.2", time.Now().Add(-time.Minute)))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	w.untilGate("new", "False Waiting")
}

func TestGateGoesOnUnderAnotherLeader(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"), gatedPod("new", "10.0.0.2", time.Now()))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	h := w.gates()
	w.programmed("web")
	w.until("the pod is a target", func() bool { return w.cloud.hasLike("pool", "10.0.0.2 8080") && h.count() > 0 })
	w.settled()
	w.halt()
	h = w.gates() // what it remembers of the cloud is the digest alone
	h.set("10.0.0.2:8080", true)
	w.untilGate("new", "True Healthy")
}

// settled waits until the LoadBalancer remembers all that was applied.
func (w *world) settled() {
	w.t.Helper()
	w.until("Applied", func() bool { lb := w.loadBalancer("web"); return lb != nil && lb.Status.Applied != "" })
}

func TestGateOfAPodThatGoes(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	h := w.gates()
	w.programmed("web")
	pod := gatedPod("new", "10.0.0.2", time.Now())
	w.apply(pod)
	w.until("health is asked for", func() bool { return h.count() > 0 })
	w.delete(pod)
	w.apply(appWith(nil, "10.0.0.1")...)
	w.until("it is no target", func() bool { return !w.cloud.hasLike("pool", "10.0.0.2 8080") })
	w.until("no more looks", func() bool {
		before := h.count()
		time.Sleep(50 * time.Millisecond)
		return h.count() == before
	})
}

func TestPodsWithoutTheGateAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	other := gatedPod("other", "10.0.0.2", time.Now())
	other.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/other"}}
	both := gatedPod("both", "10.0.0.3", time.Now())
	both.Spec.ReadinessGates = append(both.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: "example.com/other"})
	w.apply(other, both)
	w.apply(appWith(map[string]string{"other": "10.0.0.2", "both": "10.0.0.3"}, "10.0.0.1")...)
	h := w.gates()
	w.programmed("web")
	w.settle()
	if h.count() != 0 || w.cloud.hasLike("pool", "10.0.0.2") || w.cloud.hasLike("pool", "10.0.0.3") {
		t.Errorf("health asked %d times; 10.0.0.2 a target: %v; 10.0.0.3: %v; want 0, false, false",
			h.count(), w.cloud.hasLike("pool", "10.0.0.2"), w.cloud.hasLike("pool", "10.0.0.3"))
	}
	if w.gate("other")+w.gate("both") != "" {
		t.Errorf("gates are %q and %q, want none", w.gate("other"), w.gate("both"))
	}
}
