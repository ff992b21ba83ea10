package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const gate = "cloudgate.dev/load-balancer-ready"

// TestRollingRestartLosesNoRequest has what docs/rolling-updates.md says: a preStop hook, so that a pod serves on until load balancers
// have let go of it, and a readiness gate, so that the next one goes only once they have taken the new.
func TestRollingRestartLosesNoRequest(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 2, preStop: 5, gate: true})
	before := w.pods(w.ns, "app", "app")
	asking := v.Ask(urlOfApp, 4, 50) // 200 requests a second
	asking.More(100)
	began := time.Now()
	w.kubectl("rollout", "restart", "-n", w.ns, "deployment/app")
	w.kubectl("rollout", "status", "-n", w.ns, "deployment/app", "--timeout=120s")
	w.ready("app")
	traffic.Measured(t, "a rolling restart of %d pods took %d ms", len(before), time.Since(began).Milliseconds())
	w.ended(before, before[0].Name, before[1].Name)
	asking.More(200)
	after := w.pods(w.ns, "app", "app")
	for _, pod := range after {
		if slices.ContainsFunc(before, func(p corev1.Pod) bool { return p.Name == pod.Name }) {
			t.Errorf("%s was not restarted", pod.Name)
		}
		if err := podSays(pod, corev1.ConditionTrue); err != nil {
			t.Error(err)
		}
		w.eventually("the new pods to be asked", func() error {
			if asking.By(pod.Name) == 0 {
				return fmt.Errorf("%s gets nothing", pod.Name)
			}
			return nil
		})
	}
	asking.End()
}

// podSays returns nil when the gate's condition of a pod is as wanted.
func podSays(pod corev1.Pod, want corev1.ConditionStatus) error {
	for _, c := range pod.Status.Conditions {
		if c.Type == gate {
			if c.Status != want {
				return fmt.Errorf("pod %s has %s=%s, want %s: %s %s", pod.Name, gate, c.Status, want, c.Reason, c.Message)
			}
			return nil
		}
	}
	return fmt.Errorf("pod %s has no condition %s", pod.Name, gate)
}
