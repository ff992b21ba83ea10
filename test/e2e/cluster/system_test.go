package cluster

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// measureMemory prints how much memory each pod of the system has. Of those of Cloudgate one leads; the others wait.
func (w *world) measureMemory(when string) {
	w.Helper()
	used := w.memory(system)
	var pods []string
	for pod := range used {
		pods = append(pods, pod)
	}
	slices.Sort(pods)
	for _, pod := range pods {
		traffic.Measured(w, "%s has %d MiB resident %s", pod, used[pod], when)
	}
}

func TestMemoryAtRest(t *testing.T) {
	start(t).measureMemory("at rest")
}

// TestStandardChannelOnly: the cluster of these stories has the kinds of the standard channel and no other, so that all of them prove that
// it is enough. The controller stands by no missing kind: it has not begun anew.
func TestStandardChannelOnly(t *testing.T) {
	w := start(t)
	crds := w.kubectl("get", "crds", "-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.annotations.gateway\.networking\.k8s\.io/channel}{"\n"}{end}`)
	var standard int
	for line := range strings.Lines(crds) {
		name, channel, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.HasSuffix(name, ".gateway.networking.k8s.io") && channel == "standard":
			standard++
		case strings.HasSuffix(name, ".gateway.networking.k8s.io"), strings.HasSuffix(name, ".gateway.networking.x-k8s.io"):
			t.Skipf("this cluster has the experimental channel: %s (%s)", name, channel)
		}
	}
	if standard == 0 {
		t.Fatalf("no kind of the Gateway API in\n%s", crds)
	}
	w.apply(traffic.Gateway80("web"), traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
	w.serve("app")
	w.serves(w.visit(w.programmed("web", 1), nil), urlOfApp, 200, "app")
}
