package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/mkpj"
	"github.com/prow-ci/prow/plank"
	"github.com/prow-ci/prow/trigger"
)

// MakeOptions say of which job, or of all, ProwJobs are made.
type MakeOptions struct {
	Job    string // one; or
	All    bool
	Sample bool // refs, names and times that are always the same
	Pods   bool // make the pods too

	Repo    string // "org/repo" whose jobs they are; "" looks in all
	RepoDir string // clone whose own jobs count; "" is this folder, if no file has the job
	Paths   config.Paths
	Given   mkpj.Given
	Forge   ForgeOptions
	Ask     func(question string) string
	Warn    func(text string)
}

// Make makes ProwJobs of configured jobs.
func Make(ctx context.Context, o MakeOptions) (iter.Seq[mkpj.Row], error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "prow-mkpj-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cfg, err := loadOrOwn(o.Paths, dir)
	if err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	if o.All {
		return o.all(ctx, cfg)
	}
	found, err := o.find(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if o.Sample {
		return mkpj.Rows(cfg, slices.Values(found), mkpj.SampleRefs, mkpj.Sample, o.Pods), nil
	}
	forge, err := Forge(o.Forge)
	if err != nil {
		return nil, err
	}
	f, refs, err := o.Given.Refs(ctx, mkpj.Source{Forge: forge, Ask: o.Ask, Warn: o.Warn}, found)
	if err != nil {
		return nil, err
	}
	return func(yield func(mkpj.Row) bool) { yield(mkpj.NewRow(cfg, f, refs, newName(), o.Pods)) }, nil
}

func (o *MakeOptions) check() error {
	switch {
	case o.Job == "" && !o.All:
		return errors.New("which job? Name it with --job, or say --all")
	case o.Job != "" && o.All:
		return errors.New("--job and --all exclude each other")
	case o.Repo != "":
		if _, err := prow.ParseRepo(o.Repo); err != nil {
			return fmt.Errorf("--repo: %w", err)
		}
	}
	return nil
}

// all makes rows of all jobs that are asked for.
func (o *MakeOptions) all(ctx context.Context, cfg *config.Config) (iter.Seq[mkpj.Row], error) {
	jobs := mkpj.Static(cfg)
	if o.RepoDir != "" {
		own, err := o.own(ctx, cfg, o.RepoDir)
		if err != nil {
			return nil, err
		}
		jobs = own
	}
	if o.Repo != "" {
		jobs = only(jobs, o.Repo)
	}
	if o.Sample {
		return mkpj.Rows(cfg, jobs, mkpj.SampleRefs, mkpj.Sample, o.Pods), nil
	}
	for f := range jobs {
		if f.Presubmit != nil && o.Given.Pull == 0 {
			return nil, errors.New("presubmits test pull requests: say which with --pull-number, or say --sample-refs")
		}
	}
	return mkpj.Rows(cfg, jobs, o.Given.Each, newName, o.Pods), nil
}

func only(jobs iter.Seq[mkpj.Found], repo string) iter.Seq[mkpj.Found] {
	return func(yield func(mkpj.Found) bool) {
		for f := range jobs {
			if f.Repo == repo && !yield(f) {
				return
			}
		}
	}
}

// find looks in the configuration files, then in the repository's own.
func (o *MakeOptions) find(ctx context.Context, cfg *config.Config) ([]mkpj.Found, error) {
	found, err := mkpj.Find(mkpj.Static(cfg), o.Job, o.Repo)
	if err == nil || len(found) > 0 {
		return found, err
	}
	if o.RepoDir == "" && !hasOwn(".") {
		return nil, err
	}
	jobs, ownErr := o.own(ctx, cfg, cmp.Or(o.RepoDir, "."))
	if ownErr != nil {
		return nil, fmt.Errorf("%w\nA repository's own jobs were not looked at: %w", err, ownErr)
	}
	return mkpj.Find(jobs, o.Job, o.Repo)
}

func hasOwn(dir string) bool {
	for _, name := range []string{config.InRepoFile, config.InRepoDir} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// own yields all jobs, the repository's own of dir among them.
func (o *MakeOptions) own(ctx context.Context, cfg *config.Config, dir string) (iter.Seq[mkpj.Found], error) {
	repo, err := prow.ParseRepo(o.Repo)
	if o.Repo == "" || err != nil {
		clone, r, err := openClone(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("%w; or say whose jobs they are with --repo org/repo", err)
		}
		_ = clone.Close() // nothing was written
		dir, repo = clone.Dir, r
	}
	if !cfg.InRepoEnabled(repo) {
		return nil, fmt.Errorf("in_repo_config does not let %s bring jobs of its own", repo)
	}
	tree, err := config.OpenTree(dir)
	if err != nil {
		return nil, err
	}
	jobs, err := cfg.InRepo(tree, repo)
	if err != nil {
		return nil, fmt.Errorf("jobs of %s:\n%w", dir, err)
	}
	presubmits, postsubmits := maps.Clone(cfg.PresubmitsStatic), maps.Clone(cfg.PostsubmitsStatic)
	if presubmits == nil {
		presubmits = map[string][]config.Presubmit{}
	}
	if postsubmits == nil {
		postsubmits = map[string][]config.Postsubmit{}
	}
	presubmits[repo.String()], postsubmits[repo.String()] = jobs.Presubmits, jobs.Postsubmits
	return mkpj.Jobs(presubmits, postsubmits, cfg.Periodics), nil
}

func newName() mkpj.Name {
	return mkpj.Name{ID: trigger.JobID(rand.Text(), "", nil), Now: time.Now()}
}

// NewBuildID returns an id for a run that is started by hand.
func NewBuildID() string {
	host, _ := os.Hostname() // without one, ids are as the original's
	return (&plank.BuildIDs{Node: host, Now: time.Now}).Next()
}
