package server

import (
	"cmp"
	"context"
	_ "embed" // for the configuration of a run without one
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/trigger"
)

// RunOptions say which job to run here, once.
type RunOptions struct {
	Job     string
	RepoDir string // a clone; its HEAD is tested
	Base    string // branch that the job is chosen for; default: the clone's branch
	Pull    int    // instead of HEAD: this pull request of the clone's repository
	Paths   config.Paths
	Engine  string
	Secrets string // folder of the job's secrets
	Dir     string // keeps the files of the run; default: a temporary folder that stays

	ForgeAPI string
	ForgeURL string
	Token    func(ctx context.Context) (string, error)
	App      *App // instead of Token

	Self []string
	JSON bool
	Out  io.Writer // the test's output, as it comes
	Err  io.Writer // what Prow has to say
	Log  *slog.Logger
	Now  prow.Clock
}

// RunResult is what `prow run --json` prints at the end.
type RunResult struct {
	Job      string     `json:"job"`
	State    prow.State `json:"state"`
	Why      string     `json:"why"`
	ExitCode int        `json:"exit_code"`
	Files    string     `json:"files"`
	MS       int64      `json:"ms"`
}

// RunJob runs one configured job on this machine, by the same code as a server
// does: clone, environment, time limit, artifacts. ok says that the test passed.
func RunJob(ctx context.Context, o RunOptions) (ok bool, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ForgeURL == "" {
		o.ForgeURL = "https://github.com"
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "prow-run-"); err != nil {
			return false, err
		}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return false, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return false, err
	}
	j, err := o.job(ctx)
	if err != nil {
		return false, err
	}
	files := filepath.Join(o.Dir, "artifacts")
	runner, err := local.New(local.Options{Dir: filepath.Join(o.Dir, "runs"), Self: append(slices.Clone(o.Self), files), Engine: o.Engine, Secrets: o.Secrets, Log: o.Log, Now: o.Now})
	if err != nil {
		return false, err
	}
	defer runner.Close()
	run, err := follow(ctx, runner, j, o.Out)
	if err != nil {
		return false, err
	}
	res := RunResult{
		Job: j.Spec.Job, State: run.Verdict, Why: run.Why, ExitCode: run.ExitCode,
		Files: filepath.Join(files, filepath.FromSlash(prow.Dir(j))), MS: run.Finished.Sub(run.Started).Milliseconds(),
	}
	if o.JSON {
		return run.Verdict == prow.Success, json.NewEncoder(o.Err).Encode(res)
	}
	fmt.Fprintf(o.Err, "\n%s: %s after %s. %s\nFiles of the run: %s\n", res.Job, res.State, run.Finished.Sub(run.Started).Round(time.Millisecond), res.Why, res.Files)
	return run.Verdict == prow.Success, nil
}

