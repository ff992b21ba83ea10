package dataplane

import (
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// What the world says, in the words of pkg/proxy. All of it is pure.

func compileProtocol(p world.Protocol) proxy.Protocol {
	switch p {
	case world.HTTP:
		return proxy.HTTP
	case world.HTTPS:
		return proxy.HTTPS
	case world.TLS:
		return proxy.TLS
	case world.TCP:
		return proxy.TCP
	case world.UDP:
		return proxy.UDP
	}
	return 0
}

func compilePool(p *world.Pool) *proxy.Pool {
	out := &proxy.Pool{Endpoints: compileMembers(p.Members)}
	switch p.Protocol {
	case world.PoolHTTP1:
		out.Protocol = proxy.PoolHTTP1
	case world.PoolHTTP2:
		out.Protocol = proxy.PoolHTTP2
	case world.PoolTCP:
		out.Protocol = proxy.PoolTCP
	case world.PoolUDP:
		out.Protocol = proxy.PoolUDP
	}
	if p.Algorithm == world.LeastRequest {
		out.Algorithm = proxy.LeastRequest
	}
	if t := p.TLS; t != nil {
		out.TLS = &proxy.BackendTLS{ServerName: t.ServerName, CAs: []byte(t.CAPEM), DNSNames: t.DNSNames, URIs: t.URIs}
	}
	if h := p.HealthCheck; h != nil {
		out.Health = &proxy.HealthCheck{
			Path: h.Path, Interval: time.Duration(h.Interval), Timeout: time.Duration(h.Timeout),
			HealthyThreshold: h.HealthyThreshold, UnhealthyThreshold: h.UnhealthyThreshold,
		}
	}
	out.Session = compileSession(p.Session)
	if r := p.RetryBudget; r != nil {
		out.Budget = &proxy.RetryBudget{
			Percent: r.Percent, Interval: time.Duration(r.Interval), MinCount: r.MinCount, MinInterval: time.Duration(r.MinInterval),
		}
	}
	if l := p.Limits; l != nil {
		out.Limits = proxy.Limits{Connections: l.Connections, Requests: l.Requests, Drain: time.Duration(l.Drain)}
	}
	return out
}

func compileSession(s *world.Session) *proxy.Session {
	if s == nil {
		return nil
	}
	return &proxy.Session{
		Header: s.Type == world.SessionHeader, Name: s.Name, Lifetime: time.Duration(s.Lifetime), Permanent: s.Permanent, Path: s.Path,
	}
}

// compileClients returns before, which is parsed already, where it says the same.
func compileClients(c *world.ClientValidation, before *proxy.ClientValidation) *proxy.ClientValidation {
	if c == nil {
		return nil
	}
	if before != nil && string(before.CAs) == c.CAPEM && before.InsecureFallback == c.InsecureFallback {
		return before
	}
	return &proxy.ClientValidation{CAs: []byte(c.CAPEM), InsecureFallback: c.InsecureFallback}
}

func compileCORS(c *world.CORS) *proxy.CORS {
	if c == nil {
		return nil
	}
	return &proxy.CORS{
		AllowOrigins: c.AllowOrigins, AllowMethods: c.AllowMethods, AllowHeaders: c.AllowHeaders, ExposeHeaders: c.ExposeHeaders,
		AllowCredentials: c.AllowCredentials, MaxAge: time.Duration(c.MaxAge),
	}
}

func compileMembers(members []world.Member) []proxy.Endpoint {
	endpoints := make([]proxy.Endpoint, 0, len(members))
	for _, m := range members {
		endpoints = append(endpoints, proxy.Endpoint{Address: m.AddrPort(), Weight: m.Weight, Draining: m.Draining})
	}
	return endpoints
}

// rank is unique in a table: of equal ranks that of the older rule comes first, and of one rule's the match that stands first.
// It keeps the order of the world's ranks whatever bytes they have.
func rank(r *world.Rule, match int) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(r.Matches[match].Rank, "\x00", "\x00\xff"))
	b.WriteString("\x00\x01")
	for shift := 56; shift >= 0; shift -= 8 {
		b.WriteByte(byte(r.Seq >> shift))
	}
	b.WriteByte(byte(match >> 8))
	b.WriteByte(byte(match))
	return b.String()
}

