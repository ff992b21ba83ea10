package cluster

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// channel is that of the Gateway API's kinds in the cluster.
func (w *world) channel() string {
	w.Helper()
	return w.kubectl("get", "crd", "httproutes.gateway.networking.k8s.io", "-o", `jsonpath={.metadata.annotations.gateway\.networking\.k8s\.io/channel}`)
}

// TestWhatGovernsRequests: CORS and sessions, as clients see them. A session goes on after the load balancer's process was killed, and
// after all new clients go to another backend.
func TestWhatGovernsRequests(t *testing.T) {
	w := start(t)
	if w.channel() != "experimental" {
		t.Skip("this cluster has the standard channel, whose routes say nothing of sessions and retries")
	}
	w.apply(traffic.Gateway80("web"), traffic.HTTPRoute("app", "{name: web}", "app.example.com", traffic.GovernRules),
		app{name: "app", replicas: 3}.manifest(), app{name: "shadow", replicas: 1}.manifest())
	w.ready("app", "shadow")
	v := w.visit(w.programmed("web", 1), nil)
	w.serves(v, urlOfApp, 200, "app")
	traffic.WantCORS(t, v)
	traffic.WantSession(t, v, 20)

	first := v.Must("http://app.example.com/kept")
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	stays := func(after string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, "http://app.example.com/kept", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", cookie)
		if a, err := v.Do(request); err != nil || a.Backend() != first.Backend() {
			t.Errorf("after %s the session of %s went on at %q, %v", after, first.Backend(), a.Backend(), err)
		}
	}
	pod, err := w.fakeCloudPod()
	if err != nil {
		t.Fatal(err)
	}
	w.afterDeathOf(pod, func() { w.signal(pod, syscall.SIGKILL) }, v)
	stays("the load balancer's end")
	w.apply(traffic.HTTPRoute("app", "{name: web}", "app.example.com", strings.Replace(traffic.GovernRules,
		"lifetimeType: Permanent}}\n    backendRefs: [{name: app, port: 80}]",
		"lifetimeType: Permanent}}\n    backendRefs: [{name: app, port: 80, weight: 0}, {name: shadow, port: 80}]", 1)))
	w.serves(v, "http://app.example.com/kept", 200, "shadow")
	stays("its backend's weight became 0")
}
