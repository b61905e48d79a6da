package plank

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Limits when the configuration has none.
const (
	defaultPendingTimeout     = 10 * time.Minute
	defaultUnscheduledTimeout = 5 * time.Minute
	defaultRunningTimeout     = 48 * time.Hour
	defaultRevivals           = 3
)

// verb is what to do about a job that is pending.
type verb int

const (
	wait    verb = iota
	end          // the job is over; its run too, or it has to be stopped
	revive       // its run was cut off: count it, and run it anew
	restart      // a counted revival whose run is still to be started
)

// step is what to do next about a job that is pending, and why.
type step struct {
	do    verb
	to    prow.State // of end
	why   string
	again time.Duration // of wait: look again then; 0 leaves it to the watch
}

// limits bound how long a job may take, and how often it is run anew.
type limits struct {
	unplaced, waiting, running time.Duration
	revivals                   int
}

// decide says what to do about a pending job, given its run; a nil run is
// absent.
func decide(j *prow.Job, run *prow.Run, l limits, now time.Time) step {
	switch {
	case j.Status.PodName == "" && (run == nil || run.BuildID != j.Status.BuildID):
		return step{do: restart} // it was counted when PodName was emptied
	case run == nil:
		return lost(j, "its run disappeared", l)
	case run.Phase == prow.Ended && run.Verdict == prow.Error && run.Lost:
		return lost(j, because(run.Why, "its run was cut off"), l)
	case run.Phase == prow.Ended:
		return step{do: end, to: verdict(run), why: because(run.Why, endings()[verdict(run)])}
	case run.Phase == prow.Waiting:
		return waits(j, run, l, now)
	}
	started := run.Started
	if started.IsZero() && j.Status.PendingTime != nil {
		started = j.Status.PendingTime.Time
	}
	return timed(now.Sub(started), l.running, step{do: end, to: prow.Aborted,
		why: fmt.Sprintf("It ran for %s, which is the limit of this installation.", short(l.running))})
}

// waits says how long a run may go on waiting. A run anew has all its time again.
func waits(j *prow.Job, run *prow.Run, l limits, now time.Time) step {
	var from time.Time
	switch {
	case !run.Unplaced && !run.Started.IsZero():
		from = run.Started
	case !run.Created.IsZero():
		from = run.Created
	case j.Status.PendingTime != nil:
		from = j.Status.PendingTime.Time
	default:
		from = now
	}
	limit, text := l.waiting, "It was still waiting to run after %s: %s"
	if run.Unplaced {
		limit, text = l.unplaced, "Nothing had room for it within %s: %s"
	}
	return timed(now.Sub(from), limit, step{do: end, to: prow.Error, why: fmt.Sprintf(text, short(limit), because(run.Why, "nobody said why."))})
}

// verdict is how a run ended; one that does not say counts as an error of ours.
func verdict(run *prow.Run) prow.State {
	switch run.Verdict {
	case prow.Success, prow.Failure, prow.Aborted:
		return run.Verdict
	}
	return prow.Error
}

func endings() map[prow.State]string {
	return map[prow.State]string{
		prow.Success: "Job succeeded.", prow.Failure: "Job failed.", prow.Aborted: "Job aborted.",
		prow.Error: "The run ended without saying how.",
	}
}

// lost says what follows when a run was cut off from outside.
func lost(j *prow.Job, cause string, l limits) step {
	switch n := j.Status.PodRevivals; {
	case j.Spec.ErrorOnEviction:
		return step{do: end, to: prow.Error, why: "The run was cut off, and this job is not to be run anew (error_on_eviction): " + sentence(cause)}
	case n >= l.revivals:
		return step{do: end, to: prow.Error, why: fmt.Sprintf("The run was cut off %d times, and is not tried again (max_revivals): %s", n+1, sentence(cause))}
	default:
		return step{do: revive, why: fmt.Sprintf("Run anew (%d of %d): %s", n+1, l.revivals, sentence(cause))}
	}
}

// timed is late once passed has reached limit, and waits for that until then.
func timed(passed, limit time.Duration, late step) step {
	if passed >= limit {
		return late
	}
	return step{do: wait, again: limit - passed}
}

