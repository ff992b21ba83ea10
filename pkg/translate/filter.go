package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// filters is what the filters of a rule, or of a backendRef, come to.
type filters struct {
	request  ir.HeaderEdit
	response ir.HeaderEdit
	redirect *ir.Redirect
	rewrite  *ir.Rewrite
	cors     *ir.CORS
	mirrors  []mirrorFilter
	external bool // an ExtensionRef: requests have to be answered with an error
}

// headerFeatures are the features that header filters need: on a rule and on a backendRef they are not the same.
type headerFeatures struct{ request, response ir.Feature }

var (
	ruleHeaders    = headerFeatures{ir.FeatureRequestHeaders, ir.FeatureResponseHeaders}
	backendHeaders = headerFeatures{ir.FeatureBackendRequestHeaders, ir.FeatureBackendResponseHeaders}
)

// filterReader reads filters one by one.
type filterReader struct {
	*findings
	out          filters
	features     headerFeatures
	onBackend    bool
	seen         []string // the types that there were
	incompatible []Problem
}

func newFilterReader(f *findings, onBackend bool) *filterReader {
	r := &filterReader{findings: f, features: ruleHeaders, onBackend: onBackend}
	if onBackend {
		r.features = backendHeaders
	}
	return r
}

// httpFilters reads the filters of an HTTPRoute's rule or backendRef.
func (r *filterReader) httpFilters(list []gwv1.HTTPRouteFilter, where string) {
	for i, filter := range list {
		at := fmt.Sprintf("%s.filters[%d]", where, i)
		kind := string(filter.Type)
		if !r.first(kind, at) {
			continue
		}
		switch {
		case filter.Type == gwv1.HTTPRouteFilterRequestHeaderModifier:
			r.headers(filter.RequestHeaderModifier, kind, at, r.features.request, &r.out.request)
		case filter.Type == gwv1.HTTPRouteFilterResponseHeaderModifier:
			r.headers(filter.ResponseHeaderModifier, kind, at, r.features.response, &r.out.response)
		case filter.Type == gwv1.HTTPRouteFilterRequestRedirect && !r.onBackend:
			r.redirect(filter.RequestRedirect, at)
		case filter.Type == gwv1.HTTPRouteFilterURLRewrite && !r.onBackend:
			r.rewrite(filter.URLRewrite, at)
		case filter.Type == gwv1.HTTPRouteFilterRequestMirror && !r.onBackend:
			r.mirror(filter.RequestMirror, kind, at)
		case filter.Type == gwv1.HTTPRouteFilterCORS && !r.onBackend:
			r.cors(filter.CORS, at)
		default:
			r.unsupported(kind, at)
		}
	}
	if r.out.redirect != nil && r.out.rewrite != nil {
		r.incompatible = append(r.incompatible, Problem{Code: CodeFilterIncompatible, Where: where + ".filters",
			Value: string(gwv1.HTTPRouteFilterRequestRedirect), Detail: string(gwv1.HTTPRouteFilterURLRewrite)})
	}
}

// grpcFilters reads the filters of a GRPCRoute's rule or backendRef.
func (r *filterReader) grpcFilters(list []gwv1.GRPCRouteFilter, where string) {
	for i, filter := range list {
		at := fmt.Sprintf("%s.filters[%d]", where, i)
		kind := string(filter.Type)
		if !r.first(kind, at) {
			continue
		}
		switch {
		case filter.Type == gwv1.GRPCRouteFilterRequestHeaderModifier:
			r.headers(filter.RequestHeaderModifier, kind, at, r.features.request, &r.out.request)
		case filter.Type == gwv1.GRPCRouteFilterResponseHeaderModifier:
			r.headers(filter.ResponseHeaderModifier, kind, at, r.features.response, &r.out.response)
		case filter.Type == gwv1.GRPCRouteFilterRequestMirror && !r.onBackend:
			r.mirror(filter.RequestMirror, kind, at)
		default:
			r.unsupported(kind, at)
		}
	}
}

func (r *filterReader) unsupported(kind, where string) {
	r.out.external = r.out.external || kind == string(gwv1.HTTPRouteFilterExtensionRef)
	r.fault(Problem{Code: CodeFilterUnsupported, Where: where, Value: kind})
}

// first notes a filter and tells whether it is the first of its type. Mirrors may be repeated.
func (r *filterReader) first(kind, where string) bool {
	if slices.Contains(r.seen, kind) && kind != string(gwv1.HTTPRouteFilterRequestMirror) && kind != string(gwv1.HTTPRouteFilterExtensionRef) {
		r.incompatible = append(r.incompatible, Problem{Code: CodeFilterRepeated, Where: where, Value: kind})
		return false
	}
	r.seen = append(r.seen, kind)
	return true
}

func (r *filterReader) headers(filter *gwv1.HTTPHeaderFilter, kind, where string, feature ir.Feature, out *ir.HeaderEdit) {
	if filter == nil {
		r.fault(Problem{Code: CodeFilterMalformed, Where: where, Value: kind})
		return
	}
	r.use(feature, where)
	where += "." + strings.ToLower(kind[:1]) + kind[1:]
	places := map[string]string{} // name in lower case to the list it stands in
	out.Set = r.headerList(filter.Set, where+".set", places)
	out.Add = r.headerList(filter.Add, where+".add", places)
	for i, name := range filter.Remove {
		if r.claim(name, where+".remove", i, places) {
			out.Remove = append(out.Remove, name)
		}
	}
	slices.Sort(out.Remove)
}

