package translate

import (
	"net/netip"
	"strings"
)

// maxHostname is the length of the longest DNS name.
const maxHostname = 253

// validHostname tells whether h (in lower case) is a DNS name, or one behind "*.", and no IP address. The empty hostname, which
// matches every host, is not one.
func validHostname(h string) bool {
	rest := strings.TrimPrefix(h, "*.")
	if rest == "" || len(h) > maxHostname {
		return false
	}
	if _, err := netip.ParseAddr(rest); err == nil {
		return false
	}
	for label := range strings.SplitSeq(rest, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func isWildcard(h string) bool { return strings.HasPrefix(h, "*.") }

// intersect returns the hostname that both a and b match: the more specific one. The empty hostname matches every host, a
// wildcard one or more labels in its place.
func intersect(a, b string) (string, bool) {
	switch {
	case a == b || b == "":
		return a, true
	case a == "":
		return b, true
	case isWildcard(a) && strings.HasSuffix(b, a[1:]):
		return b, true // b is "x.example.com" or "*.x.example.com"
	case isWildcard(b) && strings.HasSuffix(a, b[1:]):
		return a, true
	default:
		return "", false
	}
}

// hostnameSet answers whether a hostname has an intersection with any of a set, in time that does not grow with the set.
type hostnameSet struct {
	any      bool
	nonEmpty bool
	exact    map[string]string // hostname to its owner
	wildcard map[string]string // what stands behind "*." to its owner
	below    map[string]string // every suffix of every member to an owner
	anyOwner string
	owner    string
}

// add puts h into the set for owner. The first owner of a hostname stays.
func (s *hostnameSet) add(h, owner string) {
	if s.exact == nil {
		s.exact, s.wildcard, s.below = map[string]string{}, map[string]string{}, map[string]string{}
	}
	if !s.nonEmpty {
		s.nonEmpty, s.owner = true, owner
	}
	if h == "" {
		if !s.any {
			s.any, s.anyOwner = true, owner
		}
		return
	}
	if isWildcard(h) {
		setOnce(s.wildcard, h[2:], owner)
		setOnce(s.below, h[2:], owner)
		h = h[2:]
	} else {
		setOnce(s.exact, h, owner)
	}
	for suffix := range parentDomains(h) {
		setOnce(s.below, suffix, owner)
	}
}

// find returns the owner of a member that intersects with h.
func (s *hostnameSet) find(h string) (string, bool) {
	switch {
	case !s.nonEmpty:
		return "", false
	case s.any:
		return s.anyOwner, true
	case h == "":
		return s.owner, true
	}
	if isWildcard(h) {
		h = h[2:]
		if owner, found := s.below[h]; found {
			return owner, true
		}
		if owner, found := s.wildcard[h]; found {
			return owner, true
		}
	} else if owner, found := s.exact[h]; found {
		return owner, true
	}
	for suffix := range parentDomains(h) {
		if owner, found := s.wildcard[suffix]; found {
			return owner, true
		}
	}
	return "", false
}

func setOnce(m map[string]string, key, value string) {
	if _, found := m[key]; !found {
		m[key] = value
	}
}

// parentDomains yields "b.c" and "c" for "a.b.c".
func parentDomains(h string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, rest, found := strings.Cut(h, ".")
			if !found || !yield(rest) {
				return
			}
			h = rest
		}
	}
}
