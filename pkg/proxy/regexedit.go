package proxy

import (
	"regexp"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// regexEdit is a RegexEdit made ready.
type regexEdit struct {
	regex *regexp.Regexp
	parts []replacePart
}

// replacePart is a piece of text, or where group is not negative what that group matched.
type replacePart struct {
	text  string
	group int
}

// compile makes f's regular expressions ready, and returns why one cannot be.
func (f *forwardState) compile() string {
	var broken string
	f.hosts, broken = newRegexEdits(f.cfg.HostPatterns)
	if broken == "" {
		f.urls, broken = newRegexEdits(f.cfg.URLPatterns)
	}
	return broken
}

func newRegexEdits(given []RegexEdit) (edits []regexEdit, broken string) {
	for _, e := range given {
		if err := route.CheckRegex(e.Regex); err != nil {
			return nil, err.Error()
		}
		regex, err := regexp.Compile(e.Regex)
		if err != nil {
			return nil, err.Error()
		}
		edits = append(edits, regexEdit{regex: regex, parts: replaceParts(e.Replace)})
	}
	return edits, ""
}

// replaceParts parses what replaces a match.
func replaceParts(s string) []replacePart {
	var parts []replacePart
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 == len(s) {
			return append(parts, replacePart{text: s, group: -1})
		}
		if i > 0 {
			parts = append(parts, replacePart{text: s[:i], group: -1})
		}
		switch c := s[i+1]; {
		case c == '$':
			parts = append(parts, replacePart{text: "$", group: -1})
		case '0' <= c && c <= '9':
			parts = append(parts, replacePart{group: int(c - '0')})
		default:
			parts = append(parts, replacePart{text: s[i : i+2], group: -1})
		}
		s = s[i+2:]
	}
	return parts
}

// apply returns s with the first match replaced, and whether there was one.
func (e *regexEdit) apply(s string) (string, bool) {
	at := e.regex.FindStringSubmatchIndex(s)
	if at == nil {
		return s, false
	}
	var b strings.Builder
	b.WriteString(s[:at[0]])
	for _, part := range e.parts {
		switch {
		case part.group < 0:
			b.WriteString(part.text)
		case 2*part.group+1 < len(at) && at[2*part.group] >= 0:
			b.WriteString(s[at[2*part.group]:at[2*part.group+1]])
		}
	}
	b.WriteString(s[at[1]:])
	return b.String(), true
}

func applyAll(edits []regexEdit, s string) (string, bool) {
	changed := false
	for i := range edits {
		var matched bool
		s, matched = edits[i].apply(s)
		changed = changed || matched
	}
	return s, changed
}

// transform follows the regular expressions of f, and reports whether what they make can be sent.
func (x *exchange) transform(f *forwardState) bool {
	var r h1.Request
	if f.hosts != nil && r.SetAuthority(x.req.Authority) {
		if host, changed := applyAll(f.hosts, r.Hostname); changed {
			if r.Port != "" {
				host += ":" + r.Port
			}
			if !h1.ValidAuthority(host) {
				return false
			}
			x.req.Authority = host
		}
	}
	if f.urls == nil {
		return true
	}
	url := x.req.RawPath
	if x.req.HasQuery {
		url += "?" + x.req.RawQuery
	}
	url, changed := applyAll(f.urls, url)
	if !changed {
		return true
	}
	x.req.RawQuery, x.req.HasQuery = "", false
	return x.req.SetTarget(url)
}
