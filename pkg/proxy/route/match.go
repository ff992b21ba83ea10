package route

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

const (
	maxHost    = 253   // bytes: what DNS allows
	maxPattern = 4096  // bytes of a regular expression
	maxProgram = 2_000 // instructions it compiles to: matching costs time in proportion
)

// entry is a route made ready for matching.
type entry[V any] struct {
	Route[V]
	*particulars // nil where there are none, as most routes have it: what every lookup walks over stays small
}

// particulars are what has to be looked at after host, path and method.
type particulars struct {
	path    *regexp.Regexp // of a PathRegex
	headers []field
	query   []field
	all     []condition
}

type field struct {
	Field
	regex *regexp.Regexp // of a FieldRegex
}

// newEntry checks r. What was compiled for old, the route that r replaces (or nil), is used again where the match is the same.
func newEntry[V any](r Route[V], old *entry[V]) (*entry[V], error) {
	if old != nil && sameMatch(old.Match, r.Match) {
		return &entry[V]{Route: r, particulars: old.particulars}, nil
	}
	if err := checkHost(r.Match.Host); err != nil {
		return nil, err
	}
	p, err := newParticulars(&r.Match)
	if err != nil {
		return nil, err
	}
	return &entry[V]{Route: r, particulars: p}, nil
}

// newParticulars returns nil where there are none.
func newParticulars(m *Match) (*particulars, error) {
	var p particulars
	var err error
	if p.path, err = compilePath(m.Path); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if p.headers, err = compileFields(m.Headers); err != nil {
		return nil, fmt.Errorf("header %w", err)
	}
	if p.query, err = compileFields(m.Query); err != nil {
		return nil, fmt.Errorf("query parameter %w", err)
	}
	if p.all, err = compileConditions(m.All); err != nil {
		return nil, err
	}
	if p.path == nil && p.headers == nil && p.query == nil && p.all == nil {
		return nil, nil
	}
	return &p, nil
}

func sameMatch(a, b Match) bool {
	return a.Host == b.Host && a.Path == b.Path && a.Method == b.Method &&
		slices.Equal(a.Headers, b.Headers) && slices.Equal(a.Query, b.Query) && sameConditions(a.All, b.All)
}

func checkHost(host string) error {
	if len(host) > maxHost {
		return fmt.Errorf("host: %d bytes, at most %d are allowed", len(host), maxHost)
	}
	if rest, wild := strings.CutPrefix(host, "*"); strings.Contains(rest, "*") || wild && (len(rest) < 2 || rest[0] != '.') {
		return fmt.Errorf("host %q: a wildcard is the whole first label, before a dot and a name", host)
	}
	return nil
}

func compilePath(p Path) (*regexp.Regexp, error) {
	switch p.Kind {
	case PathAny, PathExact:
		return nil, nil
	case PathPrefix:
		if p.Value != "" && p.Value[0] != '/' {
			return nil, fmt.Errorf("prefix %q does not begin with a slash", p.Value)
		}
		return nil, nil
	case PathRegex:
		return compileRegex(p.Value)
	}
	return nil, fmt.Errorf("unknown kind %d", p.Kind)
}

func compileFields(fields []Field) ([]field, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	compiled := make([]field, len(fields))
	for i, f := range fields {
		compiled[i].Field = f
		switch f.Kind {
		case FieldExact:
		case FieldRegex:
			regex, err := compileRegex(f.Value)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", f.Name, err)
			}
			compiled[i].regex = regex
		default:
			return nil, fmt.Errorf("%q: unknown kind %d", f.Name, f.Kind)
		}
	}
	return compiled, nil
}

// CheckRegex says why pattern is no expression that a rule may have: it is no RE2, or too large to be matched with each request.
func CheckRegex(pattern string) error {
	if len(pattern) > maxPattern {
		return fmt.Errorf("regular expression of %d bytes, at most %d are allowed", len(pattern), maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return fmt.Errorf("regular expression: %w", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return fmt.Errorf("regular expression: %w", err)
	}
	if len(program.Inst) > maxProgram {
		return fmt.Errorf("regular expression too large: it compiles to %d instructions, at most %d are allowed", len(program.Inst), maxProgram)
	}
	return nil
}

// compileRegex returns pattern so that it matches whole values only.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	// It has to be valid by itself: one like "a)|(b" must not reach out of the group below.
	if err := CheckRegex(pattern); err != nil {
		return nil, err
	}
	regex, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	return regex, nil
}

// matches reports whether r meets what the index has not looked at already: host and path are known to match, a path regex apart.
func (e *entry[V]) matches(r Request) bool {
	if e.Match.Method != "" && e.Match.Method != r.Method() {
		return false
	}
	return e.particulars == nil || e.particulars.match(r)
}

func (p *particulars) match(r Request) bool {
	for i := range p.headers {
		if value, there := r.Header(p.headers[i].Name); !there || !p.headers[i].matches(value) {
			return false
		}
	}
	for i := range p.query {
		if value, there := r.Query(p.query[i].Name); !there || !p.query[i].matches(value) {
			return false
		}
	}
	for i := range p.all {
		if !p.all[i].holds(r) {
			return false
		}
	}
	return p.path == nil || p.path.MatchString(r.Path())
}

func (f *field) matches(value string) bool {
	if f.regex != nil {
		return f.regex.MatchString(value)
	}
	return f.Value == value
}
