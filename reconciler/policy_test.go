package reconciler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

func target(service string) gwv1.LocalPolicyTargetReference {
	return gwv1.LocalPolicyTargetReference{Kind: "Service", Name: gwv1.ObjectName(service)}
}

func tlsPolicy(name, service string) *gwv1.BackendTLSPolicy {
	return &gwv1.BackendTLSPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: gwv1.BackendTLSPolicySpec{
			TargetRefs: []gwv1.LocalPolicyTargetReferenceWithSectionName{{LocalPolicyTargetReference: target(service)}},
			Validation: gwv1.BackendTLSPolicyValidation{Hostname: "web.example.com", WellKnownCACertificates: ptr(gwv1.WellKnownCACertificatesSystem)},
		},
	}
}

func trafficPolicy(name, service string) *xv1alpha1.XBackendTrafficPolicy {
	return &xv1alpha1.XBackendTrafficPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: xv1alpha1.BackendTrafficPolicySpec{
			TargetRefs:      []gwv1.LocalPolicyTargetReference{target(service)},
			RetryConstraint: &xv1alpha1.RetryConstraint{},
		},
	}
}

func backendPolicy(name, service string) *v1alpha1.BackendPolicy {
	return &v1alpha1.BackendPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: v1alpha1.BackendPolicySpec{
			TargetRefs:  []gwv1.LocalPolicyTargetReferenceWithSectionName{{LocalPolicyTargetReference: target(service)}},
			HealthCheck: &v1alpha1.BackendHealthCheck{Type: v1alpha1.BackendHealthCheckHTTP},
		},
	}
}

// policyKinds makes a policy of each kind.
var policyKinds = []struct {
	kind string
	make func(name, service string) client.Object
}{
	{"BackendTLSPolicy", func(name, service string) client.Object { return tlsPolicy(name, service) }},
	{"XBackendTrafficPolicy", func(name, service string) client.Object { return trafficPolicy(name, service) }},
	{"BackendPolicy", func(name, service string) client.Object { return backendPolicy(name, service) }},
}

// ancestorsOf reads a policy again and returns its status.
func (w *world) ancestorsOf(policy client.Object) []gwv1.PolicyAncestorStatus {
	w.t.Helper()
	if !w.get(policy) {
		return nil
	}
	switch p := policy.(type) {
	case *gwv1.BackendTLSPolicy:
		return p.Status.Ancestors
	case *xv1alpha1.XBackendTrafficPolicy:
		return p.Status.Ancestors
	case *v1alpha1.BackendPolicy:
		return p.Status.Ancestors
	}
	w.t.Fatalf("%T is no policy", policy)
	return nil
}

// said returns what the status of a policy says of being accepted, for each ancestor.
func (w *world) said(policy client.Object) []string {
	w.t.Helper()
	var out []string
	for _, a := range w.ancestorsOf(policy) {
		reason := "nothing"
		if c := meta.FindStatusCondition(a.Conditions, string(gwv1.PolicyConditionAccepted)); c != nil {
			reason = c.Reason
		}
		out = append(out, fmt.Sprintf("%s %s: %s", a.ControllerName, a.AncestorRef.Name, reason))
	}
	slices.Sort(out)
	return out
}

// says waits until the status of a policy says so, and holds that it goes on to.
func (w *world) says(policy client.Object, want ...string) {
	w.t.Helper()
	w.until("status of policy "+policy.GetName(), func() bool { return slices.Equal(w.said(policy), want) })
	w.settle()
	if diff := cmp.Diff(want, w.said(policy)); diff != "" {
		w.t.Errorf("status of policy %s (-want +got):\n%s", policy.GetName(), diff)
	}
}

