package tekton

import (
	"context"
	"errors"
	"fmt"
	"time"

	prow "github.com/prow-ci/prow"
)

// pending follows a run.
func (w *Worker) pending(ctx context.Context, j *prow.Job) (again time.Duration, err error) {
	run, err := w.look(ctx, j.Name)
	switch {
	case err != nil:
		return 0, err
	case run == nil && j.Status.PodName == "": // counted, and still to be started
		return 0, w.start(ctx, j, j.Status.BuildID)
	case run == nil:
		return 0, w.revive(ctx, j)
	case run.Phase == prow.Ended:
		return 0, w.finish(ctx, j, run.Verdict, run.Why)
	case j.Status.PodName == "": // it was started before that could be told
		return 0, w.started(ctx, j, run.BuildID)
	}
	return 0, w.describe(ctx, j, run.Why)
}

// revive starts a run that somebody deleted anew, a few times. It counts, under a
// new build id, before it acts: if the process ends in between, the next one
// starts that build, and counts no more.
func (w *Worker) revive(ctx context.Context, j *prow.Job) error {
	limit := defaultRevivals
	if n := w.Config().Plank.MaxRevivals; n != nil {
		limit = *n
	}
	n := j.Status.PodRevivals
	if n >= limit {
		return w.finish(ctx, j, prow.Error, fmt.Sprintf("Its PipelineRun was deleted %d times, and is not made again (max_revivals).", n+1))
	}
	ok, err := w.update(ctx, j, func(j *prow.Job) error {
		j.Status.PodRevivals++
		j.Status.PodName, j.Status.BuildID = "", w.BuildID()
		j.Status.Description = fmt.Sprintf("Run anew (%d of %d): its PipelineRun disappeared.", n+1, limit)
		return nil
	})
	if err != nil || !ok {
		return err
	}
	w.Log.Warn("PipelineRun disappeared, run anew", "job", j.Name, "name", j.Spec.Job)
	return w.start(ctx, j, j.Status.BuildID)
}

// finish says how a job ended.
func (w *Worker) finish(ctx context.Context, j *prow.Job, to prow.State, why string) error {
	ok, err := w.update(ctx, j, func(j *prow.Job) error { return j.Advance(to, w.Now(), why) })
	if err != nil || !ok {
		return err
	}
	if to == prow.Aborted {
		_, err := w.aborted(ctx, j)
		return err
	}
	return w.ended(ctx, j)
}

// aborted cancels a run, and completes its job once it has ended.
func (w *Worker) aborted(ctx context.Context, j *prow.Job) (again time.Duration, err error) {
	run, err := w.look(ctx, j.Name)
	if err != nil {
		return 0, err
	}
	why := j.Status.Description
	if why == "" {
		why = "Job aborted."
	}
	if run != nil && run.Phase != prow.Ended {
		return whileStopping, w.Runner.Stop(ctx, j.Name, why)
	}
	ok, err := w.update(ctx, j, func(j *prow.Job) error {
		if run != nil && j.Status.BuildID == "" { // it was aborted while it started
			j.Status.BuildID = run.BuildID
			j.Status.URL = w.url(j)
		}
		j.Status.Description = why
		return j.Finish(w.Now())
	})
	if err != nil || !ok {
		return 0, err
	}
	return 0, w.ended(ctx, j)
}

// ended does what follows the end of a job.
func (w *Worker) ended(ctx context.Context, j *prow.Job) error {
	w.Log.Info("job ended", "job", j.Name, "name", j.Spec.Job, "build", j.Status.BuildID, "state", string(j.Status.State))
	return errors.Join(
		w.stopLeftover(ctx, j),
		w.note(ctx, j, j.Ended()))
}
