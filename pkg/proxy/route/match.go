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
		return &entry[V]{Route: r, path: old.path, headers: old.headers, query: old.query, all: old.all}, nil
	}
	if err := checkHost(r.Match.Host); err != nil {
		return nil, err
	}
	e := &entry[V]{Route: r}
	var err error
	if e.path, err = compilePath(r.Match.Path); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if e.headers, err = compileFields(r.Match.Headers); err != nil {
		return nil, fmt.Errorf("header %w", err)
	}
	if e.query, err = compileFields(r.Match.Query); err != nil {
		return nil, fmt.Errorf("query parameter %w", err)
	}
	if e.all, err = compileConditions(r.Match.All); err != nil {
		return nil, err
	}
	return e, nil
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
	for i := range e.headers {
		if value, there := r.Header(e.headers[i].Name); !there || !e.headers[i].matches(value) {
			return false
		}
	}
	for i := range e.query {
		if value, there := r.Query(e.query[i].Name); !there || !e.query[i].matches(value) {
			return false
		}
	}
	for i := range e.all {
		if !e.all[i].holds(r) {
			return false
		}
	}
	return e.path == nil || e.path.MatchString(r.Path())
}

func (f *field) matches(value string) bool {
	if f.regex != nil {
		return f.regex.MatchString(value)
	}
	return f.Value == value
}
