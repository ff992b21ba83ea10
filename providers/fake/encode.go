package fake

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/explain"
)

// createBody is the JSON that creates want. Only this function writes a private key, and only into a request.
func (a *applier) createBody(want graph.Node) (map[string]any, error) {
	body, err := a.encode(want.Spec, a.external)
	if err != nil {
		return nil, err
	}
	m, ok := markedOf(want.Spec)
	if !ok {
		return nil, errors.New("its content is not of the fake cloud")
	}
	body["name"] = m.name
	switch spec := want.Spec.(type) {
	case *Certificate:
		body["chainPEM"] = spec.Chain
		body["keyPEM"] = string(spec.Key)
	case *Pool:
		if len(spec.Members) > 0 {
			body["members"] = spec.Members[:min(len(spec.Members), mostMembers)]
		}
	}
	return body, nil
}

// patch is the JSON merge patch that makes got what is wanted; empty when nothing is to be done by one.
func (a *applier) patch(want, got graph.Node) (map[string]any, error) {
	w, err := a.encode(want.Spec, a.external)
	if err != nil {
		return nil, err
	}
	// What got refers to may be gone or not ours. It only has to differ from what is wanted.
	g, err := a.encode(got.Spec, func(id graph.ID) (string, error) {
		if external, err := a.external(id); err == nil {
			return external, nil
		}
		return "unknown " + id.Name, nil
	})
	if err != nil {
		return nil, err
	}
	return mergePatch(g, w), nil
}

// encode returns a spec as the API's JSON, with ids in place of names, without what only creation takes.
func (a *applier) encode(spec graph.Spec, external func(graph.ID) (string, error)) (map[string]any, error) {
	var wire any
	var err error
	switch s := spec.(type) {
	case *LoadBalancer:
		wire = s
	case *Listener:
		wire, err = s.wire(external)
	case *Rule:
		wire, err = s.wire(external)
	case *Pool:
		wire, err = s.wire(external)
	case *Certificate:
		wire = s.content()
	default:
		err = fmt.Errorf("%T is not of the fake cloud", spec)
	}
	if err != nil {
		return nil, err
	}
	tree, err := explain.Tree(wire)
	if err != nil {
		return nil, err
	}
	body, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is not an object", spec)
	}
	return body, nil
}

func (w *Listener) wire(external func(graph.ID) (string, error)) (*Listener, error) {
	out := *w
	out.Servers = slices.Clone(w.Servers)
	for i, s := range out.Servers {
		ids := make([]string, 0, len(s.Certificates))
		for _, name := range s.Certificates {
			id, err := external(graph.ID{Kind: KindCertificate, Name: name})
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		out.Servers[i].Certificates = ids
	}
	return &out, nil
}

func (w *Rule) wire(external func(graph.ID) (string, error)) (*Rule, error) {
	out := *w
	if w.Action.Forward == nil {
		return &out, nil
	}
	f := *w.Action.Forward
	f.Backends = slices.Clone(f.Backends)
	for i, b := range f.Backends {
		if b.Pool == "" {
			continue
		}
		id, err := external(poolID(b.Pool))
		if err != nil {
			return nil, err
		}
		f.Backends[i].Pool = id
	}
	f.Mirrors = slices.Clone(f.Mirrors)
	for i, m := range f.Mirrors {
		id, err := external(poolID(m.Pool))
		if err != nil {
			return nil, err
		}
		f.Mirrors[i].Pool = id
	}
	out.Action.Forward = &f
	return &out, nil
}

func (w *Pool) wire(external func(graph.ID) (string, error)) (*Pool, error) {
	out := w.config()
	if w.TLS == nil || w.TLS.Certificate == "" {
		return out, nil
	}
	id, err := external(graph.ID{Kind: KindCertificate, Name: w.TLS.Certificate})
	if err != nil {
		return nil, err
	}
	t := *w.TLS
	t.Certificate = id
	out.TLS = &t
	return out, nil
}

// mergePatch returns the RFC 7396 patch from one object to another. Lists are replaced as a whole.
func mergePatch(from, to map[string]any) map[string]any {
	patch := make(map[string]any)
	for key := range maps.Keys(from) {
		if _, stays := to[key]; !stays {
			patch[key] = nil
		}
	}
	for key, want := range to {
		got, had := from[key]
		wantObject, isObject := want.(map[string]any)
		gotObject, wasObject := got.(map[string]any)
		switch {
		case had && isObject && wasObject:
			if inner := mergePatch(gotObject, wantObject); len(inner) > 0 {
				patch[key] = inner
			}
		case !had || !reflect.DeepEqual(got, want):
			patch[key] = want
		}
	}
	return patch
}

// markedOf returns the mark of any spec of this package.
func markedOf(spec graph.Spec) (Marked, bool) {
	switch s := spec.(type) {
	case *LoadBalancer:
		return s.Marked, true
	case *Listener:
		return s.Marked, true
	case *Rule:
		return s.Marked, true
	case *Pool:
		return s.Marked, true
	case *Certificate:
		return s.Marked, true
	default:
		return Marked{}, false
	}
}
