package reconciler_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// clean checks that nothing of Gateway gw is left anywhere.
func (w *world) clean() {
	w.t.Helper()
	w.until("the Gateway is gone", func() bool { return w.gateway("gw") == nil })
	if n := w.cloud.size(); n != 0 {
		w.t.Errorf("%d resources are left in the cloud", n)
	}
	if w.loadBalancer("gw") != nil {
		w.t.Error("the LoadBalancer is left")
	}
	r := route("a", "", "")
	if w.get(r) && len(r.Status.Parents) != 0 {
		w.t.Errorf("the route still has a status: %+v", r.Status.Parents)
	}
}

func TestDelete(t *testing.T) {
	w := serving(t)
	w.delete(gateway("gw"))
	w.clean()
	w.settle()
	if got := w.calls(); got.Reads != 0 {
		t.Errorf("%d reads to delete what is known", got.Reads)
	}
	if n := w.eventCount("Deleted"); n != 1 {
		t.Errorf("%d Deleted events, want 1", n)
	}
}

func TestDeleteAfterARestart(t *testing.T) {
	w := serving(t)
	w.halt()
	w.delete(gateway("gw"))
	w.start()
	w.clean()
}

func TestDeleteWhileTheCloudIsDown(t *testing.T) {
	w := serving(t)
	down := true
	w.cloud.set(func() {
		w.cloud.onApply = func(s plan.Step) *cloud.Error {
			if !down {
				return nil
			}
			return &cloud.Error{Kind: cloud.Unavailable, Op: "Delete", Node: s.ID(), Err: errors.New("down")}
		}
		w.cloud.onObserve = func(cloud.Scope) *cloud.Error {
			if !down {
				return nil
			}
			return &cloud.Error{Kind: cloud.Unavailable, Op: "List", Err: errors.New("down")}
		}
	})
	w.delete(gateway("gw"))
	w.until("tried several times", func() bool {
		w.cloud.mu.Lock()
		defer w.cloud.mu.Unlock()
		return len(w.cloud.observed) > 3
	})
	if lb := w.loadBalancer("gw"); lb == nil || lb.Status.State != "Deleting" {
		t.Errorf("LoadBalancer while deleting: %+v", lb)
	}
	w.cloud.set(func() { down = false })
	w.clean()
}

