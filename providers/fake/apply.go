package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// Apply implements cloud.Provider. A step is one call, with these exceptions: a pool changes its members by calls of their own, and a
// delete asks whether the resource is gone.
func (p *Provider) Apply(ctx context.Context, owner ir.Owner, step plan.Step) (graph.Node, error) {
	a := &applier{client: p.client, owner: owner.Key(), refs: step.Refs}
	id := step.ID()
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
		err = invalidRequest("Apply", fmt.Errorf("unknown operation %d", step.Op))
	}
	if err != nil {
		if lb, ok := step.Want.Spec.(*LoadBalancer); ok {
			err = addressRefused(err, lb.Addresses)
		}
		return graph.Node{}, on(id, err)
	}
	return n, nil
}

type applier struct {
	client *client
	owner  ir.OwnerKey
	refs   graph.Graph // what the node refers to and is within, as it is in the cloud
}

// collection is where the resources of a kind are, and what the API calls them.
type collection struct{ word, path string }

func collectionOf(kind graph.Kind) (collection, error) {
	switch kind {
	case KindLoadBalancer:
		return collection{"LoadBalancer", "/v1/loadbalancers"}, nil
	case KindListener:
		return collection{"Listener", "/v1/listeners"}, nil
	case KindRule:
		return collection{"Rule", "/v1/rules"}, nil
	case KindPool:
		return collection{"Pool", "/v1/pools"}, nil
	case KindCertificate:
		return collection{"Certificate", "/v1/certificates"}, nil
	}
	return collection{}, fmt.Errorf("the fake cloud has no %s", kind)
}

func (c collection) one(external string) string { return c.path + "/" + url.PathEscape(external) }

func (a *applier) create(ctx context.Context, want graph.Node) (graph.Node, error) {
	c, err := collectionOf(want.ID.Kind)
	if err != nil {
		return graph.Node{}, invalidRequest("Create", err)
	}
	op := "Create" + c.word
	path := c.path
	if want.Within != (graph.ID{}) {
		if path, err = a.withinPath(want); err != nil {
			return graph.Node{}, missing(op, err)
		}
	}
	body, err := a.createBody(want)
	if err != nil {
		return graph.Node{}, missing(op, err)
	}
	var answer json.RawMessage
	err = a.client.do(ctx, call{op: op, method: http.MethodPost, path: path, body: body}, &answer)
	if taken, ok := existing(err); ok {
		return a.adopt(op, want, taken)
	}
	if err != nil {
		return graph.Node{}, err
	}
	n, err := a.read(op, want, answer)
	if err != nil || want.ID.Kind != KindPool {
		return n, err
	}
	return a.members(ctx, want, n)
}

// withinPath is the collection inside the container.
func (a *applier) withinPath(want graph.Node) (string, error) {
	container, err := a.external(want.Within)
	if err != nil {
		return "", err
	}
	c, err := collectionOf(want.Within.Kind)
	if err != nil {
		return "", err
	}
	own, err := collectionOf(want.ID.Kind)
	if err != nil {
		return "", err
	}
	return c.one(container) + own.path[len("/v1"):], nil
}

func (a *applier) external(id graph.ID) (string, error) {
	n, ok := a.refs[id]
	if !ok || n.External == "" {
		return "", fmt.Errorf("%s is not there", id)
	}
	return n.External, nil
}

// missing is the error for a step whose references are not there: what is known of the cloud is not true any more.
func missing(op string, err error) error {
	return &cloud.Error{Kind: cloud.NotFound, Op: op, Err: err}
}

// adopt takes the resource that has our name for ours if it bears our mark and is as it was to be: an earlier create whose answer
// was lost. If it bears our mark and differs, what we know is old, and Observe will tell. Anybody else's is left alone.
func (a *applier) adopt(op string, want graph.Node, taken json.RawMessage) (graph.Node, error) {
	n, err := a.read(op, want, taken)
	if err != nil {
		return graph.Node{}, err
	}
	m, ok := markedOf(n.Spec)
	if !ok || ownerOf(m.Labels) != a.owner {
		return graph.Node{}, invalidRequest(op, fmt.Errorf(
			"the name %s is taken by a resource that does not belong to this Gateway: delete or rename it", m.name))
	}
	if n.Deleting || !want.Same(n) {
		return graph.Node{}, &cloud.Error{Kind: cloud.Conflict, Op: op, Err: errors.New("it exists already, and differs from what is wanted")}
	}
	return n, nil
}

