package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// adoptingCloud is a testCloud in which somebody else has made load balancers.
type adoptingCloud struct {
	*testCloud
	theirs map[string]graph.Graph // by name; what is within comes after
	looks  int
	puts   int
	onPut  func(n int) *cloud.Error // before the n-th mark is put
	before func()                   // any
	rounds int                      // of endpoints that changed, for servesOn
}

// theirs is a load balancer with a listener that a Gateway can have, and one that it cannot.
func theirs(port string) graph.Graph {
	lb := graph.ID{Kind: "lb", Name: "main"}
	g := graph.New(graph.Node{ID: lb, External: "legacy", Spec: spec{text: "of old"}, Addresses: []string{"192.0.2.7"}})
	for _, name := range []string{port, "9999"} {
		id := graph.ID{Kind: "listener", Name: name}
		g[id] = graph.Node{ID: id, External: "legacy/" + name, Within: lb, Spec: spec{text: "of old"}}
	}
	return g
}

func (c *adoptingCloud) Foreign(_ context.Context, owner ir.Owner, _ graph.Graph, names []string) (cloud.Foreign, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	out := cloud.Foreign{Graph: graph.Graph{}, Notes: []string{"what is old stays"}}
	own := c.has[owner.Key()]
	for _, name := range names {
		g, there := c.theirs[name]
		if !there {
			return out, &cloud.Error{Kind: cloud.Invalid, Op: "Adopt", Err: fmt.Errorf("there is no load balancer %s", name)}
		}
		for other, has := range c.has {
			if lb := has[graph.ID{Kind: "lb", Name: "main"}]; other != owner.Key() && lb.External == name {
				return out, &cloud.Error{Kind: cloud.Invalid, Op: "Adopt", Err: fmt.Errorf("load balancer %s belongs to another Gateway", name)}
			}
		}
		for _, n := range g.Sorted() {
			out.Graph[n.ID] = n
			if own[n.ID].External != n.External {
				out.Unmarked = append([]graph.ID{n.ID}, out.Unmarked...) // the listeners come after "lb"
			}
		}
	}
	slices.SortStableFunc(out.Unmarked, func(a, b graph.ID) int { return strings.Compare(string(b.Kind), string(a.Kind)) })
	slices.Reverse(out.Unmarked)
	return out, nil
}

// Adopt marks one by one. What has no marked load balancer is not seen by Observe.
func (c *adoptingCloud) Adopt(_ context.Context, owner ir.Owner, f cloud.Foreign) error {
	if c.before != nil {
		c.before()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for range f.Unmarked {
		c.puts++
		if c.onPut != nil {
			if err := c.onPut(c.puts); err != nil {
				return err
			}
		}
	}
	g := c.has[owner.Key()]
	if g == nil {
		g = make(graph.Graph)
		c.has[owner.Key()] = g
	}
	for id, n := range f.Graph {
		g[id] = n
	}
	return nil
}

// adoptingWorld has a Gateway that is to adopt the load balancer "legacy", and a controller.
func adoptingWorld(t *testing.T) (*world, *adoptingCloud) {
	w := newWorld(t)
	c := &adoptingCloud{testCloud: w.cloud, theirs: map[string]graph.Graph{"legacy": theirs("80")}}
	w.apply(service("web", "10.0.0.1")...)
	w.apply(allowing("allow"), annotated("legacy", ""), route("app", "gw", "web"))
	w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
	return w, c
}

func annotated(names, agreed string) *gwv1.Gateway {
	g := gateway("gw")
	g.Annotations = map[string]string{"cloudgate.dev/adopt-load-balancer": names}
	if agreed != "" {
		g.Annotations["cloudgate.dev/adopt-plan"] = agreed
	}
	return g
}

// saying waits until the Programmed condition is false for a reason with words in its message, and returns the message.
func (w *world) saying(reason string, words ...string) (message string) {
	w.t.Helper()
	w.until(fmt.Sprintf("Programmed False %s, with %q", reason, words), func() bool {
		c := meta.FindStatusCondition(w.gateway("gw").Status.Conditions, string(gwv1.GatewayConditionProgrammed))
		if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
			return false
		}
		message = c.Message
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(message, word) })
	})
	return message
}

var digestIn = regexp.MustCompile(`adopt-plan: ([0-9a-f]{32})\.`)

// plan waits for a plan, and returns its digest.
func (w *world) plan(words ...string) string {
	w.t.Helper()
	message := w.saying("AdoptionPlanned", words...)
	found := digestIn.FindStringSubmatch(message)
	if found == nil {
		w.t.Fatalf("no digest in %q", message)
	}
	return found[1]
}

