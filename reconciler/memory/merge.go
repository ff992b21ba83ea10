package memory

import (
	"encoding/json"
	"fmt"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// merge returns what a write of next over cur leaves: the fields that a client may not change are cur's, and the generation is
// one higher where anything but metadata and status changed.
func (s *Store) merge(gvk schema.GroupVersionKind, cur, next client.Object, status bool) (client.Object, bool, error) {
	if status {
		merged := cur.DeepCopyObject().(client.Object)
		if !copyField(merged, next, "Status") {
			return nil, false, apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind + "/status"}, cur.GetName())
		}
		return merged, !equality.Semantic.DeepEqual(cur, merged), nil
	}
	merged := next.DeepCopyObject().(client.Object)
	copyField(merged, cur, "Status")
	merged.SetUID(cur.GetUID())
	merged.SetCreationTimestamp(cur.GetCreationTimestamp())
	merged.SetDeletionTimestamp(cur.GetDeletionTimestamp())
	merged.SetDeletionGracePeriodSeconds(cur.GetDeletionGracePeriodSeconds())
	merged.SetResourceVersion(cur.GetResourceVersion())
	merged.SetGeneration(cur.GetGeneration())
	merged.SetManagedFields(nil)
	merged.GetObjectKind().SetGroupVersionKind(gvk)
	if err := s.admitted(gvk, merged); err != nil {
		return nil, false, err
	}
	if equality.Semantic.DeepEqual(cur, merged) {
		return merged, false, nil
	}
	if !equality.Semantic.DeepEqual(withoutMetadata(cur), withoutMetadata(merged)) {
		merged.SetGeneration(cur.GetGeneration() + 1)
	}
	return merged, true, nil
}

// withoutMetadata returns a copy of what a generation counts.
func withoutMetadata(obj client.Object) client.Object {
	c := obj.DeepCopyObject().(client.Object)
	v := reflect.ValueOf(c).Elem()
	for _, name := range []string{"ObjectMeta", "Status"} {
		if f := v.FieldByName(name); f.IsValid() && f.CanSet() {
			f.SetZero()
		}
	}
	return c
}

// copyField sets one field of to from the same field of from, and tells whether there is one.
func copyField(to, from client.Object, name string) bool {
	t, f := reflect.ValueOf(to).Elem().FieldByName(name), reflect.ValueOf(from.DeepCopyObject()).Elem().FieldByName(name)
	if !t.IsValid() || !f.IsValid() {
		return false
	}
	t.Set(f)
	return true
}

// set makes *to equal *from. Both are pointers to the same type.
func set(to, from client.Object) error {
	t, f := reflect.ValueOf(to), reflect.ValueOf(from)
	if t.Type() != f.Type() {
		return fmt.Errorf("the store holds a %s, not a %s", f.Type(), t.Type())
	}
	t.Elem().Set(f.Elem())
	return nil
}

// patched returns cur with the patch applied.
func patched(cur client.Object, kind types.PatchType, data []byte) (client.Object, error) {
	before, err := json.Marshal(cur)
	if err != nil {
		return nil, err
	}
	var after []byte
	switch kind {
	case types.MergePatchType:
		after, err = jsonpatch.MergePatch(before, data)
	case types.JSONPatchType:
		var p jsonpatch.Patch
		if p, err = jsonpatch.DecodePatch(data); err == nil {
			after, err = p.Apply(before)
		}
	case types.StrategicMergePatchType:
		after, err = strategicpatch.StrategicMergePatch(before, data, cur)
	default:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("patch type %s is not supported by the in-memory store", kind))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	next := reflect.New(reflect.TypeOf(cur).Elem()).Interface().(client.Object)
	if err := json.Unmarshal(after, next); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return next, nil
}
