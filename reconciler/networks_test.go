package reconciler_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// networkCloud is a testCloud that tells what its load balancers reach.
type networkCloud struct {
	*testCloud

	mu       sync.Mutex
	prefixes []netip.Prefix
	err      *cloud.Error
	asked    int
}

func (c *networkCloud) Networks(context.Context) ([]netip.Prefix, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.err != nil {
		return nil, c.err
	}
	return c.prefixes, nil
}

func (c *networkCloud) tell(prefix string, err *cloud.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prefixes, c.err = []netip.Prefix{netip.MustParsePrefix(prefix)}, err
}

func (c *networkCloud) times() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// Where nobody says what requests are sent to, the cloud's networks decide: pods that they hold, else nodes, whose coming and going then
// matters. They are asked for once, and again at the audit.
func TestNetworksDecideWhatRequestsAreSentTo(t *testing.T) {
	w := newWorld(t)
	c := &networkCloud{testCloud: w.cloud}
	c.tell("10.0.0.0/16", nil)
	w.start(func(cfg *reconciler.Config) { cfg.Providers = []cloud.Provider{c} })
	outside := service("outside", "10.244.0.1")
	outside[0].(*corev1.Service).Spec.Ports[0].NodePort = 30080
	w.apply(service("inside", "10.0.0.1")...)
	w.apply(outside...)
	w.apply(node("one", "10.0.9.1", corev1.ConditionTrue))
	w.apply(gateway("gw"), gateway("second"), route("a", "gw", "inside"), route("b", "gw", "outside"))
	w.programmed("gw")
	w.programmed("second")
	w.settle()
	if !w.cloud.hasLike("pool", "10.0.0.1 8080") || !w.cloud.hasLike("pool", "10.0.9.1 30080") || w.cloud.hasLike("pool", "10.244.0.1") {
		t.Errorf("the pools are not those that the networks call for: %v", w.cloud.has)
	}
	w.apply(node("two", "10.0.9.2", corev1.ConditionTrue))
	w.until("the other node is a target", func() bool { return w.cloud.hasLike("pool", "10.0.9.2 30080") })
	if got := c.times(); got != 1 {
		t.Errorf("the cloud was asked %d times what it reaches, want 1", got)
	}

	c.tell("10.0.0.0/8", nil) // the VPC has got another range
	if err := w.ctl.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("the pod is a target", func() bool { return w.cloud.hasLike("pool", "10.244.0.1 8080") })
	if got := c.times(); got != 2 {
		t.Errorf("the cloud was asked %d times what it reaches, want 2", got)
	}
}

// A cloud that does not tell now leaves everything as it is, and is asked again by and by.
func TestNetworksThatCannotBeToldChangeNothing(t *testing.T) {
	w := newWorld(t)
	c := &networkCloud{testCloud: w.cloud}
	c.tell("10.0.0.0/16", &cloud.Error{Kind: cloud.Unavailable, Op: "DescribeVpcs", Err: errors.New("it is away")})
	w.start(func(cfg *reconciler.Config) {
		cfg.Providers, cfg.RetryMin, cfg.RetryMax = []cloud.Provider{c}, 50*time.Millisecond, 50*time.Millisecond
	})
	w.apply(service("inside", "10.0.0.1")...)
	w.apply(gateway("gw"), route("a", "gw", "inside"))
	w.until("asked again", func() bool { return c.times() >= 3 })
	if n := w.cloud.size(); n != 0 {
		t.Errorf("%d resources were made without knowing what for", n)
	}
	c.tell("10.0.0.0/16", nil)
	w.programmed("gw")
	if !w.cloud.hasLike("pool", "10.0.0.1 8080") {
		t.Error("the pod is no target")
	}
}
