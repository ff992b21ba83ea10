package aws

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// Apply implements cloud.Provider. A step makes the fewest calls that AWS has for it: to create a load balancer, a listener or a rule is
// one, a target group two with its targets; what differs from AWS's defaults in attributes is one more.
func (p *Provider) Apply(ctx context.Context, owner ir.Owner, step plan.Step) (graph.Node, error) {
	a := &applier{Provider: p, owner: owner.Key(), refs: step.Refs}
	var n graph.Node
	var err error
	switch step.Op {
	case plan.Create:
		n, err = a.create(ctx, step.Want)
	case plan.Update:
		n, err = a.update(ctx, step.Want, step.Got)
	case plan.Delete:
		n, err = a.delete(ctx, step.Got)
	default:
		err = invalid("Apply", "unknown operation %d", step.Op)
	}
	if err != nil {
		return graph.Node{}, on(step.ID(), err)
	}
	return n, nil
}

// applier performs one step.
type applier struct {
	*Provider
	owner ir.OwnerKey
	refs  graph.Graph // what the node refers to and is within, as it is in the cloud
}

func (a *applier) create(ctx context.Context, want graph.Node) (graph.Node, error) {
	switch spec := want.Spec.(type) {
	case *SecurityGroup:
		return a.createGroup(ctx, want, spec)
	case *NodeAccess:
		return a.createNodeAccess(ctx, want, spec)
	case *Certificate:
		return a.createCertificate(ctx, want, spec)
	case *TrustStore:
		return a.createTrustStore(ctx, want, spec)
	case *LoadBalancer:
		return a.createLoadBalancer(ctx, want, spec)
	case *Listener:
		return a.createListener(ctx, want, spec)
	case *Rule:
		return a.createRule(ctx, want, spec)
	case *TargetGroup:
		return a.createTargetGroup(ctx, want, spec)
	}
	return graph.Node{}, unknownKind("Create", want)
}

func (a *applier) update(ctx context.Context, want, got graph.Node) (graph.Node, error) {
	switch spec := want.Spec.(type) {
	case *SecurityGroup:
		return a.updateGroup(ctx, want, spec, got)
	case *NodeAccess:
		return a.updateNodeAccess(ctx, want, spec, got)
	case *Certificate:
		return a.updateCertificate(ctx, want, spec, got)
	case *TrustStore:
		return a.updateTrustStore(ctx, want, spec, got)
	case *LoadBalancer:
		return a.updateLoadBalancer(ctx, want, spec, got)
	case *Listener:
		return a.updateListener(ctx, want, spec, got)
	case *Rule:
		return a.updateRule(ctx, want, spec, got)
	case *TargetGroup:
		return a.updateTargetGroup(ctx, want, spec, got)
	}
	return graph.Node{}, unknownKind("Update", want)
}

// delete succeeds for what is gone. What is still used by something that is going itself is going too: it is tried again.
func (a *applier) delete(ctx context.Context, got graph.Node) (graph.Node, error) {
	var err error
	switch got.ID.Kind {
	case KindSecurityGroup:
		err = a.deleteGroup(ctx, got)
	case KindNodeAccess:
		err = a.deleteNodeAccess(ctx, got)
	case KindCertificate:
		err = a.deleteCertificate(ctx, got)
	case KindTrustStore:
		err = a.deleteTrustStore(ctx, got)
	case KindLoadBalancer:
		err = a.deleteLoadBalancer(ctx, got)
	case KindListener:
		_, err = call(ctx, a.elb.DeleteListener, &elb.DeleteListenerInput{ListenerArn: aws.String(got.External)})
	case KindRule:
		_, err = call(ctx, a.elb.DeleteRule, &elb.DeleteRuleInput{RuleArn: aws.String(got.External)})
	case KindTargetGroup:
		_, err = call(ctx, a.elb.DeleteTargetGroup, &elb.DeleteTargetGroupInput{TargetGroupArn: aws.String(got.External)})
	default:
		err = unknownKind("Delete", got)
	}
	switch {
	case err == nil, isGone(err):
		return graph.Node{}, nil
	case hasCode(err, codeResourceInUse, codeDependencyViolation, codeGroupInUse, codeCertificateInUse, codeTrustStoreInUse):
		got.Pending, got.Deleting = inWords(got.ID)+" is deleted as soon as AWS lets go of what uses it", true
		return got, nil
	default:
		return graph.Node{}, err
	}
}

func unknownKind(op string, n graph.Node) error { return invalid(op, "AWS has no %s", n.ID.Kind) }

func inWords(id graph.ID) string {
	switch id.Kind {
	case KindLoadBalancer:
		return "load balancer " + id.Name
	case KindTargetGroup:
		return "target group " + id.Name
	case KindTrustStore:
		return "trust store " + id.Name
	case KindSecurityGroup:
		return "security group " + id.Name
	default:
		return string(id.Kind) + " " + id.Name
	}
}

// external returns the ARN or id of what a step's node refers to or is within.
func (a *applier) external(op string, id graph.ID) (string, error) {
	n, ok := a.refs[id]
	if !ok || n.External == "" {
		return "", missing(op, "%s is not there", id)
	}
	return n.External, nil
}

// resolve returns the ARN or id for a name in a spec, which is one already where the resource is not the owner's.
func (a *applier) resolve(op string, kind graph.Kind, name string) (string, error) {
	if isForeign(name) {
		return name, nil
	}
	return a.external(op, graph.ID{Kind: kind, Name: name})
}

// isForeign tells whether a reference in a spec is an id or ARN of AWS, and no name in the graph.
func isForeign(name string) bool {
	return strings.HasPrefix(name, "arn:") || strings.HasPrefix(name, "sg-")
}

