package reconciler

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// lookKey is one Service behind one Gateway.
type lookKey struct{ gateway, service types.NamespacedName }

// look is what was last seen of a Service behind a Gateway. Pods of one Service that wait at the same time share it.
type look struct {
	mu   sync.Mutex
	at   time.Time
	seen sight
}

// sight is how a load balancer finds the pods of a Service.
type sight struct {
	foreign bool                // another Cloudgate in the cluster serves the Gateway, and knows the rest
	used    bool                // it has, or is to have, the Service's pods as targets
	targets map[netip.Addr]bool // those that it is to have, and whether it finds them healthy in every pool
}

// look returns what is seen of a Service behind a Gateway, no older than age.
func (g *podGates) look(ctx context.Context, key lookKey, age time.Duration) sight {
	g.mu.Lock()
	l := g.looks[key]
	if l == nil {
		l = &look{}
		g.looks[key] = l
	}
	g.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() || g.c.now().Sub(l.at) > age {
		l.seen = g.c.see(ctx, key)
		l.at = g.c.now()
	}
	return l.seen
}

// see looks how the load balancer of a Gateway finds the pods of a Service. What cannot be learnt is not healthy.
func (c *Controller) see(ctx context.Context, key lookKey) sight {
	gw, exists := c.views.gateways.get(key.gateway)
	if !exists || !gw.DeletionTimestamp.IsZero() {
		return sight{}
	}
	gw = latest(c.writer, gw)
	class, exists := c.views.classes.get(types.NamespacedName{Name: string(gw.Spec.GatewayClassName)})
	if !exists || !ours(class.Spec.ControllerName) {
		return sight{}
	}
	x := c.executorOf(class.Spec.ControllerName)
	if x == nil {
		return sight{foreign: c.elsewhere(class)}
	}
	s := c.views.snapshot(class, gw)
	if err := c.surroundings(ctx, x, s); err != nil {
		return sight{used: true} // it may be one that has the pods as targets
	}
	wanted, report := translate.Translate(s)
	if neverServed(gw, report.Frozen() || !c.accepted(class)) {
		return sight{}
	}
	pools := poolsOf(wanted, key.service)
	if len(pools) == 0 {
		return sight{} // no route that is accepted leads to it, or its targets are nodes
	}
	return sight{used: true, targets: c.healthyTargets(ctx, x, wanted, pools)}
}

// neverServed tells whether a Gateway has no load balancer that answers, and none is on its way: there is nothing to wait for. One that
// answers while something is wrong with its Gateway is waited for: the pods that a rollout would end are all it may have.
func neverServed(gw *gwv1.Gateway, refused bool) bool {
	if len(gw.Status.Addresses) > 0 {
		return false
	}
	if refused {
		return true
	}
	programmed := meta.FindStatusCondition(gw.Status.Conditions, string(gwv1.GatewayConditionProgrammed))
	if programmed == nil || programmed.Status != metav1.ConditionFalse || programmed.ObservedGeneration != gw.Generation {
		return false
	}
	switch gwv1.GatewayConditionReason(programmed.Reason) {
	case gwv1.GatewayReasonPending, gwv1.GatewayReasonAddressNotAssigned:
		return false
	default:
		return true
	}
}

// poolsOf returns the pools that are made of the pods of a Service.
func poolsOf(lb *ir.LoadBalancer, service types.NamespacedName) []ir.Pool {
	var out []ir.Pool
	for _, p := range lb.Pools {
		if !p.Nodes && p.Source.Namespace == service.Namespace && p.Source.Name == service.Name {
			out = append(out, p)
		}
	}
	return out
}

