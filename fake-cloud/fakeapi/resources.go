package fakeapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// resource is how one kind of resource is created, read and changed: In is what clients send, T what the world keeps.
type resource[In, T any] struct {
	one, many  string // of operation names: "Rule", "Rules"
	path       string // of single ones: "/v1/rules"
	in         string // the path of the containers; empty for the account
	get        func(id string) (T, error)
	list       func(world.Query) (world.Page[T], error)
	create     func(in string, w In) (T, error)
	update     func(id string, revision uint64, w In) (T, error)
	remove     func(id string, revision uint64) (T, error)
	input      func(T) In // what a patch applies to
	meta       func(T) world.Meta
	check      func(*checker, In)
	patchable  func(*checker, In) // more that holds for a patch; may be nil
	collection string             // the last part of the path within a container
}

// tries is how often a patch without If-Match is applied again when another was faster.
const tries = 20

func operationsOf[In, T any](a *API, k resource[In, T]) []op {
	single := k.path + "/{id}"
	within := k.path
	if k.in != "" {
		within = k.in + "/{id}/" + k.collection
	}
	ops := []op{
		{"Create" + k.one, http.MethodPost, within, classWrite, true, func(r *http.Request) (*answer, error) { return createOne(a, k, r) }},
		{"List" + k.many, http.MethodGet, within, classRead, false, func(r *http.Request) (*answer, error) { return listMany(a, k, r) }},
		{"Get" + k.one, http.MethodGet, single, classRead, false, func(r *http.Request) (*answer, error) { return getOne(a, k, r) }},
		{"Update" + k.one, http.MethodPatch, single, classWrite, true, func(r *http.Request) (*answer, error) { return updateOne(a, k, r) }},
		{"Delete" + k.one, http.MethodDelete, single, classWrite, true, func(r *http.Request) (*answer, error) { return deleteOne(a, k, r) }},
	}
	if k.in != "" {
		ops = append(ops, op{"List" + k.many, http.MethodGet, k.path, classRead, false, ops[1].handle})
	}
	return ops
}

func createOne[In, T any](a *API, k resource[In, T], r *http.Request) (*answer, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	var w In
	if err := decode(raw, &w); err != nil {
		return nil, err
	}
	var c checker
	k.check(&c, w)
	if err := c.err(); err != nil {
		return nil, err
	}
	made, err := k.create(r.PathValue("id"), w)
	if err != nil {
		return nil, err
	}
	got := shown(a, k, http.StatusCreated, made)
	got.header = http.Header{"Location": {k.path + "/" + k.meta(made).ID}}
	return got, nil
}

func shown[In, T any](a *API, k resource[In, T], status int, v T) *answer {
	return &answer{status: status, body: a.show(v), etag: etag(k.meta(v))}
}

