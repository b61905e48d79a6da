package plank_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// BenchmarkJobs runs small jobs as processes, eight at once.
func BenchmarkJobs(b *testing.B) {
	h := build(b, func(p *config.Plank) { p.MaxConcurrency = 8 })
	h.start()
	b.ResetTimer()
	start := time.Now()
	n := 0
	for b.Loop() {
		n++
		h.job(fmt.Sprint("j", n), "true", presubmit(n))
	}
	for i := range n {
		h.complete(fmt.Sprint("j", i+1))
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "jobs/s")
}

// BenchmarkReaction is the time from the creation of a job to the first line of
// its output.
func BenchmarkReaction(b *testing.B) {
	h := build(b)
	h.start()
	var took []time.Duration
	n := 0
	for b.Loop() {
		n++
		id := fmt.Sprint("j", n)
		start := time.Now()
		h.job(id, "echo up", func(j *prow.Job) {})
		h.printed(id, "up")
		took = append(took, time.Since(start))
		h.complete(id)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}
