package aws

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

var elbName = regexp.MustCompile(`^[a-zA-Z0-9-]+$`)

// checkName refuses what cannot be the name of a load balancer, target group or trust store.
func checkName(what string, name *string) error {
	n := aws.ToString(name)
	switch {
	case n == "":
		return invalidf("%s name must be specified", what)
	case len(n) > 32:
		return invalidf("%s name '%s' cannot be longer than '32' characters", what, clip(n))
	case !elbName.MatchString(n):
		return invalidf("%s name '%s' can only contain characters that are alphanumeric characters or hyphens(-)", what, clip(n))
	case strings.HasPrefix(n, "-") || strings.HasSuffix(n, "-"):
		return invalidf("%s name '%s' cannot begin or end with a hyphen(-)", what, n)
	}
	return nil
}

// CreateLoadBalancer implements the action of that name. It is idempotent for equal input.
func (r *Region) CreateLoadBalancer(_ context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	if err := checkName("Load balancer", in.Name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(*in.Name, "internal-") {
		return nil, invalidf("Load balancer name '%s' cannot begin with 'internal-'", *in.Name)
	}
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	want, err := wantLoadBalancer(in)
	if err != nil {
		return nil, err
	}
	out := &elb.CreateLoadBalancerOutput{}
	return out, r.write(func(x *tx) error {
		mappings, err := r.checkNetwork(want, in.Subnets, in.SubnetMappings)
		if err != nil {
			return err
		}
		if err := r.checkGroups(want, in.SecurityGroups); err != nil {
			return err
		}
		if old, ok := r.loadBalancers.first(func(lb *LoadBalancer) bool { return lb.Name == want.Name }); ok {
			if !sameLoadBalancer(old, want, mappings, tags) {
				return faultf("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", want.Name)
			}
			out.LoadBalancers = []types.LoadBalancer{old.output()}
			return nil
		}
		made, err := r.makeLoadBalancer(x, want, mappings, tags)
		if err == nil {
			out.LoadBalancers = []types.LoadBalancer{made.output()}
		}
		return err
	})
}

// wantLoadBalancer reads what does not depend on the region.
func wantLoadBalancer(in *elb.CreateLoadBalancerInput) (*LoadBalancer, error) {
	want := &LoadBalancer{
		Name: *in.Name, Type: cmp.Or(in.Type, types.LoadBalancerTypeEnumApplication),
		Scheme:        cmp.Or(in.Scheme, types.LoadBalancerSchemeEnumInternetFacing),
		IPAddressType: cmp.Or(in.IpAddressType, types.IpAddressTypeIpv4),
		CustomerPool:  aws.ToString(in.CustomerOwnedIpv4Pool), SourceNAT: in.EnablePrefixForIpv6SourceNat,
	}
	if in.IpamPools != nil {
		want.IPAMPool = aws.ToString(in.IpamPools.Ipv4IpamPoolId)
	}
	application := want.Type == types.LoadBalancerTypeEnumApplication
	switch {
	case !slices.Contains(want.Type.Values(), want.Type):
		return nil, invalidf("'%s' is not a valid load balancer type", clip(string(want.Type)))
	case want.Type == types.LoadBalancerTypeEnumGateway:
		return nil, faultf("InvalidConfigurationRequest", "Load balancers of type 'gateway' are not supported in this region")
	case !slices.Contains(want.Scheme.Values(), want.Scheme):
		return nil, faultf("InvalidScheme", "'%s' is not a valid scheme", clip(string(want.Scheme)))
	case !slices.Contains(want.IPAddressType.Values(), want.IPAddressType):
		return nil, invalidf("'%s' is not a valid IP address type", clip(string(want.IPAddressType)))
	case want.IPAddressType == types.IpAddressTypeDualstackWithoutPublicIpv4 &&
		(!application || want.Scheme != types.LoadBalancerSchemeEnumInternetFacing):
		return nil, faultf("InvalidConfigurationRequest",
			"IP address type 'dualstack-without-public-ipv4' is supported only by internet-facing Application Load Balancers")
	case want.SourceNAT != "" && !slices.Contains(want.SourceNAT.Values(), want.SourceNAT):
		return nil, invalidf("'%s' is not a valid value for EnablePrefixForIpv6SourceNat", clip(string(want.SourceNAT)))
	case want.SourceNAT == types.EnablePrefixForIpv6SourceNatEnumOn && (application || want.IPAddressType == types.IpAddressTypeIpv4):
		return nil, faultf("InvalidConfigurationRequest", "EnablePrefixForIpv6SourceNat needs a Network Load Balancer with IP address type 'dualstack'")
	}
	return want, nil
}

// sameLoadBalancer reports whether a create that is repeated would make what is there.
func sameLoadBalancer(old, want *LoadBalancer, mappings []mapping, tags map[string]string) bool {
	return old.Type == want.Type && old.Scheme == want.Scheme && old.IPAddressType == want.IPAddressType && old.VPC == want.VPC &&
		old.IPAMPool == want.IPAMPool && old.CustomerPool == want.CustomerPool && equalSets(old.SecurityGroups, want.SecurityGroups) &&
		slices.EqualFunc(old.Zones, mappings, func(z Zone, m mapping) bool { return z.Subnet == m.subnet.Key && z.Fixed == m.private.IsValid() }) &&
		maps.Equal(old.Tags, tags)
}

func equalSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// makeLoadBalancer makes a load balancer with its network interfaces. The lock is held.
func (r *Region) makeLoadBalancer(x *tx, want *LoadBalancer, mappings []mapping, tags map[string]string) (*LoadBalancer, error) {
	quota, kind := "application-load-balancers", "app"
	if want.Type == types.LoadBalancerTypeEnumNetwork {
		quota, kind = "network-load-balancers", "net"
	}
	have := 0
	for _, lb := range r.loadBalancers.all() {
		if lb.Type == want.Type {
			have++
		}
	}
	if have >= r.quota(quota) {
		return nil, faultf("TooManyLoadBalancers", "The maximum number of load balancers of type '%s' has been reached", want.Type)
	}
	id := x.hex()
	lb := *want
	lb.Meta = x.meta(r.elbARN("loadbalancer/"+kind+"/"+lb.Name+"/"+id), tags, x.span(func(s spans) time.Duration { return s.loadBalancer }))
	lb.State = types.LoadBalancerStateEnumProvisioning
	if lb.Due.IsZero() {
		lb.State = types.LoadBalancerStateEnumActive
	}
	lb.DNSName, lb.HostedZone = r.dnsName(&lb, id), r.hostedZone(lb.Type)
	lb.Attributes = initials(loadBalancerAttributes(lb.Type, lb.Scheme))
	lb.SessionKey = world.Secret(rand.Text())
	for _, m := range mappings {
		z, err := r.enter(x, &lb, m)
		if err != nil {
			return nil, err
		}
		lb.Zones = append(lb.Zones, z)
	}
	r.loadBalancers.put(x, &lb)
	return &lb, nil
}

// dnsName returns the name of a new load balancer, in the capitals of its own.
func (r *Region) dnsName(lb *LoadBalancer, id string) string {
	if lb.Type == types.LoadBalancerTypeEnumNetwork {
		return lb.Name + "-" + id + ".elb." + r.name + "." + r.domain()
	}
	n, _ := strconv.ParseUint(id[:8], 16, 64) // hexadecimal digits
	name := lb.Name + "-" + strconv.FormatUint(1_000_000_000+n%1_147_483_647, 10) + "." + r.name + ".elb." + r.domain()
	if lb.Scheme == types.LoadBalancerSchemeEnumInternal {
		return "internal-" + name
	}
	return name
}

// hostedZones are the zones that Route 53 aliases of load balancers name, by region: of ALBs, of NLBs.
// https://docs.aws.amazon.com/general/latest/gr/elb.html
var hostedZones = map[string][2]string{
	"us-east-1":      {"Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"},
	"us-east-2":      {"Z3AADJGX6KTTL2", "ZLMOA37VPKANP"},
	"us-west-1":      {"Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"},
	"us-west-2":      {"Z1H1FL5HABSF5", "Z18D5FSROUN65G"},
	"eu-west-1":      {"Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"},
	"eu-central-1":   {"Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"},
	"ap-northeast-1": {"Z14GRHDCWA56QT", "Z31USIVHYNEOWT"},
}

func (r *Region) hostedZone(kind types.LoadBalancerTypeEnum) string {
	zones, ok := hostedZones[r.name]
	if !ok {
		zones = hostedZones["us-east-1"] // regions whose zones are not known here share these
	}
	if kind == types.LoadBalancerTypeEnumNetwork {
		return zones[1]
	}
	return zones[0]
}

// output returns the load balancer as the API shows it.
func (lb *LoadBalancer) output() types.LoadBalancer {
	out := types.LoadBalancer{
		LoadBalancerArn: aws.String(lb.Key), LoadBalancerName: aws.String(lb.Name), DNSName: aws.String(lb.DNSName),
		Type: lb.Type, Scheme: lb.Scheme, IpAddressType: lb.IPAddressType, VpcId: aws.String(lb.VPC), CreatedTime: aws.Time(lb.Created),
		State: &types.LoadBalancerState{Code: lb.State}, SecurityGroups: lb.SecurityGroups, AvailabilityZones: lb.zones(),
		CanonicalHostedZoneId: aws.String(lb.HostedZone), EnablePrefixForIpv6SourceNat: lb.SourceNAT,
	}
	if lb.CustomerPool != "" {
		out.CustomerOwnedIpv4Pool = aws.String(lb.CustomerPool)
	}
	if lb.IPAMPool != "" {
		out.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String(lb.IPAMPool)}
	}
	if lb.EnforcePrivate != "" {
		out.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = aws.String(lb.EnforcePrivate)
	}
	return out
}

