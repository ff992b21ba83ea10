package route

import "strings"

// paths indexes the routes of one host by path.
type paths[V any] struct {
	owner *owner
	exact hamt[list[V]]
	root  segment[V] // its routes match every path
	regex list[V]
}

// segment is a node of the tree of prefixes: one segment of a path below another.
type segment[V any] struct {
	owner  *owner
	routes list[V] // whose prefix ends here
	below  hamt[*segment[V]]
}

func (p *paths[V]) mine(by *owner) *paths[V] {
	switch {
	case p == nil:
		return &paths[V]{owner: by}
	case p.owner == by:
		return p
	}
	copied := *p
	copied.owner = by
	return &copied
}

func (p *paths[V]) empty() bool {
	return p.exact.size == 0 && p.root.empty() && p.regex.empty()
}

func (s *segment[V]) empty() bool { return s.routes.empty() && s.below.size == 0 }

// prefixOf returns what a prefix comes to: without a last slash, hence empty for one that every path has.
func prefixOf(p Path) string {
	if p.Kind == PathPrefix {
		return strings.TrimSuffix(p.Value, "/")
	}
	return ""
}

// insert adds e to p, which by has made.
func (p *paths[V]) insert(by *owner, e *entry[V]) {
	switch e.Match.Path.Kind {
	case PathExact:
		l, _ := p.exact.get(e.Match.Path.Value, hash(e.Match.Path.Value))
		l.insert(by, e)
		p.exact.set(by, e.Match.Path.Value, l)
	case PathRegex:
		p.regex.insert(by, e)
	case PathAny, PathPrefix:
		p.root.insert(by, prefixOf(e.Match.Path), e)
	}
}

// delete removes e from p, which by has made.
func (p *paths[V]) delete(by *owner, e *entry[V]) {
	switch e.Match.Path.Kind {
	case PathExact:
		l, _ := p.exact.get(e.Match.Path.Value, hash(e.Match.Path.Value))
		l.delete(by, e.Rank)
		if l.empty() {
			p.exact.delete(by, e.Match.Path.Value)
		} else {
			p.exact.set(by, e.Match.Path.Value, l)
		}
	case PathRegex:
		p.regex.delete(by, e.Rank)
	case PathAny, PathPrefix:
		p.root.delete(by, prefixOf(e.Match.Path), e)
	}
}

// better returns the route of p that matches r and ranks before best, or best.
func (p *paths[V]) better(best *entry[V], r Request, path string, hashed uint64) *entry[V] {
	if p.exact.size > 0 {
		if l, found := p.exact.get(path, hashed); found {
			best = l.better(best, r)
		}
	}
	s := &p.root
	best = s.routes.better(best, r)
	if len(path) > 0 && path[0] == '/' {
		for rest, more := path[1:], true; more && s.below.size > 0; {
			var name string
			name, rest, more = strings.Cut(rest, "/")
			below, found := s.below.get(name, hash(name))
			if !found {
				break
			}
			s = below
			best = s.routes.better(best, r)
		}
	}
	return p.regex.better(best, r)
}

func (s *segment[V]) mine(by *owner) *segment[V] {
	switch {
	case s == nil:
		return &segment[V]{owner: by}
	case s.owner == by:
		return s
	}
	copied := *s
	copied.owner = by
	return &copied
}

// insert adds e below s, which by has made; prefix is what of e's prefix is left: nothing, or a slash and segments.
func (s *segment[V]) insert(by *owner, prefix string, e *entry[V]) {
	for prefix != "" {
		var name string
		name, prefix = cutSegment(prefix)
		below, _ := s.below.get(name, hash(name))
		below = below.mine(by)
		s.below.set(by, name, below)
		s = below
	}
	s.routes.insert(by, e)
}

func (s *segment[V]) delete(by *owner, prefix string, e *entry[V]) {
	if prefix == "" {
		s.routes.delete(by, e.Rank)
		return
	}
	name, prefix := cutSegment(prefix)
	below, _ := s.below.get(name, hash(name))
	below = below.mine(by)
	below.delete(by, prefix, e)
	if below.empty() {
		s.below.delete(by, name)
	} else {
		s.below.set(by, name, below)
	}
}

// cutSegment returns the first segment of prefix, which begins with a slash, and what follows, which is empty or begins with one.
func cutSegment(prefix string) (name, rest string) {
	prefix = prefix[1:]
	if i := strings.IndexByte(prefix, '/'); i >= 0 {
		return prefix[:i], prefix[i:]
	}
	return prefix, ""
}
