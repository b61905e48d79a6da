package sinker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics says what a sweep found and did. It is a prometheus.Collector; a nil
// one counts nothing.
type Metrics struct {
	pods, jobs          prometheus.Gauge
	duration            prometheus.Gauge
	podsGone, podErrors *prometheus.GaugeVec
	jobsGone, jobErrors *prometheus.GaugeVec
}

// NewMetrics returns metrics to register.
func NewMetrics() *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	byReason := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"reason"})
	}
	return &Metrics{
		pods:      gauge("sinker_pods_existing", "Runs that the runner knows."),
		jobs:      gauge("sinker_prow_jobs_existing", "Jobs in the store."),
		duration:  gauge("sinker_loop_duration_seconds", "How long the last sweep took."),
		podsGone:  byReason("sinker_pods_removed", "Runs removed since the last sweep began."),
		podErrors: byReason("sinker_pod_removal_errors", "Runs that could not be removed."),
		jobsGone:  byReason("sinker_prow_jobs_cleaned", "Jobs deleted since the last sweep began."),
		jobErrors: byReason("sinker_prow_jobs_cleaning_errors", "Jobs that could not be deleted."),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.pods, m.jobs, m.duration, m.podsGone, m.podErrors, m.jobsGone, m.jobErrors}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	for _, x := range m.all() {
		x.Describe(c)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	for _, x := range m.all() {
		x.Collect(c)
	}
}

// pass begins a sweep.
func (m *Metrics) pass() {
	if m == nil {
		return
	}
	for _, v := range []*prometheus.GaugeVec{m.podsGone, m.podErrors, m.jobsGone, m.jobErrors} {
		v.Reset()
	}
}

func (m *Metrics) existing(what string, n int) {
	switch {
	case m == nil:
	case what == "pods":
		m.pods.Set(float64(n))
	default:
		m.jobs.Set(float64(n))
	}
}

func (m *Metrics) took(d time.Duration) {
	if m != nil {
		m.duration.Set(d.Seconds())
	}
}

func (m *Metrics) removed(what, reason string, err error) {
	switch {
	case m == nil:
	case what == "pods" && err == nil:
		m.podsGone.WithLabelValues(reason).Inc()
	case what == "pods":
		m.podErrors.WithLabelValues(reason).Inc()
	case err == nil:
		m.jobsGone.WithLabelValues(reason).Inc()
	default:
		m.jobErrors.WithLabelValues(reason).Inc()
	}
}
