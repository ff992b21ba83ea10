package memory

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/recorder"
)

// clusterScoped are the kinds that have no namespace, of those that a scheme of ours can have.
var clusterScoped = map[string]bool{
	"GatewayClass": true, "Namespace": true, "Node": true, "PersistentVolume": true,
	"CustomResourceDefinition": true, "ClusterRole": true, "ClusterRoleBinding": true,
}

// newMapper maps every kind of the scheme that has a list of its own, but those in without.
func newMapper(scheme *runtime.Scheme, without []string) meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(scheme.PrioritizedVersionsAllGroups())
	for gvk := range scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal || slices.Contains(without, gvk.Kind) || !scheme.Recognizes(gvk.GroupVersion().WithKind(gvk.Kind+"List")) {
			continue
		}
		scope := meta.RESTScopeNamespace
		if clusterScoped[gvk.Kind] {
			scope = meta.RESTScopeRoot
		}
		if gvk.Kind == "Gateway" { // the guess would be "gatewaies"
			mapper.AddSpecific(gvk, gvk.GroupVersion().WithResource("gateways"), gvk.GroupVersion().WithResource("gateway"), scope)
			continue
		}
		mapper.Add(gvk, scope)
	}
	return mapper
}

// Manager returns a controller manager over the store: caches, informers and indexes are the real ones, reads of its client come from
// the cache as they do in a cluster, and writes go to the store. Scheme, mapper, cache and client of o are set here; leader election is
// off. Listeners for metrics and health are as o says; "0" as an address means none.
func (s *Store) Manager(o manager.Options) (manager.Manager, error) {
	o.Scheme = s.scheme
	o.MapperProvider = func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return s.mapper, nil }
	o.LeaderElection = false
	o.Cache.NewInformer = s.newInformer
	o.NewClient = func(_ *rest.Config, c client.Options) (client.Client, error) {
		return cachedClient{Client: s.Client(), cache: c.Cache.Reader}, nil
	}
	// Nothing is ever sent there: the port is the one that cannot be listened on.
	mgr, err := manager.New(&rest.Config{Host: "http://127.0.0.1:0"}, o)
	if err != nil {
		return nil, err
	}
	return &storeManager{Manager: mgr, s: s}, nil
}

// newInformer makes an informer that is fed from the store in place of a cluster.
func (s *Store) newInformer(_ toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	gvk, err := s.gvk(obj)
	if err != nil {
		// The cache asked the same scheme for the kind just before.
		panic(fmt.Sprintf("memory: informer for a kind that is not in the scheme: %v", err))
	}
	return toolscache.NewSharedIndexInformer(listerWatcher{s, gvk}, obj, resync, indexers)
}

// cachedClient reads from the cache and writes to the store.
type cachedClient struct {
	client.Client
	cache client.Reader
}

func (c cachedClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	return c.cache.Get(ctx, key, obj, opts...)
}

func (c cachedClient) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.cache.List(ctx, list, opts...)
}

// storeManager is a manager whose uncached reads and events go to the store.
type storeManager struct {
	manager.Manager
	s *Store
}

// GetAPIReader returns a reader of the store.
func (m *storeManager) GetAPIReader() client.Reader { return m.s.Client() }

// GetEventRecorder returns a recorder that hands events to Options.OnEvent.
func (m *storeManager) GetEventRecorder(string) recorder.EventRecorder { return eventRecorder{m.s} }
