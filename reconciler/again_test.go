package reconciler

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A pass that meets newer versions again and again waits longer each time, up to a limit, and starts anew when it does not.
func TestRepeatedPassesWaitLonger(t *testing.T) {
	c := &Controller{writer: newWriter(nil, nil), cfg: Config{Dice: func() float64 { return 0.5 }}}
	result := errAgain
	r := c.repeating(func(context.Context, reconcile.Request) (reconcile.Result, error) { return reconcile.Result{}, result })
	var got []time.Duration
	pass := func() {
		res, err := r.Reconcile(t.Context(), reconcile.Request{})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, res.RequeueAfter)
	}
	for range 10 {
		pass()
	}
	result = nil
	pass()
	result = errAgain
	pass()
	ms := time.Millisecond
	want := []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, 1000 * ms, 1000 * ms, 0, 5 * ms}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	result = errors.New("no")
	if _, err := r.Reconcile(t.Context(), reconcile.Request{}); !errors.Is(err, result) {
		t.Errorf("error %v, want %v", err, result)
	}
}
