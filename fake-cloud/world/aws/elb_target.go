package aws

import (
	"cmp"
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// RegisterTargets implements the action of that name. A target that is registered already stays as it is; one that is draining is
// registered again.
func (r *Region) RegisterTargets(_ context.Context, in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	return &elb.RegisterTargetsOutput{}, r.write(func(x *tx) error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			return invalidf("At least one target must be specified")
		}
		for _, d := range in.Targets {
			t, err := r.wantTarget(g, d)
			if err != nil {
				return err
			}
			r.register(x, g, t)
		}
		return r.roomForTargets(g)
	})
}

// register makes t a target of g. The lock is held.
func (r *Region) register(x *tx, g *TargetGroup, t *Target) {
	t.Key = targetKey(g.Key, t.ID, t.Port)
	t.TargetGroup = g.Key
	old, had := r.targets.get(t.Key)
	if had && !old.Draining {
		return
	}
	t.Meta = x.meta(t.Key, nil, 0)
	t.State, t.Reason, t.Since = types.TargetHealthStateEnumInitial, types.TargetHealthReasonEnumRegistrationInProgress, x.now
	t.Description = "Target registration is in progress"
	if wait := x.span(func(s spans) time.Duration { return s.registration }); wait > 0 {
		t.Due = x.now.Add(wait)
	} else {
		t.proceed(x)
		if t.Due.Equal(x.now) {
			t.proceed(x)
		}
	}
	r.targets.put(x, t)
}

func (r *Region) registered(group string) int {
	n := 0
	for _, t := range r.targets.of(group) {
		if !t.Draining {
			n++
		}
	}
	return n
}

