package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/sandbox"
	"sigs.k8s.io/yaml"
)

//go:embed all:trial
var trialFiles embed.FS

// trial is the small world of `prow try`: a forge with people and a repository,
// and the files that configure Prow for it.
type trial struct {
	dir    string // state of the trial; the forge's and Prow's are below it
	url    string // of the forge
	pages  string // of Prow
	forge  *sandbox.Forge
	repo   prow.Repo
	branch string // that pull requests go to
	own    bool   // the repository was brought in with --repo
	pods   PodOptions

	reviewer, approver string // who says /lgtm and /approve; no approver: nobody has to
	postsubmits        bool
	found              bool // the repository was there already

	tokens map[string]string // by login
	secret string            // of the webhook
	as     map[string]*github.Forge
}

const bot = "prow-bot"

// people have accounts on the forge, whatever the repository.
var people = []string{"alice", "bob", "carol", bot}

// openTrial makes the world in dir, or finds it there.
func openTrial(ctx context.Context, o *TryOptions, url, pages string) (*trial, error) {
	t := &trial{dir: o.Data, url: url, pages: pages, own: o.Repo != "", pods: o.Pods, as: map[string]*github.Forge{}, reviewer: "bob", approver: "carol", postsubmits: true}
	if err := t.keys(); err != nil {
		return nil, err
	}
	faults, err := parseFaults(o.Faults)
	if err != nil {
		return nil, err
	}
	t.forge, err = sandbox.Open(ctx, sandbox.Options{
		Dir: filepath.Join(t.dir, "forge"), URL: url, Log: o.Log.With("component", "forge"), Retry: true, Faults: faults,
	})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(t.settle(ctx, o), t.join(o.Log)); err != nil {
		return nil, errors.Join(err, t.forge.Close())
	}
	return t, nil
}

func parseFaults(texts []string) ([]sandbox.Fault, error) {
	var out []sandbox.Fault
	for _, text := range texts {
		f, err := sandbox.ParseFault(text)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// keys makes the secrets of the trial once, and finds them again.
func (t *trial) keys() error {
	type keys struct {
		Secret string            `json:"webhook_secret"`
		Tokens map[string]string `json:"tokens"`
	}
	name := filepath.Join(t.dir, "keys.json")
	var k keys
	b, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k = keys{Secret: rand.Text(), Tokens: map[string]string{}}
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(b, &k); err != nil {
			return fmt.Errorf("%s: %w; remove the folder to begin anew", name, err)
		}
	}
	for _, p := range people {
		if k.Tokens[p] == "" {
			k.Tokens[p] = "trial_" + rand.Text()
		}
	}
	t.secret, t.tokens = k.Secret, k.Tokens
	if b, err = json.MarshalIndent(k, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o600)
}

// settle makes people, organisation and repository, unless they are there.
func (t *trial) settle(ctx context.Context, o *TryOptions) error {
	t.repo, t.branch = prow.Repo{Owner: "greeters", Name: "greet"}, "main"
	if t.own {
		c, repo, err := openClone(ctx, o.Repo)
		if err != nil {
			return fmt.Errorf("--repo: %w", err)
		}
		_ = c.Close() // it is not read any further
		t.repo, t.branch = repo, cmp.Or(c.Branch, "HEAD")
		if slices.Contains(people, t.repo.Owner) {
			t.repo.Owner += "-org"
		}
		o.Repo = c.Dir
		t.ownPeople(c.Dir)
	}
	return t.populate(ctx, o.Repo)
}

// ownPeople finds out who has to approve in a repository that was brought in.
func (t *trial) ownPeople(dir string) {
	t.approver, t.postsubmits = "", false
	var owners struct {
		Approvers []string `json:"approvers"`
	}
	if b, err := os.ReadFile(filepath.Join(dir, "OWNERS")); err == nil && yaml.Unmarshal(b, &owners) == nil && len(owners.Approvers) > 0 {
		t.approver = owners.Approvers[0]
	}
	if cfg, err := config.Load(config.Paths{}); err == nil {
		own, err := cfg.InRepo(os.DirFS(dir), t.repo)
		t.postsubmits = err == nil && len(own.Postsubmits) > 0
	}
}

// join makes a client for each of the people.
func (t *trial) join(log *slog.Logger) error {
	for login, token := range t.tokens {
		f, err := github.New(github.Options{
			BaseURL: t.url + "/api/v3", Token: func(context.Context) (string, error) { return token, nil }, UserAgent: "prow-try", Log: log,
		})
		if err != nil {
			return err
		}
		t.as[login] = f
	}
	return nil
}

// configure writes the files that Prow is configured by, and returns their paths.
func (t *trial) configure() (config.Paths, error) {
	p := config.Paths{Config: filepath.Join(t.dir, "config.yaml"), PluginConfig: filepath.Join(t.dir, "plugins.yaml")}
	data := map[string]any{
		"Repo": t.repo.String(), "Org": t.repo.Owner, "Name": t.repo.Name, "Branch": t.branch, "ForgeURL": t.url, "Approve": t.approver != "",
		"Utilities": cmp.Or(t.pods.Utilities, "ghcr.io/prow-ci/podutil"), "Bucket": cmp.Or(t.pods.Bucket, "prow-artifacts"), "Secret": t.pods.Secret,
	}
	for name, to := range map[string]string{"config.yaml": p.Config, "plugins.yaml": p.PluginConfig} {
		if _, err := os.Stat(to); err == nil {
			continue // changed by hand, perhaps: it is theirs
		}
		tmpl, err := template.ParseFS(trialFiles, "trial/"+name)
		if err != nil {
			return p, err
		}
		var b bytes.Buffer
		if err := tmpl.Execute(&b, data); err != nil {
			return p, err
		}
		if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
			return p, err
		}
	}
	return p, nil
}

// repoFiles are the files of the made repository.
func repoFiles() (map[string]string, error) {
	files := map[string]string{}
	sub, err := fs.Sub(trialFiles, "trial/repo")
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(sub, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(sub, name)
		files[name] = string(b)
		return err
	})
	return files, err
}

func (t *trial) pullURL(id prow.IssueID) string {
	return fmt.Sprintf("%s/%s/pull/%d", t.url, id.Repo, id.Number)
}
func (t *trial) prURL(id prow.IssueID) string {
	return fmt.Sprintf("%s/pr/%s/%d", t.pages, id.Repo, id.Number)
}
func (t *trial) runURL(j *prow.Job) string { return t.pages + "/run/" + j.Name }

// cloneURL is the address of the repository with the credentials of login in it.
func (t *trial) cloneURL(login string) string {
	return strings.Replace(t.url, "://", "://"+login+":"+t.tokens[login]+"@", 1) + "/" + t.repo.String() + ".git"
}
