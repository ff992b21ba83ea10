package translate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// forwardExtras is what a rule says of requests that are sent on, beside where and how they go.
type forwardExtras struct {
	mirrors []ir.Mirror
	retry   *ir.Retry
	session *ir.Session
}

// notForwarded says what has no effect in a rule that redirects: nothing is sent on there.
func notForwarded(x *forwardExtras, where string) []Problem {
	redirect := string(gwv1.HTTPRouteFilterRequestRedirect)
	var notes []Problem
	note := func(field string) {
		notes = append(notes, Problem{Code: CodeFilterIncompatible, Where: where, Value: redirect, Detail: field})
	}
	if len(x.mirrors) > 0 {
		note(string(gwv1.HTTPRouteFilterRequestMirror))
	}
	if x.retry != nil {
		note("retry")
	}
	if x.session != nil {
		note("sessionPersistence")
	}
	return notes
}

// mirrorFilter is a RequestMirror that has been read but for its backendRef.
type mirrorFilter struct {
	where string
	ref   gwv1.BackendObjectReference
	share ir.Mirror // without a pool
}

func (r *filterReader) mirror(filter *gwv1.HTTPRequestMirrorFilter, kind, where string) {
	if filter == nil {
		r.fault(Problem{Code: CodeFilterMalformed, Where: where, Value: kind})
		return
	}
	where += ".requestMirror"
	r.use(ir.FeatureMirror, where)
	share := ir.Mirror{Numerator: 1, Denominator: 1}
	switch {
	case filter.Percent != nil && filter.Fraction != nil:
		r.fault(Problem{Code: CodeFilterIncompatible, Where: where, Value: "percent", Detail: "fraction"})
	case filter.Percent != nil:
		share = r.fraction(int64(*filter.Percent), 100, where+".percent")
	case filter.Fraction != nil:
		share = r.fraction(int64(filter.Fraction.Numerator), int64(valueOr(filter.Fraction.Denominator, 100)), where+".fraction")
	}
	r.out.mirrors = append(r.out.mirrors, mirrorFilter{where: where + ".backendRef", ref: filter.BackendRef, share: share})
}

// fraction reads a share of requests in lowest terms.
func (r *filterReader) fraction(numerator, denominator int64, where string) ir.Mirror {
	r.use(ir.FeatureMirrorFraction, where)
	if numerator < 0 || denominator < 1 || numerator > denominator {
		r.fault(Problem{Code: CodeValueInvalid, Where: where, Value: fmt.Sprintf("%d of %d", numerator, denominator), Detail: "a share from nothing to all"})
		return ir.Mirror{}
	}
	a, b := numerator, denominator
	for b != 0 {
		a, b = b, a%b
	}
	return ir.Mirror{Numerator: uint32(numerator / a), Denominator: uint32(denominator / a)}
}

// mirrors resolves what requests are mirrored to. A mirror that is invalid is left out and said in ResolvedRefs, one without a share is
// resolved all the same.
func (t *translation) mirrors(self Object, rl *rule, filters []mirrorFilter, how speech) []ir.Mirror {
	var out []ir.Mirror
	for _, m := range filters {
		b := t.backendRef(self, rl, m.where, gwv1.BackendRef{BackendObjectReference: m.ref}, how, 0)
		if b.Pool != "" && m.share.Numerator > 0 {
			m.share.Pool = b.Pool
			out = append(out, m.share)
		}
	}
	return out
}

// corsOrigin is an origin as the CRD takes it.
var corsOrigin = regexp.MustCompile(`^(\*|https?://((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:[0-9]{1,5})?)$`)

func isOrigin(s string) bool {
	found := corsOrigin.FindStringSubmatch(s)
	if found == nil || len(s) > 253 {
		return false
	}
	port, err := strconv.Atoi(cmp.Or(strings.TrimPrefix(found[len(found)-1], ":"), "1"))
	return err == nil && port >= 1 && port <= 65535
}

