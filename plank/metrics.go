package plank

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	prow "github.com/prow-ci/prow"
)

// Metrics counts jobs by what they are and where they stand. It is a
// prometheus.Collector; a nil one counts nothing.
type Metrics struct {
	transitions *prometheus.CounterVec
	jobs        *prometheus.GaugeVec

	mu   sync.Mutex
	last map[string]*kind
	// kinds holds each combination of labels once.
	kinds map[kind]*kind
}

type kind struct {
	namespace, job, typ, state, org, repo, base, cluster, retest string
}

// NewMetrics returns metrics to register.
func NewMetrics() *Metrics {
	labels := []string{"job_namespace", "job_name", "type", "state", "org", "repo", "base_ref", "cluster", "retest"}
	return &Metrics{
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "prowjob_state_transitions", Help: "Steps of jobs from one state to the next."}, labels),
		jobs:        prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "prowjobs", Help: "Jobs in the store."}, labels),
		last:        map[string]*kind{},
		kinds:       map[kind]*kind{},
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	m.transitions.Describe(c)
	m.jobs.Describe(c)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	m.transitions.Collect(c)
	m.jobs.Collect(c)
}

// see notes where j stands. A job that was complete when it was first seen is
// none of this process's transitions.
func (m *Metrics) see(j *prow.Job) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kind(j)
	before, known := m.last[j.Name]
	if before == k {
		return
	}
	m.last[j.Name] = k
	if known {
		m.jobs.WithLabelValues(before.values()...).Dec()
	}
	m.jobs.WithLabelValues(k.values()...).Inc()
	if known && before.state != k.state || !known && !j.Complete() {
		m.transitions.WithLabelValues(k.values()...).Inc()
	}
}

// forget notes that a job is gone.
func (m *Metrics) forget(id string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.last[id]; ok {
		m.jobs.WithLabelValues(before.values()...).Dec()
		delete(m.last, id)
	}
}

func (m *Metrics) kind(j *prow.Job) *kind {
	k := kind{
		namespace: j.Namespace, job: j.Spec.Job, typ: string(j.Spec.Type), state: string(j.Status.State), cluster: j.Spec.Cluster,
		retest: strconv.FormatBool(j.Labels[prow.LabelRetest] == "true"),
	}
	if r := j.MainRefs(); r != nil {
		k.org, k.repo, k.base = r.Org, r.Repo, r.BaseRef
	}
	if known, ok := m.kinds[k]; ok {
		return known
	}
	m.kinds[k] = &k
	return &k
}

func (k *kind) values() []string {
	return []string{k.namespace, k.job, k.typ, k.state, k.org, k.repo, k.base, k.cluster, k.retest}
}
