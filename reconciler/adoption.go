package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// A Gateway takes over load balancers of somebody else in two passes at least: one says what that would do, and changes nothing; another,
// after a user agreed to just that, puts the mark on them. Then they are the Gateway's as any other.

// adoption is what an entry remembers of it.
type adoption struct {
	done     []string       // what was adopted in this process
	told     string         // the digest of the last plan that an event told of, or the last refusal
	tries    int            // in a row that ended with something to try again, of a Gateway that serves
	at       time.Time      // when the cloud was last asked; zero asks again
	key      string         // what it was asked for
	found    *cloud.Foreign // what it said
	failed   *cloud.Error   // or why not
	denied   *cloud.Error   // why the marks of the plan deniedOf could not be put, where that waits for the audit
	deniedOf string
}

// adoptionLife is how long what somebody else made is taken to be as it was seen, while nobody agrees to anything. Endpoints that come and go
// are no reason to read it anew.
const adoptionLife = time.Minute

// takeOver adopts what a Gateway's annotation names. It tells whether the Gateway is ready for all else: because there is nothing left to adopt,
// or because it serves without.
func (c *Controller) takeOver(ctx context.Context, x *executor, e *entry, s *translate.Snapshot, lb *v1alpha1.LoadBalancer, want graph.Graph) (p pass, ready bool) {
	names, agreed := translate.Adoption(s.Gateway)
	e.mu.Lock()
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.Contains(lb.Status.Adopted, name) || slices.Contains(e.adoption.done, name)
	})
	e.mu.Unlock()
	if len(names) == 0 {
		return p, true
	}
	got, failed := c.beforeAdoption(ctx, x, e)
	if failed == nil {
		failed = mayNotAdopt(x, s.Class)
	}
	if failed == nil {
		failed = c.adoptOrPlan(ctx, x, e, want, got, names, agreed, &p)
	}
	if failed == nil && p.adoption == nil {
		return p, true
	}
	if cloud.Serves(want, got) {
		c.withoutAdoption(s.Gateway, e, failed, &p)
		return p, true
	}
	if failed != nil {
		// A copy, because what waits for an edit or the audit is known by its address.
		again := *failed
		p.failures = append(p.failures, failure{err: &again})
	}
	c.note(e, nil, &p)
	c.conclude(e, graph.Graph{}, &p)
	return p, false
}

// withoutAdoption leaves in p what is to be said of a Gateway that serves and has not adopted what it names, and when to look again.
func (c *Controller) withoutAdoption(gw *gwv1.Gateway, e *entry, failed *cloud.Error, p *pass) {
	switch {
	case failed == nil:
		p.notAdopted = status.AdoptionMessage(gw, p.adoption, p.agreed)
	case waits(failed.Kind):
		p.notAdopted = status.NotAdoptedMessage(failed)
		if c.news(gw, e, p.notAdopted) {
			c.warn(gw, "NotAdopted", "Adopt", p.notAdopted)
		}
	default:
		e.mu.Lock()
		e.adoption.tries++
		tries := e.adoption.tries
		e.mu.Unlock()
		p.soonest(c.retryDelay(failed, tries))
		return
	}
	e.mu.Lock()
	e.adoption.tries = 0
	e.mu.Unlock()
}

// mayNotAdopt says why no Gateway of the class adopts anything; nil where they may.
func mayNotAdopt(x *executor, class *gwv1.GatewayClass) *cloud.Error {
	why := ""
	if _, can := x.provider.(cloud.Adopter); !can {
		why = fmt.Sprintf("the provider %s cannot adopt load balancers", x.provider.Name())
	} else if !translate.MayAdopt(class) {
		why = fmt.Sprintf("the class does not let Gateways adopt load balancers: it lacks the annotation %s: %s", translate.AllowAdoptionAnnotation, translate.AllowAdoption)
	} else {
		return nil
	}
	return &cloud.Error{Kind: cloud.Invalid, Op: "adopt", Err: fmt.Errorf("%s; or take %s away from the Gateway", why, translate.AdoptAnnotation)}
}

