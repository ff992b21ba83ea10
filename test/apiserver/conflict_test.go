package apiserver

import (
	"context"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

const foreign = gwv1.GatewayController("example.com/foreign")

// foreignWriter writes its own part of a route's status as fast as it can until ctx ends, and returns how often, and what it wrote last.
func foreignWriter(ctx context.Context, w *world, name string) (n int, last string, err error) {
	for ctx.Err() == nil {
		r := bare(name, "gw")
		if err := w.Get(context.WithoutCancel(ctx), keyOf(r), r); err != nil {
			return n, last, err
		}
		message := fmt.Sprintf("write %d", n+1)
		entry := gwv1.RouteParentStatus{ParentRef: gwv1.ParentReference{Name: "theirs"}, ControllerName: foreign, Conditions: []metav1.Condition{{
			Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted", Message: message, LastTransitionTime: metav1.Now()}}}
		parents := []gwv1.RouteParentStatus{entry}
		for _, p := range r.Status.Parents {
			if p.ControllerName != foreign {
				parents = append(parents, p)
			}
		}
		r.Status.Parents = parents
		switch err := w.Status().Update(context.WithoutCancel(ctx), r); {
		case err == nil:
			n, last = n+1, message
		case !apierrors.IsConflict(err):
			return n, last, err
		}
	}
	return n, last, nil
}

// parent returns what a controller says in the status of a route, nil for nothing.
func (w *world) parent(name string, controller gwv1.GatewayController) *gwv1.RouteParentStatus {
	w.t.Helper()
	r := bare(name, "gw")
	if err := w.Get(w.t.Context(), keyOf(r), r); err != nil {
		w.t.Fatal(err)
	}
	for i := range r.Status.Parents {
		if r.Status.Parents[i].ControllerName == controller {
			return &r.Status.Parents[i]
		}
	}
	return nil
}

func (w *world) judged(name string, generation int64) bool {
	p := w.parent(name, "cloudgate.dev/fake")
	return p != nil && len(p.Conditions) > 0 && p.Conditions[0].ObservedGeneration == generation
}

// Another controller writes to the status of the same route all the time, and a user edits it: nobody's words are lost, and
// conflicts are tried again without haste.
func TestForeignWriterToTheSameStatus(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	w.replica()
	leader := w.leader()
	w.create(gateway("gw"), redirecting("a", "gw", "0.invalid"))
	address := w.programmed("gw")
	w.calm(0)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type result struct {
		n    int
		last string
		err  error
	}
	done := make(chan result, 1)
	began := time.Now()
	go func() {
		n, last, err := foreignWriter(ctx, w, "a")
		done <- result{n, last, err}
	}()
	until(t, "the other writes", func() bool { return w.parent("a", foreign) != nil })

	mark, passes := w.mark(), leader.gauge("controller_runtime_reconcile_total")
	time.Sleep(2 * time.Second) // what they write is no concern of ours: nothing may come of it
	if objects, _ := writes(w.since(mark)); len(objects) > 0 {
		t.Errorf("writes because of a foreign part of a status: %v, want none", count(objects))
	}
	if n := leader.gauge("controller_runtime_reconcile_total") - passes; n > 0 {
		t.Errorf("%v passes because of a foreign part of a status, want none", n)
	}

	mark = w.mark()
	const edits = 20
	for i := range edits {
		route := bare("a", "gw")
		patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/rules/0/filters/0/requestRedirect/hostname","value":"%d.invalid"}]`, i+1)
		if err := w.Patch(t.Context(), route, client.RawPatch(types.JSONPatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
		until(t, "the edit is judged", func() bool { return w.judged("a", route.Generation) })
	}
	stop()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	took := time.Since(began)
	objects, _ := writes(w.calm(mark))
	conflicts := 0
	for _, o := range objects {
		if o.ResponseStatus.Code == 409 {
			conflicts++
		}
	}
	if p := w.parent("a", foreign); p == nil || p.Conditions[0].Message != r.last {
		t.Errorf("the other's last words are lost: %+v, want %q", p, r.last)
	}
	until(t, "the last edit serves", func() bool { return ask(address, "a.example.com") == fmt.Sprintf("%d.invalid", edits) })
	ok := count(objects)["patch httproutes/status a"] - conflicts
	if ok != edits {
		t.Errorf("%d writes of the route's status for %d edits, want one each", ok, edits)
	}
	if conflicts > 20*edits {
		t.Errorf("%d conflicts for %d edits: no backoff is seen", conflicts, edits)
	}
	measured(t, "a foreign controller wrote to the status of a route %d times in %s (%.0f a second): %d edits cost %d writes and %d conflicts",
		r.n, took.Round(time.Millisecond), float64(r.n)/took.Seconds(), edits, ok, conflicts)
}
