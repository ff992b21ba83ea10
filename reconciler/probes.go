package reconciler

import (
	"unique"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// The readiness probes of pods are the health checks of their Services. All pods behind a Service are taken to have those of one of them:
// of each EndpointSlice the name of one ready pod is kept, and of a pod its probes, each of which is in memory once for all that have it.

// bySample is the index of endpoint slices by the ready pod that stands for the others.
const bySample = "sample"

// probedPod is what is kept of a pod without our readiness gate that has readiness probes.
type probedPod struct {
	metav1.PartialObjectMetadata
	probes []unique.Handle[translate.Probe]
}

// DeepCopyObject implements runtime.Object.
func (p *probedPod) DeepCopyObject() runtime.Object {
	return &probedPod{PartialObjectMetadata: *p.PartialObjectMetadata.DeepCopy(), probes: p.probes}
}

// stripProbes returns what is kept of a pod that is not gated, or that is over and has nothing left to say.
func stripProbes(p *corev1.Pod, kept metav1.ObjectMeta, over bool) client.Object {
	var handles []unique.Handle[translate.Probe]
	if !over {
		for _, probe := range translate.Probes(p) {
			handles = append(handles, unique.Make(probe))
		}
	}
	if len(handles) == 0 {
		return &metav1.PartialObjectMetadata{ObjectMeta: kept}
	}
	return &probedPod{PartialObjectMetadata: metav1.PartialObjectMetadata{ObjectMeta: kept}, probes: handles}
}

// stripContainers returns what is kept of the containers of a pod that is gated.
func stripContainers(p *corev1.Pod) []corev1.Container {
	var out []corev1.Container
	for i := range p.Spec.Containers {
		if c := &p.Spec.Containers[i]; c.ReadinessProbe != nil {
			out = append(out, corev1.Container{Ports: c.Ports, ReadinessProbe: c.ReadinessProbe})
		}
	}
	return out
}

// probesOf returns the readiness probes of a pod, and whether it is there.
func (v *views) probesOf(name types.NamespacedName) ([]translate.Probe, bool) {
	if pod, ok := v.pods.get(name); ok {
		return translate.Probes(pod), true
	}
	pod, ok := v.probed.get(name)
	if !ok {
		return nil, false
	}
	out := make([]translate.Probe, len(pod.probes))
	for i, handle := range pod.probes {
		out[i] = handle.Value()
	}
	return out, true
}

// probes gathers the readiness probes of a Service: those of the first pod by name that stands for its slice.
func (g *gatherer) probes(service types.NamespacedName, slices []*discoveryv1.EndpointSlice) {
	first := ""
	for _, slice := range slices {
		e := sampleOf(slice)
		if e == nil || first != "" && e.TargetRef.Name >= first {
			continue
		}
		if probes, ok := g.v.probesOf(types.NamespacedName{Namespace: slice.Namespace, Name: e.TargetRef.Name}); ok {
			first, g.s.Probes[service] = e.TargetRef.Name, probes
		}
	}
}

func isReady(e *discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }

// sampleOf returns the ready endpoint whose pod comes first by name, or nil where no endpoint is ready.
func sampleOf(s *discoveryv1.EndpointSlice) *discoveryv1.Endpoint {
	var found *discoveryv1.Endpoint
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if isReady(e) && e.TargetRef != nil && e.TargetRef.Kind == "Pod" && (found == nil || e.TargetRef.Name < found.TargetRef.Name) {
			found = e
		}
	}
	return found
}

func samples(s *discoveryv1.EndpointSlice) []string {
	e := sampleOf(s)
	if e == nil {
		return nil
	}
	return []string{types.NamespacedName{Namespace: s.Namespace, Name: e.TargetRef.Name}.String()}
}

// probed gathers the Gateways of the Services whose health checks are those of a pod.
func (m mapping) probed(found gateways, obj client.Object) {
	each(m.v.slices.by(bySample, client.ObjectKeyFromObject(obj).String()), found, m.endpointSlice)
}

// appearsWithProbes lets through pods with probes that are seen for the first time: their endpoints may have been seen before.
func appearsWithProbes() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			switch p := e.Object.(type) {
			case *probedPod:
				return true
			case *corev1.Pod:
				return len(translate.Probes(p)) > 0
			default:
				return false
			}
		},
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}
