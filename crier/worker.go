package crier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/loop"
)

// Names under which a job remembers what was reported.
const (
	gitHubReporter  = prow.GitHubReporter
	commentReporter = "github-comment-reporter"
	storageReporter = "gcsreporter"
	podReporter     = "gcsk8sreporter"
)

// Worker reports jobs.
type Worker struct {
	Jobs      prow.Jobs
	Forge     prow.Forge
	Artifacts prow.Artifacts // nil: no files
	Buckets   bool           // names in Artifacts are those of prow.Place, not of prow.Dir
	Pods      prow.Pods      // nil: runs are no pods
	Memory    prow.Memory
	Journal   prow.Journal
	Config    func() *config.Config
	// Window is how long failures of a pull request are gathered before they
	// are told in one comment. Default 3 seconds.
	Window  time.Duration
	Workers int      // default 10
	Metrics *Metrics // nil counts nothing
	Log     *slog.Logger
	Now     prow.Clock

	comments loop.Bell
	contexts locks
	tries    tries
}

// maxTries bounds how often something is told that the forge does not want to
// hear.
const maxTries = 5

const (
	defaultWorkers = 10
	defaultWindow  = 3 * time.Second
	soon           = 2 * time.Second
)

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	workers := w.Workers
	if workers == 0 {
		workers = defaultWorkers
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var errs [2]error
	for i, l := range []loop.Loop{
		{Name: "crier", Watch: w.Jobs.Watch, Do: w.Report},
		{Name: "crier comments", Watch: w.comments.Watch, Do: w.Comment},
	} {
		l.Workers, l.Log, l.Now = workers, w.Log, w.Now
		all.Go(func() {
			defer cancel() // one without the other is no crier
			errs[i] = l.Run(ctx)
		})
	}
	all.Wait()
	return errors.Join(errs[:]...)
}

// Report tells where the job named id stands, wherever that is not known yet.
func (w *Worker) Report(ctx context.Context, id string) (again time.Duration, err error) {
	j, err := w.Jobs.Get(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	cfg := w.Config()
	told := map[string]bool{}
	if wantsFiles(j) && !reported(j, storageReporter) && w.Artifacts != nil {
		err = w.keepTrying(ctx, j, storageReporter, w.store(ctx, j))
		told[storageReporter] = err == nil
	}
	if again = tooYoung(j, w.Now()); again == 0 && wantsStatus(j, &cfg.GitHubReporter) && !reported(j, gitHubReporter) {
		errStatus := w.keepTrying(ctx, j, gitHubReporter, w.status(ctx, j))
		told[gitHubReporter] = errStatus == nil
		err = errors.Join(err, errStatus)
	}
	comment := wantsComment(j, cfg) && !reported(j, commentReporter)
	if comment {
		quiet, errQuiet := w.quiet(ctx, j, cfg)
		told[commentReporter], comment = quiet, !quiet
		err = errors.Join(err, errQuiet)
	}
	if comment {
		w.comments.Ring(pullOf(j).String())
	}
	kept, againPod, errPod := w.keepPod(ctx, j)
	if told[podReporter] = kept; againPod > 0 && (again == 0 || againPod < again) {
		again = againPod
	}
	return again, errors.Join(err, errPod, w.record(ctx, j, told))
}

// tooYoung says how long to wait before telling that a job waits: most start at
// once, and then one pending status, with a link, says all that two would.
func tooYoung(j *prow.Job, now time.Time) time.Duration {
	if j.Status.State != prow.Triggered && j.Status.State != prow.Scheduling {
		return 0
	}
	return max(j.CreationTimestamp.Add(soon).Sub(now), 0)
}

// reported says whether the reporter has told j's state.
func reported(j *prow.Job, reporter string) bool {
	return j.Status.PrevReportStates[reporter] == j.Status.State
}

// record notes in the job what was told of it, in one write.
func (w *Worker) record(ctx context.Context, j *prow.Job, told map[string]bool) error {
	state, build := j.Status.State, j.Status.BuildID
	any := false
	for _, ok := range told {
		any = any || ok
	}
	if !any {
		return nil
	}
	_, err := w.Jobs.Update(ctx, j.Name, func(j *prow.Job) error {
		if j.Status.BuildID != build && j.Status.State == state {
			return prow.ErrUnchanged // it was run anew meanwhile: the link has to be told again
		}
		if j.Status.PrevReportStates == nil {
			j.Status.PrevReportStates = map[string]prow.State{}
		}
		for reporter, ok := range told {
			if ok {
				j.Status.PrevReportStates[reporter] = state
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// keepTrying passes on an error that another try may mend. One that it cannot,
// it gives a few tries, for people mend permissions, and then tells the
// story of the pull request instead.
func (w *Worker) keepTrying(ctx context.Context, j *prow.Job, reporter string, err error) error {
	key := j.Name + " " + reporter
	w.Metrics.result(reporter, j, w.Now(), err)
	if err == nil {
		w.tries.forget(key)
		return nil
	}
	hopeless := prow.IsFinal(err) || errors.Is(err, prow.ErrForbidden)
	if !hopeless {
		return fmt.Errorf("%s of %s: %w", reporter, j.Spec.Job, err)
	}
	if w.tries.count(key) < maxTries {
		return fmt.Errorf("%s of %s: %s", reporter, j.Spec.Job, err) // not %w: the loop is to try again
	}
	w.tries.forget(key)
	w.Log.Error("report given up", "reporter", reporter, "job", j.Name, "err", err)
	return w.note(ctx, j, fmt.Sprintf("The result of %s could not be reported: %s.", j.Spec.Job, err))
}

func (w *Worker) note(ctx context.Context, j *prow.Job, text string) error {
	refs := j.MainRefs()
	if refs == nil || w.Journal == nil {
		return nil
	}
	n := prow.Note{At: w.Now(), Where: prow.IssueID{Repo: refs.RepoID()}, Who: "crier", Kind: "error", Text: text, Job: j.Name, URL: j.Status.URL}
	if len(refs.Pulls) > 0 {
		n.Where.Number = refs.Pulls[0].Number
	}
	return w.Journal.Record(ctx, n)
}

// tries counts how often something failed.
type tries struct {
	mu sync.Mutex
	n  map[string]int
}

func (t *tries) count(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]int{}
	}
	t.n[key]++
	return t.n[key]
}

func (t *tries) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.n, key)
}

// locks are held by name.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	sync.Mutex
	users int
}

// hold waits for the name and returns what lets go of it.
func (l *locks) hold(name string) (release func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	k := l.held[name]
	if k == nil {
		k = &lock{}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, name)
		}
	}
}
