package reconciler_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

func config(name string, targets v1alpha1.TargetType) *v1alpha1.GatewayConfig {
	return &v1alpha1.GatewayConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: v1alpha1.GatewayConfigSpec{TargetType: targets}}
}

func node(name, ip string, ready corev1.ConditionStatus) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip}},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
	}}
}

func nodePorts() []client.Object {
	objs := service("app", "10.0.0.1")
	objs[0].(*corev1.Service).Spec.Ports[0].NodePort = 30080
	return objs
}

// classWith returns class fake with parameters.
func classWith(name string) *gwv1.GatewayClass {
	c, namespace := class("fake"), gwv1.Namespace("default")
	c.Spec.ParametersRef = &gwv1.ParametersReference{Group: "cloudgate.dev", Kind: "GatewayConfig", Name: name, Namespace: &namespace}
	return c
}

func TestClassParameters(t *testing.T) {
	w := newWorld(t)
	w.apply(classWith("nodes"), gateway("web"), route("app", "web", "app"), node("one", "172.30.0.2", corev1.ConditionTrue), node("two", "172.30.0.3", corev1.ConditionFalse))
	w.apply(nodePorts()...)
	w.start()
	w.until("the class is refused", func() bool { return w.verdict("fake") == "False InvalidParameters" })
	if w.cloud.size() != 0 {
		t.Errorf("%d resources were made for a class that is refused", w.cloud.size())
	}
	w.apply(config("nodes", v1alpha1.TargetTypeNodePort))
	w.until("the class is accepted", func() bool { return w.verdict("fake") == "True Accepted" })
	w.programmed("web")
	if !w.cloud.hasLike("pool", "172.30.0.2 30080") || w.cloud.hasLike("pool", "10.0.0.1") || w.cloud.hasLike("pool", "172.30.0.3") {
		t.Error("the targets are not the one ready node")
	}

	two := node("two", "172.30.0.3", corev1.ConditionTrue)
	if err := w.store.Client().Status().Update(context.Background(), two); err != nil {
		t.Fatal(err)
	}
	w.until("a node that becomes ready is a target", func() bool { return w.cloud.hasLike("pool", "172.30.0.3 30080") })
	w.delete(node("one", "", ""))
	w.until("a node that is gone is none", func() bool { return !w.cloud.hasLike("pool", "172.30.0.2") })

	w.apply(config("nodes", v1alpha1.TargetTypePod))
	w.until("the pods are targets", func() bool { return w.cloud.hasLike("pool", "10.0.0.1 8080") })
	w.delete(config("nodes", ""))
	w.until("the class is refused again", func() bool { return w.verdict("fake") == "False InvalidParameters" })
	w.settle()
	if !w.cloud.hasLike("pool", "10.0.0.1 8080") {
		t.Error("what served is gone with the parameters of the class")
	}
}

func TestGatewayParametersWin(t *testing.T) {
	w := newWorld(t)
	own := gateway("web")
	own.Spec.Infrastructure = &gwv1.GatewayInfrastructure{ParametersRef: &gwv1.LocalParametersReference{Group: "cloudgate.dev", Kind: "GatewayConfig", Name: "own"}}
	w.apply(classWith("nodes"), config("nodes", v1alpha1.TargetTypeNodePort), config("own", v1alpha1.TargetTypePod), own, route("app", "web", "app"),
		node("one", "172.30.0.2", corev1.ConditionTrue))
	w.apply(nodePorts()...)
	w.start()
	w.programmed("web")
	if !w.cloud.hasLike("pool", "10.0.0.1 8080") || w.cloud.hasLike("pool", "172.30.0.2") {
		t.Error("the targets are not the pods")
	}
	w.apply(config("own", ""))
	w.until("a field that is not set is the class's", func() bool { return w.cloud.hasLike("pool", "172.30.0.2 30080") })
}

func TestNodesThatSayNothingNewWakeNobody(t *testing.T) {
	w := newWorld(t)
	one := node("one", "172.30.0.2", corev1.ConditionTrue)
	w.apply(classWith("nodes"), config("nodes", v1alpha1.TargetTypeNodePort), gateway("web"), route("app", "web", "app"), one)
	w.apply(nodePorts()...)
	w.start()
	w.programmed("web")
	w.settle()
	before := w.passes()
	one.Status.Conditions[0].LastHeartbeatTime = metav1.Now()
	one.Status.Images = []corev1.ContainerImage{{Names: []string{"a"}}}
	if err := w.store.Client().Status().Update(context.Background(), one); err != nil {
		t.Fatal(err)
	}
	w.passed("web")
	if got := w.passes() - before; got != 1 {
		t.Errorf("%d passes, want the one that was asked for", got)
	}
}
