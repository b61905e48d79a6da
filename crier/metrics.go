package crier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prow "github.com/prow-ci/prow"
)

// Metrics says how reports fare. It is a prometheus.Collector; a nil one counts
// nothing.
type Metrics struct {
	latency *prometheus.HistogramVec
	results *prometheus.CounterVec
}

// NewMetrics returns metrics to register.
func NewMetrics() *Metrics {
	return &Metrics{
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crier_report_latency", Help: "Seconds from the end of a job to its report.",
			Buckets: []float64{1, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 2700, 3600, 5400, 7200},
		}, []string{"reporter"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crier_reporting_results", Help: "Reports, by how they went."}, []string{"reporter", "result"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	m.latency.Describe(c)
	m.results.Describe(c)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	m.latency.Collect(c)
	m.results.Collect(c)
}

func (m *Metrics) result(reporter string, j *prow.Job, now time.Time, err error) {
	switch {
	case m == nil:
	case err != nil:
		m.results.WithLabelValues(reporter, "ERROR").Inc()
	default:
		m.results.WithLabelValues(reporter, "SUCCESS").Inc()
		if j.Complete() {
			m.latency.WithLabelValues(reporter).Observe(now.Sub(j.Status.CompletionTime.Time).Seconds())
		}
	}
}
