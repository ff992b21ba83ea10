package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// view reads the objects of one kind from its informer, without copying: who changes an object copies it first. A view of a kind
// that the cluster does not have is empty.
type view[T client.Object] struct{ indexer toolscache.Indexer }

// get returns the object of that name, and whether there is one.
func (v view[T]) get(name types.NamespacedName) (T, bool) {
	var none T
	if v.indexer == nil {
		return none, false
	}
	key := name.Name
	if name.Namespace != "" {
		key = name.Namespace + "/" + name.Name
	}
	obj, ok, err := v.indexer.GetByKey(key)
	if err != nil || !ok {
		return none, false
	}
	typed, ok := obj.(T) // what concerns nobody may be kept as another type
	return typed, ok
}

// by returns the objects that an index has under a key, by namespace and name. The index is one of this kind's: see index.go.
func (v view[T]) by(index, key string) []T {
	if v.indexer == nil {
		return nil
	}
	objs, err := v.indexer.ByIndex(index, key)
	if err != nil {
		panic(fmt.Sprintf("reconciler: %v", err)) // an index that is asked for and was not made
	}
	return sorted[T](objs)
}

// all returns every object of the kind. It is for kinds of which there are few.
func (v view[T]) all() []T {
	if v.indexer == nil {
		return nil
	}
	return sorted[T](v.indexer.List())
}

func sorted[T client.Object](objs []any) []T {
	out := make([]T, len(objs))
	for i, o := range objs {
		out[i] = o.(T)
	}
	if len(out) > 1 {
		slices.SortFunc(out, func(a, b T) int {
			if c := strings.Compare(a.GetNamespace(), b.GetNamespace()); c != 0 {
				return c
			}
			return strings.Compare(a.GetName(), b.GetName())
		})
	}
	return out
}

// views are the views of everything that is read.
type views struct {
	classes  view[*gwv1.GatewayClass]
	gateways view[*gwv1.Gateway]
	sets     view[*gwv1.ListenerSet]
	http     view[*gwv1.HTTPRoute]
	grpc     view[*gwv1.GRPCRoute]
	tls      view[*gwv1.TLSRoute]
	tcp      view[*gwv1.TCPRoute]
	udp      view[*gwv1.UDPRoute]
	grants   view[*gwv1.ReferenceGrant]

	tlsPolicies     view[*gwv1.BackendTLSPolicy]
	trafficPolicies view[*xv1alpha1.XBackendTrafficPolicy]
	backendPolicies view[*v1alpha1.BackendPolicy]

	namespaces view[*corev1.Namespace]
	services   view[*corev1.Service]
	slices     view[*discoveryv1.EndpointSlice]
	secrets    view[*corev1.Secret]
	configMaps view[*corev1.ConfigMap]

	configs view[*v1alpha1.GatewayConfig]
	nodes   view[*corev1.Node]
	pods    view[*corev1.Pod] // only those with our readiness gate
	probed  view[*probedPod]  // those without, that have readiness probes

	loadBalancers view[*v1alpha1.LoadBalancer]
}

// openViews asks the cache for an informer of every kind that is there, and gives each its indexes and its transform. It has to be
// called before the cache is started.
func openViews(ctx context.Context, c cache.Cache, missing []string, x indexes) (*views, error) {
	v := &views{}
	o := opener{ctx: ctx, cache: c, missing: missing}
	v.classes.indexer = o.open("GatewayClass", &gwv1.GatewayClass{}, x.class())
	v.gateways.indexer = o.open("Gateway", &gwv1.Gateway{}, x.gateway())
	v.sets.indexer = o.open("ListenerSet", &gwv1.ListenerSet{}, x.listenerSet())
	v.http.indexer = o.open("HTTPRoute", &gwv1.HTTPRoute{}, x.route())
	v.grpc.indexer = o.open("GRPCRoute", &gwv1.GRPCRoute{}, x.route())
	v.tls.indexer = o.open("TLSRoute", &gwv1.TLSRoute{}, x.route())
	v.tcp.indexer = o.open("TCPRoute", &gwv1.TCPRoute{}, x.route())
	v.udp.indexer = o.open("UDPRoute", &gwv1.UDPRoute{}, x.route())
	v.grants.indexer = o.open("ReferenceGrant", &gwv1.ReferenceGrant{}, nil)
	v.tlsPolicies.indexer = o.open("BackendTLSPolicy", &gwv1.BackendTLSPolicy{}, x.tlsPolicy())
	v.trafficPolicies.indexer = o.open("XBackendTrafficPolicy", &xv1alpha1.XBackendTrafficPolicy{}, x.policy())
	v.backendPolicies.indexer = o.open(v1alpha1.BackendPolicyKind, &v1alpha1.BackendPolicy{}, x.policy())
	v.namespaces.indexer = o.open("Namespace", &corev1.Namespace{}, nil)
	v.services.indexer = o.open("Service", &corev1.Service{}, x.service())
	v.slices.indexer = o.open("EndpointSlice", &discoveryv1.EndpointSlice{}, x.endpointSlice())
	v.secrets.indexer = o.open("Secret", &corev1.Secret{}, nil)
	v.configMaps.indexer = o.open("ConfigMap", &corev1.ConfigMap{}, nil)
	v.configs.indexer = o.open("GatewayConfig", &v1alpha1.GatewayConfig{}, nil)
	v.nodes.indexer = o.open("Node", &corev1.Node{}, nil)
	v.pods.indexer = o.open("Pod", &corev1.Pod{}, x.pod())
	v.probed.indexer = v.pods.indexer
	v.loadBalancers.indexer = o.open("LoadBalancer", &v1alpha1.LoadBalancer{}, nil)
	return v, o.err
}

// opener opens informers and remembers the first error.
type opener struct {
	ctx     context.Context
	cache   cache.Cache
	missing []string
	err     error
}

func (o *opener) open(name string, obj client.Object, indexers toolscache.Indexers) toolscache.Indexer {
	if o.err != nil || slices.Contains(o.missing, name) {
		return nil
	}
	informer, err := o.cache.GetInformer(o.ctx, obj, cache.BlockUntilSynced(false))
	if err != nil {
		o.err = fmt.Errorf("watch %s: %w", name, err)
		return nil
	}
	shared, ok := informer.(toolscache.SharedIndexInformer)
	if !ok {
		o.err = fmt.Errorf("watch %s: the manager's cache does not watch all namespaces", name)
		return nil
	}
	if err := shared.SetTransform(strip); err != nil {
		o.err = fmt.Errorf("watch %s: %w", name, err)
		return nil
	}
	if len(indexers) > 0 {
		if err := shared.AddIndexers(indexers); err != nil {
			o.err = fmt.Errorf("index %s: %w", name, err)
			return nil
		}
	}
	return shared.GetIndexer()
}
