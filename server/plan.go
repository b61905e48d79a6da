package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/plan"
)

// PlanOptions say for which change to plan: one of Pull, RepoDir and Files.
type PlanOptions struct {
	Pull    string // "org/repo#17"
	RepoDir string // a clone
	Files   []string
	Repo    string // "org/repo"; of a clone: its origin
	Branch  string // that Files change, or a clone is compared with

	Dirty   bool // of a clone: as if all of it were committed
	Comment string
	Push    bool
	Paths   config.Paths

	ForgeAPI string
	ForgeURL string
	Token    func(ctx context.Context) (string, error)
	App      *App // instead of Token
	Log      *slog.Logger

	Mirrors string    // folder that keeps what is fetched; "" keeps nothing
	Err     io.Writer // what takes long
}

// Plan says which jobs would run for a change.
func Plan(ctx context.Context, o PlanOptions) (*plan.Plan, error) {
	dir, err := os.MkdirTemp("", "prow-plan-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cfg, err := loadOrOwn(o.Paths, dir)
	if err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	switch {
	case o.Pull != "":
		return o.pull(ctx, cfg, dir)
	case len(o.Files) > 0:
		return o.files(cfg)
	}
	return o.clone(ctx, cfg)
}

// pull plans for a pull request; what has to be fetched of it lands in dir.
func (o *PlanOptions) pull(ctx context.Context, cfg *config.Config, dir string) (*plan.Plan, error) {
	id, err := prow.ParseIssueID(o.Pull)
	if err != nil {
		return nil, err
	}
	if err := plan.Known(cfg, id.Repo); err != nil {
		return nil, err
	}
	forge, err := Forge(ForgeOptions{API: o.ForgeAPI, Token: o.Token, App: o.App, Name: "prow-plan", Log: o.Log})
	if err != nil {
		return nil, err
	}
	if cfg.InRepoEnabled(id.Repo) && o.Mirrors == "" {
		fmt.Fprintf(o.Err, "prow: %s is fetched to read its own jobs; with --cache-dir-base only the first time\n", id.Repo)
	}
	store := &git.Store{Dir: cmp.Or(o.Mirrors, filepath.Join(dir, "git")), Remote: func(r prow.Repo) git.Remote {
		return git.Remote{URL: strings.TrimRight(o.ForgeURL, "/") + "/" + r.String() + ".git", Token: func(ctx context.Context) (string, error) {
			return forge.Token(ctx, r.Owner)
		}}
	}}
	defer store.Close()
	return plan.Pull(ctx, cfg, forge, &inrepo.Source{Git: store}, id, o.change(id.Repo, "", nil))
}

// clone plans for what a clone has on top of its base.
func (o *PlanOptions) clone(ctx context.Context, cfg *config.Config) (*plan.Plan, error) {
	c, r, err := openClone(ctx, cmp.Or(o.RepoDir, "."))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if o.Repo != "" {
		if r, err = prow.ParseRepo(o.Repo); err != nil {
			return nil, err
		}
	}
	if err := plan.Known(cfg, r); err != nil {
		if o.Repo == "" {
			err = fmt.Errorf("%w (the repository is named by the clone's origin; --repo names another)", err)
		}
		return nil, err
	}
	return plan.Clone(ctx, cfg, c, o.change(r, o.Branch, nil), o.Dirty)
}

// files plans for files that are named by hand.
func (o *PlanOptions) files(cfg *config.Config) (*plan.Plan, error) {
	r, err := prow.ParseRepo(o.Repo)
	switch {
	case o.Repo == "":
		return nil, errors.New("whose files are these? Say it with --repo org/repo")
	case o.Branch == "":
		return nil, errors.New("which branch do they change? Say it with --branch, for example --branch main")
	case err != nil:
		return nil, err
	}
	if err := plan.Known(cfg, r); err != nil {
		return nil, err
	}
	files := make([]string, 0, len(o.Files))
	for _, f := range o.Files {
		files = append(files, path.Clean(f))
	}
	c := o.change(r, o.Branch, files)
	p, err := plan.Make(cfg, cfg.Static(r), c)
	if err == nil && cfg.InRepoEnabled(r) {
		p.Notes = append(p.Notes, r.String()+" may bring jobs of its own, which are not read here; --repo-dir or --pull read them")
	}
	return p, err
}

// change is what all ways of asking share.
func (o *PlanOptions) change(r prow.Repo, branch string, files []string) plan.Change {
	return plan.Change{Repo: r, Branch: branch, Files: files, Comment: o.Comment, Push: o.Push, Try: o.try}
}

// try returns the command that runs a job here.
func (o *PlanOptions) try(job string) string {
	words := []string{"prow", "run", job}
	if id, err := prow.ParseIssueID(o.Pull); err == nil && !o.Push {
		words = append(words, "--pull", strconv.Itoa(id.Number))
	}
	if o.RepoDir != "" && o.RepoDir != "." {
		words = append(words, "--repo-dir", o.RepoDir)
	}
	if o.Branch != "" {
		words = append(words, "--base", o.Branch)
	}
	if o.Paths.Config != "" {
		words = append(words, "--config-path", o.Paths.Config)
	}
	if o.Paths.JobConfig != "" {
		words = append(words, "--job-config-path", o.Paths.JobConfig)
	}
	for i := range words {
		words[i] = shellWord(words[i])
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word for a shell where it needs it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
