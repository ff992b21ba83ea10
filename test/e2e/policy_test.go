package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// Policies that attach to a Service, from their manifest to what becomes of requests.

const retriedRules = `  - retry: {codes: [503], attempts: 2, backoff: 5ms}
    backendRefs: [{name: app, port: 80}]
`

// governed starts a Gateway with a Service of three endpoints, and the policy that a test is about.
func governed(t *testing.T, on class, rules, policy string) (*world, *traffic.Visitor, []*echo.HTTP) {
	var apps []*echo.HTTP
	w := on.start(t, on.approximate, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("route.yaml", traffic.HTTPRoute("app", "{name: web}", "app.example.com", rules))
		w.write("services.yaml", service("app"))
		w.write("policy.yaml", policy)
		apps = w.serve("app", "app-1", "app-2", "app-3")
	})
	return w, visit(t, w.programmed("web", 1), nil), apps
}

func TestRetryBudget(t *testing.T) { tellRetryBudget(t, onFake) }

func tellRetryBudget(t *testing.T, on class) {
	on.needs(t, "an ALB has no retries")
	w, v, apps := governed(t, on, retriedRules, `apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  retryConstraint:
    budget: {percent: 0, interval: 1m}
    minRetryRate: {count: 4, interval: 1m}
`)
	reached := func() int64 {
		var before, after int64
		for _, b := range apps {
			before += b.Requests()
		}
		for range 10 {
			if a := v.For(t).Must("http://app.example.com/?status=503"); a.Status != http.StatusServiceUnavailable {
				t.Errorf("the answer was %d, want 503", a.Status)
			}
		}
		for _, b := range apps {
			after += b.Requests()
		}
		return after - before
	}
	if n := reached(); n != 14 {
		t.Errorf("10 requests that fail reached a backend %d times, want 4 retries in all", n)
	}
	w.remove("policy.yaml")
	w.eventually("retries without a budget", func() error {
		if n := reached(); n != 30 {
			return fmt.Errorf("10 requests that fail reached a backend %d times, want 2 retries each", n)
		}
		return nil
	})
}

func TestSessionOfAService(t *testing.T) { tellSessionOfAService(t, onFake) }

func tellSessionOfAService(t *testing.T, on class) {
	w, v, _ := governed(t, on, toApp, `apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  sessionPersistence: {type: Cookie}
`)
	first := v.Must("http://app.example.com/")
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	if !strings.HasPrefix(cookie, on.sessionCookie()) {
		t.Fatalf("cookie %q", first.Header.Get("Set-Cookie"))
	}
	for range 12 {
		if a := v.Send(http.MethodGet, "http://app.example.com/", "Cookie", cookie); a.Backend() != first.Backend() {
			t.Fatalf("the session began at %s and went on at %s", first.Backend(), a.Backend())
		}
	}
	if on == onAWS {
		return // the cookie is an ALB's own
	}
	// A rule's own session comes first.
	w.write("route.yaml", traffic.HTTPRoute("app", "{name: web}", "app.example.com", `  - sessionPersistence: {sessionName: own}
    backendRefs: [{name: app, port: 80}]
`))
	w.eventually("the session of the rule", func() error {
		if got := v.Must("http://app.example.com/").Header.Get("Set-Cookie"); !strings.HasPrefix(got, "own=") {
			return errors.New("cookie " + got)
		}
		return nil
	})
}

// TestHealthCheckOfAService: an endpoint that takes connections, but answers the path of the check with an error, gets no requests.
func TestHealthCheckOfAService(t *testing.T) { tellHealthCheckOfAService(t, onFake) }

func tellHealthCheckOfAService(t *testing.T, on class) {
	w, v, _ := governed(t, on, toApp, `apiVersion: cloudgate.dev/v1alpha1
kind: BackendPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app, sectionName: http}]
  healthCheck: {type: HTTP, path: /healthz, interval: 100ms, unhealthyThreshold: 2}
  drainTimeout: 10s
`+on.may("  limits: {requests: 100}\n"))
	var sick atomic.Bool
	patient := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Backend", "patient")
		if r.URL.Path == "/healthz" && sick.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = rw.Write([]byte(`{"backend": "patient"}`))
	}))
	t.Cleanup(patient.Close)
	w.endpoints("default", "app", "http", "TCP", w.backend("well").Addr(), netip.MustParseAddrPort(patient.Listener.Addr().String()))
	among := func(want ...string) func() error {
		return func() error {
			got := map[string]bool{}
			for range 10 {
				got[v.Send(http.MethodGet, "http://app.example.com/").Header.Get("X-Backend")] = true
			}
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
				return fmt.Errorf("answers of %v, want %v", names, want)
			}
			return nil
		}
	}
	w.eventually("both endpoints to answer", among("patient", "well"))
	sick.Store(true)
	w.eventually("the sick one to be left out", among("well"))
	sick.Store(false)
	w.eventually("it to be back", among("patient", "well"))
	if on == onAWS {
		return // without a policy it is a path that an ALB asks for
	}
	sick.Store(true)
	w.eventually("the sick one to be left out again", among("well"))
	w.remove("policy.yaml")
	w.eventually("a connection to be enough, without the policy", among("patient", "well"))
}
