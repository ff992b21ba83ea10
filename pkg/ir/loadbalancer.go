package ir

import (
	"encoding/json"
	"net/netip"
	"time"
)

// LoadBalancer is all that one Gateway asks of a cloud. In a cloud it may become several resources, even several load
// balancers (HTTP and HTTPS listeners an application load balancer, TCP and UDP ones a network load balancer).
type LoadBalancer struct {
	Owner        Owner
	Reach        Reach
	Addresses    []Address     // asked for; empty lets the cloud choose
	Labels       []Label       // spec.infrastructure.labels and annotations, by key; never the mark of the Owner
	Listeners    []Listener    // by port, then protocol
	Pools        []Pool        // by name; rules point at them, so routes that share a backend share a pool
	Certificates []Certificate // by name; servers point at them
	// Approximate tells that the class opts in to what its cloud does otherwise than the specification says.
	Approximate bool
	// Settings are what the GatewayConfigs of the Gateway and its class say about its cloud alone, merged, as JSON in the shape of
	// that cloud's section of a GatewayConfig. Empty where they say nothing. Only its provider reads them.
	Settings json.RawMessage
}

// Owner is the mark on everything that is made for one Gateway: a tag, a label, or a name where a cloud has no tags. Two
// Owners are the same when Cluster and UID are; Namespace and Name are for people.
type Owner struct {
	Cluster   string
	UID       string
	Namespace string
	Name      string
}

// Key identifies the owner: what is compared, and what maps are keyed by.
func (o Owner) Key() OwnerKey { return OwnerKey{Cluster: o.Cluster, UID: o.UID} }

// OwnerKey is the identity of an Owner.
type OwnerKey struct{ Cluster, UID string }

// Reach says who can reach a load balancer.
type Reach uint8

const (
	ReachInternet Reach = iota
	ReachPrivate
)

// Address is one that a Gateway asks for: exactly one of IP and Hostname is set.
type Address struct {
	IP       netip.Addr
	Hostname string
}

// Label is one key and value that the user wants on the cloud's resources.
type Label struct{ Key, Value string }

// Protocol is what a listener speaks on its port.
type Protocol uint8

const (
	ProtocolHTTP Protocol = iota + 1
	ProtocolHTTPS
	ProtocolTLS
	ProtocolTCP
	ProtocolUDP
)

// Listener is one port of the load balancer. Gateway listeners that share a port and protocol share a Listener and
// differ in their Server.
type Listener struct {
	Port     uint16
	Protocol Protocol
	Servers  []Server          // most specific hostname first; exactly one with an empty hostname for TCP and UDP
	Clients  *ClientValidation // HTTPS, and TLS that ends here: nil asks clients for no certificate
}

// ClientValidation is how the clients of a port prove who they are (GEP-91).
type ClientValidation struct {
	CAs              []byte // PEM, of which one has to have signed
	InsecureFallback bool   // a client without a certificate, or with one that is not valid, is served all the same
}

// Server is one Gateway listener on a port: the rules that apply to requests whose host (for TLS, whose SNI) matches
// Hostname better than any other server's on the same port. Rules of other servers do not apply to such a request
// (listener isolation, GEP-1713 and the Gateway specification on distinct listeners).
type Server struct {
	Name     string // unique in the Listener; stable while the Gateway listener keeps its name
	Hostname string // "" for every host, "a.example.com", or "*.example.com" for one or more labels before
	TLS      TLSMode
	// Certificates are names in LoadBalancer.Certificates; the first is used for clients that match none. There may be none although TLS
	// ends here, where LoadBalancer.Settings tell of certificates that the cloud has already.
	Certificates []string
	Rules        []Rule // in Gateway API precedence order, which is the order of Rank
	Source       Source
	// Turn is when the listener gets its room, where a cloud has none for all: 0 for the Gateway's own, then those of the ListenerSets in
	// order of their precedence.
	Turn int
}

// TLSMode is what a server does with TLS.
type TLSMode uint8

const (
	TLSNone        TLSMode = iota // HTTP, TCP, UDP
	TLSTerminate                  // HTTPS, and TLS that ends here and goes on as TCP
	TLSPassthrough                // TLS that is routed by SNI and never opened
)

// Rule is one match and what to do with what it matches. A Gateway API rule with several matches, or a route with
// several hostnames, becomes several Rules with an equal Action and Source.
type Rule struct {
	// Rank orders the rules of a server: the rule with the lexicographically smallest Rank that matches wins. It depends
	// on nothing but the rule and its route (hostname, path, method, header and query specificity, then the age and name
	// of the route, then the place in it), so that adding a route never changes the Rank of another's rule. Ranks are
	// unique in a server.
	Rank   string
	Match  Match
	CORS   *CORS // nil leaves requests of other origins to the backends
	Action Action
	Source Source
	// Since is when the rule's route was made, in seconds since 1970, or 0. Where a cloud has no room for all rules, the older ones stay.
	Since int64
}

