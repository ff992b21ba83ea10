package reconciler

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sameContent tells whether two versions of an object say the same to a Gateway.
func sameContent(a, b client.Object) bool {
	if a.GetUID() != b.GetUID() {
		return false
	}
	same := func(x, y any) bool { return equality.Semantic.DeepEqual(x, y) }
	switch a := a.(type) {
	case *corev1.Service:
		b := b.(*corev1.Service)
		return same(a.Spec, b.Spec) && same(a.Annotations, b.Annotations) && same(a.Labels, b.Labels)
	case *corev1.Secret:
		b := b.(*corev1.Secret)
		return a.Type == b.Type && same(a.Data, b.Data)
	case *corev1.ConfigMap:
		return same(a.Data, b.(*corev1.ConfigMap).Data)
	case *discoveryv1.EndpointSlice:
		b := b.(*discoveryv1.EndpointSlice)
		return a.AddressType == b.AddressType && same(a.Endpoints, b.Endpoints) && same(a.Ports, b.Ports) && same(a.Labels, b.Labels)
	case *corev1.Node:
		b := b.(*corev1.Node)
		return a.DeletionTimestamp.IsZero() == b.DeletionTimestamp.IsZero() && same(a.Labels, b.Labels) && same(a.Spec, b.Spec) && same(a.Status, b.Status)
	default:
		return false
	}
}
