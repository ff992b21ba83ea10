package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, gwv1.Install} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func gateway(name string) *gwv1.Gateway {
	return &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: gwv1.GatewaySpec{GatewayClassName: "a"}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	c := memory.New(scheme(t)).Client()
	g := gateway("g")
	g.Status.Conditions = nil
	must(t, c.Create(t.Context(), g))
	if g.UID == "" || g.ResourceVersion == "" || g.Generation != 1 || g.CreationTimestamp.IsZero() {
		t.Errorf("what a server fills in is missing: %+v", g.ObjectMeta)
	}
	if err := c.Create(t.Context(), gateway("g")); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second create: %v, want AlreadyExists", err)
	}
	if err := c.Create(t.Context(), &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "g"}}); !apierrors.IsBadRequest(err) {
		t.Errorf("a create without a namespace: %v, want BadRequest", err)
	}
}

func TestWritesToSpecAndStatusAreApart(t *testing.T) {
	c := memory.New(scheme(t)).Client()
	g := gateway("g")
	must(t, c.Create(t.Context(), g))

	g.Spec.GatewayClassName = "b"
	g.Status.Addresses = []gwv1.GatewayStatusAddress{{Value: "192.0.2.1"}}
	must(t, c.Update(t.Context(), g))
	if g.Generation != 2 || len(g.Status.Addresses) != 0 {
		t.Errorf("after an update: generation %d, status %+v", g.Generation, g.Status)
	}

	g.Spec.GatewayClassName = "c"
	g.Status.Addresses = []gwv1.GatewayStatusAddress{{Value: "192.0.2.1"}}
	must(t, c.Status().Update(t.Context(), g))
	if g.Generation != 2 || g.Spec.GatewayClassName != "b" || len(g.Status.Addresses) != 1 {
		t.Errorf("after an update of the status: generation %d, %+v", g.Generation, g)
	}

	g.Labels = map[string]string{"a": "b"}
	must(t, c.Update(t.Context(), g))
	if g.Generation != 2 {
		t.Errorf("a label made generation %d", g.Generation)
	}
}

func TestConflicts(t *testing.T) {
	c := memory.New(scheme(t)).Client()
	g := gateway("g")
	must(t, c.Create(t.Context(), g))
	stale := g.DeepCopy()
	g.Spec.GatewayClassName = "b"
	must(t, c.Update(t.Context(), g))

	stale.Spec.GatewayClassName = "c"
	if err := c.Update(t.Context(), stale.DeepCopy()); !apierrors.IsConflict(err) {
		t.Errorf("a stale update: %v, want Conflict", err)
	}
	base := gateway("g")
	base.ResourceVersion = stale.ResourceVersion
	changed := base.DeepCopy()
	changed.Labels = map[string]string{"a": "b"}
	if err := c.Patch(t.Context(), changed.DeepCopy(), client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})); !apierrors.IsConflict(err) {
		t.Errorf("a stale patch with a lock: %v, want Conflict", err)
	}
	must(t, c.Patch(t.Context(), changed, client.MergeFrom(base)))
	if changed.Spec.GatewayClassName != "b" || changed.Labels["a"] != "b" {
		t.Errorf("after a patch: %+v", changed)
	}
}

func TestAWriteThatChangesNothingIsNone(t *testing.T) {
	s := memory.New(scheme(t))
	must(t, s.Apply(gateway("g")))
	before, counts := gateway("g"), s.WriteCount()
	must(t, s.Client().Get(t.Context(), client.ObjectKeyFromObject(before), before))
	must(t, s.Apply(gateway("g")))
	after := gateway("g")
	must(t, s.Client().Get(t.Context(), client.ObjectKeyFromObject(after), after))
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(counts, s.WriteCount()); diff != "" {
		t.Errorf("writes (-before +after):\n%s", diff)
	}
}

func TestFinalizersHoldADeletion(t *testing.T) {
	s := memory.New(scheme(t))
	c := s.Client()
	g := gateway("g")
	controllerutil.AddFinalizer(g, "example.com/hold")
	must(t, c.Create(t.Context(), g))
	must(t, c.Delete(t.Context(), g))
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if g.DeletionTimestamp.IsZero() || g.Generation != 2 {
		t.Errorf("being deleted: %+v", g.ObjectMeta)
	}
	// To apply it again does not bring it back, nor does it take the finalizer away.
	must(t, s.Apply(gateway("g")))
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if g.DeletionTimestamp.IsZero() || len(g.Finalizers) != 1 {
		t.Errorf("being deleted, and applied again: %+v", g.ObjectMeta)
	}
	g.Finalizers = nil
	must(t, c.Update(t.Context(), g))
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(g), g); !apierrors.IsNotFound(err) {
		t.Errorf("after the last finalizer: %v, want NotFound", err)
	}
}

