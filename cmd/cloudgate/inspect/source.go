package inspect

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/files"
)

// Providers are the clouds that can be compiled for, by name. They need not be reachable.
type Providers map[string]cloud.Provider

// of returns the provider behind a controller name.
func (p Providers) of(controller gwv1.GatewayController) (cloud.Provider, bool) {
	for name, provider := range p {
		if controller == gwv1.GatewayController(reconciler.Domain+name) {
			return provider, true
		}
	}
	return nil, false
}

func (p Providers) features(controller gwv1.GatewayController) (ir.Features, bool) {
	provider, ok := p.of(controller)
	if !ok {
		return nil, false
	}
	return provider.Features(), true
}

// networked tells whether any of the clouds says what its load balancers reach.
func (p Providers) networked() bool {
	for _, provider := range p {
		if _, tells := provider.(cloud.Networker); tells {
			return true
		}
	}
	return false
}

// networks asks each cloud once, and only when it is needed, what its load balancers reach.
func (p Providers) networks(ctx context.Context) func(gwv1.GatewayController) ([]netip.Prefix, error) {
	known := make(map[gwv1.GatewayController][]netip.Prefix)
	return func(controller gwv1.GatewayController) ([]netip.Prefix, error) {
		if prefixes, asked := known[controller]; asked {
			return prefixes, nil
		}
		provider, ok := p.of(controller)
		if !ok {
			return nil, nil
		}
		networker, tells := provider.(cloud.Networker)
		if !tells {
			return nil, nil
		}
		prefixes, err := networker.Networks(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask the cloud of provider %s what it reaches: %w", provider.Name(), err)
		}
		known[controller] = prefixes
		return prefixes, nil
	}
}

// Scene is what was found: the Gateways of our classes, and what a user has to know besides.
type Scene struct {
	Snapshots     []*translate.Snapshot // by namespace and name
	LoadBalancers map[types.NamespacedName]v1alpha1.LoadBalancerStatus
	Warnings      []string

	providers Providers
}

// unassigned is the UID of what is in no cluster yet.
const unassigned types.UID = "unassigned"

// FromFiles makes a Scene from manifests. The error lists everything that cannot be read, with its place. Where the files have no
// GatewayClass of a provider of ours, the class that is called like the provider is there, as it is in a cluster.
func FromFiles(paths []string, stdin io.Reader, providers Providers) (Scene, error) {
	set := files.Load(files.Config{Paths: paths, Stdin: stdin, Scheme: reconciler.Scheme()})
	if err := set.Err(); err != nil {
		if len(set.Problems)-len(set.Warnings()) == 1 {
			return Scene{}, fmt.Errorf("the manifests cannot be read: %w", err)
		}
		return Scene{}, fmt.Errorf("the manifests cannot be read:\n%w", err) // a list has its lines to itself
	}
	objects := make([]client.Object, 0, len(set.Objects))
	for _, o := range set.Objects {
		if gw, ok := o.Object.(*gwv1.Gateway); ok {
			gw.UID = unassigned
		}
		objects = append(objects, o.Object)
	}
	for name := range providers {
		objects = append(objects, impliedClass(objects, name)...)
	}
	scene, err := sceneOf(objects, reconciler.SnapshotConfig{Cluster: string(unassigned), Features: providers.features})
	scene.Warnings = append(set.Warnings(), scene.Warnings...)
	return scene, err
}

func impliedClass(objects []client.Object, provider string) []client.Object {
	controller := gwv1.GatewayController(reconciler.Domain + provider)
	for _, o := range objects {
		if class, ok := o.(*gwv1.GatewayClass); ok && (class.Spec.ControllerName == controller || class.Name == provider) {
			return nil
		}
	}
	class := &gwv1.GatewayClass{}
	class.Name = provider
	class.Spec.ControllerName = controller
	return []client.Object{class}
}

// FromCluster reads a Scene from a cluster. cluster is its identity in marks.
func FromCluster(ctx context.Context, c client.Client, cluster string, providers Providers) (Scene, error) {
	objects, denied, err := reconciler.Read(ctx, c, c.RESTMapper(), providers.networked())
	if err != nil {
		return Scene{}, err
	}
	scene, err := sceneOf(objects, reconciler.SnapshotConfig{Cluster: cluster, Features: providers.features, Networks: providers.networks(ctx)})
	if err != nil {
		return Scene{}, err
	}
	scene.Warnings, scene.providers = append(denied, scene.Warnings...), providers
	var balancers v1alpha1.LoadBalancerList
	if err := c.List(ctx, &balancers); err != nil {
		return Scene{}, fmt.Errorf("read the cluster: %w", err)
	}
	scene.LoadBalancers = make(map[types.NamespacedName]v1alpha1.LoadBalancerStatus, len(balancers.Items))
	for _, lb := range balancers.Items {
		scene.LoadBalancers[client.ObjectKeyFromObject(&lb)] = lb.Status
	}
	return scene, nil
}

func sceneOf(objects []client.Object, cfg reconciler.SnapshotConfig) (Scene, error) {
	snapshots, err := reconciler.Snapshots(objects, cfg)
	if err != nil {
		return Scene{}, err
	}
	return Scene{Snapshots: snapshots, Warnings: unserved(objects, snapshots)}, nil
}

// unserved says of the Gateways that have no Snapshot why.
func unserved(objects []client.Object, snapshots []*translate.Snapshot) []string {
	served := make(map[types.NamespacedName]bool, len(snapshots))
	for _, s := range snapshots {
		served[client.ObjectKeyFromObject(s.Gateway)] = true
	}
	classes := make(map[string]gwv1.GatewayController)
	for _, o := range objects {
		if class, ok := o.(*gwv1.GatewayClass); ok {
			classes[class.Name] = class.Spec.ControllerName
		}
	}
	var out []string
	for _, o := range objects {
		gw, ok := o.(*gwv1.Gateway)
		if !ok || served[client.ObjectKeyFromObject(gw)] {
			continue
		}
		name := string(gw.Spec.GatewayClassName)
		if controller, exists := classes[name]; exists {
			out = append(out, fmt.Sprintf("Gateway %s/%s is left out: its GatewayClass %s belongs to %s", gw.Namespace, gw.Name, name, controller))
		} else {
			out = append(out, fmt.Sprintf("Gateway %s/%s is left out: there is no GatewayClass %s", gw.Namespace, gw.Name, name))
		}
	}
	slices.Sort(out)
	return out
}

// Only keeps the Gateway of a name. A zero name keeps all.
func (s Scene) Only(name types.NamespacedName) (Scene, error) {
	if name == (types.NamespacedName{}) {
		return s, nil
	}
	for _, snapshot := range s.Snapshots {
		if client.ObjectKeyFromObject(snapshot.Gateway) == name {
			s.Snapshots = []*translate.Snapshot{snapshot}
			return s, nil
		}
	}
	return Scene{}, fmt.Errorf("there is no Gateway %s of a class of ours", name)
}

// Names returns the names of the Gateways, for completion.
func (s Scene) Names() []string {
	names := make([]string, 0, len(s.Snapshots))
	for _, snapshot := range s.Snapshots {
		names = append(names, client.ObjectKeyFromObject(snapshot.Gateway).String())
	}
	return names
}
