package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// leader returns the pod of Cloudgate that holds the lease.
func (w *world) leader() (corev1.Pod, error) {
	var leases coordinationv1.LeaseList
	if err := w.client.List(w.ctx, &leases, client.InNamespace(system)); err != nil {
		return corev1.Pod{}, err
	}
	for _, pod := range w.pods(system, "app.kubernetes.io/name", "cloudgate") {
		for _, lease := range leases.Items {
			holder := lease.Spec.HolderIdentity
			if holder != nil && strings.HasPrefix(*holder, pod.Name+"_") {
				return pod, nil
			}
		}
	}
	return corev1.Pod{}, errors.New("no pod holds the lease")
}

// routesTo applies routes to the Service app of the Gateway web, numbered from first to last.
func (w *world) routesTo(first, last int) {
	w.Helper()
	for i := first; i <= last; i++ {
		w.apply(traffic.HTTPRoute(fmt.Sprintf("r%02d", i), "{name: web}", fmt.Sprintf("r%02d.example.com", i), toApp))
	}
}

// resources counts what the cloud has.
func (w *world) resources() map[string]int {
	w.Helper()
	counts, err := w.cloud.Resources()
	if err != nil {
		w.Fatal(err)
	}
	return counts
}

// TestLeaderKilledDuringChanges: ten routes come in peace, ten more while the leader is killed without a chance to say so. The other
// replica takes over, both halves cost the cloud the same resources, every route is served, and traffic notices nothing.
func TestLeaderKilledDuringChanges(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 2})
	empty := w.resources()
	w.routesTo(1, 10)
	w.programmed("web", 11)
	w.serves(v, "http://r10.example.com/", 200, "")
	half := w.resources()

	asking := v.Ask(urlOfApp, 4, 50) // 200 requests a second
	var killed corev1.Pod
	w.eventually("a leader", func() (err error) { killed, err = w.leader(); return err })
	w.routesTo(11, 15)
	w.signal(killed, syscall.SIGKILL)
	began := time.Now()
	w.routesTo(16, 20)
	// Its pod starts it again within a second and would take part in the election. It goes on crashing until the other one has won.
	traffic.Within(w, patience, 100*time.Millisecond, "the other replica to lead", func() error {
		next, err := w.leader()
		if err != nil || next.Name != killed.Name {
			return err
		}
		for _, pid := range w.processes(killed) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		return fmt.Errorf("%s holds the lease", killed.Name)
	})
	traffic.Measured(t, "another replica led %.1f s after kill -9 of the leader", time.Since(began).Seconds())
	w.programmed("web", 21)
	for i := 1; i <= 20; i++ {
		w.serves(v, fmt.Sprintf("http://r%02d.example.com/", i), 200, "")
	}
	traffic.Measured(t, "all routes of that moment were served %.1f s after it", time.Since(began).Seconds())
	asking.End()

	want := map[string]int{}
	for kind, n := range half {
		want[kind] = 2*n - empty[kind]
	}
	if diff := cmp.Diff(want, w.resources()); diff != "" {
		t.Errorf("ten routes with a killed leader cost something else than ten without (-want +got):\n%s", diff)
	}
	w.eventually("the killed replica to be back", func() error {
		for _, pod := range w.pods(system, "app.kubernetes.io/name", "cloudgate") {
			if pod.Name == killed.Name && len(pod.Status.ContainerStatuses) > 0 {
				if s := pod.Status.ContainerStatuses[0]; s.Ready && s.RestartCount > 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("%s is not ready again", killed.Name)
	})
}

// cloudState is everything that the cloud has, by kind, as its API tells it.
func (w *world) cloudState() (map[string][]any, error) {
	state := map[string][]any{}
	for kind := range w.resources() {
		var page struct {
			Items         []any  `json:"items"`
			NextPageToken string `json:"nextPageToken"`
		}
		if err := w.cloud.Call(http.MethodGet, "/v1/"+kind+"?pageSize=500", nil, &page); err != nil {
			return nil, err
		}
		if page.NextPageToken != "" {
			return nil, fmt.Errorf("more %s than a page has", kind)
		}
		state[kind] = page.Items
	}
	return state, nil
}

// fakeCloudPod is the one pod of the fake cloud, once it is ready.
func (w *world) fakeCloudPod() (corev1.Pod, error) {
	pods := w.pods(system, "app.kubernetes.io/name", "fake-cloud")
	if len(pods) != 1 {
		return corev1.Pod{}, fmt.Errorf("%d pods", len(pods))
	}
	for _, c := range pods[0].Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return pods[0], nil
		}
	}
	return pods[0], errors.New("it is not ready")
}

