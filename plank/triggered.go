package plank

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// triggered starts a job, when it is its turn.
func (w *Worker) triggered(ctx context.Context, j *prow.Job) (again time.Duration, err error) {
	run, err := w.Runner.Look(ctx, j.Name)
	if err == nil { // started by a process that ended before it could say so
		return 0, w.started(ctx, j, run.BuildID)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if superseded, err := w.abortOlder(ctx, j); err != nil || superseded {
		return 0, err
	}
	ok, why, err := w.ledger.take(j.Name, w.rules())
	if err != nil {
		return 0, errors.Join(err, w.describe(ctx, j, sentence(err.Error())))
	}
	if !ok && why == "" {
		return whileWaiting, nil
	}
	if !ok {
		return whileWaiting, w.describe(ctx, j, why)
	}
	return 0, w.start(ctx, j, w.builds.Next())
}

// start begins a run of j under a build id and says so.
func (w *Worker) start(ctx context.Context, j *prow.Job, build string) error {
	j.Status.BuildID = build
	j.Status.URL = w.url(j)
	err := w.Runner.Start(ctx, j)
	switch {
	case prow.IsFinal(err):
		return w.finish(ctx, j, prow.Error, "It cannot be started: "+err.Error()+".")
	case err != nil:
		// The place is kept: another try follows, and nobody may come between.
		return errors.Join(err, w.describe(ctx, j, "It could not be started yet, and is tried again: "+sentence(err.Error())))
	}
	return w.started(ctx, j, build)
}

// started notes that a run of j exists.
func (w *Worker) started(ctx context.Context, j *prow.Job, build string) error {
	w.ledger.hold(j.Name)
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
	if again {
		return w.note(ctx, j, "Started "+j.Spec.Job+" again as build "+build+".")
	}
	return w.note(ctx, j, "Started "+j.Spec.Job+" as build "+build+".")
}

// describe says why j is where it is, if that is news.
func (w *Worker) describe(ctx context.Context, j *prow.Job, why string) error {
	_, err := w.update(ctx, j, func(j *prow.Job) error {
		if j.Status.Description == why {
			return prow.ErrUnchanged
		}
		j.Status.Description = why
		return nil
	})
	return err
}

func (w *Worker) url(j *prow.Job) string {
	if w.URL != nil {
		return w.URL(j)
	}
	return w.Config().JobURL(j)
}

// sentence ends s with a full stop.
func sentence(s string) string { return strings.TrimRight(s, ". \n") + "." }

// abortOlder aborts what j supersedes. superseded says that j itself is the
// older one, and was aborted.
func (w *Worker) abortOlder(ctx context.Context, j *prow.Job) (superseded bool, err error) {
	if !w.ledger.twin(j.Name) {
		return false, nil
	}
	no := false
	f := prow.JobFilter{Complete: &no, Job: j.Spec.Job, Types: []prow.Type{prow.Presubmit}}
	if p := j.Pull(); p != nil {
		f.Repo, f.Pull = j.Spec.Refs.RepoID(), p.Number
	}
	same, err := w.Jobs.List(ctx, f)
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

// olderDuplicates returns all but the newest of the jobs that are about the
// change named by key and not on their way out. jobs are newest created first;
// of two with one start time the one created later stays.
func olderDuplicates(jobs []*prow.Job, key string) []*prow.Job {
	same := slices.DeleteFunc(slices.Clone(jobs), func(j *prow.Job) bool {
		return j.Spec.Type != prow.Presubmit || j.Complete() || j.Status.State.Final() || changeKey(j) != key
	})
	slices.SortStableFunc(same, func(a, b *prow.Job) int { return b.Status.StartTime.Compare(a.Status.StartTime.Time) })
	if len(same) < 2 {
		return nil
	}
	return same[1:]
}

// changeKey says which change j is about: two jobs of one name with equal keys
// supersede each other. Commits do not matter.
func changeKey(j *prow.Job) string {
	var keys []string
	if j.Spec.Refs != nil {
		keys = append(keys, "main "+j.Spec.Refs.Key())
	}
	for _, r := range j.Spec.ExtraRefs {
		keys = append(keys, "extra "+r.Key())
	}
	slices.Sort(keys)
	return string(j.Spec.Type) + "\n" + j.Spec.Job + "\n" + strings.Join(keys, "\n")
}
