package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// Config is everything that one Engine serves. It is immutable once given to Engine.Apply: to change something, make a new
// Config and share by pointer what did not change. The engine does not touch a listener or pool whose pointer is the same, so
// that changing one route of many costs what that route costs.
type Config struct {
	Listeners map[string]*Listener // by name
	Pools     map[string]*Pool     // by name; rules and backends point at them
	// SessionKey seals what clients show of their sessions, so that they outlive this process. Without one sessions end with it.
	SessionKey []byte
}

// Protocol is what a listener speaks.
type Protocol uint8

const (
	HTTP  Protocol = iota + 1
	HTTPS          // HTTP behind TLS that ends here
	TLS            // TLS routed by SNI: passed through, or ended here and passed on as TCP
	TCP
	UDP
)

// Listener is one address and port.
type Listener struct {
	Protocol Protocol
	Address  netip.AddrPort
	// Servers share the port. The one whose Hostname matches the request's host (or SNI) best serves it, alone.
	Servers []Server
	// Clients says how clients prove who they are, where TLS ends here. Nil asks them for no certificate.
	Clients *ClientValidation
	TLS     *TLSPolicy   // where TLS ends here; nil for the engine's own
	HTTP    *HTTPPolicy  // of HTTP and HTTPS; nil for the engine's own
	Limits  *Limitations // that differ from the engine's Options; nil for none
	// Sources are who may connect, or begin a session of UDP; nil lets everybody. Connections of others are reset, their datagrams
	// dropped. Whoever is connected stays.
	Sources []netip.Prefix
}

// ClientValidation is what is asked of clients in the TLS handshake. It is parsed once, so share it by pointer and do not copy it. Where
// CAs has no certificate that parses, nobody is served.
type ClientValidation struct {
	CAs              []byte // PEM, of which one has to have signed
	InsecureFallback bool   // who has no certificate, or one that is not valid, is served all the same
	Passthrough      bool   // nothing is verified here: the endpoint is shown what the client showed, if anything; CAs are not used
	Depth            int    // how many certificates a chain may have above the client's, the CA included; 0 for any number
	IgnoreExpiry     bool   // of the client's own certificate
	Revoked          []byte // PEM, revocation lists (X509 CRL) that the CAs signed
	HideCAs          bool   // clients are not told the names of the CAs
	// Fields is where the names of the fields begin that show the client's certificate to endpoints, in place of X-Forwarded-Client-Cert:
	// with Passthrough, the field of this name has the chain in PEM, percent-encoded; else those with -Serial-Number, -Issuer, -Subject,
	// -Validity and -Leaf appended. Fields of these names that a client sends are removed, as are those of the names in Rename.
	Fields string
	Rename map[string]string // other names for fields, by those that they would have

	parse   sync.Once
	pool    *x509.CertPool
	revoked []*revocations
	err     error
}

// Server is the part of a listener for a hostname.
type Server struct {
	Name         string
	Hostname     string // "" for any, exact, or "*.example.com" for one or more labels
	Certificates []*Certificate
	Passthrough  bool // TLS only: never opened
	// Rules say what happens to a request (for TLS, TCP and UDP: to a connection or session, matched by SNI alone).
	Rules *Table
}

// Table is a persistent routing table: editing one gives another that shares what did not change.
type Table = route.Table[*Rule]

// Rule is what a Table finds.
type Rule struct {
	Name   string // for the access log
	CORS   *CORS  // nil leaves requests of other origins to Action
	Action Action
}

// CORS answers preflight requests, and adds to answers what lets a page of another origin read them.
type CORS struct {
	AllowOrigins     []string // "*", or SCHEME://HOST[:PORT], where a * in HOST stands for anything to its left
	AllowMethods     []string // "*" for all
	AllowHeaders     []string // "*" for all
	ExposeHeaders    []string // "*" for all
	AllowCredentials bool
	MaxAge           time.Duration // 0 for 5 s, which is what browsers take when they are not told
}

// Action is a *Forward, a *Redirect or a *Respond.
type Action interface{ action() }

