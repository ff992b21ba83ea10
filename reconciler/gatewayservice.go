package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// The Service of a Gateway gives its load balancer a name in the DNS of the cluster: a headless Service without a selector, whose
// EndpointSlices have the addresses, or one of type ExternalName. It is an object that anybody may change or have made before us, so it is
// written only where it differs, and never taken over. Whatever happens to it costs the load balancer nothing.

// The permissions of these Services alone, and none stands in another marker with these verbs: the chart leaves them out where the option is off.
// +kubebuilder:rbac:groups="",resources=services,verbs=create;patch;delete
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=create;patch;delete

// nameTaken says that an object has the name of one that a Gateway is to have, and is not ours.
type nameTaken struct{ kind, name string }

func (e nameTaken) Error() string {
	return fmt.Sprintf("%s %s was there before and is not the Gateway's: the load balancer has no name in the cluster until it is gone", e.kind, e.name)
}

// errInTheWay says that what an earlier Gateway of the name left is still going. Its end wakes the Gateway.
var errInTheWay = errors.New("what has the name is being deleted")

// complaints are what was last told of the Services of Gateways: each thing is told once.
type complaints struct {
	mu  sync.Mutex
	now map[types.NamespacedName]string
}

// news tells whether a Gateway has another complaint than before. An empty one ends the last.
func (c *complaints) news(gateway types.NamespacedName, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text == "" {
		delete(c.now, gateway)
		return false
	}
	if c.now[gateway] == text {
		return false
	}
	if c.now == nil {
		c.now = make(map[types.NamespacedName]string)
	}
	c.now[gateway] = text
	return true
}

// keepService brings the Service of a Gateway to what its load balancer is now. What stands in the way and does not pass by itself is told by an
// event, and tried again at the audit; the error is of what does.
func (c *Controller) keepService(ctx context.Context, gw *gwv1.Gateway, e endpoint, p *pass) error {
	if !c.cfg.GatewayServices {
		return nil
	}
	err := c.writeService(ctx, gw, e)
	complaint := ""
	var taken nameTaken
	switch {
	case err == nil, errors.Is(err, errInTheWay), apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		err = nil
	case errors.As(err, &taken): // its end wakes the Gateway
		complaint, err = taken.Error(), nil
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err): // by a quota, an admission policy or missing permissions
		p.soonest(c.cfg.AuditInterval)
		complaint, err = "the Gateway's Service cannot be written: "+err.Error(), nil
	case apierrors.IsAlreadyExists(err), apierrors.IsConflict(err): // the cache is behind
		return errAgain
	}
	if c.complaints.news(client.ObjectKeyFromObject(gw), complaint) {
		c.warn(gw, "ServiceNotWritten", "Apply", complaint)
	}
	return err
}

// writeService writes what differs. The Service is first: EndpointSlices of a Service that is not ours would send its clients to the load balancer.
func (c *Controller) writeService(ctx context.Context, gw *gwv1.Gateway, e endpoint) error {
	name := serviceName(gw)
	if err := c.dropServices(ctx, gw, name.Name); err != nil {
		return err
	}
	got, exists := c.views.services.get(name)
	switch {
	case !exists && e.none():
		return nil // the labels and the type are right from the start
	case !exists:
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
		shapeService(s, gw, e)
		if err := c.make(ctx, gw, "Service", s); err != nil {
			return err
		}
	default:
		if err := mayWrite(gw, "Service", got); err != nil {
			return err
		}
		if unshapeable(got) {
			return again(c.drop(ctx, "Service", got))
		}
		next := got.DeepCopy()
		if e.none() {
			dress(next, gw, nil) // there is no address for a time: the Service stays what it was
		} else {
			shapeService(next, gw, e)
		}
		if err := c.change(ctx, "Service", got, next); err != nil {
			return err
		}
	}
	for _, family := range families {
		if err := c.keepSlice(ctx, gw, name.Name, family, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *Controller) keepSlice(ctx context.Context, gw *gwv1.Gateway, service string, family discoveryv1.AddressType, e endpoint) error {
	name := types.NamespacedName{Namespace: gw.Namespace, Name: sliceName(service, family)}
	got, exists := c.views.slices.get(name)
	wanted := len(e.addresses[family]) > 0
	switch {
	case !exists && !wanted:
		return nil
	case !exists:
		s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}, AddressType: family}
		shapeSlice(s, gw, service, e)
		return c.make(ctx, gw, "EndpointSlice", s)
	}
	err := mayWrite(gw, "EndpointSlice", got)
	switch {
	case !wanted && err != nil:
		return nil // whosever it is, it may stay
	case err != nil:
		return err
	case !wanted, got.AddressType != family:
		return c.drop(ctx, "EndpointSlice", got)
	}
	next := got.DeepCopy()
	shapeSlice(next, gw, service, e)
	return c.change(ctx, "EndpointSlice", got, next)
}

