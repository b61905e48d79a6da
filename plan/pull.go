package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/trigger"
)

// Pull plans for a pull request as it is on the forge now. Its repository is read
// through source only where it may bring its own jobs, or has very many files.
func Pull(ctx context.Context, cfg *config.Config, forge prow.ForgeReader, source *inrepo.Source, id prow.IssueID, c Change) (*Plan, error) {
	pull, err := forge.Pull(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no pull request %s, or it is not public; a token that may see it is given with --github-token-path", id)
	}
	if err != nil {
		return nil, fmt.Errorf("pull request %s: %w", id, err)
	}
	b, err := forge.Branch(ctx, id.Repo, pull.Base)
	if err != nil {
		return nil, fmt.Errorf("branch %s of %s, onto which %s goes: %w", pull.Base, id.Repo, id, err)
	}
	c.Repo, c.Pull, c.Branch, c.Base, c.Head = id.Repo, id.Number, pull.Base, b.SHA, pull.HeadSHA
	if c.Files, err = pullFiles(ctx, forge, source.Git, pull, b.SHA); err != nil {
		return nil, err
	}
	jobs := source.Jobs(ctx, cfg, id.Repo, pull.Base, b.SHA, pull.HeadSHA)
	var conflict *git.ConflictError
	var problems config.Problems
	switch {
	case errors.As(jobs.Broken, &conflict):
		pull.Mergeable = prow.MergeableNo
	case jobs.Broken != nil && !errors.As(jobs.Broken, &problems):
		return nil, jobs.Broken
	}
	c.Results = func() ([]prow.Check, error) { return forge.Checks(ctx, id.Repo, pull.HeadSHA) }
	p, err := Make(cfg, jobs, c)
	if err != nil {
		return nil, err
	}
	p.judgePull(cfg, pull, jobs)
	return p, nil
}

// pullFiles lists the names of the changed files, old and new.
func pullFiles(ctx context.Context, forge prow.ForgeReader, store *git.Store, pull *prow.Pull, base string) ([]string, error) {
	var names []string
	list, err := forge.Files(ctx, pull.ID)
	if err == nil {
		names, err = store.Repo(pull.ID.Repo).PullFiles(ctx, pull.ID.Number, pull.Base, base, pull.HeadSHA, list)
	}
	if err != nil {
		return nil, fmt.Errorf("changed files of %s: %w", pull.ID, err)
	}
	return names, nil
}

// judgePull notes what keeps the jobs from starting, and what is ignored.
func (p *Plan) judgePull(cfg *config.Config, pull *prow.Pull, jobs *config.RepoJobs) {
	wait := func(cond bool, what string) {
		if cond {
			p.Waits = append(p.Waits, what)
		}
	}
	if p.Cause != ByPush {
		wait(pull.State != "open", "the pull request is opened again")
		wait(pull.Mergeable == prow.MergeableNo, "its conflicts with "+pull.Base+" are resolved")
		wait(pull.HasLabel(prow.NeedsOKToTest) && !pull.HasLabel(prow.OKToTest) && !trigger.Read(p.Comment).OKToTest, "a member comments /ok-to-test")
		wait(pull.Draft && p.Cause == ByChange, "the draft is marked as ready for review")
	}
	if len(cfg.Plugins.Plugins) > 0 {
		wait(!slices.Contains(cfg.Plugins.For(pull.ID.Repo), "trigger"), "the plugin trigger is enabled for "+p.Repo)
	}
	if config.TouchesInRepo(p.Files) && !p.InRepo.Enabled {
		p.Notes = append(p.Notes, fmt.Sprintf("it changes the repository's own jobs, which are ignored, because in_repo_config is off for %s", p.Repo))
	}
	if own := len(jobs.Presubmits) + len(jobs.Postsubmits) - len(cfg.Presubmits(pull.ID.Repo)) - len(cfg.Postsubmits(pull.ID.Repo)); own > 0 {
		p.InRepo.From = fmt.Sprintf("%s merged onto %s", pull.ID, pull.Base)
	}
}
