// Package mkpj makes ProwJobs and their pods of what is configured, as the server
// would, without running them.
//
// Takes: a configuration, and refs. Gives: jobs and pods. Woken by: its caller; it
// is pure.
package mkpj

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/trigger"
)

// Found is one configured job. Exactly one of the last three is set.
type Found struct {
	Repo       string // "" of a periodic
	Presubmit  *config.Presubmit
	Postsubmit *config.Postsubmit
	Periodic   *config.Periodic
}

// Jobs yields all jobs: presubmits, then postsubmits, by repository in
// alphabetical order, then periodics; in each in the order of the configuration.
func Jobs(presubmits map[string][]config.Presubmit, postsubmits map[string][]config.Postsubmit, periodics []config.Periodic) iter.Seq[Found] {
	return func(yield func(Found) bool) {
		for _, repo := range slices.Sorted(maps.Keys(presubmits)) {
			for i := range presubmits[repo] {
				if !yield(Found{Repo: repo, Presubmit: &presubmits[repo][i]}) {
					return
				}
			}
		}
		for _, repo := range slices.Sorted(maps.Keys(postsubmits)) {
			for i := range postsubmits[repo] {
				if !yield(Found{Repo: repo, Postsubmit: &postsubmits[repo][i]}) {
					return
				}
			}
		}
		for i := range periodics {
			if !yield(Found{Periodic: &periodics[i]}) {
				return
			}
		}
	}
}

// Static yields the jobs of the configuration files.
func Static(cfg *config.Config) iter.Seq[Found] {
	return Jobs(cfg.PresubmitsStatic, cfg.PostsubmitsStatic, cfg.Periodics)
}

// Base returns what all kinds of jobs have.
func (f Found) Base() *config.JobBase {
	switch {
	case f.Presubmit != nil:
		return &f.Presubmit.JobBase
	case f.Postsubmit != nil:
		return &f.Postsubmit.JobBase
	}
	return &f.Periodic.JobBase
}

// Type says what kind of job f is.
func (f Found) Type() prow.Type {
	switch {
	case f.Presubmit != nil:
		return prow.Presubmit
	case f.Postsubmit != nil:
		return prow.Postsubmit
	}
	return prow.Periodic
}

// brancher says on which branches f runs.
func (f Found) brancher() config.Brancher {
	switch {
	case f.Presubmit != nil:
		return f.Presubmit.Brancher
	case f.Postsubmit != nil:
		return f.Postsubmit.Brancher
	}
	return config.Brancher{}
}

// RunsOn reports whether f may run on the branch.
func (f Found) RunsOn(branch string) bool {
	return f.Periodic != nil || f.brancher().ShouldRun(branch)
}

// Branch guesses a branch that f runs on: master, main, or the first it names.
func (f Found) Branch() string {
	b := f.brancher()
	switch {
	case f.Periodic != nil:
		return ""
	case b.ShouldRun("master"):
		return "master"
	case b.ShouldRun("main"):
		return "main"
	case len(b.Branches) > 0:
		return strings.TrimSuffix(strings.TrimPrefix(b.Branches[0], "^"), "$")
	}
	return "master"
}

// Name is what a job gets that its configuration does not know.
type Name struct {
	ID      string
	BuildID string
	Now     time.Time
}

// Job makes the job of f for refs, which periodics have none of. A presubmit with
// several pulls is a batch.
func (f Found) Job(cfg *config.Config, refs prow.Refs, n Name) *prow.Job {
	var j *prow.Job
	switch {
	case f.Presubmit != nil && len(refs.Pulls) > 1:
		j = trigger.BatchJob(cfg, f.Presubmit, refs, n.ID, n.Now, trigger.Extra{})
	case f.Presubmit != nil:
		j = trigger.PresubmitJob(cfg, f.Presubmit, refs, n.ID, n.Now, trigger.Extra{})
	case f.Postsubmit != nil:
		j = trigger.PostsubmitJob(cfg, f.Postsubmit, refs, n.ID, n.Now, trigger.Extra{})
	default:
		j = trigger.PeriodicJob(cfg, f.Periodic, n.ID, n.Now, trigger.Extra{})
	}
	j.Status.BuildID = n.BuildID
	return j
}
