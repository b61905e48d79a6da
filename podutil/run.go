// Package podutil is what happens inside a run: clone, test, and keep the files.
//
// Takes: a job, a folder, and something that runs containers. Gives: a result, and
// the files of the run in the artifacts. Woken by: whoever runs it, once per run;
// it ends when the run has ended.
package podutil

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
)

// Run is one run of one job, in a folder of its own. Do uses it once.
type Run struct {
	Job       *prow.Job
	Folder    string // holds clones, artifacts and logs until they are uploaded
	Artifacts prow.Artifacts
	Executor  Executor
	Logins    []Login // for cloning
	Secrets   string  // folder with secrets, as <name>/<key>; "" for none
	HostPaths []string
	// LatestLock is a file that all runs on this machine lock while they change
	// latest-build.txt; "" for none.
	LatestLock string
	Now        prow.Clock
	// Doing is told what the run does now: "cloning", "testing", … It may be nil.
	Doing func(what string)

	began    time.Time
	secrets  []string
	hideOnce sync.Once
	hide     []string
}

// Result is how a run ended.
type Result struct {
	Verdict  prow.State `json:"verdict"` // Success, Failure, Aborted or Error
	Why      string     `json:"why"`     // one sentence
	ExitCode int        `json:"exit_code"`
	Started  time.Time  `json:"started"`
	Finished time.Time  `json:"finished"`
}

// Stopped is the cause with which to end the context of Do: somebody, or
// something, wants the run to end.
type Stopped struct{ Why string }

func (s *Stopped) Error() string { return s.Why }

// Places in the folder of a run.
const (
	homeDir    = "home"
	outDir     = "artifacts"
	logDir     = "logs"
	volumeDir  = "volumes"
	scratchDir = "tmp"
)

// LogFile returns the path of the log of a container in the folder of a run;
// single says that it is the job's only one.
func LogFile(folder, container string, single bool) string {
	return filepath.Join(folder, logDir, logName(container, single))
}

func logName(container string, single bool) string {
	if single {
		return prow.BuildLogFile
	}
	return container + "-" + prow.BuildLogFile
}

// Do carries out the run: it clones, runs the test, and uploads what both left.
// When ctx ends, the test gets its grace period, and what it left is uploaded
// still. Whatever goes wrong is in the result.
func (r *Run) Do(ctx context.Context) Result {
	r.began = r.Now()
	res := r.do(ctx)
	res.Started, res.Finished = r.began, r.Now()
	return res
}

// Clean deletes what the run no longer needs: all but its logs. It may take a
// while, so whoever waits for the result is told first.
func (r *Run) Clean() {
	for _, d := range []string{homeDir, outDir, volumeDir, scratchDir} {
		_ = os.RemoveAll(filepath.Join(r.Folder, d)) // what cannot be removed now goes with the folder
	}
}

func (r *Run) doing(what string) {
	if r.Doing != nil {
		r.Doing(what)
	}
}

func (r *Run) do(ctx context.Context) Result {
	if err := r.prepare(); err != nil {
		return r.broken(fmt.Errorf("the folder of the run could not be prepared: %w", err))
	}
	up := &upload{
		ctx: context.WithoutCancel(ctx), to: r.Artifacts, job: r.Job, dir: prow.Dir(r.Job),
		hidden: r.hidden, rules: r.rules(), pause: uploadPause, latestLock: r.LatestLock,
	}
	containers, err := r.containers()
	if err != nil {
		r.started(up, nil)
		return r.finish(up, r.broken(err), nil)
	}
	records, clone := r.clone(ctx)
	r.started(up, records)
	if clone.Verdict != "" {
		r.cloneLogAsBuildLog(up, records)
		return r.finish(up, clone, containers)
	}
	return r.finish(up, r.test(ctx, containers), containers)
}

// started tells where the run is to be found, and what it tests.
func (r *Run) started(u *upload, records []Record) {
	u.started(r.began, records)
	u.fail(u.json(u.name(prow.ProwJobFile), r.Job))
	where := r.Artifacts.URL(u.dir)
	if where == "" {
		where = u.dir
	}
	u.pointers(where)
}

// rules say which artifacts are searched for secrets.
func (r *Run) rules() *prow.CensoringOptions {
	if d := r.Job.Spec.DecorationConfig; d != nil {
		return d.CensoringOptions
	}
	return nil
}

// prepare makes the places of the run.
func (r *Run) prepare() error {
	for _, d := range []string{homeDir, outDir, logDir, volumeDir, scratchDir} {
		dir := filepath.Join(r.Folder, d)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if d == logDir {
			continue
		}
		// A container's user is not ours.
		if err := os.Chmod(dir, 0o777); err != nil {
			return err
		}
	}
	return nil
}

// broken is the result when we, not the test, failed.
func (r *Run) broken(err error) Result {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return Result{Verdict: prow.Error, Why: "The disk is full: " + err.Error() + "."}
	}
	return Result{Verdict: prow.Error, Why: sentence(err.Error())}
}

// stopped is the result when somebody wanted the run to end.
func stopped(ctx context.Context) Result {
	why := sentence(context.Cause(ctx).Error())
	if s := (*Stopped)(nil); errors.As(context.Cause(ctx), &s) && s.Why != "" {
		why = sentence("stopped: " + s.Why)
	}
	return Result{Verdict: prow.Aborted, Why: why, ExitCode: codeInterrupted}
}
