package memory

import (
	"context"
	"fmt"
	"sort"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Client returns a client that reads and writes the store itself, as one without a cache does. Field selectors can name
// metadata.name and metadata.namespace. A Watch begins after ListOptions.Raw.ResourceVersion and selects by kind alone.
func (s *Store) Client() client.WithWatch { return storeClient{s} }

type storeClient struct{ s *Store }

var _ client.WithWatch = storeClient{}

func (c storeClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	return c.s.get(ctx, key, obj)
}

func (c storeClient) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	gvk, err := c.s.gvk(list)
	if err != nil {
		return err
	}
	gvk.Kind = gvk.Kind[:len(gvk.Kind)-len("List")]
	items, revision, err := c.s.items(gvk, o)
	if err != nil {
		return err
	}
	list.SetResourceVersion(revision)
	return meta.SetList(list, items)
}

func (c storeClient) Watch(ctx context.Context, list client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
	var o client.ListOptions
	o.ApplyOptions(opts)
	gvk, err := c.s.gvk(list)
	if err != nil {
		return nil, err
	}
	gvk.Kind = gvk.Kind[:len(gvk.Kind)-len("List")]
	since := ""
	if o.Raw != nil {
		since = o.Raw.ResourceVersion
	}
	return c.s.watch(ctx, gvk, since)
}

func (c storeClient) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return c.s.create(obj)
}

func (c storeClient) Update(_ context.Context, obj client.Object, _ ...client.UpdateOption) error {
	want := obj.DeepCopyObject().(client.Object)
	return c.s.modify(obj, false, func(client.Object) (client.Object, error) { return want, nil })
}

func (c storeClient) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.patch(obj, patch, false)
}

func (c storeClient) patch(obj client.Object, patch client.Patch, status bool) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	return c.s.modify(obj, status, func(cur client.Object) (client.Object, error) { return patched(cur, patch.Type(), data) })
}

func (c storeClient) Delete(_ context.Context, obj client.Object, opts ...client.DeleteOption) error {
	var o client.DeleteOptions
	o.ApplyOptions(opts)
	return c.s.remove(obj, o.Preconditions)
}

func (c storeClient) DeleteAllOf(_ context.Context, obj client.Object, opts ...client.DeleteAllOfOption) error {
	var o client.DeleteAllOfOptions
	o.ApplyOptions(opts)
	gvk, err := c.s.gvk(obj)
	if err != nil {
		return err
	}
	items, _, err := c.s.items(gvk, o.ListOptions)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := client.IgnoreNotFound(c.s.remove(item.(client.Object), nil)); err != nil {
			return err
		}
	}
	return nil
}

func (c storeClient) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return apierrors.NewMethodNotSupported(schema.GroupResource{}, "apply")
}

func (c storeClient) Status() client.SubResourceWriter { return subResource{c, "status"} }

func (c storeClient) SubResource(name string) client.SubResourceClient { return subResource{c, name} }

func (c storeClient) Scheme() *runtime.Scheme { return c.s.scheme }

func (c storeClient) RESTMapper() meta.RESTMapper { return c.s.mapper }

func (c storeClient) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	return c.s.gvk(obj)
}

func (c storeClient) IsObjectNamespaced(obj runtime.Object) (bool, error) {
	return apiutil.IsObjectNamespaced(obj, c.s.scheme, c.s.mapper)
}

// subResource writes the status of objects, the only sub-resource there is.
type subResource struct {
	c    storeClient
	name string
}

func (r subResource) check() error {
	if r.name != "status" {
		return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: r.name}, "use")
	}
	return nil
}

func (r subResource) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: r.name}, "get")
}

func (r subResource) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: r.name}, "create")
}

func (r subResource) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: r.name}, "apply")
}

func (r subResource) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	if err := r.check(); err != nil {
		return err
	}
	want := obj.DeepCopyObject().(client.Object)
	return r.c.s.modify(obj, true, func(client.Object) (client.Object, error) { return want, nil })
}

func (r subResource) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.c.patch(obj, patch, true)
}

// items returns copies of the objects of a kind that the options select, by namespace and name, and the revision of the store.
func (s *Store) items(gvk schema.GroupVersionKind, o client.ListOptions) ([]runtime.Object, string, error) {
	if o.FieldSelector != nil {
		for _, r := range o.FieldSelector.Requirements() {
			if r.Field != "metadata.name" && r.Field != "metadata.namespace" {
				return nil, "", apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", r.Field))
			}
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	revision := fmt.Sprint(s.revision)
	t := s.kinds[gvk]
	if t == nil {
		return nil, revision, nil
	}
	var selected []client.Object
	for key, obj := range t.objects {
		if o.Namespace != "" && key.Namespace != o.Namespace {
			continue
		}
		if o.LabelSelector != nil && !o.LabelSelector.Matches(labelsOf(obj)) {
			continue
		}
		if o.FieldSelector != nil && !o.FieldSelector.Matches(fields.Set{"metadata.name": key.Name, "metadata.namespace": key.Namespace}) {
			continue
		}
		selected = append(selected, obj)
	}
	sort.Slice(selected, func(i, j int) bool {
		a, b := selected[i], selected[j]
		if a.GetNamespace() != b.GetNamespace() {
			return a.GetNamespace() < b.GetNamespace()
		}
		return a.GetName() < b.GetName()
	})
	items := make([]runtime.Object, len(selected))
	for i, obj := range selected {
		items[i] = obj.DeepCopyObject()
	}
	return items, revision, nil
}
