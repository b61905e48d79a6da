package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/lint"
	"github.com/prow-ci/prow/plugin"
)

// LintTools are what `prow checkconfig` reaches outside the files with.
type LintTools struct {
	ForgeAPI, ForgeGraphQL string // "" is GitHub's
	ForgeURL               string // where repositories are cloned from
	As                     *App   // asks instead of Token
	Token                  func(ctx context.Context) (string, error)
	Dir                    string       // where mirrors are kept; "" is a folder for this run alone
	Storage                blob.Options // credentials for the file of the clusters' status
	Log                    *slog.Logger
	Version                string
}

// Lint checks a configuration with the plugins of this Prow. Where o has no main
// file, that of `prow run` stands for it, so that a repository's own jobs can be
// checked alone.
func Lint(ctx context.Context, o lint.Options, t LintTools) (*lint.Result, error) {
	all := Plugins()
	for _, p := range all {
		o.Plugins = append(o.Plugins, p.Name)
	}
	o.Sections = func(c *config.Config) error { return plugin.CheckSections(all, c) }
	o.ClusterStatus = t.clusterStatus
	dir, err := os.MkdirTemp("", "prow-checkconfig-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if o.Paths.Config == "" {
		o.Alone = true
		o.Paths.Config = filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(o.Paths.Config, runConfig, 0o600); err != nil {
			return nil, err
		}
	}
	if t.Token != nil || t.As != nil {
		if t.Dir == "" {
			t.Dir = dir
		}
		if err := t.ask(&o); err != nil {
			return nil, err
		}
	}
	return lint.Run(ctx, o), nil
}

// ask lets o ask the forge.
func (t LintTools) ask(o *lint.Options) error {
	forge, err := github.New(github.Options{
		BaseURL: t.ForgeAPI, GraphQLURL: t.ForgeGraphQL, Token: t.Token, App: t.As, UserAgent: "prow/" + t.Version, Log: t.Log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	mirrors := &git.Store{Dir: t.Dir, Remote: func(r prow.Repo) git.Remote {
		return git.Remote{URL: strings.TrimRight(t.ForgeURL, "/") + "/" + r.String() + ".git", Username: "x-access-token", Token: func(ctx context.Context) (string, error) {
			return forge.Token(ctx, r.Owner)
		}}
	}}
	if t.As != nil {
		o.AppInstalled = forge.Installations
	}
	o.OwnersFile = ownersFile(forge, mirrors)
	o.Repositories = func(ctx context.Context, owner string) ([]prow.Repo, error) {
		all, err := forge.Repositories(ctx, owner)
		var out []prow.Repo
		for _, r := range all {
			if !r.Archived {
				out = append(out, r.Repo)
			}
		}
		return out, err
	}
	return nil
}

// ownersFile returns a function that looks for a file at the root of a
// repository's default branch.
func ownersFile(forge prow.ForgeReader, mirrors *git.Store) func(context.Context, prow.Repo, string) (bool, error) {
	return func(ctx context.Context, r prow.Repo, name string) (bool, error) {
		about, err := forge.Repository(ctx, r)
		if err != nil {
			return false, err
		}
		repo := mirrors.Repo(r)
		head, err := repo.Head(ctx, about.DefaultBranch)
		if err != nil {
			return false, err
		}
		tree, err := repo.FS(ctx, head)
		if err != nil {
			return false, err
		}
		_, err = fs.Stat(tree, name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
}

// clusterStatus reads the file that says how build clusters are. A bucket is read
// only with credentials: checking a configuration must not need the network by itself.
func (t LintTools) clusterStatus(ctx context.Context, name string) (map[string]string, error) {
	b, err := t.read(ctx, name)
	if err != nil {
		return nil, err
	}
	var out map[string]string
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%s: want a JSON object of cluster to status: %w", name, err)
	}
	return out, nil
}

func (t LintTools) read(ctx context.Context, name string) ([]byte, error) {
	scheme, _, ok := strings.Cut(name, "://")
	if !ok || scheme == "file" {
		return os.ReadFile(strings.TrimPrefix(name, "file://"))
	}
	if t.Storage.GCSCredentials == "" && t.Storage.S3Credentials == "" {
		return nil, fmt.Errorf("%s is in a bucket, which takes --gcs-credentials-file or --s3-credentials-file; or name the clusters with --known-cluster", name)
	}
	cut := strings.LastIndex(name, "/")
	files, err := blob.Open(ctx, name[:cut], t.Storage)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(files, name[cut+1:])
}
