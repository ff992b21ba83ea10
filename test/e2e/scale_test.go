package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// manyRoute is a route with a host of its own, a path of its own, and a header that it adds, where the class can.
func (c class) manyRoute(i int) string {
	return fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-%[1]d}
spec:
  parentRefs: [{name: %[2]s}]
  hostnames: [host-%[1]d.example.com]
  rules:
  - matches:
    - path: {type: PathPrefix, value: /app}
%[4]s    backendRefs: [{name: app-%[3]d, port: 80}]
`, i, c.manyGateway(i%c.manyGateways()), i%manyServices,
		c.may(fmt.Sprintf("    filters:\n    - type: RequestHeaderModifier\n      requestHeaderModifier: {set: [{name: X-Route, value: \"%d\"}]}\n", i)))
}

const (
	manyRoutes   = 1000
	manyServices = 20
	moreRoutes   = 20 // added one by one

	replacedEndpoints = 5 // one by one, of as many Services
)

// manyGateways is how many Gateways the routes need: an ALB has room for 100 rules. Each has routes to all Services.
func (c class) manyGateways() int {
	if c == onAWS {
		return 11
	}
	return 1
}

func (class) manyGateway(i int) string { return fmt.Sprintf("web-%d", i) }

// manyProgrammed waits until n routes are programmed, and returns who visits each Gateway.
func (w *world) manyProgrammed(n int) []*traffic.Visitor {
	w.Helper()
	var visitors []*traffic.Visitor
	gateways := w.class.manyGateways()
	for i := range gateways {
		g := w.programmed(w.class.manyGateway(i), int32((n-i+gateways-1)/gateways))
		visitors = append(visitors, visit(w.T, g, nil))
	}
	return visitors
}

// callsFor returns what so many new rules, and replaced endpoints of a Service each, cost.
func (c class) callsFor(rules, endpoints int) (forRules, forEndpoints map[string]int) {
	if c == onAWS { // the targets of a Service are those of a target group of each load balancer
		n := endpoints * c.manyGateways()
		return map[string]int{"elasticloadbalancing:CreateRule": rules},
			map[string]int{"elasticloadbalancing:RegisterTargets": n, "elasticloadbalancing:DeregisterTargets": n}
	}
	return map[string]int{"CreateRule": rules}, map[string]int{"UpdateMembers": endpoints}
}

// TestAThousandRoutes runs the program that users run, so that times and memory are theirs.
func TestAThousandRoutes(t *testing.T) { tellAThousandRoutes(t, onFake) }

// TestAThousandRoutesOnAWS is not among the stories of TestAWS: with others beside it, it would measure them.
func TestAThousandRoutesOnAWS(t *testing.T) { tellAThousandRoutes(t, onAWS) }

func tellAThousandRoutes(t *testing.T, on class) {
	if _, err := binary(); err != nil { // built before the clock runs
		t.Fatal(err)
	}
	began := time.Now()
	w, pid := on.startProgram(t, nil, func(w *world) {
		for i := range on.manyGateways() {
			w.write(fmt.Sprintf("gateway-%d.yaml", i), traffic.Gateway80(on.manyGateway(i)))
		}
		backend := w.backend("app")
		for i := range manyServices {
			name := fmt.Sprintf("app-%d", i)
			w.write(name+".yaml", service(name))
			w.endpoints("default", name, "http", "TCP", backend.Addr())
		}
		for file := range 10 {
			var routes strings.Builder
			for i := range manyRoutes / 10 {
				routes.WriteString(on.manyRoute(file*manyRoutes/10 + i))
			}
			w.write(fmt.Sprintf("routes-%d.yaml", file), routes.String())
		}
	})
	visitors := w.manyProgrammed(manyRoutes)
	measured := func(format string, args ...any) { traffic.Measured(t, on.name+": "+format, args...) }
	measured("%d routes programmed %d ms after the start of the program", manyRoutes, time.Since(began).Milliseconds())
	answers := func(i int) error {
		a, err := visitors[i%len(visitors)].Get(fmt.Sprintf("http://host-%d.example.com/app/x", i))
		if err != nil {
			return err
		}
		if want := on.may(strconv.Itoa(i)); a.Status != 200 || a.Echo.Headers.Get("X-Route") != want {
			return fmt.Errorf("route %d answered %d as route %q", i, a.Status, a.Echo.Headers.Get("X-Route"))
		}
		return nil
	}
	for i := range manyRoutes {
		if err := answers(i); err != nil {
			t.Fatal(err)
		}
	}
	measured("%d MiB resident with %d routes, the fake cloud and its data path in the same process", residentMiB(t, pid), manyRoutes)

	_, seq := w.calls().Journal(t, 0)
	var times []time.Duration
	for i := manyRoutes; i < manyRoutes+moreRoutes; i++ {
		saved := time.Now()
		w.write(fmt.Sprintf("route-%d.yaml", i), on.manyRoute(i))
		w.eventually("the new route to answer", func() error { return answers(i) })
		times = append(times, time.Since(saved))
	}
	slices.Sort(times)
	measured("one more route among %d answers after %d ms (median of %d; fastest %d, slowest %d; %d of them are the wait for a file to settle)",
		manyRoutes, times[len(times)/2].Milliseconds(), len(times), times[0].Milliseconds(), times[len(times)-1].Milliseconds(), 20)
	visitors = w.manyProgrammed(manyRoutes + moreRoutes)

	forRules, forEndpoints := on.callsFor(moreRoutes, replacedEndpoints)
	entries, seq := w.calls().Journal(t, seq)
	calls := traffic.Mutations(entries)
	measured("mutating cloud calls for %d added routes: %v", moreRoutes, calls)
	if diff := cmp.Diff(forRules, calls); diff != "" {
		t.Errorf("mutating calls for %d added routes (-want +got):\n%s", moreRoutes, diff)
	}

	// A change of one endpoint of one Service is one call for each load balancer that has it, however many routes use it. With several, one
	// after the other, a call that follows late is counted as well.
	more := w.backend("app-more")
	for i := range replacedEndpoints {
		w.endpoints("default", fmt.Sprintf("app-%d", i), "http", "TCP", more.Addr())
		w.eventually("the new endpoint to answer", func() error {
			return visitors[i%len(visitors)].Answers(fmt.Sprintf("http://host-%d.example.com/app", i), 200, "app-more")
		})
	}
	w.eventually("the journal to have a call for each", func() error {
		entries, _ = w.calls().Journal(t, seq)
		calls = traffic.Mutations(entries)
		for op, n := range forEndpoints {
			if calls[op] < n {
				return fmt.Errorf("%v", calls)
			}
		}
		return nil
	})
	measured("mutating cloud calls for %d replaced endpoints, each of which %d routes use: %v",
		replacedEndpoints, (manyRoutes+moreRoutes)/manyServices, calls)
	if diff := cmp.Diff(forEndpoints, calls); diff != "" {
		t.Errorf("mutating calls for %d replaced endpoints (-want +got):\n%s", replacedEndpoints, diff)
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
