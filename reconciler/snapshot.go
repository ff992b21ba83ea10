package reconciler

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// snapshot gathers everything that can have a say in a Gateway, by following references through the indexes: its cost is in
// proportion to what belongs to the Gateway, not to what is in the cluster.
func (v *views) snapshot(class *gwv1.GatewayClass, gateway *gwv1.Gateway) *translate.Snapshot {
	g := gatherer{v: v, s: &translate.Snapshot{
		Class:          class,
		Gateway:        gateway,
		Namespaces:     make(map[string]*corev1.Namespace),
		Services:       make(map[types.NamespacedName]*corev1.Service),
		EndpointSlices: make(map[types.NamespacedName][]*discoveryv1.EndpointSlice),
		Secrets:        make(map[types.NamespacedName]*corev1.Secret),
		ConfigMaps:     make(map[types.NamespacedName]*corev1.ConfigMap),
		Configs:        make(map[types.NamespacedName]*v1alpha1.GatewayConfig),
		Probes:         make(map[types.NamespacedName][]translate.Probe),
		WaitingPods:    make(map[types.NamespacedName]bool),
	}}
	g.granted = make(map[string]bool)
	g.seen = make(map[types.NamespacedName]bool)
	g.gather()
	return g.s
}

// gatherer fills one Snapshot.
type gatherer struct {
	v       *views
	s       *translate.Snapshot
	granted map[string]bool               // namespaces whose grants are in s
	seen    map[types.NamespacedName]bool // Services that were looked up
}

func (g *gatherer) gather() {
	gw := g.s.Gateway
	g.parameters()
	g.namespace(gw.Namespace)
	for _, name := range gatewaySecrets(gw) {
		g.secret(gw.Namespace, name)
	}
	for _, name := range gatewayConfigMaps(gw) {
		g.configMap(gw.Namespace, name)
	}
	parents := []string{parentKey("Gateway", client.ObjectKeyFromObject(gw))}
	g.s.ListenerSets = g.v.sets.by(byParent, parents[0])
	for _, set := range g.s.ListenerSets {
		g.namespace(set.Namespace)
		parents = append(parents, parentKey("ListenerSet", client.ObjectKeyFromObject(set)))
		for _, name := range listenerSetSecrets(set) {
			g.secret(set.Namespace, name)
		}
	}
	g.s.HTTPRoutes = attached(g, g.v.http, parents)
	g.s.GRPCRoutes = attached(g, g.v.grpc, parents)
	g.s.TLSRoutes = attached(g, g.v.tls, parents)
	g.s.TCPRoutes = attached(g, g.v.tcp, parents)
	g.s.UDPRoutes = attached(g, g.v.udp, parents)
	g.policies(byParent, parents[0]) // they may have nothing to do with the Gateway any more, and their status has to say so
}

// attached returns the routes of one kind that have one of parents, and gathers what they refer to.
func attached[T client.Object](g *gatherer, v view[T], parents []string) []T {
	var routes []T
	if len(parents) == 1 {
		routes = v.by(byParent, parents[0])
	} else {
		seen := make(map[types.NamespacedName]bool)
		for _, parent := range parents {
			for _, r := range v.by(byParent, parent) {
				if name := client.ObjectKeyFromObject(r); !seen[name] {
					seen[name] = true
					routes = append(routes, r)
				}
			}
		}
	}
	for _, r := range routes {
		g.namespace(r.GetNamespace())
		for _, name := range routeServices(r) {
			g.service(r.GetNamespace(), name)
		}
	}
	return routes
}

func (g *gatherer) namespace(name string) {
	if _, have := g.s.Namespaces[name]; have {
		return
	}
	if ns, ok := g.v.namespaces.get(types.NamespacedName{Name: name}); ok {
		g.s.Namespaces[name] = ns
	}
}

// grants gathers the grants of a namespace that is referred to from another.
func (g *gatherer) grants(from, to string) {
	if from == to || g.granted[to] {
		return
	}
	g.granted[to] = true
	g.s.ReferenceGrants = append(g.s.ReferenceGrants, g.v.grants.by(byNamespace, to)...)
}

func (g *gatherer) secret(from string, name types.NamespacedName) {
	g.grants(from, name.Namespace)
	if secret, ok := g.v.secrets.get(name); ok {
		g.s.Secrets[name] = secret
	}
}

func (g *gatherer) configMap(from string, name types.NamespacedName) {
	g.grants(from, name.Namespace)
	if m, ok := g.v.configMaps.get(name); ok {
		g.s.ConfigMaps[name] = m
	}
}

// service gathers a Service, its endpoints and the policies that say how it is spoken to.
func (g *gatherer) service(from string, name types.NamespacedName) {
	g.grants(from, name.Namespace)
	if g.seen[name] {
		return
	}
	g.seen[name] = true
	key := name.String()
	g.policies(byService, key) // also where there is no such Service, which their status has to say
	svc, ok := g.v.services.get(name)
	if !ok {
		return
	}
	g.s.Services[name] = svc
	if endpoints := g.v.slices.by(byService, key); len(endpoints) > 0 {
		g.s.EndpointSlices[name] = endpoints
		g.waitingPods(endpoints)
		g.probes(name, endpoints)
	}
}

// policies gathers the policies of all kinds that an index has under a key.
func (g *gatherer) policies(index, key string) {
	for _, p := range once(&g.s.BackendTLSPolicies, g.v.tlsPolicies.by(index, key)) {
		for _, name := range tlsPolicyRefs(p, "ConfigMap") {
			g.configMap(p.Namespace, name)
		}
		for _, name := range tlsPolicyRefs(p, "Secret") {
			g.secret(p.Namespace, name)
		}
	}
	once(&g.s.BackendTrafficPolicies, g.v.trafficPolicies.by(index, key))
	once(&g.s.BackendPolicies, g.v.backendPolicies.by(index, key))
}

// once adds to a list what is not in it yet, and returns that.
func once[T comparable](to *[]T, found []T) []T {
	fresh := slices.DeleteFunc(found, func(o T) bool { return slices.Contains(*to, o) })
	*to = append(*to, fresh...)
	return fresh
}
