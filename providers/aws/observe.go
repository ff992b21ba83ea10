package aws

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Observe implements cloud.Provider. Of one owner it reads everything. Of a whole cluster it reads what is there and not what is in it,
// by pages whatever the number of owners: nodes have a nil Spec, and what is within load balancers is absent.
func (p *Provider) Observe(ctx context.Context, scope cloud.Scope) (map[ir.OwnerKey]graph.Graph, error) {
	inv, err := p.list(ctx, scope)
	if err != nil {
		return nil, err
	}
	if scope.UID == "" {
		return inv.shallow(), nil
	}
	g, err := p.observeOwner(ctx, inv)
	if err != nil || len(g) == 0 {
		return nil, err
	}
	return map[ir.OwnerKey]graph.Graph{ownerKey(scope): g}, nil
}

func ownerKey(scope cloud.Scope) ir.OwnerKey {
	return ir.OwnerKey{Cluster: scope.Cluster, UID: scope.UID}
}

// namer tells which resource of a graph an id or ARN of AWS is.
type namer map[string]graph.ID

// add names one. What bears the name of another, because a create whose answer was lost was sent again, gets a name that is never wanted.
func (n namer) add(kind graph.Kind, external, name string, tags map[string]string) graph.ID {
	id := graph.ID{Kind: kind, Name: tags[tagName]}
	if id.Name == "" {
		id.Name = "unnamed " + cmp.Or(name, external)
	}
	for _, taken := range n {
		if taken == id {
			id.Name += " again " + external
			break
		}
	}
	n[external] = id
	return id
}

// name returns the graph's name for an id or ARN, or the id or ARN itself where it is nobody's of the owner.
func (n namer) name(external string) string {
	if known, ok := n[external]; ok {
		return known.Name
	}
	return external
}

// namesOf returns a namer for the owner's resources in an inventory. Older resources are named before those that bear the same name.
func (inv *inventory) namesOf() namer {
	known := make(namer)
	for _, g := range inv.groups {
		known.add(KindSecurityGroup, g.arn, aws.ToString(g.has.GroupName), g.tags)
	}
	for _, c := range inv.certificates {
		known.add(KindCertificate, c.arn, "", c.tags)
	}
	for _, s := range inv.trustStores {
		known.add(KindTrustStore, s.arn, aws.ToString(s.has.Name), s.tags)
	}
	for _, g := range inv.targetGroups {
		known.add(KindTargetGroup, g.arn, aws.ToString(g.has.TargetGroupName), g.tags)
	}
	for _, lb := range inv.loadBalancers {
		known.add(KindLoadBalancer, lb.arn, aws.ToString(lb.has.LoadBalancerName), lb.tags)
	}
	return known
}

// sort makes an inventory the same whatever the order of the answers.
func (inv *inventory) sort() {
	sortTagged(inv.loadBalancers)
	sortTagged(inv.targetGroups)
	sortTagged(inv.groups)
	sortTagged(inv.permissions)
	sortTagged(inv.certificates)
	sortTagged(inv.trustStores)
}

func sortTagged[T any](list []tagged[T]) {
	slices.SortFunc(list, func(a, b tagged[T]) int { return strings.Compare(a.arn, b.arn) })
}

// byOwner splits an inventory.
func (inv *inventory) byOwner() map[ir.OwnerKey]*inventory {
	out := make(map[ir.OwnerKey]*inventory)
	of := func(tags map[string]string) *inventory {
		owner := ownerOf(tags)
		if out[owner] == nil {
			out[owner] = &inventory{}
		}
		return out[owner]
	}
	for _, v := range inv.loadBalancers {
		o := of(v.tags)
		o.loadBalancers = append(o.loadBalancers, v)
	}
	for _, v := range inv.targetGroups {
		o := of(v.tags)
		o.targetGroups = append(o.targetGroups, v)
	}
	for _, v := range inv.groups {
		o := of(v.tags)
		o.groups = append(o.groups, v)
	}
	for _, v := range inv.permissions {
		o := of(v.tags)
		o.permissions = append(o.permissions, v)
	}
	for _, v := range inv.certificates {
		o := of(v.tags)
		o.certificates = append(o.certificates, v)
	}
	for _, v := range inv.trustStores {
		o := of(v.tags)
		o.trustStores = append(o.trustStores, v)
	}
	return out
}

