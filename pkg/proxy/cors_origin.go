package proxy

import (
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// origin is what an Origin field names (RFC 6454, 7).
type origin struct {
	scheme, host string
	port         string // that of the scheme where none is named
}

// parseOrigin parses SCHEME://HOST[:PORT], and nothing that has more to it.
func parseOrigin(s string) (origin, bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !validOriginScheme(scheme) {
		return origin{}, false
	}
	o := origin{scheme: scheme, host: rest}
	from := 0
	if strings.HasPrefix(rest, "[") { // The colons of IPv6.
		if from = strings.IndexByte(rest, ']'); from < 0 {
			return origin{}, false
		}
	}
	if colon := strings.IndexByte(rest[from:], ':'); colon >= 0 {
		o.host, o.port = rest[:from+colon], strings.TrimLeft(rest[from+colon+1:], "0")
		if !digits(o.port) || len(o.port) > len("65535") {
			return origin{}, false
		}
	} else {
		switch {
		case h1.EqualFold(scheme, "http"):
			o.port = wellKnown("http")
		case h1.EqualFold(scheme, "https"):
			o.port = wellKnown("https")
		}
	}
	return o, validOriginHost(o.host)
}

func validOriginScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		if !alphanumeric(s[i]) && s[i] != '+' && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return s != ""
}

func validOriginHost(s string) bool {
	inside, literal := strings.CutPrefix(s, "[")
	if literal {
		inside, literal = strings.CutSuffix(inside, "]")
		return literal && inside != "" && strings.Trim(inside, "0123456789abcdefABCDEF:.") == ""
	}
	for i := 0; i < len(s); i++ {
		if !alphanumeric(s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '_' && s[i] != '%' && s[i] < 0x80 {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// originPattern is an origin that is allowed. A * in its host stands for what is there, one byte or more: for one or more labels in
// *.example.com, and for every host where it is alone.
type originPattern struct {
	origin        // its host is what comes before the *
	wild   bool   // there is a *
	suffix string // what comes after the *
}

func newOriginPattern(s string) (originPattern, bool) {
	before, after, wild := strings.Cut(s, "*")
	if !wild {
		o, ok := parseOrigin(s)
		return originPattern{origin: o}, ok
	}
	// Any letter in place of the * shows whether the rest is an origin.
	o, ok := parseOrigin(before + "x" + after)
	host := strings.Index(before, "://") + len("://")
	if !ok || host < len("://") {
		return originPattern{}, false
	}
	prefix := before[host:]
	if len(prefix) >= len(o.host) {
		return originPattern{}, false // The * is in the port.
	}
	suffix := o.host[len(prefix)+1:]
	o.host = prefix
	return originPattern{origin: o, wild: true, suffix: suffix}, true
}

func (p *originPattern) matches(o *origin) bool {
	if p.port != o.port || !h1.EqualFold(p.scheme, o.scheme) {
		return false
	}
	if !p.wild {
		return h1.EqualFold(p.host, o.host)
	}
	n := len(o.host) - len(p.suffix)
	return n > len(p.host) && h1.EqualFold(o.host[:len(p.host)], p.host) && h1.EqualFold(o.host[n:], p.suffix)
}
