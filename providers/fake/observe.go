package fake

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Observe implements cloud.Provider, with five lists whatever the number of owners. What is within something is listed before it,
// so that a resource which is deleted meanwhile is not taken for one without a container.
func (p *Provider) Observe(ctx context.Context, scope cloud.Scope) (map[ir.OwnerKey]graph.Graph, error) {
	query := func(size int) url.Values {
		q := url.Values{"pageSize": {strconv.Itoa(size)}}
		q.Add("label", labelCluster+"="+scope.Cluster)
		if scope.UID != "" {
			q.Add("label", labelOwner+"="+scope.UID)
		}
		return q
	}
	var w world
	var err error
	if w.rules, err = list[ruleAnswer](ctx, p.client, "ListRules", "/v1/rules", query(pageSize)); err != nil {
		return nil, err
	}
	if w.listeners, err = list[listenerAnswer](ctx, p.client, "ListListeners", "/v1/listeners", query(pageSize)); err != nil {
		return nil, err
	}
	if w.loadBalancers, err = list[loadBalancerAnswer](ctx, p.client, "ListLoadBalancers", "/v1/loadbalancers", query(pageSize)); err != nil {
		return nil, err
	}
	if w.pools, err = list[poolAnswer](ctx, p.client, "ListPools", "/v1/pools", query(pagesOfPools)); err != nil {
		return nil, err
	}
	if w.certificates, err = list[certificateAnswer](ctx, p.client, "ListCertificates", "/v1/certificates", query(pageSize)); err != nil {
		return nil, err
	}
	return w.graphs(scope), nil
}

// world is what five lists returned.
type world struct {
	loadBalancers []loadBalancerAnswer
	listeners     []listenerAnswer
	rules         []ruleAnswer
	pools         []poolAnswer
	certificates  []certificateAnswer
}

// names tells which resource of the graph an id of the cloud is.
type names map[string]graph.ID

// name returns the graph's name for an id. An id that is not ours keeps a name that no resource of ours has, so that what
// refers to it differs from all that can be wanted.
func (n names) name(id string) string {
	if known, ok := n[id]; ok {
		return known.Name
	}
	return "unknown " + id
}

func (w *world) graphs(scope cloud.Scope) map[ir.OwnerKey]graph.Graph {
	known := make(names)
	for _, a := range w.loadBalancers {
		known[a.ID] = a.node(KindLoadBalancer)
	}
	for _, a := range w.listeners {
		known[a.ID] = a.node(KindListener)
	}
	for _, a := range w.pools {
		known[a.ID] = a.node(KindPool)
	}
	for _, a := range w.certificates {
		known[a.ID] = a.node(KindCertificate)
	}
	out := make(map[ir.OwnerKey]graph.Graph)
	add := func(m meta, n graph.Node) {
		owner := ownerOf(m.Labels)
		// The cloud filtered, but what a filter lets through by mistake would be deleted.
		if owner.Cluster != scope.Cluster || (scope.UID != "" && owner.UID != scope.UID) || owner.UID == "" {
			return
		}
		if out[owner] == nil {
			out[owner] = make(graph.Graph)
		}
		out[owner][n.ID] = n
	}
	for _, a := range w.loadBalancers {
		add(a.meta, a.observed())
	}
	for _, a := range w.listeners {
		add(a.meta, a.observed(known))
	}
	for _, a := range w.rules {
		add(a.meta, a.observed(known))
	}
	for _, a := range w.pools {
		add(a.meta, a.observed(known))
	}
	for _, a := range w.certificates {
		add(a.meta, a.observed())
	}
	return out
}

// node returns the identity in the graph: from the label, or for a resource whose label was taken away from what the cloud calls it.
func (m meta) node(kind graph.Kind) graph.ID {
	if name := m.Labels[labelName]; name != "" {
		return graph.ID{Kind: kind, Name: name}
	}
	return graph.ID{Kind: kind, Name: "unnamed " + m.Name}
}

func (m meta) marked() Marked { return Marked{Labels: m.Labels, name: m.Name, etag: m.ETag} }

// fill sets what all observed nodes have.
func (m meta) fill(n graph.Node) graph.Node {
	n.External = m.ID
	switch m.State {
	case stateProvisioning:
		n.Pending = inWords(n.ID) + " is being created"
	case stateUpdating:
		n.Pending = inWords(n.ID) + " is being changed"
	case stateDeleting:
		return leaving(n)
	case stateFailed:
		n.Pending = inWords(n.ID) + " does not work: " + cleanMessage(m.StateReason)
	}
	return n
}

// leaving marks what the cloud is deleting.
func leaving(n graph.Node) graph.Node {
	n.Pending, n.Deleting = inWords(n.ID)+" is being deleted", true
	return n
}

func inWords(id graph.ID) string {
	if id.Kind == KindLoadBalancer {
		return "load balancer " + id.Name
	}
	return string(id.Kind) + " " + id.Name
}

func (a loadBalancerAnswer) observed() graph.Node {
	n := graph.Node{ID: a.node(KindLoadBalancer), Addresses: addresses(a.IPs)}
	spec := &LoadBalancer{Marked: a.marked(), Scheme: a.Scheme}
	spec.Addresses = orNil(a.Addresses)
	n.Spec = spec
	return a.fill(n)
}

