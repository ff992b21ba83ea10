package translate

import (
	"fmt"
	"regexp"
	"time"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// statusNoBackend is what HTTP requests get in the share of a backend that is invalid (HTTPRoute specification).
const statusNoBackend = 500

// httpRules translates the rules of an HTTPRoute.
func (t *translation) httpRules(route *gwv1.HTTPRoute, how speech) []*rule {
	specs := route.Spec.Rules
	if len(specs) == 0 {
		specs = []gwv1.HTTPRouteRule{{}} // the default that the API server fills in
	}
	self := Object{Kind: kindHTTPRoute, Namespace: route.Namespace, Name: route.Name}
	rules := make([]*rule, 0, len(specs))
	for i := range specs {
		rules = append(rules, t.httpRule(self, i, &specs[i], how))
	}
	return rules
}

func (t *translation) httpRule(self Object, index int, spec *gwv1.HTTPRouteRule, how speech) *rule {
	rl := &rule{index: index, name: string(value(spec.Name))}
	where := fmt.Sprintf("rules[%d]", index)
	f := &findings{t: t}

	matches := spec.Matches
	if len(matches) == 0 {
		matches = []gwv1.HTTPRouteMatch{{}}
	}
	for i, m := range matches {
		out := httpMatch(m, fmt.Sprintf("%s.matches[%d]", where, i), f)
		out.rank.rule, out.rank.match = index, i
		rl.matches = append(rl.matches, out)
	}
	reader := newFilterReader(f, false)
	reader.httpFilters(spec.Filters, where)
	checkPrefixEdits(&reader.out, rl.matches, where, f)
	timeouts := readTimeouts(spec.Timeouts, where+".timeouts", f)
	extras := forwardExtras{
		retry:   readRetry(spec.Retry, where+".retry", f),
		session: readSession(spec.SessionPersistence, sessionPlace(self, rl.place()), where+".sessionPersistence", f),
		mirrors: t.mirrors(self, rl, reader.out.mirrors, how),
	}
	setCookiePath(extras.session, rl.matches)
	backends := t.httpBackends(self, rl, spec.BackendRefs, where, how, f)
	if reader.out.redirect != nil && len(backends) > 0 {
		reader.incompatible = append(reader.incompatible, Problem{Code: CodeFilterIncompatible, Where: where,
			Value: string(gwv1.HTTPRouteFilterRequestRedirect), Detail: "backendRefs"})
	}
	if reader.out.redirect != nil {
		rl.notes = append(rl.notes, notForwarded(&extras, where)...)
	}
	rl.cors = reader.out.cors
	rl.action = httpAction(&reader.out, backends, timeouts, extras, statusNoBackend)
	rl.refuse = reader.out.external
	rl.notes = append(rl.notes, f.notes...)
	rl.invalid(gwv1.RouteReasonUnsupportedValue, f.faults...)
	rl.invalid(gwv1.RouteReasonIncompatibleFilters, reader.incompatible...)
	return rl
}

// httpAction puts together what a rule does. status is the answer where no backend can.
func httpAction(fl *filters, backends []ir.Backend, timeouts ir.Timeouts, extras forwardExtras, status int) ir.Action {
	switch {
	case fl.redirect != nil:
		fl.redirect.ResponseHeaders = fl.response
		return fl.redirect
	case !anyPool(backends):
		return &ir.Respond{Status: status, ResponseHeaders: fl.response}
	default:
		return &ir.Forward{
			Backends: backends, RequestHeaders: fl.request, ResponseHeaders: fl.response,
			Rewrite: fl.rewrite, Timeouts: timeouts, Mirrors: extras.mirrors, Retry: extras.retry, Session: extras.session,
		}
	}
}

func (t *translation) httpBackends(self Object, rl *rule, refs []gwv1.HTTPBackendRef, where string, how speech, f *findings) []ir.Backend {
	var out []ir.Backend
	for i, ref := range refs {
		at := fmt.Sprintf("%s.backendRefs[%d]", where, i)
		b := t.backendRef(self, rl, at, ref.BackendRef, how, statusNoBackend)
		reader := newFilterReader(f, true)
		reader.httpFilters(ref.Filters, at)
		b.RequestHeaders, b.ResponseHeaders = reader.out.request, reader.out.response
		rl.invalid(gwv1.RouteReasonIncompatibleFilters, reader.incompatible...)
		rl.refuse = rl.refuse || reader.out.external
		out = append(out, b)
	}
	return out
}

// checkPrefixEdits refuses to replace the matched prefix where something else than a prefix is matched.
func checkPrefixEdits(fl *filters, matches []match, where string, f *findings) {
	var edit *ir.PathEdit
	switch {
	case fl.redirect != nil && fl.redirect.Path != nil:
		edit = fl.redirect.Path
	case fl.rewrite != nil && fl.rewrite.Path != nil:
		edit = fl.rewrite.Path
	}
	if edit == nil || edit.Kind != ir.ReplacePrefixMatch {
		return
	}
	for i, m := range matches {
		if m.ir.Path.Kind != ir.PathPrefix {
			f.fault(Problem{Code: CodeFilterIncompatible, Where: fmt.Sprintf("%s.matches[%d].path", where, i),
				Value: "ReplacePrefixMatch", Detail: "a match that is not a PathPrefix"})
		}
	}
}

// gatewayDuration is what the API takes for a duration (GEP-2257).
var gatewayDuration = regexp.MustCompile(`^([0-9]{1,5}(h|m|s|ms)){1,4}$`)

func readTimeouts(spec *gwv1.HTTPRouteTimeouts, where string, f *findings) ir.Timeouts {
	var out ir.Timeouts
	if spec == nil {
		return out
	}
	if spec.Request != nil {
		out.Request = readDuration(*spec.Request, where+".request", f)
		f.use(ir.FeatureRequestTimeout, where+".request")
	}
	if spec.BackendRequest != nil {
		out.Backend = readDuration(*spec.BackendRequest, where+".backendRequest", f)
		f.use(ir.FeatureBackendTimeout, where+".backendRequest")
	}
	if out.Request > 0 && out.Backend > out.Request {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".backendRequest", Value: string(*spec.BackendRequest),
			Detail: "no more than timeouts.request, " + string(*spec.Request)})
	}
	return out
}

func readDuration(d gwv1.Duration, where string, f *findings) time.Duration {
	out, err := time.ParseDuration(string(d))
	if err != nil || !gatewayDuration.MatchString(string(d)) {
		f.fault(Problem{Code: CodeValueInvalid, Where: where, Value: string(d), Detail: "a duration such as 1m30s or 500ms"})
		return 0
	}
	return out
}
