package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// The permissions of the pod readiness gates alone. What is made for the chart leaves them out where the gates are off, so pods stand
// in no other marker.
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch

const (
	// gateFailsOpen is how long a pod waits for load balancers at most: their trouble must not hold up a cluster for ever.
	gateFailsOpen = 10 * time.Minute
	// gateFirst is how long a controller that begins to look after pods works on them before it gives one up. What they waited for until
	// then may have been a controller, and all of them at once would end the pods that serve.
	gateFirst = time.Minute
	// gateSilence is how long a pod waits before its condition says what for. Most are through by then, and are written to once.
	gateSilence = 10 * time.Second
	// gatePollMin and gatePollMax bound the wait before it is looked again how a cloud finds a pod.
	gatePollMin = 200 * time.Millisecond
	gatePollMax = 5 * time.Second
)

// podGates opens the readiness gates of pods. It keeps nothing that a successor would need: how long a pod has waited stands in its own
// conditions, and how the clouds find it is asked of them.
//
// All Cloudgates in a cluster share the gate. One has no say in a pod that only Gateways of others lead to.
type podGates struct {
	c     *Controller
	cache cache.Cache

	mu    sync.Mutex
	looks map[lookKey]*look
	began time.Time                          // when the caches were filled, and pods looked after; zero before
	wrote map[types.NamespacedName]gateWrite // what was last written to a pod, until it is let go
}

type gateWrite struct {
	uid    types.UID
	status corev1.ConditionStatus
	text   string
}

// watchPods makes the controller of the readiness gates, and has Gateways woken by pods that become targets.
func (c *Controller) watchPods(w *watcher, mgr manager.Manager, gateways controller.Controller) error {
	if !c.cfg.PodReadinessGates {
		return nil
	}
	g := &podGates{c: c, cache: mgr.GetCache(), looks: make(map[lookKey]*look), wrote: make(map[types.NamespacedName]gateWrite)}
	pods, err := controller.New("podreadiness", mgr, controller.Options{
		Reconciler:              reconcile.Func(g.reconcile),
		MaxConcurrentReconciles: c.cfg.Workers,
		SkipNameValidation:      yes(),
		EnableWarmup:            yes(),
		RateLimiter:             c.retries(),
	})
	if err != nil {
		return err
	}
	w.add(gateways, "Pod", &corev1.Pod{}, c.mapping.handler(c.mapping.pod), becomesServiceable())
	w.add(gateways, "Pod", &corev1.Pod{}, c.mapping.handler(c.mapping.probed), appearsWithProbes())
	w.add(pods, "Pod", &corev1.Pod{}, &handler.EnqueueRequestForObject{}, waitsForUs())
	return nil
}

// reconcile is one look at a pod that waits.
func (g *podGates) reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	pod, exists := g.c.views.pods.get(req.NamespacedName)
	if !exists || !pending(pod) {
		g.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	began, err := g.waitForCaches(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	now := g.c.now()
	age := now.Sub(serviceableSince(pod))
	verdict, mine := g.judge(ctx, pod, gatePoll(age)/2)
	if ctx.Err() != nil {
		return reconcile.Result{}, nil
	}
	verdict.FailedOpen = age >= gateFailsOpen && now.Sub(began) >= gateFirst
	if !mine && !verdict.FailedOpen {
		return reconcile.Result{RequeueAfter: gatePoll(age)}, nil
	}
	condition := status.Pod(podCondition(pod, status.ConditionLoadBalancerReady), verdict, metav1.NewTime(g.c.now()))
	if condition.Status == corev1.ConditionTrue {
		return reconcile.Result{}, g.write(ctx, pod, condition)
	}
	if age >= gateSilence {
		if err := g.write(ctx, pod, condition); err != nil {
			return reconcile.Result{}, err
		}
	}
	return reconcile.Result{RequeueAfter: gatePoll(age)}, nil
}

// gatePoll returns how long after a look at a pod that has waited for age the next one comes.
func gatePoll(age time.Duration) time.Duration { return min(max(age/4, gatePollMin), gatePollMax) }

// waitForCaches makes sure that what is not there is not just not read yet: a pod without routes is let through. It returns since when that
// is sure.
func (g *podGates) waitForCaches(ctx context.Context) (time.Time, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.began.IsZero() {
		if !g.cache.WaitForCacheSync(ctx) {
			return time.Time{}, errors.New("the caches are not filled yet")
		}
		g.began = g.c.now()
	}
	return g.began, nil
}

// judge asks every load balancer that a pod is to be a target of how it finds it; an answer no older than fresh will do. mine is false where
// only another Cloudgate can tell whether there is one.
func (g *podGates) judge(ctx context.Context, pod *corev1.Pod, fresh time.Duration) (verdict status.PodVerdict, mine bool) {
	var others []string
	for _, service := range g.c.views.servicesOf(pod) {
		found := make(gateways)
		g.c.mapping.serviceNamed(found, service)
		for gateway := range found {
			seen := g.look(ctx, lookKey{gateway, service}, fresh)
			if seen.foreign {
				others = append(others, gateway.String())
			}
			if !seen.used {
				continue
			}
			verdict.Used = true
			if !seen.has(pod) {
				verdict.Waiting = append(verdict.Waiting, gateway.String())
			}
		}
	}
	if !verdict.Used && len(others) > 0 {
		return status.PodVerdict{Used: true, Waiting: others}, false
	}
	return verdict, true
}

// has tells whether a pod is a target and found healthy.
func (s sight) has(pod *corev1.Pod) bool {
	target := false
	for _, p := range pod.Status.PodIPs {
		ip, err := netip.ParseAddr(p.IP)
		if err != nil {
			continue
		}
		if healthy, known := s.targets[ip.Unmap()]; known {
			if !healthy {
				return false
			}
			target = true
		}
	}
	return target
}

// write sets the condition of a pod, once for each change of it: the cache may not have the last one yet.
func (g *podGates) write(ctx context.Context, pod *corev1.Pod, condition corev1.PodCondition) error {
	name := client.ObjectKeyFromObject(pod)
	now := gateWrite{pod.UID, condition.Status, condition.Reason + " " + condition.Message}
	before := podCondition(pod, condition.Type)
	g.mu.Lock()
	done := g.wrote[name] == now || before != nil && before.Status == condition.Status && before.Reason == condition.Reason && before.Message == condition.Message
	g.mu.Unlock()
	if done {
		return nil
	}
	// Lists of conditions are merged by type: what others write to the status at the same time stays. The UID keeps it from another pod of the name.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   map[string]any{"conditions": []corev1.PodCondition{condition}},
	})
	if err != nil {
		return err
	}
	err = g.c.client.Status().Patch(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}},
		client.RawPatch(types.StrategicMergePatchType, patch))
	g.c.metrics.wrote("Pod", err)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is gone, or another one has its name, of which its event tells
	}
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.wrote[name] = now
	g.mu.Unlock()
	if condition.Reason == status.ReasonPodFailedOpen {
		g.c.events.Eventf(pod, nil, "Warning", "ReadinessGateOpened", "Wait", "%s", condition.Message)
	}
	return nil
}

func (g *podGates) forget(name types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.wrote, name)
	if len(g.wrote) == 0 {
		clear(g.looks) // nobody waits: what was seen is of no more use
	}
}
