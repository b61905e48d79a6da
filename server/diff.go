package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prow-ci/prow/compare"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
)

// DiffOptions say which configurations to compare.
type DiffOptions struct {
	Old, New string // folders, or revisions of a clone; "." is its work tree
	RepoDir  string // the clone; given, Old and New are revisions
	Paths    config.Paths
	// Guess says that the paths that are "" are looked for in their usual places.
	Guess bool
	Err   io.Writer // what was guessed
}

// Diff compares two configurations.
func Diff(ctx context.Context, o DiffOptions) (*compare.Diff, error) {
	if o.RepoDir == "" && (o.Old == "." && !isFolder(o.New) || o.New == "." && !isFolder(o.Old)) {
		o.RepoDir = "." // beside a revision, "." is the whole work tree
	}
	before, err := o.load(ctx, o.Old)
	after, err2 := o.load(ctx, o.New)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return compare.Configs(before, after), nil
}

// load loads one side. Its files are named as they are below that side.
func (o *DiffOptions) load(ctx context.Context, what string) (*config.Config, error) {
	root, prefix, done, err := o.open(ctx, what)
	if err != nil {
		return nil, err
	}
	defer done()
	paths, err := o.paths(root.tree, what)
	if err != nil {
		return nil, err
	}
	if err := root.fill(paths); err != nil {
		return nil, err
	}
	cfg, err := config.Load(below(root.dir, paths))
	if err != nil {
		return nil, fmt.Errorf("configuration of %s:\n%s", what, strings.ReplaceAll(err.Error(), root.dir+string(filepath.Separator), prefix))
	}
	cut := func(j *config.JobBase) {
		if name, err := filepath.Rel(root.dir, j.Source.File); err == nil {
			j.Source.File = name
		}
	}
	for _, list := range cfg.PresubmitsStatic {
		for i := range list {
			cut(&list[i].JobBase)
		}
	}
	for _, list := range cfg.PostsubmitsStatic {
		for i := range list {
			cut(&list[i].JobBase)
		}
	}
	for i := range cfg.Periodics {
		cut(&cfg.Periodics[i].JobBase)
	}
	return cfg, nil
}

// root is where the files of a side are.
type root struct {
	tree  fs.FS
	dir   string // on this machine
	empty bool   // dir has yet to be filled from tree
}

// open finds the side called what: a folder, or a revision, whose files are put into
// a folder of their own. prefix is what its files are called by in errors.
func (o *DiffOptions) open(ctx context.Context, what string) (r root, prefix string, done func(), err error) {
	nothing := func() {}
	repo := o.RepoDir
	if repo == "" {
		if isFolder(what) {
			dir, err := filepath.Abs(what)
			return root{tree: os.DirFS(dir), dir: dir}, filepath.Clean(what) + string(filepath.Separator), nothing, err
		}
		repo = "."
	}
	clone, err := git.OpenClone(ctx, repo)
	if err != nil {
		if o.RepoDir == "" {
			err = fmt.Errorf("there is no folder %s, and for a revision of that name: %w; name a clone with --repo-dir", what, err)
		}
		return root{}, "", nothing, err
	}
	if what == "." {
		return root{tree: os.DirFS(clone.Dir), dir: clone.Dir}, "", func() { _ = clone.Close() }, nil
	}
	commit, err := clone.Commit(ctx, what)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%q is neither a folder nor a revision of %s", what, clone.Dir)
	}
	if err == nil {
		r.tree, err = clone.FS(ctx, commit)
	}
	if err == nil {
		r.dir, err = os.MkdirTemp("", "prow-diff-")
	}
	if err != nil {
		_ = clone.Close()
		return root{}, "", nothing, err
	}
	r.empty = true
	return r, what + ":", func() {
		_ = clone.Close()
		_ = os.RemoveAll(r.dir)
	}, nil
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// paths returns the paths to load from tree.
func (o *DiffOptions) paths(tree fs.FS, what string) (config.Paths, error) {
	p := o.Paths
	for _, name := range slices.Concat([]string{p.Config, p.JobConfig, p.PluginConfig}, p.Supplemental, p.SupplementalPlugins) {
		if name != "" && !filepath.IsLocal(name) {
			return p, fmt.Errorf("path %q: want one below OLD and NEW, for example config/jobs", name)
		}
	}
	if !o.Guess {
		return p, nil
	}
	var guessed []string
	guess := func(flag string, to *string, candidates ...string) {
		for _, name := range candidates {
			if *to != "" {
				return
			}
			if _, err := fs.Stat(tree, name); err == nil {
				*to = name
				guessed = append(guessed, flag+" "+name)
			}
		}
	}
	guess("--config-path", &p.Config, "config.yaml", "config/prow/config.yaml", "config/config.yaml", "prow/config.yaml",
		"prow/config/config.yaml", "prow/oss/config.yaml", "core-services/prow/02_config/_config.yaml")
	beside := path.Dir(p.Config)
	guess("--job-config-path", &p.JobConfig, path.Join(beside, "jobs"), path.Join(beside, "../jobs"), "jobs", "config/jobs", "prow/jobs", "prow/prowjobs", "ci-operator/jobs")
	guess("--plugin-config", &p.PluginConfig, path.Join(beside, "plugins.yaml"), path.Join(beside, "_plugins.yaml"), "plugins.yaml")
	if p.Config == "" && p.JobConfig == "" && p.PluginConfig == "" {
		return p, fmt.Errorf("no configuration was found in %s; name its files with --config-path, --job-config-path and --plugin-config", what)
	}
	if len(guessed) > 0 {
		fmt.Fprintf(o.Err, "prow: of %s is taken %s\n", what, strings.Join(guessed, " "))
	}
	return p, nil
}

// below returns p for the files in dir.
func below(dir string, p config.Paths) config.Paths {
	p.Supplemental, p.SupplementalPlugins = slices.Clone(p.Supplemental), slices.Clone(p.SupplementalPlugins)
	names := []*string{&p.Config, &p.JobConfig, &p.PluginConfig}
	for i := range p.Supplemental {
		names = append(names, &p.Supplemental[i])
	}
	for i := range p.SupplementalPlugins {
		names = append(names, &p.SupplementalPlugins[i])
	}
	for _, name := range names {
		if *name != "" {
			*name = filepath.Join(dir, *name)
		}
	}
	return p
}

// fill copies what is named by p from the tree into the folder. A symbolic link
// becomes what it leads to inside the tree.
func (r root) fill(p config.Paths) error {
	if !r.empty {
		return nil
	}
	for _, name := range slices.Concat([]string{p.Config, p.JobConfig, p.PluginConfig}, p.Supplemental, p.SupplementalPlugins) {
		if name == "" {
			continue
		}
		err := fs.WalkDir(r.tree, path.Clean(filepath.ToSlash(name)), func(name string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // loading says so
			case err != nil:
				return err
			case d.IsDir():
				return os.MkdirAll(filepath.Join(r.dir, name), 0o700)
			}
			return r.copy(name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r root) copy(name string) error {
	info, err := fs.Stat(r.tree, name)
	if err != nil || !info.Mode().IsRegular() {
		return nil // a link that leads nowhere, or a submodule
	}
	data, err := fs.ReadFile(r.tree, name)
	if err != nil {
		return err
	}
	to := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
