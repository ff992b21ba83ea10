package aws

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

const opAdopt = "Adopt"

// Foreign implements cloud.Adopter. Names are ARNs: of an Application Load Balancer, of a Network Load Balancer, or of one of each. A
// listener of the same port and protocol becomes the wanted one in place, a rule of the same conditions becomes the wanted one; whatever else
// is in the load balancers is the owner's to delete. Target groups, security groups and certificates stay whose they are.
func (p *Provider) Foreign(ctx context.Context, owner ir.Owner, want graph.Graph, names []string) (cloud.Foreign, error) {
	halves, err := p.halves(want, names)
	if err != nil {
		return cloud.Foreign{}, err
	}
	out := cloud.Foreign{Graph: make(graph.Graph)}
	var containers []graph.ID
	for _, h := range halves {
		f := &adoptee{Provider: p, owner: owner, want: want, half: h}
		if err := f.look(ctx); err != nil {
			return cloud.Foreign{}, on(h.id, err)
		}
		nodes, err := f.read(ctx)
		if err != nil {
			return cloud.Foreign{}, on(h.id, err)
		}
		for _, n := range nodes {
			out.Graph[n.ID] = n
		}
		out.Notes = append(out.Notes, f.notes(nodes)...)
		if f.adopted() {
			continue
		}
		containers = append(containers, h.id)
		for _, n := range nodes[1:] {
			if !f.marked[n.ID] {
				out.Unmarked = append(out.Unmarked, n.ID)
			}
		}
	}
	out.Unmarked = append(out.Unmarked, containers...)
	out.Notes = slices.Compact(slices.Sorted(slices.Values(out.Notes)))
	return out, nil
}

// Adopt implements cloud.Adopter: a call for each listener and rule, then one for the load balancer, and the last to see whether it bears the
// mark: where another controller put its own at the same time, the later one holds.
func (p *Provider) Adopt(ctx context.Context, owner ir.Owner, f cloud.Foreign) error {
	var within, containers []graph.Node
	for _, id := range f.Unmarked {
		if n := f.Graph[id]; id.Kind == KindLoadBalancer {
			containers = append(containers, n)
		} else {
			within = append(within, n)
		}
	}
	put := func(ctx context.Context, n graph.Node) error {
		_, err := call(ctx, p.elb.AddTags, &elb.AddTagsInput{ResourceArns: []string{n.External}, Tags: elbTags(markOf(owner, n.ID.Name))})
		return on(n.ID, err)
	}
	if err := each(ctx, len(within), func(ctx context.Context, i int) error { return put(ctx, within[i]) }); err != nil {
		return err
	}
	for _, n := range containers {
		if err := put(ctx, n); err != nil {
			return err
		}
	}
	return p.keepMarks(ctx, owner, containers)
}

// keepMarks returns a Conflict where a load balancer that was just marked does not bear the mark.
func (p *Provider) keepMarks(ctx context.Context, owner ir.Owner, containers []graph.Node) error {
	if len(containers) == 0 {
		return nil
	}
	tags, err := p.tagsOf(ctx, arnsOf(containers, func(n graph.Node) *string { return &n.External }))
	if err != nil {
		return err
	}
	for _, n := range containers {
		if ownerOf(tags[n.External]) != owner.Key() {
			return &cloud.Error{Kind: cloud.Conflict, Op: opAdopt, Node: n.ID, Err: fmt.Errorf("somebody else put a mark on %s at the same time", n.External)}
		}
	}
	return nil
}

// markOf returns the tags of a mark, and no others.
func markOf(owner ir.Owner, name string) map[string]string {
	return marks{owner: owner}.mark(name, ir.Source{}).Tags
}

// half is a load balancer that is to be adopted, in the place of a wanted one.
type half struct {
	arn  string
	id   graph.ID
	want *LoadBalancer
}