// Match is what a request has to be. The zero Match matches everything. For TLS only Hostname is set, and means the SNI; for
// TCP and UDP it is zero.
type Match struct {
	Hostname string // "" for any, exact, or "*.example.com"
	Path     PathMatch
	Method   string       // "" for any
	Headers  []FieldMatch // by name, names in lower case, all must match
	Query    []FieldMatch // by name, all must match
}

// PathMatch is a condition on the path of a request, without its query.
type PathMatch struct {
	Kind  PathKind
	Value string
}

// PathKind is how a PathMatch compares.
type PathKind uint8

const (
	PathAny    PathKind = iota
	PathExact           // byte for byte
	PathPrefix          // by whole segments: /a matches /a, /a/ and /a/b, not /ab
	PathRegex           // RE2, matched against the whole path
)

// FieldMatch is a condition on a header or a query parameter.
type FieldMatch struct {
	Name  string
	Kind  FieldKind
	Value string
}

// FieldKind is how a FieldMatch compares.
type FieldKind uint8

const (
	FieldExact FieldKind = iota
	FieldRegex           // RE2, matched against the whole value
)

// Action is what happens to what a Rule matches: a Forward, a Redirect or a Respond.
type Action interface{ action() }

// Forward sends the request, connection or datagram on to one of Backends, chosen by weight. Edits apply in this order:
// Rewrite, RequestHeaders, then the backend's own RequestHeaders; on the way back the backend's ResponseHeaders, then the rule's.
type Forward struct {
	Backends        []Backend // sum of the weights is over zero
	RequestHeaders  HeaderEdit
	ResponseHeaders HeaderEdit
	Rewrite         *Rewrite
	Timeouts        Timeouts
	Mirrors         []Mirror
	Retry           *Retry   // nil: a request is sent once, and again only where that cannot be told
	Session         *Session // nil: that of the chosen Pool, if it has one
}

// Mirror is a Pool to which a share of the requests goes a second time. What it answers is thrown away.
type Mirror struct {
	Pool        string
	Numerator   uint32 // of Denominator requests so many are mirrored
	Denominator uint32
}

// Retry says when a request is sent again to another target (GEP-1731). It is, too, where no connection came about.
type Retry struct {
	Codes    []int         // statuses of answers, sorted
	Attempts int           // at most so many after the first
	Backoff  time.Duration // the least between two attempts
}

// Session keeps the requests of one client at one target (GEP-1619).
type Session struct {
	Kind      SessionKind
	Name      string        // of the cookie or the header
	Lifetime  time.Duration // a session ends so long after its beginning; 0 for never
	Permanent bool          // a cookie: the client keeps it for Lifetime, not until it is closed
	Path      string        // a cookie: for what paths the client sends it; "" for all
}

// SessionKind is how a client shows its session.
type SessionKind uint8

const (
	SessionCookie SessionKind = iota
	SessionHeader
)

// CORS answers what browsers ask before, and with, requests of another origin (GEP-1767, Fetch standard).
type CORS struct {
	AllowOrigins     []string // "*", or SCHEME://HOST[:PORT], where a * in HOST stands for anything to its left
	AllowMethods     []string // "*" for all
	AllowHeaders     []string // "*" for all
	ExposeHeaders    []string // "*" for all
	AllowCredentials bool
	MaxAge           time.Duration // whole seconds
}

// Redirect answers with a 3xx and a Location. An empty field keeps what the request had.
type Redirect struct {
	Scheme          string
	Hostname        string
	Path            *PathEdit
	Port            uint16 // 0: the well-known port of Scheme if that is set, else the listener's port
	Status          int
	ResponseHeaders HeaderEdit
}

// Respond answers without a backend. Status is 500 for a rule whose backends are all invalid (HTTPRoute specification).
type Respond struct {
	Status          int
	ResponseHeaders HeaderEdit
}

func (*Forward) action()  {}
func (*Redirect) action() {}
func (*Respond) action()  {}

// Backend is one share of a Forward.
type Backend struct {
	Weight          uint32
	Pool            string // a name in LoadBalancer.Pools; empty when the reference is invalid or its object is missing
	Status          int    // answered in place of Pool's answer when Pool is empty: 500; for TCP, TLS and UDP the connection is refused
	RequestHeaders  HeaderEdit
	ResponseHeaders HeaderEdit
}

// HeaderEdit changes header fields: first Remove, then Set, then Add. Names are in the case the user wrote and are
// compared without case; no name stands in two lists.
type HeaderEdit struct {
	Set    []Header // by name
	Add    []Header // by name
	Remove []string // sorted
}

