package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plan"
	"github.com/prow-ci/prow/prowtest/world"
)

func runs(p *plan.Plan) string {
	var out []string
	for _, j := range p.Run {
		out = append(out, j.Name)
	}
	return strings.Join(out, " ")
}

func paths(t *testing.T, main, plugins string) config.Paths {
	t.Helper()
	x := newInfra(t, map[string]string{"config.yaml": main, "plugins.yaml": plugins})
	return config.Paths{Config: filepath.Join(x.dir, "config.yaml"), PluginConfig: filepath.Join(x.dir, "plugins.yaml")}
}

// A pull request is asked for over the wire, and its own jobs are fetched.
func TestPlanPull(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Repo("org/repo", map[string]string{"a.go": "package a"})
	id := w.Pull(r, "ann", "topic", map[string]string{".prow.yaml": "presubmits:\n- {name: mine, always_run: true, spec: {containers: [{image: x}]}}\n"})
	o := PlanOptions{
		Pull: id.String(), ForgeAPI: w.Hub.API(), ForgeURL: w.URL, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Err: t.Output(), Mirrors: t.TempDir(),
		Paths: paths(t, "in_repo_config: {enabled: {org: true}}\n"+strings.ReplaceAll(job("one"), "name: a", "name: a, always_run: true"), "plugins: {org: [lgtm]}"),
		Token: func(context.Context) (string, error) { return world.Token(world.Bot), nil },
	}
	o.Paths.Config = replaced(t, o.Paths.Config, "o/r:", "org/repo:")
	p, err := Plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := runs(p); got != "a mine" {
		t.Errorf("%s run", got)
	}
	if got := p.Run[1].Try; got != "prow run mine --pull 1 --config-path "+o.Paths.Config {
		t.Errorf("to try: %s", got)
	}
	if len(p.Waits) != 1 || p.Waits[0] != "the plugin trigger is enabled for org/repo" {
		t.Errorf("waits %q", p.Waits)
	}
	o.Token, o.Mirrors = nil, ""
	if p, err = Plan(t.Context(), o); err != nil || runs(p) != "a mine" {
		t.Errorf("without a token %+v, %v", p, err)
	}
	for pull, want := range map[string]string{
		"org/repo#99": "there is no pull request org/repo#99, or it is not public",
		"org/repo":    `pull request "org/repo": want owner/name#number`,
		"orgs/repo#1": `did you mean "org/repo"?`,
	} {
		o.Pull = pull
		if _, err := Plan(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", pull, err, want)
		}
	}
}

// replaced changes a text of a file and returns the file's name.
func replaced(t *testing.T, name, old, new string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, []byte(strings.ReplaceAll(string(b), old, new)), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A clone is named by its origin; without a configuration it has its own jobs.
func TestPlanClone(t *testing.T) {
	t.Parallel()
	x := newInfra(t, map[string]string{"a.go": "package a"})
	x.git("remote", "add", "origin", "git@github.com:o/r.git")
	x.git("checkout", "-q", "-b", "topic")
	x.write(map[string]string{".prow.yaml": "presubmits:\n- {name: mine, run_if_changed: yaml, spec: {containers: [{image: x}]}}\n"})
	x.commit()
	p, err := Plan(t.Context(), PlanOptions{RepoDir: x.dir})
	if err != nil || p.Repo != "o/r" || p.Branch != "main" || runs(p) != "mine" || p.Run[0].Try != "prow run mine --repo-dir "+x.dir {
		t.Errorf("%+v, %v", p, err)
	}
	o := PlanOptions{RepoDir: x.dir, Paths: paths(t, job("one"), "{}")}
	if p, err := Plan(t.Context(), o); err != nil || runs(p) != "" || len(p.Skip) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	o.Repo = "o/other"
	if _, err := Plan(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no job is configured for o/other") || strings.Contains(err.Error(), "origin") {
		t.Errorf("error %v", err)
	}
	x.git("remote", "set-url", "origin", "https://github.com/o/rr")
	o.Repo = ""
	if _, err := Plan(t.Context(), o); err == nil || !strings.Contains(err.Error(), `did you mean "o/r"? (the repository is named by the clone's origin; --repo names another)`) {
		t.Errorf("error %v", err)
	}
}

func TestPlanRefused(t *testing.T) {
	t.Parallel()
	good, empty := paths(t, job("one"), "{}"), t.TempDir()
	for _, c := range []struct {
		o    PlanOptions
		want string
	}{
		{PlanOptions{Files: []string{"a"}, Branch: "main", Paths: good}, "whose files are these? Say it with --repo org/repo"},
		{PlanOptions{Files: []string{"a"}, Repo: "o/r", Paths: good}, "which branch do they change? Say it with --branch"},
		{PlanOptions{Files: []string{"a"}, Repo: "o", Branch: "main", Paths: good}, `repo "o": want owner/name`},
		{PlanOptions{RepoDir: empty, Paths: good}, "run this inside a clone, or name one with --repo-dir"},
		{PlanOptions{Files: []string{"a"}, Repo: "o/r", Branch: "main", Paths: paths(t, "plank: []", "{}")}, "config.yaml:1:"},
	} {
		if _, err := Plan(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	o := PlanOptions{RepoDir: "my repo", Branch: "main"}
	if got := o.try("it's;rm"); got != `prow run 'it'\''s;rm' --repo-dir 'my repo' --base main` {
		t.Error(got)
	}
	if r := repoOf("ssh://git@host:22/o/r.git/", "/x/y"); r != (prow.Repo{Owner: "o", Name: "r"}) {
		t.Error(r)
	}
}
