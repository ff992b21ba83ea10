package reconciler_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// TestGateOpensAfterTenMinutes: a cloud that never finds a pod healthy holds it up for ten minutes and no longer, and the pod says why it was
// let through.
func TestGateOpensAfterTenMinutes(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	w.apply(appWith(map[string]string{"new": "10.0.0.2"}, "10.0.0.1")...)
	w.apply(gatedPod("new", "10.0.0.2", time.Now()))
	var ahead atomic.Int64 // of the machine's clock
	h := w.gates(func(c *reconciler.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	h.set("10.0.0.2:8080", false)

	ahead.Store(int64(9 * time.Minute))
	w.untilGate("new", "False Waiting")
	asked := h.count()
	w.until("another look in the tenth minute", func() bool { return h.count() > asked })
	if got := w.gate("new"); got != "False Waiting" || w.eventCount("ReadinessGateOpened") != 0 {
		t.Errorf("the gate is %q in the tenth minute", got)
	}

	ahead.Store(int64(10 * time.Minute))
	w.untilGate("new", "True FailedOpen")
	got := w.gateCondition("new")
	if !strings.Contains(got.Message, "let through without waiting any longer") || !strings.Contains(got.Message, "Gateway default/web") {
		t.Errorf("the pod says %q, want that it was let through and for whose load balancer it waited", got.Message)
	}
	w.until("one event", func() bool { return w.eventCount("ReadinessGateOpened") == 1 })
	if n := w.statusWrites()["Pod default/new"]; n != 2 {
		t.Errorf("the status of the pod was written %d times, want once for its wait and once for its end", n)
	}
}

// gateCondition returns the condition of a pod; the zero one where there is none.
func (w *world) gateCondition(name string) corev1.PodCondition {
	w.t.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if !w.get(p) {
		return corev1.PodCondition{}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == status.ConditionLoadBalancerReady {
			return c
		}
	}
	return corev1.PodCondition{}
}
