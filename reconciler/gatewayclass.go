package reconciler

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// reconcileClass is one pass over a GatewayClass: its status, and the finalizer that keeps it while Gateways use it.
func (c *Controller) reconcileClass(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	class, exists := c.views.classes.get(req.NamespacedName)
	if !exists || !ours(class.Spec.ControllerName) {
		return reconcile.Result{}, nil
	}
	class = latest(c.writer, class)
	served := c.executorOf(class.Spec.ControllerName) != nil
	used := len(c.views.gateways.by(byClass, class.Name)) > 0
	if c.elsewhere(class) {
		if class.DeletionTimestamp.IsZero() || used {
			return reconcile.Result{}, nil
		}
		return unlessConflict(c.keepClass(ctx, class, false)) // nobody uses it: it can go, whether the other runs or not
	}
	if err := c.keepClass(ctx, class, used); err != nil {
		return unlessConflict(err)
	}
	var cs changes
	add(c.writer, &cs, "GatewayClass", class, c.classStatus(class), !served, func(o *gwv1.GatewayClass) *gwv1.GatewayClassStatus { return &o.Status })
	conflict, err := c.writer.write(ctx, cs)
	if err == nil && conflict {
		err = errAgain
	}
	return reconcile.Result{}, err
}

// keepClass sets or takes away the finalizer that the Gateway API has for a class that is in use.
func (c *Controller) keepClass(ctx context.Context, class *gwv1.GatewayClass, used bool) error {
	if controllerutil.ContainsFinalizer(class, gwv1.GatewayClassFinalizerGatewaysExist) == used {
		return nil
	}
	if used && !class.DeletionTimestamp.IsZero() {
		return nil // none can be added any more
	}
	next := class.DeepCopy()
	if used {
		controllerutil.AddFinalizer(next, gwv1.GatewayClassFinalizerGatewaysExist)
	} else {
		controllerutil.RemoveFinalizer(next, gwv1.GatewayClassFinalizerGatewaysExist)
	}
	return c.client.Patch(ctx, next, client.MergeFromWithOptions(class, client.MergeFromWithOptimisticLock{}))
}

// elsewhere tells whether a class belongs to another Cloudgate in the cluster: it names a provider that is not here, and somebody has
// judged it who has that. A class that nobody judged is told that there is no provider for it; who has one overrules that. The write
// of such a verdict must fail when it would overrule another, which is why it is made like one to a shared status.
func (c *Controller) elsewhere(class *gwv1.GatewayClass) bool {
	if !ours(class.Spec.ControllerName) || c.executorOf(class.Spec.ControllerName) != nil {
		return false
	}
	cond := meta.FindStatusCondition(class.Status.Conditions, string(gwv1.GatewayClassConditionStatusAccepted))
	return cond != nil && cond.Status != metav1.ConditionUnknown && cond.Reason != string(gwv1.GatewayClassReasonUnsupported)
}

// classStatus returns the status that a class of ours is to have.
func (c *Controller) classStatus(class *gwv1.GatewayClass) gwv1.GatewayClassStatus {
	verdict := status.ClassVerdict{BundleVersion: c.cfg.BundleVersion, Standard: c.cfg.StandardChannel, Missing: c.missing}
	var features ir.Features
	if x := c.executorOf(class.Spec.ControllerName); x != nil {
		features = c.featuresOf(class, x.provider)
		verdict.GatewayServices = c.cfg.GatewayServices
		verdict.Reach = x.reach.verdict()
	} else {
		verdict.Unsupported = "this controller has no provider for " + string(class.Spec.ControllerName)
	}
	verdict.Parameters = c.views.classProblem(class)
	return status.Class(class, verdict, features, metav1.NewTime(c.now()))
}

// featuresOf returns what the cloud of a class can express with what the class says.
func (c *Controller) featuresOf(class *gwv1.GatewayClass, p cloud.Provider) ir.Features {
	configured, ok := p.(cloud.Configured)
	if !ok {
		return p.Features()
	}
	return configured.FeaturesWith(c.views.classParameters(class).Settings(class.Spec.ControllerName))
}

// accepted tells whether Gateways of the class are served. It is thought through anew, not read from the status, which may not be
// written yet.
func (c *Controller) accepted(class *gwv1.GatewayClass) bool {
	return meta.IsStatusConditionTrue(c.classStatus(class).Conditions, string(gwv1.GatewayClassConditionStatusAccepted))
}
