package translate

import (
	"cmp"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// maxPath is the length of the longest path or regular expression that the API takes.
const maxPath = 1024

// httpMatch reads one match of an HTTPRoute.
func httpMatch(m gwv1.HTTPRouteMatch, where string, f *findings) match {
	var out match
	out.ir.Path, out.rank.path, out.rank.length = httpPath(m.Path, where+".path", f)
	if m.Method != nil {
		out.ir.Method = string(*m.Method)
		out.rank.method = true
		if !slices.Contains(httpMethods, *m.Method) {
			f.fault(Problem{Code: CodeValueInvalid, Where: where + ".method", Value: string(*m.Method), Detail: "a method of HTTP in upper case"})
		} else {
			f.use(ir.FeatureMethodMatch, where+".method")
		}
	}
	for i, h := range m.Headers {
		kind := string(value(h.Type))
		out.ir.Headers = addField(out.ir.Headers, fieldMatch{
			name: strings.ToLower(string(h.Name)), kind: kind, value: h.Value,
			regex: ir.FeatureHeaderRegex, token: true,
		}, fmt.Sprintf("%s.headers[%d]", where, i), f)
	}
	for i, q := range m.QueryParams {
		at := fmt.Sprintf("%s.queryParams[%d]", where, i)
		f.use(ir.FeatureQueryMatch, at)
		out.ir.Query = addField(out.ir.Query, fieldMatch{
			name: string(q.Name), kind: string(value(q.Type)), value: q.Value, regex: ir.FeatureQueryRegex,
		}, at, f)
	}
	sortFields(out.ir.Headers)
	sortFields(out.ir.Query)
	out.rank.headers, out.rank.query = len(out.ir.Headers), len(out.ir.Query)
	return out
}

var httpMethods = []gwv1.HTTPMethod{
	gwv1.HTTPMethodGet, gwv1.HTTPMethodHead, gwv1.HTTPMethodPost, gwv1.HTTPMethodPut, gwv1.HTTPMethodDelete,
	gwv1.HTTPMethodConnect, gwv1.HTTPMethodOptions, gwv1.HTTPMethodTrace, gwv1.HTTPMethodPatch,
}

func httpPath(p *gwv1.HTTPPathMatch, where string, f *findings) (ir.PathMatch, byte, int) {
	kind, path := gwv1.PathMatchPathPrefix, "/"
	if p != nil {
		kind, path = valueOr(p.Type, kind), valueOr(p.Value, path)
	}
	if len(path) > maxPath {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".value", Value: path[:32] + "…", Detail: fmt.Sprintf("at most %d characters", maxPath)})
		return ir.PathMatch{}, rankNone, 0
	}
	switch kind {
	case gwv1.PathMatchExact:
		checkPath(path, where, f)
		return ir.PathMatch{Kind: ir.PathExact, Value: path}, rankExact, 0
	case gwv1.PathMatchPathPrefix:
		checkPath(path, where, f)
		if trimmed := strings.TrimRight(path, "/"); trimmed != "" { // a trailing slash is ignored
			path = trimmed
		} else {
			path = "/"
		}
		return ir.PathMatch{Kind: ir.PathPrefix, Value: path}, rankPrefix, len(path)
	case gwv1.PathMatchRegularExpression:
		f.use(ir.FeaturePathRegex, where+".type")
		checkRegex(path, where+".value", f)
		return ir.PathMatch{Kind: ir.PathRegex, Value: path}, rankRegex, len(path)
	default:
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".type", Value: string(kind), Detail: "Exact, PathPrefix or RegularExpression"})
		return ir.PathMatch{}, rankNone, 0
	}
}

// checkPath refuses paths that the API server would refuse too, and those that a request can never have.
func checkPath(path, where string, f *findings) {
	bad := !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/..") || strings.HasSuffix(path, "/.")
	for _, part := range []string{"//", "/./", "/../", "%2f", "%2F", "#", "?"} {
		bad = bad || strings.Contains(path, part)
	}
	for i := range len(path) {
		bad = bad || path[i] <= ' ' || path[i] == 0x7f
	}
	if bad {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".value", Value: path,
			Detail: "a path that begins with / and has no empty, . or .. segment"})
	}
}

// maxRegexSteps bounds the program that an expression compiles to: a match takes time in proportion to it, for each byte that is matched.
const maxRegexSteps = 2000

func checkRegex(expression, where string, f *findings) {
	if detail := regexFault(expression); detail != "" {
		f.fault(Problem{Code: CodeValueInvalid, Where: where, Value: fmt.Sprintf("%.128s", expression), Detail: detail})
	}
}

// regexFault says what an expression would have to be; "" where it may be used.
func regexFault(expression string) string {
	if expression == "" {
		return "an expression that is not empty"
	}
	// In a group of its own, an expression that closes groups which it did not open is none.
	tree, err := syntax.Parse("^(?:"+expression+")$", syntax.Perl)
	if err != nil {
		return "an RE2 regular expression"
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return "an RE2 regular expression"
	}
	if steps := len(program.Inst); steps > maxRegexSteps {
		return fmt.Sprintf("an expression of at most %d steps; this one has %d: repeat less", maxRegexSteps, steps)
	}
	return ""
}

// fieldMatch is a header or query match as it was written.
type fieldMatch struct {
	name, kind, value string
	regex             ir.Feature
	token             bool // the name has to be one of a header
}

// addField adds a condition on a field unless there is one with its name: of equivalent names only the first counts.
func addField(fields []ir.FieldMatch, m fieldMatch, where string, f *findings) []ir.FieldMatch {
	for _, known := range fields {
		if known.Name == m.name {
			return fields
		}
	}
	if m.name == "" || (m.token && !isToken(m.name)) {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".name", Value: m.name, Detail: "the name of a field"})
	}
	out := ir.FieldMatch{Name: m.name, Value: m.value}
	switch m.kind {
	case "", "Exact":
	case "RegularExpression":
		out.Kind = ir.FieldRegex
		f.use(m.regex, where+".type")
		checkRegex(m.value, where+".value", f)
	default:
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".type", Value: m.kind, Detail: "Exact or RegularExpression"})
	}
	return append(fields, out)
}

func sortFields(fields []ir.FieldMatch) {
	slices.SortFunc(fields, func(a, b ir.FieldMatch) int { return cmp.Compare(a.Name, b.Name) })
}

// isToken tells whether s can be the name of a header field (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// isFieldValue tells whether s can be the value of a header field: no control characters.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return len(s) <= 4096
}
