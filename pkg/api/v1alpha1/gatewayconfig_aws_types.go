package v1alpha1

import (
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// AWSConfig is what a GatewayConfig says about load balancers in AWS. Where both a class and a Gateway set a field, the Gateway's wins: a
// list, and each of subnets, backendSecurityGroups, certificates, trustStoreBucket and accessLogs, as a whole; tags and attributes key by key.
type AWSConfig struct {
	// Subnets are where the load balancers are, at most one in each zone. Where neither the Gateway nor its class says, they are
	// discovered: one per zone, of those that carry the tag kubernetes.io/role/elb (kubernetes.io/role/internal-elb for the reach Private),
	// else of those that reach the internet as load balancers of that reach have to. What was discovered when a load balancer was made stays.
	// +optional
	Subnets *AWSSubnets `json:"subnets,omitempty"`

	// SecurityGroups are the ids of those that the load balancers have. Where they are not set one is made for each Gateway, and lets
	// sourceRanges in at its ports.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=5
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:Pattern=`^sg-[0-9a-z]+$`
	SecurityGroups []string `json:"securityGroups,omitempty"`

	// SourceRanges are the addresses that may reach the load balancers, as CIDRs: they stand in the security group that is made. Everybody
	// may where they are not set.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=60
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="each has to be a CIDR, as 10.0.0.0/8"
	SourceRanges []string `json:"sourceRanges,omitempty"`

	// BackendSecurityGroups are those of the nodes and pods, which have to let the load balancers in. Nothing is done to them where this is
	// not set: then somebody else sees to it.
	// +optional
	BackendSecurityGroups *AWSBackendSecurityGroups `json:"backendSecurityGroups,omitempty"`

	// IPAddressType is what addresses the load balancers have: IPv4, or DualStack. IPv4 where it is not set.
	// +optional
	IPAddressType AWSIPAddressType `json:"ipAddressType,omitempty"`

	// Tags are set on everything that is made, beside those that tell whose it is.
	// +optional
	// +kubebuilder:validation:MaxProperties=40
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() > 0 && k.size() <= 128 && !k.startsWith('cloudgate.dev/') && !k.lowerAscii().startsWith('aws:') && self[k].size() <= 256)",message="keys have 1 to 128 characters and begin neither with cloudgate.dev/ nor with aws:, values have at most 256"
	Tags map[string]AWSValue `json:"tags,omitempty"`

	// Certificates are those of HTTPS and TLS listeners that are in AWS already. Those of a listener's own certificateRefs come before them. A
	// listener without certificateRefs has the TLS option "cloudgate.dev/certificates: cloud" in their place.
	// +optional
	Certificates *AWSCertificates `json:"certificates,omitempty"`

	// SSLPolicy is the name of the policy that says which versions and ciphers of TLS clients may use. That of AWS's recommendation where it
	// is not set.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]+$`
	SSLPolicy string `json:"sslPolicy,omitempty"`

	// TrustStoreBucket is the bucket in S3 for the certificates that Gateways validate their clients by: AWS makes trust stores of files there.
	// Where it is not set, and trustStoreARN neither, HTTPS listeners whose Gateway validates clients are refused.
	// +optional
	TrustStoreBucket *AWSTrustStoreBucket `json:"trustStoreBucket,omitempty"`

	// TrustStoreARN is the trust store that signs for the clients of HTTPS listeners whose Gateway validates them, in place of the
	// certificates that the Gateway references.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]+:truststore/[A-Za-z0-9/_-]+$`
	TrustStoreARN string `json:"trustStoreARN,omitempty"`

	// IgnoreClientCertificateExpiry has clients served whose certificates are expired. False where it is not set.
	// +optional
	IgnoreClientCertificateExpiry *bool `json:"ignoreClientCertificateExpiry,omitempty"`

	// AdvertiseTrustStoreCANames tells clients which authorities they may show a certificate of. False where it is not set.
	// +optional
	AdvertiseTrustStoreCANames *bool `json:"advertiseTrustStoreCANames,omitempty"`

	// AccessLogs says where to write a line for each request, or connection. None are written where it is not set.
	// +optional
	AccessLogs *AWSAccessLogs `json:"accessLogs,omitempty"`

	// IdleTimeout is how long a connection through an application load balancer may rest. 60s where it is not set.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('4000s')",message="idleTimeout has to be 1s to 4000s"
	IdleTimeout *gwv1.Duration `json:"idleTimeout,omitempty"`

	// DeletionProtection keeps load balancers from being deleted, by Cloudgate too: it is never turned off by anything but this field.
	// +optional
	DeletionProtection *bool `json:"deletionProtection,omitempty"`

	// LoadBalancerAttributes are set on the load balancers as they are, by the keys of the AWS API. They win over the fields above. A key
	// that only one sort of load balancer has goes to that sort alone.
	// +optional
	// +kubebuilder:validation:MaxProperties=30
	LoadBalancerAttributes map[string]AWSValue `json:"loadBalancerAttributes,omitempty"`

	// TargetGroupAttributes are set on the target groups as they are, by the keys of the AWS API.
	// +optional
	// +kubebuilder:validation:MaxProperties=30
	TargetGroupAttributes map[string]AWSValue `json:"targetGroupAttributes,omitempty"`

	// ListenerAttributes are set on the listeners as they are, by the keys of the AWS API.
	// +optional
	// +kubebuilder:validation:MaxProperties=30
	ListenerAttributes map[string]AWSValue `json:"listenerAttributes,omitempty"`
}

