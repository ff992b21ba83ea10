package translate

import (
	"fmt"
	"strings"
	"time"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// trafficPolicy is what a valid XBackendTrafficPolicy says.
type trafficPolicy struct {
	budget  *ir.RetryBudget
	session *ir.Session
	unnamed bool // session gets a name for each pool
}

// What a budget is where an XBackendTrafficPolicy does not say (its API documentation).
const (
	defaultPercent     = 20
	defaultInterval    = 10 * time.Second
	defaultMinCount    = 10
	defaultMinInterval = time.Second
)

// Limits of a budget: nothing is counted for longer than a minute.
const (
	leastBudgetInterval = time.Second
	mostBudgetInterval  = time.Minute
	mostMinCount        = 1_000_000
)

// readTrafficPolicy judges what an XBackendTrafficPolicy says.
func (t *translation) readTrafficPolicy(p *policy, spec *xv1alpha1.BackendTrafficPolicySpec) {
	f := &findings{t: t}
	out := &trafficPolicy{
		budget:  readBudget(spec.RetryConstraint, "retryConstraint", f),
		session: readSession(spec.SessionPersistence, "", "sessionPersistence", f),
	}
	out.unnamed = out.session != nil && spec.SessionPersistence.SessionName == nil
	if p.judge(f) {
		p.traffic = out
	}
}

// apply puts what the policy says into a pool.
func (o *trafficPolicy) apply(pool *ir.Pool, key poolKey) {
	pool.Budget, pool.Session = o.budget, o.session
	if o.unnamed {
		named := *o.session
		named.Name = madeSessionName(named.Kind, sessionPlace(serviceObject(key.service), fmt.Sprint(key.port)))
		pool.Session = &named
	}
}

// readBudget reads retryConstraint (GEP-3388).
func readBudget(spec *xv1alpha1.RetryConstraint, where string, f *findings) *ir.RetryBudget {
	if spec == nil {
		return nil
	}
	f.use(ir.FeatureRetryBudget, where)
	out := &ir.RetryBudget{Percent: defaultPercent, Interval: defaultInterval, MinCount: defaultMinCount, MinInterval: defaultMinInterval}
	if b := spec.Budget; b != nil {
		out.Percent = readBetween(b.Percent, bounds{defaultPercent, 0, 100}, where+".budget.percent", f)
		out.Interval = readBudgetInterval(b.Interval, out.Interval, where+".budget.interval", f)
	}
	if r := spec.MinRetryRate; r != nil {
		out.MinCount = readBetween(r.Count, bounds{defaultMinCount, 1, mostMinCount}, where+".minRetryRate.count", f)
		out.MinInterval = readBudgetInterval(r.Interval, out.MinInterval, where+".minRetryRate.interval", f)
	}
	return out
}

// bounds are what a number is where it is not set, and between what it has to be.
type bounds struct{ unset, least, most int }

func readBetween[I int | int32](n *I, b bounds, where string, f *findings) int {
	got := int(valueOr(n, I(b.unset)))
	if got < b.least || got > b.most {
		f.fault(Problem{Code: CodeValueInvalid, Where: where, Value: fmt.Sprint(got), Detail: fmt.Sprintf("%d to %d", b.least, b.most)})
	}
	return got
}

func readBudgetInterval(d *gwv1.Duration, unset time.Duration, where string, f *findings) time.Duration {
	return readSpan(d, span{unset, leastBudgetInterval, mostBudgetInterval}, where, f)
}

// span is what a duration is where it is not set, and between what it has to be.
type span struct{ unset, least, most time.Duration }

func readSpan(d *gwv1.Duration, s span, where string, f *findings) time.Duration {
	if d == nil {
		return s.unset
	}
	before := len(f.faults)
	out := readDuration(*d, where, f)
	if len(f.faults) == before && (out < s.least || out > s.most) {
		f.fault(Problem{Code: CodeValueInvalid, Where: where, Value: string(*d), Detail: brief(s.least) + " to " + brief(s.most)})
	}
	return out
}

// brief writes a duration as a manifest does: 1m, not 1m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-len("0s")]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-len("0m")]
	}
	return text
}
