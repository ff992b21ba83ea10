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

// QueryAt returns the first parameter from at on, with its percent-encodings decoded (a plus sign stays one), and from where to go on; next is 0
// when there is none. A pair that cannot be decoded is not there. The strings are valid until the next call.
func (r *Request) QueryAt(at int) (key, value string, next int) {
	mark := len(r.arena)
	defer func() { r.arena = r.arena[:mark] }()
	for at < len(r.RawQuery) {
		pair, _, _ := strings.Cut(r.RawQuery[at:], "&")
		if at += len(pair) + 1; pair == "" {
			continue
		}
		key, value, _ = strings.Cut(pair, "=")
		var ok, valid bool
		key, ok = r.decodePercent(key)
		if value, valid = r.decodePercent(value); ok && valid {
			return key, value, at
		}
	}
	return "", "", 0
}

// decodePercent decodes what is percent-encoded. It copies only when something is.
func (r *Request) decodePercent(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	mark := len(r.arena)
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			r.arena = append(r.arena, s[i])
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return "", false
		}
		r.arena = append(r.arena, unhex(s[i+1])<<4|unhex(s[i+2]))
		i += 2
	}
	return view(r.arena[mark:]), true
}

// HeaderAt returns the value of the first field with the name from at on, and from where to go on; next is 0 when there is none.
func (r *Request) HeaderAt(name string, at int) (value string, next int) {
	for ; at < len(r.Fields); at++ {
		if f := &r.Fields[at]; !f.Gone && EqualFold(f.Name, name) {
			return f.Value, at + 1
		}
	}
	return "", 0
}
