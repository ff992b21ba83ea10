package fakeapi

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

const (
	maxMatches  = 1024
	maxFields   = 64
	maxBackends = 64
	maxEdits    = 64
	maxRank     = 4096
	maxPath     = 4096
	maxValue    = 8192
	maxTimeout  = 24 * time.Hour
)

// framing are the fields that say where a message ends and whom it is for: an edit of one would let requests be smuggled.
var framing = []string{"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

func (c *checker) rule(w ruleInput) {
	c.naming(w.naming)
	if w.Server == "" {
		c.say("server", "name the server of the listener that the rule is for")
	}
	if len(w.Matches) == 0 {
		c.say("matches", "there has to be one")
	}
	if c.atMost("matches", len(w.Matches), maxMatches) {
		for i, m := range w.Matches {
			c.match(at("matches", i), m)
		}
	}
	if w.CORS != nil {
		c.cors(*w.CORS)
	}
	c.action(w.Action)
}

func (c *checker) match(field string, m world.Match) {
	if m.Rank == "" || len(m.Rank) > maxRank {
		c.say(field+".rank", "it has to be 1 to %d bytes", maxRank)
	}
	c.hostname(field+".hostname", m.Hostname, true)
	if m.Path != nil {
		c.path(field+".path", *m.Path)
	}
	if m.Method != "" && (len(m.Method) > 32 || !isToken(m.Method)) {
		c.say(field+".method", "%.40q is not a method", m.Method)
	}
	c.fields(field+".headers", m.Headers, true)
	c.fields(field+".query", m.Query, false)
}

func (c *checker) path(field string, p world.Path) {
	c.oneOf(field+".type", string(p.Type), "Exact", "Prefix", "Regex")
	if p.Type == world.PathRegex {
		c.regex(field+".value", p.Value)
		return
	}
	c.target(field+".value", p.Value)
}

// target checks a path as it stands in a request.
func (c *checker) target(field, path string) {
	if !strings.HasPrefix(path, "/") || len(path) > maxPath || strings.ContainsFunc(path, notInPath) {
		c.say(field, "%.80q is not a path: it begins with /, has no space, ? or #, and at most %d bytes", path, maxPath)
	}
}

func notInPath(r rune) bool { return r <= ' ' || r == 0x7f || r == '?' || r == '#' }

func (c *checker) regex(field, expr string) {
	if expr == "" || len(expr) > maxPath {
		c.say(field, "the expression has to be 1 to %d bytes", maxPath)
		return
	}
	if _, err := regexp.Compile(expr); err != nil {
		c.say(field, "%.80q is not an RE2 expression: %v", expr, err)
	}
}

func (c *checker) fields(field string, fields []world.Field, headers bool) {
	if !c.atMost(field, len(fields), maxFields) {
		return
	}
	for i, f := range fields {
		here := at(field, i)
		if headers && !isToken(f.Name) || f.Name == "" || len(f.Name) > 256 {
			c.say(here+".name", "%.80q is not a name", f.Name)
		}
		if f.Type != "" {
			c.oneOf(here+".type", string(f.Type), "Exact", "Regex")
		}
		if f.Type == world.FieldRegex {
			c.regex(here+".value", f.Value)
		} else if len(f.Value) > maxValue {
			c.say(here+".value", "it is longer than %d bytes", maxValue)
		}
	}
}

func (c *checker) action(a world.Action) {
	n := 0
	if a.Forward != nil {
		n++
		c.forward(*a.Forward)
	}
	if a.Redirect != nil {
		n++
		c.redirect(*a.Redirect)
	}
	if a.Respond != nil {
		n++
		c.within("action.respond.status", a.Respond.Status, 200, 599)
		c.edit("action.respond.responseHeaders", a.Respond.ResponseHeaders)
	}
	if n != 1 {
		c.say("action", "it has to be exactly one of forward, redirect and respond")
	}
}

func (c *checker) forward(f world.Forward) {
	const here = "action.forward"
	if len(f.Backends) == 0 {
		c.say(here+".backends", "there has to be one")
	}
	if c.atMost(here+".backends", len(f.Backends), maxBackends) {
		c.backends(here+".backends", f.Backends)
	}
	c.edit(here+".requestHeaders", f.RequestHeaders)
	c.edit(here+".responseHeaders", f.ResponseHeaders)
	c.hostname(here+".rewriteHost", f.RewriteHost, false)
	c.pathEdit(here+".rewritePath", f.RewritePath)
	c.span(here+".requestTimeout", f.RequestTimeout, time.Millisecond, maxTimeout)
	c.span(here+".backendTimeout", f.BackendTimeout, time.Millisecond, maxTimeout)
	if c.atMost(here+".mirrors", len(f.Mirrors), maxMirrors) {
		for i, m := range f.Mirrors {
			c.mirror(at(here+".mirrors", i), m)
		}
	}
	if f.Retry != nil {
		c.retry(here+".retry", *f.Retry)
	}
	if f.Session != nil {
		c.session(here+".session", *f.Session)
	}
}

func (c *checker) backends(field string, backends []world.Backend) {
	var sum uint64
	for i, b := range backends {
		here := at(field, i)
		if b.Weight > maxWeight {
			c.say(here+".weight", "%d is more than %d", b.Weight, maxWeight)
		}
		sum += uint64(b.Weight)
		if (b.Pool == "") == (b.Status == 0) {
			c.say(here, "it has to have a pool or a status, and not both")
		}
		if b.Status != 0 {
			c.within(here+".status", b.Status, 200, 599)
		}
		c.edit(here+".requestHeaders", b.RequestHeaders)
		c.edit(here+".responseHeaders", b.ResponseHeaders)
	}
	if len(backends) > 0 && sum == 0 {
		c.say(field, "the sum of the weights is 0")
	}
}

func (c *checker) redirect(r world.Redirect) {
	const here = "action.redirect"
	if r.Scheme != "" {
		c.oneOf(here+".scheme", r.Scheme, "http", "https")
	}
	c.hostname(here+".hostname", r.Hostname, false)
	c.pathEdit(here+".path", r.Path)
	switch r.Status {
	case 0, 301, 302, 303, 307, 308:
	default:
		c.say(here+".status", "%d is not one of 301, 302, 303, 307, 308", r.Status)
	}
	c.edit(here+".responseHeaders", r.ResponseHeaders)
}

func (c *checker) pathEdit(field string, p *world.PathEdit) {
	if p == nil {
		return
	}
	c.oneOf(field+".type", string(p.Type), "Full", "Prefix")
	if p.Value != "" {
		c.target(field+".value", p.Value)
	}
}

func (c *checker) edit(field string, e *world.HeaderEdit) {
	if e == nil {
		return
	}
	if !c.atMost(field, len(e.Set)+len(e.Add)+len(e.Remove), maxEdits) {
		return
	}
	for i, h := range e.Set {
		c.header(at(field+".set", i), h)
	}
	for i, h := range e.Add {
		c.header(at(field+".add", i), h)
	}
	for i, name := range e.Remove {
		c.fieldName(at(field+".remove", i), name)
	}
}

func (c *checker) header(field string, h world.Header) {
	c.fieldName(field+".name", h.Name)
	bad := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if len(h.Value) > maxValue || strings.ContainsFunc(h.Value, bad) || strings.TrimSpace(h.Value) != h.Value {
		c.say(field+".value", "it is not the value of a header: at most %d bytes without control characters or space at its ends", maxValue)
	}
}

func (c *checker) fieldName(field, name string) {
	switch {
	case !isToken(name) || len(name) > 256:
		c.say(field, "%.80q is not the name of a header", name)
	case slices.Contains(framing, strings.ToLower(name)):
		c.say(field, "%s belongs to the connection and cannot be edited", name)
	}
}

// isToken is RFC 9110's token.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
