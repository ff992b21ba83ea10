package reconciler

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/go-multierror"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// writer writes statuses: only those that change, each object once for each change.
type writer struct {
	client  client.Client
	metrics *metrics

	mu     sync.Mutex
	wrote  map[types.UID]written
	under  map[types.UID]*underway
	passes int                         // under way
	caught map[types.UID]client.Object // what we wrote and the cache has got while passes were under way
}

// written is what was last written to the status of an object.
type written struct {
	ours uint64        // of our part of the status
	obj  client.Object // as the write left it, until the cache has seen that; nil before and after
}

// underway are the writes to one object that have no answer yet. Several Gateways can have something to say in the status of a route.
type underway struct {
	writes int
	gone   bool // the object was deleted meanwhile
}

// writesAtOnce bounds the status writes of one pass that are under way at the same time.
const writesAtOnce = 16

func newWriter(c client.Client, m *metrics) *writer {
	return &writer{client: c, metrics: m, wrote: make(map[types.UID]written), under: make(map[types.UID]*underway), caught: make(map[types.UID]client.Object)}
}

// change is one status to be written.
type change struct {
	now  client.Object // as it was read; not changed
	want client.Object // a copy of it with the status that it is to have
	kind string
	// shared tells that other controllers write to the same status, so that the write has to fail when they did since it was read.
	shared bool
}

// changes gathers the statuses that are not as they are to be.
type changes []change

// statusOf points to the part of an object that is its status.
type statusOf[T client.Object, S any] func(T) *S

// add notes that an object is to have a status. now is the object that want was made from. Where the status is shared, what another pass has
// written since makes the write fail: want knows nothing of it, and would take it back.
func add[T client.Object, S any](w *writer, cs *changes, kind string, now T, want S, shared bool, at statusOf[T, S]) {
	if !shared {
		now = latest(w, now)
	}
	if equality.Semantic.DeepEqual(*at(now), want) {
		return
	}
	next := now.DeepCopyObject().(T)
	*at(next) = want
	*cs = append(*cs, change{now: now, want: next, kind: kind, shared: shared})
}

// latest returns the object as our own last write left it, where the cache has not seen that yet.
func latest[T client.Object](w *writer, now T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.wrote[now.GetUID()].obj.(T); ok && newer(last, now) {
		return last
	}
	return now
}

// refresh puts the latest versions of the objects that have a status into a Snapshot. A status is made from the one before: what the
// cache has may lack a condition that we wrote, which would then seem to be a new one.
func (w *writer) refresh(s *translate.Snapshot) {
	refresh(w, s.ListenerSets)
	refresh(w, s.HTTPRoutes)
	refresh(w, s.GRPCRoutes)
	refresh(w, s.TLSRoutes)
	refresh(w, s.TCPRoutes)
	refresh(w, s.UDPRoutes)
	refresh(w, s.BackendTLSPolicies)
	refresh(w, s.BackendTrafficPolicies)
	refresh(w, s.BackendPolicies)
}

func refresh[T client.Object](w *writer, objs []T) {
	for i := range objs {
		objs[i] = latest(w, objs[i])
	}
}

// newer tells whether a is a later version than b of the same object.
func newer(a, b client.Object) bool {
	order, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && order > 0
}

// write writes the changes, several at a time. It tells whether one of them met a newer version of its object: then the whole has to be
// thought through again from what is there now. An object that is gone needs no status.
func (w *writer) write(ctx context.Context, cs changes) (conflict bool, err error) {
	var (
		mu   sync.Mutex
		errs *multierror.Error
		wg   sync.WaitGroup
		slot = make(chan struct{}, writesAtOnce)
	)
	for _, ch := range cs {
		wg.Add(1)
		slot <- struct{}{}
		go func() {
			defer func() { <-slot; wg.Done() }()
			err := w.one(ctx, ch)
			w.metrics.wrote(ch.kind, err)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil || apierrors.IsNotFound(err):
			case apierrors.IsConflict(err):
				conflict = true
			default:
				errs = multierror.Append(errs, err)
			}
		}()
	}
	wg.Wait()
	return conflict, errs.ErrorOrNil()
}

