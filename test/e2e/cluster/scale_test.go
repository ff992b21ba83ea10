package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const (
	manyRoutes   = 1000
	manyServices = 20
	moreRoutes   = 10 // added one by one
	appliers     = 8
)

// manyRoute is a route with a host of its own, a path of its own, and a header that it adds.
func manyRoute(i int) string {
	return traffic.HTTPRoute(fmt.Sprintf("route-%d", i), "{name: web}", fmt.Sprintf("host-%d.example.com", i), fmt.Sprintf(`  - matches:
    - path: {type: PathPrefix, value: /app}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Route, value: "%d"}]}
    backendRefs: [{name: app-%d, port: 80}]
`, i, i%manyServices))
}

// manyAnswers returns nil when the route with a number answers.
func manyAnswers(v *traffic.Visitor, i int) error {
	a, err := v.Get(fmt.Sprintf("http://host-%d.example.com/app/x", i))
	if err != nil {
		return err
	}
	if a.Status != 200 || a.Echo.Headers.Get("X-Route") != strconv.Itoa(i) {
		return fmt.Errorf("route %d answered %d as route %q", i, a.Status, a.Echo.Headers.Get("X-Route"))
	}
	return nil
}

// propagation adds routes one by one and measures how long each takes from when the API server has it to its first answer.
func (w *world) propagation(v *traffic.Visitor, first int) {
	w.Helper()
	var times []time.Duration
	for i := first; i < first+moreRoutes; i++ {
		w.apply(manyRoute(i))
		saved := time.Now()
		traffic.Eventually(w, "the new route to answer", func() error { return manyAnswers(v, i) })
		times = append(times, time.Since(saved))
	}
	slices.Sort(times)
	traffic.Measured(w, "one more route among %d answers after %d ms (median of %d; fastest %d, slowest %d)",
		first, times[len(times)/2].Milliseconds(), len(times), times[0].Milliseconds(), times[len(times)-1].Milliseconds())
}

// wantMutations waits until the cloud was asked for n changes of one kind since an entry of its journal, and wants no other.
func (w *world) wantMutations(since int, what string, want map[string]int) int {
	w.Helper()
	var calls map[string]int
	var last int
	w.eventually("the journal to have the calls", func() error {
		var entries []traffic.JournalEntry
		entries, last = w.cloud.Journal(w, since)
		calls = traffic.Mutations(entries)
		for op, n := range want {
			if calls[op] < n {
				return fmt.Errorf("calls: %v", calls)
			}
		}
		return nil
	})
	traffic.Measured(w, "mutating cloud calls for %s: %v", what, calls)
	if !maps.Equal(calls, want) {
		w.Errorf("mutating calls for %s: %v, want %v", what, calls, want)
	}
	return last
}

// service is a Service that has the pods of the Deployment app.
func service(i int) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata: {name: app-%d}\nspec:\n  selector: {app: app}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n", i)
}

func TestAThousandRoutes(t *testing.T) {
	w := start(t)
	var services strings.Builder
	for i := range manyServices {
		services.WriteString(service(i))
	}
	w.apply(traffic.Gateway80("web"), services.String())
	w.serve("app")

	// With one route, and then a few.
	w.apply(manyRoute(0))
	v := w.visit(w.programmed("web", 1), nil)
	w.eventually("the first route to answer", func() error { return manyAnswers(v, 0) })
	w.propagation(v, 1)
	first := 1 + moreRoutes
	w.programmed("web", int32(first))

	began := time.Now()
	var group errgroup.Group
	group.SetLimit(appliers)
	for i := first; i < manyRoutes; i++ {
		group.Go(func() error { return w.tryApply(manyRoute(i)) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	applied := time.Since(began)
	w.programmed("web", manyRoutes)
	traffic.Measured(t, "%d routes applied in %d ms, all programmed %d ms later", manyRoutes-first, applied.Milliseconds(), (time.Since(began) - applied).Milliseconds())
	for i := range manyRoutes {
		w.eventually("every route to answer", func() error { return manyAnswers(v, i) })
	}
	w.measureMemory(fmt.Sprintf("with %d routes", manyRoutes))

	_, seq := w.cloud.Journal(w, 0)
	w.propagation(v, manyRoutes)
	w.programmed("web", manyRoutes+moreRoutes)
	seq = w.wantMutations(seq, fmt.Sprintf("%d added routes", moreRoutes), map[string]int{"CreateRule": moreRoutes})

	// A pod more is one call for each of the Services that have it, however many routes use them.
	w.scale("app", 2)
	w.ready("app")
	for _, pod := range w.pods(w.ns, "app", "app") {
		w.serves(v, "http://host-1.example.com/app", 200, pod.Name)
	}
	w.wantMutations(seq, fmt.Sprintf("one pod more behind %d Services of %d routes", manyServices, manyRoutes+moreRoutes),
		map[string]int{"UpdateMembers": manyServices})
}
