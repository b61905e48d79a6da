// Package inrepo gives the jobs of a repository at a revision: the static ones
// and those of its own `.prow.yaml` or `.prow/`.
//
// Takes: a repository, a base commit and the heads to merge onto it. Gives:
// *config.RepoJobs. Read from the mirror by object id, cached by tree.
package inrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"golang.org/x/sync/singleflight"
)

// Source reads jobs from mirrors. Its zero value with Git set is ready; all
// methods may be called concurrently.
type Source struct {
	Git *git.Store

	merged lru[string, string]           // base and heads to the commit they merge to
	jobs   lru[string, *config.RepoJobs] // by repository, object ids of its files, and configuration
	calls  singleflight.Group
}

// Jobs returns the jobs of r for heads merged onto base by r's merge method; no
// heads: for base itself. It always returns the static jobs; RepoJobs.Broken
// says why r's own could not be used. A repository for which in-repo
// configuration is off costs nothing.
func (s *Source) Jobs(ctx context.Context, cfg *config.Config, r prow.Repo, branch, base string, heads ...string) *config.RepoJobs {
	if !cfg.InRepoEnabled(r) {
		return cfg.Static(r)
	}
	commit, err := s.commit(ctx, cfg.Tide.MergeMethods.For(r, branch), r, base, heads)
	if err != nil {
		return broken(cfg, r, err)
	}
	return s.at(ctx, cfg, r, commit)
}

// broken returns the static jobs, and why there are no others.
func broken(cfg *config.Config, r prow.Repo, err error) *config.RepoJobs {
	jobs := cfg.Static(r)
	jobs.Broken = err
	return jobs
}

// commit returns what heads merge to on base.
func (s *Source) commit(ctx context.Context, method prow.MergeMethod, r prow.Repo, base string, heads []string) (string, error) {
	if len(heads) == 0 {
		return base, nil
	}
	key := r.String() + "\x00" + string(method) + "\x00" + base + "\x00" + strings.Join(heads, "\x00")
	if c, ok := s.merged.get(key); ok {
		return c, nil
	}
	picks := make([]git.Pick, 0, len(heads))
	for _, h := range heads {
		picks = append(picks, git.Pick{SHA: h, Method: method})
	}
	c, err := once(ctx, &s.calls, "merge\x00"+key, func(ctx context.Context) (string, error) {
		return s.Git.Repo(r).Merge(ctx, base, picks...)
	})
	if err != nil {
		return "", fmt.Errorf("merging %s onto %s of %s to read its jobs: %w", strings.Join(heads, ", "), base, r, err)
	}
	s.merged.put(key, c)
	return c, nil
}

// at returns the jobs of r at a commit. Failures are not remembered.
func (s *Source) at(ctx context.Context, cfg *config.Config, r prow.Repo, commit string) *config.RepoJobs {
	tree, err := s.tree(ctx, r, commit)
	if err != nil {
		return broken(cfg, r, fmt.Errorf("reading the jobs of %s at %s: %w", r, commit, err))
	}
	if tree == "" {
		return cfg.Static(r) // it brings no jobs
	}
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%d", r, tree, cfg.Version, cfg.Loaded.UnixNano())
	if jobs, ok := s.jobs.get(key); ok {
		return jobs
	}
	jobs, err := once(ctx, &s.calls, "jobs\x00"+key, func(ctx context.Context) (*config.RepoJobs, error) {
		files, err := s.Git.Repo(r).FS(ctx, commit)
		if err != nil {
			return nil, err
		}
		return cfg.InRepo(files, r)
	})
	if err != nil {
		return broken(cfg, r, err)
	}
	s.jobs.put(key, jobs)
	return jobs
}

// tree names what the jobs of r are read from, by object id: the directory, the
// file, and .prowignore; "" if it brings no jobs.
func (s *Source) tree(ctx context.Context, r prow.Repo, commit string) (string, error) {
	repo := s.Git.Repo(r)
	if _, err := repo.Tree(ctx, commit, ""); err != nil {
		return "", err // a commit that is not there is no repository without jobs
	}
	var ids []string
	for _, path := range []string{config.InRepoDir, config.InRepoFile, ".prowignore"} {
		id, err := repo.Tree(ctx, commit, path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		ids = append(ids, id)
	}
	if ids[0] == "" && ids[1] == "" {
		return "", nil
	}
	return strings.Join(ids, " "), nil
}

// once runs fn once for all who ask for key at the same time. The work goes on
// when the first of them leaves; each waits as long as its own ctx allows.
func once[T any](ctx context.Context, g *singleflight.Group, key string, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	done := g.DoChan(key, func() (any, error) { return fn(context.WithoutCancel(ctx)) })
	select {
	case r := <-done:
		v, _ := r.Val.(T)
		return v, r.Err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}