func (r *filterReader) headerList(list []gwv1.HTTPHeader, where string, places map[string]string) []ir.Header {
	var out []ir.Header
	for i, h := range list {
		if !isFieldValue(h.Value) {
			r.fault(Problem{Code: CodeValueInvalid, Where: fmt.Sprintf("%s[%d].value", where, i), Value: fmt.Sprintf("%.64q", h.Value), Detail: "the value of a header"})
			continue
		}
		if r.claim(string(h.Name), where, i, places) {
			out = append(out, ir.Header{Name: string(h.Name), Value: h.Value})
		}
	}
	slices.SortFunc(out, func(a, b ir.Header) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// claim notes that a header is changed by a list, and tells whether it is to be: of equivalent names in one list the first counts, in two
// lists they contradict each other.
func (r *filterReader) claim(name, list string, i int, places map[string]string) bool {
	where := fmt.Sprintf("%s[%d]", list, i)
	if !isToken(name) {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: name, Detail: "the name of a header"})
		return false
	}
	lower := strings.ToLower(name)
	other, known := places[lower]
	if known && other != list {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: name, Detail: "a header in one of set, add and remove only"})
	}
	if !known {
		places[lower] = list
	}
	return !known
}

func (r *filterReader) redirect(filter *gwv1.HTTPRequestRedirectFilter, where string) {
	if filter == nil {
		r.fault(Problem{Code: CodeFilterMalformed, Where: where, Value: string(gwv1.HTTPRouteFilterRequestRedirect)})
		return
	}
	where += ".requestRedirect"
	r.use(ir.FeatureRedirect, where)
	out := &ir.Redirect{Status: 302}
	r.out.redirect = out
	if filter.Scheme != nil {
		out.Scheme = *filter.Scheme
		r.oneOf(out.Scheme, where+".scheme", "http", "https")
		r.use(ir.FeatureRedirectScheme, where+".scheme")
	}
	if filter.Hostname != nil {
		out.Hostname = r.hostname(string(*filter.Hostname), where+".hostname")
	}
	if filter.Port != nil {
		r.use(ir.FeatureRedirectPort, where+".port")
		if *filter.Port < 1 || *filter.Port > 65535 {
			r.fault(Problem{Code: CodeValueInvalid, Where: where + ".port", Value: fmt.Sprint(*filter.Port), Detail: "1 to 65535"})
		} else {
			out.Port = uint16(*filter.Port)
		}
	}
	if filter.Path != nil {
		r.use(ir.FeatureRedirectPath, where+".path")
		out.Path = r.path(filter.Path, where+".path")
		if filter.Path.Type == gwv1.PrefixMatchHTTPPathModifier {
			r.use(ir.FeatureRedirectPrefix, where+".path")
		}
	}
	if filter.StatusCode != nil {
		out.Status = *filter.StatusCode
		if out.Status != 301 && out.Status != 302 {
			r.use(ir.FeatureRedirectStatuses, where+".statusCode")
		}
		r.oneOf(fmt.Sprint(out.Status), where+".statusCode", "301", "302", "303", "307", "308")
	}
}

func (r *filterReader) rewrite(filter *gwv1.HTTPURLRewriteFilter, where string) {
	if filter == nil {
		r.fault(Problem{Code: CodeFilterMalformed, Where: where, Value: string(gwv1.HTTPRouteFilterURLRewrite)})
		return
	}
	where += ".urlRewrite"
	out := &ir.Rewrite{}
	r.out.rewrite = out
	if filter.Hostname != nil {
		r.use(ir.FeatureHostRewrite, where+".hostname")
		out.Hostname = r.hostname(string(*filter.Hostname), where+".hostname")
	}
	if filter.Path != nil {
		r.use(ir.FeaturePathRewrite, where+".path")
		out.Path = r.path(filter.Path, where+".path")
	}
}

func (r *filterReader) hostname(written, where string) string {
	h := strings.ToLower(written)
	if !validHostname(h) || isWildcard(h) {
		r.fault(Problem{Code: CodeHostnameInvalid, Where: where, Value: written})
	}
	return h
}

func (r *filterReader) oneOf(got, where string, allowed ...string) {
	if !slices.Contains(allowed, got) {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: got, Detail: strings.Join(allowed, ", ")})
	}
}

func (r *filterReader) path(p *gwv1.HTTPPathModifier, where string) *ir.PathEdit {
	out := &ir.PathEdit{}
	var set *string
	switch p.Type {
	case gwv1.FullPathHTTPPathModifier:
		out.Kind, set, where = ir.ReplaceFullPath, p.ReplaceFullPath, where+".replaceFullPath"
	case gwv1.PrefixMatchHTTPPathModifier:
		out.Kind, set, where = ir.ReplacePrefixMatch, p.ReplacePrefixMatch, where+".replacePrefixMatch"
	default:
		r.fault(Problem{Code: CodeValueInvalid, Where: where + ".type", Value: string(p.Type), Detail: "ReplaceFullPath or ReplacePrefixMatch"})
		return out
	}
	if set == nil {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Detail: "a path; it is not set"})
		return out
	}
	out.Value = *set
	for i := range len(out.Value) {
		if c := out.Value[i]; c <= ' ' || c == 0x7f || c == '#' || c == '?' {
			r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: fmt.Sprintf("%.64q", out.Value), Detail: "a path without spaces, ? and #"})
			break
		}
	}
	if out.Value != "" && out.Value[0] != '/' {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: fmt.Sprintf("%.64q", out.Value), Detail: "a path that begins with /"})
	}
	if len(out.Value) > maxPath {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: out.Value[:32] + "…", Detail: fmt.Sprintf("at most %d characters", maxPath)})
	}
	return out
}
