package reconciler_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// probedPod returns a pod that is ready when it answers a path.
func probedPod(name, path string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "app", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}}},
		}}},
	}
}

// behind returns Service app with ready endpoints, each of a pod.
func behind(pods ...string) []client.Object {
	objs := service("app")
	slice := objs[1].(*discoveryv1.EndpointSlice)
	for i, name := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{"10.0.0." + string(rune('1'+i))}, Conditions: discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(true)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: name},
		})
	}
	return objs
}

func (w *world) checked(path string) {
	w.t.Helper()
	w.until("the pool is asked for "+path, func() bool { return w.cloud.hasLike("pool", " asked for "+path) })
}

func TestProbesAreHealthChecks(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"))
	w.apply(behind("b", "a")...)
	w.apply(probedPod("b", "/of-b"))
	w.gates()
	w.programmed("web")
	w.settle() // pod a stands for both, and was not seen yet
	w.apply(probedPod("a", "/of-a"))
	w.checked("/of-a")
	gated := probedPod("c", "/of-c")
	gated.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: status.ConditionLoadBalancerReady}}
	w.apply(gated)
	w.apply(behind("c")...)
	w.checked("/of-c")
	policy := backendPolicy("policy", "app")
	policy.Spec.HealthCheck.Path = ptr("/of-policy")
	w.apply(policy)
	w.checked("/of-policy")
	w.delete(backendPolicy("policy", "app"))
	w.checked("/of-c")
}

func TestProbesAreNotReadWherePodsAreNot(t *testing.T) {
	w := newWorld(t)
	w.apply(gateway("web"), route("app", "web", "app"), probedPod("a", "/of-a"))
	w.apply(behind("a")...)
	w.start()
	w.programmed("web")
	w.settle()
	if w.cloud.hasLike("pool", " asked for ") {
		t.Error("the pool is asked for a path")
	}
}

// Who only looks sees the same health checks.
func TestProbesInSnapshotsOfFixedObjects(t *testing.T) {
	objects := append(behind("a"), probedPod("a", "/of-a"), class("fake"), gateway("web"), route("app", "web", "app"))
	snapshots, err := reconciler.Snapshots(objects, reconciler.SnapshotConfig{Cluster: "test", Features: func(gwv1.GatewayController) (ir.Features, bool) {
		return newTestCloud().Features(), true
	}})
	if err != nil || len(snapshots) != 1 {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	if probes := snapshots[0].Probes[client.ObjectKey{Namespace: "default", Name: "app"}]; len(probes) != 1 || probes[0].Health.Path != "/of-a" || probes[0].Port != 8080 {
		t.Errorf("probes: %+v", probes)
	}
}