// healthyTargets returns the targets of pools, and whether the cloud finds each healthy, in every pool that has it.
func (c *Controller) healthyTargets(ctx context.Context, x *executor, wanted *ir.LoadBalancer, pools []ir.Pool) map[netip.Addr]bool {
	found := c.healths(ctx, x, wanted, pools)
	out := make(map[netip.Addr]bool)
	for _, p := range pools {
		for _, target := range p.Targets {
			at := netip.AddrPortFrom(target.Address, target.Port).String()
			before, known := out[target.Address]
			out[target.Address] = found(p.Name, at) && (before || !known)
		}
	}
	return out
}

// healths asks the cloud for the health of the targets of pools. Of a cloud that cannot tell it is taken that what it has is healthy.
func (c *Controller) healths(ctx context.Context, x *executor, wanted *ir.LoadBalancer, pools []ir.Pool) func(pool, address string) bool {
	nothing := func(string, string) bool { return false }
	compiled, err := x.provider.Compile(wanted)
	if err != nil {
		return nothing
	}
	want := compiled.Graph
	e := c.ledger.find(x.provider.Name(), wanted.Owner.Key())
	if e == nil {
		return nothing // its pass is yet to come
	}
	reader, tells := x.provider.(cloud.HealthReader)
	if !tells {
		e.mu.Lock()
		settled := e.settled
		e.mu.Unlock()
		has := settled != "" && settled == digest(want)
		return func(string, string) bool { return has }
	}
	got, failed := c.known(ctx, x, e)
	if failed != nil {
		return nothing
	}
	states, failed := x.health(ctx, reader, poolNodes(want, got, pools))
	if failed != nil {
		return nothing // throttled, or away: looked at again, with longer and longer waits in between
	}
	type target struct{ pool, address string }
	healthy := make(map[target]bool, len(states))
	for _, s := range states {
		healthy[target{s.Pool, s.Address}] = s.Healthy
	}
	return func(pool, address string) bool { return healthy[target{pool, address}] }
}

// known returns what the cloud has of an owner. A successor of another process may have been spared to read that until now.
func (c *Controller) known(ctx context.Context, x *executor, e *entry) (graph.Graph, *cloud.Error) {
	e.mu.Lock()
	known, got, changes := e.known, e.got, e.changes
	e.mu.Unlock()
	if known {
		return got, nil
	}
	all, failed := x.observe(ctx, cloud.Scope{Cluster: e.owner.Cluster, UID: e.owner.UID})
	if failed != nil {
		return nil, failed
	}
	if _, believed := e.observed(all[e.owner.Key()], changes, c.now()); !believed {
		return nil, &cloud.Error{Kind: cloud.Conflict, Op: "observe", Err: errors.New("the cloud is being changed")}
	}
	return all[e.owner.Key()], nil
}

// poolNodes returns the resources in got that are made for the Services of pools: no more than those is asked about.
func poolNodes(want, got graph.Graph, pools []ir.Pool) graph.Graph {
	services := make(map[client.ObjectKey]bool, 1)
	for _, p := range pools {
		services[client.ObjectKey{Namespace: p.Source.Namespace, Name: p.Source.Name}] = true
	}
	out := make(graph.Graph)
	for id, n := range want {
		made, ok := n.Spec.(cloud.Sourced)
		if !ok {
			continue
		}
		from := made.Source()
		if from.Kind != "Service" || !services[client.ObjectKey{Namespace: from.Namespace, Name: from.Name}] {
			continue
		}
		if have, ok := got[id]; ok {
			out[id] = have
		}
	}
	return out
}

// health makes one metered call.
func (x *executor) health(ctx context.Context, reader cloud.HealthReader, got graph.Graph) ([]cloud.TargetHealth, *cloud.Error) {
	const op = "health"
	if len(got) == 0 {
		return nil, nil
	}
	if err := x.reads.wait(ctx); err != nil {
		return nil, notAsked(op, graph.ID{}, err)
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	states, err := reader.Health(ctx, got)
	failed := asCloudError(op, graph.ID{}, err)
	x.reads.learn(failed)
	x.metrics.call(x.provider.Name(), op, failed)
	return states, failed
}