// notYet holds that nothing was done to the cloud.
func (w *world) notYet(c *adoptingCloud) {
	w.t.Helper()
	w.settle()
	if steps, _ := w.cloud.peek(); len(steps) > 0 || c.puts > 0 {
		w.t.Errorf("want nothing done, got %v and %d marks", steps, c.puts)
	}
}

func TestAdoption(t *testing.T) {
	w, c := adoptingWorld(t)
	digest := w.plan("To adopt legacy takes: 3 marks, 2 to create, 2 to update, 1 to delete", "begins with the worst: - listener/9999", "what is old stays", "Nothing is changed yet")
	w.notYet(c)
	if lb := w.loadBalancer("gw"); lb.Status.State != v1alpha1.StatePending || !strings.Contains(lb.Status.Message, "agree") {
		t.Errorf("want the LoadBalancer Pending, got %s %q", lb.Status.State, lb.Status.Message)
	}
	w.apply(annotated("legacy", "0123456789abcdef"))
	if again := w.plan("The plan 0123456789abcdef does not hold"); again != digest {
		t.Errorf("want the same plan, got %s after %s", again, digest)
	}
	w.notYet(c)
	if n := w.eventCount("AdoptionPlanned"); n != 1 {
		t.Errorf("want the plan told once, got %d events", n)
	}

	w.apply(annotated("legacy", digest))
	w.programmed("gw")
	w.settle()
	done, _ := w.cloud.take()
	if got, want := fmt.Sprint(steps(done)), "map[create pool:1 create rule:1 delete listener:1 update lb:1 update listener:1]"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if g := w.gateway("gw"); len(g.Status.Addresses) != 1 || g.Status.Addresses[0].Value != "192.0.2.7" {
		t.Errorf("want the address of what was adopted, got %v", g.Status.Addresses)
	}
	if lb := w.loadBalancer("gw"); !slices.Equal(lb.Status.Adopted, []string{"legacy"}) || lb.Status.State != v1alpha1.StateActive {
		t.Errorf("want it remembered, got %v %s", lb.Status.Adopted, lb.Status.State)
	}
	if n := w.eventCount("Adopted"); n != 1 {
		t.Errorf("want one event, got %d", n)
	}

	// The annotations may stay, in this process and the next, whatever becomes of what they name. They may go, too.
	looks := c.looks
	w.cloud.set(func() { c.theirs = nil })
	w.halt()
	w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
	w.passed("gw")
	w.apply(gateway("gw"))
	w.passed("gw")
	w.settle()
	if again, _ := w.cloud.take(); len(again) > 0 || c.looks != looks {
		t.Errorf("want nothing done and nothing asked, got %v, %d looks", again, c.looks-looks)
	}
	w.delete(gateway("gw"))
	w.until("the Gateway gone", func() bool { return w.gateway("gw") == nil })
	if n := w.cloud.size(); n != 0 {
		t.Errorf("want nothing left, got %d resources", n)
	}
}

// TestAdoptionThatChanged: what was agreed to has to be what is there.
func TestAdoptionThatChanged(t *testing.T) {
	w, c := adoptingWorld(t)
	digest := w.plan()
	w.cloud.set(func() { c.theirs["legacy"] = theirs("8080") })
	w.apply(annotated("legacy", digest))
	next := w.plan("The plan "+digest+" does not hold", "2 to delete")
	w.notYet(c)
	w.apply(annotated("legacy", next))
	w.programmed("gw")
	w.tookOver(1)
}

// tookOver holds that there is one load balancer, and that so many listeners are there.
func (w *world) tookOver(listeners int) {
	w.t.Helper()
	w.settle()
	w.cloud.mu.Lock()
	defer w.cloud.mu.Unlock()
	for _, g := range w.cloud.has {
		if lb := g[graph.ID{Kind: "lb", Name: "main"}]; lb.External != "legacy" {
			w.t.Errorf("want the load balancer that was adopted, got %q", lb.External)
		}
		n := 0
		for id := range g {
			if id.Kind == "listener" {
				n++
			}
		}
		if n != listeners {
			w.t.Errorf("want %d listeners, got %d", listeners, n)
		}
	}
}

