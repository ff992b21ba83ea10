package translate_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
)

func TestProbesOfAPod(t *testing.T) {
	http := func(port uint16, path string) translate.Probe {
		return translate.Probe{Port: port, Health: ir.HealthCheck{Kind: ir.HealthHTTP, Path: path,
			Interval: 10 * time.Second, Timeout: time.Second, HealthyThreshold: 1, UnhealthyThreshold: 3}}
	}
	full := translate.Probe{Port: 8080, Health: ir.HealthCheck{Kind: ir.HealthTCP, Interval: 5 * time.Second, Timeout: 2 * time.Second, HealthyThreshold: 2, UnhealthyThreshold: 4}}
	for _, tc := range []struct {
		reason, containers string
		want               []translate.Probe
	}{
		{"no probe", "[{name: a}]", nil},
		{"defaults", "[{readinessProbe: {httpGet: {port: 8080}}}]", []translate.Probe{http(8080, "/")}},
		{"a named port", "[{ports: [{name: web, containerPort: 81}], readinessProbe: {httpGet: {port: web, path: \"/ready?full\"}}}]", []translate.Probe{http(81, "/ready?full")}},
		{"a name that is no port", "[{readinessProbe: {httpGet: {port: web}}}]", nil},
		{"all that a probe says", "[{readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 5, timeoutSeconds: 2, successThreshold: 2, failureThreshold: 4}}]", []translate.Probe{full}},
		{"each container's", "[{readinessProbe: {httpGet: {port: 1}}}, {readinessProbe: {httpGet: {port: 2}}}]", []translate.Probe{http(1, "/"), http(2, "/")}},
		{"HTTPS", "[{readinessProbe: {httpGet: {port: 8443, scheme: HTTPS}}}]", nil},
		{"a host", "[{readinessProbe: {httpGet: {port: 8080, host: example.com}}}]", nil},
		{"header fields", "[{readinessProbe: {httpGet: {port: 8080, httpHeaders: [{name: A, value: b}]}}}]", nil},
		{"another host", "[{readinessProbe: {tcpSocket: {port: 8080, host: 10.0.0.1}}}]", nil},
		{"a command", "[{readinessProbe: {exec: {command: [ready]}}}]", nil},
		{"gRPC", "[{readinessProbe: {grpc: {port: 8080}}}]", nil},
		{"a path that cannot be asked for", `[{readinessProbe: {httpGet: {port: 8080, path: "/a b"}}}]`, nil},
		{"a fragment", `[{readinessProbe: {httpGet: {port: 8080, path: "/a#b"}}}]`, nil},
	} {
		pod := &corev1.Pod{}
		if err := yaml.UnmarshalStrict([]byte(tc.containers), &pod.Spec.Containers); err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		if diff := cmp.Diff(tc.want, translate.Probes(pod)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
		}
	}
}

// A readiness probe at the very port that requests go to is the check of health, where no BackendPolicy says another.
func TestProbesAsHealthChecks(t *testing.T) {
	const app = "shop/app/80/http1"
	probe := func(port uint16, kind ir.HealthKind) []translate.Probe {
		return []translate.Probe{{Port: port, Health: ir.HealthCheck{Kind: kind, Path: "/ready", Interval: 7 * time.Second, Timeout: time.Second, HealthyThreshold: 1, UnhealthyThreshold: 3}}}
	}
	for _, tc := range []struct {
		reason string
		story  string
		pool   string
		probes []translate.Probe
		change func(*translate.Snapshot)
		want   time.Duration // the interval of the check that counts
	}{
		{"at the port", "traffic", app, probe(8080, ir.HealthHTTP), nil, 7 * time.Second},
		{"at another port", "traffic", app, probe(8081, ir.HealthHTTP), nil, time.Second},
		{"the second", "traffic", app, append(probe(8081, ir.HealthHTTP), probe(8080, ir.HealthTCP)...), nil, 7 * time.Second},
		{"a BackendPolicy comes first", "backend-policy", app, probe(8080, ir.HealthHTTP), nil, 5 * time.Second},
		{"HTTP/1.1 where HTTP/2 is spoken", "traffic", "shop/app/80/http2", probe(8080, ir.HealthHTTP), nil, time.Second},
		{"a connection where HTTP/2 is spoken", "traffic", "shop/app/80/http2", probe(8080, ir.HealthTCP), nil, 7 * time.Second},
		{"a cloud without such checks", "traffic", app, probe(8080, ir.HealthHTTP), func(s *translate.Snapshot) { delete(s.Features, ir.FeatureHealthCheck) }, time.Second},
	} {
		story, err := translatetest.Load(filepath.Join("testdata", tc.story))
		if err != nil {
			t.Fatal(err)
		}
		s := story.Snapshot
		s.Probes = map[types.NamespacedName][]translate.Probe{{Namespace: "shop", Name: "app"}: tc.probes}
		if tc.change != nil {
			tc.change(s)
		}
		lb, _ := translate.Translate(s)
		found := false
		for _, pool := range lb.Pools {
			if pool.Name == tc.pool {
				found = true
				if pool.Health == nil || pool.Health.Interval != tc.want {
					t.Errorf("%s: got %+v, want the check of every %s", tc.reason, pool.Health, tc.want)
				}
			}
		}
		if !found {
			t.Errorf("%s: there is no pool %s", tc.reason, tc.pool)
		}
	}
}

// A node answers at a node port whatever its pods do: their probes say nothing of it.
func TestProbesAreNotForNodes(t *testing.T) {
	story, err := translatetest.Load(filepath.Join("testdata", "node-ports"))
	if err != nil {
		t.Fatal(err)
	}
	before, report := translate.Translate(story.Snapshot)
	if report.Gateway.Parameters.TargetType != v1alpha1.TargetTypeNodePort || len(before.Pools) == 0 {
		t.Fatal("the story is not of nodes")
	}
	story.Snapshot.Probes = map[types.NamespacedName][]translate.Probe{}
	for name := range story.Snapshot.Services {
		for _, target := range before.Pools[0].Targets {
			story.Snapshot.Probes[name] = append(story.Snapshot.Probes[name], translate.Probe{Port: target.Port, Health: ir.HealthCheck{Interval: time.Hour}})
		}
	}
	after, _ := translate.Translate(story.Snapshot)
	if diff := cmp.Diff(before.Pools, after.Pools, compareAll); diff != "" {
		t.Errorf("pools (-without +with probes):\n%s", diff)
	}
}
