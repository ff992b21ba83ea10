package reconciler_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	fakeworld "github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// slowCloud runs a fake cloud that takes its time, and returns its provider.
func slowCloud(t *testing.T) *fake.Provider {
	t.Helper()
	s, err := server.New(server.Config{DNSListen: server.Off, AddressPool: netip.MustParsePrefix("127.83.1.0/24"), Latency: fakeworld.Fast})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("the fake cloud ended with %v", err)
		}
	})
	p, err := fake.New(fake.Config{Endpoint: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGateWaitsForTheHealthChecksOfACloud goes through a cloud that makes load balancers slowly and checks targets itself.
func TestGateWaitsForTheHealthChecksOfACloud(t *testing.T) {
	const old, young = "127.83.0.1", "127.83.0.2"
	serve := func(address string) {
		l, err := net.Listen("tcp", address+":8080")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
	}
	serve(old)
	provider := slowCloud(t)
	w := newWorld(t)
	gw := gateway("web")
	gw.Spec.Listeners[0].Port = 8080
	w.apply(gw, route("app", "web", "app"), gatedPod("young", young, time.Now()))
	w.apply(appWith(map[string]string{"young": young}, old)...)
	w.start(func(c *reconciler.Config) {
		c.Providers, c.PodReadinessGates = []cloud.Provider{provider}, true
	})
	w.programmed("web")
	w.until("the cloud finds the new pod unhealthy", func() bool {
		got, _ := w.ctl.Got(w.gateway("web").UID)
		states, err := provider.Health(context.Background(), got)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			if s.Address == young+":8080" {
				return s.State == "unhealthy"
			}
		}
		return false
	})
	if got := w.gate("young"); got != "" && got != "False Waiting" {
		t.Fatalf("gate is %q while the cloud finds the pod unhealthy", got)
	}
	serve(young)
	w.untilGate("young", "True Healthy")
}
