package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// spec is the content of a resource in testCloud.
type spec struct {
	text string
	from ir.Source
}

func (s spec) Equal(got graph.Spec) bool     { return s.text == got.(spec).text }
func (s spec) Explain(got graph.Spec) string { return got.(spec).text + " -> " + s.text }
func (s spec) Source() ir.Source             { return s.from }

// testCloud is a cloud in memory and its provider, which records what it is asked.
type testCloud struct {
	name string

	mu       sync.Mutex
	has      map[ir.OwnerKey]graph.Graph
	applied  []plan.Step
	observed []cloud.Scope
	ids      int
	outside  bool     // Observe of a whole cluster reads no content
	careless bool     // Observe returns what belongs to other clusters too
	polls    int      // Observes after which a new load balancer is ready
	at       []string // addresses that a load balancer has from its next change on

	refused     []cloud.Refusal    // that Compile returns
	differences []cloud.Difference // the same

	// onApply and onObserve make calls fail. onApply runs before anything is changed, onApplied after.
	onApply   func(plan.Step) *cloud.Error
	onApplied func(plan.Step) *cloud.Error
	onObserve func(cloud.Scope) *cloud.Error
}

func newTestCloud() *testCloud {
	return &testCloud{name: "fake", has: make(map[ir.OwnerKey]graph.Graph)}
}

func (c *testCloud) Name() string { return c.name }

func (c *testCloud) Features() ir.Features {
	f := make(ir.Features)
	for _, name := range []ir.Feature{ir.FeatureHTTP, ir.FeatureHTTPS, ir.FeatureTCP, ir.FeatureGRPC, ir.FeatureRequestHeaders, ir.FeatureTLSPassthrough, ir.FeatureUDP,
		ir.FeatureBackendTLS, ir.FeatureRetryBudget, ir.FeatureHealthCheck} {
		f[name] = ir.Support{Grade: ir.Exact}
	}
	return f
}