func (a listenerAnswer) observed(known names) graph.Node {
	lb, ok := known[a.LoadBalancer]
	if !ok {
		lb = graph.ID{Kind: KindLoadBalancer, Name: known.name(a.LoadBalancer)}
	}
	family := "tcp"
	if a.Protocol == "UDP" {
		family = "udp"
	}
	n := graph.Node{ID: a.node(KindListener), Within: lb, Holds: []string{"port " + strconv.Itoa(int(a.Port)) + "/" + family}}
	spec := &Listener{Marked: a.marked(), Port: a.Port, Protocol: a.Protocol, Clients: a.Clients}
	for _, s := range a.Servers {
		server := Server{Name: s.Name, Hostname: s.Hostname, TLS: s.TLS}
		for _, id := range s.Certificates {
			name := known.name(id)
			server.Certificates = append(server.Certificates, name)
			n.Refs = appendOnce(n.Refs, graph.ID{Kind: KindCertificate, Name: name})
		}
		spec.Servers = append(spec.Servers, server)
	}
	n.Spec = spec
	if a.Endpoint != "" {
		n.Endpoints = []string{a.Endpoint}
	}
	return a.fill(n)
}

func (a ruleAnswer) observed(known names) graph.Node {
	listener, ok := known[a.Listener]
	if !ok {
		listener = graph.ID{Kind: KindListener, Name: known.name(a.Listener)}
	}
	n := graph.Node{ID: a.node(KindRule), Within: listener}
	spec := &Rule{Marked: a.marked(), Server: a.Server, Matches: canonicalMatches(a.Matches), CORS: a.CORS.canonical(), Action: a.Action.canonical()}
	if f := spec.Action.Forward; f != nil {
		for i, b := range f.Backends {
			if b.Pool != "" {
				name := known.name(b.Pool)
				f.Backends[i].Pool = name
				n.Refs = appendOnce(n.Refs, poolID(name))
			}
		}
		for i, m := range f.Mirrors {
			f.Mirrors[i].Pool = known.name(m.Pool)
			n.Refs = appendOnce(n.Refs, poolID(f.Mirrors[i].Pool))
		}
	}
	n.Spec = spec
	return a.fill(n)
}

func (a poolAnswer) observed(known names) graph.Node {
	n := graph.Node{ID: a.node(KindPool)}
	spec := &Pool{
		Marked:      a.marked(),
		Protocol:    a.Protocol,
		Algorithm:   a.Algorithm,
		TLS:         a.TLS.canonical(),
		HealthCheck: a.HealthCheck,
		Session:     a.Session,
		RetryBudget: a.RetryBudget,
		Limits:      a.Limits,
		Members:     canonicalMembers(a.Members),
	}
	if t := spec.TLS; t != nil && t.Certificate != "" {
		t.Certificate = known.name(t.Certificate)
		n.Refs = []graph.ID{{Kind: KindCertificate, Name: t.Certificate}}
	}
	n.Spec = spec
	return a.fill(n)
}

func (a certificateAnswer) observed() graph.Node {
	return a.fill(graph.Node{ID: a.node(KindCertificate), Spec: &Certificate{Marked: a.marked()}})
}

// The canonical forms undo what JSON leaves open: an empty list and none at all are the same.

func canonicalMatches(matches []Match) []Match {
	for i, m := range matches {
		matches[i].Headers = canonicalFields(m.Headers)
		matches[i].Query = canonicalFields(m.Query)
	}
	return orNil(matches)
}

func canonicalFields(list []Field) []Field {
	for i, f := range list {
		if f.Type == "" {
			list[i].Type = "Exact"
		}
	}
	return orNil(list)
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (a Action) canonical() Action {
	if f := a.Forward; f != nil {
		c := *f
		c.Backends, c.Mirrors, c.Retry = slices.Clone(orNil(c.Backends)), slices.Clone(orNil(c.Mirrors)), c.Retry.canonical()
		for i, b := range c.Backends {
			c.Backends[i].RequestHeaders = b.RequestHeaders.canonical()
			c.Backends[i].ResponseHeaders = b.ResponseHeaders.canonical()
		}
		c.RequestHeaders, c.ResponseHeaders = c.RequestHeaders.canonical(), c.ResponseHeaders.canonical()
		a.Forward = &c
	}
	if r := a.Redirect; r != nil {
		c := *r
		c.ResponseHeaders = c.ResponseHeaders.canonical()
		a.Redirect = &c
	}
	if r := a.Respond; r != nil {
		c := *r
		c.ResponseHeaders = c.ResponseHeaders.canonical()
		a.Respond = &c
	}
	return a
}

func (e *HeaderEdit) canonical() *HeaderEdit {
	if e == nil || len(e.Set)+len(e.Add)+len(e.Remove) == 0 {
		return nil
	}
	return &HeaderEdit{Set: orNil(e.Set), Add: orNil(e.Add), Remove: orNil(e.Remove)}
}

func (t *PoolTLS) canonical() *PoolTLS {
	if t == nil {
		return nil
	}
	c := *t
	c.DNSNames, c.URIs = orNil(c.DNSNames), orNil(c.URIs)
	return &c
}
