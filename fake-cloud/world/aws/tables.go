package aws

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// tables is all rows of a region.
type tables struct {
	loadBalancers *table[LoadBalancer, *LoadBalancer]
	elbListeners  *table[Listener, *Listener] // within load balancers
	rules         *table[Rule, *Rule]         // within listeners
	targetGroups  *table[TargetGroup, *TargetGroup]
	targets       *table[Target, *Target] // within target groups
	trustStores   *table[TrustStore, *TrustStore]

	buckets *table[Bucket, *Bucket]
	objects *table[Object, *Object] // within buckets

	vpcs               *table[VPC, *VPC]
	subnets            *table[Subnet, *Subnet] // within VPCs
	internetGateways   *table[InternetGateway, *InternetGateway]
	routeTables        *table[RouteTable, *RouteTable]               // within VPCs
	securityGroups     *table[SecurityGroup, *SecurityGroup]         // within VPCs
	securityGroupRules *table[SecurityGroupRule, *SecurityGroupRule] // within security groups
	interfaces         *table[NetworkInterface, *NetworkInterface]   // within subnets
	instances          *table[Instance, *Instance]

	certificates *table[Certificate, *Certificate]
	authorities  *table[Authority, *Authority]
	sessions     *table[Session, *Session]
	identities   *table[identityRow, *identityRow] // in globalRegion alone; key: issuer
	webACLs      *table[WebACL, *WebACL]
	associations *table[Association, *Association] // within the resources that they are of
}

func newTables(r *Region) tables {
	all := tables{
		loadBalancers: newTable(r, "loadbalancer", nil, (*LoadBalancer).refs),
		elbListeners:  newTable(r, "listener", func(l *Listener) string { return l.LoadBalancer }, (*Listener).refs),
		rules:         newTable(r, "rule", func(l *Rule) string { return l.Listener }, func(l *Rule) []string { return targetGroupsOf(l.Actions) }),
		targetGroups:  newTable[TargetGroup](r, "targetgroup", nil, nil),
		targets:       newTable(r, "target", func(t *Target) string { return t.TargetGroup }, func(t *Target) []string { return []string{t.ID} }),
		trustStores:   newTable[TrustStore](r, "truststore", nil, nil),

		buckets: newTable[Bucket](r, "bucket", nil, nil),
		objects: newTable(r, "object", (*Object).bucket, nil),

		vpcs:             newTable[VPC](r, "vpc", nil, nil),
		subnets:          newTable(r, "subnet", func(s *Subnet) string { return s.VPC }, nil),
		internetGateways: newTable[InternetGateway](r, "internetgateway", nil, nil),
		routeTables:      newTable(r, "routetable", func(t *RouteTable) string { return t.VPC }, nil),
		securityGroups:   newTable(r, "securitygroup", func(g *SecurityGroup) string { return g.VPC }, nil),
		securityGroupRules: newTable(r, "securitygrouprule", func(g *SecurityGroupRule) string { return g.Group },
			(*SecurityGroupRule).refs),
		interfaces: newTable(r, "interface", func(i *NetworkInterface) string { return i.Subnet },
			func(i *NetworkInterface) []string { return i.Groups }),
		instances: newTable[Instance](r, "instance", nil, nil),

		certificates: newTable[Certificate](r, "certificate", nil, nil),
		authorities:  newTable[Authority](r, "authority", nil, nil),
		sessions:     newTable[Session](r, "session", nil, nil),
		identities:   newTable[identityRow](r, "identityprovider", nil, nil),
		webACLs:      newTable[WebACL](r, "webacl", nil, nil),
		associations: newTable(r, "association", func(a *Association) string { return a.Resource }, nil),
	}
	all.objects.size = (*Object).size
	return all
}

// list returns all tables, what others are within before what is within it.
func (t *tables) list() []anyTable {
	return []anyTable{
		t.vpcs, t.subnets, t.internetGateways, t.routeTables, t.securityGroups, t.securityGroupRules, t.instances, t.interfaces, t.certificates, t.authorities,
		t.sessions, t.identities, t.webACLs,
		t.buckets, t.objects, t.trustStores, t.loadBalancers, t.targetGroups, t.targets, t.elbListeners, t.rules, t.associations,
	}
}

func (lb *LoadBalancer) refs() []string {
	refs := slices.Clone(lb.SecurityGroups)
	for _, z := range lb.Zones {
		refs = append(refs, z.Subnet)
	}
	return refs
}

func (l *Listener) refs() []string {
	refs := append(targetGroupsOf(l.Actions), l.Certificates...)
	if l.Mutual != nil && l.Mutual.TrustStoreArn != nil {
		refs = append(refs, *l.Mutual.TrustStoreArn)
	}
	return refs
}

func (g *SecurityGroupRule) refs() []string {
	if ref := g.Spec.ReferencedGroupInfo; ref != nil && ref.GroupId != nil && *ref.GroupId != g.Group {
		return []string{*ref.GroupId}
	}
	return nil
}

// targetGroupsOf returns the ARNs of the target groups that the actions forward to, each once.
func targetGroupsOf(actions []types.Action) []string {
	var arns []string
	add := func(arn *string) {
		if arn != nil && !slices.Contains(arns, *arn) {
			arns = append(arns, *arn)
		}
	}
	for _, a := range actions {
		add(a.TargetGroupArn)
		if a.ForwardConfig != nil {
			for _, g := range a.ForwardConfig.TargetGroups {
				add(g.TargetGroupArn)
			}
		}
	}
	return arns
}

func (r *Region) use(user string, refs []string) {
	for _, ref := range refs {
		if r.users[ref] == nil {
			r.users[ref] = map[string]struct{}{}
		}
		r.users[ref][user] = struct{}{}
	}
}

func (r *Region) unuse(user string, refs []string) {
	for _, ref := range refs {
		delete(r.users[ref], user)
		if len(r.users[ref]) == 0 {
			delete(r.users, ref)
		}
	}
}

// usersOf returns the keys of the rows that use the ARN or id, sorted. The lock is held.
func (r *Region) usersOf(ref string) []string { return slices.Sorted(maps.Keys(r.users[ref])) }
