package proxy

import (
	"crypto/tls"
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
	Action Action
}

// Action is a *Forward, a *Redirect or a *Respond.
type Action interface{ action() }

// Forward sends a request to one of Backends by weight.
type Forward struct {
	Backends        []Backend
	RequestHeaders  HeaderEdit
	ResponseHeaders HeaderEdit
	RewriteHost     string // "" keeps the request's
	RewritePath     *PathEdit
	RequestTimeout  time.Duration // whole request; 0 for none
	BackendTimeout  time.Duration // one attempt; 0 for none
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
}

// Respond answers by itself.
type Respond struct {
	Status          int
	Body            string
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
)

// Pool is a set of endpoints. The state of an endpoint (its connections, its health, its load) belongs to its address and the way it is
// spoken to, and outlives a change of the pool.
type Pool struct {
	Protocol  PoolProtocol
	TLS       *BackendTLS
	Algorithm Algorithm
	Health    *HealthCheck // nil: no active checks
	Endpoints []Endpoint
}

// Endpoint is where a pool's requests go.
type Endpoint struct {
	Address  netip.AddrPort
	Weight   uint32 // 0 is taken as 1
	Draining bool   // gets nothing new
}

// BackendTLS is how an endpoint proves itself.
type BackendTLS struct {
	ServerName string
	CAs        []byte // PEM; empty means the system's roots
	DNSNames   []string
	URIs       []string
}

// HealthCheck is an active check of each endpoint.
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
