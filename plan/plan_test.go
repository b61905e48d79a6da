package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plan"
)

// jobs are of every kind there is.
const jobs = `presubmits:
  org/repo:
  - {name: unit, always_run: true, spec: &s {containers: [{image: x}]}}
  - {name: lint, always_run: true, optional: true, spec: *s}
  - {name: go, context: ci/go, run_if_changed: '\.go$', spec: *s}
  - {name: docs, run_if_changed: '^docs/', skip_report: true, spec: *s}
  - {name: manual, spec: *s}
  - {name: old, always_run: true, branches: [release], spec: *s}
postsubmits:
  org/repo:
  - {name: image, spec: *s}
  - {name: site, run_if_changed: '^docs/', spec: *s}
`

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Paths{Config: name})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var repo = prow.Repo{Owner: "org", Name: "repo"}

// static plans for files of org/repo on main.
func static(t *testing.T, c plan.Change) *plan.Plan {
	t.Helper()
	cfg := load(t, jobs)
	c.Repo, c.Branch = repo, "main"
	p, err := plan.Make(cfg, cfg.Static(repo), c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func names(jobs []plan.Job) string {
	var out []string
	for _, j := range jobs {
		out = append(out, j.Name)
	}
	return strings.Join(out, " ")
}

// text is what people read, with the names of folders cut off.
func text(t *testing.T, p *plan.Plan) string {
	t.Helper()
	p.Run, p.Skip = slices.Clone(p.Run), slices.Clone(p.Skip)
	for _, list := range [][]plan.Job{p.Run, p.Skip} {
		for i := range list {
			if filepath.IsAbs(list[i].File) {
				list[i].File = filepath.Base(list[i].File)
			}
		}
	}
	var b strings.Builder
	if err := p.Text(&b, func(s string) string { return s }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Every job is told of once, with the reason.
func TestText(t *testing.T) {
	t.Parallel()
	p := static(t, plan.Change{Files: []string{"a.go"}, Try: func(job string) string { return "prow run " + job }})
	equal(t, text(t, p), `org/repo: a pull request onto main, 1 changed file

Would run (3):
  JOB   CONTEXT  MERGE     WHY                                             DEFINED AT
  unit           required  it runs on every change                         config.yaml:3
  lint           optional  it runs on every change                         config.yaml:4
  go    ci/go    required  a.go changed, which its run_if_changed matches  config.yaml:5

Would not run (3), because:
  JOB     CONTEXT         MERGE     WHY
  docs    (not reported)  optional  no changed file matches its run_if_changed: ^docs/
  manual                  required  it runs only when asked for: /test manual
  old                     required  it runs on branches release only, and this is main

Run one here: prow run unit
`)
	p = static(t, plan.Change{Files: []string{"docs/a.md"}, Push: true})
	equal(t, text(t, p), `org/repo: a push to main, 1 changed file

Would run (2):
  JOB    MERGE  WHY                                                  DEFINED AT
  image  -      it runs on every push to main                        config.yaml:11
  site   -      docs/a.md changed, which its run_if_changed matches  config.yaml:12
`)
	p = static(t, plan.Change{Comment: "/test nothing"})
	if got := text(t, p); !strings.HasPrefix(got, `org/repo: the comment "/test nothing" on a pull request onto main, 0 changed files
Prow would answer: There is no job of that name.

Nothing would run.

Would not run (6), because:
`) {
		t.Errorf("got\n%s", got)
	}
}

// The keys are a promise to scripts.
func TestJSON(t *testing.T) {
	t.Parallel()
	p := static(t, plan.Change{Files: []string{"a.go"}, Comment: "/test go", Try: func(job string) string { return "prow run " + job }})
	p.Run[0].File, p.Skip = "jobs.yaml", p.Skip[:0]
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		t.Fatal(err)
	}
	equal(t, got.String(), `{
  "repo": "org/repo",
  "branch": "main",
  "cause": "comment",
  "comment": "/test go",
  "files": [
    "a.go"
  ],
  "in_repo": {
    "enabled": false
  },
  "run": [
    {
      "job": "go",
      "type": "presubmit",
      "context": "ci/go",
      "required": true,
      "why": "it was asked for by name",
      "file": "jobs.yaml",
      "line": 5,
      "command": "/test go",
      "try": "prow run go"
    }
  ],
  "skip": []
}
`)
}

func TestComments(t *testing.T) {
	t.Parallel()
	for comment, want := range map[string]string{
		"/test unit":       "unit",
		"/test all":        "unit lint go",
		"/test manual":     "manual",
		"/retest":          "unit go", // lint succeeded
		"/retest-required": "unit go",
		"/ok-to-test":      "unit lint go",
		"/test old":        "",
		"a good change":    "",
	} {
		p := static(t, plan.Change{Files: []string{"a.go"}, Comment: comment, Results: func() ([]prow.Check, error) {
			return []prow.Check{{Name: "lint", State: prow.CheckSuccess}, {Name: "unit", State: prow.CheckFailure}}, nil
		}})
		if got := names(p.Run); got != want {
			t.Errorf("%s runs %q, want %q", comment, got, want)
		}
		if n := len(p.Run) + len(p.Skip); n != 6 {
			t.Errorf("%s: %d of 6 jobs are told of", comment, n)
		}
	}
	cfg, down := load(t, jobs), errors.New("the forge is down")
	_, err := plan.Make(cfg, cfg.Static(repo), plan.Change{Repo: repo, Branch: "main", Comment: "/retest", Results: func() ([]prow.Check, error) { return nil, down }})
	if !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, repo, want string }{
		{jobs, "org/repo", ""},
		{jobs, "org/rep", `no job is configured for org/rep, and in_repo_config does not let it bring its own; did you mean "org/repo"?`},
		{jobs, "kubernetes/kubernetes", `no job is configured for kubernetes/kubernetes, and in_repo_config does not let it bring its own; 1 repository has jobs, for example org/repo`},
		{"{}", "a/b", "no job is configured for a/b, and in_repo_config does not let it bring its own; no repository has any: name the files of jobs with --job-config-path"},
		{"in_repo_config: {enabled: {a: true}}", "a/b", ""},
	} {
		r, err := prow.ParseRepo(c.repo)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := plan.Known(load(t, c.config), r); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.repo, got, c.want)
		}
	}
}

// Everything that people may have written goes through clean.
func TestTextIsCleaned(t *testing.T) {
	t.Parallel()
	const evil = "\x1b[31m"
	job := plan.Job{Name: evil, Type: prow.Presubmit, Context: "x" + evil, Why: evil, File: evil, Try: evil}
	p := &plan.Plan{
		Repo: evil, Branch: evil, Pull: 1, Cause: plan.ByComment, Comment: evil, Run: []plan.Job{job}, Skip: []plan.Job{job},
		Waits: []string{evil}, Help: evil, Notes: []string{evil}, InRepo: plan.InRepo{From: evil},
	}
	for _, broken := range []string{"", evil + "\n" + evil} {
		p.InRepo.Error = broken
		var b strings.Builder
		if err := p.Text(&b, func(s string) string { return strings.ReplaceAll(s, "\x1b", "?") }); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("text %q", b.String())
		}
	}
}
