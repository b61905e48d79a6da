package jenkins

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what is asked of Jenkins. It is a prometheus.Collector; a nil one
// counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	retries  prometheus.Counter
	latency  *prometheus.HistogramVec
	passes   prometheus.Histogram
}

// NewMetrics returns metrics to register.
func NewMetrics() *Metrics {
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jenkins_requests", Help: "Requests to Jenkins; code 0 is no answer."}, []string{"verb", "handler", "code"}),
		retries:  prometheus.NewCounter(prometheus.CounterOpts{Name: "jenkins_request_retries", Help: "Requests to Jenkins that were tried again."}),
		latency:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jenkins_request_latency", Help: "Seconds until Jenkins answered.", Buckets: prometheus.DefBuckets}, []string{"verb", "handler"}),
		passes:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "resync_period_seconds", Help: "Seconds that a look at all jobs and builds took.", Buckets: prometheus.DefBuckets}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	m.requests.Describe(c)
	m.retries.Describe(c)
	m.latency.Describe(c)
	m.passes.Describe(c)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	m.requests.Collect(c)
	m.retries.Collect(c)
	m.latency.Collect(c)
	m.passes.Collect(c)
}

// request notes one that begins; call done with the code of the answer.
func (m *Metrics) request(verb, handler string) (done func(code int)) {
	if m == nil {
		return func(int) {}
	}
	timer := prometheus.NewTimer(m.latency.WithLabelValues(verb, handler))
	return func(code int) {
		timer.ObserveDuration()
		m.requests.WithLabelValues(verb, handler, strconv.Itoa(code)).Inc()
	}
}

func (m *Metrics) retried() {
	if m != nil {
		m.retries.Inc()
	}
}

func (m *Metrics) passed(d time.Duration) {
	if m != nil {
		m.passes.Observe(d.Seconds())
	}
}
