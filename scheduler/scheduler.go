// Package scheduler chooses the cluster of a job, by a map in the configuration or
// by asking a service.
//
// Takes: the section scheduler of the configuration, a job. Gives: the alias of a
// cluster, always: where no choice can be had it is the job's own. Woken by: plank,
// for each job that is to be scheduled.
package scheduler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Scheduler chooses clusters. All methods may be called concurrently.
type Scheduler struct {
	Config func() *config.Config
	HTTP   *http.Client
	Log    *slog.Logger
	Now    prow.Clock

	mu      sync.Mutex
	url     string // whose answers are kept
	answers map[string]answer
	swept   time.Time
	silent  time.Time // until then nobody waits for the service
}

// answer is what the service said of a job's name.
type answer struct {
	cluster string
	at      time.Time
}

const (
	patience = 5 * time.Second
	// silence is how long a service that gave no answer is not asked again: whoever
	// starts jobs also follows those that run, and must not wait for it each time.
	silence = 10 * time.Second
)

// Cluster is where j shall run.
func (s *Scheduler) Cluster(ctx context.Context, j *prow.Job) string {
	own := j.Spec.Cluster
	if own == "" {
		own = config.DefaultCluster
	}
	if j.Spec.Agent != prow.KubernetesAgent && j.Spec.Agent != prow.TektonAgent {
		return own
	}
	switch c := s.Config().Scheduler; {
	case c.Failover != nil:
		if to := c.Failover.ClusterMappings[own]; to != "" {
			return to
		}
	case c.External != nil:
		if to := s.external(ctx, c.External, j.Spec.Job); to != "" {
			return to
		}
	}
	return own
}

// external is what the service says, or "".
func (s *Scheduler) external(ctx context.Context, e *config.ExternalScheduler, job string) string {
	now := s.Now()
	if known, ok := s.recall(e, job, now); ok {
		return known
	}
	to, answered, err := s.ask(ctx, e.URL, job)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && s.url == e.URL:
		s.answers[job] = answer{to, now}
	case err != nil && ctx.Err() == nil:
		s.Log.Warn("no cluster chosen, the job's own stays", "name", job, "err", err)
		if !answered {
			s.silent = s.Now().Add(silence)
		}
	}
	return to
}

// recall returns the answer that is kept for a job, or that there is none to be had
// just now.
func (s *Scheduler) recall(e *config.ExternalScheduler, job string, now time.Time) (cluster string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != e.URL {
		s.url, s.answers, s.swept, s.silent = e.URL, map[string]answer{}, now, time.Time{}
	}
	fresh := e.Cache.EntryTimeoutInterval.Duration
	if now.Sub(s.swept) >= e.Cache.CacheClearInterval.Duration {
		for name, a := range s.answers {
			if now.Sub(a.at) >= fresh {
				delete(s.answers, name)
			}
		}
		s.swept = now
	}
	if a, known := s.answers[job]; known && now.Sub(a.at) < fresh {
		return a.cluster, true
	}
	return "", now.Before(s.silent)
}

// ask asks the service; answered says whether it said anything at all.
func (s *Scheduler) ask(ctx context.Context, url, job string) (cluster string, answered bool, err error) {
	body, err := json.Marshal(map[string]string{"job": job})
	if err != nil {
		return "", false, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", false, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.HTTP.Do(req)
	if err != nil {
		return "", false, err
	}
	defer res.Body.Close()
	const most = 64 << 10
	b, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return "", false, err
	}
	if res.StatusCode != http.StatusOK {
		return "", true, fmt.Errorf("scheduler.external: %s: %s: %.200s", url, res.Status, b)
	}
	var said struct{ Cluster string }
	if err := json.Unmarshal(b, &said); err != nil {
		return "", true, fmt.Errorf("scheduler.external: %s: want {\"cluster\": alias}, got %.200q", url, b)
	}
	if said.Cluster == "" {
		return "", true, fmt.Errorf("scheduler.external: %s names no cluster: %.200q", url, b)
	}
	return said.Cluster, true, nil
}
