package reconciler

import (
	"context"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// mapping finds the few Gateways that a change of any object concerns. For a change of an object, both what it was and what it is
// are asked, so a Gateway that a route left hears of it.
type mapping struct {
	v *views
	x indexes
	// networked tells of classes whose cloud may have requests sent to nodes where nobody says so.
	networked func(gwv1.GatewayController) bool
	// woken is told each Gateway and is where the clock of its propagation starts.
	woken func(types.NamespacedName)
}

// gateways are names of Gateways, or of ListenerSets where those are what passes are over, each once.
type gateways map[types.NamespacedName]struct{}

// handler makes an event handler of a function that gathers Gateways.
func (m mapping) handler(find func(gateways, client.Object)) handler.EventHandler {
	return requests(find, m.woken)
}

func requests(find func(gateways, client.Object), woken func(types.NamespacedName)) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []reconcile.Request {
		found := make(gateways)
		find(found, obj)
		requests := make([]reconcile.Request, 0, len(found))
		for name := range found {
			woken(name)
			requests = append(requests, reconcile.Request{NamespacedName: name})
		}
		return requests
	})
}

func (m mapping) gateway(found gateways, obj client.Object) {
	found[client.ObjectKeyFromObject(obj)] = struct{}{}
}

func (m mapping) class(found gateways, obj client.Object) {
	for _, g := range m.v.gateways.by(byClass, obj.GetName()) {
		m.gateway(found, g)
	}
}

func (m mapping) listenerSet(found gateways, obj client.Object) {
	if set, ok := obj.(*gwv1.ListenerSet); ok {
		found[listenerSetParent(set)] = struct{}{}
	}
}

func (m mapping) route(found gateways, obj client.Object) {
	spec, status := routeParents(obj)
	for _, ref := range spec {
		m.parent(found, obj.GetNamespace(), ref)
	}
	for _, p := range status {
		if m.x.ours(p.ControllerName) {
			m.parent(found, obj.GetNamespace(), p.ParentRef)
			m.stale(found, obj.GetNamespace(), p.ParentRef)
		}
	}
}

// stale gathers a Gateway that is not there, though a status says that it is a parent: a pass over its name takes that back.
func (m mapping) stale(found gateways, namespace string, ref gwv1.ParentReference) {
	if _, ok := refKey(namespace, ref); ok && (ref.Kind == nil || *ref.Kind == "Gateway") {
		found[named(namespace, ref.Namespace, ref.Name)] = struct{}{}
	}
}

// setsOf gathers the ListenerSets that the status of a route names, whether they are there or not.
func (m mapping) setsOf(found gateways, obj client.Object) {
	_, status := routeParents(obj)
	for _, p := range status {
		if _, ok := refKey(obj.GetNamespace(), p.ParentRef); ok && m.x.ours(p.ControllerName) && p.ParentRef.Kind != nil && *p.ParentRef.Kind == "ListenerSet" {
			found[named(obj.GetNamespace(), p.ParentRef.Namespace, p.ParentRef.Name)] = struct{}{}
		}
	}
}

// setsIn gathers the ListenerSets of a Gateway.
func (m mapping) setsIn(found gateways, obj client.Object) {
	each(m.v.sets.by(byParent, parentKey("Gateway", client.ObjectKeyFromObject(obj))), found, m.gateway)
}

func (m mapping) parent(found gateways, namespace string, ref gwv1.ParentReference) {
	if _, ok := refKey(namespace, ref); !ok {
		return
	}
	name := named(namespace, ref.Namespace, ref.Name)
	if ref.Kind == nil || *ref.Kind == "Gateway" {
		if _, exists := m.v.gateways.get(name); exists {
			found[name] = struct{}{}
		}
		return
	}
	if set, ok := m.v.sets.get(name); ok {
		m.listenerSet(found, set)
	}
}

func (m mapping) service(found gateways, obj client.Object) {
	m.serviceNamed(found, client.ObjectKeyFromObject(obj))
}