// adoptOrPlan adopts where that was agreed to, and else leaves the plan in p.
func (c *Controller) adoptOrPlan(ctx context.Context, x *executor, e *entry, want, got graph.Graph, names []string, agreed string, p *pass) *cloud.Error {
	adopter := x.provider.(cloud.Adopter) // see mayNotAdopt
	for _, fresh := range []bool{false, true} {
		if fresh {
			// Two Gateways that agreed to have the same one could both find it without a mark: who comes later has to see that of the other.
			x.adopting.Lock()
			defer x.adopting.Unlock()
		}
		foreign, failed := c.foreign(ctx, x, adopter, e, want, names, fresh)
		if failed != nil {
			return failed
		}
		if len(foreign.Unmarked) == 0 {
			e.adopted(names, nil, c.now())
			return nil
		}
		a, err := cloud.PlanAdoption(x.provider, want, got, names, *foreign)
		if err != nil {
			return asCloudError("adopt", graph.ID{}, err)
		}
		if agreed != a.Digest {
			p.adoption, p.agreed = &a, agreed
			e.denied("", nil)
			return nil
		}
		if !fresh {
			if failed := e.deniedBefore(a.Digest); failed != nil {
				return failed
			}
			continue // what was agreed to has to hold now
		}
		if failed := x.adopt(ctx, adopter, e.owner, *foreign); failed != nil {
			if waits(failed.Kind) {
				e.denied(a.Digest, failed)
			} else {
				e.lookAgain()
			}
			return failed
		}
		all, err := cloud.Adopted(got, *foreign)
		if err != nil {
			return asCloudError("adopt", graph.ID{}, err)
		}
		e.adopted(names, all, c.now())
		p.adopted = names
	}
	return nil
}

// beforeAdoption returns what the Gateway has already.
func (c *Controller) beforeAdoption(ctx context.Context, x *executor, e *entry) (graph.Graph, *cloud.Error) {
	e.mu.Lock()
	known, left, err := e.known, e.observeAfter.Sub(c.now()), e.observeErr
	e.mu.Unlock()
	if !known && left > 0 && err != nil {
		return nil, err
	}
	return c.known(ctx, x, e)
}

// foreign returns what somebody else made, as it is now where fresh is asked for.
func (c *Controller) foreign(
	ctx context.Context, x *executor, adopter cloud.Adopter, e *entry, want graph.Graph, names []string, fresh bool,
) (*cloud.Foreign, *cloud.Error) {
	key := adoptionKey(want, names)
	e.mu.Lock()
	last := e.adoption
	e.mu.Unlock()
	if age := c.now().Sub(last.at); !fresh && last.key == key && !last.at.IsZero() && age < adoptionLife {
		return last.found, last.failed
	}
	found, failed := x.foreign(ctx, adopter, e.owner, want, names)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.adoption.at, e.adoption.key, e.adoption.found, e.adoption.failed = c.now(), key, &found, failed
	if failed != nil && !waits(failed.Kind) {
		e.adoption.at = time.Time{}
	}
	return &found, failed
}

// adoptionKey names what a reading depends on: the resources that are wanted, whatever is in those that change all the time.
func adoptionKey(want graph.Graph, names []string) string {
	ids := make([]string, 0, len(want))
	for _, n := range want.Sorted() {
		ids = append(ids, n.ID.String())
	}
	return strings.Join(names, ",") + "\n" + strings.Join(ids, "\n")
}

// adopted notes that names are the Gateway's. got is what it has now; where it is nil the cloud has to be asked.
func (e *entry) adopted(names []string, got graph.Graph, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.adoption = adoption{done: append(e.adoption.done, names...)}
	e.changes++
	e.settled, e.want = "", nil
	if got == nil {
		e.known, e.doubted = false, true
		return
	}
	e.read(got, now)
}

