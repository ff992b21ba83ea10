package aws

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// targetGroupUse is a pool as one load balancer uses it. Uses that are equal share a target group.
type targetGroupUse struct {
	balancer *balancer
	protocol string
	version  string // "" on a Network Load Balancer
	session  session
}

// targetGroups makes the target groups of a forward and names them in it. Where there is no room for them it refuses source, and adds none.
func (c *compiler) targetGroups(b *balancer, source ir.Source, f *Forward, shares []poolShare) ([]graph.ID, bool) {
	groups, refused := c.reserve(b, shares)
	if refused != "" {
		c.refuse(source, cloud.Quota, refused)
		return nil, false
	}
	return c.forwardTo(f, groups), true
}

// groupShare is a target group and its weight in an action.
type groupShare struct {
	id     graph.ID
	pool   *ir.Pool
	use    targetGroupUse
	weight uint64
}

// reserve names the target groups of an action and takes their room in the load balancer. Where there is none it says so.
func (c *compiler) reserve(b *balancer, shares []poolShare) (groups []groupShare, refused string) {
	for _, s := range shares {
		use := c.useOf(b, s)
		pool := c.pools[s.pool]
		id := c.targetGroupID(pool, use)
		if i := slices.IndexFunc(groups, func(g groupShare) bool { return g.id == id }); i >= 0 {
			groups[i].weight += s.weight
			continue
		}
		groups = append(groups, groupShare{id: id, pool: pool, use: use, weight: s.weight})
	}
	groups = fewest(groups)
	if len(groups) > mostActionGroups {
		return nil, fmt.Sprintf("it has %d backends, and a rule in AWS has at most %d", len(groups), mostActionGroups)
	}
	more := 0
	for _, g := range groups {
		if !b.groups[g.id] {
			more++
		}
	}
	if len(b.groups)+more > mostGroups {
		return nil, fmt.Sprintf("a load balancer in AWS has at most %d target groups, one for each backend, and with those of this rule there would be %d",
			mostGroups, len(b.groups)+more)
	}
	for _, g := range groups {
		b.groups[g.id] = true
	}
	return groups, ""
}

// forwardTo adds target groups and names them in a forward.
func (c *compiler) forwardTo(f *Forward, groups []groupShare) []graph.ID {
	most := uint64(0)
	for _, g := range groups {
		most = max(most, g.weight)
	}
	var ids []graph.ID
	for _, g := range groups {
		if _, has := c.out.Graph[g.id]; !has {
			n := c.targetGroup(g)
			c.add(n)
			g.use.balancer.crowds = append(g.use.balancer.crowds, newCrowd(n, g.pool))
			c.noteTargets(g.pool)
			c.noteHealth(g.pool, g.use)
		}
		ids = append(ids, g.id)
		f.TargetGroups = append(f.TargetGroups, WeightedTargetGroup{TargetGroup: g.id.Name, Weight: scaled(g.weight, most)})
	}
	return ids
}

// fewest leaves out backends without weight where there are more than an action has room for.
func fewest(groups []groupShare) []groupShare {
	for i := len(groups) - 1; i >= 0 && len(groups) > mostActionGroups; i-- {
		if groups[i].weight == 0 {
			groups = slices.Delete(groups, i, i+1)
		}
	}
	return groups
}

// scaled brings a weight into AWS's range. The Gateway API leaves room for what is rounded; a weight that is not zero stays so.
func scaled(weight, most uint64) int32 {
	if most > mostWeight && weight > 0 {
		weight = max(1, (weight*mostWeight+most/2)/most)
	}
	return int32(weight)
}

func (c *compiler) useOf(b *balancer, s poolShare) targetGroupUse {
	use := targetGroupUse{balancer: b, version: s.version, session: s.session, protocol: s.protocol}
	if use.protocol == "" {
		use.protocol = protocolHTTP
		if c.pools[s.pool].TLS != nil {
			use.protocol = protocolHTTPS
		}
	}
	return use
}

func (c *compiler) targetGroupID(pool *ir.Pool, use targetGroupUse) graph.ID {
	kind := c.targetKind(pool)
	return graph.ID{Kind: KindTargetGroup, Name: nodeName(pool.Name + "-" +
		digest(8, use.balancer.id.Name, use.protocol, use.version, kind.targetType, kind.family, fmt.Sprint(use.session)))}
}

// poolOf returns the ir.Pool of a target group, from its name in the graph.
func poolOf(id graph.ID) string {
	if i := strings.LastIndexByte(id.Name, '-'); i >= 0 {
		return id.Name[:i]
	}
	return id.Name
}

// kindOfTargets is what a target group's targets have in common.
type kindOfTargets struct {
	targetType string // "ip" or "instance"
	family     string // "ipv4" or "ipv6"
}

// targetKind tells how AWS is told of a pool's targets: nodes by the id of their instance where all of them have one, else all by address.
// Of a pool with addresses of both families those of IPv4 are used: they are of the same pods. Those of IPv6 alone take a load balancer that
// has both.
func (c *compiler) targetKind(pool *ir.Pool) kindOfTargets {
	if pool.Nodes && len(pool.Targets) > 0 && !slices.ContainsFunc(pool.Targets, func(t ir.Target) bool { return instanceID(t.Node) == "" }) {
		return kindOfTargets{"instance", "ipv4"}
	}
	if c.dualStack() && onlyIPv6(pool) {
		return kindOfTargets{"ip", "ipv6"}
	}
	return kindOfTargets{"ip", "ipv4"}
}