// Forward sends a request to one of Backends by weight.
type Forward struct {
	Backends        []Backend
	Choose          Algorithm // of Backends, by weight: RoundRobin, FlowHash or SourceHash
	RequestHeaders  HeaderEdit
	ResponseHeaders HeaderEdit
	RewriteHost     string // "" keeps the request's
	RewritePath     *PathEdit
	HostPatterns    []RegexEdit   // after RewriteHost, each on what the one before made: on the host as the client named it, in lower case, without its port
	URLPatterns     []RegexEdit   // after RewritePath, in the same way: on the path with, where there is one, the question mark and the query
	RequestTimeout  time.Duration // whole request; 0 for none
	BackendTimeout  time.Duration // one attempt; 0 for none
	Mirrors         []Mirror
	Retry           *Retry
	Session         *Session // nil: that of the chosen Pool, if it has one
	BackendSession  *Session // keeps the requests of one client at one of Backends (that still has weight), apart from Session; a cookie of another name
}

// RegexEdit replaces the first part of a text that Regex (RE2, not anchored) matches. In Replace $1 to $9 stand for what the groups matched, $0 for
// all of it, and $$ for a dollar sign; a group that there is not stands for nothing. What comes out and cannot be sent (a path without its first
// slash, a host that is not one) is answered with 500. A Regex that does not compile costs the rule.
type RegexEdit struct{ Regex, Replace string }

// Mirror sends Numerator of Denominator requests (all where that is 0) to a pool as well, and throws the answers away. A mirror is sent what
// the Forward's own edits make of a request, without those of the backend that was chosen. Nobody waits for it.
type Mirror struct {
	Pool                   string
	Numerator, Denominator uint32
}

// Retry sends a request again, to another endpoint where there is one: after an answer with one of Codes, a BackendTimeout, or when no
// connection came about.
type Retry struct {
	Codes    []int
	Attempts int           // after the first
	Backoff  time.Duration // the least between two attempts
}

// Session keeps the requests of one client at one endpoint while that is there, healthy and not draining.
type Session struct {
	Header    bool          // the client shows it in a header, not in a cookie
	Name      string        // rules with the same share sessions where they share endpoints, and disturb each other's where not
	Lifetime  time.Duration // since its beginning; 0 for no end
	Permanent bool          // a cookie: with Max-Age
	Path      string        // a cookie: its Path; "" for /
	Renew     bool          // begins anew with each answer: Lifetime is since the last, and each answer has a token
	Plain     bool          // a cookie: without HttpOnly, SameSite and Secure, and Permanent is said by Expires
	Cross     string        // a cookie: the name of a second one with the same token, for requests from other sites: SameSite=None; Secure. "" for none
	// Application is the name of a cookie of the endpoints': the session begins when an answer sets it, and ends when a request comes
	// without it. "" for a session of the proxy's own.
	Application string
}

// Backend is one share of a Forward.
type Backend struct {
	Weight          uint32
	Pool            string // in Config.Pools; empty answers Status
	Status          int    // when Pool is empty; TLS, TCP: the connection is reset; UDP: dropped
	RequestHeaders  HeaderEdit
	ResponseHeaders HeaderEdit
}

// Redirect answers with Status and a Location made of the request and what is set here.
type Redirect struct {
	Scheme          string
	Hostname        string
	Path            *PathEdit
	Port            uint16 // 0: the well-known port of Scheme if set, else the port that the client asked for
	Status          int
	ResponseHeaders HeaderEdit
	Template        *LocationTemplate // nil: the fields above say where to
}

// LocationTemplate makes a Location of all its parts: PROTOCOL://HOST:PORT PATH ?QUERY; Query "" is left out with its question mark, and Port "" with its
// colon. In each part #{protocol}, #{host}, #{port}, #{path} (without its first slash) and #{query} stand for those of the request; #{port} is the
// port of the listener that the client reached.
type LocationTemplate struct{ Protocol, Host, Port, Path, Query string }

// Respond answers by itself.
type Respond struct {
	Status          int
	Body            string
	ContentType     string // of Body; "" for text/plain; charset=utf-8
	ResponseHeaders HeaderEdit
}