// follow starts j and copies its log until it has ended. When ctx ends, the test
// gets its grace period first.
func follow(ctx context.Context, runner prow.Runner, j *prow.Job, out io.Writer) (prow.Run, error) {
	if err := runner.Start(ctx, j); err != nil {
		return prow.Run{}, err
	}
	after := context.WithoutCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = runner.Stop(after, j.Name, "interrupted") })
	defer stop()
	defer func() { _ = runner.Remove(after, j.Name) }()
	var offset int64
	for {
		n, err := copyLog(after, runner, j.Name, offset, out)
		offset += n
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return prow.Run{}, err
		}
		run, err := runner.Look(after, j.Name)
		if err != nil || run.Phase == prow.Ended {
			if err == nil {
				_, err = copyLog(after, runner, j.Name, offset, out)
			}
			return run, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func copyLog(ctx context.Context, runner prow.Runner, id string, offset int64, out io.Writer) (int64, error) {
	rc, err := runner.Logs(ctx, id, "", offset, false)
	if err != nil {
		return 0, err
	}
	defer rc.Close()
	return io.Copy(out, rc)
}

//go:embed run.yaml
var runConfig []byte

// load reads the configuration; without a main file there is one that permits the
// repository's own jobs.
func (o *RunOptions) load() (*config.Config, error) { return loadOrOwn(o.Paths, o.Dir) }

func loadOrOwn(paths config.Paths, dir string) (*config.Config, error) {
	if paths.Config == "" {
		paths.Config = filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(paths.Config, runConfig, 0o600); err != nil {
			return nil, err
		}
	}
	return config.Load(paths)
}

// job finds the configured job and makes a run of it.
func (o *RunOptions) job(ctx context.Context) (*prow.Job, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	clone, repo, err := openClone(ctx, o.RepoDir)
	if err != nil {
		return nil, err
	}
	defer clone.Close()
	if o.Base == "" {
		o.Base = cmp.Or(clone.Branch, "HEAD") // detached; --base names the branch
	}
	tree, err := config.OpenTree(clone.Dir)
	if err != nil {
		return nil, err
	}
	own, err := cfg.InRepo(tree, repo)
	if err != nil {
		return nil, fmt.Errorf("jobs of %s:\n%w", clone.Dir, err)
	}
	refs := prow.Refs{Org: repo.Owner, Repo: repo.Name, BaseRef: o.Base, BaseSHA: clone.Head, CloneURI: "file://" + clone.Dir}
	if o.Pull > 0 {
		if refs, err = o.pullRefs(ctx, repo); err != nil {
			return nil, err
		}
	} else if unsaved, err := clone.Unsaved(ctx, clone.Head); err != nil {
		return nil, err
	} else if len(unsaved) > 0 {
		fmt.Fprintln(o.Err, "prow: note: changes that are not committed are not tested")
	}
	now, id := o.Now(), trigger.JobID(o.Now().Format(time.RFC3339Nano), o.Job, &refs)
	var j *prow.Job
	switch p, s, per := findJob(cfg, own, o.Job, o.Base); {
	case p != nil && o.Pull > 0:
		j = trigger.PresubmitJob(cfg, p, refs, id, now, trigger.Extra{})
	case p != nil:
		// Without a pull request the commit itself is what a presubmit tests.
		j = trigger.PresubmitJob(cfg, p, refs, id, now, trigger.Extra{})
		j.Spec.Type = prow.Postsubmit
	case s != nil:
		j = trigger.PostsubmitJob(cfg, s, refs, id, now, trigger.Extra{})
	case per != nil:
		j = trigger.PeriodicJob(cfg, per, id, now, trigger.Extra{})
	default:
		return nil, fmt.Errorf("no job %q for branch %s of %s; there are: %s", o.Job, o.Base, repo, strings.Join(jobNames(cfg, own), ", "))
	}
	if j.Spec.DecorationConfig == nil {
		j.Spec.DecorationConfig = &prow.DecorationConfig{}
	}
	j.Status.BuildID = fmt.Sprint(now.UnixNano())
	return j, nil
}

func (o *RunOptions) pullRefs(ctx context.Context, r prow.Repo) (prow.Refs, error) {
	forge, err := github.New(github.Options{BaseURL: o.ForgeAPI, Token: o.Token, App: o.App, UserAgent: "prow-run", Log: o.Log, Now: o.Now})
	if err != nil {
		return prow.Refs{}, err
	}
	p, err := forge.Pull(ctx, prow.IssueID{Repo: r, Number: o.Pull})
	if err != nil {
		return prow.Refs{}, err
	}
	b, err := forge.Branch(ctx, r, p.Base)
	if err != nil {
		return prow.Refs{}, err
	}
	o.Base = p.Base
	return trigger.PullRefs(p, b.SHA), nil
}

func findJob(cfg *config.Config, own *config.RepoJobs, name, branch string) (*config.Presubmit, *config.Postsubmit, *config.Periodic) {
	for i := range own.Presubmits {
		if p := &own.Presubmits[i]; p.Name == name && p.ShouldRun(branch) {
			return p, nil, nil
		}
	}
	for i := range own.Postsubmits {
		if p := &own.Postsubmits[i]; p.Name == name && p.ShouldRun(branch) {
			return nil, p, nil
		}
	}
	for i := range cfg.Periodics {
		if p := &cfg.Periodics[i]; p.Name == name {
			return nil, nil, p
		}
	}
	return nil, nil, nil
}

func jobNames(cfg *config.Config, own *config.RepoJobs) []string {
	var out []string
	for _, p := range own.Presubmits {
		out = append(out, p.Name)
	}
	for _, p := range own.Postsubmits {
		out = append(out, p.Name)
	}
	for _, p := range cfg.Periodics {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// RunFolder carries out the run that a local runner wrote into folder, and puts its
// files below artifacts; it is what the supervisor process of a run does.
func RunFolder(ctx context.Context, artifacts, folder string) error {
	files, err := blob.Dir(artifacts)
	if err != nil {
		return err
	}
	return local.Supervise(ctx, folder, files, time.Now)
}
