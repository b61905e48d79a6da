package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is the registry of one server: nothing is registered globally, so two
// servers live in one process.
type metrics struct{ *prometheus.Registry }

func newMetrics(version string) *metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "prow_version", Help: "Always -1: the version is in the label, not a date.", ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return -1 }))
	return &metrics{r}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
}

// registered registers what a worker counts, and returns it.
func registered[T prometheus.Collector](m *metrics, counts T) T {
	m.MustRegister(counts)
	return counts
}
