package reconciler

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// deepSpec has something of everything that a spec can hold.
type deepSpec struct {
	Text    string
	secret  ir.SecretBytes
	Numbers []int
	Labels  map[string]string
	Addr    netip.Addr
	Nested  *deepSpec
	Any     any
	Weight  float64
	On      bool
	After   time.Duration
}

func (deepSpec) Equal(graph.Spec) bool     { return true }
func (deepSpec) Explain(graph.Spec) string { return "" }

func TestDigestSeesEveryDifference(t *testing.T) {
	id := graph.ID{Kind: "k", Name: "n"}
	node := func(change func(*graph.Node, *deepSpec)) graph.Graph {
		s := deepSpec{
			Text: "a", secret: ir.SecretBytes("key"), Numbers: []int{1, 2}, Labels: map[string]string{"a": "b", "c": "d"},
			Addr: netip.MustParseAddr("10.0.0.1"), Nested: &deepSpec{Text: "b"}, Any: "x",
		}
		n := graph.Node{ID: id, Refs: []graph.ID{{Kind: "r", Name: "1"}, {Kind: "r", Name: "2"}}}
		if change != nil {
			change(&n, &s)
		}
		n.Spec = s
		return graph.New(n)
	}
	base := digest(node(nil))
	if again := digest(node(nil)); again != base {
		t.Fatalf("equal graphs, digests %s and %s", base, again)
	}
	for name, change := range map[string]func(*graph.Node, *deepSpec){
		"text":             func(_ *graph.Node, s *deepSpec) { s.Text = "b" },
		"unexported bytes": func(_ *graph.Node, s *deepSpec) { s.secret = ir.SecretBytes("yek") },
		"list":             func(_ *graph.Node, s *deepSpec) { s.Numbers = []int{12} },
		"map key":          func(_ *graph.Node, s *deepSpec) { s.Labels = map[string]string{"a": "d", "c": "b"} },
		"address":          func(_ *graph.Node, s *deepSpec) { s.Addr = netip.MustParseAddr("10.0.0.2") },
		"nested":           func(_ *graph.Node, s *deepSpec) { s.Nested.Text = "c" },
		"nil":              func(_ *graph.Node, s *deepSpec) { s.Nested = nil },
		"type in an any":   func(_ *graph.Node, s *deepSpec) { s.Any = ir.SecretBytes("x") },
		"bool":             func(_ *graph.Node, s *deepSpec) { s.On = true },
		"float":            func(_ *graph.Node, s *deepSpec) { s.Weight = 0.5 },
		"duration":         func(_ *graph.Node, s *deepSpec) { s.After = time.Second },
		"a reference":      func(n *graph.Node, _ *deepSpec) { n.Refs = n.Refs[:1] },
		"a claim":          func(n *graph.Node, _ *deepSpec) { n.Holds = []string{"x"} },
		"within":           func(n *graph.Node, _ *deepSpec) { n.Within = graph.ID{Kind: "lb", Name: "x"} },
	} {
		if digest(node(change)) == base {
			t.Errorf("%s: another graph, the same digest", name)
		}
	}
	// What only the cloud knows, and the order of references, are no difference.
	if got := digest(node(func(n *graph.Node, _ *deepSpec) {
		n.External, n.Pending, n.Addresses = "id", "wait", []string{"192.0.2.1"}
		n.Refs[0], n.Refs[1] = n.Refs[1], n.Refs[0]
	})); got != base {
		t.Errorf("the same want has another digest")
	}
}

// TestRefusedStepWaitsForAnEdit: an edit counts even where what is there would need no change for it, as deepSpec says of everything.
func TestRefusedStepWaitsForAnEdit(t *testing.T) {
	step := func(text string) plan.Step {
		return plan.Step{Op: plan.Create, Want: graph.Node{ID: graph.ID{Kind: "k", Name: "n"}, Spec: deepSpec{Text: text}}}
	}
	refusal := &cloud.Error{Kind: cloud.Invalid}
	e := &entry{failures: map[graph.ID]held{step("a").ID(): {failure: failure{err: refusal, step: step("a")}}}}
	hold := e.hold(time.Unix(0, 0))
	if got := hold(step("a")); got != refusal {
		t.Errorf("the same step again: want it held by %v, got %v", refusal, got)
	}
	if got := hold(step("b")); got != nil {
		t.Errorf("the step after an edit: want it tried, got it held by %v", got)
	}
}