func getOne[In, T any](a *API, k resource[In, T], r *http.Request) (*answer, error) {
	v, err := k.get(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return shown(a, k, http.StatusOK, v), nil
}

func listMany[In, T any](a *API, k resource[In, T], r *http.Request) (*answer, error) {
	q, err := query(r)
	if err != nil {
		return nil, err
	}
	got, err := k.list(q)
	if err != nil {
		return nil, err
	}
	items := make([]any, 0, len(got.Items))
	for _, v := range got.Items {
		items = append(items, a.show(v))
	}
	return &answer{status: http.StatusOK, body: page{items, got.Next}}, nil
}

func updateOne[In, T any](a *API, k resource[In, T], r *http.Request) (*answer, error) {
	patch, err := body(r)
	if err != nil {
		return nil, err
	}
	ifMatch := r.Header.Get("If-Match")
	for try := 1; ; try++ {
		old, err := k.get(r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		if err := unchanged(ifMatch, k.meta(old)); err != nil {
			return nil, err
		}
		w, err := patched(k, old, patch)
		if err != nil {
			return nil, err
		}
		next, err := k.update(k.meta(old).ID, k.meta(old).Revision, w)
		if world.CodeOf(err) == world.PreconditionFailed && ifMatch == "" && try < tries {
			continue // another change came between reading and writing, and this client does not mind
		}
		if err != nil {
			return nil, err
		}
		return shown(a, k, http.StatusOK, next), nil
	}
}

func patched[In, T any](k resource[In, T], old T, patch []byte) (In, error) {
	var w In
	merged, err := mergePatch(k.input(old), patch)
	if err != nil {
		return w, err
	}
	if err := decode(merged, &w); err != nil {
		return w, err
	}
	var c checker
	if k.patchable != nil {
		k.patchable(&c, w)
	}
	k.check(&c, w)
	return w, c.err()
}

func deleteOne[In, T any](a *API, k resource[In, T], r *http.Request) (*answer, error) {
	old, err := k.get(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var revision uint64
	if ifMatch := r.Header.Get("If-Match"); ifMatch != "" {
		if err := unchanged(ifMatch, k.meta(old)); err != nil {
			return nil, err
		}
		revision = k.meta(old).Revision
	}
	gone, err := k.remove(k.meta(old).ID, revision)
	if err != nil {
		return nil, err
	}
	return shown(a, k, http.StatusAccepted, gone), nil
}

func unchanged(ifMatch string, m world.Meta) error {
	if ifMatch == "" || matches(ifMatch, m) {
		return nil
	}
	return &world.Error{Code: world.PreconditionFailed, Message: fmt.Sprintf("%s was changed: its etag is %q now", m.ID, etag(m))}
}

// Page sizes.
const (
	defaultPage = 100
	maxPage     = 500
)

func query(r *http.Request) (world.Query, error) {
	q := world.Query{In: r.PathValue("id"), Labels: map[string]string{}, Size: defaultPage}
	for name, values := range r.URL.Query() {
		if name != "label" && len(values) > 1 {
			return q, badRequest(name + ": it can be given once")
		}
		switch name {
		case "label":
			for _, v := range values {
				key, value, ok := strings.Cut(v, "=")
				if !ok || key == "" {
					return q, badRequest(fmt.Sprintf("label: %q is not key=value", v))
				}
				if other, ok := q.Labels[key]; ok && other != value {
					return q, badRequest(fmt.Sprintf("label: %q cannot have two values", key))
				}
				q.Labels[key] = value
			}
		case "pageSize":
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 || n > maxPage {
				return q, badRequest(fmt.Sprintf("pageSize: %q is not a number from 1 to %d", values[0], maxPage))
			}
			q.Size = n
		case "pageToken":
			q.Token = values[0]
		default:
			return q, badRequest(fmt.Sprintf("there is no parameter %q: label, pageSize, pageToken", name))
		}
	}
	return q, nil
}

func (a *API) updateMembers(r *http.Request) (*answer, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	var w membersInput
	if err := decode(raw, &w); err != nil {
		return nil, err
	}
	var c checker
	add := c.members("add", w.Add)
	remove := c.memberRefs("remove", w.Remove)
	if len(w.Add)+len(w.Remove) > maxMembersPerCall {
		c.say("add, remove", "at most %d members in one call", maxMembersPerCall)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	var revision uint64
	if ifMatch := r.Header.Get("If-Match"); ifMatch != "" {
		old, err := a.world.Pool(id)
		if err != nil {
			return nil, err
		}
		if err := unchanged(ifMatch, old.Meta); err != nil {
			return nil, err
		}
		revision = old.Revision
	}
	next, err := a.world.UpdateMembers(id, revision, add, remove)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: a.show(next), etag: etag(next.Meta)}, nil
}

func (a *API) listMembers(r *http.Request) (*answer, error) {
	p, err := a.world.Pool(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var health map[netip.AddrPort]MemberHealth
	if a.cfg.Health != nil {
		health = a.cfg.Health(p.ID)
	}
	items := make([]memberStatus, 0, len(p.Members))
	for _, m := range p.Members {
		h := health[m.AddrPort()]
		switch {
		case m.Draining:
			h = MemberHealth{State: "draining"}
		case h.State == "":
			h.State = "initial"
		}
		items = append(items, memberStatus{m, h.State, h.Reason})
	}
	return &answer{status: http.StatusOK, body: page{Items: items}}, nil
}