// halves finds the place of each load balancer that is to be adopted.
func (p *Provider) halves(want graph.Graph, names []string) ([]half, error) {
	var out []half
	for _, name := range names {
		kind, err := p.typeOf(name)
		if err != nil {
			return nil, err
		}
		h := half{arn: name}
		for _, n := range want.Sorted() {
			if spec, ok := n.Spec.(*LoadBalancer); ok && spec.Type == kind {
				h.id, h.want = n.ID, spec
			}
		}
		if h.want == nil {
			return nil, invalid(opAdopt, "%s is of type %s, and the Gateway has no listener that needs one", name, kind)
		}
		if i := slices.IndexFunc(out, func(o half) bool { return o.id == h.id }); i >= 0 {
			return nil, invalid(opAdopt, "%s and %s are both of type %s, and a Gateway has one of each: name one", out[i].arn, name, kind)
		}
		out = append(out, h)
	}
	return out, nil
}

// longestARN is more than any load balancer has.
const longestARN = 256

// typeOf reads the type of a load balancer from its ARN.
func (p *Provider) typeOf(name string) (string, error) {
	parsed, err := arn.Parse(name)
	sort, _ := strings.CutPrefix(parsed.Resource, "loadbalancer/")
	sort, _, _ = strings.Cut(sort, "/")
	switch {
	case err != nil || len(name) > longestARN || parsed.Service != "elasticloadbalancing" || !strings.HasPrefix(parsed.Resource, "loadbalancer/"):
		return "", invalid(opAdopt, "%.100q is not the ARN of a load balancer", name)
	case parsed.Region != p.region:
		return "", invalid(opAdopt, "%s is in the region %s, and the controller works in %s", name, parsed.Region, p.region)
	case sort == "app":
		return TypeApplication, nil
	case sort == "net":
		return TypeNetwork, nil
	}
	return "", invalid(opAdopt, "%s is neither an Application nor a Network Load Balancer", name)
}

// adoptee is a load balancer while it is looked at.
type adoptee struct {
	*Provider
	half
	owner  ir.Owner
	want   graph.Graph
	has    elbtypes.LoadBalancer
	tags   map[string]string
	marked map[graph.ID]bool // of what is within
}

// adopted tells whether the load balancer bears the mark already, and with it all that was in it.
func (f *adoptee) adopted() bool { return ownerOf(f.tags) == f.owner.Key() }

// look reads the load balancer itself, and tells why it cannot be adopted.
func (f *adoptee) look(ctx context.Context) error {
	out, err := call(ctx, f.elb.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{f.arn}})
	switch {
	case isGone(err), err == nil && len(out.LoadBalancers) != 1:
		return invalid(opAdopt, "there is no load balancer %s", f.arn)
	case err != nil:
		return err
	}
	f.has = out.LoadBalancers[0]
	tags, err := f.tagsOf(ctx, []string{f.arn})
	if err != nil {
		return err
	}
	f.tags = tags[f.arn]
	if f.adopted() {
		return nil
	}
	vpc, err := f.vpcID(ctx)
	if err != nil {
		return err
	}
	if text := keeper(f.tags); text != "" {
		return invalid(opAdopt, "load balancer %s %s: let its owner give it up, and take the tag away", f.name(), text)
	}
	wanted := f.half.want
	switch scheme := string(f.has.Scheme); {
	case aws.ToString(f.has.VpcId) != vpc:
		return invalid(opAdopt, "load balancer %s is in %s, and the controller works in %s", f.name(), aws.ToString(f.has.VpcId), vpc)
	case scheme != wanted.Scheme:
		return invalid(opAdopt, "load balancer %s is %s, the Gateway wants %s, and AWS cannot change that: change `reach` of the GatewayConfig, or adopt another",
			f.name(), scheme, wanted.Scheme)
	case wanted.Type == TypeNetwork && len(f.has.SecurityGroups) == 0:
		return invalid(opAdopt, "load balancer %s was made without security groups, the Gateway's have some, and AWS gives none later to a Network Load Balancer", f.name())
	case f.has.State != nil && f.has.State.Code == elbtypes.LoadBalancerStateEnumFailed:
		return invalid(opAdopt, "load balancer %s does not work: AWS says that it has failed", f.name())
	}
	return nil
}

func (f *adoptee) name() string { return aws.ToString(f.has.LoadBalancerName) }