func onlyIPv6(pool *ir.Pool) bool {
	return len(pool.Targets) > 0 && !slices.ContainsFunc(pool.Targets, func(t ir.Target) bool { return t.Address.Unmap().Is4() })
}

// instanceID reads the providerID of a node: aws:///ZONE/INSTANCE.
func instanceID(providerID string) string {
	path, ok := strings.CutPrefix(providerID, "aws://")
	id := path[strings.LastIndexByte(path, '/')+1:]
	if !ok || !strings.HasPrefix(id, "i-") {
		return ""
	}
	return id
}

func (c *compiler) targetGroup(g groupShare) graph.Node {
	pool, use, kind := g.pool, g.use, c.targetKind(g.pool)
	return graph.Node{ID: g.id, Spec: &TargetGroup{
		Marked:          c.marks.mark(g.id.Name, pool.Source),
		Protocol:        use.protocol,
		ProtocolVersion: use.version,
		TargetType:      kind.targetType,
		IPAddressType:   kind.family,
		Port:            80,
		HealthCheck:     healthCheck(pool, use),
		Attributes:      c.targetGroupAttributes(pool, use),
		Targets:         targets(pool, kind),
	}}
}

// targets are those that take new requests: AWS drains what is deregistered.
func targets(pool *ir.Pool, kind kindOfTargets) []Target {
	var out []Target
	for _, t := range pool.Targets {
		if as, ok := lowerTarget(t, kind); ok {
			out = append(out, as)
		}
	}
	return slices.Compact(sortedBy(out, Target.compare))
}

// lowerTarget returns a target as a target group of its kind has it, and false where it has not.
func lowerTarget(t ir.Target, kind kindOfTargets) (Target, bool) {
	address := t.Address.Unmap().WithZone("")
	switch {
	case t.Draining:
		return Target{}, false
	case kind.targetType == "instance":
		return Target{ID: instanceID(t.Node), Port: t.Port}, true
	default:
		return Target{ID: address.String(), Port: t.Port}, family(address) == kind.family
	}
}

// zoneOf returns the zone that a target is in, or nothing: that of the endpoint, or that in the providerID of the node, aws:///ZONE/INSTANCE.
func zoneOf(t ir.Target) string {
	if t.Zone != "" {
		return t.Zone
	}
	path, ok := strings.CutPrefix(t.Node, "aws:///")
	zone, _, more := strings.Cut(path, "/")
	if !ok || !more {
		return ""
	}
	return zone
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// noteTargets tells which targets of a pool are left out.
func (c *compiler) noteTargets(pool *ir.Pool) {
	if onlyIPv6(pool) && c.targetKind(pool) == (kindOfTargets{"ip", "ipv4"}) {
		c.refuse(pool.Source, cloud.Unsupported,
			"its endpoints have IPv6 addresses alone, which load balancers in AWS reach only where spec.aws.ipAddressType of the GatewayConfig is DualStack")
	}
}

// Attributes of target groups that a pool says something about, with their defaults in AWS.
const (
	attrDeregistrationDelay = "deregistration_delay.timeout_seconds"
	attrStickiness          = "stickiness.enabled"
	attrStickinessType      = "stickiness.type"
	attrCookieSeconds       = "stickiness.lb_cookie.duration_seconds"
	attrAlgorithm           = "load_balancing.algorithm.type"
	attrAnomalies           = "load_balancing.algorithm.anomaly_mitigation" // of settings alone
)

// attributeDefaults are what a new target group has without being told.
var attributeDefaults = map[string]string{
	attrDeregistrationDelay: "300",
	attrStickiness:          "false",
	attrStickinessType:      "", // by the type of load balancer: always told
	attrCookieSeconds:       "86400",
	attrAlgorithm:           "round_robin",
}

// NonDefault returns the attributes that a new target group has to be told.
func (w *TargetGroup) NonDefault() map[string]string {
	out := make(map[string]string)
	for key, value := range w.Attributes {
		if standard, known := attributeDefaults[key]; !known || standard != value {
			out[key] = value
		}
	}
	return out
}

// targetGroupAttributes says of each attribute that depends on the pool what it has to be, so that what is taken back in Kubernetes is taken
// back in AWS; then what the settings say.
func (c *compiler) targetGroupAttributes(pool *ir.Pool, use targetGroupUse) map[string]string {
	out := map[string]string{attrDeregistrationDelay: attributeDefaults[attrDeregistrationDelay], attrStickiness: "false"}
	if pool.Limits.Drain > 0 {
		out[attrDeregistrationDelay] = strconv.Itoa(int(seconds(pool.Limits.Drain, 0, 3600)))
	}
	if use.version != "" {
		out[attrAlgorithm] = "round_robin"
		if pool.Algorithm == ir.LeastRequest {
			out[attrAlgorithm] = "least_outstanding_requests"
		}
	}
	if use.session.seconds > 0 {
		out[attrStickiness], out[attrStickinessType] = "true", "lb_cookie"
		out[attrCookieSeconds] = strconv.Itoa(int(use.session.seconds))
	}
	for key, value := range c.settings.TargetGroupAttributes {
		if belongs(key, use.balancer.kind) {
			out[key] = value
		}
	}
	return out
}