// shallow returns the graphs of all owners, without contents.
func (inv *inventory) shallow() map[ir.OwnerKey]graph.Graph {
	inv.sort()
	out := make(map[ir.OwnerKey]graph.Graph)
	for owner, own := range inv.byOwner() {
		g := make(graph.Graph)
		for external, id := range own.namesOf() {
			g[id] = graph.Node{ID: id, External: external}
		}
		for _, lb := range own.loadBalancers {
			for id, n := range g {
				if n.External == lb.arn {
					g[id] = withState(n, lb.has)
				}
			}
		}
		for _, s := range own.trustStores {
			for id, n := range g {
				if n.External == s.arn {
					g[id] = withTrustStoreState(n, s.has)
				}
			}
		}
		for _, n := range nodeAccessOf(own.permissions, nil) {
			n.Spec, n.Refs = nil, nil
			g[n.ID] = n
		}
		out[owner] = g
	}
	return out
}

// withState sets what a load balancer says of itself.
func withState(n graph.Node, lb elbtypes.LoadBalancer) graph.Node {
	if name := strings.ToLower(aws.ToString(lb.DNSName)); name != "" {
		n.Addresses = []string{name}
	}
	if lb.State == nil {
		return n
	}
	switch lb.State.Code {
	case elbtypes.LoadBalancerStateEnumProvisioning:
		n.Pending = "load balancer " + n.ID.Name + " is being created"
	case elbtypes.LoadBalancerStateEnumFailed:
		n.Pending = "load balancer " + n.ID.Name + " does not work: " + cmp.Or(cleanMessage(aws.ToString(lb.State.Reason)), "AWS does not say why")
	case elbtypes.LoadBalancerStateEnumActive, elbtypes.LoadBalancerStateEnumActiveImpaired:
	}
	return n
}

// observeOwner reads the contents of one owner's inventory.
func (p *Provider) observeOwner(ctx context.Context, inv *inventory) (graph.Graph, error) {
	inv.sort()
	known := inv.namesOf()
	nodes := make([][]graph.Node, len(inv.loadBalancers)+len(inv.targetGroups)+len(inv.certificates))
	err := each(ctx, len(nodes), func(ctx context.Context, i int) (err error) {
		lbs, groups := len(inv.loadBalancers), len(inv.targetGroups)
		switch {
		case i < lbs:
			nodes[i], err = p.readLoadBalancer(ctx, known, inv.loadBalancers[i])
		case i < lbs+groups:
			nodes[i], err = p.readTargetGroup(ctx, known, inv.targetGroups[i-lbs])
		default:
			nodes[i], err = p.readCertificate(ctx, known, inv.certificates[i-lbs-groups])
		}
		if isGone(err) {
			return nil // it was deleted meanwhile, with all that was within it
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	g := make(graph.Graph)
	for _, n := range slices.Concat(nodes...) {
		g[n.ID] = n
	}
	for _, group := range inv.groups {
		n := groupNode(known, group)
		g[n.ID] = n
	}
	for _, s := range inv.trustStores {
		n := trustStoreNode(known, s)
		g[n.ID] = n
	}
	for _, n := range nodeAccessOf(inv.permissions, known) {
		g[n.ID] = n
	}
	return g, nil
}

// node puts together what was read.
func node(id graph.ID, external string, spec graph.Spec) graph.Node {
	return graph.Node{ID: id, External: external, Spec: spec, Refs: refsOf(spec)}
}
