package memory

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Store holds objects. It is safe for concurrent use.
type Store struct {
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	admit  func(client.Object) error
	now    func() time.Time
	uid    func(client.Object) types.UID

	mu       sync.RWMutex
	revision uint64
	kinds    map[schema.GroupVersionKind]*table
	writes   map[Write]int
	onEvent  func(Event)
}

// table holds the objects of one kind. What is in it is never changed, only replaced, so it may be handed to readers who copy.
type table struct {
	objects  map[types.NamespacedName]client.Object
	watchers map[*watcher]struct{}
	history  []change // the last events, oldest first
	expired  uint64   // the revision of the last event that is not in history any more
}

// change is an event and the revision that it made.
type change struct {
	revision uint64
	event    watch.Event
}

// historyLimit bounds how many events of a kind can be watched after the fact. Who comes later has to list again.
const historyLimit = 1024

// Write names a sort of write for WriteCount.
type Write struct {
	Verb   string // "create", "update", "delete"
	Status bool   // the status sub-resource
	Kind   string
	Name   types.NamespacedName
}

// Options configure a Store. The zero value is usable.
type Options struct {
	// Admit defaults and validates an object before it is stored; it may change the object. The error is returned to the writer as
	// Invalid. It is not called for writes to a status.
	Admit func(client.Object) error
	// Now is the clock of creationTimestamp and deletionTimestamp. Nil means the system's.
	Now func() time.Time
	// Without are kinds of the scheme that the API does not serve, as those of a CRD that is not installed.
	Without []string
	// OnEvent is called for each Kubernetes event that the Manager's recorder records. It must not block.
	OnEvent func(Event)
	// UID gives a new object its identity. Nil means a random one, as a server does.
	UID func(client.Object) types.UID
}

// New makes an empty store of the kinds in scheme.
func New(scheme *runtime.Scheme) *Store { return NewWithOptions(scheme, Options{}) }

// NewWithOptions is New with Options.
func NewWithOptions(scheme *runtime.Scheme, o Options) *Store {
	s := &Store{
		scheme:  scheme,
		mapper:  newMapper(scheme, o.Without),
		admit:   o.Admit,
		now:     o.Now,
		uid:     o.UID,
		kinds:   make(map[schema.GroupVersionKind]*table),
		writes:  make(map[Write]int),
		onEvent: o.OnEvent,
	}
	if s.uid == nil {
		s.uid = func(client.Object) types.UID { return types.UID(uuid.NewString()) }
	}
	if s.now == nil {
		s.now = time.Now //nolint:forbidigo // the clock of the store is made here
	}
	return s
}

// WriteCount returns how often each object was written by anybody since the store was made, writes that changed nothing left out.
func (s *Store) WriteCount() map[Write]int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := make(map[Write]int, len(s.writes))
	for w, n := range s.writes {
		counts[w] = n
	}
	return counts
}

