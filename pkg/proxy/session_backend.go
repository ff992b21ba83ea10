package proxy

import (
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// newGroup is newSticky for the session of a Forward's backends. Its tokens name a pool and no endpoint, and are worth nothing elsewhere.
func newGroup(cfg *Session, logf func(string, ...any), rule string) *sticky {
	s := newSticky(cfg, logf, "rule", rule)
	if s != nil {
		s.bound = append([]byte("backend "), s.bound...)
	}
	return s
}

// resumeBackend chooses the backend that the client is kept at, if it shows one that has weight still.
func (x *exchange) resumeBackend(f *forwardState) {
	s := f.group
	var room [maxShown]string
	for _, text := range s.shown(x.req.Fields, &room) {
		t, ok := x.open(s, text)
		if !ok || s.over(&t) {
			continue
		}
		for i := range f.backends {
			b := &f.backends[i]
			if p := x.version.pools[b.cfg.Pool]; p != nil && b.cfg.Weight > 0 && p.mark() == t.pool {
				x.backend, x.grouped = b, true
				return
			}
		}
	}
}

// keepBackend gives the client a token for the backend that answered, unless it has shown one.
func (x *exchange) keepBackend(s *sticky) {
	if x.grouped && !s.cfg.Renew {
		return
	}
	x.give(s, &token{pool: x.version.pools[x.backend.cfg.Pool].mark(), began: wallClock().UnixMilli()})
}

// showsCookie reports whether a request has a cookie called name.
func showsCookie(fields []h1.Field, name string) bool {
	for i := range fields {
		if f := &fields[i]; f.Gone || f.ID != h1.Other || !h1.EqualFold(f.Name, "cookie") {
			continue
		}
		for rest, more := fields[i].Value, true; more; {
			var pair string
			pair, rest, more = strings.Cut(rest, ";")
			if got, _, _ := strings.Cut(strings.Trim(pair, " \t"), "="); got == name {
				return true
			}
		}
	}
	return false
}

// setsCookie reports whether a response sets a cookie called name.
func setsCookie(fields []h1.Field, name string) bool {
	for i := range fields {
		if f := &fields[i]; !f.Gone && f.ID == h1.Other && h1.EqualFold(f.Name, "set-cookie") {
			if got, _, _ := strings.Cut(f.Value, "="); strings.Trim(got, " \t") == name {
				return true
			}
		}
	}
	return false
}