// TestFakeCloudKilled: the fake cloud is killed, and its pod deleted. Both times its load balancers are back on their addresses with
// all that they had, and the next change is one change.
func TestFakeCloudKilled(t *testing.T) {
	for name, end := range map[string]func(*world, corev1.Pod){
		"kill -9": func(w *world, pod corev1.Pod) { w.signal(pod, syscall.SIGKILL) },
		"delete": func(w *world, pod corev1.Pod) {
			w.kubectl("delete", "pod", "-n", system, pod.Name, "--wait=false")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, v := startApp(t, app{name: "app", replicas: 2})
			w.apply(traffic.Gateway80("other"), traffic.HTTPRoute("other", "{name: other}", "app.example.com", toApp))
			was := []string{w.programmed("web", 1).address, w.programmed("other", 1).address}
			u := w.visit(w.programmed("other", 1), nil)
			w.serves(u, urlOfApp, 200, "")
			before, err := w.cloudState()
			if err != nil {
				t.Fatal(err)
			}
			pod, err := w.fakeCloudPod()
			if err != nil {
				t.Fatal(err)
			}
			w.afterDeathOf(pod, func() { end(w, pod) }, v, u)

			var after map[string][]any
			w.eventually("the cloud's API", func() error { after, err = w.cloudState(); return err })
			if diff := cmp.Diff(asJSON(t, before), asJSON(t, after)); diff != "" {
				t.Errorf("the state changed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(was, []string{w.programmed("web", 1).address, w.programmed("other", 1).address}); diff != "" {
				t.Errorf("the addresses changed (-want +got):\n%s", diff)
			}
			counts := w.resources()
			w.apply(traffic.HTTPRoute("more", "{name: web}", "more.example.com", toApp))
			w.programmed("web", 2)
			w.serves(v, "http://more.example.com/", 200, "")
			want := maps.Clone(counts)
			want["rules"]++
			if diff := cmp.Diff(want, w.resources()); diff != "" {
				t.Errorf("a route more is a rule more and nothing else (-want +got):\n%s", diff)
			}
		})
	}
}

// afterDeathOf ends the fake cloud and measures how long it is until each visitor is answered by the next one.
func (w *world) afterDeathOf(pod corev1.Pod, end func(), visitors ...*traffic.Visitor) {
	w.Helper()
	processes := w.processes(pod)
	began := time.Now()
	end()
	w.eventually("the fake cloud's process to end", func() error {
		for _, pid := range processes {
			if syscall.Kill(pid, 0) == nil {
				return fmt.Errorf("process %d is there", pid)
			}
		}
		return nil
	})
	ended := time.Now()
	for _, v := range visitors {
		w.serves(v, urlOfApp, 200, "")
	}
	traffic.Measured(w, "load balancers answered on the same addresses %.1f s after the end of the fake cloud, %.1f s after the order",
		time.Since(ended).Seconds(), time.Since(began).Seconds())
	w.eventually("the fake cloud to be ready", func() error { _, err := w.fakeCloudPod(); return err })
}

// asJSON makes a difference readable, and independent of the order in which a kind is listed.
func asJSON(t *testing.T, state map[string][]any) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for kind, items := range state {
		out[kind] = map[string]string{}
		for _, item := range items {
			raw, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			id, _ := item.(map[string]any)["id"].(string)
			out[kind][id] = string(raw)
		}
	}
	return out
}
