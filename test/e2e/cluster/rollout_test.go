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

// slowly has the cloud take its time for every change of targets, as clouds do: Kubernetes is done long before it.
func (w *world) slowly(delay time.Duration) (end func()) {
	w.Helper()
	return w.cloud.Suffer(w, traffic.Fault{Op: "UpdateMembers", Effect: "delay", Delay: delay.String()})
}

// restart restarts the pods of the Deployment app, and returns the new ones when all of the old have ended.
func (w *world) restart() []corev1.Pod {
	w.Helper()
	before := w.pods(w.ns, "app", "app")
	began := time.Now()
	w.kubectl("rollout", "restart", "-n", w.ns, "deployment/app")
	w.kubectl("rollout", "status", "-n", w.ns, "deployment/app", "--timeout=120s")
	w.ready("app")
	traffic.Measured(w, "a rolling restart of %d pods took %d ms", len(before), time.Since(began).Milliseconds())
	for _, pod := range before {
		w.ended(before, pod.Name)
	}
	after := w.pods(w.ns, "app", "app")
	for _, pod := range after {
		if slices.ContainsFunc(before, func(p corev1.Pod) bool { return p.Name == pod.Name }) {
			w.Errorf("%s was not restarted", pod.Name)
		}
	}
	return after
}

// TestRollingRestartLosesNoRequest is docs/rolling-updates.md as its example has it: a preStop hook, so that a pod serves on until load
// balancers have let go of it, and a readiness gate, so that the next one goes only once they have taken the new.
func TestRollingRestartLosesNoRequest(t *testing.T) {
	const url = "http://rolling.example.com/"
	w := start(t)
	w.example("rolling-update", "app")
	v := w.visit(w.programmed("web", 1), nil)
	for _, pod := range w.pods(w.ns, "app", "app") {
		w.serves(v, url, 200, pod.Name)
	}
	w.slowly(6 * time.Second)
	asking := v.Ask(url, 4, 50) // 200 requests a second
	asking.More(100)
	for _, pod := range w.restart() {
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
	asking.More(200)
	asking.End()
}

// TestRollingRestartNeedsGateAndPreStop is the counterpart, which shows that the one before can fail: without either of them Kubernetes
// ends the old pods when the load balancer knows none of the new.
func TestRollingRestartNeedsGateAndPreStop(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 2})
	end := w.slowly(20 * time.Second)
	asking := v.Ask(urlOfApp, 4, 50)
	asking.More(100)
	after := w.restart()
	answer, err := v.Get(urlOfApp)
	members, cloudErr := w.cloud.Members()
	if cloudErr != nil {
		t.Fatal(cloudErr)
	}
	asking.Stop()
	end()
	traffic.Measured(t, "without readiness gate and preStop %d of %d requests failed", asking.Failed(), asking.Requests())
	known := slices.ContainsFunc(after, func(pod corev1.Pod) bool { _, there := members[pod.Status.PodIP+":8080"]; return there })
	switch {
	case known: // this machine was slower than the cloud
		t.Log("the load balancer had a new pod in time, so that nothing can be said of what is without one")
	case err == nil && answer.Status == 200:
		t.Errorf("a request was answered by %q when the load balancer had no pod that is there: %v", answer.Backend(), members)
	case asking.Failed() == 0:
		t.Error("no request failed, though the load balancer had no pod that is there")
	}
	for _, pod := range after {
		w.serves(v, urlOfApp, 200, pod.Name)
	}
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
