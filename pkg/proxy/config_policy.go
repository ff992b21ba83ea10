package proxy

import "time"

// HTTPPolicy is how a listener treats HTTP where that differs from what the engine does by itself. The zero HTTPPolicy changes nothing.
type HTTPPolicy struct {
	Forwarded  ForwardedPolicy
	ClientPort bool // X-Forwarded-For says the client's port too, as ADDRESS:PORT; not with ForwardedTrusted
	// TraceField names a request field that carries the trace of a request, like X-Amzn-Trace-Id: with Root=1-TIME-ID, which is made
	// where the request has none, and else with Self=1-TIME-ID before it, anew. "" for none.
	TraceField string
	Server     string          // value of the Server field of answers of the proxy's own; "" for none
	Pages      map[int]*Page   // what the proxy answers by itself, by the status that it would; not what a Respond or Redirect answers, but see RedirectPages
	Unreached  UnreachedPolicy // what is answered where no endpoint can be connected to
	HostPort   bool            // Host is passed on with the listener's port, where that is not the well-known one and the client has named none
	// MaxForwarded is how many addresses X-Forwarded-For may have before a request is answered with 463 in place of being forwarded; 0 for any.
	MaxForwarded int
	// Incompatible is the status to answer to requests that are not what the endpoints of a pool speak: over HTTP/1 for a pool of HTTP/2,
	// of gRPC for a pool of HTTP/1, and of anything else for a pool of gRPC. 0 forwards them, translated.
	Incompatible int
	// TLSVersion and TLSSuite name request fields that say how the client's TLS is: TLSv1.3, and the suite as OpenSSL calls it. "" for none.
	TLSVersion, TLSSuite string
	DropFields           bool // request fields whose names are not all letters, digits and hyphens are removed
	NoHTTP2              bool // clients speak HTTP/1 only
	// Phrases are said in the status lines of answers of the proxy's own, over HTTP/1; a status that is not here has RFC 9110's.
	Phrases       map[int]string
	RedirectPages bool // what a Redirect answers has the page for its status
	NoTrace       bool // TRACE is answered with 405
	// Strict answers with 400 what is valid and has been used to make two servers see different requests: GET and HEAD that say how
	// long their body is, fields without a value, and values that are not ASCII.
	Strict bool
	// MaxResponseHead bounds the fields of an endpoint's response, as they would be sent over HTTP/1: larger ones are answered with 502. 0
	// is no bound of its own.
	MaxResponseHead int
}

// Page is an answer of the proxy's own.
type Page struct {
	Status      int // 0: the status that it is for
	ContentType string
	Body        string
}

// ForwardedPolicy is what endpoints are told in X-Forwarded-*. In all but the first X-Forwarded-Proto and X-Forwarded-Port are what this
// listener knows, whoever the client is, and X-Forwarded-Host is passed on as it came.
type ForwardedPolicy uint8

const (
	ForwardedTrusted  ForwardedPolicy = iota // what trusted proxies say is continued, what others say replaced
	ForwardedAppend                          // X-Forwarded-For is continued, whoever says it
	ForwardedPreserve                        // X-Forwarded-For is passed on as it came
	ForwardedRemove                          // no X-Forwarded-For
)

// UnreachedPolicy are the statuses to answer where an endpoint could not be connected to. Zero is 503.
type UnreachedPolicy struct {
	Refused int // it refused, or nothing is there
	Silent  int // nothing came back in time
}

// TLSPolicy is how a listener speaks TLS.
type TLSPolicy struct {
	MinVersion uint16   // as in crypto/tls; 0 for TLS 1.2
	MaxVersion uint16   // 0 for the latest
	Suites     []uint16 // of TLS 1.2 and before, as in crypto/tls; nil for its own choice
	// Protocols are offered in ALPN, the preferred one first. Nil: h2 and http/1.1 where HTTP is spoken, none else. A listener of HTTP
	// serves no others than these two.
	Protocols []string
}

// Limitations are what a listener's clients, and the endpoints that serve them, may do, as in Options. Zero is what Options say; a negative
// duration is no limit.
type Limitations struct {
	MaxHead         int
	MaxLine         int
	MaxFields       int
	HeadTimeout     time.Duration
	IdleTimeout     time.Duration
	ResponseTimeout time.Duration
	StreamTimeout   time.Duration
	ClientLifetime  time.Duration
	TunnelIdle      time.Duration
	UDPIdle         time.Duration
}