func (c *testCloud) Compile(want *ir.LoadBalancer) (cloud.Compiled, error) {
	g := graph.New()
	if want == nil {
		return cloud.Compiled{Graph: g}, nil
	}
	lb := graph.ID{Kind: "lb", Name: "main"}
	g[lb] = graph.Node{ID: lb, Spec: spec{text: fmt.Sprint(want.Labels)}}
	for _, p := range want.Pools {
		id := graph.ID{Kind: "pool", Name: p.Name}
		text := fmt.Sprint(p.Protocol, p.Targets)
		if p.Health != nil && p.Health.Path != "" {
			text += " asked for " + p.Health.Path
		}
		g[id] = graph.Node{ID: id, Spec: spec{text, p.Source}}
	}
	for _, l := range want.Listeners {
		port := graph.ID{Kind: "listener", Name: fmt.Sprint(l.Port)}
		g[port] = graph.Node{ID: port, Spec: spec{text: fmt.Sprint(l.Protocol, len(l.Servers))}, Within: lb}
		for _, s := range l.Servers {
			for _, r := range s.Rules {
				id := graph.ID{Kind: "rule", Name: fmt.Sprintf("%d/%s/%s", l.Port, s.Name, r.Rank)}
				n := graph.Node{ID: id, Within: port}
				text := fmt.Sprintf("%+v", r.Match)
				if f, ok := r.Action.(*ir.Forward); ok {
					for _, b := range f.Backends {
						text += fmt.Sprintf(" %d:%s", b.Weight, b.Pool)
						if b.Pool != "" {
							n.Refs = append(n.Refs, graph.ID{Kind: "pool", Name: b.Pool})
						}
					}
				}
				n.Spec = spec{text, r.Source}
				g[id] = n
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return cloud.Compiled{Graph: g, Refused: c.refused, Differences: c.differences}, nil
}

func (c *testCloud) Observe(_ context.Context, scope cloud.Scope) (map[ir.OwnerKey]graph.Graph, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observed = append(c.observed, scope)
	if c.onObserve != nil {
		if err := c.onObserve(scope); err != nil {
			return nil, err
		}
	}
	out := make(map[ir.OwnerKey]graph.Graph)
	for key, g := range c.has {
		if key.Cluster != scope.Cluster && !c.careless || scope.UID != "" && scope.UID != key.UID || len(g) == 0 {
			continue
		}
		for id, n := range g {
			if n.Pending == "" {
				continue
			}
			if c.polls--; c.polls <= 0 {
				n.Pending, n.Addresses = "", []string{"192.0.2.1"}
				g[id] = n
			}
		}
		copied := make(graph.Graph)
		for id, n := range g {
			if c.outside && scope.UID == "" {
				if n.Within != (graph.ID{}) {
					continue
				}
				n.Spec, n.Refs = nil, nil
			}
			copied[id] = n
		}
		out[key] = copied
	}
	return out, nil
}

func (c *testCloud) Apply(_ context.Context, owner ir.Owner, s plan.Step) (graph.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied = append(c.applied, s)
	if c.onApply != nil {
		if err := c.onApply(s); err != nil {
			return graph.Node{}, err
		}
	}
	g := c.has[owner.Key()]
	if g == nil {
		g = make(graph.Graph)
		c.has[owner.Key()] = g
	}
	node, err := c.change(g, s)
	if err != nil {
		return graph.Node{}, err
	}
	if len(g) == 0 {
		delete(c.has, owner.Key())
	}
	if c.onApplied != nil {
		if err := c.onApplied(s); err != nil {
			return graph.Node{}, err
		}
	}
	return node, nil
}

func (c *testCloud) change(g graph.Graph, s plan.Step) (graph.Node, error) {
	if s.Op == plan.Delete {
		if _, ok := g[s.Got.ID]; !ok {
			return graph.Node{}, &cloud.Error{Kind: cloud.NotFound, Op: "Delete", Node: s.Got.ID, Err: errors.New("no such resource")}
		}
		for _, n := range g {
			for _, ref := range n.Refs {
				if ref == s.Got.ID {
					return graph.Node{}, &cloud.Error{Kind: cloud.Invalid, Op: "Delete", Node: s.Got.ID, Err: fmt.Errorf("in use by %s", n.ID)}
				}
			}
		}
		g.Drop(s.Got.ID)
		return graph.Node{}, nil
	}
	for _, id := range s.Want.Edges() {
		if _, ok := s.Refs[id]; !ok {
			return graph.Node{}, &cloud.Error{Kind: cloud.Invalid, Op: "Create", Node: s.Want.ID, Err: fmt.Errorf("no reference to %s in the step", id)}
		}
		if _, ok := g[id]; !ok {
			return graph.Node{}, &cloud.Error{Kind: cloud.NotFound, Op: "Create", Node: s.Want.ID, Err: fmt.Errorf("no %s", id)}
		}
	}
	n := s.Want
	if old, ok := g[n.ID]; ok {
		n.External, n.Addresses, n.Pending = old.External, old.Addresses, old.Pending
	} else {
		c.ids++
		n.External = fmt.Sprintf("id-%d", c.ids)
		if n.ID.Kind == "lb" {
			n.Addresses = []string{"192.0.2.1"}
			if c.polls > 0 {
				n.Addresses, n.Pending = nil, "the load balancer is being created"
			}
		}
	}
	if n.ID.Kind == "lb" && c.at != nil {
		n.Addresses = c.at
	}
	g[n.ID] = n
	return n, nil
}

// take returns what was asked since it was last called: the steps, and the scopes that were read.
func (c *testCloud) take() ([]plan.Step, []cloud.Scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps, scopes := c.applied, c.observed
	c.applied, c.observed = nil, nil
	return steps, scopes
}

// peek is take without forgetting.
func (c *testCloud) peek() ([]plan.Step, []cloud.Scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applied, c.observed
}

// pendings returns how many resources are not ready.
func (c *testCloud) pendings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, g := range c.has {
		for _, node := range g {
			if node.Pending != "" {
				n++
			}
		}
	}
	return n
}

// tamper changes what the cloud has behind the controller's back.
func (c *testCloud) tamper(change func(graph.Graph)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.has {
		change(g)
	}
}

// size returns how many resources there are of all owners.
func (c *testCloud) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, g := range c.has {
		n += len(g)
	}
	return n
}

// set changes the hooks.
func (c *testCloud) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// quota refuses a create of a rule where there are most of them. It is for onApply.
func (c *testCloud) quota(most int) func(plan.Step) *cloud.Error {
	return func(s plan.Step) *cloud.Error {
		n := 0
		for _, g := range c.has {
			for id := range g {
				if id.Kind == "rule" {
					n++
				}
			}
		}
		if s.Op != plan.Create || s.ID().Kind != "rule" || n < most {
			return nil
		}
		return &cloud.Error{Kind: cloud.Quota, Op: "CreateRule", Node: s.ID(), Err: errors.New("rules per listener")}
	}
}

// hasLike tells whether there is a resource of a kind whose content contains a text.
func (c *testCloud) hasLike(kind, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.has {
		for id, n := range g {
			if string(id.Kind) == kind && strings.Contains(n.Spec.(spec).text, text) {
				return true
			}
		}
	}
	return false
}
