package fake

import (
	"fmt"
	"unicode/utf8"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// ruleMatch refuses what JSON would not carry unchanged: a rank is compared byte by byte on the far side.
func ruleMatch(r ir.Rule) (Match, error) {
	if !utf8.ValidString(r.Rank) {
		return Match{}, fmt.Errorf("the rank %q is not UTF-8", r.Rank)
	}
	return Match{
		Rank:     r.Rank,
		Hostname: r.Match.Hostname,
		Path:     pathMatch(r.Match.Path),
		Method:   r.Match.Method,
		Headers:  fields(r.Match.Headers),
		Query:    fields(r.Match.Query),
	}, nil
}

func pathMatch(m ir.PathMatch) *Path {
	switch m.Kind {
	case ir.PathExact:
		return &Path{Type: "Exact", Value: m.Value}
	case ir.PathPrefix:
		return &Path{Type: "Prefix", Value: m.Value}
	case ir.PathRegex:
		return &Path{Type: "Regex", Value: m.Value}
	case ir.PathAny:
	}
	return nil
}

func fields(list []ir.FieldMatch) []Field {
	var out []Field
	for _, f := range list {
		kind := "Exact"
		if f.Kind == ir.FieldRegex {
			kind = "Regex"
		}
		out = append(out, Field{Name: f.Name, Type: kind, Value: f.Value})
	}
	return out
}

// ruleAction returns the action and the pools that it names.
func ruleAction(a ir.Action) (Action, []graph.ID) {
	switch a := a.(type) {
	case *ir.Forward:
		return forward(a)
	case *ir.Redirect:
		return Action{Redirect: &Redirect{
			Scheme:          a.Scheme,
			Hostname:        a.Hostname,
			Path:            pathEdit(a.Path),
			Port:            a.Port,
			Status:          a.Status,
			ResponseHeaders: headerEdit(a.ResponseHeaders),
		}}, nil
	case *ir.Respond:
		return Action{Respond: &Respond{Status: a.Status, ResponseHeaders: headerEdit(a.ResponseHeaders)}}, nil
	}
	return Action{}, nil
}

func forward(f *ir.Forward) (Action, []graph.ID) {
	out := &Forward{
		RequestHeaders:  headerEdit(f.RequestHeaders),
		ResponseHeaders: headerEdit(f.ResponseHeaders),
		RequestTimeout:  Duration(f.Timeouts.Request),
		BackendTimeout:  Duration(f.Timeouts.Backend),
	}
	if f.Rewrite != nil {
		out.RewriteHost, out.RewritePath = f.Rewrite.Hostname, pathEdit(f.Rewrite.Path)
	}
	out.Retry, out.Session = retry(f.Retry), session(f.Session)
	var refs []graph.ID
	for _, b := range f.Backends {
		out.Backends = append(out.Backends, Backend{
			Weight:          b.Weight,
			Pool:            b.Pool,
			Status:          b.Status,
			RequestHeaders:  headerEdit(b.RequestHeaders),
			ResponseHeaders: headerEdit(b.ResponseHeaders),
		})
		if b.Pool != "" {
			refs = appendOnce(refs, poolID(b.Pool))
		}
	}
	for _, m := range f.Mirrors {
		out.Mirrors = append(out.Mirrors, Mirror(m))
		refs = appendOnce(refs, poolID(m.Pool))
	}
	return Action{Forward: out}, refs
}

func pathEdit(e *ir.PathEdit) *PathEdit {
	if e == nil {
		return nil
	}
	if e.Kind == ir.ReplacePrefixMatch {
		return &PathEdit{Type: "Prefix", Value: e.Value}
	}
	return &PathEdit{Type: "Full", Value: e.Value}
}

func headerEdit(e ir.HeaderEdit) *HeaderEdit {
	if len(e.Set)+len(e.Add)+len(e.Remove) == 0 {
		return nil
	}
	out := &HeaderEdit{}
	for _, h := range e.Set {
		out.Set = append(out.Set, Header(h))
	}
	for _, h := range e.Add {
		out.Add = append(out.Add, Header(h))
	}
	out.Remove = append(out.Remove, e.Remove...)
	return out
}