// mayWrite tells whether an object is the Gateway's, by an error where it is not.
func mayWrite(gw *gwv1.Gateway, kind string, got client.Object) error {
	switch owner := gatewayOwner(got); {
	case owner != nil && owner.UID != gw.UID && owner.Name == gw.Name: // an earlier Gateway's, which goes after it
		return errInTheWay
	case owner == nil || owner.UID != gw.UID:
		return nameTaken{kind, got.GetName()}
	case !got.GetDeletionTimestamp().IsZero():
		return errInTheWay
	}
	return nil
}

func (c *Controller) make(ctx context.Context, gw *gwv1.Gateway, kind string, o client.Object) error {
	// The Gateway need not wait for it, so it does not block its deletion.
	if err := controllerutil.SetControllerReference(gw, o, c.client.Scheme(), controllerutil.WithBlockOwnerDeletion(false)); err != nil {
		return err
	}
	err := c.client.Create(ctx, o)
	c.metrics.wrote(kind, err)
	return err
}

// change writes an object where it differs from what it is to be. The write fails where it is not as it was read: it may be another's by now.
func (c *Controller) change(ctx context.Context, kind string, got, next client.Object) error {
	if equality.Semantic.DeepEqual(got, next) {
		return nil
	}
	err := c.client.Patch(ctx, next, client.MergeFromWithOptions(got, client.MergeFromWithOptimisticLock{}))
	c.metrics.wrote(kind, err)
	return err
}

func (c *Controller) drop(ctx context.Context, kind string, o client.Object) error {
	uid := o.GetUID()
	err := client.IgnoreNotFound(c.client.Delete(ctx, o, client.Preconditions{UID: &uid}))
	c.metrics.wrote(kind, err)
	return err
}

// dropServices deletes the Services that were made for a Gateway, with their EndpointSlices, but for the one of a name: a Gateway whose class changes
// has one of another name.
func (c *Controller) dropServices(ctx context.Context, gw *gwv1.Gateway, except string) error {
	for _, s := range c.views.services.by(byOwner, string(gw.UID)) {
		if s.Name != except && s.Namespace == gw.Namespace && s.DeletionTimestamp.IsZero() {
			if err := c.drop(ctx, "Service", s); err != nil {
				return err
			}
		}
	}
	for _, s := range c.views.slices.by(byOwner, string(gw.UID)) {
		if (except == "" || s.Name != sliceName(except, s.AddressType)) && s.Namespace == gw.Namespace && s.DeletionTimestamp.IsZero() {
			if err := c.drop(ctx, "EndpointSlice", s); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaveService deletes what was made in the cluster for a Gateway that is not ours any more.
func (c *Controller) leaveService(ctx context.Context, gw *gwv1.Gateway) error {
	if !c.cfg.GatewayServices {
		return nil
	}
	c.complaints.news(client.ObjectKeyFromObject(gw), "")
	if !gw.DeletionTimestamp.IsZero() {
		return nil // it goes with the Gateway
	}
	return c.dropServices(ctx, gw, "")
}

// watchGatewayServices wakes Gateways whose Services somebody changes, and those that wait for a name.
func (c *Controller) watchGatewayServices(w *watcher, gateways controller.Controller) {
	if !c.cfg.GatewayServices {
		return
	}
	m := c.mapping
	w.add(gateways, "Service", &corev1.Service{}, m.handler(m.gatewayService), madeChanged())
	w.add(gateways, "EndpointSlice", &discoveryv1.EndpointSlice{}, m.handler(m.gatewaySlice), madeChanged())
}

// gatewayService gathers the Gateways whose Service has the name, whoever made it.
func (m mapping) gatewayService(found gateways, obj client.Object) {
	each(m.v.gateways.by(byDNSName, client.ObjectKeyFromObject(obj).String()), found, m.gateway)
}

// gatewaySlice gathers the Gateways whose EndpointSlice has the name, whoever made it.
func (m mapping) gatewaySlice(found gateways, obj client.Object) {
	for _, family := range families {
		if service, ok := strings.CutSuffix(obj.GetName(), sliceName("", family)); ok {
			each(m.v.gateways.by(byDNSName, types.NamespacedName{Namespace: obj.GetNamespace(), Name: service}.String()), found, m.gateway)
		}
	}
}

// madeChanged keeps away the updates that change nothing of what we write.
func madeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, is := e.ObjectOld, e.ObjectNew
		return !sameContent(was, is) || !maps.Equal(was.GetAnnotations(), is.GetAnnotations()) ||
			!equality.Semantic.DeepEqual(was.GetOwnerReferences(), is.GetOwnerReferences()) ||
			was.GetDeletionTimestamp().IsZero() != is.GetDeletionTimestamp().IsZero()
	}}
}
