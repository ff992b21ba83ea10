package aws

import (
	"net/netip"
	"time"

	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// Meta is what every row has.
type Meta struct {
	Key     string // ARN, or id in EC2
	Seq     uint64 // older rows have lower ones
	Created time.Time
	Due     time.Time // when its passing state ends, zero when it is in none
	Tags    map[string]string
}

func (m *Meta) meta() *Meta { return m }

// row is a pointer to one of the types of this file. A row that is in a table is never changed: a change puts another in its place.
type row interface{ meta() *Meta }

// LoadBalancer is one Application or Network Load Balancer.
type LoadBalancer struct {
	Meta
	Name           string
	Type           types.LoadBalancerTypeEnum
	Scheme         types.LoadBalancerSchemeEnum
	IPAddressType  types.IpAddressType
	DNSName        string // as AWS spells it, with the capitals of Name
	HostedZone     string // for aliases in Route 53
	VPC            string
	State          types.LoadBalancerStateEnum
	Zones          []Zone // by name
	SecurityGroups []string
	Attributes     map[string]string // every one that its type has
	SessionKey     world.Secret      // seals the cookies that keep clients at their targets
	// The rest is echoed only.
	CapacityUnits     int32
	CapacityModified  time.Time
	CapacityDecreases int32 // on the day of CapacityModified
	IPAMPool          string
	CustomerPool      string
	SourceNAT         types.EnablePrefixForIpv6SourceNatEnum
	EnforcePrivate    string
}

// Zone is a load balancer's presence in one subnet.
type Zone struct {
	Name, Subnet string
	Interface    string     // id of its network interface
	Private      netip.Addr // of the network interface
	Address      netip.Addr // on which the load balancer answers: from Config.Addresses
	AllocationID string
	Fixed        bool // Private was asked for
}

// Listener is a listener of a load balancer.
type Listener struct {
	Meta
	LoadBalancer string
	Port         int32
	Protocol     types.ProtocolEnum
	SSLPolicy    string
	ALPN         []string
	Certificates []string       // ARNs, the default first
	Actions      []types.Action // the default ones
	Mutual       *types.MutualAuthenticationAttributes
	Attributes   map[string]string // every one that its protocol has
	DefaultRule  string            // ARN of the default rule
	DefaultTags  map[string]string // of the default rule
}

// Rule is a rule of a listener. The default rule is none: it is in its Listener.
type Rule struct {
	Meta
	Listener   string
	Priority   int32
	Conditions []types.RuleCondition
	Actions    []types.Action
	Transforms []types.RuleTransform
}

// TargetGroup is a target group without its targets.
type TargetGroup struct {
	Meta
	Name string
	// Spec has everything but LoadBalancerArns, with all defaults.
	Spec       types.TargetGroup
	Attributes map[string]string // every one that its type has
}

// Target is a registered target, or one that is draining after it was deregistered.
type Target struct {
	Meta
	TargetGroup string
	ID          string // instance id, address, or ARN
	Port        int32  // zero for a Lambda function
	Zone        string // as given; empty when it was not
	QUICServer  string
	State       types.TargetHealthStateEnum // as if its group were used: Initial, Healthy, Unhealthy, Draining
	Reason      types.TargetHealthReasonEnum
	Description string
	Draining    bool
	Since       time.Time // of State
}

// TrustStore is a trust store with its certificates.
type TrustStore struct {
	Meta
	Name         string
	Status       types.TrustStoreStatus
	Bundle       string // PEM
	Certificates int32
	Revocations  []Revocation
	NextID       int64
}

// Revocation is one revocation list of a trust store.
type Revocation struct {
	ID      int64
	Entries int64
	Content string // PEM or DER
	Source  types.RevocationContent
}

// Bucket is a bucket of S3: its key is its name, which no other region has either.
type Bucket struct{ Meta }

// Object is an object of S3. Its key is the bucket's name, a slash, and its own.
type Object struct {
	Meta
	Content   []byte
	ETag      string
	Type      string            // Content-Type
	Headers   map[string]string // the other headers that come back as they were given, by the name of the SDK's member
	Metadata  map[string]string
	Checksums map[string]string // in base64, by the name of the algorithm
}

// VPC is a VPC. Tags are in Meta, here and in all types from EC2.
type VPC struct {
	Meta
	Spec ec2types.Vpc
	// DNS attributes of the VPC.
	DNSSupport, DNSHostnames bool
}

// Subnet is a subnet. AvailableIpAddressCount is counted when it is described.
type Subnet struct {
	Meta
	VPC  string
	Zone string // the name of its Availability Zone
	Spec ec2types.Subnet
}

// InternetGateway is an internet gateway with its attachments.
type InternetGateway struct {
	Meta
	Spec ec2types.InternetGateway
}

// RouteTable is a route table with its routes and associations.
type RouteTable struct {
	Meta
	VPC  string
	Spec ec2types.RouteTable
}

// SecurityGroup is a security group. Its permissions are SecurityGroupRules.
type SecurityGroup struct {
	Meta
	VPC  string
	Name string
	Spec ec2types.SecurityGroup
}

// SecurityGroupRule is one permission.
type SecurityGroupRule struct {
	Meta
	Group string
	Spec  ec2types.SecurityGroupRule
}

// NetworkInterface is an interface of an instance or a load balancer.
type NetworkInterface struct {
	Meta
	Subnet       string
	VPC          string
	LoadBalancer string // ARN, of a load balancer's
	Instance     string // id, of an instance's
	Groups       []string
	Addresses    []netip.Addr   // private ones, the primary first
	Prefixes     []netip.Prefix // delegated to it
	Public       netip.Addr     // of a load balancer's: the one on which it answers
	Spec         ec2types.NetworkInterface
}

// Instance is an instance that was seeded.
type Instance struct {
	Meta
	VPC, Subnet, Zone string
	Address           netip.Addr // private, primary
	Running           bool
	Spec              ec2types.Instance
}

// Certificate is a certificate of ACM.
type Certificate struct {
	Meta
	Detail           acmtypes.CertificateDetail // without InUseBy
	CertificatePEM   string
	ChainPEM, KeyPEM string
	Token            string // idempotency token of RequestCertificate
}

// Association binds a web ACL or a protection to a resource.
type Association struct {
	Meta
	Kind     string // "webacl", "protection", "subscription"
	Resource string // ARN
	Target   string // ARN or id of what is bound to it
	Name     string // of a protection
}