func compileMatch(m *world.Match) route.Match {
	out := route.Match{Host: m.Hostname, Method: m.Method, Headers: compileFields(m.Headers, strings.ToLower), Query: compileFields(m.Query, nil)}
	if m.Path != nil {
		out.Path.Value = m.Path.Value
		switch m.Path.Type {
		case world.PathExact:
			out.Path.Kind = route.PathExact
		case world.PathPrefix:
			out.Path.Kind = route.PathPrefix
		case world.PathRegex:
			out.Path.Kind = route.PathRegex
		}
	}
	return out
}

func compileFields(fields []world.Field, name func(string) string) []route.Field {
	if len(fields) == 0 {
		return nil
	}
	out := make([]route.Field, 0, len(fields))
	for _, f := range fields {
		field := route.Field{Name: f.Name, Value: f.Value}
		if name != nil {
			field.Name = name(f.Name)
		}
		if f.Type == world.FieldRegex {
			field.Kind = route.FieldRegex
		}
		out = append(out, field)
	}
	return out
}

func compileAction(a *world.Action) proxy.Action {
	switch {
	case a.Forward != nil:
		return compileForward(a.Forward)
	case a.Redirect != nil:
		r := a.Redirect
		status := r.Status
		if status == 0 {
			status = 302
		}
		return &proxy.Redirect{
			Scheme: r.Scheme, Hostname: r.Hostname, Path: compilePathEdit(r.Path), Port: r.Port, Status: status,
			ResponseHeaders: compileEdit(r.ResponseHeaders),
		}
	case a.Respond != nil:
		return &proxy.Respond{Status: a.Respond.Status, ResponseHeaders: compileEdit(a.Respond.ResponseHeaders)}
	}
	return &proxy.Respond{Status: 500}
}

func compileForward(f *world.Forward) *proxy.Forward {
	out := &proxy.Forward{
		RequestHeaders: compileEdit(f.RequestHeaders), ResponseHeaders: compileEdit(f.ResponseHeaders),
		RewriteHost: f.RewriteHost, RewritePath: compilePathEdit(f.RewritePath),
		RequestTimeout: time.Duration(f.RequestTimeout), BackendTimeout: time.Duration(f.BackendTimeout),
		Session: compileSession(f.Session),
	}
	for _, m := range f.Mirrors {
		out.Mirrors = append(out.Mirrors, proxy.Mirror(m))
	}
	if r := f.Retry; r != nil {
		out.Retry = &proxy.Retry{Codes: r.Codes, Attempts: r.Attempts, Backoff: time.Duration(r.Backoff)}
	}
	for _, b := range f.Backends {
		out.Backends = append(out.Backends, proxy.Backend{
			Weight: b.Weight, Pool: b.Pool, Status: b.Status,
			RequestHeaders: compileEdit(b.RequestHeaders), ResponseHeaders: compileEdit(b.ResponseHeaders),
		})
	}
	return out
}

func compilePathEdit(p *world.PathEdit) *proxy.PathEdit {
	if p == nil {
		return nil
	}
	return &proxy.PathEdit{Prefix: p.Type == world.PathEditPrefix, Value: p.Value}
}

func compileEdit(e *world.HeaderEdit) proxy.HeaderEdit {
	if e == nil {
		return proxy.HeaderEdit{}
	}
	return proxy.HeaderEdit{Set: compileHeaders(e.Set), Add: compileHeaders(e.Add), Remove: e.Remove}
}

func compileHeaders(headers []world.Header) []proxy.Header {
	if len(headers) == 0 {
		return nil
	}
	out := make([]proxy.Header, 0, len(headers))
	for _, h := range headers {
		out = append(out, proxy.Header(h))
	}
	return out
}

// CheckRule says why the data path could not carry out a rule.
func CheckRule(spec *world.RuleSpec) error {
	var none *proxy.Table
	r := &world.Rule{RuleSpec: *spec}
	for i := range spec.Matches {
		if _, err := none.With(route.Route[*proxy.Rule]{ID: "check", Rank: rank(r, i), Match: compileMatch(&spec.Matches[i])}); err != nil {
			return err
		}
	}
	return nil
}
