package apiserver

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// withdraw runs `cloudgate withdraw` as the hook of the chart does, and returns what it printed.
func (w *world) withdraw(flags ...string) (string, error) {
	w.t.Helper()
	out, err := exec.Command(program(w.t, "cloudgate"), append([]string{"withdraw", "--kubeconfig", w.account, "--fake-endpoint", w.cloud,
		"--leader-election-namespace", home, "--log-level", "error"}, flags...)...).CombinedOutput()
	return string(out), err
}

// deployment makes a Deployment that the account may scale. Nobody acts on it here.
func (w *world) deployment() *appsv1.Deployment {
	w.t.Helper()
	if err := appsv1.AddToScheme(w.Scheme()); err != nil {
		w.t.Fatal(err)
	}
	labels := map[string]string{"app": "cloudgate"}
	replicas := int32(2)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "cloudgate"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}},
	}}
	meta := metav1.ObjectMeta{Namespace: home, Name: "withdraw"}
	w.create(d, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments/scale"},
		ResourceNames: []string{"cloudgate"}, Verbs: []string{"get", "update", "patch"}}}},
		&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: home, Name: "cloudgate"}}})
	return d
}

// A withdrawal waits for the controllers to end, and leaves nothing of theirs.
func TestWithdrawal(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	deployment := w.deployment()
	controller := w.replica()
	w.leader()
	w.create(gateway("gw"), gateway("second"), redirecting("a", "gw", "a.invalid"))
	address := w.programmed("gw")
	w.programmed("second")
	until(t, "it serves", func() bool { return ask(address, "a.example.com") == "a.invalid" })

	out, err := w.withdraw("--timeout", "3s")
	if err == nil || !strings.Contains(out, "holds the lease "+home+"/cloudgate-controller") {
		t.Fatalf("beside a controller: %v\n%s", err, out)
	}
	if ask(address, "a.example.com") != "a.invalid" {
		t.Fatal("it does not serve any more")
	}
	controller.signal(syscall.SIGTERM)
	if out, err = w.withdraw("--scale-down", home+"/cloudgate"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range []string{"Deployment " + home + "/cloudgate: scaled to 0", "Gateway default/gw: withdrawn", "Gateway default/second: withdrawn", "nothing is left"} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, out)
		}
	}
	if ask(address, "a.example.com") != "" {
		t.Error("it still serves")
	}
	g, class := gateway("gw"), &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "fake"}}
	w.raw(g, class, deployment)
	if len(g.Finalizers)+len(class.Finalizers)+len(g.Status.Addresses) > 0 || *deployment.Spec.Replicas != 0 || w.parent("a", "cloudgate.dev/fake") != nil {
		t.Errorf("something is left: %v %v %+v, replicas %d", g.Finalizers, class.Finalizers, g.Status, *deployment.Spec.Replicas)
	}
	var left v1alpha1.LoadBalancerList
	if err := w.List(t.Context(), &left); err != nil || len(left.Items) > 0 {
		t.Errorf("%d LoadBalancers are left, %v", len(left.Items), err)
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "cloudgate-controller"}}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(lease), lease); !apierrors.IsNotFound(err) {
		t.Errorf("the lease is left: %v", err)
	}
	if d := denied(w.since(0)); len(d) > 0 {
		t.Errorf("denied: %v", d)
	}
	if out, err = w.withdraw(); err != nil {
		t.Errorf("a second time: %v\n%s", err, out)
	}
}
