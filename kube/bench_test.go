//go:build kubernetes && linux

package kube_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/plank"
	"github.com/prow-ci/prow/prowtest"
	"k8s.io/client-go/rest"
)

// controller is plank on this cluster, and what it says to the API server.
func (h *house) controller(b testing.TB, ns string) (*kube.Jobs, *kube.Runner, *wire) {
	b.Helper()
	config1, wire := h.wired(h.config())
	jobs := h.openWith(b, config1, ns)
	pods := h.config()
	pods.WrapTransport = config1.WrapTransport
	runner, err := kube.NewRunner(kube.RunnerOptions{Clusters: map[string]*rest.Config{"default": pods}, Namespace: ns})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = runner.Close() })
	until(b, "the cluster is reached", func() bool { return runner.Clusters()["default"] == nil })
	w := &plank.Worker{
		Jobs: jobs, Runner: runner, Config: func() *config.Config { return &config.Config{Plugins: &config.Plugins{}} },
		URL: func(j *prow.Job) string { return "https://prow.example.com/run/" + j.Name }, Node: "bench", Workers: 40,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return jobs, runner, wire
}

// thousand runs n jobs that are created at once, and counts requests.
func thousand(b testing.TB, n int) {
	ns := shared.namespace(b)
	other := shared.open(b, ns)
	jobs, _, wire := shared.controller(b, ns)
	wire.counted(b)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for i := w; i < n; i += 20 {
				j := prowtest.Job(fmt.Sprint("j", i), prowtest.Usual(i, false), func(j *prow.Job) {
					j.Status = prow.Status{State: prow.Triggered, StartTime: j.Status.StartTime}
				})
				j.Spec.Type, j.Spec.Refs, j.Spec.DecorationConfig = prow.Periodic, nil, nil
				if err := other.Create(b.Context(), j); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	created := time.Since(start)
	until(b, "all run", func() bool {
		c, err := jobs.Count(b.Context(), prow.JobFilter{})
		return err == nil && c[prow.Pending] == n
	})
	took := time.Since(start)
	requests := 0
	for kind, k := range wire.counted(b) {
		if kind != "WATCH" {
			requests += k
		}
	}
	b.Logf("%d jobs created in %v, pods in %v: %.0f jobs/s, %.2f requests a job", n, created, took, float64(n)/took.Seconds(), float64(requests)/float64(n))
	if requests > 3*n {
		b.Errorf("%d requests for %d jobs; want at most 3 each", requests, n)
	}
}

// Starting a job costs one request for its pod and one for its status.
func TestRequestsOfARun(t *testing.T) { t.Parallel(); thousand(t, 50) }
