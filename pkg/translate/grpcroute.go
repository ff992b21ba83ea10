package translate

import (
	"fmt"
	"regexp"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// statusUnavailable is what gRPC clients take for UNAVAILABLE when it comes as an HTTP status: the specification asks for that in the
// share of an invalid backend. 500 would be UNKNOWN.
const statusUnavailable = 503

// grpcRules translates the rules of a GRPCRoute. A method is a path of HTTP: /service/method.
func (t *translation) grpcRules(route *gwv1.GRPCRoute, how speech) []*rule {
	self := Object{Kind: kindGRPCRoute, Namespace: route.Namespace, Name: route.Name}
	rules := make([]*rule, 0, len(route.Spec.Rules))
	for i := range route.Spec.Rules {
		rules = append(rules, t.grpcRule(self, i, &route.Spec.Rules[i], how))
	}
	return rules
}

func (t *translation) grpcRule(self Object, index int, spec *gwv1.GRPCRouteRule, how speech) *rule {
	rl := &rule{index: index, name: string(value(spec.Name))}
	where := fmt.Sprintf("rules[%d]", index)
	f := &findings{t: t}

	matches := spec.Matches
	if len(matches) == 0 {
		matches = []gwv1.GRPCRouteMatch{{}}
	}
	for i, m := range matches {
		out := grpcMatch(m, fmt.Sprintf("%s.matches[%d]", where, i), f)
		out.rank.rule, out.rank.match = index, i
		rl.matches = append(rl.matches, out)
	}
	reader := newFilterReader(f, false)
	reader.grpcFilters(spec.Filters, where)
	extras := forwardExtras{
		session: readSession(spec.SessionPersistence, sessionPlace(self, rl.place()), where+".sessionPersistence", f),
		mirrors: t.mirrors(self, rl, reader.out.mirrors, how),
	}
	var backends []ir.Backend
	for i, ref := range spec.BackendRefs {
		at := fmt.Sprintf("%s.backendRefs[%d]", where, i)
		b := t.backendRef(self, rl, at, ref.BackendRef, how, statusUnavailable)
		own := newFilterReader(f, true)
		own.grpcFilters(ref.Filters, at)
		b.RequestHeaders, b.ResponseHeaders = own.out.request, own.out.response
		reader.incompatible = append(reader.incompatible, own.incompatible...)
		reader.out.external = reader.out.external || own.out.external
		backends = append(backends, b)
	}
	rl.action = httpAction(&reader.out, backends, ir.Timeouts{}, extras, statusUnavailable)
	rl.refuse = reader.out.external
	rl.notes = append(rl.notes, f.notes...)
	rl.invalid(gwv1.RouteReasonUnsupportedValue, f.faults...)
	rl.invalid(gwv1.RouteReasonIncompatibleFilters, reader.incompatible...)
	return rl
}

func grpcMatch(m gwv1.GRPCRouteMatch, where string, f *findings) match {
	out := match{rank: rankKey{path: rankGRPC}}
	if m.Method != nil {
		out.ir.Path = grpcPath(m.Method, where+".method", f)
		out.rank.length, out.rank.sub = len(value(m.Method.Service)), len(value(m.Method.Method))
	}
	for i, h := range m.Headers {
		out.ir.Headers = addField(out.ir.Headers, fieldMatch{
			name: strings.ToLower(string(h.Name)), kind: string(value(h.Type)), value: h.Value,
			regex: ir.FeatureHeaderRegex, token: true,
		}, fmt.Sprintf("%s.headers[%d]", where, i), f)
	}
	sortFields(out.ir.Headers)
	out.rank.headers = len(out.ir.Headers)
	return out
}

func grpcPath(m *gwv1.GRPCMethodMatch, where string, f *findings) ir.PathMatch {
	service, method := value(m.Service), value(m.Method)
	if len(service)+len(method) > maxPath {
		f.fault(Problem{Code: CodeValueInvalid, Where: where, Detail: fmt.Sprintf("at most %d characters", maxPath)})
		return ir.PathMatch{}
	}
	switch kind := valueOr(m.Type, gwv1.GRPCMethodMatchExact); kind {
	case gwv1.GRPCMethodMatchExact:
		for _, part := range []string{service, method} {
			if strings.ContainsAny(part, "/ ?#%\r\n\t\x00") {
				f.fault(Problem{Code: CodeValueInvalid, Where: where, Value: part, Detail: "the name of a service or method, without /"})
			}
		}
		switch {
		case service == "" && method == "":
			return ir.PathMatch{}
		case method == "":
			return ir.PathMatch{Kind: ir.PathPrefix, Value: "/" + service}
		case service == "":
			f.use(ir.FeaturePathRegex, where)
			return ir.PathMatch{Kind: ir.PathRegex, Value: "/[^/]+/" + regexp.QuoteMeta(method)}
		default:
			return ir.PathMatch{Kind: ir.PathExact, Value: "/" + service + "/" + method}
		}
	case gwv1.GRPCMethodMatchRegularExpression:
		f.use(ir.FeaturePathRegex, where)
		return ir.PathMatch{Kind: ir.PathRegex, Value: "/" + grpcRegex(service, where+".service", f) + "/" + grpcRegex(method, where+".method", f)}
	default:
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".type", Value: string(kind), Detail: "Exact or RegularExpression"})
		return ir.PathMatch{}
	}
}

// grpcRegex returns an expression for one part of the path. One that is empty matches every part.
func grpcRegex(expression, where string, f *findings) string {
	if expression == "" {
		return "[^/]+"
	}
	checkRegex(expression, where, f)
	return "(?:" + expression + ")"
}
