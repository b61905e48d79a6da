package plank

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/loop"
)

// Worker runs the jobs of prow.KubernetesAgent, whatever the Runner is.
type Worker struct {
	Jobs    prow.Jobs
	Runner  prow.Runner
	Journal prow.Journal
	Config  func() *config.Config
	// URL says where a person looks at a job that has a build id. Nil: as the
	// configuration says.
	URL func(*prow.Job) string
	// Cluster chooses where a job runs that is to be scheduled. Nil: where it says.
	Cluster func(context.Context, *prow.Job) string
	// Limit is how many jobs run at once where plank.max_concurrency does not
	// say; 0 is as many as there are.
	Limit int
	// Node tells this process from its replicas, in build ids.
	Node    string
	Workers int           // default 10
	Resync  time.Duration // between two looks at everything; default 5 minutes
	Metrics *Metrics      // nil counts nothing
	Log     *slog.Logger
	Now     prow.Clock

	builds *BuildIDs
	ledger ledger
	bell   loop.Bell
}

// Pauses that only matter if a watch has lost something.
const (
	defaultWorkers = 10
	defaultResync  = 5 * time.Minute
	whileWaiting   = 30 * time.Second // for a place within the limits
	whileStopping  = 5 * time.Second  // for an aborted run to end
)

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	w.builds = &BuildIDs{Node: w.Node, Now: w.Now}
	if err := w.recall(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("plank: %w", err)
	}
	workers := w.Workers
	if workers == 0 {
		workers = defaultWorkers
	}
	return loop.Loop{Name: "plank", Watch: w.watch(), Do: w.Reconcile, Workers: workers, Log: w.Log, Now: w.Now}.Run(ctx)
}

// recall fills the ledger with what is under way, in the order of creation, so
// that the first decision counts everything.
func (w *Worker) recall(ctx context.Context) error {
	jobs, err := w.incomplete(ctx)
	if err != nil {
		return err
	}
	runs, err := w.Runner.List(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		w.ledger.note(j)
	}
	for _, r := range runs {
		// A triggered job that has a run was about to become pending when the
		// process before this one ended.
		if r.Phase != prow.Ended && slices.ContainsFunc(jobs, func(j *prow.Job) bool { return j.Name == r.ID }) {
			w.ledger.hold(r.ID)
		}
	}
	return nil
}

// incomplete lists what is under way, oldest first.
func (w *Worker) incomplete(ctx context.Context) ([]*prow.Job, error) {
	no := false
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Complete: &no})
	slices.Reverse(jobs)
	return jobs, err
}

func (w *Worker) watch() loop.Watch {
	resync := w.Resync
	if resync == 0 {
		resync = defaultResync
	}
	return loop.Merge(
		func(ctx context.Context) iter.Seq[string] {
			return func(yield func(string) bool) {
				for id := range w.Jobs.Watch(ctx) {
					w.ledger.seen(id)
					if !yield(id) {
						return
					}
				}
			}
		},
		w.Runner.Watch,
		w.bell.Watch,
		loop.Every(func() time.Duration { return resync }, w.everything),
	)
}

// everything lists the jobs under way and all runs.
func (w *Worker) everything(ctx context.Context) []string {
	var ids []string
	jobs, err := w.incomplete(ctx)
	runs, errRuns := w.Runner.List(ctx)
	if err = errors.Join(err, errRuns); err != nil && ctx.Err() == nil {
		w.Log.Warn("cannot list, tried again later", "loop", "plank", "err", err)
	}
	for _, j := range jobs {
		w.ledger.seen(j.Name)
		ids = append(ids, j.Name)
	}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// Reconcile brings the job named id and its run one step on. Run must have been
// called; it calls Reconcile for whatever changed.
func (w *Worker) Reconcile(ctx context.Context, id string) (again time.Duration, err error) {
	j, err := w.Jobs.Get(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		w.Metrics.forget(id)
		w.done(id)
		return 0, w.removeOrphan(ctx, id)
	}
	if err != nil {
		return 0, err
	}
	w.Metrics.see(j)
	if j.Spec.Agent != prow.KubernetesAgent {
		w.done(id)
		return 0, w.schedule(ctx, j)
	}
	if j.Complete() {
		w.done(id)
		return 0, w.stopLeftover(ctx, j)
	}
	w.bell.Ring(w.ledger.note(j)...)
	switch j.Status.State {
	case "", prow.Scheduling:
		return 0, w.schedule(ctx, j)
	case prow.Triggered:
		return w.triggered(ctx, j)
	case prow.Pending:
		return w.pending(ctx, j)
	case prow.Aborted:
		return w.aborted(ctx, j)
	}
	return 0, nil
}

// done gives back the place of a job that is complete, not ours, or gone.
func (w *Worker) done(id string) { w.bell.Ring(w.ledger.drop(id, w.rules())...) }

// rules is the configuration, with our own limit where it has none.
func (w *Worker) rules() *config.Plank {
	p := w.Config().Plank
	if p.MaxConcurrency == 0 {
		p.MaxConcurrency = w.Limit
	}
	return &p
}

// removeOrphan ends a run whose job is gone: nobody waits for it. In a cluster that
// sinker leaves alone it may be another Prow's.
func (w *Worker) removeOrphan(ctx context.Context, id string) error {
	run, err := w.Runner.Look(ctx, id)
	if err != nil {
		return absentIsDone(err)
	}
	if run.Cluster != "" && slices.Contains(w.Config().Sinker.ExcludeClusters, run.Cluster) {
		return nil // whose it is, another Prow knows
	}
	w.Log.Info("run without a job removed", "job", id)
	return w.Runner.Remove(ctx, id)
}

// stopLeftover ends a run whose job was completed without it, as when a time
// limit struck and the process died before it had stopped the run.
func (w *Worker) stopLeftover(ctx context.Context, j *prow.Job) error {
	run, err := w.Runner.Look(ctx, j.Name)
	if err != nil || run.Phase == prow.Ended {
		return absentIsDone(err)
	}
	return w.Runner.Stop(ctx, j.Name, j.Status.Description)
}

func absentIsDone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// update changes a job in state from; if it is in another by now, nothing is
// written and ok is false: the change that made it so wakes us again.
func (w *Worker) update(ctx context.Context, j *prow.Job, change func(*prow.Job) error) (ok bool, err error) {
	from := j.Status.State
	now, err := w.Jobs.Update(ctx, j.Name, func(j *prow.Job) error {
		ok = j.Status.State == from && !j.Complete()
		if !ok {
			return prow.ErrUnchanged
		}
		return change(j)
	})
	if err != nil {
		return false, absentIsDone(err)
	}
	if ok {
		*j = *now
		w.Metrics.see(j)
	}
	return ok, nil
}
