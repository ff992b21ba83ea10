package apiserver

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// TestPolicies: what the API server lets through of a BackendPolicy, and that the controller may read policies and write what it says of them.
func TestPolicies(t *testing.T) {
	w := newWorld(t, "experimental", "instant")
	const app = "targetRefs: [{group: '', kind: Service, name: app}]\n"
	for _, tc := range []struct{ spec, refused string }{
		{app, ""},
		{app + "healthCheck: {type: HTTP, path: '/healthz?full=1', interval: 100ms, timeout: 5m, healthyThreshold: 1, unhealthyThreshold: 100}\n" +
			"algorithm: LeastRequest\ndrainTimeout: 24h\nlimits: {connections: 1, requests: 1000000}", ""},
		{app + "healthCheck: {type: None}", ""},
		{"targetRefs: [{group: '', kind: Service, name: app}, {group: '', kind: Service, name: app, sectionName: http}]", ""},
		{"targetRefs: []", "should have at least 1 items"},
		{"targetRefs: [{group: apps, kind: Deployment, name: app}]", "each target has to be a Service"},
		{"targetRefs: [{group: '', kind: Service, name: app}, {group: '', kind: Service, name: app}]", "a target is named twice"},
		{app + "healthCheck: {path: /}", "healthCheck.type: Unsupported value"},
		{app + "healthCheck: {type: GRPC}", `supported values: "HTTP", "TCP", "None"`},
		{app + "healthCheck: {type: TCP, path: /}", "path is for the type HTTP"},
		{app + "healthCheck: {type: None, interval: 5s}", "the type None goes with nothing else"},
		{app + "healthCheck: {type: HTTP, path: healthz}", "spec.healthCheck.path"},
		{app + `healthCheck: {type: HTTP, path: "/a b"}`, "spec.healthCheck.path"},
		{app + "healthCheck: {type: HTTP, interval: 10ms}", "interval has to be 100ms to 1h"},
		{app + "healthCheck: {type: HTTP, interval: soon}", "spec.healthCheck.interval"},
		{app + "healthCheck: {type: HTTP, timeout: 1h}", "timeout has to be 10ms to 5m"},
		{app + "healthCheck: {type: HTTP, healthyThreshold: 0}", "greater than or equal to 1"},
		{app + "healthCheck: {type: HTTP, unhealthyThreshold: 101}", "less than or equal to 100"},
		{app + "algorithm: Guess", `supported values: "RoundRobin", "LeastRequest"`},
		{app + "drainTimeout: 25h", "drainTimeout has to be 1s to 24h"},
		{app + "limits: {connections: 0}", "greater than or equal to 1"},
	} {
		p := &v1alpha1.BackendPolicy{ObjectMeta: named("check")}
		if err := yaml.UnmarshalStrict([]byte(tc.spec), &p.Spec); err != nil {
			t.Fatalf("%s: %v", tc.spec, err)
		}
		switch err := w.Create(t.Context(), p, client.DryRunAll); {
		case tc.refused == "" && err != nil:
			t.Errorf("%q: %v", tc.spec, err)
		case tc.refused != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tc.refused)):
			t.Errorf("%q: got %v, want that it is refused with %q", tc.spec, err, tc.refused)
		}
	}

	ref := gwv1.LocalPolicyTargetReference{Kind: "Service", Name: "app"}
	ours := &v1alpha1.BackendPolicy{ObjectMeta: named("ours"), Spec: v1alpha1.BackendPolicySpec{
		TargetRefs: []gwv1.LocalPolicyTargetReferenceWithSectionName{{LocalPolicyTargetReference: ref}}, Algorithm: v1alpha1.BackendAlgorithmLeastRequest}}
	traffic := &xv1alpha1.XBackendTrafficPolicy{ObjectMeta: named("traffic"), Spec: xv1alpha1.BackendTrafficPolicySpec{
		TargetRefs: []gwv1.LocalPolicyTargetReference{ref}, RetryConstraint: &xv1alpha1.RetryConstraint{}}}
	w.replica()
	w.create(gateway("gw"), forwarding("a", "gw", map[string]int32{"app": 1}), ours, traffic,
		&corev1.Service{ObjectMeta: named("app"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
	w.programmed("gw")
	accepted := func(o client.Object, status *gwv1.PolicyStatus) func() bool {
		return func() bool {
			return w.Get(t.Context(), keyOf(o), o) == nil && len(status.Ancestors) == 1 && meta.IsStatusConditionTrue(status.Ancestors[0].Conditions, "Accepted")
		}
	}
	until(t, "the BackendPolicy is accepted", accepted(ours, &ours.Status))
	until(t, "the XBackendTrafficPolicy is accepted", accepted(traffic, &traffic.Status))
	if err := w.Delete(t.Context(), gateway("gw")); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is said of a Gateway that went", func() bool {
		return w.Get(t.Context(), keyOf(ours), ours) == nil && w.Get(t.Context(), keyOf(traffic), traffic) == nil &&
			len(ours.Status.Ancestors)+len(traffic.Status.Ancestors) == 0
	})
	if d := denied(w.since(0)); len(d) > 0 {
		t.Errorf("denied: %v", d)
	}
}