func (*Forward) action()  {}
func (*Redirect) action() {}
func (*Respond) action()  {}

// HeaderEdit changes header fields: first Remove, then Set, then Add.
type HeaderEdit struct {
	Set    []Header
	Add    []Header
	Remove []string
}

// Header is one field.
type Header struct{ Name, Value string }

// PathEdit replaces the whole path, or the prefix that the rule matched, by segments.
type PathEdit struct {
	Prefix bool // replace the matched prefix only
	Value  string
}

// PoolProtocol is what the endpoints of a pool speak.
type PoolProtocol uint8

const (
	PoolHTTP1 PoolProtocol = iota + 1
	PoolHTTP2              // over TLS where TLS is set, else h2c with prior knowledge
	PoolTCP
	PoolUDP
)

// Algorithm is how a pool chooses an endpoint.
type Algorithm uint8

const (
	RoundRobin Algorithm = iota // weighted where weights differ
	LeastRequest
	FlowHash   // of the client's address and port and those that it reached: one flow stays where it is while what it may choose from does
	SourceHash // of the client's address: all flows of one client stay
)

// Pool is a set of endpoints. The state of an endpoint (its connections, its health, its load) belongs to its address and the way it is
// spoken to, and outlives a change of the pool.
type Pool struct {
	Protocol  PoolProtocol
	TLS       *BackendTLS
	Algorithm Algorithm
	Health    *HealthCheck // nil: no active checks
	Session   *Session     // of a Forward that has none
	Budget    *RetryBudget // nil: every Retry may be followed
	Limits    Limits
	Endpoints []Endpoint
	GRPC      bool // of HTTP/2: the endpoints speak gRPC alone; see HTTPPolicy.Incompatible
	// ProxyProtocol says in PROXY protocol version 2 who the client is, before the first byte: TCP pools only.
	ProxyProtocol bool
	// PreserveClient has endpoints see the client's address (not its port) as that of who connects, where this machine may use it;
	// its own where not. TCP and UDP pools only.
	PreserveClient bool
}

// RetryBudget bounds retries: Percent of the requests of the last Interval, or MinCount in MinInterval if that is more. What it forbids
// is answered with 503.
type RetryBudget struct {
	Percent     int
	Interval    time.Duration
	MinCount    int
	MinInterval time.Duration
}

// Limits bound what each endpoint gets. Zero is no limit.
type Limits struct {
	Connections uint32        // at once
	Requests    uint32        // at once; where all endpoints are full the answer is 503
	Drain       time.Duration // what an endpoint that goes has left to finish
}

// Endpoint is where a pool's requests go.
type Endpoint struct {
	Address  netip.AddrPort
	Weight   uint32 // 0 is taken as 1
	Draining bool   // gets nothing new
	// Drain is what it has left to finish while it is Draining, in place of that of the pool's Limits, which have to have one; 0 for that.
	Drain time.Duration
}

// BackendTLS is how an endpoint proves itself.
type BackendTLS struct {
	ServerName string
	CAs        []byte // PEM; empty means the system's roots
	DNSNames   []string
	URIs       []string
	Client     *Certificate // shown to endpoints that ask; nil for none
	Insecure   bool         // endpoints prove nothing: any certificate will do, and ServerName may be empty
}

// HealthCheck is an active check of each endpoint, at its own port and with the pool's TLS: in HTTP/2 where the pool speaks that, else in
// HTTP/1.1. Connections are of TCP, for pools of UDP too, and no PROXY protocol is spoken in them.
type HealthCheck struct {
	Path               string // "" checks that a connection opens; else a GET has to answer 200 to 399
	Interval           time.Duration
	Timeout            time.Duration
	HealthyThreshold   int
	UnhealthyThreshold int
}

// Certificate is a chain and its key in PEM. It is parsed once, so share it by pointer and do not copy it. One that does not parse costs
// the servers that have no other.
type Certificate struct {
	Chain []byte
	Key   []byte

	parse sync.Once
	pair  *tls.Certificate
	err   error
}