// targetGroupsUsedBy returns the ARNs of the target groups that the load balancer forwards to, sorted. The lock is held.
func (r *Region) targetGroupsUsedBy(lb string) []string {
	var groups []string
	for _, l := range r.elbListeners.of(lb) {
		groups = append(groups, targetGroupsOf(l.Actions)...)
		for _, rule := range r.rules.of(l.Key) {
			groups = append(groups, targetGroupsOf(rule.Actions)...)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

var quicServer = regexp.MustCompile(`^0x[0-9a-f]{16}$`)

// wantTarget reads a target of g, with the group's port where it has none of its own. The lock is held.
func (r *Region) wantTarget(g *TargetGroup, d types.TargetDescription) (*Target, error) {
	t := &Target{ID: aws.ToString(d.Id), Zone: aws.ToString(d.AvailabilityZone), QUICServer: aws.ToString(d.QuicServerId)}
	kind := g.Spec.TargetType
	if t.ID == "" {
		return nil, invalidf("A target ID must be specified")
	}
	if kind != types.TargetTypeEnumLambda {
		t.Port = aws.ToInt32(cmp.Or(d.Port, g.Spec.Port))
		if t.Port < 1 || t.Port > 65535 {
			return nil, invalidf("Port '%d' is not valid: 1 to 65535", t.Port)
		}
	}
	if err := r.checkExtras(g, t); err != nil {
		return nil, err
	}
	switch kind {
	case types.TargetTypeEnumInstance:
		return t, r.checkInstance(g, t.ID)
	case types.TargetTypeEnumIp:
		return t, r.checkAddress(g, t)
	case types.TargetTypeEnumAlb:
		return t, r.checkApplication(g, t)
	default:
		if !strings.HasPrefix(t.ID, "arn:") || !strings.Contains(t.ID, ":lambda:") {
			return nil, faultf("InvalidTarget", "'%s' is not a valid Lambda function ARN", clip(t.ID))
		}
		return t, nil
	}
}

// checkExtras refuses a zone or a server id that targets of g cannot have. The lock is held.
func (r *Region) checkExtras(g *TargetGroup, t *Target) error {
	kind := g.Spec.TargetType
	quic := g.Spec.Protocol == types.ProtocolEnumQuic || g.Spec.Protocol == types.ProtocolEnumTcpQuic
	switch {
	case quic && !quicServer.MatchString(t.QUICServer):
		return invalidf("A QUIC server ID of '0x' and 16 lowercase hexadecimal digits must be specified for targets of protocol '%s'", g.Spec.Protocol)
	case !quic && t.QUICServer != "":
		return invalidf("A QUIC server ID cannot be specified for targets of protocol '%s'", g.Spec.Protocol)
	case t.Zone != "" && (kind == types.TargetTypeEnumInstance || kind == types.TargetTypeEnumAlb):
		return invalidf("You cannot specify an Availability Zone for targets of type '%s'", kind)
	case t.Zone != "" && t.Zone != "all" && (kind == types.TargetTypeEnumLambda || !r.isZone(t.Zone)):
		return invalidf("Availability Zone '%s' is not valid", clip(t.Zone))
	}
	return nil
}

func (r *Region) isZone(name string) bool {
	_, ok := r.subnets.first(func(s *Subnet) bool { return s.Zone == name })
	return ok || len(name) == len(r.name)+1 && strings.HasPrefix(name, r.name)
}

func (r *Region) checkInstance(g *TargetGroup, id string) error {
	i, ok := r.instances.get(id)
	switch {
	case !ok:
		return faultf("InvalidTarget", "The following targets are not valid instances: '%s'", clip(id))
	case i.VPC != aws.ToString(g.Spec.VpcId):
		return faultf("InvalidTarget", "The following targets are not in the target group VPC '%s': '%s'", aws.ToString(g.Spec.VpcId), id)
	case !i.Running:
		return faultf("InvalidTarget", "The following targets are not in a running state and cannot be registered: '%s'", id)
	}
	return nil
}

// private are the networks outside of a VPC that targets may be in.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
}

// checkAddress refuses an address that cannot be a target, and writes it as AWS does.
func (r *Region) checkAddress(g *TargetGroup, t *Target) error {
	ip, err := netip.ParseAddr(t.ID)
	if err != nil || ip.Zone() != "" || ip.Is4() != (g.Spec.IpAddressType == types.TargetGroupIpAddressTypeEnumIpv4) {
		return invalidf("The IP address '%s' is not a valid %s address", clip(t.ID), g.Spec.IpAddressType)
	}
	t.ID = ip.String()
	vpc, ok := r.vpcs.get(aws.ToString(g.Spec.VpcId))
	if zone := r.subnetZone(aws.ToString(g.Spec.VpcId), ip); zone != "" {
		if t.Zone != "" && t.Zone != zone {
			return invalidf("The IP address '%s' is within the VPC, and cannot have its Availability Zone overridden to '%s' from '%s'", t.ID, t.Zone, zone)
		}
		return nil
	}
	if ok && vpc.contains(ip) {
		return nil // AWS wants a zone where no subnet has the address; here any address of the VPC will do, as pods of a test's cluster have them
	}
	if ip.Is6() || !slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return invalidf("The IP address '%s' is not within the VPC '%s' and not within the private ranges of RFC 1918 and RFC 6598", t.ID, aws.ToString(g.Spec.VpcId))
	}
	if t.Zone == "" {
		return invalidf("The IP address '%s' is outside the VPC, you must specify an Availability Zone", t.ID)
	}
	return nil
}

// contains reports whether the address is in one of the VPC's CIDR blocks.
func (v *VPC) contains(ip netip.Addr) bool {
	blocks := []string{aws.ToString(v.Spec.CidrBlock)}
	for _, a := range v.Spec.CidrBlockAssociationSet {
		blocks = append(blocks, aws.ToString(a.CidrBlock))
	}
	for _, a := range v.Spec.Ipv6CidrBlockAssociationSet {
		blocks = append(blocks, aws.ToString(a.Ipv6CidrBlock))
	}
	return slices.ContainsFunc(blocks, func(b string) bool {
		p, err := netip.ParsePrefix(b)
		return err == nil && p.Contains(ip)
	})
}

// checkApplication refuses what is not an Application Load Balancer that listens on the group's port.
func (r *Region) checkApplication(g *TargetGroup, t *Target) error {
	lb, ok := r.loadBalancers.get(t.ID)
	switch {
	case !ok || lb.Type != types.LoadBalancerTypeEnumApplication:
		return faultf("InvalidTarget", "'%s' is not a valid Application Load Balancer ARN", clip(t.ID))
	case lb.VPC != aws.ToString(g.Spec.VpcId):
		return faultf("InvalidTarget", "The following targets are not in the target group VPC '%s': '%s'", aws.ToString(g.Spec.VpcId), t.ID)
	case t.Port != aws.ToInt32(g.Spec.Port):
		return faultf("InvalidTarget", "The target port '%d' must be the port '%d' of the target group", t.Port, aws.ToInt32(g.Spec.Port))
	case !slices.ContainsFunc(r.elbListeners.of(lb.Key), func(l *Listener) bool { return l.Port == t.Port }):
		return faultf("InvalidTarget", "Application Load Balancer '%s' has no listener on port '%d'", t.ID, t.Port)
	}
	return nil
}

// DeregisterTargets implements the action of that name. What is not registered is passed over.
func (r *Region) DeregisterTargets(_ context.Context, in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	return &elb.DeregisterTargetsOutput{}, r.write(func(x *tx) error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			return invalidf("At least one target must be specified")
		}
		seconds, _ := strconv.Atoi(g.Attributes["deregistration_delay.timeout_seconds"]) // checked when it was set
		delay := time.Duration(seconds) * time.Second
		if len(r.loadBalancersOf(g.Key)) == 0 {
			delay = 0 // it gets no traffic
		}
		for _, d := range in.Targets {
			if aws.ToString(d.Id) == "" {
				return invalidf("A target ID must be specified")
			}
			for _, t := range r.targets.of(g.Key) {
				if t.is(d) && !t.Draining {
					r.drain(x, t, delay)
				}
			}
		}
		return nil
	})
}