// known namer what the step knows of by its ARN or id.
func (a *applier) known() namer {
	known := make(namer, len(a.refs))
	for id, n := range a.refs {
		known[n.External] = id
	}
	return known
}

// refsOf returns what a spec refers to in its graph.
func refsOf(spec graph.Spec) []graph.ID {
	var refs []graph.ID
	add := func(kind graph.Kind, list ...string) {
		for _, name := range list {
			if id := (graph.ID{Kind: kind, Name: name}); name != "" && !isForeign(name) && !slices.Contains(refs, id) {
				refs = append(refs, id)
			}
		}
	}
	addAction := func(action Action) {
		if action.Forward != nil {
			for _, g := range action.Forward.TargetGroups {
				add(KindTargetGroup, g.TargetGroup)
			}
		}
	}
	switch s := spec.(type) {
	case *NodeAccess:
		add(KindSecurityGroup, s.Sources...)
	case *LoadBalancer:
		add(KindSecurityGroup, s.SecurityGroups...)
	case *Listener:
		for _, c := range s.Certificates {
			add(KindCertificate, c.Node)
		}
		if s.Clients != nil {
			add(KindTrustStore, s.Clients.TrustStore)
		}
		addAction(s.Default)
	case *Rule:
		addAction(s.Action)
	}
	return refs
}

// made is the node of what a step has just made: what was wanted, under the name that AWS gave it.
func made(want graph.Node, external string, spec graph.Spec) graph.Node {
	return graph.Node{ID: want.ID, Within: want.Within, Refs: want.Refs, Holds: want.Holds, External: external, Spec: spec}
}

// adopt takes a resource that is where ours should be for ours if it bears our mark and is as it was to be: an earlier create whose answer
// was lost. If it bears our mark and differs, what we know is old, and Observe will tell. Anybody else's is left alone. place says what
// it has taken.
func (a *applier) adopt(op, place string, want, n graph.Node) (graph.Node, error) {
	n.Within = want.Within
	tags := tagsIn(n.Spec)
	switch {
	case ownerOf(tags) == a.owner && n.ID == want.ID && want.Same(n):
		return n, nil
	case ownerOf(tags) == a.owner:
		return graph.Node{}, conflict(op, "%s is taken by what differs from what is wanted", place)
	case len(tags) == 0 && isNamed(want.ID.Kind):
		return graph.Node{}, untagged(op, place)
	default:
		return graph.Node{}, foreign(op, place)
	}
}

// isNamed tells whether resources of a kind have names in AWS. Nobody else gives one that begins as ours.
func isNamed(kind graph.Kind) bool {
	return kind == KindLoadBalancer || kind == KindTargetGroup || kind == KindSecurityGroup || kind == KindTrustStore
}

func foreign(op, place string) error {
	return invalid(op, "%s is taken by a resource that does not belong to this Gateway: delete it", place)
}

// untagged is the error for what has one of our names and no tags: AWS may tell of them a moment later than of the resource.
func untagged(op, place string) error {
	return conflict(op, "%s is taken by a resource without tags", place)
}

// mark returns the tags of any spec.
func (m Marked) mark() Marked { return m }

func tagsIn(spec graph.Spec) map[string]string {
	if m, ok := spec.(interface{ mark() Marked }); ok {
		return m.mark().Tags
	}
	return nil
}

// checkOwner holds that what AWS returned for a create, which it does too where there was such a resource before, is ours.
func (a *applier) checkOwner(ctx context.Context, op, name, arn string) error {
	tags, err := a.tagsOf(ctx, []string{arn})
	switch {
	case err != nil:
		return err
	case ownerOf(tags[arn]) == a.owner:
		return nil
	case len(tags[arn]) == 0:
		return untagged(op, "the name "+name)
	default:
		return foreign(op, "the name "+name)
	}
}

// unfinished is the error of a create that made the resource and could not finish it. What was made has to be observed: then the rest is an
// update, which says again what is wrong. What passes is tried again as it is.
func unfinished(err error) error {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case cloud.Invalid, cloud.Unsupported, cloud.Denied, cloud.Quota:
		return &cloud.Error{Kind: cloud.Conflict, Op: e.Op, Err: e.Err}
	case cloud.Unknown, cloud.Throttled, cloud.Unavailable, cloud.Conflict, cloud.NotFound:
	}
	return err
}

// retag makes the tags of a resource of elbv2 those that are wanted.
func (a *applier) retag(ctx context.Context, arn string, want, got map[string]string) error {
	set, remove := tagChanges(want, got)
	if len(set) > 0 {
		if _, err := call(ctx, a.elb.AddTags, &elb.AddTagsInput{ResourceArns: []string{arn}, Tags: elbTags(set)}); err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		if _, err := call(ctx, a.elb.RemoveTags, &elb.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: remove}); err != nil {
			return err
		}
	}
	return nil
}

// gotSpec returns what is known of a resource that is updated.
func gotSpec[T any](op string, got graph.Node) (*T, error) {
	spec, ok := any(got.Spec).(*T)
	if !ok {
		return nil, conflict(op, "its content is not known")
	}
	return spec, nil
}

// deletionProtected is the error for what AWS will not delete.
func deletionProtected(op string, err error) error {
	if !hasCode(err, codeNotPermitted) {
		return err
	}
	return &cloud.Error{Kind: cloud.Denied, Op: op, Err: errors.New(
		"deletion protection is on: set deletionProtection to false in the GatewayConfig, or turn it off in AWS, and it is deleted")}
}