// AWSValue is the value of a tag or an attribute.
// +kubebuilder:validation:MaxLength=1024
type AWSValue string

// AWSSubnets names subnets by their ids, or by tags that all of them carry.
//
// +kubebuilder:validation:XValidation:rule="has(self.ids) != has(self.tags)",message="subnets need exactly one of ids and tags"
type AWSSubnets struct {
	// IDs of subnets.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:Pattern=`^subnet-[0-9a-z]+$`
	IDs []string `json:"ids,omitempty"`

	// Tags that a subnet carries, every one of them. An empty value stands for any. Where several subnets of one zone carry them, the one
	// with the lowest id is taken.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=10
	Tags map[string]AWSValue `json:"tags,omitempty"`
}

// AWSBackendSecurityGroups says which security groups have to let load balancers in.
//
// +kubebuilder:validation:XValidation:rule="!self.manage || has(self.ids) != has(self.clusterName)",message="to be managed, backendSecurityGroups need exactly one of ids and clusterName"
type AWSBackendSecurityGroups struct {
	// Manage tells to add a permission to the security groups for each Gateway, and to take it back when it is not needed any more.
	Manage bool `json:"manage"`

	// IDs of the security groups.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:Pattern=`^sg-[0-9a-z]+$`
	IDs []string `json:"ids,omitempty"`

	// ClusterName finds the security groups by the tag kubernetes.io/cluster/NAME.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[0-9A-Za-z][0-9A-Za-z_-]*$`
	ClusterName string `json:"clusterName,omitempty"`
}

// AWSCertificates are certificates in AWS Certificate Manager or IAM.
type AWSCertificates struct {
	// ARNs of certificates, for every HTTPS and TLS listener that ends TLS. The first is shown to clients that ask for no host that a
	// certificate is for, where a listener has no certificateRefs.
	// +optional
	// +kubebuilder:validation:MaxItems=25
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:items:Pattern=`^arn:[a-z0-9-]+:(acm|iam):[a-z0-9-]*:[0-9]+:(certificate|server-certificate)/.+$`
	ARNs []string `json:"arns,omitempty"`

	// Discover finds a certificate in AWS Certificate Manager for the hostname of each listener that has no certificateRefs.
	// +optional
	Discover bool `json:"discover,omitempty"`
}

// AWSIPAddressType is what addresses load balancers have.
// +kubebuilder:validation:Enum=IPv4;DualStack
type AWSIPAddressType string

const (
	// AWSIPv4 gives load balancers IPv4 addresses alone.
	AWSIPv4 AWSIPAddressType = "IPv4"
	// AWSDualStack gives load balancers IPv4 and IPv6 addresses.
	AWSDualStack AWSIPAddressType = "DualStack"
)

// AWSTrustStoreBucket says where files are put that trust stores are made of.
type AWSTrustStoreBucket struct {
	// Name of the bucket. It has to be there, in the region of the load balancers.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`
	Name string `json:"name"`

	// Prefix of the files' names, as a folder: a slash comes after it. It can have folders within folders, whose names do not begin with a dot.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*/?$`
	Prefix string `json:"prefix,omitempty"`
}

// AWSAccessLogs says where access logs are written.
type AWSAccessLogs struct {
	// Bucket in S3, whose policy lets load balancers write to it.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	Bucket string `json:"bucket"`

	// Prefix of what is written.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Prefix string `json:"prefix,omitempty"`
}
