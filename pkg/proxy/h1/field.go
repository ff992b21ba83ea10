package h1

// Field is one header or trailer field. Its strings may point into a pooled buffer: they live as long as the message that they came
// with, and whoever keeps one longer has to clone it.
type Field struct {
	Name  string // as received; HTTP/2's are lower case
	Value string // without surrounding white space
	ID    FieldID
	Gone  bool // removed: not to be sent
}

// FieldID names the fields that a proxy itself has to understand.
type FieldID uint8

const (
	Other FieldID = iota
	Host
	Connection
	ContentLength
	TransferEncoding
	TE
	Trailer
	Upgrade
	KeepAlive
	ProxyConnection
	ProxyAuthenticate
	ProxyAuthorization
	Expect
	ForwardedFor
	ForwardedProto
	ForwardedHost
	ForwardedPort
	Date
	HTTP2Settings
	ForwardedClientCert
)

// names has the lower case name of every FieldID.
var names = [...]string{
	Other:               "",
	Host:                "host",
	Connection:          "connection",
	ContentLength:       "content-length",
	TransferEncoding:    "transfer-encoding",
	TE:                  "te",
	Trailer:             "trailer",
	Upgrade:             "upgrade",
	KeepAlive:           "keep-alive",
	ProxyConnection:     "proxy-connection",
	ProxyAuthenticate:   "proxy-authenticate",
	ProxyAuthorization:  "proxy-authorization",
	Expect:              "expect",
	ForwardedFor:        "x-forwarded-for",
	ForwardedProto:      "x-forwarded-proto",
	ForwardedHost:       "x-forwarded-host",
	ForwardedPort:       "x-forwarded-port",
	Date:                "date",
	HTTP2Settings:       "http2-settings",
	ForwardedClientCert: "x-forwarded-client-cert",
}

// idsByLength has, for each length of a name, the few IDs that have a name of that length.
var idsByLength = func() (table [32][]FieldID) {
	for id := Host; int(id) < len(names); id++ {
		n := len(names[id])
		table[n] = append(table[n], id)
	}
	return table
}()

// Identify returns the ID of the field called name, in any case.
func Identify(name string) FieldID {
	if len(name) >= len(idsByLength) {
		return Other
	}
	for _, id := range idsByLength[len(name)] {
		if EqualFold(name, names[id]) {
			return id
		}
	}
	return Other
}

// HopByHop reports whether a field called this is for one connection only, and never passed on.
func (id FieldID) HopByHop() bool {
	switch id {
	case Connection, TransferEncoding, TE, Upgrade, KeepAlive, ProxyConnection, ProxyAuthenticate, ProxyAuthorization, HTTP2Settings:
		return true
	case Other, Host, ContentLength, Trailer, Expect, ForwardedFor, ForwardedProto, ForwardedHost, ForwardedPort, ForwardedClientCert, Date:
		return false
	}
	return false
}

// EqualFold compares two names by RFC 9110: ASCII letters without their case, anything else as it is.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Lookup returns the values of the named field joined by commas, and whether it is there.
func Lookup(fields []Field, name string) (string, bool) {
	value, found := "", false
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Gone || !EqualFold(f.Name, name):
		case !found:
			value, found = f.Value, true
		default:
			value += "," + f.Value
		}
	}
	return value, found
}

// Remove marks every field with the name as gone.
func Remove(fields []Field, name string) {
	for i := range fields {
		if EqualFold(fields[i].Name, name) {
			fields[i].Gone = true
		}
	}
}
