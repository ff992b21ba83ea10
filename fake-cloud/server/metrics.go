package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// metrics are what Prometheus reads at /metrics.
type metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(w *world.World, stats func() proxy.Stats, link *lan.Link) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fakecloud_api_calls_total", Help: "Calls of the API by operation and status.",
		}, []string{"op", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fakecloud_api_call_seconds", Help: "How long calls of the API took.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 5},
		}, []string{"op"}),
	}
	m.registry.MustRegister(m.calls, m.seconds, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &worldCollector{w}, trafficCollector(stats))
	if link != nil {
		m.registry.MustRegister(&linkCollector{link})
	}
	return m
}

func (m *metrics) served(op string, status int, took time.Duration) {
	m.calls.WithLabelValues(op, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(op).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

var (
	resourcesDesc = prometheus.NewDesc("fakecloud_resources", "Resources by kind.", []string{"kind"}, nil)
	writableDesc  = prometheus.NewDesc("fakecloud_state_writable", "1 while changes can be written to the state file.", nil, nil)
)

type worldCollector struct{ world *world.World }

func (c *worldCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- resourcesDesc
	ch <- writableDesc
}

func (c *worldCollector) Collect(ch chan<- prometheus.Metric) {
	for kind, n := range c.world.Counts() {
		ch <- prometheus.MustNewConstMetric(resourcesDesc, prometheus.GaugeValue, float64(n), kind.String())
	}
	writable := 1.0
	if c.world.Health() != nil {
		writable = 0
	}
	ch <- prometheus.MustNewConstMetric(writableDesc, prometheus.GaugeValue, writable)
}

var (
	addressesDesc = prometheus.NewDesc("fakecloud_addresses", "Addresses of load balancers on the interface, by state: held or waiting.",
		[]string{"interface", "state"}, nil)
	conflictsDesc = prometheus.NewDesc("fakecloud_address_conflicts_total", "How often another host was found to have an address of the pool.",
		[]string{"interface"}, nil)
)

type linkCollector struct{ link *lan.Link }

func (c *linkCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- addressesDesc
	ch <- conflictsDesc
}

func (c *linkCollector) Collect(ch chan<- prometheus.Metric) {
	held, waiting, conflicts := c.link.Counts()
	name := c.link.Name()
	ch <- prometheus.MustNewConstMetric(addressesDesc, prometheus.GaugeValue, float64(held), name, "held")
	ch <- prometheus.MustNewConstMetric(addressesDesc, prometheus.GaugeValue, float64(waiting), name, "waiting")
	ch <- prometheus.MustNewConstMetric(conflictsDesc, prometheus.CounterValue, float64(conflicts), name)
}

var (
	requestsDesc    = prometheus.NewDesc("fakecloud_traffic_requests_total", "HTTP requests by the class of their status.", []string{"class"}, nil)
	connectionsDesc = prometheus.NewDesc("fakecloud_traffic_connections", "Clients' connections that are open.", nil, nil)
	acceptedDesc    = prometheus.NewDesc("fakecloud_traffic_connections_total", "Clients' connections that were accepted.", nil, nil)
	malformedDesc   = prometheus.NewDesc("fakecloud_traffic_malformed_total", "Requests that were refused before routing.", nil, nil)
	retriesDesc     = prometheus.NewDesc("fakecloud_traffic_retries_total", "Tries after the first.", nil, nil)
	mirrorsDesc     = prometheus.NewDesc("fakecloud_traffic_mirrors_total", "Requests that were sent to a mirror, too, or should have been.", []string{"outcome"}, nil)
	bytesDesc       = prometheus.NewDesc("fakecloud_traffic_bytes_total", "Bytes of bodies and tunnels.", []string{"direction"}, nil)
)

type trafficCollector func() proxy.Stats

func (c trafficCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, connectionsDesc, acceptedDesc, malformedDesc, retriesDesc, mirrorsDesc, bytesDesc} {
		ch <- d
	}
}

func (c trafficCollector) Collect(ch chan<- prometheus.Metric) {
	s := c()
	for class, n := range s.Status {
		name := strconv.Itoa(class) + "xx"
		if class == 0 {
			name = "none"
		}
		ch <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), name)
	}
	ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, open(s))
	ch <- prometheus.MustNewConstMetric(acceptedDesc, prometheus.CounterValue, float64(s.Opened))
	ch <- prometheus.MustNewConstMetric(malformedDesc, prometheus.CounterValue, float64(s.Malformed))
	ch <- prometheus.MustNewConstMetric(retriesDesc, prometheus.CounterValue, float64(s.Retries))
	ch <- prometheus.MustNewConstMetric(mirrorsDesc, prometheus.CounterValue, float64(s.Mirrored), "answered")
	ch <- prometheus.MustNewConstMetric(mirrorsDesc, prometheus.CounterValue, float64(s.MirrorsLost), "lost")
	ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.CounterValue, float64(s.BytesIn), "in")
	ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.CounterValue, float64(s.BytesOut), "out")
}

// open is not under zero although the two counters are not read at one moment.
func open(s proxy.Stats) float64 {
	if s.Closed > s.Opened {
		return 0
	}
	return float64(s.Opened - s.Closed)
}