// read returns the load balancer and what is within it, as if it bore the mark.
func (f *adoptee) read(ctx context.Context) ([]graph.Node, error) {
	f.marked = make(map[graph.ID]bool)
	none := make(namer)
	n, err := f.readLoadBalancerAlone(ctx, namer{f.arn: f.id}, tagged[elbtypes.LoadBalancer]{arn: f.arn, tags: f.withMark(f.tags, f.id), has: f.has})
	if err != nil {
		return nil, err
	}
	listeners, err := f.listeners(ctx, f.arn)
	if err != nil {
		return nil, err
	}
	tags, err := f.tagsOf(ctx, arnsOf(listeners, func(l elbtypes.Listener) *string { return l.ListenerArn }))
	if err != nil {
		return nil, err
	}
	nodes := []graph.Node{n}
	for _, l := range listeners {
		arn := aws.ToString(l.ListenerArn)
		id := f.listenerOf(l)
		f.note(id, tags[arn])
		spec, err := f.readListenerAlone(ctx, none, id, tagged[elbtypes.Listener]{arn: arn, tags: f.withMark(tags[arn], id), has: l})
		if err != nil {
			return nil, err
		}
		spec.Within, spec.Holds = f.id, (&balancer{id: f.id}).claim(uint16(aws.ToInt32(l.Port)))
		nodes = append(nodes, spec)
		if f.half.want.Type != TypeApplication {
			continue
		}
		rules, err := f.readRules(ctx, id, l)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, rules...)
	}
	return nodes, nil
}

// note remembers of what is within whether it bears the mark already.
func (f *adoptee) note(id graph.ID, tags map[string]string) {
	f.marked[id] = ownerOf(tags) == f.owner.Key() && tags[tagName] == id.Name
}

// withMark returns tags with the mark.
func (f *adoptee) withMark(tags map[string]string, id graph.ID) map[string]string {
	all := markOf(f.owner, id.Name)
	for key, value := range tags {
		if _, ours := all[key]; !ours {
			all[key] = value
		}
	}
	return all
}

// listenerOf returns the wanted listener that a listener can become in place, or a name that is never wanted.
func (f *adoptee) listenerOf(l elbtypes.Listener) graph.ID {
	for _, n := range f.want.Sorted() {
		spec, ok := n.Spec.(*Listener)
		if ok && n.Within == f.id && int32(spec.Port) == aws.ToInt32(l.Port) && spec.Protocol == string(l.Protocol) {
			return n.ID
		}
	}
	b := balancer{id: f.id}
	return graph.ID{Kind: KindListener, Name: "adopted-" + b.listenerID(string(l.Protocol), uint16(aws.ToInt32(l.Port))).Name}
}

// readRules reads the rules of a listener.
func (f *adoptee) readRules(ctx context.Context, listener graph.ID, l elbtypes.Listener) ([]graph.Node, error) {
	rules, err := f.rules(ctx, aws.ToString(l.ListenerArn))
	if err != nil {
		return nil, err
	}
	var nodes []graph.Node
	taken := make(map[graph.ID]bool)
	for _, r := range rules {
		id := f.ruleOf(listener, readConditions(r.has.Conditions), taken)
		theirs := id == (graph.ID{})
		if theirs {
			priority, _ := strconv.Atoi(aws.ToString(r.has.Priority))
			id = graph.ID{Kind: KindRule, Name: fmt.Sprintf("adopted-%d-%d", aws.ToInt32(l.Port), priority)}
		}
		taken[id] = true
		f.note(id, r.tags)
		r.tags = f.withMark(r.tags, id)
		n := ruleNode(make(namer), id, r)
		n.Within = listener
		if spec, ok := n.Spec.(*Rule); ok {
			spec.Theirs = theirs
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// ruleOf returns the first wanted rule of a listener that has the conditions and that no other rule becomes.
func (f *adoptee) ruleOf(listener graph.ID, conditions []Condition, taken map[graph.ID]bool) graph.ID {
	for _, n := range f.want.Sorted() {
		spec, ok := n.Spec.(*Rule)
		if ok && n.Within == listener && !taken[n.ID] && reflect.DeepEqual(spec.Conditions, conditions) {
			return n.ID
		}
	}
	return graph.ID{}
}
