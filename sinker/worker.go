package sinker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/loop"
)

// Worker deletes what is old.
type Worker struct {
	Jobs   prow.Jobs
	Runner prow.Runner
	Inbox  prow.Inbox  // nil: there is none
	Memory prow.Memory // of the comments of failures; nil: nothing is forgotten
	Config func() *config.Config
	// InboxAge is how long handled and dead webhooks are kept. Default 3 days,
	// as long as the forge itself offers to deliver again.
	InboxAge time.Duration
	// Pace is the pause between two deletions of jobs, so that a large sweep
	// keeps nobody waiting. Default 5 ms.
	Pace    time.Duration
	Metrics *Metrics // nil counts nothing
	Log     *slog.Logger
	Now     prow.Clock
}

// Ages when the configuration has none.
const (
	defaultResync   = time.Hour
	defaultJobAge   = 7 * 24 * time.Hour
	defaultRunAge   = 24 * time.Hour
	defaultInboxAge = 3 * 24 * time.Hour
	defaultPace     = 5 * time.Millisecond
	orphanAge       = 30 * time.Second
	page            = 500
)

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var err error
	all.Go(func() {
		defer cancel()
		err = loop.Loop{Name: "sinker", Watch: loop.Merge(w.Runner.Watch, loop.Every(w.resync, w.runs)), Do: w.SinkRun, Workers: 4, Log: w.Log, Now: w.Now}.Run(ctx)
	})
	for ctx.Err() == nil {
		if err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
			w.Log.Warn("sweep failed, tried again later", "loop", "sinker", "err", err)
		}
		select {
		case <-time.After(min(w.resync(), w.jobAge())):
		case <-ctx.Done():
		}
	}
	all.Wait()
	return err
}

func (w *Worker) resync() time.Duration {
	if d := w.Config().Sinker.ResyncPeriod; d != nil {
		return d.Duration
	}
	return defaultResync
}

// jobAge is how long jobs are kept.
func (w *Worker) jobAge() time.Duration {
	if d := w.Config().Sinker.MaxProwJobAge; d != nil && d.Duration > 0 {
		return d.Duration
	}
	return defaultJobAge
}

func (w *Worker) runs(ctx context.Context) []string {
	runs, err := w.Runner.List(ctx)
	if err != nil && ctx.Err() == nil {
		w.Log.Warn("cannot list runs, tried again later", "loop", "sinker", "err", err)
	}
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	w.Metrics.existing("pods", len(runs))
	return ids
}

// verdict is what to do with a run or a job: remove it for a reason, or look
// again after a while; both zero keep it until something changes.
type verdict struct {
	remove string
	again  time.Duration
}

// judgeRun decides about a run; a nil job is absent.
func judgeRun(run prow.Run, j *prow.Job, s *config.Sinker, now time.Time) verdict {
	maxAge := defaultRunAge
	if s.MaxPodAge != nil {
		maxAge = s.MaxPodAge.Duration
	}
	ttl := maxAge
	if s.TerminatedPodTTL != nil {
		ttl = s.TerminatedPodTTL.Duration
	}
	switch {
	case run.Cluster != "" && slices.Contains(s.ExcludeClusters, run.Cluster):
		return verdict{}
	case j == nil && run.Created.IsZero():
		return due("orphaned", run.Started.Add(orphanAge), now)
	case j == nil:
		return due("orphaned", run.Created.Add(orphanAge), now)
	case slices.Contains(s.ExcludeClusters, j.Spec.Cluster):
		return verdict{}
	case !j.Complete() && run.Phase == prow.Ended:
		return verdict{again: time.Second} // its end is being noted
	case !j.Complete():
		return verdict{}
	}
	ttled := due("ttled", j.Status.CompletionTime.Add(ttl), now)
	if run.Started.IsZero() {
		return ttled
	}
	aged := due("aged", run.Started.Add(maxAge), now)
	switch {
	case aged.remove != "":
		return aged
	case ttled.remove != "":
		return ttled
	}
	return verdict{again: min(aged.again, ttled.again)}
}

// due removes from the time at on, and waits for it until then.
func due(reason string, at, now time.Time) verdict {
	if now.Before(at) {
		return verdict{again: at.Sub(now)}
	}
	return verdict{remove: reason}
}

