package aws

import (
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Kinds of resources in AWS.
const (
	// KindSecurityGroup is the group that the load balancers of a Gateway are in: securitygroup/frontend.
	KindSecurityGroup graph.Kind = "securitygroup"
	// KindNodeAccess is what lets the load balancers reach the nodes: permissions in the nodes' own security groups: nodeaccess/backend.
	KindNodeAccess graph.Kind = "nodeaccess"
	// KindCertificate is a certificate that was imported into ACM: certificate/DIGEST.
	KindCertificate graph.Kind = "certificate"
	// KindLoadBalancer is a load balancer: loadbalancer/application-DIGEST or loadbalancer/network-DIGEST.
	KindLoadBalancer graph.Kind = "loadbalancer"
	// KindListener is a listener, within its load balancer: listener/http-80-a-DIGEST, for an application load balancer.
	KindListener graph.Kind = "listener"
	// KindRule is a rule, within its listener.
	KindRule graph.Kind = "rule"
	// KindTargetGroup is a target group: targetgroup/POOL-DIGEST.
	KindTargetGroup graph.Kind = "targetgroup"
)

// A spec's references to other resources (TargetGroup, SecurityGroups, CertificateChoice.Node, NodeAccess.Sources, TrustStore) are their names in
// the graph, without the kind, where they are the owner's, and the id or ARN that AWS knows where they are not. The same holds of specs
// that were observed.

// Marked is what every spec has besides its content.
type Marked struct {
	// Tags are all that the resource carries, but for those that AWS itself sets. They are compared whole.
	Tags map[string]string `json:"tags"`

	source ir.Source // where a wanted resource comes from
}

// Source names the Kubernetes object that a wanted resource comes from. It is zero for a resource that was observed.
func (m Marked) Source() ir.Source { return m.source }

// SecurityGroup is the group that the load balancers are in. Its outgoing traffic is not looked at: AWS lets all out of a new group.
type SecurityGroup struct {
	Marked
	Ingress []Ingress `json:"ingress,omitempty"` // as Ingress.compare orders, each once
}

// Ingress lets addresses in at a port.
type Ingress struct {
	Protocol string `json:"protocol"` // "tcp" or "udp"
	Port     uint16 `json:"port"`
	CIDR     string `json:"cidr"` // masked, IPv4 or IPv6
}

// NodeAccess lets the load balancers in at the nodes and pods. It is rules in security groups of somebody else, which carry the tags; the
// groups themselves are left alone.
type NodeAccess struct {
	Marked
	// Groups are the ids of the nodes' security groups, sorted. Of a wanted one they are empty where Cluster names them.
	Groups []string `json:"groups,omitempty"`
	// Cluster finds the groups by the tag kubernetes.io/cluster/NAME. Of one that was observed it is empty.
	Cluster string `json:"cluster,omitempty"`
	// Sources are the security groups of the load balancers, sorted.
	Sources []string `json:"sources"`
	// Ports are what is let in, as PortRange.compare orders.
	Ports []PortRange `json:"ports,omitempty"`
}

// PortRange is ports from one to another, both of them too.
type PortRange struct {
	Protocol string `json:"protocol"` // "tcp" or "udp"
	From     uint16 `json:"from"`
	To       uint16 `json:"to"`
}

// Certificate is a certificate in ACM. It never changes: another content has another name.
type Certificate struct {
	Marked
	Chain string         `json:"chainPEM,omitempty"` // leaf first; empty where it was observed
	Key   ir.SecretBytes `json:"-"`
}

// Types of load balancers, as AWS names them.
const (
	TypeApplication = "application"
	TypeNetwork     = "network"
)

// LoadBalancer is a load balancer.
type LoadBalancer struct {
	Marked
	Type          string  `json:"type"`          // TypeApplication or TypeNetwork
	Scheme        string  `json:"scheme"`        // "internet-facing" or "internal"
	IPAddressType string  `json:"ipAddressType"` // "ipv4" or "dualstack"
	Subnets       Subnets `json:"subnets,omitzero"`
	// SecurityGroups are sorted.
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// Attributes of a wanted one are those that it says something about, and only these are compared. Of one that was observed they are all.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Subnets are where a load balancer is: IDs, or those that carry Tags, or where both are empty what is found best. Of a load balancer that
// was observed they are its IDs. Only wanted IDs are compared: what was found when it was made stays.
type Subnets struct {
	IDs  []string          `json:"ids,omitempty"` // sorted
	Tags map[string]string `json:"tags,omitempty"`
}

// Listener is a listener of a load balancer.
type Listener struct {
	Marked
	Port     uint16 `json:"port"`
	Protocol string `json:"protocol"` // "HTTP", "HTTPS", "TCP", "UDP", "TCP_UDP", "TLS"
	// Certificates of HTTPS and TLS: the first is the default, the order of the others means nothing.
	Certificates []CertificateChoice `json:"certificates,omitempty"`
	SSLPolicy    string              `json:"sslPolicy,omitempty"`
	ALPN         string              `json:"alpn,omitempty"` // of TLS; empty is "None"
	// Default is what is done where no rule matches.
	Default Action `json:"default"`
	// Clients says how clients prove themselves. Nil is AWS's "off".
	Clients *MutualAuthentication `json:"clients,omitempty"`
	// Attributes of a wanted one are those that it says something about, and only these are compared. Of one that was observed they are all
	// that AWS tells.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// CertificateChoice is a certificate of a listener. A wanted one is exactly one of Node, ARN and Hostname. One that was observed has the
// ARN, the Node where it is one of the owner's, and in Covers what it is for where AWS was asked: that is compared with Hostname.
type CertificateChoice struct {
	Node     string   `json:"node,omitempty"`     // a KindCertificate of the graph
	ARN      string   `json:"arn,omitempty"`      // one that is in ACM or IAM
	Hostname string   `json:"hostname,omitempty"` // one in ACM that covers it, whichever that is when the listener is made
	Covers   []string `json:"covers,omitempty"`   // the names in an observed certificate that is not the owner's
}

// MutualAuthentication says how clients of an HTTPS listener prove themselves.
type MutualAuthentication struct {
	Mode             string `json:"mode"`                 // "verify" or "passthrough"
	TrustStore       string `json:"trustStore,omitempty"` // a name in the graph, or an ARN
	IgnoreExpiry     bool   `json:"ignoreExpiry,omitempty"`
	AdvertiseCANames bool   `json:"advertiseCANames,omitempty"`
}

// Rule is a rule of a listener of an Application Load Balancer.
type Rule struct {
	Marked
	// Rank orders the rules of a listener: byte by byte, the smallest decides first. Place reads it; it is not compared, and empty where the
	// rule was observed.
	Rank string `json:"rank,omitempty"`
	// Priority is the number by which AWS orders rules, 1 to 50000. 0 until Place has given it one, and then not compared.
	Priority   int32       `json:"priority,omitempty"`
	Conditions []Condition `json:"conditions"` // in the order in which they are sent, which AWS keeps
	Action     Action      `json:"action"`
	// Theirs marks a rule that somebody else made and that goes when its load balancer is adopted. The headers that it asks for may be secrets
	// between a CDN and the load balancer, which who reads a Gateway need not know.
	Theirs bool `json:"-"`
	// HostRewrite is the transform host-header-rewrite, URLRewrite the transform url-rewrite.
	HostRewrite *Rewrite `json:"hostRewrite,omitempty"`
	URLRewrite  *Rewrite `json:"urlRewrite,omitempty"`
}

// Fields of conditions, as AWS names them.
const (
	FieldHost   = "host-header"
	FieldPath   = "path-pattern"
	FieldMethod = "http-request-method"
	FieldHeader = "http-header"
	FieldQuery  = "query-string"
)

// Condition is one condition of a rule: one of its values has to match.
type Condition struct {
	Field  string      `json:"field"`
	Header string      `json:"header,omitempty"` // the name, for FieldHeader
	Values []string    `json:"values,omitempty"` // with the wildcards * and ?, but for FieldMethod
	Regex  []string    `json:"regex,omitempty"`  // for FieldHost, FieldPath and FieldHeader, in place of Values
	Query  []QueryPair `json:"query,omitempty"`  // for FieldQuery
}

// QueryPair is a value of a query condition.
type QueryPair struct {
	Key   string `json:"key,omitempty"`
	Value string `json:"value"`
}

// Action is exactly one of its fields.
type Action struct {
	Forward  *Forward  `json:"forward,omitempty"`
	Redirect *Redirect `json:"redirect,omitempty"`
	Fixed    *Fixed    `json:"fixed,omitempty"`
}

// Forward sends on to target groups.
type Forward struct {
	// TargetGroups are 1 to 5, in the order of the route, each once. The weight of a single one means nothing and is not compared.
	TargetGroups []WeightedTargetGroup `json:"targetGroups"`
	// Stickiness is for how many seconds a client stays with the target group that was chosen for it. 0 is not at all.
	Stickiness int32 `json:"stickiness,omitempty"`
}

// WeightedTargetGroup is one share of a Forward.
type WeightedTargetGroup struct {
	TargetGroup string `json:"targetGroup"`
	Weight      int32  `json:"weight"` // 0 to 999
}

// Redirect answers with a Location. All of it but StatusCode is always set, with AWS's keywords ("#{host}") where the request decides.
type Redirect struct {
	Protocol   string `json:"protocol"`
	Host       string `json:"host"`
	Port       string `json:"port"`
	Path       string `json:"path"`
	Query      string `json:"query"`
	StatusCode string `json:"statusCode"` // "HTTP_301" or "HTTP_302"
}

// Fixed answers by itself.
type Fixed struct {
	StatusCode  string `json:"statusCode"`
	ContentType string `json:"contentType,omitempty"`
	Body        string `json:"body,omitempty"`
}

// Rewrite replaces what a regular expression matches. The replacement has $1 for what the first group matched.
type Rewrite struct {
	Regex   string `json:"regex"`
	Replace string `json:"replace"`
}

// TargetGroup is a target group. What cannot change is in its name too: Protocol, ProtocolVersion, TargetType, IPAddressType and Port.
type TargetGroup struct {
	Marked
	Protocol        string      `json:"protocol"`                  // "HTTP", "HTTPS", "TCP", "UDP", "TCP_UDP", "TLS"
	ProtocolVersion string      `json:"protocolVersion,omitempty"` // "HTTP1", "HTTP2", "GRPC" for HTTP and HTTPS
	TargetType      string      `json:"targetType"`                // "ip" or "instance"
	IPAddressType   string      `json:"ipAddressType"`             // "ipv4" or "ipv6"
	Port            uint16      `json:"port"`                      // what AWS wants to be told; each target has its own
	HealthCheck     HealthCheck `json:"healthCheck"`
	// Attributes of a wanted one are those that it says something about, and only these are compared; NonDefault tells which of them a new
	// target group has to be told. Of one that was observed they are all.
	Attributes map[string]string `json:"attributes,omitempty"`
	Targets    []Target          `json:"targets,omitempty"` // as Target.compare orders, each once; draining ones that were observed are left out
}

// HealthCheck is how targets are asked. All of it is always set, with AWS's defaults, but for what is empty for the protocol.
type HealthCheck struct {
	Protocol  string `json:"protocol"`          // "HTTP", "HTTPS", "TCP"
	Port      string `json:"port"`              // "traffic-port", or a number
	Path      string `json:"path,omitempty"`    // HTTP and HTTPS
	Matcher   string `json:"matcher,omitempty"` // HTTP and HTTPS: the statuses, or for protocol version GRPC the gRPC codes, that are healthy
	Interval  int32  `json:"intervalSeconds"`
	Timeout   int32  `json:"timeoutSeconds"`
	Healthy   int32  `json:"healthyThreshold"`
	Unhealthy int32  `json:"unhealthyThreshold"`
}

// Target is one target of a group.
type Target struct {
	ID   string `json:"id"` // an IP address, or the id of an instance
	Port uint16 `json:"port"`
}