// limitsOf takes the job's own limits before those of the configuration.
func limitsOf(j *prow.Job, p *config.Plank) limits {
	l := limits{unplaced: defaultUnscheduledTimeout, waiting: defaultPendingTimeout, running: defaultRunningTimeout, revivals: defaultRevivals}
	if p.PodPendingTimeout != nil {
		l.waiting = p.PodPendingTimeout.Duration
	}
	if p.PodUnscheduledTimeout != nil {
		l.unplaced = p.PodUnscheduledTimeout.Duration
	}
	if p.PodRunningTimeout != nil {
		l.running = p.PodRunningTimeout.Duration
	}
	if p.MaxRevivals != nil {
		l.revivals = *p.MaxRevivals
	}
	if d := j.Spec.DecorationConfig; d != nil {
		if d.PodPendingTimeout != nil {
			l.waiting = d.PodPendingTimeout.Duration
		}
		if d.PodUnscheduledTimeout != nil {
			l.unplaced = d.PodUnscheduledTimeout.Duration
		}
		if d.PodRunningTimeout != nil {
			l.running = d.PodRunningTimeout.Duration
		}
	}
	return l
}

// pending follows a run.
func (w *Worker) pending(ctx context.Context, j *prow.Job) (again time.Duration, err error) {
	run, err := w.look(ctx, j.Name)
	if err != nil {
		return 0, err
	}
	s := decide(j, run, limitsOf(j, &w.Config().Plank), w.Now())
	switch s.do {
	case end:
		return 0, w.finish(ctx, j, s.to, s.why)
	case revive:
		return 0, w.revive(ctx, j, s.why)
	case restart:
		// What is left of the run before goes first: a run has its job's ID.
		if err := w.Runner.Remove(ctx, j.Name); err != nil {
			return 0, err
		}
		return 0, w.start(ctx, j, j.Status.BuildID)
	}
	return s.again, nil
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

// revive counts the revival, under a new build id, before it acts on it: if the
// process ends in between, the next one starts that build, and counts no more.
func (w *Worker) revive(ctx context.Context, j *prow.Job, why string) error {
	ok, err := w.update(ctx, j, func(j *prow.Job) error {
		j.Status.PodRevivals++
		j.Status.PodName, j.Status.BuildID = "", w.builds.Next()
		j.Status.Description = why
		return nil
	})
	if err != nil || !ok {
		return err
	}
	w.Log.Warn("run was cut off, run anew", "job", j.Name, "name", j.Spec.Job, "why", why)
	_, err = w.pending(ctx, j)
	return err
}

// finish says how a job ended, and that it did, unless its run is still to be
// stopped.
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

// aborted stops a run, and completes its job once nothing of it runs any more.
func (w *Worker) aborted(ctx context.Context, j *prow.Job) (again time.Duration, err error) {
	run, err := w.look(ctx, j.Name)
	if err != nil {
		return 0, err
	}
	if run != nil && run.Phase != prow.Ended {
		return whileStopping, w.Runner.Stop(ctx, j.Name, because(j.Status.Description, "The job was aborted."))
	}
	ok, err := w.update(ctx, j, func(j *prow.Job) error {
		if run != nil && j.Status.BuildID == "" { // it was aborted while it started
			j.Status.BuildID = run.BuildID
			j.Status.URL = w.url(j)
		}
		if j.Status.Description == "" {
			j.Status.Description = "Job aborted."
		}
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
	w.done(j.Name)
	return errors.Join(
		w.stopLeftover(ctx, j),
		w.note(ctx, j, j.Ended()))
}

// note writes the story of what the job is about.
func (w *Worker) note(ctx context.Context, j *prow.Job, text string) error {
	refs := j.MainRefs()
	if refs == nil || w.Journal == nil {
		return nil
	}
	n := prow.Note{At: w.Now(), Where: prow.IssueID{Repo: refs.RepoID()}, Who: "plank", Kind: "job", Text: text, Job: j.Name, URL: j.Status.URL}
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

// because is why, or otherwise if there is none.
func because(why, otherwise string) string {
	if strings.TrimSpace(why) == "" {
		return otherwise
	}
	return why
}

// short writes a duration without zeros at its end: 10m, 48h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
