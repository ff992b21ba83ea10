package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

func noGateways(s dev.State) bool { return len(s.Gateways) == 0 }

func TestDeletedGatewayLeavesNothing(t *testing.T) { tellDeletedGatewayLeavesNothing(t, onFake) }

func tellDeletedGatewayLeavesNothing(t *testing.T, on class) {
	w := on.start(t, example("quickstart"), func(w *world) {
		w.serve("shop-v1", "v1")
		w.serve("shop-v2", "v2")
		w.secret("shop-tls", "default", traffic.NewCertificate(t, "shop.example.com"))
	})
	w.programmed("web", 3)
	w.its().WantSomething(t)
	w.remove("gateway.yaml")
	w.wait("the Gateway to be gone", noGateways)
	w.its().WantEmpty(t)
}

// TestGatewayDeletedAndMadeAnewAtOnce: what a user sees as a rename is a deletion and a creation of one name, in any order.
func TestGatewayDeletedAndMadeAnewAtOnce(t *testing.T) {
	tellGatewayDeletedAndMadeAnewAtOnce(t, onFake)
}

func tellGatewayDeletedAndMadeAnewAtOnce(t *testing.T, on class) {
	w := on.start(t, example("whoami"), func(w *world) { w.serve("whoami", "whoami-1") })
	w.programmed("web", 1)
	gateway := w.read("gateway.yaml")
	w.remove("gateway.yaml")
	w.wait("the deletion to begin", func(s dev.State) bool {
		g, ok := gatewayOf(s, "web")
		return !ok || says(g.Problems, "being deleted")
	})
	w.write("gateway-again.yaml", gateway)
	w.eventually("the Gateway to serve again", func() error {
		s, _ := w.state()
		g, ok := gatewayOf(s, "web")
		if !ok || !s.Converged || !g.Programmed {
			return fmt.Errorf("it is not programmed")
		}
		return visit(t, g, nil).Answers("http://whoami/", 200, "whoami-1")
	})
	counts, err := w.its().Resources()
	if err != nil || counts["loadbalancers"] != 1 {
		t.Errorf("the cloud has %v, %v; want one load balancer", counts, err)
	}
}

// cloudApart is a fake cloud that can be stopped and started, with its state on disk.
type cloudApart struct {
	t      *testing.T
	config server.Config
	url    string
	stop   func()
}

func newCloudApart(t *testing.T) *cloudApart {
	c := &cloudApart{t: t, config: server.Config{
		DNSListen: server.Off, AddressPool: newPool(), StatePath: filepath.Join(t.TempDir(), "cloud.db"),
	}}
	c.start()
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *cloudApart) start() {
	c.t.Helper()
	s, err := server.New(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.url = s.URL()
	c.config.Listen = s.URL()[len("http://"):] // the same address the next time
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c.stop = func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("fake cloud: %v", err)
		}
		c.stop = func() {}
	}
}

// tellGatewayDeletedWhileAWSIsDown: what serves goes on, and what was asked for meanwhile is done when AWS answers again.
func tellGatewayDeletedWhileAWSIsDown(t *testing.T, on class) {
	w := on.start(t, example("whoami"), func(w *world) { w.serve("whoami", "whoami-1") })
	v := visit(t, w.programmed("web", 1), nil)
	v.Want("http://whoami/", 200, "whoami-1")

	over := w.calls().Suffer(t, traffic.Fault{Op: "*", Effect: "unavailable"})
	w.edit("whoami.yaml", "value: /}", "value: /foo}")
	w.eventually("AWS to be asked in vain", func() error {
		calls, _ := w.calls().Journal(t, 0)
		if n := len(calls); n == 0 || calls[n-1].Status != http.StatusServiceUnavailable {
			return fmt.Errorf("of %d calls the last was answered", n)
		}
		return nil
	})
	v.Want("http://whoami/", 200, "whoami-1")
	w.remove("gateway.yaml")
	w.wait("the deletion to begin", func(s dev.State) bool {
		g, ok := gatewayOf(s, "web")
		return ok && says(g.Problems, "being deleted")
	})
	v.Want("http://whoami/", 200, "whoami-1")
	over()
	w.wait("the Gateway to be gone", noGateways)
	w.its().WantEmpty(t)
}

func TestGatewayDeletedWhileTheCloudIsDown(t *testing.T) {
	cloud := newCloudApart(t)
	w := startWith(t, dev.Config{Endpoint: cloud.url}, example("whoami"), func(w *world) { w.serve("whoami", "whoami-1") })
	v := visit(t, w.programmed("web", 1), nil)
	v.Want("http://whoami/", 200, "whoami-1")
	w.cloud.WantSomething(t)

	cloud.stop()
	w.remove("gateway.yaml")
	w.wait("the deletion to begin", func(s dev.State) bool {
		g, ok := gatewayOf(s, "web")
		return ok && says(g.Problems, "being deleted")
	})
	cloud.start()
	w.wait("the Gateway to be gone", noGateways)
	w.cloud.WantEmpty(t)
}
