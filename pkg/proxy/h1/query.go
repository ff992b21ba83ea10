package h1

import "strings"

// Query returns the first value of the named parameter, decoded, and whether it is there. A pair that cannot be decoded is not there.
func (r *Request) Query(name string) (string, bool) {
	rest := r.RawQuery
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(pair, "=")
		key, ok := r.decodeParameter(key)
		if !ok || key != name {
			continue
		}
		return r.decodeParameter(value)
	}
	return "", false
}

// decodeParameter decodes a query's name or value. It copies only when there is something to decode.
func (r *Request) decodeParameter(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	mark := len(r.arena)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			r.arena = append(r.arena, ' ')
		case '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false
			}
			r.arena = append(r.arena, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			r.arena = append(r.arena, c)
		}
	}
	return view(r.arena[mark:]), true
}
