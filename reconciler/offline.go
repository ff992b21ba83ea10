package reconciler

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Who only looks, such as the command line, makes Snapshots without a Manager: from objects that come from files, or that are read
// once from a cluster.

// SnapshotConfig says for whom Snapshots are made.
type SnapshotConfig struct {
	Cluster string
	// Features returns what the cloud behind a controller name can express, and false for a controller that is not ours.
	Features func(gwv1.GatewayController) (ir.Features, bool)
	// Networks returns what the load balancers of that cloud reach; nil where nobody is asked.
	Networks func(gwv1.GatewayController) ([]netip.Prefix, error)
}

// Snapshots returns the Snapshot of each Gateway among objects whose class is ours, by namespace and name. The objects are
// trimmed to what is read of them, and belong to the Snapshots from then on.
func Snapshots(objects []client.Object, cfg SnapshotConfig) ([]*translate.Snapshot, error) {
	v, err := viewsOf(objects)
	if err != nil {
		return nil, err
	}
	var out []*translate.Snapshot
	for _, gw := range v.gateways.all() {
		class, ok := v.classes.get(types.NamespacedName{Name: string(gw.Spec.GatewayClassName)})
		if !ok {
			continue
		}
		features, ok := cfg.Features(class.Spec.ControllerName)
		if !ok {
			continue
		}
		s := v.snapshot(class, gw)
		s.Cluster, s.ControllerName, s.Features = cfg.Cluster, class.Spec.ControllerName, features
		if cfg.Networks != nil && !saysTargetType(s) {
			if s.Networks, err = cfg.Networks(class.Spec.ControllerName); err != nil {
				return nil, err
			}
			if len(s.Networks) > 0 {
				s.Nodes = v.nodes.all()
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// viewsOf makes views of a fixed set of objects, with the indexes that informers would have.
func viewsOf(objects []client.Object) (*views, error) {
	x := indexes{ours: ours}
	index := func(indexers toolscache.Indexers) toolscache.Indexer {
		if indexers == nil {
			indexers = toolscache.Indexers{}
		}
		indexers[byNamespace] = toolscache.MetaNamespaceIndexFunc
		return toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, indexers)
	}
	v := &views{}
	v.classes.indexer, v.gateways.indexer, v.sets.indexer = index(x.class()), index(x.gateway()), index(x.listenerSet())
	v.http.indexer, v.grpc.indexer, v.tls.indexer = index(x.route()), index(x.route()), index(x.route())
	v.tcp.indexer, v.udp.indexer = index(x.route()), index(x.route())
	v.grants.indexer, v.tlsPolicies.indexer, v.trafficPolicies.indexer = index(nil), index(x.tlsPolicy()), index(x.policy())
	v.backendPolicies.indexer = index(x.policy())
	v.namespaces.indexer, v.services.indexer, v.slices.indexer = index(nil), index(nil), index(x.endpointSlice())
	v.secrets.indexer, v.configMaps.indexer = index(nil), index(nil)
	v.configs.indexer, v.nodes.indexer, v.pods.indexer = index(nil), index(nil), index(x.pod())
	v.probed.indexer = v.pods.indexer
	for _, o := range objects {
		indexer := v.indexerFor(o)
		if indexer == nil {
			continue
		}
		trimmed, err := strip(o)
		if err != nil {
			return nil, err
		}
		if err := indexer.Add(trimmed); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// indexerFor returns where an object belongs, or nil for a kind that no Snapshot has.
func (v *views) indexerFor(o client.Object) toolscache.Indexer {
	switch o.(type) {
	case *gwv1.GatewayClass:
		return v.classes.indexer
	case *gwv1.Gateway:
		return v.gateways.indexer
	case *gwv1.ListenerSet:
		return v.sets.indexer
	case *gwv1.HTTPRoute:
		return v.http.indexer
	case *gwv1.GRPCRoute:
		return v.grpc.indexer
	case *gwv1.TLSRoute:
		return v.tls.indexer
	case *gwv1.TCPRoute:
		return v.tcp.indexer
	case *gwv1.UDPRoute:
		return v.udp.indexer
	case *gwv1.ReferenceGrant:
		return v.grants.indexer
	case *gwv1.BackendTLSPolicy:
		return v.tlsPolicies.indexer
	case *xv1alpha1.XBackendTrafficPolicy:
		return v.trafficPolicies.indexer
	case *v1alpha1.BackendPolicy:
		return v.backendPolicies.indexer
	case *corev1.Namespace:
		return v.namespaces.indexer
	case *corev1.Service:
		return v.services.indexer
	case *discoveryv1.EndpointSlice:
		return v.slices.indexer
	case *corev1.Secret:
		return v.secrets.indexer
	case *corev1.ConfigMap:
		return v.configMaps.indexer
	case *v1alpha1.GatewayConfig:
		return v.configs.indexer
	case *corev1.Node:
		return v.nodes.indexer
	case *corev1.Pod:
		return v.pods.indexer
	default:
		return nil
	}
}

// Read reads from a cluster what Snapshots can need: every object of the kinds that are listed, and of Secrets and ConfigMaps those
// that are referred to. Kinds that the cluster does not have are left out. So is a Secret or ConfigMap that may not be read, of
// which denied has a line. Nodes are read where a GatewayConfig sends requests to them, and where nodes says that a cloud may.
func Read(ctx context.Context, r client.Reader, mapper meta.RESTMapper, nodes bool) (objects []client.Object, denied []string, err error) {
	missing, err := Missing(mapper)
	if err != nil {
		return nil, nil, err
	}
	absent := make(map[string]bool, len(missing))
	for _, name := range missing {
		absent[name] = true
	}
	lists := []client.ObjectList{&corev1.NamespaceList{}, &corev1.ServiceList{}, &discoveryv1.EndpointSliceList{}, &v1alpha1.GatewayConfigList{}, &v1alpha1.BackendPolicyList{}}
	for _, k := range gatewayKinds {
		if !absent[k.name] {
			lists = append(lists, k.list.DeepCopyObject().(client.ObjectList))
		}
	}
	for _, list := range lists {
		if err := r.List(ctx, list); err != nil {
			return nil, nil, fmt.Errorf("read the cluster: %w", err)
		}
		if err := meta.EachListItem(list, func(o runtime.Object) error {
			objects = append(objects, o.(client.Object))
			return nil
		}); err != nil {
			return nil, nil, err
		}
	}
	more, denied, err := readReferred(ctx, r, objects)
	if err != nil {
		return nil, nil, err
	}
	objects = append(objects, more...)
	pods := &corev1.PodList{}
	switch err := r.List(ctx, pods); {
	case apierrors.IsForbidden(err):
		denied = append(denied, "Pods may not be read: their readiness probes and gates are taken as missing")
	case err != nil:
		return nil, nil, fmt.Errorf("read the cluster: %w", err)
	}
	for i := range pods.Items {
		objects = append(objects, &pods.Items[i])
	}
	if !nodes && !needNodes(objects) {
		return objects, denied, nil
	}
	var list corev1.NodeList
	switch err := r.List(ctx, &list); {
	case apierrors.IsForbidden(err):
		denied = append(denied, "Nodes may not be read, and are taken as missing")
	case err != nil:
		return nil, nil, fmt.Errorf("read the cluster: %w", err)
	}
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	return objects, denied, nil
}

// needNodes tells whether one of objects sends requests to nodes.
func needNodes(objects []client.Object) bool {
	return slices.ContainsFunc(objects, func(o client.Object) bool {
		config, ok := o.(*v1alpha1.GatewayConfig)
		return ok && config.Spec.TargetType == v1alpha1.TargetTypeNodePort
	})
}

// readReferred gets the Secrets and ConfigMaps that objects name.
func readReferred(ctx context.Context, r client.Reader, objects []client.Object) (found []client.Object, denied []string, err error) {
	asked := make(map[string]bool)
	get := func(kind string, name types.NamespacedName, into client.Object, list client.ObjectList) error {
		id := kind + " " + name.String()
		if asked[id] {
			return nil
		}
		asked[id] = true
		o, err := readNamed(ctx, r, name, into, list)
		switch {
		case o != nil:
			found = append(found, o)
		case apierrors.IsForbidden(err):
			denied = append(denied, id+" may not be read, and is taken as missing")
		case err != nil:
			return fmt.Errorf("read %s: %w", id, err)
		}
		return nil
	}
	for _, o := range objects {
		secrets, configMaps := referred(o)
		for _, name := range secrets {
			if err := get("Secret", name, &corev1.Secret{}, &corev1.SecretList{}); err != nil {
				return nil, nil, err
			}
		}
		for _, name := range configMaps {
			if err := get("ConfigMap", name, &corev1.ConfigMap{}, &corev1.ConfigMapList{}); err != nil {
				return nil, nil, err
			}
		}
	}
	return found, denied, nil
}

// readNamed reads one object, and returns nil where it is not there. It is listed by its name, because the controller's account, with
// which people and helm test run this, may list and watch such objects and not get them. Who may not list may still get it, into into.
func readNamed(ctx context.Context, r client.Reader, name types.NamespacedName, into client.Object, list client.ObjectList) (client.Object, error) {
	switch err := r.List(ctx, list, client.InNamespace(name.Namespace), client.MatchingFields{metav1.ObjectNameField: name.Name}); {
	case apierrors.IsForbidden(err):
		if err := r.Get(ctx, name, into); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return into, nil
	case err != nil:
		return nil, err
	}
	var found client.Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		found = o.(client.Object)
		return nil
	})
	return found, err
}

// referred returns the Secrets and ConfigMaps that an object names.
func referred(o client.Object) (secrets, configMaps []types.NamespacedName) {
	switch o := o.(type) {
	case *gwv1.Gateway:
		return gatewaySecrets(o), gatewayConfigMaps(o)
	case *gwv1.ListenerSet:
		return listenerSetSecrets(o), nil
	case *gwv1.BackendTLSPolicy:
		return tlsPolicyRefs(o, "Secret"), tlsPolicyRefs(o, "ConfigMap")
	default:
		return nil, nil
	}
}