func TestAPolicySpeaksOfTheGatewaysThatUseIt(t *testing.T) {
	for _, k := range policyKinds {
		t.Run(k.kind, func(t *testing.T) {
			w := serving(t)
			policy := k.make("policy", "web")
			w.apply(policy)
			w.says(policy, "cloudgate.dev/fake gw: Accepted")
			w.apply(gateway("second"), route("b", "second", "web"))
			w.says(policy, "cloudgate.dev/fake gw: Accepted", "cloudgate.dev/fake second: Accepted")
			w.delete(gateway("second"))
			w.says(policy, "cloudgate.dev/fake gw: Accepted")
			w.apply(route("a", "gw", "other"))
			w.says(policy)
			w.apply(route("a", "gw", "web"))
			w.says(policy, "cloudgate.dev/fake gw: Accepted")
			w.apply(otherClass(), ofClass("gw", "other"))
			w.says(policy)
		})
	}
}

func TestAPolicyIsToldOncePerChange(t *testing.T) {
	for _, k := range policyKinds {
		t.Run(k.kind, func(t *testing.T) {
			w := serving(t)
			policy := k.make("policy", "web")
			w.apply(policy)
			w.says(policy, "cloudgate.dev/fake gw: Accepted")
			w.passed("gw")
			w.settle()
			if n := w.statusWrites()[k.kind+" default/policy"]; n != 1 {
				t.Errorf("the status was written %d times, want once", n)
			}
		})
	}
}

// What another controller says of a policy stays, whatever becomes of ours.
func TestAPolicyOfSeveralControllers(t *testing.T) {
	w := serving(t)
	policy := trafficPolicy("policy", "web")
	w.apply(policy)
	w.says(policy, "cloudgate.dev/fake gw: Accepted")
	kind := gwv1.Kind("Gateway")
	patch := client.MergeFrom(policy.DeepCopy())
	policy.Status.Ancestors = append(policy.Status.Ancestors, gwv1.PolicyAncestorStatus{
		AncestorRef: gwv1.ParentReference{Kind: &kind, Name: "gw"}, ControllerName: "example.com/other",
		Conditions: []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Theirs", LastTransitionTime: metav1.NewTime(time.Unix(1, 0))}},
	})
	if err := w.store.Client().Status().Patch(t.Context(), policy, patch); err != nil {
		t.Fatal(err)
	}
	w.says(policy, "cloudgate.dev/fake gw: Accepted", "example.com/other gw: Theirs")
	w.apply(route("a", "gw", "other"))
	w.says(policy, "example.com/other gw: Theirs")
	w.delete(gateway("gw"))
	w.says(policy, "example.com/other gw: Theirs")
}

func TestTheOlderPolicyComesFirst(t *testing.T) {
	for _, k := range policyKinds {
		t.Run(k.kind, func(t *testing.T) {
			w := serving(t)
			first, second := k.make("a", "web"), k.make("b", "web")
			w.apply(first, second)
			w.says(first, "cloudgate.dev/fake gw: Accepted")
			w.says(second, "cloudgate.dev/fake gw: Conflicted")
			w.delete(k.make("a", "web"))
			w.says(second, "cloudgate.dev/fake gw: Accepted")
		})
	}
}

func TestAPolicyForAServiceThatIsNotThere(t *testing.T) {
	for _, k := range policyKinds {
		t.Run(k.kind, func(t *testing.T) {
			w := serving(t)
			policy := k.make("policy", "later")
			w.apply(policy)
			w.says(policy) // no route asks for it
			w.apply(route("b", "gw", "later"))
			w.says(policy, "cloudgate.dev/fake gw: TargetNotFound")
			w.apply(service("later", "10.0.0.7")...)
			w.says(policy, "cloudgate.dev/fake gw: Accepted")
		})
	}
}

// A status that names a Gateway which went while no controller ran is taken back.
func TestAPolicyOfAGatewayThatWentUnseen(t *testing.T) {
	w := serving(t)
	policy := trafficPolicy("policy", "web")
	w.apply(policy)
	w.says(policy, "cloudgate.dev/fake gw: Accepted")
	w.halt()
	g := w.gateway("gw")
	g.Finalizers = nil
	if err := w.store.Client().Update(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	w.delete(gateway("gw"))
	w.start()
	w.says(policy)
}
