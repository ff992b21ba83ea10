package world

import (
	"fmt"
	"net/netip"
	"time"
)

// Kind is a kind of resource.
type Kind uint8

const (
	KindLoadBalancer Kind = iota + 1
	KindListener
	KindRule
	KindPool
	KindCertificate
)

// kinds are in an order in which each comes after all that it refers to, but for rules, which refer to pools as well.
var kinds = [...]Kind{KindLoadBalancer, KindCertificate, KindPool, KindListener, KindRule}

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case KindLoadBalancer:
		return "load balancer"
	case KindListener:
		return "listener"
	case KindRule:
		return "rule"
	case KindPool:
		return "pool"
	case KindCertificate:
		return "certificate"
	}
	return "resource"
}

func (k Kind) prefix() string {
	switch k {
	case KindLoadBalancer:
		return "lb-"
	case KindListener:
		return "ls-"
	case KindRule:
		return "ru-"
	case KindPool:
		return "po-"
	case KindCertificate:
		return "ce-"
	}
	return "xx-"
}

// Ref names one resource.
type Ref struct {
	Kind Kind
	ID   string
}

// State is where a resource is in its life.
type State uint8

const (
	Provisioning State = iota + 1
	Active
	Updating
	Deleting
	Failed
)

var stateNames = [...]string{"", "provisioning", "active", "updating", "deleting", "failed"}

// String returns the state as the API spells it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if i > 0 && name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a state", text)
}

// Naming is what a client calls a resource.
type Naming struct {
	Name   string
	Labels map[string]string `json:",omitempty"`
}

// Meta is what all resources have.
type Meta struct {
	Naming
	ID        string
	Seq       uint64 // order of creation, over all kinds
	Revision  uint64 // of what clients wrote; the lifecycle does not change it
	CreatedAt time.Time
	State     State
	Reason    string    `json:",omitempty"` // a sentence, when Failed
	Due       time.Time `json:",omitzero"`  // when a passing State ends; zero while nothing is waited for
}

func (m *Meta) meta() *Meta { return m }

// LoadBalancer has addresses of its own.
type LoadBalancer struct {
	Meta
	LoadBalancerSpec
	IPs        []netip.Addr
	SessionKey Secret `json:",omitempty"` // signs what clients show of their sessions
}

// LoadBalancerSpec is what a client says of a load balancer.
type LoadBalancerSpec struct {
	Scheme    Scheme
	Addresses []netip.Addr `json:",omitempty"` // asked for; empty lets the cloud choose one
}

// Scheme says who can reach a load balancer.
type Scheme string

const (
	Internet Scheme = "internet"
	Private  Scheme = "private"
)

// Listener is one port of a load balancer.
type Listener struct {
	Meta
	ListenerSpec
	LoadBalancer string
	Endpoints    []Endpoint `json:",omitempty"` // one for each address of the load balancer, once bound; kept when it is not
}

// ListenerSpec is what a client says of a listener.
type ListenerSpec struct {
	Port     uint16
	Protocol Protocol
	Servers  []Server          `json:",omitempty"`
	Clients  *ClientValidation `json:",omitempty"` // nil asks clients for no certificate
}

// ClientValidation is how clients prove who they are. The JSON names are those of the native API.
type ClientValidation struct {
	CAPEM            string `json:"caPEM"`
	InsecureFallback bool   `json:"insecureFallback,omitempty"` // who does not is served all the same
}

// Protocol is what a listener speaks.
type Protocol string

const (
	HTTP  Protocol = "HTTP"
	HTTPS Protocol = "HTTPS"
	TLS   Protocol = "TLS"
	TCP   Protocol = "TCP"
	UDP   Protocol = "UDP"
)

// family is what has to be unique with the port in a load balancer.
func (p Protocol) family() string {
	if p == UDP {
		return "udp"
	}
	return "tcp"
}

// Server is the part of a listener for a hostname. The JSON names are those of the native API, which uses this type as it is.
type Server struct {
	Name         string   `json:"name"`
	Hostname     string   `json:"hostname,omitempty"`
	TLS          TLSMode  `json:"tls,omitempty"`
	Certificates []string `json:"certificates,omitempty"` // ids
}

// TLSMode is what a server does with TLS.
type TLSMode string

const (
	TLSNone        TLSMode = ""
	TLSTerminate   TLSMode = "terminate"
	TLSPassthrough TLSMode = "passthrough"
)

// Endpoint is where an address of a listener really answers.
type Endpoint struct {
	IP    netip.Addr     // of the load balancer
	Bound netip.AddrPort // differs from IP and the listener's port where those could not be bound
}

// Pool is a set of members that can answer for each other.
type Pool struct {
	Meta
	PoolSpec
	Members []Member `json:",omitempty"` // by address, then port
}

