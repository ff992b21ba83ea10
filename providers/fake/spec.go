package fake

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/explain"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Kinds of resources in the fake cloud.
const (
	KindLoadBalancer graph.Kind = "loadbalancer"
	KindListener     graph.Kind = "listener"
	KindRule         graph.Kind = "rule"
	KindPool         graph.Kind = "pool"
	KindCertificate  graph.Kind = "certificate"
)

// Marked is what every spec has besides its content.
type Marked struct {
	Labels map[string]string `json:"labels"`

	name   string    // what the cloud calls the resource
	source ir.Source // where a wanted resource comes from
	etag   string    // of a resource that is there
}

// Source names the Kubernetes object that a wanted resource comes from. It is zero for a resource that was observed.
func (m Marked) Source() ir.Source { return m.source }

// LoadBalancer is the content of a load balancer.
type LoadBalancer struct {
	Marked
	Scheme    string       `json:"scheme"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
}

// Listener is the content of a listener.
type Listener struct {
	Marked
	Port     uint16            `json:"port"`
	Protocol string            `json:"protocol"`
	Servers  []Server          `json:"servers,omitempty"`
	Clients  *ClientValidation `json:"clients,omitempty"`
}

// Server is the part of a listener for one hostname. In a spec the certificates are names in the graph, on the wire ids.
type Server struct {
	Name         string   `json:"name"`
	Hostname     string   `json:"hostname,omitempty"`
	TLS          string   `json:"tls,omitempty"`
	Certificates []string `json:"certificates,omitempty"`
}

// Rule is the content of a rule.
type Rule struct {
	Marked
	Server  string  `json:"server"`
	Matches []Match `json:"matches"`
	CORS    *CORS   `json:"cors,omitempty"`
	Action  Action  `json:"action"`
}

// Match is one alternative of a rule.
type Match struct {
	Rank     string  `json:"rank"`
	Hostname string  `json:"hostname,omitempty"`
	Path     *Path   `json:"path,omitempty"`
	Method   string  `json:"method,omitempty"`
	Headers  []Field `json:"headers,omitempty"`
	Query    []Field `json:"query,omitempty"`
}

// Path is a condition on the path.
type Path struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Field is a condition on a header or query parameter.
type Field struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Action is exactly one of its fields.
type Action struct {
	Forward  *Forward  `json:"forward,omitempty"`
	Redirect *Redirect `json:"redirect,omitempty"`
	Respond  *Respond  `json:"respond,omitempty"`
}

// Forward sends on to backends.
type Forward struct {
	Backends        []Backend   `json:"backends"`
	RequestHeaders  *HeaderEdit `json:"requestHeaders,omitempty"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
	RewriteHost     string      `json:"rewriteHost,omitempty"`
	RewritePath     *PathEdit   `json:"rewritePath,omitempty"`
	RequestTimeout  Duration    `json:"requestTimeout,omitzero"`
	BackendTimeout  Duration    `json:"backendTimeout,omitzero"`
	Mirrors         []Mirror    `json:"mirrors,omitempty"`
	Retry           *Retry      `json:"retry,omitempty"`
	Session         *Session    `json:"session,omitempty"`
}

// Backend is one share of a Forward. In a spec the pool is a name in the graph, on the wire an id.
type Backend struct {
	Weight          uint32      `json:"weight"`
	Pool            string      `json:"pool,omitempty"`
	Status          int         `json:"status,omitempty"`
	RequestHeaders  *HeaderEdit `json:"requestHeaders,omitempty"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
}

// Redirect answers with a Location.
type Redirect struct {
	Scheme          string      `json:"scheme,omitempty"`
	Hostname        string      `json:"hostname,omitempty"`
	Path            *PathEdit   `json:"path,omitempty"`
	Port            uint16      `json:"port,omitempty"`
	Status          int         `json:"status,omitempty"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
}

