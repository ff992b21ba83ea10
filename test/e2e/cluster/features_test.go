package cluster

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// startApps runs a Gateway web with one route and a pod for each Service.
func startApps(t *testing.T, rules string, services ...string) (*world, *traffic.Visitor) {
	t.Helper()
	w := start(t)
	w.apply(traffic.Gateway80("web"), traffic.HTTPRoute("app", "{name: web}", "app.example.com", rules))
	for _, name := range services {
		w.apply(app{name: name, replicas: 1}.manifest())
	}
	w.ready(services...)
	return w, w.visit(w.programmed("web", 1), nil)
}

func TestMatchesAndTheirPrecedence(t *testing.T) {
	w, v := startApps(t, traffic.MatchRules, traffic.MatchServices...)
	w.everyEndpointHealthy(len(traffic.MatchServices))
	traffic.WantMatches(t, v)
}

// everyEndpointHealthy waits until the cloud has so many targets and calls them healthy.
func (w *world) everyEndpointHealthy(n int) {
	w.Helper()
	w.eventually(fmt.Sprintf("%d healthy targets", n), func() error {
		members, err := w.cloud.Members()
		if err != nil {
			return err
		}
		for _, health := range members {
			if health != "healthy" {
				return fmt.Errorf("the cloud has %v", members)
			}
		}
		if len(members) != n {
			return fmt.Errorf("the cloud has %v", members)
		}
		return nil
	})
}

func TestFiltersAndTimeouts(t *testing.T) {
	w, v := startApps(t, traffic.FilterRules, "app")
	w.serves(v, "http://app.example.com/slow", 200, "app")
	traffic.WantFilters(t, v)
}

// TestListenerSet has another namespace bring a listener and a route of its own.
func TestListenerSet(t *testing.T) {
	w, team := start(t), start(t)
	w.apply(strings.Replace(traffic.Gateway80("web"), "gatewayClassName: fake", "gatewayClassName: fake\n  allowedListeners: {namespaces: {from: All}}", 1))
	team.apply(fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: web, namespace: %s}
  listeners:
  - {name: extra, port: 8081, protocol: HTTP}
`, w.ns), traffic.HTTPRoute("app", "{kind: ListenerSet, group: gateway.networking.k8s.io, name: more}", "app.example.com", toApp))
	team.serve("app")
	v := w.visit(w.programmed("web", 0), nil) // the set's route is not the Gateway's
	w.serves(v, "http://app.example.com:8081/", 200, "app")
	v.Want("http://app.example.com/", 404, "") // the Gateway's own listener has no route
}

func TestGRPCRoute(t *testing.T) {
	w := start(t)
	w.apply(traffic.Gateway80("web"), app{name: "app", replicas: 1, protocol: "kubernetes.io/h2c"}.manifest(), `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: app}
spec:
  parentRefs: [{name: web}]
  hostnames: [grpc.example.com]
  rules:
  - matches: [{method: {service: grpc.health.v1.Health, method: Check}}]
    backendRefs: [{name: app, port: 80}]
`)
	w.ready("app")
	traffic.WantHealthService(t, w.programmed("web", 1).at(80), "grpc.example.com", insecure.NewCredentials())
}

func TestWebSocketAndStreamPassThrough(t *testing.T) {
	w, v := startApps(t, "  - timeouts: {request: 30s}\n"+strings.Replace(toApp, "  - ", "    ", 1), "app")
	w.serves(v, "http://app.example.com/", 200, "app")
	traffic.WantWebSocket(t, w.programmed("web", 1).at(80), "ws://app.example.com/")

	// What a backend sends piece by piece arrives so: the first piece comes before the last is sent.
	response, err := v.Client.Get("http://app.example.com/?pieces=10")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var at []time.Time
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		at = append(at, time.Now())
		if want := fmt.Sprintf("piece %d", len(at)-1); lines.Text() != want {
			t.Fatalf("line %q, want %q", lines.Text(), want)
		}
	}
	if len(at) != 10 || at[9].Sub(at[0]) < 450*time.Millisecond { // the backend takes 900
		t.Errorf("%d pieces at %v: they came together", len(at), at)
	}
}