func TestLimiterAdapts(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(Rate{PerSecond: 100, Burst: 10}, func() time.Time { return now })
	throttled := &cloud.Error{Kind: cloud.Throttled, After: time.Second}
	for range 5 {
		l.learn(throttled) // calls that were under way together halve the rate once
	}
	if got := l.bucket.Limit(); got != 50 {
		t.Errorf("after throttling: %v a second, want 50", got)
	}
	var paused *pausedError
	if err := l.wait(t.Context()); !errors.As(err, &paused) || paused.after != time.Second {
		t.Errorf("while the cloud wants to be left alone: %v", err)
	}
	now = now.Add(2 * time.Second)
	if err := l.wait(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	for range 1000 {
		l.learn(nil)
	}
	if got := l.bucket.Limit(); got > 55 {
		t.Errorf("after many successes in no time: %v a second", got)
	}
	for range 50 {
		now = now.Add(time.Second / 10)
		l.learn(nil)
	}
	if got := l.bucket.Limit(); got != 100 || l.bucket.Burst() != 10 {
		t.Errorf("after five seconds of successes: %v a second, burst %d, want 100 and 10 again", got, l.bucket.Burst())
	}
	for i := range 100 {
		now = now.Add(time.Duration(i) * time.Second)
		l.learn(throttled)
	}
	if got := l.bucket.Limit(); got < 0.1 {
		t.Errorf("throttled for ever: %v a second, which is a standstill", got)
	}
}

// stepper is a provider of which only Apply is used.
type stepper struct {
	cloud.Provider
	apply func(plan.Step) (graph.Node, error)
}

func (stepper) Name() string { return "test" }

func (s stepper) Apply(_ context.Context, _ ir.Owner, step plan.Step) (graph.Node, error) {
	return s.apply(step)
}

func newExecutor(t *testing.T, atOnce int, apply func(plan.Step) (graph.Node, error)) *executor {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	free := Rate{PerSecond: 1e9, Burst: 1e9}
	return &executor{provider: stepper{apply: apply}, reads: newLimiter(free, time.Now), writes: newLimiter(free, time.Now), atOnce: atOnce, timeout: time.Minute, metrics: m}
}

func create(name string, after ...int) plan.Step {
	return plan.Step{Op: plan.Create, Want: graph.Node{ID: graph.ID{Kind: "k", Name: name}}, After: after}
}

func never(plan.Step) *cloud.Error { return nil }

func names(steps []plan.Step) map[string]bool {
	out := make(map[string]bool)
	for _, s := range steps {
		out[s.ID().Name] = true
	}
	return out
}

func TestAFailedStepStopsOnlyWhatNeedsIt(t *testing.T) {
	p := plan.Plan{Steps: []plan.Step{create("a"), create("b"), create("needs-a", 0), create("needs-b", 1), create("needs-both", 2, 3)}}
	x := newExecutor(t, 4, func(s plan.Step) (graph.Node, error) {
		if s.ID().Name == "a" {
			return graph.Node{}, errors.New("not an error of ours")
		}
		return graph.Node{External: "id"}, nil
	})
	got := x.run(t.Context(), job{plan: p, got: graph.Graph{}, hold: never, patient: true})
	if diff := cmp.Diff(map[string]bool{"b": true, "needs-b": true}, names(got.done)); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	if len(got.failed) != 1 || got.failed[0].err.Kind != cloud.Unknown || got.skipped != 2 || !got.doubtful {
		t.Errorf("progress: %+v", got)
	}
	if len(got.got) != 2 {
		t.Errorf("the cloud is thought to have %v", got.got)
	}
}

func TestStepsRunAtOnceWithinTheBound(t *testing.T) {
	const n, atOnce = 40, 4
	var now, most atomic.Int32
	var mu sync.Mutex
	full := sync.NewCond(&mu)
	x := newExecutor(t, atOnce, func(plan.Step) (graph.Node, error) {
		mu.Lock()
		defer mu.Unlock()
		most.Store(max(most.Load(), now.Add(1)))
		full.Broadcast()
		for most.Load() < atOnce { // the first ones wait for each other: it only goes on when they run at once
			full.Wait()
		}
		now.Add(-1)
		return graph.Node{External: "id"}, nil
	})
	var p plan.Plan
	for i := range n {
		p.Steps = append(p.Steps, create(fmt.Sprint(i)))
	}
	if got := x.run(t.Context(), job{plan: p, got: graph.Graph{}, hold: never, patient: true}); len(got.done) != n {
		t.Errorf("%d steps done, want %d", len(got.done), n)
	}
	if most.Load() != atOnce {
		t.Errorf("%d at once, want %d", most.Load(), atOnce)
	}
}

func TestWhatWaitsForAPendingStep(t *testing.T) {
	for name, tc := range map[string]struct {
		node graph.Node
		step plan.Step
		want int // steps done of the two
	}{
		"a created resource with a name can be referred to": {graph.Node{External: "id", Pending: "creating"}, create("a"), 2},
		"one without cannot": {graph.Node{Pending: "creating"}, create("a"), 1},
		"a deletion under way holds up what needs it done": {graph.Node{Pending: "deleting"}, plan.Step{Op: plan.Delete, Got: graph.Node{ID: graph.ID{Kind: "k", Name: "a"}}}, 0},
	} {
		x := newExecutor(t, 4, func(s plan.Step) (graph.Node, error) {
			if s.ID().Name == "a" {
				return tc.node, nil
			}
			return graph.Node{External: "id"}, nil
		})
		got := x.run(t.Context(), job{plan: plan.Plan{Steps: []plan.Step{tc.step, create("b", 0)}}, got: graph.New(graph.Node{ID: graph.ID{Kind: "k", Name: "a"}}), hold: never, patient: true})
		if len(got.done) != tc.want || len(got.failed) != 0 {
			t.Errorf("%s: %d steps done, want %d; failed: %v", name, len(got.done), tc.want, got.failed)
		}
		if n := got.got[graph.ID{Kind: "k", Name: "a"}]; n.Pending == "" {
			t.Errorf("%s: the pending resource is remembered as %+v", name, n)
		}
	}
}

func TestRefsAreFilledFromWhatStepsMade(t *testing.T) {
	a := graph.ID{Kind: "k", Name: "a"}
	second := create("b", 0)
	second.Want.Refs = []graph.ID{a}
	var seen graph.Graph
	x := newExecutor(t, 2, func(s plan.Step) (graph.Node, error) {
		if s.ID().Name == "b" {
			seen = s.Refs
		}
		return graph.Node{External: "id-" + s.ID().Name}, nil
	})
	x.run(t.Context(), job{plan: plan.Plan{Steps: []plan.Step{create("a"), second}}, got: graph.Graph{}, hold: never, patient: true})
	if seen[a].External != "id-a" {
		t.Errorf("refs of the second step: %+v", seen)
	}
}

func TestStripKeepsNoSecretsThatNobodyReads(t *testing.T) {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			ManagedFields: []metav1.ManagedFieldsEntry{{}},
			Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: `{"data":{"password":"x"}}`},
		},
		Data: map[string][]byte{"password": []byte("x"), corev1.TLSCertKey: []byte("c"), corev1.TLSPrivateKeyKey: []byte("k")},
	}
	if _, err := strip(s); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{corev1.TLSCertKey: []byte("c"), corev1.TLSPrivateKeyKey: []byte("k")}
	if diff := cmp.Diff(want, s.Data); diff != "" || len(s.ManagedFields) != 0 || len(s.Annotations) != 0 {
		t.Errorf("a Secret in memory: %+v\n%s", s, diff)
	}
}

// A pod that nobody waits for is little in memory: its name, and its probes, which it shares with every pod that has the same.
func TestStripKeepsLittleOfPods(t *testing.T) {
	pod := func(port int32) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"app": "a"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a", ReadinessProbe: &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)}}}}}},
		}
	}
	first, ok := stripPod(pod(80)).(*probedPod)
	second, also := stripPod(pod(80)).(*probedPod)
	if !ok || !also || len(first.probes) != 1 || first.probes[0] != second.probes[0] || first.Name != "a" || first.Labels != nil {
		t.Errorf("pods with probes in memory: %+v and %+v", first, second)
	}
	if copied, ok := first.DeepCopyObject().(*probedPod); !ok || len(copied.probes) != 1 {
		t.Errorf("a copy is %+v", copied)
	}
	over := pod(80)
	over.Status.Phase = corev1.PodSucceeded
	for _, p := range []*corev1.Pod{over, pod(0), {}} {
		if got, ok := stripPod(p).(*metav1.PartialObjectMetadata); !ok {
			t.Errorf("a pod without anything to say is a %T", got)
		}
	}
}
