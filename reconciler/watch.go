package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gatewayclasses;gateways;listenersets;httproutes;grpcroutes;tlsroutes;tcproutes;udproutes;referencegrants;backendtlspolicies,verbs=list;watch
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gatewayclasses;gateways,verbs=patch
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gateways/finalizers,verbs=update
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gatewayclasses/status;gateways/status;listenersets/status;httproutes/status;grpcroutes/status;tlsroutes/status;tcproutes/status;udproutes/status;backendtlspolicies/status,verbs=patch
// +kubebuilder:rbac:groups=gateway.networking.x-k8s.io,resources=xbackendtrafficpolicies,verbs=list;watch
// +kubebuilder:rbac:groups=gateway.networking.x-k8s.io,resources=xbackendtrafficpolicies/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=services;secrets;configmaps,verbs=list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch
// +kubebuilder:rbac:groups=cloudgate.dev,resources=loadbalancers,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=cloudgate.dev,resources=loadbalancers/status,verbs=patch
// +kubebuilder:rbac:groups=cloudgate.dev,resources=gatewayconfigs;backendpolicies,verbs=list;watch
// +kubebuilder:rbac:groups=cloudgate.dev,resources=backendpolicies/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=nodes,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=events,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update;delete
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get

// watch makes the controllers and everything that wakes them.
func (c *Controller) watch(mgr manager.Manager) error {
	gateways, err := controller.New("gateway", mgr, controller.Options{
		Reconciler:              c.repeating(c.reconcileGateway),
		MaxConcurrentReconciles: c.cfg.Workers,
		SkipNameValidation:      yes(), // several Managers can live in one process
		EnableWarmup:            yes(),
		RateLimiter:             c.retries(),
	})
	if err != nil {
		return err
	}
	classes, err := controller.New("gatewayclass", mgr, controller.Options{
		Reconciler:         c.repeating(c.reconcileClass),
		SkipNameValidation: yes(),
		EnableWarmup:       yes(),
		RateLimiter:        c.retries(),
	})
	if err != nil {
		return err
	}
	sets, err := controller.New("listenerset", mgr, controller.Options{
		Reconciler:         c.repeating(c.reconcileListenerSet),
		SkipNameValidation: yes(),
		EnableWarmup:       yes(),
		RateLimiter:        c.retries(),
	})
	if err != nil {
		return err
	}
	w := watcher{c: c, mgr: mgr}
	m := c.mapping
	w.add(gateways, "Gateway", &gwv1.Gateway{}, m.handler(m.gateway), c.writer.echoless())
	w.add(gateways, "GatewayClass", &gwv1.GatewayClass{}, m.handler(m.class), predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
	w.add(gateways, "ListenerSet", &gwv1.ListenerSet{}, m.handler(m.listenerSet), c.writer.echoless())
	w.add(gateways, "HTTPRoute", &gwv1.HTTPRoute{}, m.handler(m.route), c.writer.echoless())
	w.add(gateways, "GRPCRoute", &gwv1.GRPCRoute{}, m.handler(m.route), c.writer.echoless())
	w.add(gateways, "TLSRoute", &gwv1.TLSRoute{}, m.handler(m.route), c.writer.echoless())
	w.add(gateways, "TCPRoute", &gwv1.TCPRoute{}, m.handler(m.route), c.writer.echoless())
	w.add(gateways, "UDPRoute", &gwv1.UDPRoute{}, m.handler(m.route), c.writer.echoless())
	w.add(gateways, "ReferenceGrant", &gwv1.ReferenceGrant{}, m.handler(m.grant))
	w.add(gateways, "BackendTLSPolicy", &gwv1.BackendTLSPolicy{}, m.handler(m.policy), c.writer.echoless())
	w.add(gateways, "XBackendTrafficPolicy", &xv1alpha1.XBackendTrafficPolicy{}, m.handler(m.policy), c.writer.echoless())
	w.add(gateways, v1alpha1.BackendPolicyKind, &v1alpha1.BackendPolicy{}, m.handler(m.policy), c.writer.echoless())
	w.add(gateways, "Service", &corev1.Service{}, m.handler(m.service), contentChanged())
	w.add(gateways, "EndpointSlice", &discoveryv1.EndpointSlice{}, m.handler(m.endpointSlice), contentChanged())
	w.add(gateways, "Secret", &corev1.Secret{}, m.handler(m.secret), contentChanged())
	w.add(gateways, "ConfigMap", &corev1.ConfigMap{}, m.handler(m.configMap), contentChanged())
	w.add(gateways, "Namespace", &corev1.Namespace{}, m.handler(m.namespace), labelsChanged())
	w.add(gateways, "LoadBalancer", &v1alpha1.LoadBalancer{}, m.handler(m.loadBalancer), c.seesLoadBalancers(), c.writer.echoless())
	w.add(gateways, "GatewayConfig", &v1alpha1.GatewayConfig{}, m.handler(m.config), predicate.GenerationChangedPredicate{})
	w.add(gateways, "Node", &corev1.Node{}, m.handler(m.node), contentChanged())
	w.source(gateways, source.Channel(c.wakes, &handler.EnqueueRequestForObject{}))

	if err := c.watchPods(&w, mgr, gateways); err != nil {
		return err
	}
	c.watchGatewayServices(&w, gateways)
	c.watchListenerSets(&w, sets)

	w.add(classes, "GatewayClass", &gwv1.GatewayClass{}, &handler.EnqueueRequestForObject{}, c.writer.echoless())
	w.add(classes, "GatewayConfig", &v1alpha1.GatewayConfig{}, requests(m.classesOf, func(types.NamespacedName) {}), predicate.GenerationChangedPredicate{})
	w.source(classes, source.Channel(c.classes, &handler.EnqueueRequestForObject{}))
	w.add(classes, "Gateway", &gwv1.Gateway{}, handler.EnqueueRequestsFromMapFunc(classOf), classChanged())
	return w.err
}

// watchListenerSets has ListenerSets looked at that may have left something behind in the status of a route.
func (c *Controller) watchListenerSets(w *watcher, sets controller.Controller) {
	m := c.mapping
	handle := func(find func(gateways, client.Object)) handler.EventHandler {
		return requests(find, func(types.NamespacedName) {})
	}
	w.add(sets, "ListenerSet", &gwv1.ListenerSet{}, handle(m.gateway), predicate.GenerationChangedPredicate{})
	w.add(sets, "Gateway", &gwv1.Gateway{}, handle(m.setsIn), classChanged())
	w.add(sets, "HTTPRoute", &gwv1.HTTPRoute{}, handle(m.setsOf))
	w.add(sets, "GRPCRoute", &gwv1.GRPCRoute{}, handle(m.setsOf))
	w.add(sets, "TLSRoute", &gwv1.TLSRoute{}, handle(m.setsOf))
	w.add(sets, "TCPRoute", &gwv1.TCPRoute{}, handle(m.setsOf))
	w.add(sets, "UDPRoute", &gwv1.UDPRoute{}, handle(m.setsOf))
}

// retries says how long to wait after a pass that could not read or write Kubernetes.
func (c *Controller) retries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](soon, c.cfg.RetryMax)
}

