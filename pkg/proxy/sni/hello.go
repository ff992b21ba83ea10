package sni

import (
	"errors"
	"fmt"
)

// Hello is what a ClientHello says about where the connection wants to go.
type Hello struct {
	// ServerName is the host name in the server_name extension, in lower case; empty when there is none. With encrypted client
	// hello it is the public (outer) name, which is the only one that a proxy without the key can route by.
	ServerName string
	// Protocols are the ALPN names that the client offers, in its order.
	Protocols []string
}

// ErrMalformed is wrapped by every error about bytes that are not a well-formed ClientHello.
var ErrMalformed = errors.New("malformed ClientHello")

// ErrNotTLS is wrapped by errors about bytes that do not begin a TLS handshake at all.
var ErrNotTLS = errors.New("not a TLS handshake")

// ErrTooLarge is returned when the ClientHello does not end within the limit.
var ErrTooLarge = errors.New("ClientHello is larger than the limit")

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

const (
	typeClientHello = 1
	handshakeHeader = 4

	extensionServerName = 0
	extensionALPN       = 16
	nameTypeHost        = 0
)

// field is a cursor over the vectors of a TLS presentation-language struct.
type field []byte

// take returns the first n bytes and moves past them.
func (f *field) take(n int) (field, bool) {
	if n > len(*f) {
		return nil, false
	}
	got := (*f)[:n]
	*f = (*f)[n:]
	return got, true
}

// number reads a big-endian number of size bytes.
func (f *field) number(size int) (int, bool) {
	raw, ok := f.take(size)
	if !ok {
		return 0, false
	}
	n := 0
	for _, b := range raw {
		n = n<<8 | int(b)
	}
	return n, true
}

// vector reads a vector whose length takes size bytes.
func (f *field) vector(size int) (field, bool) {
	n, ok := f.number(size)
	if !ok {
		return nil, false
	}
	return f.take(n)
}

// ParseMessage reads one whole ClientHello handshake message, its four-byte header included. It keeps nothing of msg.
func ParseMessage(msg []byte) (Hello, error) {
	f := field(msg)
	kind, ok := f.number(1)
	if !ok || kind != typeClientHello {
		return Hello{}, malformed("the handshake does not begin with a ClientHello")
	}
	body, ok := f.vector(3)
	if !ok || len(f) != 0 {
		return Hello{}, malformed("the message's length is wrong")
	}
	extensions, err := skipToExtensions(body)
	if err != nil {
		return Hello{}, err
	}
	return parseExtensions(extensions)
}

// skipToExtensions checks what precedes the extensions and returns them; empty when there are none, as before TLS 1.2.
func skipToExtensions(body field) (field, error) {
	version, ok := body.number(2)
	if !ok || version>>8 != 3 {
		return nil, malformed("the version is not one of SSL 3 or TLS")
	}
	if _, ok = body.take(32); !ok {
		return nil, malformed("no random")
	}
	session, ok := body.vector(1)
	if !ok || len(session) > 32 {
		return nil, malformed("bad session id")
	}
	suites, ok := body.vector(2)
	if !ok || len(suites) == 0 || len(suites)%2 != 0 {
		return nil, malformed("bad cipher suites")
	}
	compression, ok := body.vector(1)
	if !ok || len(compression) == 0 {
		return nil, malformed("bad compression methods")
	}
	if len(body) == 0 {
		return nil, nil
	}
	extensions, ok := body.vector(2)
	if !ok || len(body) != 0 {
		return nil, malformed("the extensions' length is wrong")
	}
	return extensions, nil
}

func parseExtensions(extensions field) (Hello, error) {
	var hello Hello
	seen := make(map[int]bool)
	for len(extensions) > 0 {
		kind, ok := extensions.number(2)
		if !ok {
			return Hello{}, malformed("an extension is cut short")
		}
		data, ok := extensions.vector(2)
		if !ok {
			return Hello{}, malformed("an extension is cut short")
		}
		// RFC 8446 section 4.2. Two server names would let two readers of one hello disagree.
		if seen[kind] {
			return Hello{}, malformed("an extension is there twice")
		}
		seen[kind] = true
		var err error
		switch kind {
		case extensionServerName:
			hello.ServerName, err = parseServerName(data)
		case extensionALPN:
			hello.Protocols, err = parseProtocols(data)
		}
		if err != nil {
			return Hello{}, err
		}
	}
	return hello, nil
}

// parseServerName reads RFC 6066 section 3: a list with at most one name of each type, of which only host_name exists.
func parseServerName(data field) (string, error) {
	list, ok := data.vector(2)
	if !ok || len(data) != 0 || len(list) == 0 {
		return "", malformed("bad server name list")
	}
	name := ""
	for len(list) > 0 {
		kind, _ := list.number(1)
		value, ok := list.vector(2)
		if !ok || len(value) == 0 {
			return "", malformed("bad server name")
		}
		if kind != nameTypeHost {
			continue
		}
		if name != "" {
			return "", malformed("two server names")
		}
		var err error
		if name, err = hostName(value); err != nil {
			return "", err
		}
	}
	return name, nil
}

// hostName lowers the name and refuses what can be no host: a name with a NUL, a slash or a trailing dot matches nothing here
// and might match something in a log or at a backend.
func hostName(value []byte) (string, error) {
	if len(value) > 255 || value[0] == '.' || value[len(value)-1] == '.' {
		return "", malformed("bad server name")
	}
	lower := make([]byte, len(value))
	for i, b := range value {
		switch {
		case b >= 'A' && b <= 'Z':
			b += 'a' - 'A'
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '-', b == '_', b == ':':
			// A colon is an IPv6 address: no name, but clients send it, and it harms nobody.
		case b == '.':
			if value[i-1] == '.' {
				return "", malformed("bad server name")
			}
		default:
			return "", malformed("bad server name")
		}
		lower[i] = b
	}
	return string(lower), nil
}

// parseProtocols reads RFC 7301 section 3.1.
func parseProtocols(data field) ([]string, error) {
	list, ok := data.vector(2)
	if !ok || len(data) != 0 || len(list) == 0 {
		return nil, malformed("bad protocol list")
	}
	var protocols []string
	for len(list) > 0 {
		name, ok := list.vector(1)
		if !ok || len(name) == 0 {
			return nil, malformed("bad protocol name")
		}
		protocols = append(protocols, string(name))
	}
	return protocols, nil
}
