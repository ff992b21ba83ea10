package reconciler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// another starts a second controller in the cluster of a world, with a cloud of its own.
func (w *world) another(name string) *world {
	w.t.Helper()
	other := &world{t: w.t, store: w.store, cloud: newTestCloud()}
	other.cloud.name = name
	other.start(func(c *reconciler.Config) { c.Providers = []cloud.Provider{other.cloud} })
	w.t.Cleanup(other.halt)
	return other
}

// verdict returns the status and reason of a class's Accepted condition.
func (w *world) verdict(name string) string {
	w.t.Helper()
	c := class(name)
	if !w.get(c) {
		return ""
	}
	cond := condition(c.Status.Conditions, "Accepted")
	if cond == nil {
		return ""
	}
	return string(cond.Status) + " " + cond.Reason
}

// Two controllers with different providers leave each other's classes and Gateways alone.
func TestTwoControllersInOneCluster(t *testing.T) {
	w := serving(t)
	w.apply(class("second"), class("typo"))
	w.until("nobody has the provider", func() bool { return w.verdict("second") == "False Unsupported" })
	other := w.another("second")
	w.apply(ofClass("theirs", "second"))
	w.programmed("theirs")
	w.settle()

	// Both look at everything again.
	for _, name := range []string{"fake", "second", "typo"} {
		c := class(name)
		c.Labels = map[string]string{"touched": "yes"}
		w.apply(c)
	}
	before := w.statusWrites()
	w.passed("gw", "theirs")
	w.settle()
	for name, want := range map[string]string{"fake": "True Accepted", "second": "True Accepted", "typo": "False Unsupported"} {
		if got := w.verdict(name); got != want {
			t.Errorf("class %s: %s, want %s", name, got, want)
		}
	}
	if diff := cmp.Diff(before, w.statusWrites()); diff != "" {
		t.Errorf("status writes when nothing changes (-want +got):\n%s", diff)
	}

	w.delete(gateway("theirs"), gateway("gw"))
	w.until("both are gone", func() bool { return w.gateway("theirs") == nil && w.gateway("gw") == nil })
	if mine, theirs := w.cloud.size(), other.cloud.size(); mine != 0 || theirs != 0 {
		t.Errorf("%d and %d resources are left in the clouds, want none", mine, theirs)
	}
	if notes := w.notes("ProviderMissing"); len(notes) != 0 {
		t.Errorf("events %q, want none", notes)
	}
}

// While the other controller is away, what it made is not let go by one that cannot delete it.
func TestAnotherControllersGatewayWaitsForIt(t *testing.T) {
	w := serving(t, func(c *reconciler.Config) { c.AuditInterval = 50 * time.Millisecond })
	other := w.another("second")
	w.apply(class("second"), ofClass("theirs", "second"))
	w.programmed("theirs")
	w.settle()
	other.halt()
	w.delete(gateway("theirs"), w.loadBalancer("theirs"))
	w.until("it is told", func() bool { return w.eventCount("ProviderMissing") > 0 })
	w.settle()
	if g := w.gateway("theirs"); g == nil || other.cloud.size() == 0 {
		t.Fatalf("the Gateway was let go with %d resources in the other's cloud", other.cloud.size())
	}
	other.start(func(c *reconciler.Config) { c.Providers = []cloud.Provider{other.cloud} })
	w.until("it is gone", func() bool { return w.gateway("theirs") == nil })
	if n := other.cloud.size(); n != 0 {
		t.Errorf("%d resources are left in the other's cloud, want none", n)
	}
	other.halt()
	w.delete(class("second"))
	w.until("its class goes without it", func() bool { return !w.get(class("second")) })
}

// A Gateway that goes from the class of one controller to that of another takes nothing along and leaves nothing behind.
func TestGatewayMovesBetweenControllers(t *testing.T) {
	w := serving(t)
	other := w.another("second")
	w.apply(class("second"))
	w.until("its class is accepted", func() bool { return w.verdict("second") == "True Accepted" })
	for _, to := range []struct {
		class     string
		had, gets *testCloud
	}{{"second", w.cloud, other.cloud}, {"fake", other.cloud, w.cloud}, {"second", w.cloud, other.cloud}} {
		w.apply(ofClass("gw", to.class))
		w.until("the other cloud has it", func() bool { return to.had.size() == 0 && to.gets.size() > 0 })
		w.programmed("gw")
		w.attached("a", "cloudgate.dev/"+to.class+" gw")
		if lb := w.loadBalancer("gw"); lb == nil || lb.Spec.Provider != to.class || lb.Status.State != "Active" {
			t.Errorf("in class %s: LoadBalancer %+v", to.class, lb)
		}
	}
	w.delete(gateway("gw"))
	w.until("it is gone", func() bool { return w.gateway("gw") == nil })
	if mine, theirs := w.cloud.size(), other.cloud.size(); mine != 0 || theirs != 0 {
		t.Errorf("%d and %d resources are left in the clouds, want none", mine, theirs)
	}
}
