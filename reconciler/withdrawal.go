package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// A withdrawal takes back all that the controllers of this configuration made and said, so that they can be uninstalled. The Gateways
// and routes of the users stay, and are as if no controller had seen them.

// WithdrawOptions say how far a withdrawal goes.
type WithdrawOptions struct {
	// KeepLoadBalancers leaves the clouds alone, and the statuses that tell of what goes on serving there. Only what would hinder
	// an uninstallation goes: the LoadBalancers and the finalizers.
	KeepLoadBalancers bool
	// Report is told what was done, a line for each Gateway. It is called by one goroutine at a time.
	Report func(line string)
}

// Withdraw withdraws everything, once the Manager is elected, and ends the Manager. Nil means that nothing is left. It tries again
// what fails in a way that passes until ctx ends, and says then what is in the way. No controller may run beside it: the Manager has
// to take part in the election of the controllers. Calling it again goes on where it stopped.
func Withdraw(ctx context.Context, mgr manager.Manager, cfg Config, o WithdrawOptions) error {
	c, err := prepare(mgr, cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := &withdrawal{c: c, o: o, stop: stop}
	if err := mgr.Add(w); err != nil {
		return err
	}
	switch err := mgr.Start(ctx); {
	case err != nil:
		return err
	case !w.began:
		return ErrNotElected
	}
	return w.err
}

// ErrNotElected says that another was elected all the time, so nothing was done.
var ErrNotElected = errors.New("a controller is at work: nothing was withdrawn")

// withdrawal is the work of Withdraw as the Manager runs it.
type withdrawal struct {
	c    *Controller
	o    WithdrawOptions
	stop context.CancelFunc

	began bool
	err   error

	mu sync.Mutex // of the report
}

// NeedLeaderElection tells the Manager that no controller may be at work meanwhile.
func (w *withdrawal) NeedLeaderElection() bool { return true }

// Start withdraws everything and ends the Manager.
func (w *withdrawal) Start(ctx context.Context) error {
	defer w.stop()
	w.began = true
	w.err = w.run(ctx)
	return nil
}

func (w *withdrawal) run(ctx context.Context) error {
	if !w.o.KeepLoadBalancers {
		// One read for all Gateways, where each would else ask for itself.
		if err := w.readClouds(ctx); err != nil {
			return err
		}
	}
	if err := w.gateways(ctx); err != nil {
		return err
	}
	if !w.o.KeepLoadBalancers {
		if err := w.orphans(ctx); err != nil {
			return err
		}
	}
	if err := w.untilDone(ctx, "the LoadBalancers", w.loadBalancers); err != nil {
		return err
	}
	return w.untilDone(ctx, "the GatewayClasses", w.classes)
}

func (w *withdrawal) report(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.o.Report != nil {
		w.o.Report(fmt.Sprintf(format, args...))
	}
}

// step is a piece of the work that can be repeated. It returns when to come back, 0 for never, and what it waits for then.
type step func(ctx context.Context) (again time.Duration, why string, err error)

// untilDone repeats a step until it is done or fails for good. What meets newer versions of objects is repeated with growing waits.
func (w *withdrawal) untilDone(ctx context.Context, what string, do step) error {
	for n := 0; ; n++ {
		again, why, err := do(ctx)
		if _, err = unlessConflict(err); err != nil && !errors.Is(err, errAgain) {
			return fmt.Errorf("%s: %w", what, err)
		} else if err != nil {
			again, why = w.c.againDelay(n), "somebody else writes to it"
		}
		if again == 0 {
			return nil
		}
		if err := sleep(ctx, again); err != nil {
			return fmt.Errorf("%s: not done in time: %s", what, why)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// executors calls f for each cloud.
func (w *withdrawal) eachCloud(f func(*executor) error) error {
	for _, p := range w.c.cfg.Providers {
		if err := f(w.c.executors[p.Name()]); err != nil {
			return err
		}
	}
	return nil
}

func (w *withdrawal) readClouds(ctx context.Context) error {
	return w.eachCloud(func(x *executor) error {
		n := 0
		return w.untilDone(ctx, "cloud "+x.provider.Name(), func(ctx context.Context) (time.Duration, string, error) {
			_, _, err := w.c.ledger.fill(ctx, x, w.c.cfg.Cluster, func() bool { return true })
			n++
			return w.unlessRefused(err, n)
		})
	})
}

// unlessRefused returns when to ask the cloud again after the n-th failure in a row, or the error where asking again changes nothing.
func (w *withdrawal) unlessRefused(err *cloud.Error, n int) (time.Duration, string, error) {
	switch {
	case err == nil:
		return 0, "", nil
	case waits(err.Kind):
		return 0, "", err
	default:
		return w.c.retryDelay(err, n), err.Error(), nil
	}
}

// gateways withdraws from every Gateway, several at a time.
func (w *withdrawal) gateways(ctx context.Context) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs *multierror.Error
		slot = make(chan struct{}, w.c.cfg.Workers)
	)
	for _, gw := range w.c.views.gateways.all() {
		if !w.mine(gw) {
			continue
		}
		name := client.ObjectKeyFromObject(gw)
		slot <- struct{}{}
		wg.Go(func() {
			defer func() { <-slot }()
			err := w.untilDone(ctx, "Gateway "+name.String(), func(ctx context.Context) (time.Duration, string, error) { return w.gateway(ctx, name) })
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = multierror.Append(errs, err)
				return
			}
			w.report("Gateway %s: %s", name, w.verb())
		})
	}
	wg.Wait()
	if errs != nil {
		errs.ErrorFormat = lines
	}
	return errs.ErrorOrNil()
}

func (w *withdrawal) verb() string {
	if w.o.KeepLoadBalancers {
		return "let go; its load balancer stays"
	}
	return "withdrawn"
}

func lines(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

// mine tells whether controllers of this configuration may have made or said anything about a Gateway. What another Cloudgate
// in the cluster looks after is its business.
func (w *withdrawal) mine(gw *gwv1.Gateway) bool {
	if lb := w.c.loadBalancerOf(gw); lb != nil {
		return w.c.executors[lb.Spec.Provider] != nil
	}
	class, ok := w.c.views.classes.get(client.ObjectKey{Name: string(gw.Spec.GatewayClassName)})
	if ok && ours(class.Spec.ControllerName) {
		return w.c.executorOf(class.Spec.ControllerName) != nil
	}
	return controllerutil.ContainsFinalizer(gw, finalizer)
}

// gateway is one attempt to withdraw from a Gateway.
func (w *withdrawal) gateway(ctx context.Context, name types.NamespacedName) (time.Duration, string, error) {
	c := w.c
	gw, exists := c.views.gateways.get(name)
	if !exists {
		return 0, "", nil
	}
	gw = latest(c.writer, gw)
	lb := c.loadBalancerOf(gw)
	if !w.o.KeepLoadBalancers {
		for _, x := range c.holders(lb) {
			p := c.empty(ctx, x, gw, lb)
			if again, why, err := w.emptied(&p); again > 0 || err != nil {
				return again, why, err
			}
		}
		if err := w.unsay(ctx, gw); err != nil {
			return 0, "", err
		}
		if err := w.service(ctx, gw); err != nil {
			return 0, "", err
		}
	}
	if lb != nil {
		if err := client.IgnoreNotFound(c.client.Delete(ctx, lb, client.Preconditions{UID: &lb.UID})); err != nil {
			return 0, "", err
		}
	}
	if controllerutil.ContainsFinalizer(gw, finalizer) {
		return 0, "", c.setFinalizer(ctx, latest(c.writer, gw), false)
	}
	return 0, "", nil
}

// service deletes the Service of a Gateway. One that the account may not delete, because the option is off by now, goes with the Gateway.
func (w *withdrawal) service(ctx context.Context, gw *gwv1.Gateway) error {
	err := w.c.dropServices(ctx, gw, "")
	if apierrors.IsForbidden(err) {
		w.report("Gateway %s: its Service stays until the Gateway is deleted, for this account may not delete it", client.ObjectKeyFromObject(gw))
		return nil
	}
	return err
}

// emptied says what a pass with an empty want came to.
func (w *withdrawal) emptied(p *pass) (time.Duration, string, error) {
	if p.applied {
		return 0, "", nil
	}
	for _, f := range p.failures {
		if waits(f.err.Kind) {
			return 0, "", f.err
		}
	}
	return max(p.again, w.c.cfg.PollMin), joinSome(append(failureTexts(p.failures), p.pending...)), nil
}

// unsay takes back what the statuses say about a Gateway, its ListenerSets, and routes and policies attached to them.
func (w *withdrawal) unsay(ctx context.Context, gw *gwv1.Gateway) error {
	c := w.c
	if err := c.withdraw(ctx, c.parentsIn(gw)); err != nil {
		return err
	}
	now := metav1.NewTime(c.now())
	var cs changes
	add(c.writer, &cs, "Gateway", gw, status.WaitingGateway(gw.Status.Conditions, now), false, func(o *gwv1.Gateway) *gwv1.GatewayStatus { return &o.Status })
	for _, set := range c.views.sets.by(byParent, parentKey("Gateway", client.ObjectKeyFromObject(gw))) {
		set = latest(c.writer, set)
		add(c.writer, &cs, "ListenerSet", set, status.WaitingListenerSet(set.Status.Conditions, now), false, func(o *gwv1.ListenerSet) *gwv1.ListenerSetStatus { return &o.Status })
	}
	return w.write(ctx, cs)
}

func (w *withdrawal) write(ctx context.Context, cs changes) error {
	conflict, err := w.c.writer.write(ctx, cs)
	if err == nil && conflict {
		return errAgain
	}
	return err
}

// orphans deletes what is left in the clouds with the mark of this cluster: of Gateways that are gone.
func (w *withdrawal) orphans(ctx context.Context) error {
	return w.eachCloud(func(x *executor) error {
		n := 0
		return w.untilDone(ctx, "cloud "+x.provider.Name(), func(ctx context.Context) (time.Duration, string, error) {
			all, err := x.observe(ctx, cloud.Scope{Cluster: w.c.cfg.Cluster})
			if err != nil {
				n++
				return w.unlessRefused(err, n)
			}
			n = 0
			return w.removeAll(ctx, x, all)
		})
	})
}

func (w *withdrawal) removeAll(ctx context.Context, x *executor, all map[ir.OwnerKey]graph.Graph) (again time.Duration, why string, err error) {
	for key, got := range all {
		if len(got) == 0 {
			continue
		}
		owner := ir.Owner{Cluster: key.Cluster, UID: key.UID}
		w.c.ledger.forget(key)
		e := w.c.ledger.entry(x.provider.Name(), owner, types.NamespacedName{}, "", false)
		e.observed(got, 0, w.c.now())
		p := w.c.converge(ctx, x, e, graph.Graph{})
		after, what, err := w.emptied(&p)
		if err != nil {
			return 0, "", err
		}
		if after == 0 {
			w.report("resources of a Gateway that is gone (UID %s): deleted", key.UID)
		} else if again == 0 || after < again {
			again, why = after, what
		}
	}
	return again, why, nil
}

// loadBalancers deletes those LoadBalancers that belong to no Gateway any more.
func (w *withdrawal) loadBalancers(ctx context.Context) (time.Duration, string, error) {
	var left v1alpha1.LoadBalancerList
	if err := w.c.api.List(ctx, &left); err != nil {
		return 0, "", err
	}
	for i := range left.Items {
		lb := &left.Items[i]
		if w.c.executors[lb.Spec.Provider] == nil || !lb.DeletionTimestamp.IsZero() {
			continue
		}
		if err := client.IgnoreNotFound(w.c.client.Delete(ctx, lb, client.Preconditions{UID: &lb.UID})); err != nil {
			return 0, "", err
		}
	}
	return 0, "", nil
}

// classes lets go of the GatewayClasses. That a class has Gateways is no reason to keep it any more.
func (w *withdrawal) classes(ctx context.Context) (time.Duration, string, error) {
	c := w.c
	for _, class := range c.views.classes.all() {
		if c.executorOf(class.Spec.ControllerName) == nil {
			continue
		}
		class = latest(c.writer, class)
		if err := c.keepClass(ctx, class, false); client.IgnoreNotFound(err) != nil {
			return 0, "", err
		}
		if w.o.KeepLoadBalancers {
			continue
		}
		var cs changes
		want := status.WaitingClass(class.Status.Conditions, metav1.NewTime(c.now()))
		add(c.writer, &cs, "GatewayClass", class, want, false, func(o *gwv1.GatewayClass) *gwv1.GatewayClassStatus { return &o.Status })
		if err := w.write(ctx, cs); err != nil {
			return 0, "", err
		}
	}
	return 0, "", nil
}