// PoolSpec is what a client says of a pool, but for its members.
type PoolSpec struct {
	Protocol    PoolProtocol
	Algorithm   Algorithm
	TLS         *PoolTLS     `json:",omitempty"`
	HealthCheck *HealthCheck `json:",omitempty"`
	Session     *Session     `json:",omitempty"` // of rules that have none of their own
	RetryBudget *RetryBudget `json:",omitempty"`
	Limits      *Limits      `json:",omitempty"`
}

// Session keeps a client at one member. The JSON names are those of the native API.
type Session struct {
	Type      SessionType `json:"type"`
	Name      string      `json:"name"`
	Lifetime  Duration    `json:"lifetime,omitzero"` // 0 is without end
	Permanent bool        `json:"permanent,omitempty"`
	Path      string      `json:"path,omitempty"`
}

// SessionType is how a client shows its session.
type SessionType string

const (
	SessionCookie SessionType = "Cookie"
	SessionHeader SessionType = "Header"
)

// RetryBudget bounds the retries at a pool. The JSON names are those of the native API.
type RetryBudget struct {
	Percent     int      `json:"percent"`
	Interval    Duration `json:"interval"`
	MinCount    int      `json:"minCount,omitempty"`
	MinInterval Duration `json:"minInterval,omitzero"`
}

// Limits bound what each member of a pool gets. Zero is no limit. The JSON names are those of the native API.
type Limits struct {
	Connections uint32   `json:"connections,omitempty"`
	Requests    uint32   `json:"requests,omitempty"`
	Drain       Duration `json:"drain,omitzero"`
}

// certificates returns the id of the certificate that the load balancer shows to the pool's members, if it has one.
func (s *PoolSpec) certificates() []string {
	if s.TLS == nil || s.TLS.Certificate == "" {
		return nil
	}
	return []string{s.TLS.Certificate}
}

// PoolProtocol is what the members of a pool speak.
type PoolProtocol string

const (
	PoolHTTP1 PoolProtocol = "HTTP1"
	PoolHTTP2 PoolProtocol = "HTTP2"
	PoolTCP   PoolProtocol = "TCP"
	PoolUDP   PoolProtocol = "UDP"
)

// Algorithm is how a pool chooses a member.
type Algorithm string

const (
	RoundRobin   Algorithm = "RoundRobin"
	LeastRequest Algorithm = "LeastRequest"
)

// PoolTLS is how a member proves itself. The JSON names are those of the native API.
type PoolTLS struct {
	ServerName string   `json:"serverName,omitempty"`
	CAPEM      string   `json:"caPEM,omitempty"`
	System     bool     `json:"system,omitempty"`
	DNSNames   []string `json:"dnsNames,omitempty"`
	URIs       []string `json:"uris,omitempty"`
	// Certificate is the id of the one that the load balancer shows to members that ask for one.
	Certificate string `json:"certificate,omitempty"`
}

// HealthCheck is an active check of each member. The JSON names are those of the native API.
type HealthCheck struct {
	Type               HealthCheckType `json:"type"`
	Path               string          `json:"path,omitempty"`
	Interval           Duration        `json:"interval,omitzero"`
	Timeout            Duration        `json:"timeout,omitzero"`
	HealthyThreshold   int             `json:"healthyThreshold,omitempty"`
	UnhealthyThreshold int             `json:"unhealthyThreshold,omitempty"`
}

// HealthCheckType is how a member is asked.
type HealthCheckType string

const (
	CheckTCP  HealthCheckType = "TCP"
	CheckHTTP HealthCheckType = "HTTP"
)

// Member is one endpoint of a pool. The JSON names are those of the native API.
type Member struct {
	Address  netip.Addr `json:"address"`
	Port     uint16     `json:"port"`
	Weight   uint32     `json:"weight,omitempty"` // 0 is taken as 1
	Draining bool       `json:"draining,omitempty"`
}

// AddrPort identifies the member in its pool.
func (m Member) AddrPort() netip.AddrPort { return netip.AddrPortFrom(m.Address, m.Port) }

// Certificate is a chain and its key.
type Certificate struct {
	Meta
	CertificateSpec
	Fingerprint string // "sha256:…" of the leaf
	NotAfter    time.Time
	DNSNames    []string `json:",omitempty"`
}

// CertificateSpec is what a client gives. The key is written to the state file, which only its owner can read.
type CertificateSpec struct {
	ChainPEM string
	KeyPEM   Secret
}

// Secret does not print.
type Secret string

// String implements fmt.Stringer.
func (Secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "[secret]" }

// Duration is a time.Duration that is "1.5s" in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 5s or 250ms", text)
	}
	*d = Duration(v)
	return nil
}
