package aws

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// lowering lowers the rules of one server of a listener.
type lowering struct {
	*compiler
	secure bool // the listener speaks HTTPS
	server *ir.Server
}

// atom is one rule of the IR in the words of an Application Load Balancer, before rules are merged.
type atom struct {
	source      ir.Source
	rank        string
	since       int64    // when its route was made
	match       ir.Match // with the hostname that the request has to have, the server's too
	path        pathValues
	rest        []Condition // headers, query
	action      Action      // target groups are not named yet
	pools       []poolShare // of a forward
	hostRewrite *Rewrite
	urlRewrite  *Rewrite
	outcome     string // equal for atoms that do the same
}

// pathValues are what the path has to match one of: patterns, or expressions.
type pathValues struct {
	values []string
	regex  bool
}

// verdict collects what speaks against one rule.
type verdict struct {
	refusals    []cloud.Refusal
	differences []string
}

func (v *verdict) refuse(kind cloud.Kind, format string, args ...any) {
	v.refusals = append(v.refusals, cloud.Refusal{Kind: kind, Text: fmt.Sprintf(format, args...)})
}

func (v *verdict) differ(text string) { v.differences = append(v.differences, text) }

// atoms lowers the rules in their order and leaves out those that are refused.
func (l lowering) atoms() []atom {
	atoms := make([]atom, 0, len(l.server.Rules))
	for i := range l.server.Rules {
		if a, ok := l.atom(&l.server.Rules[i]); ok {
			atoms = append(atoms, a)
		}
	}
	return atoms
}

func (l lowering) atom(r *ir.Rule) (atom, bool) {
	var v verdict
	a := atom{source: r.Source, rank: r.Rank, since: r.Since, match: r.Match}
	if a.match.Hostname == "" {
		a.match.Hostname = l.server.Hostname
	}
	if len(a.match.Hostname) > longestMatchValue {
		v.refuse(cloud.Unsupported, "the hostname %s has more than the %d characters that a rule can compare", a.match.Hostname, longestMatchValue)
	}
	a.path = v.path(a.match.Path)
	a.rest = v.rest(&a.match)
	if r.CORS != nil {
		v.refuse(cloud.Unsupported, "an Application Load Balancer has no CORS policy of a rule")
	}
	l.act(&v, r, &a)
	a.fit(&v)
	a.outcome = a.outcomeOf()
	return a, l.judge(r.Source, v)
}

// judge refuses what speaks against a rule, and tells whether the rule is made.
func (l lowering) judge(source ir.Source, v verdict) bool {
	for _, r := range v.refusals {
		l.refuse(source, r.Kind, r.Text)
	}
	for _, text := range v.differences {
		if !l.want.Approximate {
			l.refuse(source, cloud.Unsupported, text+", and its class does not allow that")
		} else if len(v.refusals) == 0 {
			l.differ(source, text)
		}
	}
	return len(v.refusals) == 0 && (l.want.Approximate || len(v.differences) == 0)
}

// plainPath are the characters that a path pattern can have and that stand for themselves.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_\-.$/~"'@:+]*$`)

// path lowers a condition on the path. Patterns are used where they say the same, expressions where a character is a wildcard or unknown to
// patterns. The zero value is any path.
func (v *verdict) path(m ir.PathMatch) pathValues {
	switch m.Kind {
	case ir.PathAny:
		return pathValues{}
	case ir.PathExact:
		if plainPath.MatchString(m.Value) {
			return v.bounded(pathValues{values: []string{m.Value}})
		}
		return v.bounded(pathValues{values: []string{"^" + regexp.QuoteMeta(m.Value) + "$"}, regex: true})
	case ir.PathPrefix:
		prefix := strings.TrimSuffix(m.Value, "/")
		switch {
		case prefix == "":
			return pathValues{}
		case plainPath.MatchString(prefix):
			return v.bounded(pathValues{values: []string{prefix, prefix + "/*"}})
		}
		return v.bounded(prefixExpression(prefix))
	case ir.PathRegex:
		return v.expression(m.Value)
	}
	v.refuse(cloud.Unsupported, "its path is compared in a way that is not known")
	return pathValues{}
}

// prefixExpression says in one value what takes two as patterns.
func prefixExpression(prefix string) pathValues {
	return pathValues{values: []string{"^" + regexp.QuoteMeta(prefix) + "(/.*)?$"}, regex: true}
}

// expression takes an expression over as it is: what AWS leaves out of its own, RE2 has not either, but for classes of Unicode.
func (v *verdict) expression(text string) pathValues {
	if unknownToAWS.MatchString(text) {
		v.refuse(cloud.Unsupported, "Application Load Balancers have no classes of Unicode in regular expressions (%s)", text)
	}
	return v.bounded(pathValues{values: []string{anchored(text)}, regex: true})
}

