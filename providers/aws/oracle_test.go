package aws_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

var expressions = map[string]*regexp.Regexp{}

// expression compiles each text once.
func expression(text string) *regexp.Regexp {
	e, known := expressions[text]
	if !known {
		e = regexp.MustCompile(text)
		expressions[text] = e
	}
	return e
}

// request is what a client asks for.
type request struct {
	host, path, method string
	headers, query     map[string]string
}

// askIR says what the IR wants of a request: the rules of the server whose hostname fits best, in their order. The sources are those of all
// rules of the listener that match.
func askIR(l *ir.Listener, r request) (outcome string, matching []ir.Source) {
	outcome = "404"
	served := false
	for _, s := range l.Servers {
		if !hostMatches(s.Hostname, r.host) {
			continue
		}
		decided := served
		for _, rule := range s.Rules {
			if !matchesIR(rule.Match, r) {
				continue
			}
			matching = append(matching, rule.Source)
			if !decided {
				outcome, decided = outcomeIR(rule, r), true
			}
		}
		served = true
	}
	return outcome, matching
}

func hostMatches(pattern, host string) bool {
	parent, wild := strings.CutPrefix(pattern, "*")
	return pattern == "" || pattern == host || wild && strings.HasSuffix(host, parent) && len(host) > len(parent)
}

func matchesIR(m ir.Match, r request) bool {
	if !hostMatches(m.Hostname, r.host) || m.Method != "" && m.Method != r.method {
		return false
	}
	switch m.Path.Kind {
	case ir.PathExact:
		if r.path != m.Path.Value {
			return false
		}
	case ir.PathPrefix:
		p := strings.TrimSuffix(m.Path.Value, "/")
		if r.path != p && !strings.HasPrefix(r.path, p+"/") {
			return false
		}
	case ir.PathRegex:
		if !expression("^(?:" + m.Path.Value + ")$").MatchString(r.path) {
			return false
		}
	case ir.PathAny:
	}
	for _, h := range m.Headers {
		if got, has := r.headers[h.Name]; !has || got != h.Value {
			return false
		}
	}
	for _, q := range m.Query {
		if got, has := r.query[q.Name]; !has || got != q.Value {
			return false
		}
	}
	return true
}

func outcomeIR(rule ir.Rule, r request) string {
	switch a := rule.Action.(type) {
	case *ir.Forward:
		host, path := r.host, r.path
		if a.Rewrite != nil && a.Rewrite.Hostname != "" {
			host = a.Rewrite.Hostname
		}
		if a.Rewrite != nil && a.Rewrite.Path != nil {
			path = editedIR(*a.Rewrite.Path, rule.Match.Path, r.path)
		}
		return fmt.Sprintf("%s at %s%s", a.Backends[0].Pool, host, path)
	case *ir.Redirect:
		path := r.path
		if a.Path != nil {
			path = editedIR(*a.Path, rule.Match.Path, r.path)
		}
		return fmt.Sprintf("%d to %s%s", a.Status, a.Hostname, path)
	case *ir.Respond:
		return fmt.Sprint(a.Status)
	}
	return "no action"
}

// editedIR follows the table of HTTPPathModifier, by segments.
func editedIR(e ir.PathEdit, match ir.PathMatch, path string) string {
	if e.Kind == ir.ReplaceFullPath {
		return "/" + strings.TrimPrefix(e.Value, "/")
	}
	rest := strings.TrimPrefix(path, strings.TrimSuffix(match.Value, "/"))
	value := e.Value
	if rest != "" {
		value = strings.TrimSuffix(value, "/")
	}
	return "/" + strings.TrimPrefix(value+rest, "/")
}

// askALB says what an Application Load Balancer with a graph's rules does with a request, as AWS documents it.
func askALB(g graph.Graph, r request) string {
	var rules []*aws.Rule
	for _, n := range g {
		if rule, ok := n.Spec.(*aws.Rule); ok {
			rules = append(rules, rule)
		}
	}
	slices.SortFunc(rules, func(a, b *aws.Rule) int { return int(a.Priority - b.Priority) })
	for _, rule := range rules {
		if !slices.ContainsFunc(rule.Conditions, func(c aws.Condition) bool { return !holds(c, r) }) {
			return outcomeALB(rule, r)
		}
	}
	return "404"
}

func holds(c aws.Condition, r request) bool {
	switch c.Field {
	case aws.FieldHost:
		return anyText(c, r.host, true)
	case aws.FieldPath:
		return anyText(c, r.path, false)
	case aws.FieldMethod:
		return slices.Contains(c.Values, r.method)
	case aws.FieldHeader:
		value, has := r.headers[c.Header]
		return has && anyText(c, value, true)
	case aws.FieldQuery:
		return slices.ContainsFunc(c.Query, func(pair aws.QueryPair) bool {
			for key, value := range r.query {
				if globMatches(pair.Key, key, true) && globMatches(pair.Value, value, true) {
					return true
				}
			}
			return false
		})
	}
	return false
}

func anyText(c aws.Condition, text string, fold bool) bool {
	return slices.ContainsFunc(c.Values, func(v string) bool { return globMatches(v, text, fold) }) ||
		slices.ContainsFunc(c.Regex, func(v string) bool { return expression(v).MatchString(text) })
}

// globMatches reads * and ? as AWS does, and \ before one of them as an escape.
func globMatches(pattern, text string, fold bool) bool {
	var b strings.Builder
	b.WriteString("^(?s)")
	if fold {
		b.WriteString("(?i)")
	}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return expression(b.String() + "$").MatchString(text)
}

func outcomeALB(rule *aws.Rule, r request) string {
	switch a := rule.Action; {
	case a.Forward != nil:
		name := a.Forward.TargetGroups[0].TargetGroup
		host := transformed(rule.HostRewrite, r.host)
		path, _, _ := strings.Cut(transformed(rule.URLRewrite, r.path+"?q=/x"), "?")
		return fmt.Sprintf("%s at %s%s", name[:strings.LastIndexByte(name, '-')], host, path)
	case a.Redirect != nil:
		host := strings.ReplaceAll(a.Redirect.Host, "#{host}", "")
		path := strings.ReplaceAll(a.Redirect.Path, "#{path}", strings.TrimPrefix(r.path, "/"))
		return fmt.Sprintf("%s to %s%s", strings.TrimPrefix(a.Redirect.StatusCode, "HTTP_"), host, path)
	default:
		return a.Fixed.StatusCode
	}
}

// transformed replaces the first match.
func transformed(t *aws.Rewrite, text string) string {
	if t == nil {
		return text
	}
	e := expression(t.Regex)
	at := e.FindStringIndex(text)
	if at == nil {
		return text
	}
	return text[:at[0]] + t.Replace + text[at[1]:]
}
