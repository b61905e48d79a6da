package config

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counts tells what became of the loads of a Live.
type counts struct {
	loads    *prometheus.CounterVec
	duration prometheus.Histogram
	gauges   []prometheus.Collector
}

func newCounts(l *Live) *counts {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	c := &counts{
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prow_config_loads_total", Help: "Loads of the configuration after a change, by result: ok, same (nothing new in it) or bad.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "prow_config_load_seconds", Help: "How long loads of the configuration take.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}),
		gauges: []prometheus.Collector{
			gauge("prow_config_stale", "1 while the files do not make a configuration and the last good one is in use, else 0.", func() float64 {
				if l.Stale() != nil {
					return 1
				}
				return 0
			}),
			gauge("prow_config_problems", "What keeps the files from being used.", func() float64 {
				if s := l.Stale(); s != nil {
					return float64(len(s.Problems))
				}
				return 0
			}),
			gauge("prow_config_warnings", "Warnings about the configuration in use.", func() float64 { return float64(len(l.Current().Warnings)) }),
			gauge("prow_config_loaded_timestamp_seconds", "When the configuration in use was loaded.", func() float64 {
				return float64(l.Current().Loaded.UnixMilli()) / 1000
			}),
		},
	}
	for _, result := range []string{"ok", "same", "bad"} {
		c.loads.WithLabelValues(result) // so that it is there from the start
	}
	return c
}

// load notes one load.
func (c *counts) load(result string, took time.Duration) {
	c.loads.WithLabelValues(result).Inc()
	c.duration.Observe(took.Seconds())
}

// Metrics returns what to register: loads by result, their time, whether the last
// good configuration had to stay, and how old the one in use is.
func (l *Live) Metrics() []prometheus.Collector {
	return append([]prometheus.Collector{l.counts.loads, l.counts.duration}, l.counts.gauges...)
}