// is reports whether a client means t: without a port, it means all of the id.
func (t *Target) is(d types.TargetDescription) bool {
	id := aws.ToString(d.Id)
	if ip, err := netip.ParseAddr(id); err == nil {
		id = ip.String()
	}
	return t.ID == id && (d.Port == nil || *d.Port == t.Port)
}

// drain begins to take a target out of its group. The lock is held.
func (r *Region) drain(x *tx, t *Target, delay time.Duration) {
	if delay == 0 {
		r.targets.drop(x, t.Key)
		return
	}
	r.targets.edit(x, t.Key, func(t *Target) {
		t.Draining, t.Due, t.Since = true, x.now.Add(delay), x.now
		t.State, t.Reason = types.TargetHealthStateEnumDraining, types.TargetHealthReasonEnumDeregistrationInProgress
		t.Description = "Target deregistration is in progress"
	})
}

// DescribeTargetHealth implements the action of that name.
func (r *Region) DescribeTargetHealth(_ context.Context, in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	return out, r.read(func() error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		anomalies := slices.ContainsFunc(in.Include, func(i types.DescribeTargetHealthInputIncludeEnum) bool {
			return i == types.DescribeTargetHealthInputIncludeEnumAll || i == types.DescribeTargetHealthInputIncludeEnumAnomaly
		})
		used := len(r.loadBalancersOf(g.Key)) > 0
		add := func(d types.TargetHealthDescription) {
			if anomalies && isHTTP(g.Spec.Protocol) {
				d.AnomalyDetection = &types.AnomalyDetection{Result: types.AnomalyResultEnumNormal, MitigationInEffect: types.MitigationInEffectEnumNo}
			}
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, d)
		}
		if len(in.Targets) == 0 {
			for _, t := range r.targets.of(g.Key) {
				add(r.health(g, t, used))
			}
			return nil
		}
		for _, d := range in.Targets {
			found := false
			for _, t := range r.targets.of(g.Key) {
				if t.is(d) {
					found = true
					add(r.health(g, t, used))
				}
			}
			if !found {
				add(notRegistered(g, d))
			}
		}
		return nil
	})
}