// Respond answers by itself.
type Respond struct {
	Status          int         `json:"status"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
}

// HeaderEdit changes header fields.
type HeaderEdit struct {
	Set    []Header `json:"set,omitempty"`
	Add    []Header `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// Header is one header field.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PathEdit replaces a path or its matched prefix.
type PathEdit struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Pool is the content of a pool.
type Pool struct {
	Marked
	Protocol    string       `json:"protocol"`
	Algorithm   string       `json:"algorithm"`
	TLS         *PoolTLS     `json:"tls,omitempty"`
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`
	Session     *Session     `json:"session,omitempty"`
	RetryBudget *RetryBudget `json:"retryBudget,omitempty"`
	Limits      *Limits      `json:"limits,omitempty"`
	Members     []Member     `json:"members,omitempty"` // by address, then port
}

// PoolTLS is how members and the load balancer prove themselves. In a spec the certificate is a name in the graph, on the wire an id.
type PoolTLS struct {
	ServerName string   `json:"serverName,omitempty"`
	CAPEM      string   `json:"caPEM,omitempty"`
	System     bool     `json:"system,omitempty"`
	DNSNames   []string `json:"dnsNames,omitempty"`
	URIs       []string `json:"uris,omitempty"`

	Certificate string `json:"certificate,omitempty"`
}

// HealthCheck is an active check.
type HealthCheck struct {
	Type               string   `json:"type"`
	Path               string   `json:"path,omitempty"`
	Interval           Duration `json:"interval,omitzero"`
	Timeout            Duration `json:"timeout,omitzero"`
	HealthyThreshold   int      `json:"healthyThreshold,omitempty"`
	UnhealthyThreshold int      `json:"unhealthyThreshold,omitempty"`
}

// Member is one endpoint of a pool.
type Member struct {
	Address  netip.Addr `json:"address"`
	Port     uint16     `json:"port"`
	Weight   uint32     `json:"weight,omitempty"`
	Draining bool       `json:"draining,omitempty"`
}

// Certificate is the content of a certificate. It never changes: another content has another name.
type Certificate struct {
	Marked
	Chain string         `json:"chainPEM,omitempty"`
	Key   ir.SecretBytes `json:"-"`
}

// Duration is a time.Duration that is "1.5s" in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Equal implements graph.Spec.
func (w *LoadBalancer) Equal(got graph.Spec) bool { return equal(w, got, (*LoadBalancer).content) }

// Equal implements graph.Spec.
func (w *Listener) Equal(got graph.Spec) bool { return equal(w, got, (*Listener).content) }

// Equal implements graph.Spec.
func (w *Rule) Equal(got graph.Spec) bool { return equal(w, got, (*Rule).content) }

// Equal implements graph.Spec.
func (w *Pool) Equal(got graph.Spec) bool { return equal(w, got, (*Pool).content) }

// Equal implements graph.Spec. Only labels are compared: the content is in the name, and the cloud never returns a key.
func (w *Certificate) Equal(got graph.Spec) bool { return equal(w, got, (*Certificate).content) }

// Explain implements graph.Spec.
func (w *LoadBalancer) Explain(got graph.Spec) string { return explain.Fields(w, got) }

// Explain implements graph.Spec.
func (w *Listener) Explain(got graph.Spec) string { return explain.Fields(w, got) }

// Explain implements graph.Spec.
func (w *Rule) Explain(got graph.Spec) string { return explain.Fields(w, got) }

// Explain implements graph.Spec.
func (w *Pool) Explain(got graph.Spec) string {
	g, ok := got.(*Pool)
	if !ok {
		return explain.Fields(w, got)
	}
	return explain.Join(explain.Fields(w.config(), g.config()), explainMembers(w.Members, g.Members))
}

// Explain implements graph.Spec.
func (w *Certificate) Explain(got graph.Spec) string {
	g, ok := got.(*Certificate)
	if !ok {
		return explain.Fields(w, got)
	}
	return explain.Fields(w.content(), g.content())
}

// content is what a spec is compared by.
func (w *LoadBalancer) content() *LoadBalancer { c := *w; c.Marked = w.Marked.content(); return &c }
func (w *Listener) content() *Listener         { c := *w; c.Marked = w.Marked.content(); return &c }
func (w *Rule) content() *Rule                 { c := *w; c.Marked = w.Marked.content(); return &c }
func (w *Pool) content() *Pool                 { c := *w; c.Marked = w.Marked.content(); return &c }
func (w *Certificate) content() *Certificate   { return &Certificate{Marked: w.Marked.content()} }
func (m Marked) content() Marked               { return Marked{Labels: m.Labels} }

// config is the pool without its members, which change by a call of their own.
func (w *Pool) config() *Pool {
	c := w.content()
	c.Members = nil
	return c
}

func equal[T any](want *T, got graph.Spec, content func(*T) *T) bool {
	g, ok := any(got).(*T)
	return ok && reflect.DeepEqual(content(want), content(g))
}

// Fits implements graph.Dependent: a rule needs of its listener only that its server is there, so the trouble of one server
// does not hold up the rules of others.
func (w *Rule) Fits(dep graph.ID, got graph.Spec) bool {
	l, ok := got.(*Listener)
	if !ok {
		return dep.Kind != KindListener
	}
	for _, s := range l.Servers {
		if s.Name == w.Server {
			return true
		}
	}
	return false
}

// Fits implements graph.Dependent: certificates are never changed but for their labels, and a load balancer's changes mean nothing
// to its listeners.
func (w *Listener) Fits(graph.ID, graph.Spec) bool { return true }

// Fits implements graph.Dependent: certificates are never changed but for their labels.
func (w *Pool) Fits(graph.ID, graph.Spec) bool { return true }
