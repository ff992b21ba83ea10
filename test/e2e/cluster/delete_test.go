package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

func TestDeletedGatewayLeavesNothing(t *testing.T) {
	w := start(t)
	before, err := w.cloud.Resources()
	if err != nil {
		t.Fatal(err)
	}
	w.secret("shop-tls", traffic.NewCertificate(t, "shop.example.com"))
	w.example("quickstart", "shop-v1", "shop-v2")
	g := w.programmed("web", 3)
	v := w.visit(g, nil)
	w.serves(v, "http://shop.example.com/", 200, "shop-v1")
	w.cloud.WantSomething(t)
	gateway := read(t, "quickstart", "gateway.yaml")
	w.kubectl("delete", "-n", w.ns, "gateway", "web", "--wait=true")
	w.gone(gateway)
	after, err := w.cloud.Resources()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a deleted Gateway left in the cloud (-before +after):\n%s", diff)
	}
	v.Client.CloseIdleConnections()
	if a, err := v.Get("http://shop.example.com/"); err == nil {
		t.Errorf("the address of a deleted Gateway answered %d", a.Status)
	}
	if left := w.kubectl("get", "loadbalancers.cloudgate.dev", "-n", w.ns, "-o", "name"); left != "" {
		t.Errorf("left in the cluster: %s", left)
	}

	// Made anew, it serves again.
	w.apply(gateway)
	w.serves(w.visit(w.programmed("web", 3), nil), "http://shop.example.com/", 200, "shop-v1")
}

// TestGatewayDeletedAndMadeAnewAtOnce: what a user sees as a replacement is a deletion and a creation of one name.
func TestGatewayDeletedAndMadeAnewAtOnce(t *testing.T) {
	w, v := startApp(t, app{name: "app", replicas: 1})
	before := w.resources()
	was := w.programmed("web", 1)
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte(traffic.Gateway80("web")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.kubectl("replace", "--force", "-n", w.ns, "-f", file)
	v.Client.CloseIdleConnections()
	g := w.programmed("web", 1)
	if g.UID == was.UID {
		t.Error("it is the Gateway that was")
	}
	w.serves(w.visit(g, nil), urlOfApp, 200, "app")
	if diff := cmp.Diff(before, w.resources()); diff != "" {
		t.Errorf("a Gateway made anew has something else in the cloud (-before +after):\n%s", diff)
	}
}

// TestGatewayDeletedWhileTheCloudIsDown: it stays until the cloud is back to give up what it has.
func TestGatewayDeletedWhileTheCloudIsDown(t *testing.T) {
	w := start(t)
	before := w.resources()
	gateway := traffic.Gateway80("web")
	w.apply(gateway, traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
	w.serve("app")
	w.serves(w.visit(w.programmed("web", 1), nil), urlOfApp, 200, "app")
	w.cloud.WantSomething(t)

	w.scaleFakeCloud(0)
	t.Cleanup(func() { w.scaleFakeCloud(1) }) // before the world is cleared, whatever happens until then
	w.delete(gateway)
	// Everything else goes too: nothing but the Gateway itself says what is there to give up.
	w.kubectl("delete", "-n", w.ns, "httproute,service,deployment", "app", "--wait=true")
	w.eventually("the controller to find the cloud down", func() error {
		out := w.kubectl("get", "loadbalancers.cloudgate.dev", "-n", w.ns, "web", "-o", "jsonpath={.status.state} {.status.message}")
		if !strings.HasPrefix(out, "Deleting ") || !strings.Contains(out, "cannot be reached") {
			return fmt.Errorf("it says %q", out)
		}
		return nil
	})
	var g gwv1.Gateway
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "web"}, &g); err != nil {
		t.Fatalf("the Gateway did not wait for the cloud: %v", err)
	}
	if g.DeletionTimestamp == nil || len(g.Finalizers) == 0 {
		t.Errorf("deleted %v, finalizers %q", g.DeletionTimestamp, g.Finalizers)
	}
	w.scaleFakeCloud(1)
	w.gone(gateway)
	if diff := cmp.Diff(before, w.resources()); diff != "" {
		t.Errorf("left in the cloud (-before +after):\n%s", diff)
	}
}

// scaleFakeCloud takes the fake cloud away, or brings it back.
func (w *world) scaleFakeCloud(replicas int) {
	w.Helper()
	pod, err := w.fakeCloudPod()
	there := err == nil
	w.kubectl("scale", "-n", system, "statefulset/fake-cloud", fmt.Sprintf("--replicas=%d", replicas))
	if replicas == 0 && there {
		w.eventually("the fake cloud to be gone", func() error {
			err := w.client.Get(w.ctx, client.ObjectKeyFromObject(&pod), &pod)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(err, errors.New("its pod is there"))
		})
	}
	if replicas > 0 {
		w.eventually("the fake cloud to be back", func() error {
			if _, err := w.fakeCloudPod(); err != nil {
				return err
			}
			_, err := w.cloud.Resources()
			return err
		})
	}
}
