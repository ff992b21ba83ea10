package translate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Translate returns the load balancer that the Gateway of s asks for, and the verdict on everything that has a say in it. It
// writes to nothing in s, whose Gateway has to be set. A Gateway that is being deleted asks for no listeners and is nobody's parent.
func Translate(s *Snapshot) (*ir.LoadBalancer, *Report) {
	t := newTranslation(s)
	lb := &ir.LoadBalancer{Owner: owner(s), Approximate: t.approximate}
	if s.Gateway.DeletionTimestamp != nil {
		t.judgeGateway()
		return lb, t.report
	}
	t.readGateway()
	lb.Reach, lb.Settings = t.params.reach(), t.params.Settings(s.ControllerName)
	lb.Addresses = t.addresses()
	lb.Labels = t.labels()
	t.collectSets()
	t.collectListeners()
	t.collectPolicies()
	t.collectRoutes()
	t.attachRoutes()
	t.judgeGateway()
	t.judgeSets()
	t.finishReport()
	t.assemble(lb)
	return lb, t.report
}

func owner(s *Snapshot) ir.Owner {
	return ir.Owner{Cluster: s.Cluster, UID: string(s.Gateway.UID), Namespace: s.Gateway.Namespace, Name: s.Gateway.Name}
}

// translation is one run of Translate.
type translation struct {
	s           *Snapshot
	approximate bool // the class opts in to features with a difference
	params      Parameters
	grants      grants
	report      *Report

	sets      []*listenerSet // in order of precedence
	listeners []*listener    // of the Gateway, then of the sets
	byOwner   map[Object][]*listener
	policies  policies
	routes    []*route // oldest first

	backends map[poolKey]*backend
	keyPairs map[types.NamespacedName]keyPair
	certs    map[string]ir.Certificate

	clientCertificate string   // in certs, shown to backends; "" for none
	clientFault       *Verdict // why there is none although one is asked for
}

func newTranslation(s *Snapshot) *translation {
	t := &translation{
		s: s, grants: newGrants(s.ReferenceGrants), report: &Report{},
		byOwner: map[Object][]*listener{}, backends: map[poolKey]*backend{},
		keyPairs: map[types.NamespacedName]keyPair{}, certs: map[string]ir.Certificate{},
	}
	t.approximate = s.Class != nil && s.Class.Annotations[ApproximateAnnotation] == ApproximateAllow
	t.report.Gateway.Accepted = ok(gwv1.GatewayReasonAccepted)
	t.report.Gateway.Addresses = ok(gwv1.GatewayReasonProgrammed)
	return t
}

// finishReport copies the verdicts on listeners, routes and policies into the report.
func (t *translation) finishReport() {
	gw := t.s.Gateway
	for _, l := range t.byOwner[Object{Kind: kindGateway, Namespace: gw.Namespace, Name: gw.Name}] {
		t.report.Gateway.Listeners = append(t.report.Gateway.Listeners, l.report)
	}
	for _, r := range t.routes {
		if len(r.parents) == 0 {
			continue
		}
		out := RouteReport{Kind: r.kind, Name: r.name}
		for _, p := range r.parents {
			out.Parents = append(out.Parents, p.report)
		}
		t.report.Routes = append(t.report.Routes, out)
	}
	slices.SortFunc(t.report.Routes, func(a, b RouteReport) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), compareNames(a.Name, b.Name))
	})
	for _, p := range t.policies.all {
		if p.relevant {
			p.judgeTargets()
			t.report.Policies = append(t.report.Policies, p.report)
		}
	}
	slices.SortFunc(t.report.Policies, func(a, b PolicyReport) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), compareNames(a.Name, b.Name))
	})
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// assemble puts the listeners that can be served, and the pools and certificates that they need, into lb.
func (t *translation) assemble(lb *ir.LoadBalancer) {
	type place struct {
		port     uint16
		protocol ir.Protocol
	}
	servers := map[place][]ir.Server{}
	clients := map[place]*ir.ClientValidation{}
	certs := map[string]bool{}
	for _, l := range t.listeners {
		if !l.report.Programmed {
			continue
		}
		for _, name := range l.certs {
			certs[name] = true
		}
		at := place{port: uint16(l.spec.Port), protocol: l.protocol}
		servers[at] = append(servers[at], l.server())
		clients[at] = l.clients // the same for all of a port
	}
	for at, list := range servers {
		slices.SortFunc(list, compareServers)
		lb.Listeners = append(lb.Listeners, ir.Listener{Port: at.port, Protocol: at.protocol, Servers: list, Clients: clients[at]})
	}
	slices.SortFunc(lb.Listeners, func(a, b ir.Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	for _, b := range t.backends {
		if b.used && b.pool != nil {
			lb.Pools = append(lb.Pools, *b.pool)
			if b.pool.TLS != nil && b.pool.TLS.Client != "" {
				certs[b.pool.TLS.Client] = true
			}
		}
	}
	slices.SortFunc(lb.Pools, func(a, b ir.Pool) int { return cmp.Compare(a.Name, b.Name) })
	lb.Pools = slices.CompactFunc(lb.Pools, func(a, b ir.Pool) bool { return a.Name == b.Name })
	for _, name := range sortedKeys(certs) {
		lb.Certificates = append(lb.Certificates, t.certs[name])
	}
}

func (l *listener) server() ir.Server {
	slices.SortFunc(l.rules, func(a, b ir.Rule) int { return strings.Compare(a.Rank, b.Rank) })
	return ir.Server{
		Name: l.name, Hostname: l.hostname, TLS: l.mode, Certificates: l.certs,
		Rules:  slices.CompactFunc(l.rules, func(a, b ir.Rule) bool { return a.Rank == b.Rank }),
		Source: l.report.Source,
		Turn:   l.rank,
	}
}

// compareServers orders by how specific the hostname is: exact ones, then wildcards with most labels, then none.
func compareServers(a, b ir.Server) int {
	class := func(h string) int {
		switch {
		case h == "":
			return 2
		case isWildcard(h):
			return 1
		default:
			return 0
		}
	}
	return cmp.Or(
		cmp.Compare(class(a.Hostname), class(b.Hostname)),
		cmp.Compare(strings.Count(b.Hostname, "."), strings.Count(a.Hostname, ".")),
		cmp.Compare(a.Hostname, b.Hostname),
		cmp.Compare(a.Name, b.Name),
	)
}

func itoa(i int) string { return strconv.Itoa(i) }