// The default of cors.maxAge, which the CRD fills in.
const defaultMaxAge = 5 * time.Second

func (r *filterReader) cors(filter *gwv1.HTTPCORSFilter, where string) {
	if filter == nil {
		r.fault(Problem{Code: CodeFilterMalformed, Where: where, Value: string(gwv1.HTTPRouteFilterCORS)})
		return
	}
	where += ".cors"
	r.use(ir.FeatureCORS, where)
	out := &ir.CORS{AllowCredentials: value(filter.AllowCredentials), MaxAge: defaultMaxAge}
	for i, origin := range filter.AllowOrigins {
		if !isOrigin(string(origin)) {
			r.fault(Problem{Code: CodeValueInvalid, Where: fmt.Sprintf("%s.allowOrigins[%d]", where, i), Value: fmt.Sprintf("%.64s", origin),
				Detail: "*, or an origin such as https://example.com or https://*.example.com:8443"})
			continue
		}
		out.AllowOrigins = append(out.AllowOrigins, string(origin))
	}
	out.AllowMethods = tokens(r, filter.AllowMethods, where+".allowMethods", "the name of a method, or *")
	out.AllowHeaders = tokens(r, filter.AllowHeaders, where+".allowHeaders", "the name of a header, or *")
	out.ExposeHeaders = tokens(r, filter.ExposeHeaders, where+".exposeHeaders", "the name of a header, or *")
	if filter.MaxAge != 0 {
		out.MaxAge = time.Duration(filter.MaxAge) * time.Second
	}
	if filter.MaxAge < 0 {
		r.fault(Problem{Code: CodeValueInvalid, Where: where + ".maxAge", Value: fmt.Sprint(filter.MaxAge), Detail: "seconds, 1 or more"})
	}
	r.out.cors = out
}

func tokens[S ~string](r *filterReader, list []S, where, what string) []string {
	var out []string
	for i, name := range list {
		if !isToken(string(name)) {
			r.fault(Problem{Code: CodeValueInvalid, Where: fmt.Sprintf("%s[%d]", where, i), Value: fmt.Sprintf("%.64q", name), Detail: what})
			continue
		}
		out = append(out, string(name))
	}
	return out
}

// What a retry does where the route does not say. The specification leaves both to implementations.
const (
	defaultAttempts = 2
	defaultBackoff  = 25 * time.Millisecond
	maxAttempts     = 100
	maxBackoff      = 5 * time.Minute
)

func readRetry(spec *gwv1.HTTPRouteRetry, where string, f *findings) *ir.Retry {
	if spec == nil {
		return nil
	}
	f.use(ir.FeatureRetry, where)
	out := &ir.Retry{Attempts: valueOr(spec.Attempts, defaultAttempts), Backoff: defaultBackoff}
	for i, code := range spec.Codes {
		if code < 400 || code > 599 {
			f.fault(Problem{Code: CodeValueInvalid, Where: fmt.Sprintf("%s.codes[%d]", where, i), Value: fmt.Sprint(code), Detail: "400 to 599"})
		}
		out.Codes = append(out.Codes, int(code))
	}
	slices.Sort(out.Codes)
	out.Codes = slices.Compact(out.Codes)
	if out.Attempts < 0 || out.Attempts > maxAttempts {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".attempts", Value: fmt.Sprint(out.Attempts), Detail: fmt.Sprintf("0 to %d", maxAttempts)})
	}
	if spec.Backoff != nil {
		out.Backoff = readDuration(*spec.Backoff, where+".backoff", f)
	}
	if out.Backoff > maxBackoff {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + ".backoff", Value: string(*spec.Backoff), Detail: "at most " + maxBackoff.String()})
	}
	if out.Attempts == 0 {
		return nil
	}
	return out
}

// Limits of what browsers and clouds take.
const (
	maxSessionName     = 128
	minSessionLifetime = time.Second
)

