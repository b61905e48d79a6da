package plugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/owners"
)

// maxOwners bounds how many parsed revisions are kept.
const maxOwners = 128

// Owners reads OWNERS files from the mirrors, cached by tree.
type Owners struct {
	Git   *git.Store
	Forge prow.ForgeReader

	mu     sync.Mutex
	parsed map[string]*parsedOwners
	order  []string               // keys of parsed, oldest first
	people map[prow.Repo][]string // the last good list of collaborators
}

// parsedOwners is read once, by whoever comes first.
type parsedOwners struct {
	sync.Mutex
	owners *owners.Owners
}

// At returns the owners of r at a branch's current head or at a commit, with
// people who are not collaborators left out where cfg says so.
func (o *Owners) At(ctx context.Context, cfg *config.Config, r prow.Repo, rev string) (*owners.Owners, error) {
	repo := o.Git.Repo(r)
	commit := rev
	if !isCommit(rev) {
		var err error
		if commit, err = repo.Head(ctx, rev); err != nil {
			return nil, fmt.Errorf("head of %s in %s: %w", rev, r, err)
		}
	}
	parsed, err := o.parse(ctx, repo, r, commit, optionsFor(cfg, r))
	if err != nil {
		return nil, fmt.Errorf("OWNERS of %s at %s: %w", r, rev, err)
	}
	if config.Listed(cfg.Plugins.Owners.SkipCollaborators, r) {
		return parsed, nil
	}
	people, err := o.collaborators(ctx, r)
	if err != nil {
		return nil, err
	}
	return parsed.Only(people), nil
}

func (o *Owners) parse(ctx context.Context, repo *git.Repo, r prow.Repo, commit string, opt owners.Options) (*owners.Owners, error) {
	tree, err := repo.Tree(ctx, commit, "")
	if err != nil {
		return nil, err
	}
	p := o.cell(fmt.Sprintf("%s %s %s %s %v %v", r, tree, opt.OwnersFile, opt.AliasesFile, opt.Markdown, opt.Denylist))
	p.Lock()
	defer p.Unlock()
	if p.owners != nil {
		return p.owners, nil
	}
	paths, err := repo.Match(ctx, commit, opt.Wants)
	if err != nil {
		return nil, err
	}
	files, err := repo.FS(ctx, commit)
	if err != nil {
		return nil, err
	}
	p.owners, err = owners.New(files, paths, opt)
	return p.owners, err
}

// cell returns the place of a parsed revision.
func (o *Owners) cell(key string) *parsedOwners {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.parsed[key]; p != nil {
		return p
	}
	if o.parsed == nil {
		o.parsed = map[string]*parsedOwners{}
	}
	if len(o.order) == maxOwners {
		delete(o.parsed, o.order[0])
		o.order = o.order[1:]
	}
	p := &parsedOwners{}
	o.parsed[key], o.order = p, append(o.order, key)
	return p
}

// collaborators asks the forge, and falls back on its last answer. Without any
// the error stands, so that nobody approves by being unknown.
func (o *Owners) collaborators(ctx context.Context, r prow.Repo) ([]string, error) {
	people, err := o.Forge.Collaborators(ctx, r)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		if o.people == nil {
			o.people = map[prow.Repo][]string{}
		}
		o.people[r] = people
		return people, nil
	}
	if last, ok := o.people[r]; ok {
		return last, nil
	}
	if errors.Is(err, prow.ErrForbidden) || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("collaborators of %s: %w: let the bot write to the repository, or list it under owners.skip_collaborators", r, err)
	}
	return nil, fmt.Errorf("collaborators of %s: %w", r, err)
}

func isCommit(rev string) bool {
	return len(rev) == 40 && strings.Trim(rev, "0123456789abcdef") == ""
}

// optionsFor returns how OWNERS files of r are read.
func optionsFor(cfg *config.Config, r prow.Repo) owners.Options {
	o := owners.Options{Markdown: config.Listed(cfg.Plugins.Owners.MDYAMLRepos, r)}
	names, ok := cfg.Plugins.Owners.Filenames[r.String()]
	if !ok {
		names = cfg.Plugins.Owners.Filenames[r.Owner]
	}
	o.OwnersFile, o.AliasesFile = names.Owners, names.OwnersAliases
	for _, expr := range denied(cfg.OwnersDirDenylist, r) {
		if re, err := regexp.Compile(expr); err == nil { // config.Load reports those that do not compile
			o.Denylist = append(o.Denylist, re)
		}
	}
	return o
}

// denied returns the patterns of directories that do not count in r.
func denied(d *config.OwnersDirDenylist, r prow.Repo) []string {
	builtin := []string{`\.git$`, `_output$`, `vendor/.*/.*`}
	if d == nil {
		return builtin
	}
	out := append([]string{}, d.Default...)
	out = append(out, d.Repos[r.Owner]...)
	out = append(out, d.Repos[r.String()]...)
	if !d.IgnorePreconfiguredDefaults {
		out = append(out, builtin...)
	}
	return out
}