// TestAdoptionThatCannotBe: each says why, costs no more than the questions, and ends when what is asked for can be.
func TestAdoptionThatCannotBe(t *testing.T) {
	t.Run("what is named is not there", func(t *testing.T) {
		w, c := adoptingWorld(t)
		w.plan()
		w.apply(annotated("nobody", ""))
		w.saying("Invalid", "there is no load balancer nobody")
		w.notYet(c)
		w.cloud.set(func() { c.theirs["nobody"] = theirs("80") })
		if err := w.ctl.Audit(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.plan("To adopt nobody takes")
	})
	t.Run("the provider cannot adopt", func(t *testing.T) {
		w := newWorld(t)
		w.apply(annotated("legacy", ""))
		w.start()
		w.saying("Invalid", "the provider fake cannot adopt load balancers", "cloudgate.dev/adopt-load-balancer")
		w.apply(gateway("gw"))
		w.programmed("gw")
	})
	for _, strict := range []*gwv1.GatewayClass{class("fake"), allowing("deny"), allowing("")} {
		t.Run(fmt.Sprintf("the class does not allow it: %v", strict.Annotations), func(t *testing.T) {
			w, c := adoptingWorld(t)
			digest := w.plan()
			w.halt()
			looks := c.looks
			w.apply(strict, annotated("legacy", digest))
			w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
			w.saying("Invalid", "the class does not let Gateways adopt load balancers: it lacks the annotation cloudgate.dev/adopt-load-balancers: allow")
			w.notYet(c)
			if c.looks != looks {
				t.Errorf("want nothing read of what is named, got %d looks", c.looks-looks)
			}
			w.apply(allowing("allow"))
			w.programmed("gw")
		})
	}
	t.Run("the Gateway has a load balancer of its own", func(t *testing.T) {
		w, c := adoptingWorld(t)
		w.plan()
		w.apply(gateway("gw"))
		w.programmed("gw")
		w.cloud.take()
		for _, tc := range []struct {
			names, agreed string
			say           []string
		}{
			{"legacy", "", []string{"the Gateway has lb/main already", "take the annotation away"}},
			{"legacy", "0123456789abcdef", []string{"the Gateway has lb/main already"}},
			{"nobody", "", []string{"there is no load balancer nobody"}},
		} {
			w.apply(annotated(tc.names, tc.agreed))
			w.servesOn(c, tc.say...)
		}
		if n := w.eventCount("NotAdopted"); n != 2 {
			t.Errorf("want each refusal told once, got %d events", n)
		}
		w.halt()
		w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
		w.servesOn(c, "there is no load balancer nobody")
		w.apply(gateway("gw"))
		w.until("the condition as ever", func() bool {
			c := meta.FindStatusCondition(w.gateway("gw").Status.Conditions, string(gwv1.GatewayConditionProgrammed))
			return !strings.Contains(c.Message, "adopt")
		})
	})
}

// servesOn holds that a Gateway whose status says that it adopts nothing is programmed, and follows its endpoints.
func (w *world) servesOn(c *adoptingCloud, words ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("Programmed True, with %q", words), func() bool {
		c := meta.FindStatusCondition(w.gateway("gw").Status.Conditions, string(gwv1.GatewayConditionProgrammed))
		return c != nil && c.Status == metav1.ConditionTrue && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(c.Message, word) })
	})
	w.cloud.take()
	c.rounds++
	w.apply(service("web", "10.0.0.1", fmt.Sprintf("10.0.2.%d", c.rounds))...)
	w.until("the endpoints in the cloud", func() bool { done, _ := w.cloud.peek(); return len(done) > 0 })
	if done, _ := w.cloud.take(); fmt.Sprint(steps(done)) != "map[update pool:1]" || c.puts > 0 {
		w.t.Errorf("want the pool updated and no mark, got %v and %d marks", done, c.puts)
	}
}

// TestAdoptionThatWasForgotten: a Gateway whose LoadBalancer object does not say any more what was adopted serves on, whether or not that can
// be seen in the cloud.
func TestAdoptionThatWasForgotten(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprintf("the class allows it: %t", allowed), func(t *testing.T) {
			w, c := adoptingWorld(t)
			w.apply(annotated("legacy", w.plan()))
			w.programmed("gw")
			w.settle()
			w.halt()
			lb := w.loadBalancer("gw")
			lb.Status.Adopted = nil
			if err := w.store.Client().Status().Update(t.Context(), lb); err != nil {
				t.Fatal(err)
			}
			var words []string
			if !allowed {
				w.apply(class("fake"))
				words = []string{"the class does not let Gateways adopt load balancers"}
			}
			c.puts = 0
			w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
			w.servesOn(c, words...)
		})
	}
}

// allowing is a class that says whether its Gateways may adopt.
func allowing(adopt string) *gwv1.GatewayClass {
	c := class("fake")
	c.Annotations = map[string]string{"cloudgate.dev/adopt-load-balancers": adopt}
	return c
}

