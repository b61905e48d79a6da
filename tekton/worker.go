package tekton

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/loop"
)

// Worker runs the jobs of prow.TektonAgent.
type Worker struct {
	Jobs    prow.Jobs
	Runner  prow.Runner // of PipelineRuns
	Journal prow.Journal
	Config  func() *config.Config
	// URL says where a person looks at a job that has a build id. Nil: as the
	// configuration says.
	URL     func(*prow.Job) string
	BuildID func() string // a new one each time
	Workers int           // default 2
	Resync  time.Duration // between two looks at everything; default 5 minutes
	Log     *slog.Logger
	Now     prow.Clock

	starting sync.Mutex // of jobs that only so many of may run
}

const (
	defaultWorkers  = 2
	defaultResync   = 5 * time.Minute
	defaultRevivals = 3
	whileWaiting    = 10 * time.Second // for a place within the limits
	whileStopping   = 5 * time.Second  // for an aborted run to end
)

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	workers, resync := w.Workers, w.Resync
	if workers == 0 {
		workers = defaultWorkers
	}
	if resync == 0 {
		resync = defaultResync
	}
	watch := loop.Merge(w.Jobs.Watch, w.Runner.Watch, loop.Every(func() time.Duration { return resync }, w.everything))
	return loop.Loop{Name: "pipeline", Watch: watch, Do: w.Reconcile, Workers: workers, Log: w.Log, Now: w.Now}.Run(ctx)
}

// everything lists the jobs under way and all runs.
func (w *Worker) everything(ctx context.Context) (ids []string) {
	no := false
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Complete: &no})
	runs, errRuns := w.Runner.List(ctx)
	if err = errors.Join(err, errRuns); err != nil && ctx.Err() == nil {
		w.Log.Warn("cannot list, tried again later", "loop", "pipeline", "err", err)
	}
	for _, j := range jobs {
		if j.Spec.Agent == prow.TektonAgent {
			ids = append(ids, j.Name)
		}
	}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// Reconcile brings the job named id and its run one step on.
func (w *Worker) Reconcile(ctx context.Context, id string) (again time.Duration, err error) {
	j, err := w.Jobs.Get(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, w.removeOrphan(ctx, id)
	}
	if err != nil || j.Spec.Agent != prow.TektonAgent {
		return 0, err
	}
	if j.Complete() {
		return 0, w.stopLeftover(ctx, j)
	}
	switch j.Status.State { // plank chooses the cluster of what is to be scheduled
	case prow.Triggered:
		return w.triggered(ctx, j)
	case prow.Pending:
		return w.pending(ctx, j)
	case prow.Aborted:
		return w.aborted(ctx, j)
	}
	return 0, nil
}

// removeOrphan ends a run whose job is gone: nobody waits for it.
func (w *Worker) removeOrphan(ctx context.Context, id string) error {
	run, err := w.look(ctx, id)
	if err != nil || run == nil {
		return err
	}
	w.Log.Info("run without a job removed", "job", id)
	return w.Runner.Remove(ctx, id)
}

// stopLeftover ends a run whose job was completed without it.
func (w *Worker) stopLeftover(ctx context.Context, j *prow.Job) error {
	run, err := w.look(ctx, j.Name)
	if err != nil || run == nil || run.Phase == prow.Ended {
		return err
	}
	return w.Runner.Stop(ctx, j.Name, j.Status.Description)
}

// look returns the run of id, or nil.
func (w *Worker) look(ctx context.Context, id string) (*prow.Run, error) {
	run, err := w.Runner.Look(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &run, nil
}

// update changes a job in state from; if it is in another by now, nothing is
// written and ok is false: the change that made it so wakes us again.
func (w *Worker) update(ctx context.Context, j *prow.Job, change func(*prow.Job) error) (ok bool, err error) {
	from := j.Status.State
	now, err := w.Jobs.Update(ctx, j.Name, func(j *prow.Job) error {
		if ok = j.Status.State == from && !j.Complete(); !ok {
			return prow.ErrUnchanged
		}
		return change(j)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if ok = ok && err == nil; ok {
		*j = *now
	}
	return ok, err
}

// describe says why j is where it is, if that is news.
func (w *Worker) describe(ctx context.Context, j *prow.Job, why string) error {
	if why == "" || j.Status.Description == why {
		return nil
	}
	_, err := w.update(ctx, j, func(j *prow.Job) error {
		j.Status.Description = why
		return nil
	})
	return err
}

// note writes the story of what the job is about.
func (w *Worker) note(ctx context.Context, j *prow.Job, text string) error {
	refs := j.MainRefs()
	if refs == nil || w.Journal == nil {
		return nil
	}
	n := prow.Note{At: w.Now(), Where: prow.IssueID{Repo: refs.RepoID()}, Who: "pipeline", Kind: "job", Text: text, Job: j.Name, URL: j.Status.URL}
	if len(refs.Pulls) == 0 {
		return w.Journal.Record(ctx, n)
	}
	var errs []error
	for _, p := range refs.Pulls {
		n.Where.Number = p.Number
		errs = append(errs, w.Journal.Record(ctx, n))
	}
	return errors.Join(errs...)
}
