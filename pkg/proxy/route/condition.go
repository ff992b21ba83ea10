package route

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

// Detailed is a Request that says what conditions beyond the first match ask for. Without it a field's values are compared joined, and
// conditions on the query or on the source never hold.
type Detailed interface {
	Request
	// HeaderAt returns the value of the first field with the name (lower case) from at on, and from where to go on; next is 0 when there is none.
	HeaderAt(name string, at int) (value string, next int)
	// QueryAt returns the first parameter from at on, decoded, and from where to go on; next is 0 when there is none. The strings are valid
	// until the next call.
	QueryAt(at int) (key, value string, next int)
	Source() netip.Addr
}

// condition is a Condition made ready for matching.
type condition struct {
	*Condition
	values []pattern
}

type pattern struct {
	*Pattern
	regex *regexp.Regexp // of a PatternRegex
	key   *regexp.Regexp // of a PatternRegex with a Key
}

func compileConditions(all []Condition) ([]condition, error) {
	if len(all) == 0 {
		return nil, nil
	}
	compiled := make([]condition, len(all))
	for i := range all {
		var err error
		if compiled[i], err = compileCondition(&all[i]); err != nil {
			return nil, fmt.Errorf("condition %d: %w", i+1, err)
		}
	}
	return compiled, nil
}

func compileCondition(c *Condition) (condition, error) {
	compiled := condition{Condition: c, values: make([]pattern, len(c.Values))}
	switch {
	case c.Subject < SubjectHost || c.Subject > SubjectSource:
		return compiled, fmt.Errorf("unknown subject %d", c.Subject)
	case c.Subject == SubjectHeader && c.Name == "":
		return compiled, errors.New("a field without a name")
	}
	for i := range c.Values {
		var err error
		if compiled.values[i], err = compilePattern(&c.Values[i]); err != nil {
			return compiled, fmt.Errorf("value %d: %w", i+1, err)
		}
	}
	return compiled, nil
}

func compilePattern(p *Pattern) (pattern, error) {
	compiled := pattern{Pattern: p}
	switch p.Kind {
	case PatternGlob:
		if len(p.Value) > maxPattern || p.Key != nil && len(*p.Key) > maxPattern {
			return compiled, fmt.Errorf("a pattern longer than %d bytes", maxPattern)
		}
		return compiled, nil
	case PatternRegex:
		var err error
		if compiled.regex, err = compileRegex(p.Value); err == nil && p.Key != nil {
			compiled.key, err = compileRegex(*p.Key)
		}
		return compiled, err
	}
	return compiled, fmt.Errorf("unknown kind %d", p.Kind)
}

// holds reports whether one of the alternatives does.
func (c *condition) holds(r Request) bool {
	switch c.Subject {
	case SubjectHost:
		return c.matches(r.Host())
	case SubjectPath:
		return c.matches(r.Path())
	case SubjectMethod:
		return c.matches(r.Method())
	case SubjectHeader:
		return c.holdsForHeader(r)
	case SubjectQuery:
		return c.holdsForQuery(r)
	case SubjectSource:
		return c.holdsForSource(r)
	}
	return false
}

func (c *condition) matches(value string) bool {
	for i := range c.values {
		if c.values[i].matches(value) {
			return true
		}
	}
	return false
}

func (c *condition) holdsForHeader(r Request) bool {
	d, ok := r.(Detailed)
	if !ok {
		value, there := r.Header(c.Name)
		return there && c.matches(value)
	}
	for at := 0; ; {
		value, next := d.HeaderAt(c.Name, at)
		if next == 0 {
			return false
		}
		if c.matches(value) {
			return true
		}
		at = next
	}
}

func (c *condition) holdsForQuery(r Request) bool {
	d, ok := r.(Detailed)
	if !ok {
		return false
	}
	for at := 0; ; {
		key, value, next := d.QueryAt(at)
		if next == 0 {
			return false
		}
		for i := range c.values {
			if c.values[i].matchesKey(key) && c.values[i].matches(value) {
				return true
			}
		}
		at = next
	}
}

func (c *condition) holdsForSource(r Request) bool {
	d, ok := r.(Detailed)
	if !ok {
		return false
	}
	source := d.Source().Unmap().WithZone("")
	return slices.ContainsFunc(c.Sources, func(p netip.Prefix) bool { return p.Contains(source) })
}

func (p *pattern) matches(value string) bool {
	if p.regex != nil {
		return p.regex.MatchString(value)
	}
	return glob(p.Value, value, p.Fold)
}

func (p *pattern) matchesKey(key string) bool {
	switch {
	case p.Key == nil:
		return true
	case p.key != nil:
		return p.key.MatchString(key)
	}
	return glob(*p.Key, key, p.Fold)
}

// glob reports whether pattern matches all of s. A star that has to give way gives one byte more than before, and only the last
// one ever has to: that takes time in proportion to the product of the lengths at worst.
func glob(pattern, s string, fold bool) bool {
	p, i := 0, 0
	star, from := -1, 0 // the last star's place in pattern, and where in s what follows it was tried
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, i
			if p++; p == len(pattern) {
				return true
			}
			continue
		}
		if n := globByte(pattern[p:], s[i], fold); n > 0 {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globByte returns how much of pattern, which does not begin with a star, matches the byte c; 0 when nothing does.
func globByte(pattern string, c byte, fold bool) int {
	if pattern == "" {
		return 0
	}
	want, n := pattern[0], 1
	switch {
	case want == '?':
		return 1
	case want == '\\' && len(pattern) > 1:
		want, n = pattern[1], 2
	}
	if want == c || fold && lower(want) == lower(c) {
		return n
	}
	return 0
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func sameConditions(a, b []Condition) bool {
	return slices.EqualFunc(a, b, func(a, b Condition) bool {
		return a.Subject == b.Subject && a.Name == b.Name && slices.Equal(a.Sources, b.Sources) && slices.EqualFunc(a.Values, b.Values, samePattern)
	})
}

func samePattern(a, b Pattern) bool {
	if (a.Key == nil) != (b.Key == nil) || a.Key != nil && *a.Key != *b.Key {
		return false
	}
	return a.Kind == b.Kind && a.Fold == b.Fold && a.Value == b.Value
}