func (w *writer) one(ctx context.Context, ch change) error {
	uid, digest := ch.want.GetUID(), ourPart(ch.want)
	// Before the write, because its event can come before its answer.
	w.mu.Lock()
	w.wrote[uid] = written{ours: digest}
	under := w.under[uid]
	if under == nil {
		under = &underway{}
		w.under[uid] = under
	}
	under.writes++
	w.mu.Unlock()

	var patch client.Patch
	if ch.shared {
		patch = client.MergeFromWithOptions(ch.now, client.MergeFromWithOptimisticLock{})
	} else {
		patch = client.MergeFrom(ch.now)
	}
	err := w.client.Status().Patch(ctx, ch.want, patch)
	w.mu.Lock()
	defer w.mu.Unlock()
	if under.writes--; under.writes == 0 {
		delete(w.under, uid)
	}
	if err != nil {
		delete(w.wrote, uid)
		return err
	}
	if !under.gone { // nothing would ever take it away again
		w.wrote[uid] = written{ours: digest, obj: ch.want}
	}
	return nil
}

// echoless keeps away the events of our own status writes, of writes of others to their part of a status, and of renewals that
// change nothing. Everything else passes, also a change by somebody else of what we wrote: it is then put right.
func (w *writer) echoless() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return !w.echo(e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.wrote, e.Object.GetUID())
			if under := w.under[e.Object.GetUID()]; under != nil {
				under.gone = true
			}
			return true
		},
	}
}

func (w *writer) echo(was, is client.Object) bool {
	w.seen(is)
	if was.GetUID() != is.GetUID() || was.GetGeneration() != is.GetGeneration() ||
		was.GetDeletionTimestamp().IsZero() != is.GetDeletionTimestamp().IsZero() ||
		!maps.Equal(was.GetLabels(), is.GetLabels()) || !maps.Equal(was.GetAnnotations(), is.GetAnnotations()) ||
		!slices.Equal(was.GetFinalizers(), is.GetFinalizers()) {
		return false
	}
	w.mu.Lock()
	last, ok := w.wrote[is.GetUID()]
	w.mu.Unlock()
	if !ok {
		// Nothing of ours is in it yet: what others write to its status is no concern of ours.
		return ourPart(was) == ourPart(is)
	}
	return ourPart(is) == last.ours
}

// seen lets go of the copy of what we wrote as soon as the cache has it, and no pass is under way that may have read the cache before.
func (w *writer) seen(is client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch last, ok := w.wrote[is.GetUID()]; {
	case !ok || last.obj == nil || newer(last.obj, is):
	case w.passes > 0:
		w.caught[is.GetUID()] = last.obj
	default:
		last.obj = nil
		w.wrote[is.GetUID()] = last
	}
}

// begin notes that a pass begins, and returns what notes its end.
func (w *writer) begin() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passes++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.passes--; w.passes > 0 {
			return
		}
		for uid, obj := range w.caught {
			// What was written since is seen when its own event comes.
			if last, ok := w.wrote[uid]; ok && last.obj == obj {
				last.obj = nil
				w.wrote[uid] = last
			}
		}
		clear(w.caught)
	}
}

// ourPart names what is in the status of an object by our hand.
func ourPart(obj client.Object) uint64 {
	var part any
	switch o := obj.(type) {
	case *gwv1.HTTPRoute, *gwv1.GRPCRoute, *gwv1.TLSRoute, *gwv1.TCPRoute, *gwv1.UDPRoute:
		_, parents := routeParents(o)
		part = slices.DeleteFunc(slices.Clone(parents), func(p gwv1.RouteParentStatus) bool { return !ours(p.ControllerName) })
	case *gwv1.BackendTLSPolicy, *xv1alpha1.XBackendTrafficPolicy, *v1alpha1.BackendPolicy:
		part = slices.DeleteFunc(slices.Clone(policyStatus(obj).Ancestors), func(a gwv1.PolicyAncestorStatus) bool { return !ours(a.ControllerName) })
	case *gwv1.Gateway:
		part = o.Status
	case *gwv1.GatewayClass:
		part = o.Status
	case *gwv1.ListenerSet:
		part = o.Status
	case *v1alpha1.LoadBalancer:
		part = o.Status
	}
	data, err := json.Marshal(part)
	if err != nil {
		return 0
	}
	return xxhash.Sum64(data)
}
