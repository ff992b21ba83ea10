package cluster

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const urlOfApp = "http://app.example.com/"

const toApp = "  - backendRefs: [{name: app, port: 80}]\n"

// startApp runs a Gateway web with one route to an app, whose pods all get traffic already.
func startApp(t *testing.T, a app) (*world, *traffic.Visitor) {
	t.Helper()
	w := start(t)
	w.apply(traffic.Gateway80("web"), a.manifest(), traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
	w.ready(a.name)
	v := w.visit(w.programmed("web", 1), nil)
	for _, pod := range w.pods(w.ns, "app", a.name) {
		w.serves(v, urlOfApp, 200, pod.Name)
	}
	return w, v
}

func TestEndpointRemovedUnderLoad(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 2, preStop: 5})
	before := w.pods(w.ns, "app", "app")
	asking := v.Ask(urlOfApp, 4, 50) // 200 requests a second
	asking.More(100)
	w.scale("app", 1)
	var removed string
	w.eventually("a pod to be told to go", func() error {
		left := w.pods(w.ns, "app", "app")
		if len(left) != 1 {
			return fmt.Errorf("%d pods", len(left))
		}
		for _, pod := range before {
			if pod.Name != left[0].Name {
				removed = pod.Name
			}
		}
		return nil
	})
	told := time.Now()
	w.eventually("the removed endpoint to get nothing", func() error { return asking.RestsFor(removed, 40) })
	traffic.Measured(t, "nothing more to a removed pod %d ms after it was told to go", time.Since(told).Milliseconds())
	w.ended(before, removed)
	asking.More(100)
	w.scale("app", 2)
	w.ready("app")
	for _, pod := range w.pods(w.ns, "app", "app") {
		had := asking.By(pod.Name)
		w.eventually("both pods to be asked", func() error {
			if asking.By(pod.Name) == had {
				return fmt.Errorf("%s gets nothing", pod.Name)
			}
			return nil
		})
	}
	asking.End()
}

// ended waits until those of the pods that have one of the names are not there any more: a Deployment counts them out as soon as they are
// told to go, and they serve on for the time of their preStop hook.
func (w *world) ended(pods []corev1.Pod, names ...string) {
	w.Helper()
	for _, pod := range pods {
		if !slices.Contains(names, pod.Name) {
			continue
		}
		w.eventually("pod "+pod.Name+" to be gone", func() error {
			err := w.client.Get(w.ctx, client.ObjectKeyFromObject(&pod), &corev1.Pod{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(err, errors.New("it is there"))
		})
	}
}

func TestCrashedEndpointLeavesTheRotationAndComesBack(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 2})
	crashed := w.pods(w.ns, "app", "app")[1]
	address := crashed.Status.PodIP + ":8080"
	w.eventually("it to be healthy", func() error { return w.cloud.HealthOf(address, "healthy") })

	asking := v.Ask(urlOfApp, 4, 50)
	asking.More(50)
	crash := time.Now()
	w.signal(crashed, syscall.SIGKILL)
	// The kubelet restarts it at once, so it is killed again: then it waits for ten seconds.
	w.eventually("the restart", func() error { return w.restarts(crashed, 1) })
	w.signal(crashed, syscall.SIGKILL)
	w.eventually("the crashed endpoint to be out", func() error {
		members, err := w.cloud.Members()
		if err != nil {
			return err
		}
		if health, there := members[address]; there && health == "healthy" {
			return fmt.Errorf("the cloud calls it healthy")
		}
		return asking.RestsFor(crashed.Name, 20)
	})
	out := time.Since(crash)
	asking.Stop()

	// What is out of rotation costs nobody a request, nor is it tried: a retry would hide that from clients.
	retries := w.cloud.Retries(t)
	after := v.Ask(urlOfApp, 4, 50)
	after.More(200)
	after.End()
	if got := w.cloud.Retries(t) - retries; got != 0 {
		t.Errorf("%v requests were tried at the crashed endpoint first, want 0", got)
	}
	if got := after.By(crashed.Name); got != 0 {
		t.Errorf("the crashed endpoint answered %d requests", got)
	}
	w.serves(v, urlOfApp, 200, crashed.Name) // by itself
	traffic.Measured(t, "out of rotation %d ms after the first of two crashes, %d of %d requests failed meanwhile",
		out.Milliseconds(), asking.Failed(), asking.Requests())
}

// restarts returns nil when a pod's container runs and was restarted at least so often.
func (w *world) restarts(pod corev1.Pod, n int32) error {
	var now corev1.Pod
	if err := w.client.Get(w.ctx, client.ObjectKeyFromObject(&pod), &now); err != nil {
		return err
	}
	for _, c := range now.Status.ContainerStatuses {
		if c.RestartCount < n || c.State.Running == nil {
			return fmt.Errorf("%d restarts, %+v", c.RestartCount, c.State)
		}
	}
	return nil
}
