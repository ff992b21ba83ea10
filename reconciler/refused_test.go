package reconciler_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// routeCondition returns a condition of a route as the child of its only parent.
func (w *world) routeCondition(name, kind string) *metav1.Condition {
	r := &gwv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if !w.get(r) || len(r.Status.Parents) == 0 {
		return nil
	}
	return meta.FindStatusCondition(r.Status.Parents[0].Conditions, kind)
}

// What a cloud cannot have costs that alone, also where a quota is the reason, and is told once.
func TestWhatTheCompilerRefusesCostsItself(t *testing.T) {
	w := newWorld(t)
	source := ir.Source{Kind: "HTTPRoute", Namespace: "default", Name: "a"}
	w.cloud.refused = []cloud.Refusal{{Source: source, Kind: cloud.Quota, Text: "it would be rule 101, and 100 is the quota"}}
	w.start()
	w.apply(service("web", "10.0.0.1")...)
	w.apply(gateway("gw"), route("a", "gw", "web"), route("b", "gw", "web"))
	w.programmed("gw")
	w.settle()
	if c := w.routeCondition("a", "Accepted"); c == nil || c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "rule 101, and 100 is the quota") {
		t.Errorf("route a says %+v, want that it is refused, with the numbers", c)
	}
	if c := w.routeCondition("b", "Accepted"); c == nil || c.Status != metav1.ConditionTrue {
		t.Errorf("route b says %+v, want that it is accepted", c)
	}
	w.passed("gw")
	w.apply(route("c", "gw", "web"))
	w.settle()
	if n := w.eventCount("QuotaExceeded"); n != 1 {
		t.Errorf("%d events tell of it, want 1", n)
	}
	w.cloud.set(func() { w.cloud.refused = nil })
	w.delete(route("c", "gw", "web"))
	w.until("route a is accepted", func() bool {
		c := w.routeCondition("a", "Accepted")
		return c != nil && c.Status == metav1.ConditionTrue
	})
}

// What a cloud does with a difference stands in the status of what asks for it. What is about a Service stands where requests are sent to it.
func TestDifferencesAreSaid(t *testing.T) {
	w := newWorld(t)
	w.cloud.differences = []cloud.Difference{{Source: ir.Source{Kind: "Service", Namespace: "default", Name: "web"}, Text: "it asks every 5 s"}}
	w.start()
	w.apply(service("web", "10.0.0.1")...)
	w.apply(service("other", "10.0.0.2")...)
	w.apply(gateway("gw"), route("a", "gw", "web"), route("b", "gw", "other"))
	w.programmed("gw")
	w.settle()
	if c := w.routeCondition("a", "Accepted"); c == nil || c.Status != metav1.ConditionTrue || !strings.Contains(c.Message, "rules[0]: this cloud does it with a difference: it asks every 5 s.") {
		t.Errorf("route a says %+v, want the difference", c)
	}
	if c := w.routeCondition("b", "Accepted"); c == nil || strings.Contains(c.Message, "difference") {
		t.Errorf("route b says %+v, which does not concern it", c)
	}
}
