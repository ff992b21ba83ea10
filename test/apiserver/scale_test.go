package apiserver

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// memory returns what the kernel says of a process's memory.
func (p *process) memory(field string) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// propagation returns the median of the times from an edit of a route, once the API server has it, to traffic that obeys it.
func (w *world) propagation(address, name string) time.Duration {
	w.t.Helper()
	var times []time.Duration
	for i := range 11 {
		to := fmt.Sprintf("edit%d.invalid", i)
		patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/rules/0/filters/0/requestRedirect/hostname","value":%q}]`, to)
		if err := w.Patch(w.t.Context(), bare(name, "gw"), client.RawPatch(types.JSONPatchType, []byte(patch))); err != nil {
			w.t.Fatal(err)
		}
		began := time.Now()
		for ask(address, name+".example.com") != to {
			if time.Since(began) > deadline {
				w.t.Fatalf("the edit of route %s does not serve", name)
			}
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[len(times)/2].Round(100 * time.Microsecond)
}

// With a thousand routes a change costs what it costs with one.
func TestThousandRoutes(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	leader := w.replica()
	w.leader()
	w.create(gateway("gw"), redirecting("r0", "gw", "r0.invalid"))
	address := w.programmed("gw")
	until(t, "it serves", func() bool { return ask(address, "r0.example.com") == "r0.invalid" })
	w.calm(0)
	measured(t, "propagation with 1 route: %s; memory %s", w.propagation(address, "r0"), leader.memory("VmRSS"))

	const routes = 1000
	mark, began := w.mark(), time.Now()
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			for i := 1 + part; i < routes; i += 8 {
				if err := w.Create(t.Context(), redirecting(fmt.Sprintf("r%d", i), "gw", fmt.Sprintf("r%d.invalid", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := 1; i < routes; i++ {
		until(t, "route serves", func() bool { return ask(address, fmt.Sprintf("r%d.example.com", i)) == fmt.Sprintf("r%d.invalid", i) })
	}
	took := time.Since(began)
	objects, _ := writes(w.calm(mark))
	done := slices.DeleteFunc(slices.Clone(objects), func(r request) bool { return r.ResponseStatus.Code == http.StatusConflict })
	for what, n := range count(done) {
		if strings.HasPrefix(what, "patch httproutes/status") && n > 1 {
			t.Errorf("%s: %d times, want once", what, n)
		}
	}
	_, line := statusWrites(objects)
	measured(t, "%d routes made and served in %s; writes: %s; %d conflicts", routes, took.Round(time.Millisecond), line, len(objects)-len(done))

	mark = w.mark()
	p := w.propagation(address, "r500")
	objects, _ = writes(w.calm(mark))
	measured(t, "propagation with %d routes: %s (median of 11); memory of the controller %s, peak %s", routes, p, leader.memory("VmRSS"), leader.memory("VmHWM"))
	for what, n := range count(objects) {
		if strings.HasPrefix(what, "patch httproutes/status") && (what != "patch httproutes/status r500" || n > 11) {
			t.Errorf("11 edits of one route: %s %d times", what, n)
		}
	}
	w.nothingToDo()
}