// Apply creates each object, or replaces its spec, labels and annotations, as `kubectl apply` would: statuses, finalizers and
// identities of what is there stay, but for the status of a node. It is the way in for users; a reconciler uses a client.
func (s *Store) Apply(objs ...client.Object) error {
	for _, obj := range objs {
		if err := s.applyOne(obj); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) applyOne(obj client.Object) error {
	obj, err := s.typed(obj)
	if err != nil {
		return err
	}
	obj.SetResourceVersion("")
	err = s.create(obj)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	wanted := obj.DeepCopyObject().(client.Object)
	err = s.modify(obj, false, func(cur client.Object) (client.Object, error) {
		next := wanted.DeepCopyObject().(client.Object)
		next.SetFinalizers(cur.GetFinalizers())
		if len(next.GetOwnerReferences()) == 0 {
			next.SetOwnerReferences(cur.GetOwnerReferences())
		}
		return next, nil
	})
	if _, isNode := wanted.(*corev1.Node); err != nil || !isNode {
		return err
	}
	// There is no kubelet: who applies a node says how it is.
	return s.modify(obj, true, func(client.Object) (client.Object, error) { return wanted, nil })
}

// Delete deletes each object as `kubectl delete` would. One that is not there is no error.
func (s *Store) Delete(objs ...client.Object) error {
	for _, obj := range objs {
		if err := client.IgnoreNotFound(s.remove(obj, nil)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) gvk(obj runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(obj, s.scheme)
}

func (s *Store) tableLocked(gvk schema.GroupVersionKind) *table {
	t := s.kinds[gvk]
	if t == nil {
		t = &table{objects: make(map[types.NamespacedName]client.Object), watchers: make(map[*watcher]struct{})}
		s.kinds[gvk] = t
	}
	return t
}

// typed returns a copy of obj in the Go type that the scheme has for it.
func (s *Store) typed(obj client.Object) (client.Object, error) {
	u, ok := obj.(runtime.Unstructured)
	if !ok {
		return obj.DeepCopyObject().(client.Object), nil
	}
	gvk := obj.GetObjectKind().GroupVersionKind()
	made, err := s.scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	typed, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is not an object with a name", gvk.Kind)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.UnstructuredContent(), typed, true); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("%s %s: %v", gvk.Kind, client.ObjectKeyFromObject(obj), err))
	}
	return typed, nil
}

func (s *Store) admitted(gvk schema.GroupVersionKind, obj client.Object) error {
	if s.admit == nil {
		return nil
	}
	err := s.admit(obj)
	if err == nil {
		return nil
	}
	if _, isStatus := err.(apierrors.APIStatus); isStatus {
		return err
	}
	return apierrors.NewGenericServerResponse(422, "apply", schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, obj.GetName(), err.Error(), 0, true)
}

// create stores obj, and fills in what a server fills in.
func (s *Store) create(obj client.Object) error {
	gvk, err := s.gvk(obj)
	if err != nil {
		return err
	}
	if obj.GetResourceVersion() != "" {
		return apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		obj.SetName(obj.GetGenerateName() + uuid.NewString()[:5])
	}
	if obj.GetName() == "" {
		return apierrors.NewBadRequest("an object needs a name")
	}
	if err := s.scoped(gvk, obj); err != nil {
		return err
	}
	if err := s.admitted(gvk, obj); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tableLocked(gvk)
	key := client.ObjectKeyFromObject(obj)
	if _, exists := t.objects[key]; exists {
		return apierrors.NewAlreadyExists(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.Name)
	}
	obj.SetUID(s.uid(obj))
	obj.SetGeneration(1)
	obj.SetCreationTimestamp(metav1.NewTime(s.now().Truncate(time.Second)))
	obj.SetDeletionTimestamp(nil)
	obj.SetManagedFields(nil)
	s.putLocked(t, gvk, obj, watch.Added)
	s.writes[Write{Verb: "create", Kind: gvk.Kind, Name: key}]++
	return nil
}

// scoped refuses a namespace where there can be none, and the other way round.
func (s *Store) scoped(gvk schema.GroupVersionKind, obj client.Object) error {
	namespaced, err := apiutil.IsGVKNamespaced(gvk, s.mapper)
	if err != nil {
		return err
	}
	switch {
	case namespaced && obj.GetNamespace() == "":
		return apierrors.NewBadRequest("an empty namespace may not be set during creation of a " + gvk.Kind)
	case !namespaced:
		obj.SetNamespace("")
	}
	return nil
}

// putLocked stores a copy of obj under a new resource version, which it also sets on obj, and tells the watchers.
func (s *Store) putLocked(t *table, gvk schema.GroupVersionKind, obj client.Object, how watch.EventType) {
	s.revision++
	obj.SetResourceVersion(strconv.FormatUint(s.revision, 10))
	stored := obj.DeepCopyObject().(client.Object)
	stored.GetObjectKind().SetGroupVersionKind(gvk)
	key := client.ObjectKeyFromObject(stored)
	if how == watch.Deleted {
		delete(t.objects, key)
	} else {
		t.objects[key] = stored
	}
	e := watch.Event{Type: how, Object: stored}
	t.history = append(t.history, change{s.revision, e})
	if len(t.history) > historyLimit {
		t.expired = t.history[0].revision
		t.history[0] = change{}
		t.history = t.history[1:]
	}
	for w := range t.watchers {
		w.send(e)
	}
}

// modify replaces the object of obj's kind and name by what change makes of a copy of it, and sets the result in obj. A change of the
// status touches nothing else, and any other change leaves the status as it is. A write that changes nothing is none.
func (s *Store) modify(obj client.Object, status bool, change func(cur client.Object) (client.Object, error)) error {
	gvk, err := s.gvk(obj)
	if err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(obj)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tableLocked(gvk)
	cur, exists := t.objects[key]
	if !exists {
		return apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.Name)
	}
	next, err := change(cur.DeepCopyObject().(client.Object))
	if err != nil {
		return err
	}
	if rv := next.GetResourceVersion(); rv != "" && rv != cur.GetResourceVersion() {
		return conflict(gvk, key.Name)
	}
	if uid := next.GetUID(); uid != "" && uid != cur.GetUID() {
		return conflict(gvk, key.Name)
	}
	merged, changed, err := s.merge(gvk, cur, next, status)
	if err != nil {
		return err
	}
	switch {
	case !changed:
	case merged.GetDeletionTimestamp() != nil && len(merged.GetFinalizers()) == 0:
		s.putLocked(t, gvk, merged, watch.Deleted)
		s.writes[Write{Verb: "delete", Kind: gvk.Kind, Name: key}]++
		s.collectLocked(merged.GetUID())
	default:
		s.putLocked(t, gvk, merged, watch.Modified)
		s.writes[Write{Verb: "update", Status: status, Kind: gvk.Kind, Name: key}]++
	}
	return set(obj, merged)
}

func conflict(gvk schema.GroupVersionKind, name string) error {
	return apierrors.NewConflict(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, name,
		fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
}

// remove deletes the object, or begins to where it has finalizers.
func (s *Store) remove(obj client.Object, pre *metav1.Preconditions) error {
	gvk, err := s.gvk(obj)
	if err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(obj)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tableLocked(gvk)
	cur, exists := t.objects[key]
	if !exists {
		return apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.Name)
	}
	if pre != nil {
		if pre.UID != nil && *pre.UID != cur.GetUID() || pre.ResourceVersion != nil && *pre.ResourceVersion != cur.GetResourceVersion() {
			return conflict(gvk, key.Name)
		}
	}
	next := cur.DeepCopyObject().(client.Object)
	if len(cur.GetFinalizers()) == 0 {
		s.putLocked(t, gvk, next, watch.Deleted)
		s.writes[Write{Verb: "delete", Kind: gvk.Kind, Name: key}]++
		s.collectLocked(next.GetUID())
		return nil
	}
	if cur.GetDeletionTimestamp() == nil {
		now := metav1.NewTime(s.now().Truncate(time.Second))
		next.SetDeletionTimestamp(&now)
		next.SetGeneration(next.GetGeneration() + 1)
		s.putLocked(t, gvk, next, watch.Modified)
	}
	return nil
}

// collectLocked deletes what the object that is gone owned, as the garbage collector would.
func (s *Store) collectLocked(owner types.UID) {
	for gvk, t := range s.kinds {
		for _, obj := range t.objects {
			for _, ref := range obj.GetOwnerReferences() {
				if ref.UID == owner && len(obj.GetFinalizers()) == 0 {
					s.putLocked(t, gvk, obj.DeepCopyObject().(client.Object), watch.Deleted)
					s.writes[Write{Verb: "delete", Kind: gvk.Kind, Name: client.ObjectKeyFromObject(obj)}]++
				}
			}
		}
	}
}

// get copies the stored object into obj.
func (s *Store) get(_ context.Context, key client.ObjectKey, obj client.Object) error {
	gvk, err := s.gvk(obj)
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.kinds[gvk]; t != nil {
		if cur, exists := t.objects[key]; exists {
			return set(obj, cur.DeepCopyObject().(client.Object))
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.Name)
}