func notRegistered(g *TargetGroup, d types.TargetDescription) types.TargetHealthDescription {
	port := cmp.Or(d.Port, g.Spec.Port)
	return types.TargetHealthDescription{
		Target: &types.TargetDescription{Id: aws.String(clip(aws.ToString(d.Id))), Port: port, AvailabilityZone: d.AvailabilityZone},
		TargetHealth: &types.TargetHealth{
			State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered,
			Description: aws.String("Target is not registered to the target group"),
		},
	}
}

// health returns what the API says of a target. used says whether a load balancer forwards to its group. The lock is held.
func (r *Region) health(g *TargetGroup, t *Target, used bool) types.TargetHealthDescription {
	d := types.TargetHealthDescription{Target: &types.TargetDescription{Id: aws.String(t.ID)}, TargetHealth: &types.TargetHealth{}}
	if t.Port != 0 {
		d.Target.Port = aws.Int32(t.Port)
		d.HealthCheckPort = aws.String(strconv.Itoa(int(t.Port)))
		if p := aws.ToString(g.Spec.HealthCheckPort); p != "traffic-port" {
			d.HealthCheckPort = aws.String(p)
		}
	}
	if zone := r.zoneOf(g, t); zone != "" {
		d.Target.AvailabilityZone = aws.String(zone)
	}
	if t.QUICServer != "" {
		d.Target.QuicServerId = aws.String(t.QUICServer)
	}
	h := d.TargetHealth
	i, isInstance := r.instances.get(t.ID)
	switch {
	case t.Draining:
		h.State, h.Reason, h.Description = t.State, t.Reason, aws.String(t.Description)
	case !used:
		h.State, h.Reason = types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotInUse
		h.Description = aws.String("Target group is not configured to receive traffic from the load balancer")
	case isInstance && !i.Running:
		h.State, h.Reason = types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumInvalidState
		h.Description = aws.String("Target is in the stopped state")
	case g.Spec.HealthCheckEnabled != nil && !*g.Spec.HealthCheckEnabled:
		h.State, h.Reason = types.TargetHealthStateEnumUnavailable, types.TargetHealthReasonEnumHealthCheckDisabled
		h.Description = aws.String("Health checks are disabled for this target group")
	default:
		h.State, h.Reason = t.State, t.Reason
		if t.Description != "" {
			h.Description = aws.String(t.Description)
		}
	}
	return d
}

// zoneOf returns the zone that a target of type ip is shown with: the one given, or that of its subnet. The lock is held.
func (r *Region) zoneOf(g *TargetGroup, t *Target) string {
	if t.Zone != "" || g.Spec.TargetType != types.TargetTypeEnumIp {
		return t.Zone
	}
	ip, err := netip.ParseAddr(t.ID)
	if err != nil {
		return ""
	}
	return r.subnetZone(aws.ToString(g.Spec.VpcId), ip)
}

// subnetZone returns the zone of the VPC's subnet that has the address, empty where none has. The lock is held.
func (r *Region) subnetZone(vpc string, ip netip.Addr) string {
	for _, s := range r.subnets.of(vpc) {
		if s.cidr().Contains(ip) || slices.ContainsFunc(s.Spec.Ipv6CidrBlockAssociationSet, func(a ec2types.SubnetIpv6CidrBlockAssociation) bool {
			p, err := netip.ParsePrefix(aws.ToString(a.Ipv6CidrBlock))
			return err == nil && p.Contains(ip)
		}) {
			return s.Zone
		}
	}
	return ""
}
