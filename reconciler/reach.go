package reconciler

import (
	"context"
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/event"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// throttledAudits is how many audits in a row have to be throttled before a cloud counts as one that cannot be read: one that works slowly is none.
const throttledAudits = 2

// reach is whether the audits of a cloud can read it. What is said of audits that fail is said once for all of them in a row, though each may fail in
// its own words.
type reach struct {
	mu        sync.Mutex
	is        status.Reach
	throttled int // audits in a row
}

// verdict returns what is to be said of it.
func (r *reach) verdict() status.Reach {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.is
}

// follow takes note of an audit, and tells whether something else is to be said of the cloud now.
func (r *reach) follow(failed *cloud.Error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failed == nil {
		r.throttled = 0
	} else {
		switch failed.Kind {
		case cloud.Conflict, cloud.NotFound:
			return false // something changed while it was read
		case cloud.Throttled:
			if r.throttled++; r.throttled < throttledAudits {
				return false
			}
		case cloud.Unknown, cloud.Invalid, cloud.Unsupported, cloud.Denied, cloud.Quota, cloud.Unavailable:
		}
	}
	next := status.Reach{Audited: true, Failed: failed}
	if r.is.Audited && r.is.Reason() == next.Reason() {
		return false
	}
	r.is = next
	return true
}

// noteReach says of the classes of a cloud whether its audit could read it.
func (c *Controller) noteReach(ctx context.Context, x *executor, err error) {
	if err == nil {
		x.metrics.audited.WithLabelValues(x.provider.Name()).Set(float64(c.now().Unix()))
	}
	var failed *cloud.Error
	first := !x.reach.verdict().Audited // of this process
	if err != nil && !errors.As(err, &failed) || ctx.Err() != nil || !x.reach.follow(failed) {
		return
	}
	reach := x.reach.verdict()
	for _, class := range c.views.classes.all() {
		if c.executorOf(class.Spec.ControllerName) != x {
			continue
		}
		// One that another process told of is not told of again.
		said := meta.FindStatusCondition(class.Status.Conditions, status.ConditionReachable)
		if first && failed == nil && said == nil {
			continue // nothing was ever said, so that there is nothing to take back
		}
		if failed != nil && (said == nil || said.Reason != reach.Reason()) {
			c.events.Eventf(class, nil, "Warning", reach.Reason(), "Audit", "%s", shorten(reach.Message()))
		}
		g := &gwv1.GatewayClass{}
		g.Name = class.Name
		select {
		case c.classes <- event.GenericEvent{Object: g}:
		case <-ctx.Done():
			return
		}
	}
}