func (m mapping) endpointSlice(found gateways, obj client.Object) {
	if s, ok := obj.(*discoveryv1.EndpointSlice); ok {
		m.serviceNamed(found, sliceService(s))
	}
}

func (m mapping) serviceNamed(found gateways, name types.NamespacedName) {
	m.routes(found, byService, name.String())
}

// routes gathers the Gateways of the routes of every kind that an index has under a key.
func (m mapping) routes(found gateways, index, key string) {
	each(m.v.http.by(index, key), found, m.route)
	each(m.v.grpc.by(index, key), found, m.route)
	each(m.v.tls.by(index, key), found, m.route)
	each(m.v.tcp.by(index, key), found, m.route)
	each(m.v.udp.by(index, key), found, m.route)
}

func each[T client.Object](objs []T, found gateways, find func(gateways, client.Object)) {
	for _, obj := range objs {
		find(found, obj)
	}
}

func (m mapping) policy(found gateways, obj client.Object) {
	for _, name := range policyServices(obj) {
		m.serviceNamed(found, name)
	}
	status := policyStatus(obj)
	if status == nil {
		return
	}
	for _, a := range status.Ancestors {
		if m.x.ours(a.ControllerName) {
			m.parent(found, obj.GetNamespace(), a.AncestorRef)
			m.stale(found, obj.GetNamespace(), a.AncestorRef)
		}
	}
}

func (m mapping) secret(found gateways, obj client.Object) {
	key := client.ObjectKeyFromObject(obj).String()
	each(m.v.gateways.by(bySecret, key), found, m.gateway)
	each(m.v.sets.by(bySecret, key), found, m.listenerSet)
	each(m.v.tlsPolicies.by(bySecret, key), found, m.policy)
}

func (m mapping) configMap(found gateways, obj client.Object) {
	key := client.ObjectKeyFromObject(obj).String()
	each(m.v.gateways.by(byConfigMap, key), found, m.gateway)
	each(m.v.tlsPolicies.by(byConfigMap, key), found, m.policy)
}

// config gathers the Gateways that a GatewayConfig has a say in: those that name it, and those of the classes that do.
func (m mapping) config(found gateways, obj client.Object) {
	key := client.ObjectKeyFromObject(obj).String()
	each(m.v.gateways.by(byConfig, key), found, m.gateway)
	each(m.v.classes.by(byConfig, key), found, m.class)
}

// node gathers the Gateways whose requests may go to nodes.
func (m mapping) node(found gateways, _ client.Object) {
	for _, c := range m.v.configs.all() {
		if c.Spec.TargetType == v1alpha1.TargetTypeNodePort {
			m.config(found, c)
		}
	}
	for _, class := range m.v.classes.all() {
		if m.networked(class.Spec.ControllerName) {
			m.class(found, class)
		}
	}
}

// classesOf gathers the classes that name a GatewayConfig.
func (m mapping) classesOf(found gateways, obj client.Object) {
	each(m.v.classes.by(byConfig, client.ObjectKeyFromObject(obj).String()), found, m.gateway)
}

// grant gathers the Gateways of everything that refers into the grant's namespace from another.
func (m mapping) grant(found gateways, obj client.Object) {
	namespace := obj.GetNamespace()
	each(m.v.gateways.by(byForeign, namespace), found, m.gateway)
	each(m.v.sets.by(byForeign, namespace), found, m.listenerSet)
	m.routes(found, byForeign, namespace)
}

// namespace gathers the Gateways of everything in it: its labels decide what may attach.
func (m mapping) namespace(found gateways, obj client.Object) {
	name := obj.GetName()
	each(m.v.sets.by(byNamespace, name), found, m.listenerSet)
	m.routes(found, byNamespace, name)
}

// loadBalancer gathers the Gateway that it belongs to, which has its name.
func (m mapping) loadBalancer(found gateways, obj client.Object) { m.gateway(found, obj) }
