package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
