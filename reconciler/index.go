package reconciler

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// The indexes. Keys are "namespace/name", for byParent "Kind/namespace/name".
const (
	byNamespace = toolscache.NamespaceIndex
	byClass     = "class"     // Gateways by the name of their class
	byUID       = "uid"       // Gateways by UID
	byParent    = "parent"    // ListenerSets, routes and policies by what they attach to, now or, as our status says, until now
	byService   = "service"   // routes, policies and endpoint slices by Service
	bySecret    = "secret"    // Gateways, ListenerSets and policies by the Secrets that they name
	byConfigMap = "configmap" // Gateways and policies by the ConfigMaps that they name
	byConfig    = "config"    // classes and Gateways by the GatewayConfig that they name
	byOwner     = "owner"     // Services and endpoint slices that we made, by the UID of their Gateway
	byDNSName   = "dnsname"   // Gateways by the Service that they have, or would have
	byForeign   = "foreign"   // Gateways, ListenerSets and routes by the other namespaces that they refer to
)

// indexes makes the index functions. ours tells a controller name of ours from another's.
type indexes struct {
	ours func(gwv1.GatewayController) bool
}

// indexer makes an index function of one that knows the type.
func indexer[T client.Object](keys func(T) []string) toolscache.IndexFunc {
	return func(obj any) ([]string, error) {
		typed, ok := obj.(T)
		if !ok {
			return nil, nil
		}
		ks := keys(typed)
		slices.Sort(ks)
		return slices.Compact(ks), nil
	}
}

func (x indexes) gateway() toolscache.Indexers {
	return toolscache.Indexers{
		byClass:     indexer(func(g *gwv1.Gateway) []string { return []string{string(g.Spec.GatewayClassName)} }),
		byDNSName:   indexer(func(g *gwv1.Gateway) []string { return []string{serviceName(g).String()} }),
		byUID:       indexer(func(g *gwv1.Gateway) []string { return []string{string(g.UID)} }),
		bySecret:    indexer(func(g *gwv1.Gateway) []string { return keys(gatewaySecrets(g)) }),
		byConfigMap: indexer(func(g *gwv1.Gateway) []string { return keys(gatewayConfigMaps(g)) }),
		byConfig:    indexer(func(g *gwv1.Gateway) []string { return configKey(translate.GatewayConfigName(g)) }),
		byForeign: indexer(func(g *gwv1.Gateway) []string {
			return foreign(g.Namespace, append(gatewaySecrets(g), gatewayConfigMaps(g)...))
		}),
	}
}

func (x indexes) service() toolscache.Indexers {
	return toolscache.Indexers{byOwner: indexer(func(s *corev1.Service) []string { return made(s) })}
}

// made returns the UID of the Gateway that we made an object for.
func made(o client.Object) []string {
	if !madeForGateway(o) {
		return nil
	}
	return []string{string(gatewayOwner(o).UID)}
}

func (x indexes) class() toolscache.Indexers {
	return toolscache.Indexers{
		byConfig: indexer(func(c *gwv1.GatewayClass) []string { return configKey(translate.ClassConfig(c)) }),
	}
}

// configKey returns the key in byConfig of what names a GatewayConfig, and none where it names none.
func configKey(name types.NamespacedName, named bool) []string {
	if !named {
		return nil
	}
	return []string{name.String()}
}

func (x indexes) listenerSet() toolscache.Indexers {
	return toolscache.Indexers{
		byParent:  indexer(func(s *gwv1.ListenerSet) []string { return []string{parentKey("Gateway", listenerSetParent(s))} }),
		bySecret:  indexer(func(s *gwv1.ListenerSet) []string { return keys(listenerSetSecrets(s)) }),
		byForeign: indexer(func(s *gwv1.ListenerSet) []string { return foreign(s.Namespace, listenerSetSecrets(s)) }),
	}
}

func (x indexes) route() toolscache.Indexers {
	return toolscache.Indexers{
		byParent:  indexer(func(r client.Object) []string { return x.parents(r) }),
		byService: indexer(func(r client.Object) []string { return keys(routeServices(r)) }),
		byForeign: indexer(func(r client.Object) []string { return foreign(r.GetNamespace(), routeServices(r)) }),
	}
}

func (x indexes) policy() toolscache.Indexers {
	return toolscache.Indexers{
		byParent:  indexer(func(p client.Object) []string { return x.ancestors(p) }),
		byService: indexer(func(p client.Object) []string { return keys(policyServices(p)) }),
	}
}

func (x indexes) tlsPolicy() toolscache.Indexers {
	out := x.policy()
	out[bySecret] = indexer(func(p *gwv1.BackendTLSPolicy) []string { return keys(tlsPolicyRefs(p, "Secret")) })
	out[byConfigMap] = indexer(func(p *gwv1.BackendTLSPolicy) []string { return keys(tlsPolicyRefs(p, "ConfigMap")) })
	return out
}

func (x indexes) endpointSlice() toolscache.Indexers {
	return toolscache.Indexers{
		byOwner:   indexer(func(s *discoveryv1.EndpointSlice) []string { return made(s) }),
		byService: indexer(func(s *discoveryv1.EndpointSlice) []string { return []string{sliceService(s).String()} }),
		bySample:  indexer(samples),
	}
}

// parents returns what a route attaches to by its spec, and what our part of its status says that it attached to.
func (x indexes) parents(route client.Object) []string {
	spec, status := routeParents(route)
	var out []string
	for _, ref := range spec {
		if key, ok := refKey(route.GetNamespace(), ref); ok {
			out = append(out, key)
		}
	}
	for _, p := range status {
		if !x.ours(p.ControllerName) {
			continue
		}
		if key, ok := refKey(route.GetNamespace(), p.ParentRef); ok {
			out = append(out, key)
		}
	}
	return out
}

// ancestors returns what our part of a policy's status says that it concerns.
func (x indexes) ancestors(policy client.Object) []string {
	status := policyStatus(policy)
	if status == nil {
		return nil
	}
	var out []string
	for _, a := range status.Ancestors {
		if !x.ours(a.ControllerName) {
			continue
		}
		if key, ok := refKey(policy.GetNamespace(), a.AncestorRef); ok {
			out = append(out, key)
		}
	}
	return out
}

// refKey returns the key in byParent of a parent reference, and false where it names neither a Gateway nor a ListenerSet.
func refKey(namespace string, ref gwv1.ParentReference) (string, bool) {
	if ref.Group != nil && *ref.Group != gwv1.GroupName {
		return "", false
	}
	kind := "Gateway"
	if ref.Kind != nil {
		kind = string(*ref.Kind)
	}
	if kind != "Gateway" && kind != "ListenerSet" {
		return "", false
	}
	return parentKey(kind, named(namespace, ref.Namespace, ref.Name)), true
}

func parentKey(kind string, name types.NamespacedName) string { return kind + "/" + name.String() }

// named returns a reference's full name: without a namespace it is in that of the object that has the reference.
func named(own string, namespace *gwv1.Namespace, name gwv1.ObjectName) types.NamespacedName {
	if namespace != nil && *namespace != "" {
		own = string(*namespace)
	}
	return types.NamespacedName{Namespace: own, Name: string(name)}
}

func keys(names []types.NamespacedName) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n.String()
	}
	return out
}

// foreign returns the namespaces of names that are not own.
func foreign(own string, names []types.NamespacedName) []string {
	var out []string
	for _, n := range names {
		if n.Namespace != own {
			out = append(out, n.Namespace)
		}
	}
	return out
}