// TestAdoptionThatBreaksOff: marks that were put by half are found again, in this process or the next, and whoever sees the whole mark asks
// nobody any more.
func TestAdoptionThatBreaksOff(t *testing.T) {
	w, c := adoptingWorld(t)
	digest := w.plan()
	w.cloud.set(func() {
		c.onPut = func(n int) *cloud.Error {
			if n == 2 || n == 4 {
				return &cloud.Error{Kind: cloud.Unavailable, Op: "AddTags", Err: errors.New("lost")}
			}
			return nil
		}
	})
	w.apply(annotated("legacy", digest))
	w.programmed("gw")
	w.tookOver(1)

	// A process that ends after the marks and before it could write that down.
	w, c = adoptingWorld(t)
	w.plan()
	w.halt()
	w.cloud.set(func() {
		c.has[ir.OwnerKey{Cluster: "test", UID: string(w.gateway("gw").UID)}] = theirs("80")
	})
	w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
	w.programmed("gw")
	w.tookOver(1)
	if lb := w.loadBalancer("gw"); !slices.Equal(lb.Status.Adopted, []string{"legacy"}) {
		t.Errorf("want it remembered, got %v", lb.Status.Adopted)
	}
}

// TestAdoptionThatIsDenied: endpoints that come and go do not try again what waits for somebody to allow it; the audit does.
func TestAdoptionThatIsDenied(t *testing.T) {
	w, c := adoptingWorld(t)
	digest := w.plan()
	w.cloud.set(func() {
		c.onPut = func(int) *cloud.Error {
			return &cloud.Error{Kind: cloud.Denied, Op: "AddTags", Err: errors.New("not allowed")}
		}
	})
	w.apply(annotated("legacy", digest))
	w.saying("ProviderDenied", "not allowed")
	w.settle()
	looks, puts := c.looks, c.puts
	for i := range 20 {
		w.apply(service("web", "10.0.0.1", fmt.Sprintf("10.0.1.%d", i))...)
		w.passed("gw")
	}
	w.settle()
	if c.looks != looks || c.puts != puts {
		t.Errorf("want no look and no mark tried, got %d and %d", c.looks-looks, c.puts-puts)
	}
	w.cloud.set(func() { c.onPut = nil })
	if err := w.ctl.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.programmed("gw")
	w.tookOver(1)
}

// TestAdoptionThatIsGivenUp: a Gateway that goes while nobody has agreed leaves alone what it was to adopt.
func TestAdoptionThatIsGivenUp(t *testing.T) {
	w, c := adoptingWorld(t)
	w.plan()
	w.delete(gateway("gw"))
	w.until("the Gateway gone", func() bool { return w.gateway("gw") == nil })
	w.notYet(c)
}

// TestAdoptionWaitsInPeace: endpoints that come and go while nobody has agreed ask the cloud nothing, and change no status.
func TestAdoptionWaitsInPeace(t *testing.T) {
	w, c := adoptingWorld(t)
	digest := w.plan()
	w.settle()
	looks, written := c.looks, w.statusWrites()["Gateway default/gw"]
	for i := range 20 {
		w.apply(service("web", "10.0.0.1", fmt.Sprintf("10.0.1.%d", i))...)
		w.passed("gw")
	}
	w.notYet(c)
	if c.looks != looks || w.statusWrites()["Gateway default/gw"] != written {
		t.Errorf("want no look and no write, got %d and %d", c.looks-looks, w.statusWrites()["Gateway default/gw"]-written)
	}
	w.apply(annotated("legacy", digest)) // it holds still: what endpoints there are is not what somebody agrees to
	w.programmed("gw")
}

// TestAdoptionByTwo: of two Gateways that agreed to have the same load balancer, and are worked on at the same time, one gets it. The other must
// not take it for its own: it would change it, and delete it in the end.
func TestAdoptionByTwo(t *testing.T) {
	w, c := adoptingWorld(t)
	other := func(agreed string) *gwv1.Gateway {
		g := annotated("legacy", agreed)
		g.Name = "other"
		return g
	}
	w.apply(other(""))
	message := func(gw string) string {
		if c := meta.FindStatusCondition(w.gateway(gw).Status.Conditions, string(gwv1.GatewayConditionProgrammed)); c != nil {
			return c.Message
		}
		return ""
	}
	w.until("a plan for the other", func() bool { return digestIn.MatchString(message("other")) })
	first, second := w.plan(), digestIn.FindStringSubmatch(message("other"))[1]
	w.halt()
	var arrived atomic.Int32
	both := make(chan struct{})
	c.before = func() {
		if arrived.Add(1) == 2 {
			close(both)
		}
		select { // whoever else is about to put marks gets the time to come here
		case <-both:
		case <-time.After(500 * time.Millisecond):
		}
	}
	w.apply(annotated("legacy", first), other(second))
	w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
	refused := func(gw string) bool { return strings.Contains(message(gw), "belongs to another Gateway") }
	w.until("one of them refused", func() bool { return refused("gw") || refused("other") })
	w.tookOver(1)
	if n := arrived.Load(); n != 1 {
		t.Errorf("want marks put for one of them, got %d", n)
	}
}
