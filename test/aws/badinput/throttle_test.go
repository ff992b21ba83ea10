package badinput

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
)

// TestThrottledForTenMinutes: AWS refuses every call for ten minutes of the controller's, while one Gateway is to be made and another to be
// changed. What serves goes on and keeps its status; both come to be when AWS answers again.
func TestThrottledForTenMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(gateway("serving"), route("app", "serving", "web"))
	w.run()
	w.ready("serving")
	w.rest()
	balancer := w.balancer("serving")

	w.fault(fault.Rule{Op: "*", Effect: fault.Throttle})
	w.apply(route("app", "serving", "web", "/", "/more"))
	w.apply(gateway("new"), route("shop", "new", "web"))
	var perMinute []int
	for range 10 {
		before := w.mark()
		time.Sleep(minute) // of the controller's
		made := w.since(before)
		perMinute = append(perMinute, len(made))
		if len(perMinute) == 5 {
			// Others go on to change things meanwhile: that must not be a way around the waits.
			w.apply(route("app", "serving", "web", "/", "/more", "/else"))
		}
	}
	w.says(w.programmed("new", metav1.ConditionFalse, "Pending"), "The cloud limits the rate of calls", "Cloudgate tries again")
	w.ready("serving")
	if after := w.balancer("serving"); after != balancer {
		t.Errorf("want the load balancer %s, got %s", balancer, after)
	}
	if n := w.eventCount("CloudUnavailable"); n != 2 {
		t.Errorf("want an event for each Gateway, and only one, got %d", n)
	}
	// The first waits are short: there are about ten tries until they are 30 s long, then two or three a minute. A try is what can be begun at once: two calls for
	// the new Gateway, one or two for the other.
	t.Logf("MEASURED throttled for ten minutes, two Gateways to be worked on: %v calls in each minute", perMinute)
	for i, n := range perMinute {
		most := 20
		if i == 0 {
			most = 80
		}
		if n > most {
			t.Errorf("minute %d: want at most %d calls, got %d", i+1, most, n)
		}
	}

	w.heal()
	w.ready("new")
	w.until("the rules are there", func() bool { return w.rules("serving") == 3 && w.rules("new") == 1 }, func() string { return "not there" })
	w.inSync()
}
