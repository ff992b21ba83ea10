package reconciler

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// metrics are the figures that the reconcilers keep, beside those of controller-runtime.
type metrics struct {
	calls       *prometheus.CounterVec
	steps       *prometheus.CounterVec
	converge    *prometheus.HistogramVec
	propagation *prometheus.HistogramVec
	drift       *prometheus.CounterVec
	orphans     *prometheus.CounterVec
	writes      *prometheus.CounterVec
	audited     *prometheus.GaugeVec
}

// seconds are the buckets of durations from a watch event in memory to a cloud that takes its time.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// newMetrics registers the metrics, or finds those that an earlier Setup in the same process registered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloudgate_cloud_calls_total",
			Help: "Calls to clouds, by provider, operation and outcome (ok, or the kind of the error)."}, []string{"provider", "operation", "outcome"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloudgate_plan_steps_total",
			Help: "Steps of plans that were carried out, by provider, operation and outcome."}, []string{"provider", "operation", "outcome"}),
		converge: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cloudgate_convergence_seconds",
			Help: "Time that one pass over a Gateway that changed anything in its cloud took.", Buckets: seconds}, []string{"provider"}),
		propagation: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cloudgate_propagation_seconds",
			Help: "Time from the first change that concerned a Gateway to the cloud having all of it.", Buckets: seconds}, []string{"provider"}),
		drift: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloudgate_drift_resources_total",
			Help: "Resources that somebody else had changed in the cloud."}, []string{"provider"}),
		orphans: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloudgate_orphans_swept_total",
			Help: "Owners without a Gateway whose resources were deleted."}, []string{"provider"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloudgate_status_writes_total",
			Help: "Writes of statuses, by kind and outcome."}, []string{"kind", "outcome"}),
		audited: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cloudgate_last_audit_timestamp_seconds",
			Help: "When the last audit that could read the whole cloud ended, in seconds since 1970, by provider."}, []string{"provider"}),
	}
	if err := register(r, &m.audited); err != nil {
		return nil, err
	}
	for _, vec := range []**prometheus.CounterVec{&m.calls, &m.steps, &m.drift, &m.orphans, &m.writes} {
		if err := register(r, vec); err != nil {
			return nil, err
		}
	}
	for _, vec := range []**prometheus.HistogramVec{&m.converge, &m.propagation} {
		if err := register(r, vec); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func register[C prometheus.Collector](r prometheus.Registerer, c *C) error {
	err := r.Register(*c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		*c = there.ExistingCollector.(C)
		return nil
	}
	return err
}

var defaultRegistry prometheus.Registerer = ctrlmetrics.Registry

func outcome(err *cloud.Error) string {
	if err == nil {
		return "ok"
	}
	return err.Kind.String()
}

func (m *metrics) call(provider, op string, err *cloud.Error) {
	m.calls.WithLabelValues(provider, op, outcome(err)).Inc()
}

func (m *metrics) step(provider string, op plan.Op, err *cloud.Error) {
	m.steps.WithLabelValues(provider, op.String(), outcome(err)).Inc()
}

func (m *metrics) converged(provider string, took time.Duration) {
	m.converge.WithLabelValues(provider).Observe(took.Seconds())
}

func (m *metrics) propagated(provider string, took time.Duration) {
	m.propagation.WithLabelValues(provider).Observe(took.Seconds())
}

func (m *metrics) wrote(kind string, err error) {
	result := "ok"
	switch {
	case err == nil:
	case apierrors.IsConflict(err):
		result = "conflict"
	case apierrors.IsNotFound(err):
		result = "gone"
	default:
		result = "error"
	}
	m.writes.WithLabelValues(kind, result).Inc()
}
