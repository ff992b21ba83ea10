package h1

import (
	"errors"
	"strings"
)

// Parse parses a whole head, up to and with its empty line, into r, which was Reset. It keeps parts of head. An error is an *Error: what to
// answer. After it, r may be filled in part and is good for a log only.
func (r *Request) Parse(head []byte, limits Limits) error {
	first, rest, ok := line(view(head))
	if !ok {
		return ErrLineEnd
	}
	if len(first) > limits.MaxLine {
		return ErrTargetLong
	}
	verb, after, ok := strings.Cut(first, " ")
	if !ok || verb == "" {
		return ErrLine
	}
	for i := 0; i < len(verb); i++ {
		if !tokenByte[verb[i]] {
			return ErrMethod
		}
	}
	r.Verb = verb
	target, version, ok := strings.Cut(after, " ")
	if !ok || target == "" {
		return ErrLine
	}
	if err := r.parseVersion(version); err != nil {
		return err
	}
	var err error
	if r.Fields, err = parseFields(r.Fields, rest, limits); err != nil {
		return err
	}
	f, err := frame(r.Fields)
	if err != nil {
		return err
	}
	if verb == "CONNECT" {
		return ErrConnect
	}
	if err := r.parseTarget(target, f); err != nil {
		return err
	}
	return r.frame(f)
}

func (r *Request) parseVersion(version string) error {
	switch version {
	case "HTTP/1.1":
		r.Minor = 1
	case "HTTP/1.0":
		r.Minor = 0
	default:
		if len(version) == 8 && version[:5] == "HTTP/" && isDigit(version[5]) && version[6] == '.' && isDigit(version[7]) {
			return ErrVersion
		}
		return ErrLine
	}
	return nil
}

// parseTarget finds the authority, the path and the query. The authority of a target in absolute form has precedence over Host, which still has to be
// there and valid.
func (r *Request) parseTarget(target string, f framing) error {
	if f.hosts > 1 || f.hosts == 0 && r.Minor > 0 || f.hosts == 1 && !r.SetAuthority(f.host) {
		return ErrHost
	}
	if target[0] != '/' && target != "*" {
		scheme, after, ok := strings.Cut(target, "://")
		if !ok || !EqualFold(scheme, "http") && !EqualFold(scheme, "https") {
			return ErrTarget
		}
		end := strings.IndexAny(after, "/?")
		if end < 0 {
			end = len(after)
		}
		if !r.SetAuthority(after[:end]) {
			return ErrTarget
		}
		target = after[end:]
		if target == "" || target[0] == '?' {
			// Rare, so that the copy does not matter.
			target = "/" + target
		}
	}
	if !r.SetTarget(target) {
		return ErrTarget
	}
	return nil
}

// frame sets what the fields say of the body and of the connection.
func (r *Request) frame(f framing) error {
	switch {
	case f.chunked && r.Minor == 0:
		return ErrFraming
	case f.chunked:
		r.Length = -1
	case f.length > 0:
		r.Length = f.length
	}
	if f.expects && r.Minor > 0 {
		if !f.continues {
			return ErrExpect
		}
		r.Continue = r.Length != 0
	}
	r.Close = f.close || r.Minor == 0 && !f.keepAlive
	r.Trailers = f.teTrailers
	// HTTP/2 in a tunnel would carry requests that no rule sees.
	if f.upgrading && r.Minor > 0 && r.Length == 0 && !hasOption(f.upgrade, "h2c") {
		r.Upgrade = f.upgrade
	}
	return nil
}

// StatusOf is what to answer for an error of Parse or of a body: the status of an *Error, else 400.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 400
}
