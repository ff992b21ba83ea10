package h1

import (
	"strings"
	"unsafe"
)

// view is b as a string that shares its memory.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// SetAuthority sets Authority, Hostname and Port from host[:port]. It reports false when that is not a valid one.
func (r *Request) SetAuthority(authority string) bool {
	host, port, ok := splitAuthority(authority)
	if !ok {
		return false
	}
	r.Authority, r.Port = authority, port
	r.Hostname = r.lowerHost(host)
	return true
}

// lowerHost is host in lower case and without one trailing dot.
func (r *Request) lowerHost(host string) string {
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	for i := 0; i < len(host); i++ {
		if host[i] < 'A' || host[i] > 'Z' {
			continue
		}
		mark := len(r.arena)
		for j := 0; j < len(host); j++ {
			r.arena = append(r.arena, lower(host[j]))
		}
		return view(r.arena[mark:])
	}
	return host
}

// splitAuthority parses host[:port] where host is a name, an IPv4 address or an IPv6 address in brackets. It is narrower than RFC 3986:
// no user, no percent-encoding, no delimiters.
func splitAuthority(s string) (host, port string, ok bool) {
	if s == "" {
		return "", "", false
	}
	end := 0
	if s[0] == '[' {
		end = strings.IndexByte(s, ']') + 1
		if end < 4 {
			return "", "", false
		}
		for i := 1; i < end-1; i++ {
			if !isHex(s[i]) && s[i] != ':' && s[i] != '.' {
				return "", "", false
			}
		}
	} else {
		for end < len(s) && s[end] != ':' {
			if !hostByte[s[end]] {
				return "", "", false
			}
			end++
		}
	}
	host = s[:end]
	if host == "" || host == "." || host[0] != '[' && strings.Contains(host, "..") {
		return "", "", false
	}
	if end == len(s) {
		return host, "", true
	}
	if s[end] != ':' {
		return "", "", false
	}
	return host, s[end+1:], validPort(s[end+1:])
}

// validPort reports whether s is empty or a number up to 65535. RFC 3986 allows the empty one.
func validPort(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
		if n > 65535 {
			return false
		}
	}
	return true
}

// SetTarget sets RawPath and RawQuery from a target in origin form (or "*"). It reports false when the target is not valid.
func (r *Request) SetTarget(target string) bool {
	for i := 0; i < len(target); i++ {
		if !targetByte[target[i]] {
			return false
		}
	}
	path := target
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path, r.RawQuery, r.HasQuery = target[:i], target[i+1:], true
	}
	if path == "*" {
		r.RawPath = path
		return r.Verb == "OPTIONS" && !r.HasQuery
	}
	if path == "" || path[0] != '/' {
		return false
	}
	return r.setPath(path)
}

// setPath normalises path (RFC 3986, 6.2.2): percent-encoded letters, digits, "-", ".", "_" and "~" are decoded, then "." and ".." segments
// are resolved. What is matched is what is sent on, so there is no spelling of a path that a rule does not see and an endpoint does.
// Repeated slashes and other percent-encodings stay. A path that leaves the root, or with a malformed percent-encoding, is not valid.
func (r *Request) setPath(path string) bool {
	if strings.IndexByte(path, '%') >= 0 {
		var ok bool
		if path, ok = r.decodeUnreserved(path); !ok {
			return false
		}
	}
	if !hasDotSegment(path) {
		r.RawPath = path
		return true
	}
	mark := len(r.arena)
	for rest := path; rest != ""; {
		// rest begins with a slash; segment is what follows up to the next one.
		next := strings.IndexByte(rest[1:], '/') + 1
		if next == 0 {
			next = len(rest)
		}
		segment, last := rest[1:next], next == len(rest)
		rest = rest[next:]
		switch segment {
		case ".":
		case "..":
			cut := strings.LastIndexByte(view(r.arena[mark:]), '/')
			if cut < 0 {
				return false
			}
			r.arena = r.arena[:mark+cut]
		default:
			r.arena = append(r.arena, '/')
			r.arena = append(r.arena, segment...)
			continue
		}
		if last {
			r.arena = append(r.arena, '/')
		}
	}
	r.RawPath = view(r.arena[mark:])
	return true
}

// hasDotSegment reports whether one of path's segments is "." or "..".
func hasDotSegment(path string) bool {
	for i := 0; ; {
		dot := strings.Index(path[i:], "/.")
		if dot < 0 {
			return false
		}
		i += dot + 2
		if i < len(path) && path[i] == '.' {
			i++
		}
		if i == len(path) || path[i] == '/' {
			return true
		}
	}
}

// decodeUnreserved decodes the percent-encodings of unreserved characters and checks the others.
func (r *Request) decodeUnreserved(path string) (string, bool) {
	mark := len(r.arena)
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			r.arena = append(r.arena, path[i])
			continue
		}
		if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
			return "", false
		}
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); unreserved(c) {
			r.arena = append(r.arena, c)
		} else {
			r.arena = append(r.arena, path[i:i+3]...)
		}
		i += 2
	}
	return view(r.arena[mark:]), true
}

// ValidAuthority reports whether s is a host with or without a port, as SetAuthority takes it.
func ValidAuthority(s string) bool {
	_, _, ok := splitAuthority(s)
	return ok
}

// ValidPath reports whether s may be put in a path: it is empty, or begins with a slash and has no query.
func ValidPath(s string) bool {
	if s != "" && s[0] != '/' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !targetByte[s[i]] || s[i] == '?' {
			return false
		}
	}
	return true
}

// ValidScheme reports whether s is empty or the name of a scheme.
func ValidScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isLetter(s[i]) {
			return false
		}
	}
	return true
}
