package inbound

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what tools send. The label integration is a manifest's key or empty, so its
// values are bounded.
type metrics struct {
	requests *prometheus.CounterVec
	members  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_ingest_requests_total", Help: "Requests of tools, by integration key and HTTP status.",
		}, []string{"integration", "status"}),
		members: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_ingest_members_total", Help: "Members that tools sent, by what became of them.",
		}, []string{"integration", "effect"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_ingest_duration_seconds", Help: "Time from the first byte of a request to its answer, which is when the change is durable and visible.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"integration"}),
	}
}

// Describe implements prometheus.Collector.
func (in *Inbound) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(in, ch) }

// Collect implements prometheus.Collector.
func (in *Inbound) Collect(ch chan<- prometheus.Metric) {
	in.metrics.requests.Collect(ch)
	in.metrics.members.Collect(ch)
	in.metrics.seconds.Collect(ch)
}

func (m *metrics) observe(c *call, status int) {
	integration := ""
	if c.tool != nil {
		integration = string(c.tool.Key)
	}
	m.requests.WithLabelValues(integration, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(integration).Observe(c.options.Now().Sub(c.received).Seconds())
	for _, run := range c.receipt.Runs {
		if !run.ReceivedAt.Equal(c.received) {
			continue // a repeat, which counted when it came first
		}
		m.members.WithLabelValues(integration, "added").Add(float64(run.Added))
		m.members.WithLabelValues(integration, "removed").Add(float64(run.Removed))
		m.members.WithLabelValues(integration, "unchanged").Add(float64(run.Unchanged))
		m.members.WithLabelValues(integration, "skipped").Add(float64(run.Skipped))
	}
}
