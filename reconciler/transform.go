package reconciler

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// certificateKeys are the entries of a Secret or ConfigMap that a Gateway or a policy can refer to. Nothing else of a Secret is
// kept in memory.
var certificateKeys = []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey, corev1.ServiceAccountRootCAKey}

// strip takes out of an object, before it is cached, what nobody reads: memory is then in proportion to what matters.
func strip(in any) (any, error) {
	obj, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone goes on as it is
	}
	if obj.GetManagedFields() != nil {
		obj.SetManagedFields(nil)
	}
	if a := obj.GetAnnotations(); a[corev1.LastAppliedConfigAnnotation] != "" {
		delete(a, corev1.LastAppliedConfigAnnotation)
	}
	switch o := in.(type) {
	case *corev1.Secret:
		o.Data = only(o.Data)
	case *corev1.ConfigMap:
		o.Data, o.BinaryData = only(o.Data), nil
	case *corev1.Service:
		o.Status = corev1.ServiceStatus{}
	case *corev1.Namespace:
		o.Spec, o.Status = corev1.NamespaceSpec{}, corev1.NamespaceStatus{}
		o.Annotations = nil
	case *discoveryv1.EndpointSlice:
		if gatewayOwner(o) == nil { // such as we make are compared whole
			stripEndpoints(o)
		}
	case *corev1.Node:
		stripNode(o)
	case *corev1.Pod:
		return stripPod(o), nil
	}
	return in, nil
}

func only[V []byte | string](data map[string]V) map[string]V {
	kept := make(map[string]V)
	for _, key := range certificateKeys {
		if v, ok := data[key]; ok {
			kept[key] = v
		}
	}
	return kept
}

func stripEndpoints(s *discoveryv1.EndpointSlice) {
	s.OwnerReferences = nil
	s.Annotations = nil
	s.Labels = only2(s.Labels, discoveryv1.LabelServiceName)
	s.ObjectMeta.CreationTimestamp = metav1.Time{}
	sample := sampleOf(s)
	zones := make(map[string]*string, 1)
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		e.Hostname, e.DeprecatedTopology = nil, nil
		e.Zone = shared(zones, e.Zone)
		e.TargetRef = podRef(e, e == sample)
	}
}

// shared returns one pointer for equal texts: a slice has many endpoints in few zones.
func shared(known map[string]*string, text *string) *string {
	if text == nil {
		return nil
	}
	if known[*text] == nil {
		known[*text] = text
	}
	return known[*text]
}

// podRef returns what is kept of the reference of an endpoint to its pod: the name, where the endpoint is not ready, as only then it matters
// what its pod waits for, or where it stands for the others.
func podRef(e *discoveryv1.Endpoint, sample bool) *corev1.ObjectReference {
	if e.TargetRef == nil || e.TargetRef.Kind != "Pod" || isReady(e) && !sample {
		return nil
	}
	return &corev1.ObjectReference{Kind: "Pod", Name: e.TargetRef.Name}
}

func stripNode(n *corev1.Node) {
	n.Annotations = nil
	if _, excluded := n.Labels[corev1.LabelNodeExcludeBalancers]; excluded {
		n.Labels = only2(n.Labels, corev1.LabelNodeExcludeBalancers)
	} else {
		n.Labels = nil
	}
	n.Spec = corev1.NodeSpec{Taints: n.Spec.Taints, ProviderID: n.Spec.ProviderID, PodCIDRs: n.Spec.PodCIDRs}
	for i := range n.Spec.Taints {
		n.Spec.Taints[i] = corev1.Taint{Key: n.Spec.Taints[i].Key}
	}
	status := corev1.NodeStatus{}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			status.Addresses = append(status.Addresses, a)
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			status.Conditions = []corev1.NodeCondition{{Type: c.Type, Status: c.Status}}
		}
	}
	n.Status = status
}

func only2(labels map[string]string, key string) map[string]string {
	return map[string]string{key: labels[key]}
}
