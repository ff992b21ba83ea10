package proxy

import (
	"bytes"
	"cmp"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// sticky is a Session made ready.
type sticky struct {
	cfg    *Session
	bound  []byte // what its tokens are bound to: they are worth nothing in a session of another name
	cookie string // the attributes of its cookie
}

// newSticky returns nil for none, and for one that cannot be shown by a client, which is said to logf with what has it.
func newSticky(cfg *Session, logf func(string, ...any), what, name string) *sticky {
	if cfg == nil {
		return nil
	}
	if wrong := cfg.unusable(); wrong != "" {
		logf("%s %q: session %q: %s; there are no sessions", what, name, cfg.Name, wrong)
		return nil
	}
	s := &sticky{cfg: cfg}
	if cfg.Header {
		// The names of fields have no case.
		s.bound = []byte("header " + strings.ToLower(cfg.Name))
		return s
	}
	s.bound = []byte("cookie " + cfg.Name)
	path := cfg.Path
	if path == "" {
		path = "/"
	}
	if cfg.Plain {
		s.cookie = "; Path=" + path
		return s
	}
	s.cookie = "; Path=" + path + "; HttpOnly; SameSite=Lax"
	if cfg.Permanent && cfg.Lifetime > 0 {
		s.cookie += "; Max-Age=" + strconv.Itoa(int(math.Ceil(cfg.Lifetime.Seconds())))
	}
	return s
}

// unusable says why a session cannot be shown by a client; "" when it can.
func (c *Session) unusable() string {
	switch {
	case c.Name == "" || len(c.Name) > 256 || !h1.ValidField(c.Name, ""):
		return "the name is not one"
	case c.Header && (h1.Identify(c.Name) != h1.Other || h1.EqualFold(c.Name, "cookie") || h1.EqualFold(c.Name, "set-cookie")):
		return "the header field has another meaning"
	case !h1.ValidField(cmp.Or(c.Cross, "x"), "") || !h1.ValidField(cmp.Or(c.Application, "x"), ""):
		return "the name of another cookie is not one"
	case c.Header || c.Path == "":
		return ""
	case c.Path[0] != '/' || strings.ContainsFunc(c.Path, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' }):
		return "the path is not one"
	}
	return ""
}

// maxShown is how many values a request may show for one session: there is a cookie for each path and domain that a client knows. More are
// not looked at.
const maxShown = 8

// shown returns what a request shows for the session.
func (s *sticky) shown(fields []h1.Field, room *[maxShown]string) []string {
	list := room[:0]
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Gone || f.ID != h1.Other:
		case s.cfg.Header && h1.EqualFold(f.Name, s.cfg.Name):
			for rest, more := f.Value, true; more && len(list) < maxShown; {
				var value string
				value, rest, more = strings.Cut(rest, ",")
				list = append(list, strings.Trim(value, " \t"))
			}
		case !s.cfg.Header && h1.EqualFold(f.Name, "cookie"):
			for rest, more := f.Value, true; more && len(list) < maxShown; {
				var pair string
				pair, rest, more = strings.Cut(rest, ";")
				name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
				if name == s.cfg.Name || name == s.cfg.Cross && name != "" {
					list = append(list, value)
				}
			}
		}
	}
	return list
}

// resume finds the endpoint of the client's session, if it shows one, and chooses the backend that has it, also one without weight. It is
// called for rules that have sessions, or may have those of a pool.
func (x *exchange) resume(f *forwardState) {
	if f.sticky != nil {
		x.hold(f, f.sticky)
		return
	}
	for i := range f.backends {
		if p := x.version.pools[f.backends[i].cfg.Pool]; p != nil && p.sticky != nil && x.held == nil {
			x.hold(f, p.sticky)
		}
	}
}

// hold sets x.held to the endpoint of the first token for s that is worth anything, and x.backend with it.
func (x *exchange) hold(f *forwardState, s *sticky) {
	if s.cfg.Application != "" && !showsCookie(x.req.Fields, s.cfg.Application) {
		return
	}
	var room [maxShown]string
	for _, text := range s.shown(x.req.Fields, &room) {
		t, ok := x.open(s, text)
		if !ok || s.over(&t) {
			continue
		}
		if backend, m := x.find(f, s, &t); m != nil {
			x.backend, x.held = backend, m
			return
		}
	}
}