// denied remembers why the marks of a plan could not be put: endpoints that come and go are no reason to try again.
func (e *entry) denied(digest string, failed *cloud.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.adoption.denied, e.adoption.deniedOf = failed, digest
}

// deniedBefore returns why the marks of a plan could not be put, until the audit clears it.
func (e *entry) deniedBefore(digest string) *cloud.Error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.adoption.deniedOf != digest {
		return nil
	}
	return e.adoption.denied
}

// lookAgain has the cloud asked again about what is to be adopted. It tells whether it was asked before.
func (e *entry) lookAgain() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lookAgainLocked()
}

func (e *entry) lookAgainLocked() bool {
	asked := !e.adoption.at.IsZero()
	e.adoption.at = time.Time{}
	e.adoption.denied, e.adoption.deniedOf = nil, ""
	return asked
}

// foreign makes one metered call.
func (x *executor) foreign(ctx context.Context, a cloud.Adopter, owner ir.Owner, want graph.Graph, names []string) (cloud.Foreign, *cloud.Error) {
	const op = "foreign"
	if err := x.reads.wait(ctx); err != nil {
		return cloud.Foreign{}, notAsked(op, graph.ID{}, err)
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout*4)
	defer cancel()
	found, err := a.Foreign(ctx, owner, want, names)
	failed := asCloudError(op, graph.ID{}, err)
	x.reads.learn(failed)
	x.metrics.call(x.provider.Name(), op, failed)
	return found, failed
}

// adopt makes one metered call.
func (x *executor) adopt(ctx context.Context, a cloud.Adopter, owner ir.Owner, f cloud.Foreign) *cloud.Error {
	const op = "adopt"
	if err := x.writes.wait(ctx); err != nil {
		return notAsked(op, graph.ID{}, err)
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout*4)
	defer cancel()
	failed := asCloudError(op, graph.ID{}, a.Adopt(ctx, owner, f))
	x.writes.learn(failed)
	x.metrics.call(x.provider.Name(), op, failed)
	return failed
}

// tellAdoption records as events that a plan is there, once, and that it was carried out.
func (c *Controller) tellAdoption(gw *gwv1.Gateway, e *entry, p *pass) {
	if len(p.adopted) > 0 {
		c.events.Eventf(gw, nil, "Normal", "Adopted", "Adopt", "%s", shorten(joinSome(p.adopted)+" belongs to the Gateway from now on"))
	}
	if p.adoption != nil && c.news(gw, e, p.adoption.Digest) {
		c.events.Eventf(gw, nil, "Normal", string(status.ReasonAdoptionPlanned), "Adopt", "%s", shorten(status.AdoptionMessage(gw, p.adoption, p.agreed)))
	}
}

// news tells whether neither an event nor the status has told of what words stand for.
func (c *Controller) news(gw *gwv1.Gateway, e *entry, words string) bool {
	last := meta.FindStatusCondition(gw.Status.Conditions, string(gwv1.GatewayConditionProgrammed))
	e.mu.Lock()
	defer e.mu.Unlock()
	told := e.adoption.told == words || last != nil && strings.Contains(last.Message, words)
	e.adoption.told = words
	return !told
}

// mostAdopted bounds what a status remembers: a Gateway that adopts, loses and adopts again forgets the first of them.
const mostAdopted = 64

// adoptedBy returns what a Gateway has adopted, in this process and before.
func (c *Controller) adoptedBy(lb *v1alpha1.LoadBalancer, wanted *ir.LoadBalancer) []string {
	all := slices.Clone(lb.Status.Adopted)
	if e := c.ledger.find(lb.Spec.Provider, wanted.Owner.Key()); e != nil {
		e.mu.Lock()
		for _, name := range e.adoption.done {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
		e.mu.Unlock()
	}
	return all[max(0, len(all)-mostAdopted):]
}
