package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
)

// Clone plans for what a clone has on top of a branch, which is c.Branch or the
// one that origin starts from. The repository's own jobs are read from the last
// commit; dirty takes the clone as if all that is in it were committed.
func Clone(ctx context.Context, cfg *config.Config, clone *git.Clone, c Change, dirty bool) (*Plan, error) {
	branch, ref, err := base(ctx, clone, c.Branch)
	if err != nil {
		return nil, err
	}
	c.Branch, c.Head = branch, clone.Head
	tip, err := clone.Commit(ctx, ref)
	if err != nil {
		return nil, err
	}
	var notes []string
	c.Base, err = clone.MergeBase(ctx, tip, clone.Head)
	if errors.Is(err, fs.ErrNotExist) {
		c.Base, err = tip, nil
		notes = append(notes, fmt.Sprintf("this clone knows no common ancestor of %s and HEAD, so all files count that differ; a shallow clone needs `git fetch --unshallow`", ref))
	}
	if err != nil {
		return nil, err
	}
	tree, from, err := contents(ctx, clone, dirty)
	if err != nil {
		return nil, err
	}
	if c.Files, err = changed(ctx, clone, c.Base, dirty); err != nil {
		return nil, err
	}
	jobs, err := cfg.InRepo(tree, c.Repo)
	jobs.Broken = err
	p, err := Make(cfg, jobs, c)
	if err != nil {
		return nil, err
	}
	p.from(tree, from)
	p.Notes = append(append([]string{fmt.Sprintf("compared with %s, which is at %s", ref, short(tip))}, notes...), p.Notes...)
	if !dirty {
		if unsaved, err := clone.Unsaved(ctx, clone.Head); err != nil {
			return nil, err
		} else if n := len(unsaved); n > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("%s not committed, and left out; --dirty counts what is not committed", were(n)))
		}
	}
	return p, nil
}

func were(n int) string {
	if n == 1 {
		return "1 changed file is"
	}
	return fmt.Sprintf("%d changed files are", n)
}

// base returns a branch and the ref it is known by: that of origin where there is
// one, because that is what a change is compared with.
func base(ctx context.Context, clone *git.Clone, asked string) (branch, ref string, err error) {
	candidates := []string{strings.TrimPrefix(asked, "origin/")}
	if asked == "" {
		candidates = []string{clone.Default(ctx), "main", "master", clone.Branch}
	}
	for _, b := range candidates {
		if b == "" {
			continue
		}
		for _, ref := range []string{"origin/" + b, b} {
			for _, prefix := range []string{"refs/remotes/", "refs/heads/"} {
				if _, err := clone.Commit(ctx, prefix+ref); err == nil {
					return b, ref, nil
				}
			}
		}
	}
	if asked == "" {
		return "", "", fmt.Errorf("%s: with which branch is it to be compared? Say it with --base", clone.Dir)
	}
	return "", "", fmt.Errorf("%s knows no branch %s, neither of origin nor its own; fetch it, or name another with --base", clone.Dir, asked)
}

// contents returns the files in which the repository's own jobs are looked for, and
// what to call them.
func contents(ctx context.Context, clone *git.Clone, dirty bool) (fs.FS, string, error) {
	if dirty {
		return os.DirFS(clone.Dir), "the work tree", nil
	}
	tree, err := clone.FS(ctx, clone.Head)
	return tree, "HEAD, " + short(clone.Head), err
}

func changed(ctx context.Context, clone *git.Clone, base string, dirty bool) ([]string, error) {
	if dirty {
		return clone.Unsaved(ctx, base)
	}
	return clone.Changed(ctx, base, clone.Head)
}

// from notes where the repository's own jobs come from, or that they are ignored.
func (p *Plan) from(tree fs.FS, where string) {
	file := config.InRepoFile
	if info, err := fs.Stat(tree, config.InRepoDir); err == nil && info.IsDir() {
		file = config.InRepoDir + "/"
	} else if _, err := fs.Stat(tree, file); err != nil {
		return
	}
	if p.InRepo.Enabled {
		p.InRepo.From = file + " at " + where
		return
	}
	p.Notes = append(p.Notes, fmt.Sprintf("in_repo_config is off for %s, so its %s is ignored", p.Repo, file))
}
