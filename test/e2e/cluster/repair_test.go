package cluster

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// TestEverythingKilledAtOnce: all replicas and the fake cloud. What comes back finds all in order: it changes nothing in the cloud, writes
// no status, and goes on.
func TestEverythingKilledAtOnce(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 2})
	before, err := w.cloudState()
	if err != nil {
		t.Fatal(err)
	}
	was := w.programmed("web", 1)
	cloud, err := w.fakeCloudPod()
	if err != nil {
		t.Fatal(err)
	}
	pods := append(w.pods(system, "app.kubernetes.io/name", "cloudgate"), cloud)
	var restarts []int32
	for _, pod := range pods {
		restarts = append(restarts, pod.Status.ContainerStatuses[0].RestartCount)
	}
	for _, pod := range pods {
		w.signal(pod, syscall.SIGKILL)
	}
	for i, pod := range pods {
		w.eventually(pod.Name+" to be back", func() error { return w.restartedReady(pod, restarts[i]) })
	}
	w.serves(v, urlOfApp, 200, "")

	var after map[string][]any
	w.eventually("the cloud's API", func() error { after, err = w.cloudState(); return err })
	if diff := cmp.Diff(asJSON(t, before), asJSON(t, after)); diff != "" {
		t.Errorf("the cloud's state changed (-want +got):\n%s", diff)
	}
	// The next change shows that somebody leads, and has looked at everything before.
	w.apply(traffic.HTTPRoute("more", "{name: web}", "more.example.com", toApp))
	w.serves(v, "http://more.example.com/", 200, "")
	entries, _ := w.cloud.Journal(t, 0) // of the fake cloud that runs now
	if got, want := traffic.Mutations(entries), map[string]int{"CreateRule": 1}; !maps.Equal(got, want) {
		t.Errorf("mutating calls since the restart, with one route more: %v, want %v", got, want)
	}
	if now := w.programmed("web", 2); now.address != was.address {
		t.Errorf("the address was %s and is %s", was.address, now.address)
	}
}

// restartedReady returns nil when the only container of a pod is ready and has been restarted.
func (w *world) restartedReady(pod corev1.Pod, before int32) error {
	var now corev1.Pod
	if err := w.client.Get(w.ctx, client.ObjectKeyFromObject(&pod), &now); err != nil {
		return err
	}
	if len(now.Status.ContainerStatuses) == 0 {
		return errors.New("it has no container")
	}
	if s := now.Status.ContainerStatuses[0]; !s.Ready || s.RestartCount <= before {
		return fmt.Errorf("ready: %t, restarts: %d", s.Ready, s.RestartCount)
	}
	return nil
}

// TestWhatOthersChangeInTheCloudIsRepaired: somebody deletes the rules of a load balancer by hand. The next change runs into it, and all of
// them are made again.
func TestWhatOthersChangeInTheCloudIsRepaired(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 1})
	w.apply(traffic.HTTPRoute("other", "{name: web}", "other.example.com", toApp))
	w.programmed("web", 2)
	w.serves(v, "http://other.example.com/", 200, "app")
	for turn := 1; turn <= 2; turn++ {
		ids, err := w.cloud.IDs("rules")
		if err != nil || len(ids) != 2 {
			t.Fatalf("%d rules, %v; want 2", len(ids), err)
		}
		for _, id := range ids {
			if err := w.cloud.Call(http.MethodDelete, "/v1/rules/"+id, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		w.serves(v, urlOfApp, 404, "")
		w.apply(traffic.HTTPRoute("app", "{name: web}", "app.example.com", fmt.Sprintf(`  - backendRefs: [{name: app, port: 80}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Turn, value: "%d"}]}}]
`, turn)))
		w.serves(v, urlOfApp, 200, "app")
		if got := v.Must(urlOfApp).Echo.Headers.Get("X-Turn"); got != fmt.Sprint(turn) {
			t.Errorf("X-Turn = %q, want %d", got, turn)
		}
		w.serves(v, "http://other.example.com/", 200, "app")
	}
}

// TestOutageIsToldOnTheGateway: a cloud that refuses changes is told by one event, a second time in the event that is there, and in the state
// of the load balancer, which serves all the while.
func TestOutageIsToldOnTheGateway(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 1})
	state := func(want string) {
		t.Helper()
		w.eventually("the state "+want, func() error {
			if is := w.kubectl("get", "loadbalancers.cloudgate.dev", "-n", w.ns, "web", "-o", "jsonpath={.status.state}"); is != want {
				return fmt.Errorf("it is %s", is)
			}
			return nil
		})
	}
	for turn := 1; turn <= 2; turn++ {
		end := w.cloud.Suffer(t, traffic.Fault{Op: "UpdateMembers", Effect: "unavailable"})
		w.scale("app", 1+turn)
		w.eventually("the event", func() error { return w.toldOf("CloudUnavailable", int32(turn)) })
		state("Degraded")
		v.Want(urlOfApp, 200, "app")
		end()
		state("Active")
		w.ready("app")
		for _, pod := range w.pods(w.ns, "app", "app") {
			w.serves(v, urlOfApp, 200, pod.Name)
		}
	}
}

// toldOf returns nil when the events of the Gateway web tell of something so many times.
func (w *world) toldOf(reason string, times int32) error {
	var g gwv1.Gateway
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "web"}, &g); err != nil {
		return err
	}
	var events corev1.EventList
	if err := w.client.List(w.ctx, &events, client.InNamespace(w.ns)); err != nil {
		return err
	}
	var told int32
	for _, e := range events.Items {
		switch {
		case e.InvolvedObject.UID != g.UID || e.Reason != reason:
		case e.Series != nil:
			told += e.Series.Count
		default:
			told++
		}
	}
	if told != times {
		return fmt.Errorf("%s is told %d times, want %d", reason, told, times)
	}
	return nil
}
