package translate

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// backendPolicy is what a valid BackendPolicy says.
type backendPolicy struct {
	checks    bool // it says something about health
	health    *ir.HealthCheck
	algorithm ir.Algorithm
	limits    ir.Limits
}

// healthPath is what an endpoint can be asked for, with a query or without: no character in it could end the request line, or begin what
// is not sent (#).
var healthPath = regexp.MustCompile(`^/[!"$-~]*$`)

const maxHealthPath = 1024

// What the checks of health can be. The CRD has the same bounds.
var (
	healthInterval  = span{time.Second, 100 * time.Millisecond, time.Hour}
	healthTimeout   = span{time.Second, 10 * time.Millisecond, 5 * time.Minute}
	healthThreshold = bounds{1, 1, 100}
	drainTimeout    = span{0, time.Second, 24 * time.Hour}
)

const mostAtOnce = 1_000_000

// readBackendPolicy judges what a BackendPolicy says.
func (t *translation) readBackendPolicy(p *policy, spec *v1alpha1.BackendPolicySpec) {
	f := &findings{t: t}
	out := &backendPolicy{checks: spec.HealthCheck != nil, health: readHealthCheck(spec.HealthCheck, "healthCheck", f)}
	switch spec.Algorithm {
	case "", v1alpha1.BackendAlgorithmRoundRobin:
	case v1alpha1.BackendAlgorithmLeastRequest:
		f.use(ir.FeatureLeastRequest, "algorithm")
		out.algorithm = ir.LeastRequest
	default:
		f.fault(Problem{Code: CodeValueInvalid, Where: "algorithm", Value: string(spec.Algorithm), Detail: "RoundRobin or LeastRequest"})
	}
	if spec.DrainTimeout != nil {
		f.use(ir.FeatureDrainTimeout, "drainTimeout")
		out.limits.Drain = readSpan(spec.DrainTimeout, drainTimeout, "drainTimeout", f)
	}
	if spec.Limits != nil {
		f.use(ir.FeatureTargetLimits, "limits")
		out.limits.Connections = readLimit(spec.Limits.Connections, "limits.connections", f)
		out.limits.Requests = readLimit(spec.Limits.Requests, "limits.requests", f)
	}
	if p.judge(f) {
		p.backend = out
	}
}

// readLimit reads how many an endpoint gets at once. 0 is no limit.
func readLimit(n *int32, where string, f *findings) uint32 {
	if n == nil {
		return 0
	}
	return uint32(max(0, readBetween(n, bounds{0, 1, mostAtOnce}, where, f)))
}

func readHealthCheck(spec *v1alpha1.BackendHealthCheck, where string, f *findings) *ir.HealthCheck {
	if spec == nil {
		return nil
	}
	f.use(ir.FeatureHealthCheck, where)
	invalid := func(field, got, allowed string) {
		f.fault(Problem{Code: CodeValueInvalid, Where: where + field, Value: got, Detail: allowed})
	}
	out := &ir.HealthCheck{
		Kind:               ir.HealthTCP,
		Asked:              ir.HealthByPolicy,
		Interval:           readSpan(spec.Interval, healthInterval, where+".interval", f),
		Timeout:            readSpan(spec.Timeout, healthTimeout, where+".timeout", f),
		HealthyThreshold:   uint8(readBetween(spec.HealthyThreshold, healthThreshold, where+".healthyThreshold", f)),
		UnhealthyThreshold: uint8(readBetween(spec.UnhealthyThreshold, healthThreshold, where+".unhealthyThreshold", f)),
	}
	switch spec.Type {
	case v1alpha1.BackendHealthCheckHTTP:
		out.Kind, out.Path = ir.HealthHTTP, cmp.Or(value(spec.Path), "/")
		if !healthPath.MatchString(out.Path) || len(out.Path) > maxHealthPath {
			invalid(".path", fmt.Sprintf("%.64s", out.Path), "a path that begins with a slash, without spaces and #")
		}
		return out
	case v1alpha1.BackendHealthCheckTCP:
	case v1alpha1.BackendHealthCheckNone:
		out = nil
		if spec.Interval != nil || spec.Timeout != nil || spec.HealthyThreshold != nil || spec.UnhealthyThreshold != nil {
			invalid(".type", string(spec.Type), "HTTP or TCP, where the check is described")
		}
	default:
		invalid(".type", string(spec.Type), "HTTP, TCP or None")
	}
	if spec.Path != nil {
		invalid(".path", fmt.Sprintf("%.64s", *spec.Path), "nothing, where the type is not HTTP")
	}
	return out
}

// apply puts what the policy says into a pool. UDP has no checks: there is nothing to ask.
func (o *backendPolicy) apply(pool *ir.Pool) {
	pool.Algorithm, pool.Limits = o.algorithm, o.limits
	if o.checks && pool.Protocol != ir.PoolUDP {
		pool.Health, pool.Unchecked = o.health, o.health == nil
	}
}
