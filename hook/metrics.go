package hook

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what hook does, under the names the original gave them. A nil
// *Metrics counts nothing.
type Metrics struct {
	webhooks *prometheus.CounterVec
	answers  *prometheus.CounterVec
	took     *prometheus.HistogramVec
	failed   *prometheus.CounterVec
	tries    *prometheus.CounterVec
	running  prometheus.Gauge
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	handler := []string{"event_type", "action", "plugin", "took_action"}
	m := &Metrics{
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prow_webhook_counter", Help: "Valid webhooks, by kind of event.",
		}, []string{"event_type"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prow_webhook_response_codes", Help: "Answers to webhook requests, by code.",
		}, []string{"response_code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "prow_plugin_handle_duration_seconds", Help: "How long plugins took for an event.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640},
		}, handler),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prow_plugin_handle_errors", Help: "Errors of plugins.",
		}, handler),
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prow_webhook_deliveries", Help: "Tries to handle a delivery, by what became of it: handled, waiting for another try, dead.",
		}, []string{"state"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prow_webhook_handling", Help: "Deliveries being handled now.",
		}),
	}
	r.MustRegister(m.webhooks, m.answers, m.took, m.failed, m.tries, m.running)
	return m
}

func (m *Metrics) received(event string) {
	if m != nil {
		m.webhooks.WithLabelValues(event).Inc()
	}
}

func (m *Metrics) answered(code int) {
	if m != nil {
		m.answers.WithLabelValues(strconv.Itoa(code)).Inc()
	}
}

func (m *Metrics) handled(event, action, plugin string, acted bool, took time.Duration, err error) {
	if m == nil {
		return
	}
	if action == "" {
		action = "none"
	}
	labels := []string{event, action, plugin, strconv.FormatBool(acted)}
	m.took.WithLabelValues(labels...).Observe(took.Seconds())
	if err != nil {
		m.failed.WithLabelValues(labels...).Inc()
	}
}

func (m *Metrics) settled(state string) {
	if m != nil {
		m.tries.WithLabelValues(state).Inc()
	}
}

func (m *Metrics) handling(n float64) {
	if m != nil {
		m.running.Add(n)
	}
}