func (lb *LoadBalancer) zones() []types.AvailabilityZone {
	zones := make([]types.AvailabilityZone, 0, len(lb.Zones))
	for _, z := range lb.Zones {
		out := types.AvailabilityZone{ZoneName: aws.String(z.Name), SubnetId: aws.String(z.Subnet), LoadBalancerAddresses: []types.LoadBalancerAddress{}}
		if z.Fixed {
			out.LoadBalancerAddresses = append(out.LoadBalancerAddresses, types.LoadBalancerAddress{PrivateIPv4Address: aws.String(z.Private.String())})
		}
		zones = append(zones, out)
	}
	return zones
}

// DescribeLoadBalancers implements the action of that name.
func (r *Region) DescribeLoadBalancers(_ context.Context, in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	if len(in.LoadBalancerArns) > 0 && len(in.Names) > 0 {
		return nil, invalidf("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	if len(in.LoadBalancerArns) > 20 || len(in.Names) > 20 {
		return nil, invalidf("Cannot have more than 20 resources described")
	}
	out := &elb.DescribeLoadBalancersOutput{}
	return out, r.read(func() error {
		lbs, err := r.askedLoadBalancers(in)
		if err != nil {
			return err
		}
		lbs, out.NextMarker, err = elbPage(lbs, seqOf, in.Marker, in.PageSize, 400)
		for _, lb := range lbs {
			out.LoadBalancers = append(out.LoadBalancers, lb.output())
		}
		return err
	})
}

func (r *Region) askedLoadBalancers(in *elb.DescribeLoadBalancersInput) ([]*LoadBalancer, error) {
	var asked []*LoadBalancer
	for _, lb := range r.loadBalancers.all() {
		named := slices.Contains(in.Names, lb.Name) || slices.Contains(in.LoadBalancerArns, lb.Key)
		if !r.unseen(&lb.Meta) && (named || len(in.Names)+len(in.LoadBalancerArns) == 0) {
			asked = append(asked, lb)
		}
	}
	for _, arn := range in.LoadBalancerArns {
		if !isARN(arn, "loadbalancer") {
			return nil, invalidf("'%s' is not a valid load balancer ARN", clip(arn))
		}
		if !slices.ContainsFunc(asked, func(lb *LoadBalancer) bool { return lb.Key == arn }) {
			return nil, faultf("LoadBalancerNotFound", "One or more load balancers not found")
		}
	}
	for _, name := range in.Names {
		if !slices.ContainsFunc(asked, func(lb *LoadBalancer) bool { return lb.Name == name }) {
			return nil, faultf("LoadBalancerNotFound", "Load balancers '[%s]' not found", clip(name))
		}
	}
	return asked, nil
}

// DeleteLoadBalancer implements the action of that name. Its listeners and their rules go with it.
func (r *Region) DeleteLoadBalancer(_ context.Context, in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
	return &elb.DeleteLoadBalancerOutput{}, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			if isFault(err, "LoadBalancerNotFound") {
				return nil // "If the load balancer does not exist or has already been deleted, the call succeeds."
			}
			return err
		}
		if lb.Attributes["deletion_protection.enabled"] == "true" {
			return faultf("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", lb.Key)
		}
		for _, l := range r.elbListeners.of(lb.Key) {
			r.removeListener(x, l)
		}
		for _, a := range r.associations.of(lb.Key) {
			r.associations.drop(x, a.Key)
		}
		for _, z := range lb.Zones {
			r.leave(x, z)
		}
		r.loadBalancers.drop(x, lb.Key)
		return nil
	})
}