// takenHeaders are those that frame a message, route it, or say who its client is: clouds do not let sessions have them.
var takenHeaders = []string{
	"connection", "content-length", "cookie", "date", "expect", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
	"proxy-connection", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
	"x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
}

// sessionPlace names a rule, or a port of a Service, for a session that has no name: two of one host must not take each other's.
func sessionPlace(object Object, part string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s/%s", object.Kind, object.Namespace, object.Name, part))
	return hex.EncodeToString(sum[:6])
}

func madeSessionName(kind ir.SessionKind, place string) string {
	if kind == ir.SessionHeader {
		return "X-Cloudgate-Session-" + place
	}
	return "cloudgate-" + place
}

// readSession reads sessionPersistence (GEP-1619). place makes a name where none is given.
func readSession(spec *gwv1.SessionPersistence, place, where string, f *findings) *ir.Session {
	if spec == nil {
		return nil
	}
	invalid := func(field, got, allowed string) {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + field, Value: got, Detail: allowed})
	}
	out := &ir.Session{}
	switch kind := valueOr(spec.Type, gwv1.CookieBasedSessionPersistence); kind {
	case gwv1.CookieBasedSessionPersistence:
		f.use(ir.FeatureSessionCookie, where)
		out.Kind = ir.SessionCookie
	case gwv1.HeaderBasedSessionPersistence:
		f.use(ir.FeatureSessionHeader, where)
		out.Kind = ir.SessionHeader
	default:
		invalid(".type", string(kind), "Cookie or Header")
	}
	out.Name = valueOr(spec.SessionName, madeSessionName(out.Kind, place))
	if !isToken(out.Name) || len(out.Name) > maxSessionName {
		invalid(".sessionName", fmt.Sprintf("%.64q", out.Name), fmt.Sprintf("a name of at most %d letters, digits, - and _", maxSessionName))
	}
	if out.Kind == ir.SessionHeader && slices.Contains(takenHeaders, strings.ToLower(out.Name)) {
		invalid(".sessionName", out.Name, "a header that has no other meaning")
	}
	if spec.AbsoluteTimeout != nil {
		out.Lifetime = readDuration(*spec.AbsoluteTimeout, where+".absoluteTimeout", f)
		if out.Lifetime > 0 && out.Lifetime < minSessionLifetime {
			invalid(".absoluteTimeout", string(*spec.AbsoluteTimeout), "a second or more, or 0 for no end")
		}
	}
	if spec.CookieConfig == nil {
		return out
	}
	at := ".cookieConfig.lifetimeType"
	switch kind := valueOr(spec.CookieConfig.LifetimeType, gwv1.SessionCookieLifetimeType); {
	case out.Kind == ir.SessionHeader:
		invalid(".cookieConfig", "cookieConfig", "nothing, where the type is Header")
	case kind == gwv1.PermanentCookieLifetimeType && out.Lifetime == 0:
		invalid(at, string(kind), "Session, where there is no absoluteTimeout")
	case kind == gwv1.PermanentCookieLifetimeType:
		out.Permanent = true
	case kind != gwv1.SessionCookieLifetimeType:
		invalid(at, string(kind), "Session or Permanent")
	}
	return out
}

// setCookiePath lets the client send a cookie where its rule is reached by a single path that a cookie can name. A name that rules share
// for different paths is then a cookie for each.
func setCookiePath(s *ir.Session, matches []match) {
	if s == nil || s.Kind != ir.SessionCookie {
		return
	}
	for i, m := range matches {
		path := m.ir.Path
		if path.Kind != ir.PathExact && path.Kind != ir.PathPrefix || strings.ContainsFunc(path.Value, notInCookie) || i > 0 && path != matches[0].ir.Path {
			s.Path = ""
			return
		}
		s.Path = path.Value
	}
	if s.Path == "/" {
		s.Path = ""
	}
}

func notInCookie(r rune) bool { return r <= ' ' || r > '~' || r == ';' || r == ',' }
