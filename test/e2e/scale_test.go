package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// manyRoute is a route with a host of its own, a path of its own, and a header that it adds.
func manyRoute(i int) string {
	return fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-%[1]d}
spec:
  parentRefs: [{name: web}]
  hostnames: [host-%[1]d.example.com]
  rules:
  - matches:
    - path: {type: PathPrefix, value: /app}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Route, value: "%[1]d"}]}
    backendRefs: [{name: app-%[2]d, port: 80}]
`, i, i%manyServices)
}

const (
	manyRoutes   = 1000
	manyServices = 20
	moreRoutes   = 20 // added one by one

	replacedEndpoints = 5 // one by one, of as many Services
)

// TestAThousandRoutes runs the program that users run, so that times and memory are theirs.
func TestAThousandRoutes(t *testing.T) {
	if _, err := binary(); err != nil { // built before the clock runs
		t.Fatal(err)
	}
	began := time.Now()
	w, pid := startProgram(t, nil, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		backend := w.backend("app")
		for i := range manyServices {
			name := fmt.Sprintf("app-%d", i)
			w.write(name+".yaml", service(name))
			w.endpoints("default", name, "http", "TCP", backend.Addr())
		}
		for file := range 10 {
			var routes strings.Builder
			for i := range manyRoutes / 10 {
				routes.WriteString(manyRoute(file*manyRoutes/10 + i))
			}
			w.write(fmt.Sprintf("routes-%d.yaml", file), routes.String())
		}
	})
	g := w.programmed("web", manyRoutes)
	traffic.Measured(t, "%d routes programmed %d ms after the start of the program", manyRoutes, time.Since(began).Milliseconds())
	v := visit(t, g, nil)
	answers := func(i int) error {
		a, err := v.Get(fmt.Sprintf("http://host-%d.example.com/app/x", i))
		if err != nil {
			return err
		}
		if a.Status != 200 || a.Echo.Headers.Get("X-Route") != strconv.Itoa(i) {
			return fmt.Errorf("route %d answered %d as route %q", i, a.Status, a.Echo.Headers.Get("X-Route"))
		}
		return nil
	}
	for i := range manyRoutes {
		if err := answers(i); err != nil {
			t.Fatal(err)
		}
	}
	traffic.Measured(t, "%d MiB resident with %d routes, the fake cloud and its data path in the same process", residentMiB(t, pid), manyRoutes)

	_, seq := w.cloud.Journal(t, 0)
	var times []time.Duration
	for i := manyRoutes; i < manyRoutes+moreRoutes; i++ {
		saved := time.Now()
		w.write(fmt.Sprintf("route-%d.yaml", i), manyRoute(i))
		w.eventually("the new route to answer", func() error { return answers(i) })
		times = append(times, time.Since(saved))
	}
	slices.Sort(times)
	traffic.Measured(t, "one more route among %d answers after %d ms (median of %d; fastest %d, slowest %d; %d of them are the wait for a file to settle)",
		manyRoutes, times[len(times)/2].Milliseconds(), len(times), times[0].Milliseconds(), times[len(times)-1].Milliseconds(), 20)
	w.programmed("web", manyRoutes+moreRoutes)

	entries, seq := w.cloud.Journal(t, seq)
	calls := traffic.Mutations(entries)
	traffic.Measured(t, "mutating cloud calls for %d added routes: %v", moreRoutes, calls)
	if want := map[string]int{"CreateRule": moreRoutes}; !maps.Equal(calls, want) {
		t.Errorf("mutating calls for %d added routes: %v, want %v", moreRoutes, calls, want)
	}

	// A change of one endpoint of one Service is one call, however many routes use it. With several, one after the other, a call
	// that follows late is counted as well.
	more := w.backend("app-more")
	for i := range replacedEndpoints {
		w.endpoints("default", fmt.Sprintf("app-%d", i), "http", "TCP", more.Addr())
		w.eventually("the new endpoint to answer", func() error {
			return v.Answers(fmt.Sprintf("http://host-%d.example.com/app", i), 200, "app-more")
		})
	}
	w.eventually("the journal to have a call for each", func() error {
		entries, _ = w.cloud.Journal(t, seq)
		if n := traffic.Mutations(entries)["UpdateMembers"]; n < replacedEndpoints {
			return fmt.Errorf("%d calls", n)
		}
		return nil
	})
	calls = traffic.Mutations(entries)
	traffic.Measured(t, "mutating cloud calls for %d replaced endpoints, each of which %d routes use: %v",
		replacedEndpoints, (manyRoutes+moreRoutes)/manyServices, calls)
	if want := map[string]int{"UpdateMembers": replacedEndpoints}; !maps.Equal(calls, want) {
		t.Errorf("mutating calls for %d replaced endpoints: %v, want %v", replacedEndpoints, calls, want)
	}
}

// residentMiB is the resident memory of a process.
func residentMiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Logf("resident memory is not known here: %v", err)
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
