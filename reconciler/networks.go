package reconciler

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// networks are what the load balancers of a cloud reach, where it tells. They are read when they are first needed, and again at each audit.
type networks struct {
	mu       sync.Mutex
	known    bool
	prefixes []netip.Prefix
	err      *cloud.Error
	after    time.Time // when to ask again, after err
	tries    int       // that failed in a row
}

// surroundings adds to a Snapshot what its cloud reaches, and the nodes that requests may have to be sent to for want of that. A cloud that
// should tell and cannot now leaves an error: to guess could turn what serves into something else.
func (c *Controller) surroundings(ctx context.Context, x *executor, s *translate.Snapshot) *cloud.Error {
	s.Cluster, s.ControllerName, s.Features = c.cfg.Cluster, s.Class.Spec.ControllerName, x.provider.Features()
	if saysTargetType(s) {
		return nil
	}
	prefixes, err := c.networksOf(ctx, x)
	if err != nil {
		return err
	}
	if s.Networks = prefixes; len(prefixes) > 0 && s.Nodes == nil {
		s.Nodes = c.views.nodes.all()
	}
	return nil
}

// networksOf returns what a cloud reaches, which it is asked for once.
func (c *Controller) networksOf(ctx context.Context, x *executor) ([]netip.Prefix, *cloud.Error) {
	n := &x.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.known:
		return n.prefixes, nil
	case n.err != nil && c.now().Before(n.after):
		return nil, n.err
	}
	err := c.readNetworksLocked(ctx, x)
	return n.prefixes, err
}

// readNetworksLocked asks the cloud. What was known before stays known where it does not answer.
func (c *Controller) readNetworksLocked(ctx context.Context, x *executor) *cloud.Error {
	n := &x.networks
	networker, tells := x.provider.(cloud.Networker)
	if !tells {
		n.known = true
		return nil
	}
	prefixes, err := x.askNetworks(ctx, networker)
	if err != nil {
		n.tries++
		wait := c.retryDelay(err, n.tries)
		if waits(err.Kind) {
			wait = c.cfg.AuditInterval
		}
		n.err, n.after = err, c.now().Add(wait)
		return err
	}
	n.known, n.prefixes, n.err, n.tries = true, prefixes, nil, 0
	return nil
}

// auditNetworks reads anew what a cloud reaches. It tells whether that is something else than was known.
func (c *Controller) auditNetworks(ctx context.Context, x *executor) (changed bool, err *cloud.Error) {
	n := &x.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.known && n.err == nil {
		return false, nil // nobody needs them
	}
	before, known := n.prefixes, n.known
	err = c.readNetworksLocked(ctx, x)
	return err == nil && !(known && slices.Equal(before, n.prefixes)), err
}

// askNetworks makes one metered call.
func (x *executor) askNetworks(ctx context.Context, networker cloud.Networker) ([]netip.Prefix, *cloud.Error) {
	const op = "networks"
	if err := x.reads.wait(ctx); err != nil {
		return nil, notAsked(op, graph.ID{}, err)
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	prefixes, err := networker.Networks(ctx)
	failed := asCloudError(op, graph.ID{}, err)
	x.reads.learn(failed)
	x.metrics.call(x.provider.Name(), op, failed)
	return prefixes, failed
}

// tellsNetworks tells whether what a class's load balancers send requests to may depend on what its cloud reaches.
func (c *Controller) tellsNetworks(class gwv1.GatewayController) bool {
	x := c.executorOf(class)
	if x == nil {
		return false
	}
	x.networks.mu.Lock()
	defer x.networks.mu.Unlock()
	return len(x.networks.prefixes) > 0
}

// wakeAll has every Gateway of a cloud looked at.
func (c *Controller) wakeAll(ctx context.Context, x *executor) {
	for _, class := range c.views.classes.all() {
		if c.executorOf(class.Spec.ControllerName) != x {
			continue
		}
		for _, gw := range c.views.gateways.by(byClass, class.Name) {
			c.wake(ctx, types.NamespacedName{Namespace: gw.Namespace, Name: gw.Name})
		}
	}
}

// left returns how long it is until the cloud is asked again, after an error.
func (n *networks) left(now time.Time) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.after.Sub(now)
}