func TestWhatIsOwnedGoesWithItsOwner(t *testing.T) {
	s := memory.New(scheme(t))
	c := s.Client()
	g := gateway("g")
	must(t, c.Create(t.Context(), g))
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "owned"}}
	must(t, controllerutil.SetOwnerReference(g, owned, scheme(t)))
	must(t, c.Create(t.Context(), owned))
	must(t, c.Delete(t.Context(), g, client.Preconditions{UID: &g.UID}))
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(owned), owned); !apierrors.IsNotFound(err) {
		t.Errorf("what was owned: %v, want NotFound", err)
	}
	other := types.UID("other")
	must(t, c.Create(t.Context(), gateway("h")))
	if err := c.Delete(t.Context(), gateway("h"), client.Preconditions{UID: &other}); !apierrors.IsConflict(err) {
		t.Errorf("a delete of another UID: %v, want Conflict", err)
	}
}

func TestList(t *testing.T) {
	s := memory.New(scheme(t))
	a, b := gateway("a"), gateway("b")
	b.Labels = map[string]string{"team": "x"}
	elsewhere := gateway("a")
	elsewhere.Namespace = "other"
	must(t, s.Apply(elsewhere, b, a))
	for _, tc := range []struct {
		opts []client.ListOption
		want []string
	}{
		{nil, []string{"default/a", "default/b", "other/a"}},
		{[]client.ListOption{client.InNamespace("default")}, []string{"default/a", "default/b"}},
		{[]client.ListOption{client.MatchingLabels{"team": "x"}}, []string{"default/b"}},
		{[]client.ListOption{client.MatchingFields{"metadata.name": "a"}}, []string{"default/a", "other/a"}},
	} {
		var list gwv1.GatewayList
		must(t, s.Client().List(t.Context(), &list, tc.opts...))
		var got []string
		for _, g := range list.Items {
			got = append(got, g.Namespace+"/"+g.Name)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tc.opts, diff)
		}
	}
}

func TestAdmit(t *testing.T) {
	s := memory.NewWithOptions(scheme(t), memory.Options{Admit: func(o client.Object) error {
		g, ok := o.(*gwv1.Gateway)
		if ok && g.Spec.GatewayClassName == "" {
			return errors.New("spec.gatewayClassName: required")
		}
		return nil
	}})
	g := gateway("g")
	must(t, s.Apply(g))
	g.Spec.GatewayClassName = ""
	if err := s.Apply(g); !apierrors.IsInvalid(err) {
		t.Errorf("an invalid object: %v, want Invalid", err)
	}
}

func TestUnstructured(t *testing.T) {
	s := memory.New(scheme(t))
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
		"metadata": map[string]any{"namespace": "default", "name": "u"},
		"spec":     map[string]any{"gatewayClassName": "x"},
	}}
	must(t, s.Apply(u))
	g := gateway("u")
	must(t, s.Client().Get(context.Background(), client.ObjectKeyFromObject(g), g))
	if g.Spec.GatewayClassName != "x" {
		t.Errorf("class %q", g.Spec.GatewayClassName)
	}
}

func TestWhatIsReadIsACopy(t *testing.T) {
	s := memory.New(scheme(t))
	g := gateway("g")
	g.Labels = map[string]string{"a": "b"}
	must(t, s.Apply(g))
	g.Labels["a"] = "changed"
	read := gateway("g")
	must(t, s.Client().Get(t.Context(), client.ObjectKeyFromObject(g), read))
	read.Labels["a"] = "changed"
	again := gateway("g")
	must(t, s.Client().Get(t.Context(), client.ObjectKeyFromObject(g), again))
	if again.Labels["a"] != "b" {
		t.Errorf("the store was changed from outside: %v", again.Labels)
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	s := memory.NewWithOptions(scheme(t), memory.Options{Now: func() time.Time { return at }})
	g := gateway("g")
	must(t, s.Client().Create(t.Context(), g))
	if !g.CreationTimestamp.Time.Equal(at.Truncate(time.Second)) {
		t.Errorf("creationTimestamp %s", g.CreationTimestamp)
	}
}
