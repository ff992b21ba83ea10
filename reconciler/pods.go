package reconciler

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// byGate is the index of pods that have our readiness gate, all under one key.
const byGate = "gate"

func (x indexes) pod() toolscache.Indexers {
	return toolscache.Indexers{byGate: indexer(func(*corev1.Pod) []string { return []string{byGate} })}
}

// stripPod returns what is kept of a pod: of one without our readiness gate little more than its name, and its readiness probes.
func stripPod(p *corev1.Pod) any {
	meta := metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion}
	over := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	if !gated(p) || over {
		return stripProbes(p, meta, over)
	}
	meta.Labels, meta.CreationTimestamp, meta.DeletionTimestamp = p.Labels, p.CreationTimestamp, p.DeletionTimestamp
	kept := &corev1.Pod{ObjectMeta: meta}
	kept.Spec.ReadinessGates = p.Spec.ReadinessGates
	kept.Spec.Containers = stripContainers(p)
	kept.Status.PodIPs = p.Status.PodIPs
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.ContainersReady || c.Type == corev1.PodReady || isGate(p, c.Type) {
			c.LastProbeTime = metav1.Time{}
			kept.Status.Conditions = append(kept.Status.Conditions, c)
		}
	}
	return kept
}

func gated(p *corev1.Pod) bool { return isGate(p, status.ConditionLoadBalancerReady) }

func isGate(p *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, g := range p.Spec.ReadinessGates {
		if g.ConditionType == kind {
			return true
		}
	}
	return false
}

func podCondition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

func podIs(p *corev1.Pod, kind corev1.PodConditionType) bool {
	c := podCondition(p, kind)
	return c != nil && c.Status == corev1.ConditionTrue
}

// serviceable tells whether nothing but our gate can keep a pod from being ready. It stays so when the gate has opened, until the
// endpoints of its Services say that it is ready: it must not be taken out of load balancers in between. A pod that is not ready though its
// gate is open is kept from it by something else: the node controller says so of the pods of a node that is lost, whose containers are
// as ready as when they were last heard of.
func serviceable(p *corev1.Pod) bool {
	if !p.DeletionTimestamp.IsZero() || !gated(p) || !podIs(p, corev1.ContainersReady) {
		return false
	}
	for _, g := range p.Spec.ReadinessGates {
		if g.ConditionType != status.ConditionLoadBalancerReady && !podIs(p, g.ConditionType) {
			return false
		}
	}
	return !podIs(p, status.ConditionLoadBalancerReady) || readyOrAboutTo(p)
}

// gatesNotReady is the reason that the kubelet gives for a pod that only readiness gates keep from being ready.
const gatesNotReady = "ReadinessGatesNotReady"

// readyOrAboutTo tells whether a pod whose gates are open is ready, or will be when the kubelet has seen that they are.
func readyOrAboutTo(p *corev1.Pod) bool {
	c := podCondition(p, corev1.PodReady)
	return c == nil || c.Status == corev1.ConditionTrue || c.Reason == gatesNotReady
}

// pending tells whether a pod waits for us.
func pending(p *corev1.Pod) bool {
	return serviceable(p) && !podIs(p, status.ConditionLoadBalancerReady)
}

// serviceableSince returns when a pod began to be serviceable.
func serviceableSince(p *corev1.Pod) time.Time {
	var since time.Time
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady || c.Type == status.ConditionLoadBalancerReady {
			continue
		}
		if c.LastTransitionTime.After(since) {
			since = c.LastTransitionTime.Time
		}
	}
	if since.IsZero() {
		return p.CreationTimestamp.Time
	}
	return since
}

// anyGated tells whether any pod has our gate.
func (v *views) anyGated() bool {
	return v.pods.indexer != nil && len(v.pods.indexer.ListIndexFuncValues(byGate)) > 0
}

// waitingPods gathers the pods behind endpoints that are not ready and wait for load balancers.
func (g *gatherer) waitingPods(slices []*discoveryv1.EndpointSlice) {
	if !g.v.anyGated() {
		return
	}
	for _, slice := range slices {
		for i := range slice.Endpoints {
			ref := slice.Endpoints[i].TargetRef
			if ref == nil || isReady(&slice.Endpoints[i]) {
				continue
			}
			name := types.NamespacedName{Namespace: slice.Namespace, Name: ref.Name}
			if pod, ok := g.v.pods.get(name); ok && serviceable(pod) {
				g.s.WaitingPods[name] = true
			}
		}
	}
}

// servicesOf returns the Services that select a pod.
func (v *views) servicesOf(p *corev1.Pod) []types.NamespacedName {
	var out []types.NamespacedName
	for _, s := range v.services.by(byNamespace, p.Namespace) {
		if len(s.Spec.Selector) > 0 && selects(s.Spec.Selector, p.Labels) {
			out = append(out, client.ObjectKeyFromObject(s))
		}
	}
	return out
}

func selects(selector, labels map[string]string) bool {
	for key, want := range selector {
		if got, has := labels[key]; !has || got != want {
			return false
		}
	}
	return true
}

// pod gathers the Gateways that a pod can be a target of.
func (m mapping) pod(found gateways, obj client.Object) {
	if p, ok := obj.(*corev1.Pod); ok {
		for _, name := range m.v.servicesOf(p) {
			m.serviceNamed(found, name)
		}
	}
}

// becomesServiceable lets through pods that become a target, or stop being one, without a word of their endpoints.
func becomesServiceable() predicate.Predicate {
	is := func(obj client.Object) bool {
		p, ok := obj.(*corev1.Pod)
		return ok && serviceable(p)
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			p, ok := e.Object.(*corev1.Pod)
			return ok && serviceable(p) && !podIs(p, corev1.PodReady)
		},
		UpdateFunc: func(e event.UpdateEvent) bool { return is(e.ObjectOld) != is(e.ObjectNew) },
		DeleteFunc: func(event.DeleteEvent) bool { return false }, // its endpoint goes
	}
}

// waitsForUs lets through pods that wait for us, and those that do so no more.
func waitsForUs() predicate.Predicate {
	is := func(obj client.Object) bool {
		p, ok := obj.(*corev1.Pod)
		return ok && pending(p)
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return is(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return is(e.ObjectOld) != is(e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { _, ok := e.Object.(*corev1.Pod); return ok },
	}
}