// SinkRun removes the run named id, if its time is up.
func (w *Worker) SinkRun(ctx context.Context, id string) (again time.Duration, err error) {
	run, err := w.Runner.Look(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	j, err := w.Jobs.Get(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		j = nil
	} else if err != nil {
		return 0, err
	}
	v := judgeRun(run, j, &w.Config().Sinker, w.Now())
	if v.remove == "" {
		return v.again, nil
	}
	err = w.Runner.Remove(ctx, id)
	w.Metrics.removed("pods", v.remove, err)
	if err == nil {
		w.Log.Info("run removed", "job", id, "why", v.remove)
	}
	return 0, err
}

// Sweep deletes old jobs and forgets old webhooks, and what is remembered of
// pull requests whose jobs are gone.
func (w *Worker) Sweep(ctx context.Context) error {
	cfg, start := w.Config(), w.Now()
	w.Metrics.pass()
	aged, err := w.aged(ctx, cfg)
	if err != nil {
		return err
	}
	for _, a := range aged {
		err := w.Jobs.Delete(ctx, a.id)
		w.Metrics.removed("prow_jobs", a.reason, err)
		if err != nil {
			return err // what is left is found again
		}
		if err := w.rest(ctx); err != nil {
			return err
		}
	}
	if len(aged) > 0 {
		w.Log.Info("old jobs deleted", "count", len(aged))
	}
	if w.Inbox != nil {
		age := w.InboxAge
		if age == 0 {
			age = defaultInboxAge
		}
		err = w.Inbox.Prune(ctx, start.Add(-age))
	}
	err = errors.Join(err, w.forgetComments(ctx))
	counts, errCount := w.Jobs.Count(ctx, prow.JobFilter{})
	n := 0
	for _, c := range counts {
		n += c
	}
	w.Metrics.existing("prow_jobs", n)
	w.Metrics.took(w.Now().Sub(start))
	return errors.Join(err, errCount)
}

// forgetComments forgets what stands in the comment of failures of pull requests
// without jobs. Should there be one again, crier reads the comment.
func (w *Worker) forgetComments(ctx context.Context) error {
	if w.Memory == nil {
		return nil
	}
	names, err := w.Memory.Names(ctx, prow.CommentsPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, err := prow.ParseIssueID(strings.TrimPrefix(name, prow.CommentsPrefix))
		if err != nil {
			continue // not ours
		}
		jobs, err := w.Jobs.List(ctx, prow.JobFilter{Repo: id.Repo, Pull: id.Number, Limit: 1})
		if err != nil {
			return err
		}
		if len(jobs) > 0 {
			continue
		}
		if err := w.Memory.Save(ctx, name, nil); err != nil {
			return err
		}
		if err := w.rest(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) rest(ctx context.Context) error {
	pace := w.Pace
	if pace == 0 {
		pace = defaultPace
	}
	select {
	case <-time.After(pace):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type agedJob struct{ id, reason string }

// aged lists the jobs that are complete and old, without the newest run of each
// configured periodic: it says when the next is due.
func (w *Worker) aged(ctx context.Context, cfg *config.Config) ([]agedJob, error) {
	yes, limit := true, w.Now().Add(-w.jobAge())
	newest := map[string]string{}
	var out []agedJob
	f := prow.JobFilter{Complete: &yes, Until: limit, Limit: page}
	for {
		jobs, err := w.Jobs.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			if j.Spec.Type == prow.Periodic && cfg.Periodic(j.Spec.Job) != nil && newest[j.Spec.Job] == "" {
				if newest[j.Spec.Job], err = w.newestRun(ctx, j.Spec.Job); err != nil {
					return nil, err
				}
			}
			if reason := judgeJob(j, newest[j.Spec.Job], limit); reason != "" {
				out = append(out, agedJob{j.Name, reason})
			}
		}
		if len(jobs) < page {
			return out, nil
		}
		f.Before = jobs[len(jobs)-1].Name
	}
}

// judgeJob says why j is to be deleted, or "". newest is the ID of the newest
// run of its periodic, if that is still configured.
func judgeJob(j *prow.Job, newest string, limit time.Time) string {
	switch {
	case !j.Complete() || !j.Status.StartTime.Time.Before(limit) || j.Name == newest:
		return ""
	case j.Spec.Type == prow.Periodic:
		return "aged-periodic"
	}
	return "aged"
}

func (w *Worker) newestRun(ctx context.Context, name string) (string, error) {
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Types: []prow.Type{prow.Periodic}, Job: name, Limit: 20})
	if err != nil || len(jobs) == 0 {
		return "", err
	}
	return slices.MaxFunc(jobs, func(a, b *prow.Job) int {
		return a.Status.StartTime.Compare(b.Status.StartTime.Time)
	}).Name, nil
}