func (a *applier) update(ctx context.Context, want, got graph.Node) (graph.Node, error) {
	c, err := collectionOf(want.ID.Kind)
	if err != nil {
		return graph.Node{}, invalidRequest("Update", err)
	}
	op := "Update" + c.word
	patch, err := a.patch(want, got)
	if err != nil {
		return graph.Node{}, missing(op, err)
	}
	n := got
	if len(patch) > 0 {
		m, _ := markedOf(got.Spec)
		var answer json.RawMessage
		request := call{op: op, method: http.MethodPatch, path: c.one(got.External), ifMatch: m.etag, body: patch}
		if err := a.client.do(ctx, request, &answer); err != nil {
			return graph.Node{}, err
		}
		if n, err = a.read(op, want, answer); err != nil {
			return graph.Node{}, err
		}
	}
	if want.ID.Kind == KindPool {
		return a.members(ctx, want, n)
	}
	return n, nil
}

// members makes the members of the pool n those of want.
func (a *applier) members(ctx context.Context, want, n graph.Node) (graph.Node, error) {
	w, okW := want.Spec.(*Pool)
	g, okG := n.Spec.(*Pool)
	if !okW || !okG {
		return graph.Node{}, invalidRequest("UpdateMembers", errors.New("it is not a pool"))
	}
	path := collection{path: "/v1/pools"}.one(n.External) + "/members"
	for _, body := range memberCalls(memberChanges(w.Members, g.Members)) {
		var answer json.RawMessage
		err := a.client.do(ctx, call{op: "UpdateMembers", method: http.MethodPost, path: path, body: body}, &answer)
		if err != nil {
			return graph.Node{}, err
		}
		if n, err = a.read("UpdateMembers", want, answer); err != nil {
			return graph.Node{}, err
		}
	}
	return n, nil
}

// delete asks once whether the resource is gone, because the answer to a delete does not say: what waits for it could otherwise
// only go on in another pass.
func (a *applier) delete(ctx context.Context, got graph.Node) (graph.Node, error) {
	c, err := collectionOf(got.ID.Kind)
	if err != nil {
		return graph.Node{}, invalidRequest("Delete", err)
	}
	err = a.client.do(ctx, call{op: "Delete" + c.word, method: http.MethodDelete, path: c.one(got.External)}, nil)
	if err == nil {
		err = a.client.do(ctx, call{op: "Get" + c.word, method: http.MethodGet, path: c.one(got.External)}, nil)
	}
	if cloud.KindOf(err) == cloud.NotFound {
		return graph.Node{}, nil
	}
	if err != nil {
		return graph.Node{}, err
	}
	return leaving(got), nil
}

// read decodes the cloud's answer about want.
func (a *applier) read(op string, want graph.Node, answer json.RawMessage) (graph.Node, error) {
	known := make(names)
	for id, n := range a.refs {
		known[n.External] = id
	}
	var n graph.Node
	var err error
	switch want.ID.Kind {
	case KindLoadBalancer:
		n, err = decode(answer, func(r loadBalancerAnswer) graph.Node { return r.observed() })
	case KindListener:
		n, err = decode(answer, func(r listenerAnswer) graph.Node { return r.observed(known) })
	case KindRule:
		n, err = decode(answer, func(r ruleAnswer) graph.Node { return r.observed(known) })
	case KindPool:
		n, err = decode(answer, func(r poolAnswer) graph.Node { return r.observed(known) })
	case KindCertificate:
		n, err = decode(answer, func(r certificateAnswer) graph.Node { return r.observed() })
	default:
		err = fmt.Errorf("the fake cloud has no %s", want.ID.Kind)
	}
	if err == nil && n.External == "" {
		err = errors.New("a resource without an id")
	}
	if err != nil {
		return graph.Node{}, badAnswer(op, err)
	}
	return n, nil
}

func decode[T any](raw json.RawMessage, node func(T) graph.Node) (graph.Node, error) {
	var answer T
	if err := json.Unmarshal(raw, &answer); err != nil {
		return graph.Node{}, err
	}
	return node(answer), nil
}