func TestDeleteWhenTheClassIsGone(t *testing.T) {
	w := serving(t)
	w.halt()
	c := class("fake")
	w.get(c)
	c.Finalizers = nil
	if err := w.store.Client().Update(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.delete(class("fake"))
	w.start()
	w.settle()
	if n := w.cloud.size(); n != 4 {
		t.Errorf("the class is gone and so are resources: %d are left, want all 4", n)
	}
	w.delete(gateway("gw"))
	w.clean()
}

func TestTheClassIsKeptWhileGatewaysUseIt(t *testing.T) {
	w := serving(t)
	w.delete(class("fake"))
	w.settle()
	c := class("fake")
	if !w.get(c) || !slices.Contains(c.Finalizers, gwv1.GatewayClassFinalizerGatewaysExist) {
		t.Fatalf("the class is gone or not held: %v", c.Finalizers)
	}
	w.delete(gateway("gw"))
	w.clean()
	w.until("the class goes", func() bool { return !w.get(class("fake")) })
}

func TestLeavingForAnotherController(t *testing.T) {
	w := serving(t)
	other := class("other")
	other.Spec.ControllerName = "example.com/other"
	g := gateway("gw")
	g.Spec.GatewayClassName = "other"
	w.apply(other, g)
	w.until("let go", func() bool { return len(w.gateway("gw").Finalizers) == 0 })
	if n := w.cloud.size(); n != 0 {
		t.Errorf("%d resources are left in the cloud", n)
	}
	if w.loadBalancer("gw") != nil {
		t.Error("the LoadBalancer is left")
	}
	// And back.
	w.apply(gateway("gw"))
	w.until("served again", func() bool { return w.cloud.size() == 4 })
	w.programmed("gw")
}

func TestMovingToAnotherCloud(t *testing.T) {
	second := newTestCloud()
	second.name = "second"
	w := serving(t, func(c *reconciler.Config) { c.Providers = append(c.Providers, second) })
	g := gateway("gw")
	g.Spec.GatewayClassName = "second"
	w.apply(class("second"), g)
	w.until("moved", func() bool { return second.size() == 4 && w.cloud.size() == 0 })
	w.until("shown", func() bool {
		lb := w.loadBalancer("gw")
		return lb != nil && lb.Spec.Provider == "second" && lb.Status.State == "Active"
	})
}

func TestOrphansAreSweptAfterTheGrace(t *testing.T) {
	w := newWorld(t)
	w.cloud.careless = true
	id := graph.ID{Kind: "lb", Name: "main"}
	mine, theirs := ir.OwnerKey{Cluster: "test", UID: "gone"}, ir.OwnerKey{Cluster: "elsewhere", UID: "gone"}
	w.cloud.has[mine] = graph.New(graph.Node{ID: id, Spec: spec{}, External: "x"})
	w.cloud.has[theirs] = graph.New(graph.Node{ID: id, Spec: spec{}, External: "y"})
	now := time.Now()
	clock := make(chan time.Duration, 1)
	clock <- 0
	w.start(func(c *reconciler.Config) {
		c.OrphanGrace = time.Hour
		c.Now = func() time.Time { d := <-clock; clock <- d; return now.Add(d) }
	})
	w.settle()
	audit(t, w)
	if got := w.cloud.size(); got != 2 {
		t.Fatalf("%d resources after the first audit, want both", got)
	}
	<-clock
	clock <- 2 * time.Hour
	audit(t, w)
	w.cloud.mu.Lock()
	defer w.cloud.mu.Unlock()
	if _, there := w.cloud.has[mine]; there {
		t.Error("the orphan was not swept")
	}
	if _, there := w.cloud.has[theirs]; !there {
		t.Error("resources of another cluster were swept")
	}
}

func TestOthersPartsOfAStatusStay(t *testing.T) {
	w := serving(t)
	other := gwv1.RouteParentStatus{
		ParentRef: gwv1.ParentReference{Name: "elsewhere"}, ControllerName: "example.com/other",
		Conditions: []metav1.Condition{{Type: "Accepted", Status: "True", Reason: "Accepted", LastTransitionTime: metav1.Unix(1, 0)}},
	}
	r := route("a", "", "")
	w.get(r)
	r.Status.Parents = append([]gwv1.RouteParentStatus{other}, r.Status.Parents...)
	if err := w.store.Client().Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	foreign := func() []gwv1.RouteParentStatus {
		r := route("a", "", "")
		w.get(r)
		return slices.DeleteFunc(r.Status.Parents, func(p gwv1.RouteParentStatus) bool { return p.ControllerName != "example.com/other" })
	}
	before := foreign()
	w.apply(route("a", "gw", "missing")) // ours changes
	w.settle()
	if diff := cmp.Diff(before, foreign()); diff != "" {
		t.Errorf("what another controller wrote, after a change (-before +after):\n%s", diff)
	}
	w.delete(gateway("gw"))
	w.until("gone", func() bool { return w.gateway("gw") == nil })
	if diff := cmp.Diff(before, foreign()); diff != "" {
		t.Errorf("what another controller wrote, after the Gateway is gone (-before +after):\n%s", diff)
	}
}

func TestTamperedStatusIsPutRight(t *testing.T) {
	w := serving(t)
	r := route("a", "", "")
	w.get(r)
	want := r.DeepCopy().Status
	r.Status.Parents[0].Conditions[0].Message = "nonsense"
	if err := w.store.Client().Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.until("put right", func() bool { w.get(r); return cmp.Equal(want, r.Status) })
	if got := w.calls(); got.Reads != 0 || len(got.Steps) != 0 {
		t.Errorf("calls: %+v, want none", got)
	}
}
