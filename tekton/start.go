package tekton

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// triggered starts a job, when it is its turn.
func (w *Worker) triggered(ctx context.Context, j *prow.Job) (again time.Duration, err error) {
	run, err := w.look(ctx, j.Name)
	if err != nil {
		return 0, errors.Join(err, w.describe(ctx, j, "It could not be started yet, and is tried again: "+sentence(err.Error())))
	}
	if run != nil { // started by a process that ended before it could say so
		return 0, w.started(ctx, j, run.BuildID)
	}
	if j.Spec.MaxConcurrency > 0 { // others need not wait for a cluster that does not answer
		w.starting.Lock()
		defer w.starting.Unlock()
	}
	if superseded, err := w.abortOlder(ctx, j); err != nil || superseded {
		return 0, err
	}
	if why, err := w.full(ctx, j); err != nil || why != "" {
		return whileWaiting, errors.Join(err, w.describe(ctx, j, why))
	}
	return 0, w.start(ctx, j, w.BuildID())
}

// full says why j may not start yet; "" is that it may.
func (w *Worker) full(ctx context.Context, j *prow.Job) (why string, err error) {
	if j.Spec.MaxConcurrency <= 0 {
		return "", nil
	}
	no := false
	open, err := w.Jobs.List(ctx, prow.JobFilter{Complete: &no, Job: j.Spec.Job})
	if err != nil {
		return "", err
	}
	n, earlier := 0, false
	for _, o := range open { // newest first
		switch {
		case o.Name == j.Name:
			earlier = true
		case o.Spec.Agent == prow.TektonAgent && (earlier || o.Status.State == prow.Pending || o.Status.PendingTime != nil):
			n++
		}
	}
	if n < j.Spec.MaxConcurrency {
		return "", nil
	}
	return fmt.Sprintf("Waiting for its turn: at most %d of %s run at once.", j.Spec.MaxConcurrency, j.Spec.Job), nil
}

// start begins a run of j under a build id and says so.
func (w *Worker) start(ctx context.Context, j *prow.Job, build string) error {
	j.Status.BuildID = build
	err := w.Runner.Start(ctx, j)
	switch {
	case prow.IsFinal(err):
		return w.finish(ctx, j, prow.Error, "It cannot be started: "+sentence(err.Error()))
	case err != nil:
		return errors.Join(err, w.describe(ctx, j, "It could not be started yet, and is tried again: "+sentence(err.Error())))
	}
	// A run that was there already keeps the build id it was made with.
	if run, err := w.look(ctx, j.Name); err == nil && run != nil && run.BuildID != "" {
		build = run.BuildID
	}
	return w.started(ctx, j, build)
}

// started notes that a run of j exists.
func (w *Worker) started(ctx context.Context, j *prow.Job, build string) error {
	again := j.Status.State == prow.Pending
	ok, err := w.update(ctx, j, func(j *prow.Job) error {
		j.Status.BuildID, j.Status.PodName = build, j.Name
		j.Status.URL = w.url(j)
		if again {
			j.Status.PrevReportStates = nil // what was told is of the run before
			return nil
		}
		return j.Advance(prow.Pending, w.Now(), "Job triggered.")
	})
	if err != nil || !ok {
		return err
	}
	w.Log.Info("job started", "job", j.Name, "name", j.Spec.Job, "build", build)
	return w.note(ctx, j, "Started "+j.Spec.Job+" as build "+build+".")
}

func (w *Worker) url(j *prow.Job) string {
	if w.URL != nil {
		return w.URL(j)
	}
	return w.Config().JobURL(j)
}

// sentence ends s with a full stop.
func sentence(s string) string { return strings.TrimRight(s, ". \n") + "." }

// abortOlder aborts what j supersedes. superseded says that j itself is the older
// one, and was aborted.
func (w *Worker) abortOlder(ctx context.Context, j *prow.Job) (superseded bool, err error) {
	if j.Spec.Type == prow.Postsubmit && w.Config().Pipeline.AllowConcurrentPostsubmitJobs {
		return false, nil
	}
	no := false
	same, err := w.Jobs.List(ctx, prow.JobFilter{Complete: &no, Job: j.Spec.Job})
	if err != nil {
		return false, err
	}
	for _, old := range olderDuplicates(same, changeKey(j)) {
		if _, err := w.update(ctx, old, abortDuplicate(w.Now())); err != nil {
			return false, err
		}
		w.Log.Info("older job aborted", "job", old.Name, "name", old.Spec.Job)
		superseded = superseded || old.Name == j.Name
	}
	return superseded, nil
}

func abortDuplicate(now time.Time) func(*prow.Job) error {
	return func(j *prow.Job) error {
		return j.Supersede(now, "Aborted: a newer run of this job for the same change took its place.")
	}
}

// olderDuplicates returns all but the newest of the jobs that are about the change
// named by key and not on their way out. jobs are newest created first; of two
// with one start time the one created later stays.
func olderDuplicates(jobs []*prow.Job, key string) []*prow.Job {
	same := slices.DeleteFunc(slices.Clone(jobs), func(j *prow.Job) bool {
		return j.Spec.Agent != prow.TektonAgent || j.Complete() || j.Status.State.Final() || changeKey(j) != key
	})
	slices.SortStableFunc(same, func(a, b *prow.Job) int { return b.Status.StartTime.Compare(a.Status.StartTime.Time) })
	if len(same) < 2 {
		return nil
	}
	return same[1:]
}

// changeKey says which change j is about: commits do not matter, and a periodic
// is about none.
func changeKey(j *prow.Job) string {
	if j.Spec.Refs == nil {
		return j.Spec.Job
	}
	return j.Spec.Job + " " + j.Spec.Refs.Key()
}
