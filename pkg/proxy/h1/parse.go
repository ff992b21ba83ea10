package h1

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unsafe"
)

// Limits bound a head.
type Limits struct {
	MaxLine   int // bytes of the first line, and of each field
	MaxFields int
}

// HeadEnd returns where the head that b begins with ends: just after its empty line; 0 when that has not come. from is where to go on looking
// after bytes were added: the length of b at the last call.
func HeadEnd(b []byte, from int) int {
	from = max(from-3, 0)
	i := bytes.Index(b[from:], []byte("\r\n\r\n"))
	if i < 0 {
		return 0
	}
	return from + i + 4
}

// SkipEmpty returns how many bytes of empty lines b begins with. A server ignores those before a request (RFC 9112, 2.2).
func SkipEmpty(b []byte) int {
	n := 0
	for len(b)-n >= 2 && b[n] == '\r' && b[n+1] == '\n' {
		n += 2
	}
	return n
}

// line cuts the first line, without its CR LF, from s. A CR or LF elsewhere makes it not valid.
func line(s string) (first, rest string, ok bool) {
	i := strings.IndexByte(s, '\n')
	if i < 1 || s[i-1] != '\r' {
		return "", "", false
	}
	return s[:i-1], s[i+1:], true
}

// parseFields parses lines of fields up to and with the empty line at the end, and appends them.
func parseFields(fields []Field, s string, limits Limits) ([]Field, error) {
	for {
		if len(s) >= 2 && s[0] == '\r' && s[1] == '\n' {
			if len(s) > 2 {
				return fields, ErrField
			}
			return fields, nil
		}
		// The name: a token up to the colon.
		colon := 0
		for colon < len(s) && tokenByte[s[colon]] {
			colon++
		}
		if colon == 0 || colon == len(s) || s[colon] != ':' {
			return fields, fieldError(s, colon)
		}
		// The value: up to the line's end.
		end := valueEnd(s, colon+1)
		if end+1 >= len(s) || s[end] != '\r' || s[end+1] != '\n' {
			if end < len(s) && (s[end] == '\r' || s[end] == '\n') {
				return fields, ErrLineEnd
			}
			return fields, ErrField
		}
		if end > limits.MaxLine || len(fields) >= limits.MaxFields {
			return fields, ErrHeadLarge
		}
		name := s[:colon]
		fields = append(fields, Field{Name: name, Value: trim(s[colon+1 : end]), ID: Identify(name)})
		s = s[end+2:]
	}
}

// valueEnd returns the index of the first byte of s from i on that may not be in a field's value, or len(s). It looks at eight bytes at a time: values are
// most of a head.
func valueEnd(s string, i int) int {
	const (
		ones   = 0x0101010101010101
		highs  = 0x8080808080808080
		spaces = ones * ' '
		dels   = ones * 0x7f
	)
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		// The high bit of each byte that is below a space, or DEL. Borrows make it too eager, never too lax.
		del := w ^ dels
		if ((w-spaces)&^w|(del-ones)&^del)&highs == 0 {
			continue
		}
		for n := range 8 {
			if !valueByte[b[i+n]] {
				return i + n
			}
		}
	}
	for i < len(b) && valueByte[b[i]] {
		i++
	}
	return i
}

// fieldError says what is wrong with a line that does not begin with a name and a colon.
func fieldError(s string, at int) error {
	switch {
	case at == 0 && s != "" && (s[0] == ' ' || s[0] == '\t'):
		return ErrFold
	case at < len(s) && (s[at] == '\r' || s[at] == '\n'):
		return ErrLineEnd
	}
	return ErrField
}

// trim is s without the white space around it.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// length parses the value of Content-Length: digits alone.
func length(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// framing is what the fields say of the body and of the connection.
type framing struct {
	length      int64 // -1 when no Content-Length says
	chunked     bool
	close       bool
	keepAlive   bool
	upgrading   bool // Connection has "upgrade"
	upgrade     string
	hosts       int
	host        string
	expects     bool
	continues   bool
	teTrailers  bool
	transferred bool // there is a Transfer-Encoding
}

// frame reads the fields that frame a message. It removes from fields what Connection names.
func frame(fields []Field) (framing, error) {
	f := framing{length: -1}
	nominates := false
	for i := range fields {
		value := fields[i].Value
		switch fields[i].ID {
		case ContentLength:
			n, ok := length(value)
			if !ok || f.length >= 0 {
				return f, ErrLength
			}
			f.length = n
		case TransferEncoding:
			if f.transferred || !EqualFold(value, "chunked") {
				return f, ErrCoding
			}
			f.transferred, f.chunked = true, true
		case Connection:
			named, err := f.connection(value)
			if err != nil {
				return f, err
			}
			nominates = nominates || named
		case Host:
			f.hosts++
			f.host = value
		case Upgrade:
			if f.upgrade == "" {
				f.upgrade = value
			}
		case Expect:
			f.expects = true
			f.continues = EqualFold(value, "100-continue")
		case TE:
			f.teTrailers = f.teTrailers || hasOption(value, "trailers")
		case Other, Trailer, KeepAlive, ProxyConnection, ProxyAuthenticate, ProxyAuthorization, ForwardedFor, ForwardedProto, ForwardedHost,
			ForwardedPort, ForwardedClientCert, Date, HTTP2Settings:
		}
	}
	if f.length >= 0 && f.transferred {
		return f, ErrBothFramings
	}
	if nominates {
		removeNominated(fields)
	}
	return f, nil
}

// connection reads the value of a Connection field, and reports whether it names a field that is for this connection only.
func (f *framing) connection(value string) (nominates bool, err error) {
	for rest := value; rest != ""; {
		var option string
		option, rest, _ = strings.Cut(rest, ",")
		option = trim(option)
		switch {
		case option == "":
		case EqualFold(option, "close"):
			f.close = true
		case EqualFold(option, "keep-alive"):
			f.keepAlive = true
		case EqualFold(option, "upgrade"):
			f.upgrading = true
		default:
			if !ValidField(option, "") {
				return false, ErrConnection
			}
			nominates = true
		}
	}
	return nominates, nil
}

// removeNominated removes the fields that Connection names. Those that frame the message or route it stay, whatever it says: a client
// must not be able to strip them (RFC 9110, 7.6.1).
func removeNominated(fields []Field) {
	for i := range fields {
		if fields[i].ID != Connection {
			continue
		}
		for rest := fields[i].Value; rest != ""; {
			var option string
			option, rest, _ = strings.Cut(rest, ",")
			option = trim(option)
			switch Identify(option) {
			case Host, ContentLength, Trailer, Expect, ForwardedFor, ForwardedProto, ForwardedHost, ForwardedPort, Date:
			default:
				Remove(fields, option)
			}
		}
	}
}

// hasOption reports whether a comma separated list has the option, with or without parameters.
func hasOption(list, option string) bool {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ",")
		one, _, _ = strings.Cut(one, ";")
		if EqualFold(trim(one), option) {
			return true
		}
	}
	return false
}

// Hopeless says early that b, an incomplete head, can never become a valid one: it does not begin as one, or has a LF without its CR. The
// first from bytes were looked at before.
func Hopeless(b []byte, from int) error {
	if len(b) == 0 {
		return nil
	}
	if !tokenByte[b[0]] && (b[0] != '\r' || len(b) > 1) {
		return ErrLine
	}
	for i := from; i < len(b); i++ {
		switch b[i] {
		case '\n':
			if i == 0 || b[i-1] != '\r' {
				return ErrLineEnd
			}
		case 0:
			return ErrLineEnd
		}
	}
	return nil
}