// over reports whether the session that t is of has ended.
func (s *sticky) over(t *token) bool {
	return s.cfg.Lifetime > 0 && wallClock().UnixMilli()-t.began >= s.cfg.Lifetime.Milliseconds()
}

// find returns the endpoint that t names, in the pool that it names or, where the rule has that no more, in another that has the endpoint.
// Of backends that share a pool the first with weight is taken.
func (x *exchange) find(f *forwardState, s *sticky, t *token) (*backendState, *member) {
	var backend *backendState
	var found *member
	best := 0
	for i := range f.backends {
		b := &f.backends[i]
		p := x.version.pools[b.cfg.Pool]
		if x.backend != nil && x.backend != b {
			continue // The client is kept at that one.
		}
		if p == nil || f.sticky == nil && (p.sticky == nil || !bytes.Equal(p.sticky.bound, s.bound)) {
			continue
		}
		m := p.memberAt(t.endpoint)
		if m == nil {
			continue
		}
		rank := 1
		if p.mark() == t.pool {
			rank += 2
		}
		if b.cfg.Weight > 0 {
			rank++
		}
		if rank > best {
			backend, found, best = b, m, rank
		}
	}
	return backend, found
}

// pick chooses the endpoint for the next try: first that of the client's session, then the one at which the request has waited for room.
// Nobody else in that line is called for the room, so that it must not go to another without need.
func (x *exchange) pick(p *pool) *member {
	called := x.called
	x.called = nil
	if m := x.held; m != nil && m.serving() && !x.tried.has(m.endpoint) {
		return m
	}
	if called != nil && called.serving() && !called.full() && !x.tried.has(called.endpoint) {
		return called
	}
	if p.cfg.Algorithm.hashes() {
		return p.pickFor(&x.client.flow, &x.tried)
	}
	return p.pick(&x.tried)
}

// serving reports whether a session may go on at m.
func (m *member) serving() bool {
	switch {
	case m.draining:
		return false
	case m.check != nil:
		return m.check.state() != Unhealthy
	}
	return m.ejectedUntil.Load() <= coarse()
}

// keepSession gives the client a token for the endpoint that answered, unless it has shown one. x.sticky is not nil.
func (x *exchange) keepSession() {
	s := x.sticky
	goesOn := x.held != nil && x.held.endpoint == x.member.endpoint
	switch {
	case s.cfg.Application != "" && setsCookie(x.resp.Fields, s.cfg.Application):
	case s.cfg.Application != "" && !goesOn:
		return
	case goesOn && !s.cfg.Renew:
		return
	}
	x.give(s, &token{pool: x.version.pools[x.backend.cfg.Pool].mark(), endpoint: x.member.address(), began: wallClock().UnixMilli()})
}

// give gives the client a token for s.
func (x *exchange) give(s *sticky, t *token) {
	mark := len(x.scratch)
	if !x.seal(s, t) {
		x.scratch = x.scratch[:mark]
		return
	}
	text := x.made(mark)
	if s.cfg.Header {
		h1.Remove(x.resp.Fields, s.cfg.Name) // An endpoint that sends back what it is sent would be in the way.
		x.resp.Add(s.cfg.Name, text)
		return
	}
	last := ""
	if x.client.tls && !s.cfg.Plain {
		last = "; Secure"
	}
	x.giveCookie(s, s.cfg.Name, text, last)
	if s.cfg.Cross != "" {
		x.giveCookie(s, s.cfg.Cross, text, "; SameSite=None; Secure")
	}
}

// giveCookie sets a cookie of s that ends with last.
func (x *exchange) giveCookie(s *sticky, name, text, last string) {
	mark := len(x.scratch)
	x.scratch = append(append(append(x.scratch, name...), '='), text...)
	if s.cfg.Plain && s.cfg.Permanent && s.cfg.Lifetime > 0 {
		x.scratch = append(x.scratch, "; Expires="...)
		x.scratch = wallClock().Add(s.cfg.Lifetime).UTC().AppendFormat(x.scratch, http.TimeFormat)
	}
	x.scratch = append(append(x.scratch, s.cookie...), last...)
	x.resp.Add("Set-Cookie", x.made(mark))
}

// anySticky reports whether a pool has sessions of its own.
func anySticky(pools map[string]*pool) bool {
	for _, p := range pools {
		if p.sticky != nil {
			return true
		}
	}
	return false
}
