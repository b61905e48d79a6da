package tide

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prow "github.com/prow-ci/prow"
)

// Metrics are tide's, under the original's names. A nil *Metrics counts nothing.
type Metrics struct {
	pooled, updated                              *prometheus.GaugeVec
	merges                                       *prometheus.HistogramVec
	poolErrors, queries, heartbeat, retests      *prometheus.CounterVec
	syncTook, statusTook                         prometheus.Gauge
	missingPRs, pendingPRs, successPRs, batchPRs *prometheus.GaugeVec
}

// NewMetrics makes them; whoever calls it registers Collectors.
func NewMetrics() *Metrics {
	pool := []string{"org", "repo", "branch"}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, pool)
	}
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Metrics{
		pooled:  gauge("pooledprs", "Pull requests in each pool."),
		updated: gauge("updatetime", "Unix time of the last look at each pool."),
		merges: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "merges", Help: "Pull requests merged together.",
			Buckets: []float64{1, 2, 3, 4, 5, 7, 10, 15, 25}}, pool),
		poolErrors: count("tidepoolerrors", "Looks at a pool that failed.", pool...),
		queries:    count("tidequeryresults", "Searches, by result.", "query_index", "org_shard", "result"),
		heartbeat:  count("tidesyncheartbeat", "Passes made.", "controller"),
		retests:    count("tide_retests_total", "Pull requests (re)tested.", "org", "repo", "branch", "action"),
		syncTook:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncdur", Help: "Seconds that the last full pass took."}),
		statusTook: prometheus.NewGauge(prometheus.GaugeOpts{Name: "statusupdatedur", Help: "Seconds that the last look at a pool took, statuses written."}),
		missingPRs: gauge("tide_pool_missing_prs", "Pull requests of each pool without results."),
		pendingPRs: gauge("tide_pool_pending_prs", "Pull requests of each pool whose tests run."),
		successPRs: gauge("tide_pool_successful_prs", "Pull requests of each pool that passed."),
		batchPRs:   gauge("tide_pool_batch_pending_prs", "Pull requests of each pool that are tested together."),
	}
}

// Collectors lists all of them.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.pooled, m.updated, m.merges, m.poolErrors, m.queries, m.heartbeat, m.retests, m.syncTook, m.statusTook,
		m.missingPRs, m.pendingPRs, m.successPRs, m.batchPRs}
}

func (k key) labels() []string { return []string{k.Repo.Owner, k.Repo.Name, k.Branch} }

func (m *Metrics) synced(k key, start, end time.Time, err error) {
	if m == nil {
		return
	}
	if err != nil {
		m.poolErrors.WithLabelValues(k.labels()...).Inc()
	}
	m.updated.WithLabelValues(k.labels()...).Set(float64(end.Unix()))
	m.statusTook.Set(end.Sub(start).Seconds())
	m.heartbeat.WithLabelValues("status-update").Inc()
}

func (m *Metrics) swept(start, end time.Time) {
	if m == nil {
		return
	}
	m.syncTook.Set(end.Sub(start).Seconds())
	m.heartbeat.WithLabelValues("sync").Inc()
}

func (m *Metrics) searched(index int, q prow.Query, ok bool) {
	if m == nil {
		return
	}
	result := "success"
	if !ok {
		result = "error"
	}
	m.queries.WithLabelValues(strconv.Itoa(index), strings.Join(q.Orgs, ","), result).Inc()
}

func (m *Metrics) tested(k key, move prow.Move) {
	if m == nil {
		return
	}
	m.retests.WithLabelValues(append(k.labels(), string(move.Do))...).Add(float64(len(move.On)))
}

func (m *Metrics) merged(k key, n int) {
	if m == nil || n == 0 {
		return
	}
	m.merges.WithLabelValues(k.labels()...).Observe(float64(n))
}

func (m *Metrics) pool(l *look) {
	if m == nil {
		return
	}
	if len(l.all) == 0 {
		m.forget(l.key)
		return
	}
	count := map[Progress]int{}
	for _, s := range l.in.Pulls {
		count[s.State]++
	}
	batch := 0
	if _, running, _ := l.in.sets(); running != nil {
		batch = len(running.Refs)
	}
	labels := l.key.labels()
	m.pooled.WithLabelValues(labels...).Set(float64(len(l.in.Pulls)))
	m.missingPRs.WithLabelValues(labels...).Set(float64(count[Missing] + count[Failing]))
	m.pendingPRs.WithLabelValues(labels...).Set(float64(count[Pending]))
	m.successPRs.WithLabelValues(labels...).Set(float64(count[Passing]))
	m.batchPRs.WithLabelValues(labels...).Set(float64(batch))
}

// forget drops the gauges of a pool that is gone.
func (m *Metrics) forget(k key) {
	if m == nil {
		return
	}
	for _, g := range []*prometheus.GaugeVec{m.pooled, m.updated, m.missingPRs, m.pendingPRs, m.successPRs, m.batchPRs} {
		g.DeleteLabelValues(k.labels()...)
	}
}