// watcher adds sources to controllers and remembers the first error.
type watcher struct {
	c   *Controller
	mgr manager.Manager
	err error
}

func (w *watcher) add(to controller.Controller, name string, obj client.Object, h handler.EventHandler, p ...predicate.Predicate) {
	if slices.Contains(w.c.missing, name) {
		return
	}
	w.source(to, source.Kind(w.mgr.GetCache(), obj, h, p...))
}

func (w *watcher) source(to controller.Controller, s source.Source) {
	if w.err != nil {
		return
	}
	if err := to.Watch(s); err != nil {
		w.err = fmt.Errorf("watch: %w", err)
	}
}

// wake has a Gateway looked at, unless everything is ending.
func (c *Controller) wake(ctx context.Context, name types.NamespacedName) {
	g := &gwv1.Gateway{}
	g.Namespace, g.Name = name.Namespace, name.Name
	select {
	case c.wakes <- event.GenericEvent{Object: g}:
	case <-ctx.Done():
	}
}

func classOf(_ context.Context, obj client.Object) []reconcile.Request {
	g, ok := obj.(*gwv1.Gateway)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: string(g.Spec.GatewayClassName)}}}
}

// classChanged lets through what changes how many Gateways a class has.
func classChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, wasOK := e.ObjectOld.(*gwv1.Gateway)
		is, isOK := e.ObjectNew.(*gwv1.Gateway)
		return wasOK && isOK && was.Spec.GatewayClassName != is.Spec.GatewayClassName
	}}
}

// labelsChanged lets through changes of labels, which are all that a Gateway reads of a namespace.
func labelsChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
	}}
}

// contentChanged lets through what changes anything that strip leaves in place.
func contentChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return !sameContent(e.ObjectOld, e.ObjectNew) }}
}

// seesLoadBalancers lets everything through but the LoadBalancers that we made, and notes that the cache has them.
func (c *Controller) seesLoadBalancers() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			name := client.ObjectKeyFromObject(e.Object)
			made := c.newborns.get(name)
			c.newborns.drop(name)
			return made == nil || made.UID != e.Object.GetUID()
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			c.newborns.drop(client.ObjectKeyFromObject(e.Object))
			return true
		},
	}
}

func yes() *bool { t := true; return &t }
