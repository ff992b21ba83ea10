package dev

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler/files"
)

// target is where manifests go: the store.
type target interface {
	Apply(objs ...client.Object) error
	Delete(objs ...client.Object) error
}

// source keeps a target equal to what files hold, and to what a cluster would have beside that.
type source struct {
	folder  *folder
	target  target
	classes []*gwv1.GatewayClass // each is made when the files have no class of its controller
	applied map[objectKey]client.Object
	waiting bool // for an object to be gone, so that its successor can come
}

func newSource(f *folder, t target, classes ...*gwv1.GatewayClass) *source {
	return &source{folder: f, target: t, classes: classes, applied: map[objectKey]client.Object{}}
}

// sync reads the files and brings the target up to date. It returns what is wrong with the files.
func (s *source) sync(touched map[string]bool) ([]files.Problem, error) {
	if err := s.folder.scan(touched); err != nil {
		return nil, err
	}
	want, problems := s.folder.objects()
	for _, class := range s.classes {
		imply(want, class)
	}
	s.waiting = false
	for _, key := range inOrder(want) {
		o := want[key]
		if was, ok := s.applied[key]; ok && apiequality.Semantic.DeepEqual(was, o.Object) {
			continue
		}
		err := s.target.Apply(o.DeepCopyObject().(client.Object))
		switch {
		case errors.Is(err, errGoing):
			s.waiting = true
			continue
		case err != nil:
			problems = append(problems, files.Problem{Origin: o.Origin, Text: fmt.Sprintf("%s: %v", key, err)})
			continue
		}
		s.applied[key] = o.Object
	}
	// What goes, goes last: a route that only gets another name would else be missing for a moment.
	for _, key := range inOrder(s.applied) {
		if _, still := want[key]; still {
			continue
		}
		if err := s.target.Delete(s.applied[key]); err != nil {
			return nil, fmt.Errorf("delete %s: %w", key, err)
		}
		delete(s.applied, key)
	}
	return problems, nil
}

// imply adds a class that a cluster with Cloudgate would have.
func imply(want map[objectKey]files.Object, implied *gwv1.GatewayClass) {
	for _, o := range want {
		class, ok := o.Object.(*gwv1.GatewayClass)
		if ok && (class.Spec.ControllerName == implied.Spec.ControllerName || class.Name == implied.Name) {
			return
		}
	}
	want[keyOf(implied)] = files.Object{Object: implied, Implied: true}
}

// applyFirst are the kinds that others refer to, so that nothing is seen half.
var applyFirst = []string{"Namespace", "GatewayClass.gateway.networking.k8s.io", "Secret", "ConfigMap", "Service", "EndpointSlice.discovery.k8s.io"}

// inOrder returns the keys of m in the order in which they are applied.
func inOrder[V any](m map[objectKey]V) []objectKey {
	keys := make([]objectKey, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	rank := func(k objectKey) int {
		if i := slices.Index(applyFirst, k.kind); i >= 0 {
			return i
		}
		return len(applyFirst)
	}
	slices.SortFunc(keys, func(a, b objectKey) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.compare(b))
	})
	return keys
}