func anchored(text string) string { return "^(?:" + text + ")$" }

var unknownToAWS = regexp.MustCompile(`\\[pP]`)

func (v *verdict) bounded(p pathValues) pathValues {
	for _, value := range p.values {
		if len(value) > longestMatchValue || !visible(value) {
			v.refuse(cloud.Unsupported, "the path %s would take a value of %d characters, and a rule compares with up to %d visible ASCII ones", value, len(value), longestMatchValue)
		}
	}
	return p
}

// visible tells whether a text is of visible ASCII characters and spaces alone: rules see no others.
func visible(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// rest lowers the conditions on header fields and the query, and judges the method.
func (v *verdict) rest(m *ir.Match) []Condition {
	var out []Condition
	if len(m.Method) > longestMethod {
		v.refuse(cloud.Unsupported, "the method %s has more than %d characters", m.Method, longestMethod)
	}
	for _, h := range m.Headers {
		out = append(out, v.header(h))
	}
	for _, q := range m.Query {
		out = append(out, v.query(q))
	}
	return out
}

// header lowers a condition on a header field. Application Load Balancers ignore case in values, of expressions too: one without
// letters is exact all the same.
func (v *verdict) header(h ir.FieldMatch) Condition {
	c := Condition{Field: FieldHeader, Header: h.Name}
	switch {
	case strings.EqualFold(h.Name, "host"):
		v.refuse(cloud.Unsupported, "a rule compares the header Host as hostname alone")
	case len(h.Name) > longestHeaderName:
		v.refuse(cloud.Unsupported, "the name of the header %s has more than %d characters", h.Name, longestHeaderName)
	}
	switch {
	case h.Kind == ir.FieldRegex:
		c.Regex = []string{anchored(h.Value)}
		if unknownToAWS.MatchString(h.Value) {
			v.refuse(cloud.Unsupported, "Application Load Balancers have no classes of Unicode in regular expressions (%s)", h.Value)
		}
	case h.Value == "" || strings.ContainsAny(h.Value, `*?\`):
		c.Regex = []string{"^" + regexp.QuoteMeta(h.Value) + "$"}
	default:
		c.Values = []string{h.Value}
	}
	for _, value := range slices.Concat(c.Values, c.Regex) {
		if len(value) > longestMatchValue || !visible(value) {
			v.refuse(cloud.Unsupported, "the header %s is compared with %d characters, and a rule does that with up to %d visible ASCII ones", h.Name, len(value), longestMatchValue)
		}
	}
	if hasLetters(h.Value) {
		v.differ(fmt.Sprintf("the case of letters in the header %s makes no difference", h.Name))
	}
	return c
}

// query lowers a condition on a query parameter. Features grade that case makes no difference, in the name neither.
func (v *verdict) query(q ir.FieldMatch) Condition {
	c := Condition{Field: FieldQuery, Query: []QueryPair{{Key: escaped(q.Name), Value: escaped(q.Value)}}}
	pair := c.Query[0]
	switch {
	case q.Kind == ir.FieldRegex:
		v.refuse(cloud.Unsupported, "Application Load Balancers have no regular expressions for query parameters")
	case pair.Key == "" || pair.Value == "":
		v.refuse(cloud.Unsupported, "a rule compares neither the name nor the value of a query parameter with nothing")
	case len(pair.Key) > longestMatchValue || len(pair.Value) > longestMatchValue || !visible(pair.Key+pair.Value):
		v.refuse(cloud.Unsupported, "the query parameter %s is compared with more than the %d visible ASCII characters that a rule can compare", q.Name, longestMatchValue)
	case strings.Contains(q.Name+q.Value, `\`):
		v.refuse(cloud.Unsupported, `a rule cannot compare a query parameter with \`)
	}
	return c
}

// escaped has wildcards stand for themselves.
func escaped(text string) string { return strings.NewReplacer("*", `\*`, "?", `\?`).Replace(text) }

func hasLetters(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) >= 0
}

// fit keeps a rule that is not merged with others within the limits of one.
func (a *atom) fit(v *verdict) {
	m := single(a)
	if m.fits() {
		return
	}
	if a.match.Path.Kind == ir.PathPrefix && !a.path.regex {
		a.path = v.bounded(prefixExpression(strings.TrimSuffix(a.match.Path.Value, "/")))
		m.paths = []pathValues{a.path}
		if m.fits() {
			return
		}
	}
	values, wildcards := m.size()
	if values > mostMatchValues {
		v.refuse(cloud.Quota, "its conditions have %d values, and a rule of an Application Load Balancer has at most %d", values, mostMatchValues)
		return
	}
	v.refuse(cloud.Quota, "its conditions have %d wildcards, and a rule of an Application Load Balancer has at most %d", wildcards, mostWildcards)
}