// Header is one header field.
type Header struct{ Name, Value string }

// Rewrite changes the host and path that the backend sees. An empty field keeps the request's.
type Rewrite struct {
	Hostname string
	Path     *PathEdit
}

// PathEdit replaces the path of a request, or the prefix of it that the rule's PathPrefix matched.
type PathEdit struct {
	Kind  PathEditKind
	Value string
}

// PathEditKind is what a PathEdit replaces.
type PathEditKind uint8

const (
	ReplaceFullPath PathEditKind = iota
	ReplacePrefixMatch
)

// Timeouts bound a request (GEP-1742). Zero means no limit of the route's own.
type Timeouts struct {
	Request time.Duration // from the last byte of the request head received to the last of the response sent
	Backend time.Duration // one attempt at one backend
}

// Pool is a set of targets that can answer for each other: one port of one Service, with one way of speaking to it.
type Pool struct {
	Name      string // from namespace, service, port and way of speaking; stable
	Protocol  PoolProtocol
	TLS       *BackendTLS // nil speaks in plain
	Algorithm Algorithm
	Health    *HealthCheck // nil: no active checks
	Unchecked bool         // without Health: somebody wants it so
	Session   *Session     // of every Forward that has none of its own
	Budget    *RetryBudget // nil: every Retry may be followed
	Limits    Limits
	Nodes     bool     // the targets are the cluster's nodes, at a Service's node port, not pods
	Targets   []Target // by address, then port
	Source    Source   // the Service
}

// RetryBudget bounds the retries at a pool: more than both allow are answered with 503 (GEP-3388).
type RetryBudget struct {
	Percent     int           // of the requests of the last Interval
	Interval    time.Duration // not over a minute
	MinCount    int           // so many in MinInterval are allowed in any case
	MinInterval time.Duration
}

// Limits bound what a pool's targets get. Zero is no limit.
type Limits struct {
	Connections uint32        // at once, to one target
	Requests    uint32        // at once, to one target; more are answered with 503
	Drain       time.Duration // what a target that goes has left to finish
}

// PoolProtocol is what the targets of a pool speak.
type PoolProtocol uint8

const (
	PoolHTTP1 PoolProtocol = iota + 1
	PoolHTTP2              // h2 over TLS where the pool has TLS, else h2c with prior knowledge
	PoolTCP
	PoolUDP
)

// Algorithm is how a pool chooses a target.
type Algorithm uint8

const (
	RoundRobin Algorithm = iota // weighted where the targets have weights
	LeastRequest
)

// Target is one endpoint.
type Target struct {
	Address  netip.Addr
	Port     uint16
	Weight   uint32 // relative to the other targets; 0 is taken as 1
	Draining bool   // finishes what it has and gets nothing new
	// Node is the cloud's name of the node (spec.providerID) whose port it is, where a Pool's targets are nodes.
	Node string
	// Zone is the zone of the cluster that an endpoint is in, where its EndpointSlice says so.
	Zone string
}

// BackendTLS is how the load balancer proves the identity of its targets (BackendTLSPolicy, GEP-1897).
type BackendTLS struct {
	ServerName string // sent as SNI, and verified unless SANs is set
	CAs        []byte // PEM; empty with System means the system's roots
	System     bool
	SANs       []SAN
	Client     string // a name in LoadBalancer.Certificates, with which the load balancer proves itself; "" for none
}

// SAN is a subject alternative name of which one has to be in the target's certificate.
type SAN struct {
	DNS string
	URI string
}

// HealthCheck is an active check of each target.
type HealthCheck struct {
	Kind               HealthKind
	Path               string // HTTP only
	Interval           time.Duration
	Timeout            time.Duration
	HealthyThreshold   uint8
	UnhealthyThreshold uint8
	Asked              HealthAsked
}

// HealthAsked is who asked for a check.
type HealthAsked uint8

const (
	HealthByNobody HealthAsked = iota // the pool has to have some
	HealthByProbe                     // it is the pods' readiness probe, which was not meant for load balancers
	HealthByPolicy
)

// HealthKind is how a target is asked.
type HealthKind uint8

const (
	HealthTCP  HealthKind = iota // a connection opens
	HealthHTTP                   // a GET answers 200 to 399
)

// Certificate is a certificate chain and its key.
type Certificate struct {
	Name   string // from the content, so that a rotated certificate is another one
	Chain  []byte // PEM, leaf first
	Key    SecretBytes
	Source Source
}

// Source names the Kubernetes object, and the place in it, that a value came from, so that a refusal or a
// health finds its way back to a status.
type Source struct {
	Kind      string // "HTTPRoute", "Service", "Gateway", "ListenerSet", "Secret"
	Namespace string
	Name      string
	Section   string // listener or rule name, where there is one
	Rule      int    // index of the rule in the route
}
